// A panel with axes of its own, drawn from the same layers as the strips.
import { paintXLines, paintXNumbers, paintYAxis } from "./axes.js";
import { curveLabels, paintLabels } from "./labels.js";
import { paintLayers } from "./layers.js";
import { across, upwards } from "./layout.js";
import { crisp, stroke, text } from "./paint.js";
import { paintDots, paintHeading, readings } from "./readings.js";
import { number, SCALES, ticks } from "./scales.js";

const LEFT = 46;
const RIGHT = 6;
const HEAD = 21;
const AXIS = 22;

/** The row of a plot panel: like a strip's, with the panel's own x axis. */
function rowOf(plot, width, height) {
  const { scale, low, high } = plot.x;
  const [position, back] = SCALES[scale];
  const linear = across(LEFT, width - RIGHT, position(low), position(high));
  const x = { ...linear, at: (v) => linear.at(position(v)), back: (px) => back(linear.back(px)) };
  const tall = height - HEAD - AXIS;
  return { plot, x, y: upwards(HEAD, tall, plot.y), top: HEAD, height: tall, head: 14 };
}

export const plotPanel = {
  height: (plot) => (plot.height ?? 180) + HEAD + AXIS,

  describe({ title, x, layers }) {
    const names = layers.filter((layer) => layer.read || layer.label).map((l) => l.name ?? l.label);
    return [`${title}${x.label ? ` over ${x.label}` : ""}`, names.join(", ")]
      .filter(Boolean)
      .join(": ");
  },

  paint(g, plot, arrays, theme, width, height, state) {
    const row = rowOf(plot, width, height);
    state.row = row;
    const places = ticks(plot.x.scale, plot.x.low, plot.x.high, width < 300 ? 4 : 7);
    paintXLines(g, row, places, theme);
    paintYAxis(g, row, theme);
    const say = (v) => number(v, 3);
    paintXNumbers(g, row.x, places, plot.x.label, row.top + row.height, theme, { say });
    paintLayers(g, row, arrays, theme);
    paintLabels(g, row, curveLabels(row, arrays, theme), theme);
    const place = state.look ?? plot.x.high;
    const found = readings(plot, arrays, place, state.look === undefined ? Infinity : -Infinity);
    if (state.look !== undefined) {
      const px = crisp(row.x.at(place));
      const ends = [row.top, row.top + row.height].map((y) => [px, y]);
      stroke(g, ends, theme.dim, 1);
      paintDots(g, row, found, theme);
    }
    paintHeading(g, row, found, theme);
    const note = plot.note && !found.length;
    if (note) text(g, plot.note, row.x.right, row.head, theme.dim, theme, { align: "right" });
  },

  /** Move the crosshair to pixel x, or take it away (null); true if that changes the picture. */
  point(state, x) {
    const { row, look } = state;
    const inside = row && x !== null && x >= row.x.left && x <= row.x.right;
    state.look = inside ? row.x.back(x) : undefined;
    return look !== state.look;
  },
};
