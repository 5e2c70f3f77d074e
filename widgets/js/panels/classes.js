// What a classifier knows: its accuracy by class, and what it thinks of single samples.

import { text } from "../paint.js";
import { HEAD, heading, shortened } from "./common.js";
import { colourTable, keptBitmap } from "./images.js";

const CENTRE = { align: "center" };
const longest = (names) => Math.max(...names.map((name) => name.length));

// ---- bars: a share for each name ----

const TALL = 88; // px of a share of 1, and the letters' room that names need to stand side by side
const LINE = 20;
const upright = (panel, width) => 6.5 * longest(panel.names) + 4 < width / panel.names.length;
const label = (panel, k) => panel.labels?.[k] ?? `${Math.round(100 * panel.values[k])} %`;

function barsHeight(panel, width) {
  if (upright(panel, width)) return HEAD + 14 + TALL + 20;
  return HEAD + LINE * panel.names.length + 2;
}

function paintBars(g, panel, _arrays, theme, width) {
  heading(g, panel, width, theme);
  const paintAll = upright(panel, width) ? paintUpright : paintLying;
  paintAll(g, panel, theme, width);
}

/** A bar in `run` on a ground that shows how much is missing to 1. */
function bar(g, theme, x, y, width, height, full) {
  g.fillStyle = theme.wash;
  g.globalAlpha = 0.6;
  g.fillRect(...full);
  g.fillStyle = theme.run;
  g.fillRect(x, y, width, height);
  g.globalAlpha = 1;
}

function paintUpright(g, panel, theme, width) {
  const slot = width / panel.names.length;
  const wide = Math.min(slot * 0.62, 34);
  const top = HEAD + 14;
  panel.values.forEach((value, k) => {
    const [x, tall] = [k * slot + (slot - wide) / 2, TALL * value];
    bar(g, theme, x, top + TALL - tall, wide, tall, [x, top, wide, TALL]);
    const words = slot < 36 ? label(panel, k).replace(" %", "") : label(panel, k);
    text(g, words, x + wide / 2, top - 4, theme.dim, theme, CENTRE);
    text(g, panel.names[k], x + wide / 2, top + TALL + 14, theme.ink, theme, CENTRE);
  });
}

function paintLying(g, panel, theme, width) {
  const left = Math.min(6.5 * longest(panel.names) + 10, width * 0.4);
  const full = width - left - 44;
  panel.values.forEach((value, k) => {
    const y = HEAD + k * LINE;
    const name = shortened(g, panel.names[k], left - 8);
    text(g, name, left - 8, y + 12, theme.ink, theme, { align: "right" });
    bar(g, theme, left, y + 2, full * value, 13, [left, y + 2, full, 13]);
    text(g, label(panel, k), width, y + 12, theme.dim, theme, { align: "right" });
  });
}

export const bars = { height: barsHeight, paint: paintBars };

// ---- samples: an image, its probabilities, the guess ----

const ROW = 50;
const IMAGE = 40;
const GAP = 18;

/** {columns, cell, bar, verdict}: px of a sample, of a bar with its gap, of the guess. */
function samplesLayout(panel, width) {
  const count = panel.classes.length;
  const verdict = 26 + 7.5 * longest(panel.classes);
  const least = IMAGE + 8 + Math.min(count, 12) * 9 + verdict;
  const most = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  const columns = Math.min(most, 4, panel.shape[0]);
  const cell = (width + GAP) / columns - GAP;
  const room = cell - IMAGE - 8 - verdict;
  return { columns, cell, bar: Math.min(room / count, 18), verdict };
}

function samplesHeight(panel, width) {
  return HEAD + ROW * Math.ceil(panel.shape[0] / samplesLayout(panel, width).columns);
}

function paintSamples(g, panel, arrays, theme, width, _height, state) {
  const [count, h, w] = panel.shape;
  const { columns, cell, bar, verdict } = samplesLayout(panel, width);
  const table = colourTable(state, "grey", theme);
  const bitmap = keptBitmap(state, arrays[panel.pixels], w, count * h, table, 1 / 127.5, 127.5);
  const classes = panel.classes.length;
  heading(g, panel, width, theme);
  for (let k = 0; k < count; k++) {
    const x = (k % columns) * (cell + GAP);
    const y = HEAD + Math.floor(k / columns) * ROW;
    g.imageSmoothingEnabled = false;
    g.drawImage(bitmap.canvas, 0, k * h, w, h, x, y, IMAGE, (IMAGE * h) / w);
    g.strokeStyle = theme.rule;
    g.lineWidth = 1;
    g.strokeRect(x + 0.5, y + 0.5, IMAGE - 1, (IMAGE * h) / w - 1);
    const shares = arrays[panel.probabilities].subarray(k * classes, (k + 1) * classes);
    paintShares(g, panel, shares, k, x + IMAGE + 8, y, bar, theme);
    const right = panel.guess[k] === panel.truth[k];
    const words = `${right ? "✓" : "✕"} ${panel.classes[panel.guess[k]]}`;
    const at = x + IMAGE + 8 + bar * classes + verdict - 4;
    const colour = right ? theme.ink : theme.limit;
    text(g, words, at, y + IMAGE / 2 + 5, colour, theme, { size: 13, weight: 500, align: "right" });
  }
}

/** A bar a class: the true one in `run`, a wrong guess in `limit`. */
function paintShares(g, panel, shares, k, x, y, step, theme) {
  const named = 5.6 * longest(panel.classes) < step;
  const base = y + (named ? IMAGE - 9 : IMAGE);
  const colourOf = (c) =>
    c === panel.truth[k] ? theme.run : c === panel.guess[k] ? theme.limit : theme.dim;
  shares.forEach((share, c) => {
    const tall = Math.max(1, (share / 255) * (base - y));
    g.fillStyle = colourOf(c);
    g.fillRect(x + c * step, base - tall, Math.max(1, step - 1.5), tall);
    if (!named) return;
    const colour = c === panel.truth[k] ? theme.ink : theme.dim;
    const middle = x + (c + 0.5) * step - 0.75;
    text(g, panel.classes[c], middle, y + IMAGE, colour, theme, { size: 9, align: "center" });
  });
}

export const samples = { height: samplesHeight, paint: paintSamples };
