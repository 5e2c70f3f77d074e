// Numbers layer by layer: histograms one a row, and a table of any model's weights and gradients.

import { stroke, text } from "../paint.js";
import { number } from "../scales.js";
import { HEAD, heading, paintHistogram, shortened, zeroLine } from "./common.js";

const RIGHT = { align: "right" };

// ---- ridges: a histogram a row, with name, range and note ----

const RIDGE = 26;
const RANGE = 14; // px of the words under a histogram
const sameRange = ({ rows: [first, ...others] }) =>
  others.every(([, low, high]) => low === first[1] && high === first[2]);

function ridgesHeight(panel) {
  const under = sameRange(panel) ? 0 : RANGE;
  return HEAD + panel.rows.length * (RIDGE + 6 + under) + (under ? 0 : RANGE) + 2;
}

function paintRidges(g, panel, arrays, theme, width) {
  heading(g, panel, width, theme);
  const counts = arrays[panel.counts];
  const bins = counts.length / panel.rows.length;
  const shared = sameRange(panel);
  g.font = `400 11px ${theme.font}`;
  const widths = (k) => panel.rows.map((row) => g.measureText(row[k]).width);
  const widest = (k, most) => Math.min(most, Math.max(...widths(k)));
  const left = widest(0, width * 0.28) + 10;
  const noted = widest(3, width * 0.3);
  const wide = width - left - (noted ? noted + 10 : 0);
  panel.rows.forEach(([name, low, high, note], k) => {
    const y = HEAD + k * (RIDGE + 6 + (shared ? 0 : RANGE));
    const base = y + RIDGE;
    text(g, shortened(g, name, left - 8), 0, base - 8, theme.ink, theme);
    stroke(
      g,
      [
        [left, base],
        [left + wide, base],
      ],
      theme.rule,
      1,
    );
    paintHistogram(g, counts.subarray(k * bins, (k + 1) * bins), left, y, wide, RIDGE, theme.run);
    zeroLine(g, low, high, left, y, wide, RIDGE, theme);
    text(g, shortened(g, note, noted), width, base - 8, theme.dim, theme, RIGHT);
    if (shared && k + 1 < panel.rows.length) return;
    text(g, number(low), left, base + 12, theme.dim, theme);
    text(g, number(high), left + wide, base + 12, theme.dim, theme, RIGHT);
  });
}

export const ridges = { height: ridgesHeight, paint: paintRidges };

// ---- layers: name, shape, histogram, rms of weights and gradients, update ÷ weight ----

const LINE = 32;
const TITLES = 16; // px of the names of the columns

const layersHeight = (panel) => HEAD + TITLES + LINE * panel.rows.length + 2;

/** [x, width] of each column, as shares of the width of the panel. */
const SHARES = [
  [0, 0.26],
  [0.27, 0.17],
  [0.46, 0.17],
  [0.65, 0.17],
  [0.84, 0.16],
];
const TITLES_BY_WIDTH = [
  [480, ["", "weights", "rms weight", "rms gradient", "update ÷ weight"]],
  [320, ["", "weights", "rms weight", "rms grad", "update"]],
  [0, ["", "W", "rms W", "rms g", "update"]],
];
const columns = (width) => SHARES.map((column) => column.map((share) => share * width));

/** The share of a bar, on a log scale from a power of ten below the least value to the most. */
function logScale(values) {
  const logs = values.filter((v) => v > 0).map(Math.log10);
  const [low, high] = [Math.floor(Math.min(...logs) - 0.3), Math.max(...logs)];
  return (v) => (v > 0 ? (Math.log10(v) - low) / (high - low) : 0);
}

function paintLayers(g, panel, arrays, theme, width) {
  heading(g, panel, width, theme);
  const [names, hists, weights, grads, ratios] = columns(width);
  const titles = TITLES_BY_WIDTH.find(([least]) => width >= least)[1];
  const places = [names, hists, weights, grads];
  for (const [k, [x]] of places.entries()) text(g, titles[k], x, HEAD + 8, theme.dim, theme);
  text(g, titles[4], width, HEAD + 8, theme.dim, theme, RIGHT);
  const scale = (name) => logScale(panel.rows.map((row) => row[name]));
  const [ofWeights, ofGrads] = [scale("weights"), scale("grad")];
  panel.rows.forEach((row, k) => {
    const y = HEAD + TITLES + k * LINE;
    stroke(
      g,
      [
        [0, y - 0.5],
        [width, y - 0.5],
      ],
      theme.rule,
      1,
      [],
      0.6,
    );
    g.font = `400 12px ${theme.font}`;
    text(g, shortened(g, row.name, names[1]), 0, y + 13, theme.ink, theme, { size: 12 });
    text(g, row.shape, 0, y + 26, theme.dim, theme);
    paintHistogram(g, arrays[row.counts], hists[0], y + 3, hists[1], LINE - 7, theme.run);
    zeroLine(g, row.low, row.high, hists[0], y + 3, hists[1], LINE - 7, theme);
    logBar(g, row.weights, ofWeights(row.weights), weights, y, theme.run, theme);
    logBar(g, row.grad, ofGrads(row.grad), grads, y, theme.run2, theme);
    const ratio = row.ratio === null ? "–" : number(row.ratio, 2);
    text(g, ratio, ratios[0] + ratios[1], y + 20, theme.ink, theme, { align: "right", size: 12 });
  });
}

/** A number with a bar of its logarithm below it. */
function logBar(g, value, share, [x, width], y, colour, theme) {
  text(g, number(value), x, y + 14, theme.ink, theme);
  g.fillStyle = colour;
  g.globalAlpha = 0.6;
  g.fillRect(x, y + 19, width * share, 6);
  g.globalAlpha = 1;
}

export const layers = { height: layersHeight, paint: paintLayers };
