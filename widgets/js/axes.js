// The ground of a plot: wash, lines of the ticks and their numbers.
import { area, crisp, stroke, text } from "./paint.js";
import { number, ticks, whole } from "./scales.js";

const LINE = 19; // pixels from tick to tick at least

/** Lay a wash on what is to come, from pixel `from` to the right edge. */
export function paintWash(g, row, from, theme) {
  const [top, bottom] = [row.top, row.top + row.height];
  const corners = [
    [from, top],
    [row.x.right, top],
    [row.x.right, bottom],
    [from, bottom],
  ];
  area(g, corners, theme.wash, 0.42);
}

/** Lines across at the y axis's ticks, their numbers on the left. */
export function paintYAxis(g, row, theme) {
  const { scale, low, high } = row.plot.y;
  for (const v of ticks(scale, low, high, row.height / LINE)) {
    const y = row.y.at(v);
    const ends = [row.x.left, row.x.right].map((x) => [x, crisp(y)]);
    stroke(g, ends, theme.rule, 1, [], 0.9);
    const words = scale === "share" ? `${Math.round(100 * v)} %` : number(v, 2);
    text(g, words, row.x.left - 10, y + 4, theme.dim, theme, { align: "right" });
  }
}

/** Lines up at the x axis's ticks. */
export function paintXLines(g, row, places, theme) {
  for (const v of places) {
    const x = crisp(row.x.at(v));
    const ends = [row.top, row.top + row.height].map((y) => [x, y]);
    stroke(g, ends, theme.rule, 1, [], 0.55);
  }
}

/** The numbers of the x axis below pixel `bottom`, those near a pixel of `taken` left out. */
export function paintXNumbers(g, x, places, name, bottom, theme, { say = whole, taken = [] } = {}) {
  const last = x.right - (name ? 10 + name.length * 6.5 : 0);
  const first = places.length ? x.at(places[0]) : x.left;
  for (const v of places) {
    const px = x.at(v);
    if (px > last - 14 && px > first) continue;
    if (taken.some((other) => Math.abs(px - other) < 42)) continue;
    text(g, say(v), px, bottom + 17, theme.dim, theme, { align: "center" });
  }
  if (name) text(g, name, x.right, bottom + 17, theme.dim, theme, { align: "right" });
}
