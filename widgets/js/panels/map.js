// A map over a plane: two classes or heights, with contours, points and a path.

import { clamp, dot, stroke, text } from "../paint.js";
import { number, ticks } from "../scales.js";
import { colourBar, HEAD, heading, onBox, paintPoints, rounded } from "./common.js";
import { colourTable, contour, cssColour, drawContour, drawGrid, keptBitmap } from "./images.js";

const MOST = 420; // px of a side
const HEIGHTS = Array.from({ length: 9 }, (_, k) => (255 * (k + 0.5)) / 9);
const COLOURS = { "two classes": "signed", height: "height" };
const RIGHT = { align: "right" };

/** Where the map lies, and how much room its axis and its colour bar take below it. */
function layout(panel, width) {
  const [x0, x1, y0, y1] = panel.extent;
  const ratio = clamp((y1 - y0) / (x1 - x0), 0.3, 1.5);
  const left = panel.x_label || panel.y_label ? 38 : 1;
  const side = Math.min(width - left - 1, MOST, MOST / ratio);
  const top = HEAD + (panel.y_label ? 14 : 0);
  const axis = left > 1 ? 20 : 0;
  const bar = "low" in panel ? 32 : 4;
  return { box: { x: left, y: top, width: side, height: side * ratio }, axis, bar };
}

function height(panel, width) {
  const { box, axis, bar } = layout(panel, width);
  return Math.round(box.y + box.height + axis + bar);
}

function paint(g, panel, arrays, theme, width, _height, state) {
  const { box, axis } = layout(panel, width);
  const [rows, columns] = panel.shape;
  const kind = COLOURS[panel.colours];
  const values = arrays[panel.values];
  const table = colourTable(state, kind, theme);
  const before = state.bytes;
  const bitmap = keptBitmap(state, values, columns, rows, table, 1 / 127.5, 127.5);
  if (state.bytes !== before) {
    const levels = panel.contour ? (kind === "signed" ? [127.5] : HEIGHTS) : [];
    state.cuts = levels.flatMap((level) => contour(values, columns, rows, level));
  }
  heading(g, panel, width, theme);
  rounded(g, box, theme.dim, 0.8, () => {
    g.save(); // row 0 is the lowest: the bitmap is drawn upside down
    g.translate(0, 2 * box.y + box.height);
    g.scale(1, -1);
    drawGrid(g, bitmap, box.x, box.y, box.width, box.height);
    g.restore();
    g.strokeStyle = theme.ink;
    g.lineWidth = kind === "signed" ? 1.2 : 0.8;
    g.globalAlpha = kind === "signed" ? 0.75 : 0.25;
    drawContour(g, state.cuts, columns, rows, box, true);
    g.globalAlpha = 1;
    if (panel.points) paintPoints(g, arrays[panel.points], arrays[panel.wrong], box, theme);
    if (panel.path) paintPath(g, arrays[panel.path], box, theme);
  });
  if (axis) paintAxes(g, panel, box, theme);
  if ("low" in panel) paintBar(g, panel, kind, box, axis, theme);
}

/** A path from a hollow to a full dot. */
function paintPath(g, path, box, theme) {
  const points = Array.from({ length: path.length / 2 }, (_, i) =>
    onBox(path[2 * i], path[2 * i + 1], box),
  );
  if (!points.length) return;
  stroke(g, points, theme.paper, 3.5, [], 0.8);
  stroke(g, points, theme.run, 1.6, [], 0.95);
  if (points.length <= 80) for (const [x, y] of points) dot(g, x, y, 1.9, theme.run);
  dot(g, ...points[0], 3.5, theme.paper, theme.run);
  dot(g, ...points.at(-1), 5, theme.run, theme.paper);
}

function paintAxes(g, panel, box, theme) {
  const [x0, x1, y0, y1] = panel.extent;
  const bottom = box.y + box.height;
  const right = box.x + box.width;
  const label = panel.x_label ?? "";
  const name = text(g, label, right, bottom + 15, theme.ink, theme, RIGHT);
  for (const v of ticks("linear", x0, x1, clamp(box.width / 60, 3, 7))) {
    const x = box.x + ((v - x0) / (x1 - x0)) * box.width;
    const words = number(v);
    if (x + 4 * words.length > right - name - 6) continue;
    text(g, words, x, bottom + 15, theme.dim, theme, { align: "center" });
  }
  for (const v of ticks("linear", y0, y1, clamp(box.height / 40, 3, 7))) {
    const y = box.y + ((y1 - v) / (y1 - y0)) * box.height;
    text(g, number(v), box.x - 6, clamp(y + 4, box.y + 9, bottom), theme.dim, theme, RIGHT);
  }
  if (panel.y_label) text(g, panel.y_label, box.x, box.y - 6, theme.ink, theme);
}

function paintBar(g, panel, kind, box, axis, theme) {
  const y = box.y + box.height + axis + 8;
  const right = box.x + box.width;
  colourBar(g, (v) => cssColour(kind, theme, v), box.x, y, box.width);
  text(g, number(panel.low), box.x, y + 19, theme.dim, theme);
  text(g, number(panel.high), right, y + 19, theme.dim, theme, RIGHT);
}

export const map = { height, paint };
