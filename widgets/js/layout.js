// Where the strips lie: one step axis, rows under each other. All in CSS pixels.
import { clamp } from "./paint.js";
import { SCALES } from "./scales.js";

const LEFT = 46; // room for the ticks' numbers
const RIGHT = 6;
const HEAD = 21; // a strip's heading
const GAP = 6;
const AXIS = 24; // step numbers and the pill
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

/** {width, x, rows, turns, lines, top, bottom, height} of the strips in a sheet `width` wide.
 *
 * `measure` says how wide words are. `kept`: the lines for words of turns, if they must not change;
 * one is always there, so that the first turn moves nothing under the hand that turns.
 */
export function stripsLayout(picture, width, narrow, measure, kept) {
  const x = across(LEFT, width - RIGHT, 0, picture.horizon);
  const turns = turnsLayout(picture.turns, x, width, measure);
  const lines = kept ?? Math.max(1, ...turns.map(({ line }) => line + 1));
  for (const turn of turns) if (turn.line >= lines) turn.line = -1;
  const rows = [];
  let y = 0;
  for (const [index, plot] of picture.strips.entries()) {
    const top = y + HEAD + (index === 0 ? lines * WORDS : 0);
    const height = Math.round(plot.height * (narrow ? NARROW : 1));
    rows.push({ plot, head: y + 14, top, height, x, y: upwards(top, height, plot.y) });
    y = top + height + GAP;
  }
  const bottom = y - GAP;
  return { width, x, rows, turns, lines, top: rows[0]?.top ?? 0, bottom, height: bottom + AXIS };
}

/** [{step, words, left, line}, …]: the words about each turn, in at most two lines.
 *
 * Line −1 has no room left: that turn goes without words.
 */
function turnsLayout(turns, x, width, measure) {
  const free = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]; // where each line's words end
  return turns.map(([step, words]) => {
    const wide = measure(words);
    const left = Math.min(x.at(step), width - wide - 1);
    const line = free.findIndex((end) => end < left);
    if (line >= 0) free[line] = left + wide + 10;
    return { step, words, left, line };
  });
}

/** The row a pixel height belongs to, with a margin of 4 px; undefined between the rows. */
export const rowAt = (layout, py) =>
  layout.rows.find((row) => py > row.top - 4 && py < row.top + row.height + 4);
