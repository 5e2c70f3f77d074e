// Where the strips lie: one step axis, rows under each other. All in CSS pixels.
import { clamp } from "./paint.js";
import { SCALES } from "./scales.js";

const LEFT = 46; // room for the ticks' numbers
const RIGHT = 6;
const HEAD = 21; // a strip's heading
const GAP = 6;
const AXIS = 22; // step numbers and the pill
const WORDS = 15; // a row of words about the turns
const NARROW = 0.86; // strips are that much lower in one column

/** A linear axis in pixels, out and back. */
export function across(left, right, low, high) {
  return {
    left,
    right,
    at: (v) => left + ((v - low) / (high - low || 1)) * (right - left),
    back: (px) => low + clamp((px - left) / (right - left), 0, 1) * (high - low),
  };
}

/** The y axis of a plot that reaches from pixel `top` down over `height`; clamps to its domain. */
export function upwards(top, height, { scale, low, high }) {
  const [position, back] = SCALES[scale];
  const [from, to] = [position(low), position(high)];
  return {
    at: (v) => {
      if (Number.isNaN(v)) return v;
      const share = (position(clamp(v, low, high)) - from) / (to - from || 1);
      return top + height * (1 - share);
    },
    back: (py) => back(from + (1 - clamp((py - top) / height, 0, 1)) * (to - from)),
  };
}

/** {rows, x, left, right, top, bottom, height, bands} of the strips in a sheet `width` wide. */
export function stripsLayout(picture, width, narrow) {
  const x = across(LEFT, width - RIGHT, 0, picture.horizon);
  const bands = bandsOf(picture.turns, x);
  const rows = [];
  let y = 0;
  for (const [index, plot] of picture.strips.entries()) {
    const top = y + HEAD + (index === 0 ? bands * WORDS : 0);
    const height = Math.round(plot.height * (narrow ? NARROW : 1));
    rows.push({ plot, head: y + 14, top, height, x, y: upwards(top, height, plot.y) });
    y = top + height + GAP;
  }
  const bottom = y - GAP;
  return { width, x, rows, bands, top: rows[0]?.top ?? 0, bottom, height: bottom + AXIS };
}

/** How many rows of words the turns need: none, one, or two where one would be crowded. */
function bandsOf(turns, x) {
  if (!turns.length) return 0;
  const crowded = turns.some(([step], i) => {
    if (!i) return false;
    const [before, words] = turns[i - 1];
    return x.at(step) - x.at(before) < 16 + words.length * 6;
  });
  return crowded ? 2 : 1;
}

/** The row a pixel height belongs to, with a margin of 4 px; undefined between the rows. */
export const rowAt = (layout, py) =>
  layout.rows.find((row) => py > row.top - 4 && py < row.top + row.height + 4);
