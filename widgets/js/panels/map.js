// A map over a plane: two classes or heights, with contours, points and a path.

import { clamp, dot, text } from "../paint.js";
import { number, ticks } from "../scales.js";
import { colourBar, HEAD, heading, onBox, paintPoints, paintTrail, rounded } from "./common.js";
import { cssColour, HEIGHTS, paintMap } from "./images.js";

const MOST = 420; // px of a side
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
  const kind = COLOURS[panel.colours];
  const look =
    kind === "signed"
      ? { kind, levels: [127.5], width: 1.2, alpha: 0.75 }
      : { kind, levels: HEIGHTS, width: 0.8, alpha: 0.25 };
  if (!panel.contour) look.levels = [];
  heading(g, panel, width, theme);
  rounded(g, box, theme.dim, 0.8, () => {
    paintMap(g, state, arrays[panel.values], panel.shape, look, box, theme);
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
  paintTrail(g, points, "run", theme);
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
