// The (α, β) diagram: what momentum does for each rate and memory, and the point to drag.

import { across, upwards } from "../layout.js";
import { clamp, dot, stroke, text, widthOf } from "../paint.js";
import { number, SCALES, ticks } from "../scales.js";
import { HEAD, heading, rounded } from "./common.js";
import { Grip } from "./grip.js";
import { colourTable, drawGrid, keptBitmap } from "./images.js";

const [LEFT, RIGHT] = [40, 6];
const LABEL = 16; // px above the map, for the y axis's name
const AXIS = 38; // px below it
const [ALONE, MOST] = [0.95, 430]; // height by width, px: if nothing stands beside it
const STEPS = 100; // key presses from end to end
const NAME = { size: 12, align: "center", halo: true };

/** As high as the surface and the strips beside it, if they stand there. */
function height(_panel, width, box) {
  const alone = Math.round(Math.min(ALONE * width, MOST));
  const sheets = box?.closest(".face-sheets");
  const [above, below] = [".face-surface", ".face-time"].map((name) => sheets?.querySelector(name));
  if (!above || !below) return alone;
  const [first, last] = [above.getBoundingClientRect(), below.getBoundingClientRect()];
  const beside = box.getBoundingClientRect().left > first.right;
  return beside ? Math.round(last.bottom - first.top) : alone;
}

function layout(panel, width, height) {
  const top = HEAD + LABEL;
  const box = { x: LEFT, y: top, width: width - LEFT - RIGHT, height: height - top - AXIS };
  const [position, back] = SCALES[panel.x.scale];
  const linear = across(box.x, width - RIGHT, position(panel.x.low), position(panel.x.high));
  const x = { at: (v) => linear.at(position(v)), back: (px) => back(linear.back(px)) };
  return { box, x, y: upwards(top, box.height, panel.y) };
}

function paint(g, panel, arrays, theme, width, height, state) {
  const place = layout(panel, width, height);
  const { box, x, y } = place;
  heading(g, panel, width - RIGHT, theme);
  rounded(g, box, theme.rule, 1, () => {
    paintSpeeds(g, panel, arrays, theme, box, state);
    const line = (name) =>
      Array.from(arrays[panel.betas], (beta, i) => {
        const px = x.at(arrays[name][i]);
        return [px, Number.isNaN(px) ? px : y.at(beta)];
      });
    stroke(g, line(panel.limit), theme.ink, 1.8, [], 0.8);
    for (const name of panel.swings) stroke(g, line(name), theme.ink, 1.2, [4, 3], 0.8);
  });
  paintAxes(g, panel, place, theme);
  const point = placePoint(panel, place, theme, state);
  paintBest(g, panel, place, theme);
  for (const [words, alpha, beta] of panel.regions) {
    const [px, py] = [x.at(alpha), y.at(beta)];
    const half = widthOf(g, words, theme, NAME) / 2 + 16;
    const hidden = Math.abs(px - point[0]) < half && Math.abs(py - point[1]) < 20;
    text(g, words, px, hidden ? py + 30 : py + 4, theme.ink, theme, NAME);
  }
}

function paintSpeeds(g, panel, arrays, theme, box, state) {
  const [rows, columns] = panel.shape;
  const table = colourTable(state, "speed", theme);
  const bitmap = keptBitmap(state, arrays[panel.values], columns, rows, table, 1 / 127, 128);
  drawGrid(g, bitmap, box, true);
}

function paintAxes(g, panel, { box, x, y }, theme) {
  const bottom = box.y + box.height;
  text(g, panel.y_label, 0, HEAD + 8, theme.ink, theme);
  for (const v of ticks(panel.x.scale, panel.x.low, panel.x.high, clamp(box.width / 60, 3, 6))) {
    text(g, number(v), x.at(v), bottom + 16, theme.dim, theme, { align: "center" });
  }
  for (const v of ticks("linear", 0, 1, 5)) {
    text(g, number(v), box.x - 8, y.at(v) + 4, theme.dim, theme, { align: "right" });
  }
  const right = box.x + box.width;
  const name = text(g, panel.x_label, right, bottom + 33, theme.ink, theme, { align: "right" });
  const hint = "the stronger the blue, the faster";
  if (widthOf(g, hint, theme) + name + 16 < box.width) {
    text(g, hint, box.x, bottom + 33, theme.dim, theme);
  }
}

/** A ring where it is fastest, named on the side that has room. */
function paintBest(g, { best }, { box, x, y }, theme) {
  const [px, py] = [x.at(best[0]), y.at(best[1])];
  dot(g, px, py, 3.5, theme.ink, theme.paper);
  const align = px - box.x > 70 ? "right" : "left";
  text(g, "fastest", px + (align === "right" ? -9 : 9), py + 4, theme.ink, theme, {
    ...NAME,
    align,
  });
}

function placePoint(panel, { x, y }, theme, { grip }) {
  if (!grip) return [Number.NaN, Number.NaN];
  const { low, high } = panel.x;
  const round = ([alpha, beta]) => [
    Number(clamp(alpha, low, high).toPrecision(3)),
    Number(clamp(beta, panel.y.low, panel.y.high).toFixed(3)),
  ];
  const plane = {
    at: ([alpha, beta]) => [x.at(clamp(alpha, low, high)), y.at(beta)],
    back: (px, py) => round([x.back(px), y.back(py)]),
    moved: ([alpha, beta], dx, dy) =>
      round([alpha * (high / low) ** (dx / STEPS), beta + (dy / STEPS) * panel.y.high]),
  };
  const [alpha, beta] = grip.shown(panel.point);
  const words = grip.held ? `α ${number(alpha)}, β ${number(beta)}` : panel.words;
  return grip.place(plane, words, [low, high], theme[panel.hue]);
}

const POINT = "α and β: left and right turn α, up and down turn β, with Shift by more";

export const diagram = {
  height,
  paint,
  describe: ({ title, words }) => `Diagram of α and β, ${title}. ${words}`,
  mount: (box, state, _send, tools) => {
    state.grip = new Grip(box, "face-point", POINT, "point", tools);
  },
};
