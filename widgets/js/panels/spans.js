// Stretches in rows: who does what when, or what a whole is made of. Every row may have two lanes.

import { clamp, stroke, text, widthOf } from "../paint.js";
import { number, ticks } from "../scales.js";
import { HEAD, heading, shortened } from "./common.js";

const GAP = 6; // px between rows
const AXIS = 20; // px of the axis's numbers
const KEY = 19; // px of a line of the key
const NOTED = 0.36; // of the width, at most, for notes
const [MANY, FEW] = [12, 4]; // rows: lower than usual, and higher

/** Heights of a row's lanes: [what it does, what goes on beside it]. */
function lanes(panel) {
  const count = panel.rows.length;
  const tall = count > MANY ? 9 : count > FEW ? 15 : 19;
  return panel.lanes > 1 ? [tall, Math.round(tall / 3)] : [tall];
}

const pitch = (panel) => lanes(panel).reduce((sum, tall) => sum + tall, GAP);

/** [[words, colour's name, left, line], …] of the key, as many a line as fit. */
function keyOf(panel, width) {
  const hues = panel.limit ? [...panel.hues, [panel.limit[1], "limit"]] : panel.hues;
  if (hues.length < 2) return [];
  let [x, line] = [0, 0];
  return hues.map(([words, hue]) => {
    const wide = 26 + 6.2 * words.length; // before the painting no letter can be measured
    if (x && x + wide > width) [x, line] = [0, line + 1];
    const place = [words, hue, x, line];
    x += wide;
    return place;
  });
}

function height(panel, width) {
  const lines = 1 + Math.max(-1, ...keyOf(panel, width).map(([, , , line]) => line));
  return HEAD + pitch(panel) * panel.rows.length + AXIS + KEY * lines;
}

/** Where everything lies, and the spans by row: [from, to, hue, name]. */
function layout(g, panel, arrays, theme, width) {
  const names = Math.max(...panel.rows.map(([name]) => widthOf(g, name, theme)));
  const noted =
    width >= NOTED ? Math.max(...panel.rows.map((row) => widthOf(g, row[1], theme))) : 0;
  const left = Math.min(names, width / 4) + 10;
  const right = width - (noted ? Math.min(noted, width / 3) + 10 : 6);
  const spans = panel.rows.map(() => []);
  arrays[panel.row].forEach((row, k) => {
    const at = (name) => arrays[panel[name]][k];
    spans[Math.round(row)].push([at("from"), at("to"), at("hue"), Math.round(at("name"))]);
  });
  const scale = (right - left) / panel.high;
  return {
    left,
    right,
    noted,
    spans,
    x: (v) => left + v * scale,
    back: (px) => (px - left) / scale,
  };
}

function paint(g, panel, arrays, theme, width, _height, state) {
  const place = layout(g, panel, arrays, theme, width);
  Object.assign(state, { panel, place, width });
  if (state.row >= panel.rows.length) state.row = 0;
  const at = state.at === undefined ? undefined : clamp(state.at, 0, panel.high);
  const read = at === undefined ? panel.note : reading(panel, place, state.row, at);
  heading(g, { ...panel, note: read }, width, theme);
  const tall = lanes(panel);
  panel.rows.forEach(([name, note], row) => {
    const y = HEAD + row * pitch(panel);
    g.globalAlpha = 0.6;
    g.fillStyle = theme.wash;
    g.fillRect(place.left, y, place.right - place.left, tall[0]);
    g.globalAlpha = 1;
    for (const span of place.spans[row]) paintSpan(g, panel, span, y, tall, place, theme);
    const pointed = at !== undefined && row === state.row;
    g.font = `400 11px ${theme.font}`;
    const words = shortened(g, name, place.left - 8);
    text(g, words, 0, y + 12, theme.ink, theme, { weight: pointed ? 600 : 400 });
    if (pointed) {
      g.strokeStyle = theme.ink;
      g.lineWidth = 1.2;
      g.strokeRect(place.left - 1, y - 1, place.right - place.left + 2, pitch(panel) - GAP + 2);
    }
    if (!place.noted) return;
    g.font = `400 11px ${theme.font}`;
    const side = at === undefined ? note : said(panel, place, row, at);
    const fitting = shortened(g, side, width - place.right - 8);
    text(g, fitting, width, y + 12, theme.dim, theme, { align: "right" });
  });
  const bottom = HEAD + panel.rows.length * pitch(panel);
  paintAxis(g, panel, place, bottom, theme);
  paintKey(g, panel, width, bottom + AXIS, theme);
  if (panel.limit) across(g, place.x(panel.limit[0]), bottom - 3, theme, theme.limit, 2);
  if (at !== undefined) across(g, place.x(at), bottom, theme, theme.ink, 1.2);
}

/** A line through all rows at pixel x. */
function across(g, x, bottom, theme, colour, width) {
  const ends = [HEAD - 4, bottom].map((y) => [x, y]);
  stroke(g, ends, theme.paper, width + 2, [], 0.8);
  stroke(g, ends, colour, width);
}

function paintSpan(g, panel, [from, to, hue, name], y, tall, place, theme) {
  const [, colour, lane] = panel.hues[hue];
  const x = place.x(from);
  const wide = Math.max(place.x(to) - x, 1);
  const top = lane ? y + tall[0] + 1 : y;
  const inset = wide > 4 ? 0.5 : 0; // a hairline between neighbours
  g.fillStyle = theme[colour];
  g.fillRect(x + inset, top, wide - 2 * inset, tall[lane]);
  const words = panel.names[name][0];
  if (lane || !words || tall[0] < 12 || widthOf(g, words, theme) + 4 > wide) return;
  text(g, words, x + wide / 2, top + tall[0] / 2 + 4, theme.paper, theme, { align: "center" });
}

function paintAxis(g, panel, place, bottom, theme) {
  const room = clamp((place.right - place.left) / 70, 2, 8);
  const marks = ticks("linear", 0, panel.high, room);
  for (const v of marks) {
    const last = v === marks.at(-1);
    const words = last ? `${number(v)} ${panel.unit}` : number(v);
    const half = widthOf(g, words, theme) / 2;
    const x = clamp(place.x(v), half, place.right + 6 - half);
    stroke(
      g,
      [
        [place.x(v), bottom - GAP],
        [place.x(v), bottom - GAP + 4],
      ],
      theme.dim,
      1,
    );
    text(g, words, x, bottom + 11, theme.dim, theme, { align: "center" });
  }
}

function paintKey(g, panel, width, top, theme) {
  for (const [words, hue, x, line] of keyOf(panel, width)) {
    const y = top + 12 + line * KEY;
    g.fillStyle = theme[hue];
    g.fillRect(x, y - 9, 10, 10);
    text(g, words, x + 15, y, theme.dim, theme);
  }
}

// ---- reading -------------------------------------------------------------------------------------

/** What the pointed row does, for a panel without room beside its rows. */
function reading(panel, place, row, at) {
  const where = `${number(at)} ${panel.unit}`;
  return place.noted ? `at ${where}` : `${where}: ${said(panel, place, row, at)}`;
}

/** What a row does at a place: the names of its spans there, or that there is none. */
function said(panel, place, row, at) {
  const lane = (span) => panel.hues[span[2]][2];
  const there = place.spans[row].filter(([from, to]) => from <= at && at < to);
  there.sort((a, b) => lane(a) - lane(b));
  const words = there.map((span) => panel.names[span[3]][1]);
  return [...new Set(words)].join(", ") || panel.empty;
}

/** The middles of a row's stretches, between which something changes. */
function stretches({ panel, place, row }) {
  const edges = new Set([0, panel.high]);
  for (const [from, to] of place.spans[row]) edges.add(from).add(to);
  const sorted = [...edges].sort((a, b) => a - b).filter((v) => v <= panel.high);
  const pairs = sorted.slice(1).map((to, k) => [sorted[k], to]);
  return pairs.filter(([from, to]) => to - from > panel.high / 5e4);
}

function point(state, x, y) {
  const before = [state.at, state.row];
  const { place, panel } = state;
  if (x === null || !place || x < place.left || x > place.right) state.at = undefined;
  else {
    state.at = place.back(x);
    state.row = clamp(Math.floor((y - HEAD) / pitch(panel)), 0, panel.rows.length - 1);
  }
  return before[0] !== state.at || before[1] !== state.row;
}

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(state, pressed) {
  const { panel, place } = state;
  if (!place) return null;
  if (pressed === "Escape" && state.at !== undefined) {
    state.at = undefined;
    return "";
  }
  if (!WAYS[pressed] && pressed !== "Home" && pressed !== "End") return null;
  const isNew = state.at === undefined;
  const [across, down] = isNew ? [0, 0] : (WAYS[pressed] ?? [0, 0]);
  state.row = clamp((state.row ?? 0) + down, 0, panel.rows.length - 1);
  const found = stretches(state);
  const at = isNew ? 0 : clamp(state.at, 0, panel.high);
  const now = Math.max(
    0,
    found.findIndex(([from, to]) => from <= at && at < to),
  );
  const ends = { Home: 0, End: found.length - 1 };
  const k = ends[pressed] ?? clamp(now + across, 0, found.length - 1);
  const [from, to] = found[k];
  if (!down) state.at = (from + to) / 2;
  const span = `${number(from)} to ${number(to)} ${panel.unit}`;
  return `${panel.rows[state.row][0]}, ${span}: ${said(panel, place, state.row, state.at)}`;
}

export const spans = {
  height,
  paint,
  point,
  key,
  describe: ({ title, alt }) => `${title}. ${alt}`,
};
