// Trails on a map of heights: who is where, where it has been, and the start to drag.

import { pushApart } from "../labels.js";
import { across, upwards } from "../layout.js";
import { clamp, dot, stroke, text, widthOf } from "../paint.js";
import { number, ticks } from "../scales.js";
import { HEAD, heading, paintTrail, rounded } from "./common.js";
import { Grip } from "./grip.js";
import { HEIGHTS, paintMap } from "./images.js";

const [LEFT, RIGHT] = [46, 6]; // as the strips have it
const AXIS = 20;
const LOOK = { kind: "height", levels: HEIGHTS, width: 0.8, alpha: 0.22 };
const DASHES = { solid: [], dashed: [7, 3], dotted: [2, 3] };
const STEP = 0.02; // a key press moves the start, in units of the surface
const NAME = { weight: 500 };

/** Where the map lies in its panel, with a scale for x and y. */
function layout({ extent }, width) {
  const [x0, x1, y0, y1] = extent;
  const wide = width - LEFT - RIGHT;
  const box = { x: LEFT, y: HEAD, width: wide, height: (wide * (y1 - y0)) / (x1 - x0) };
  const x = across(LEFT, LEFT + wide, x0, x1);
  const y = upwards(box.y, box.height, { scale: "linear", low: y0, high: y1 });
  return { box, x, y };
}

function height(panel, width) {
  const { box } = layout(panel, width);
  return Math.round(box.y + box.height + AXIS);
}

function paint(g, panel, arrays, theme, width, _height, state) {
  const place = layout(panel, width);
  const { box } = place;
  // far outside, the scales of a plot would clamp
  place.at = ([x, y]) => [
    box.x + ((x - panel.extent[0]) / (panel.extent[1] - panel.extent[0])) * box.width,
    box.y + ((panel.extent[3] - y) / (panel.extent[3] - panel.extent[2])) * box.height,
  ];
  state.panel = panel;
  heading(g, panel, width - RIGHT, theme);
  rounded(g, box, theme.rule, 1, () => {
    paintMap(g, state, arrays[panel.values], panel.shape, LOOK, box, theme);
    for (const [k, point] of panel.minima.entries()) {
      paintMinimum(g, place.at(point), k ? "" : "minimum", theme);
    }
    for (const racer of panel.racers) paintRacer(g, racer, arrays, place, theme);
  });
  paintAxes(g, panel, place, theme);
  const heads = panel.racers.map((racer) => headOf(racer, panel, arrays, place, state.look));
  for (const head of heads) paintHead(g, head, theme);
  paintNames(g, heads, place, theme);
  placeStart(panel, place, theme, state);
}

function paintMinimum(g, [x, y], words, theme) {
  text(g, words, x - 8, y + 16, theme.ink, theme, { align: "right", halo: true });
  const cross = (dx, dy) => [
    [x - dx, y - dy],
    [x + dx, y + dy],
  ];
  stroke(g, cross(5, 0), theme.ink, 1.5);
  stroke(g, cross(0, 5), theme.ink, 1.5);
}

/** The points of an array of x, y, x, y, … in pixels. */
const pointsOf = (values, { at }) =>
  Array.from({ length: values.length / 2 }, (_, i) => at([values[2 * i], values[2 * i + 1]]));

function paintRacer(g, { hue, look, path, others }, arrays, place, theme) {
  paintTrail(g, pointsOf(arrays[path], place), hue, theme, DASHES[look]);
  if (!others) return;
  for (const [x, y] of pointsOf(arrays[others], place)) dot(g, x, y, 3, theme[hue], theme.paper);
}

/** Where a racer stands now, or at the crosshair's step: {x, y, hue, words, inside}. */
function headOf(racer, { first }, arrays, { at, box }, look) {
  const path = arrays[racer.path];
  const last = path.length / 2 - 1;
  const k = clamp((look ?? Infinity) - first, 0, last);
  const then = [path[2 * k], path[2 * k + 1]];
  const there = (look ?? null) !== null && !Number.isNaN(then[1]);
  const [x, y] = at(there ? then : racer.at);
  const inside = x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  const words = racer.state && !there ? `${racer.name}: ${racer.state}` : racer.name;
  return {
    x: clamp(x, box.x, box.x + box.width),
    y: clamp(y, box.y, box.y + box.height),
    hue: racer.hue,
    words,
    inside,
  };
}

/** A disc; a ring at the edge for one that is outside. */
function paintHead(g, { x, y, hue, inside }, theme) {
  if (inside) dot(g, x, y, 6, theme[hue], theme.paper);
  else dot(g, x, y, 5, theme.paper, theme[hue]);
}

function paintNames(g, heads, { box }, theme) {
  const labels = heads.map((head) => ({ ...head }));
  pushApart(labels, box.y + 10, box.y + box.height - 10);
  for (const { x, y, hue, words } of labels) {
    const wide = widthOf(g, words, theme, NAME);
    const left = x + 10 + wide > box.x + box.width ? Math.max(box.x + 3, x - 10 - wide) : x + 10;
    text(g, words, left, y + 4, theme[hue], theme, { ...NAME, halo: true });
  }
}

function paintAxes(g, { extent }, { box, x, y }, theme) {
  const bottom = box.y + box.height;
  for (const v of ticks("linear", extent[0], extent[1], clamp(box.width / 60, 3, 7))) {
    text(g, number(v), x.at(v), bottom + 15, theme.dim, theme, { align: "center" });
  }
  for (const v of ticks("linear", extent[2], extent[3], clamp(box.height / 40, 3, 7))) {
    text(g, number(v), box.x - 10, y.at(v) + 4, theme.dim, theme, { align: "right" });
  }
  text(g, "x", box.x + box.width - 4, bottom - 5, theme.dim, theme, { align: "right" });
  text(g, "y", box.x + 5, box.y + 13, theme.dim, theme);
}

function placeStart(panel, { box, at, x, y }, theme, { grip }) {
  if (!grip) return;
  const round = (value) => value.map((v) => Number(v.toFixed(3)));
  const plane = {
    at: (value) => {
      const [px, py] = at(value);
      return [clamp(px, box.x, box.x + box.width), clamp(py, box.y, box.y + box.height)];
    },
    back: (px, py) => round([x.back(px), y.back(py)]),
    moved: ([vx, vy], dx, dy) =>
      round([
        clamp(vx + STEP * dx, panel.extent[0], panel.extent[1]),
        clamp(vy + STEP * dy, panel.extent[2], panel.extent[3]),
      ]),
  };
  const [vx, vy] = grip.shown(panel.start);
  const words = `x ${number(vx)}, y ${number(vy)}`;
  grip.place(plane, words, panel.extent, theme.ink);
}

const START = "start: the arrow keys move it, with Shift by more";

export const surface = {
  height,
  paint,
  describe: ({ title, racers }) =>
    `Surface from above: ${title}. Trails of ${racers.map(({ name }) => name).join(", ") || "none"}`,
  mount: (box, state, _send, tools) => {
    state.grip = new Grip(box, "face-start", START, "start", tools);
  },
  follow: (state, look) => {
    const moved = (state.look ?? null) !== look;
    state.look = look;
    return moved;
  },
};
