// A panel with axes of its own, drawn from the same layers as the strips.
import { paintXLines, paintXNumbers, paintYAxis } from "./axes.js";
import { curveLabels, paintLabels } from "./labels.js";
import { paintLayers } from "./layers.js";
import { across, upwards } from "./layout.js";
import { clamp, crisp, pill, stroke, text, widthOf } from "./paint.js";
import { paintDots, paintHeading, readings } from "./readings.js";
import { number, SCALES, ticks, whole } from "./scales.js";
import { lastBefore, series } from "./values.js";

const LEFT = 46;
const RIGHT = 6;
const HEAD = 21;
const AXIS = 22;
const LABEL = 14; // more, with words below the numbers

/** The row of a plot panel: like a strip's, with the panel's own x axis. */
function rowOf(g, plot, width, height, theme) {
  const { scale, low, high } = plot.x;
  const [position, back] = SCALES[scale];
  const linear = across(
    LEFT,
    width - roomFor(g, plot, width, theme),
    position(low),
    position(high),
  );
  const x = { ...linear, at: (v) => linear.at(position(v)), back: (px) => back(linear.back(px)) };
  const tall = height - HEAD - belowOf(plot);
  const y = upwards(HEAD, tall, plot.y);
  return { plot, x, y, top: HEAD, height: tall, head: 14, edge: width };
}

/** The pixels below a plot. */
const belowOf = ({ x }) => AXIS + (x.label ? LABEL : 0);

/** The pixels of a plot upwards; with `equal` axes a unit is as long upwards as across. */
function tallOf(plot, width) {
  if (!plot.equal) return plot.height ?? 180;
  const span = ({ low, high }) => high - low;
  return ((width - LEFT - RIGHT) * span(plot.y)) / span(plot.x);
}

/** The pixels at the right that the labels of the curves need. */
function roomFor(g, plot, width, theme) {
  const labels = plot.layers.filter(({ kind, label }) => kind === "curve" && label);
  const wide = labels.map(({ label }) => widthOf(g, label, theme, { weight: 500 }) + 9);
  return Math.max(RIGHT, Math.min(Math.max(0, ...wide), 0.3 * width));
}

/** A place of the x axis in words: a step to its last digit. */
const placeWords = (v) => (Number.isInteger(v) ? whole(v) : number(v));

/** Where the first curve that is read has samples, as far as the axis shows them. */
function placesOf({ layers, x }, arrays) {
  const curve = layers.find((layer) => layer.read);
  const slack = 1e-3 * (x.high - x.low);
  const seen = (v) => v >= x.low - slack && v <= x.high + slack;
  return curve ? [...series(curve, arrays).x].filter(seen) : [];
}

export const plotPanel = {
  height: (plot, width) => tallOf(plot, width) + HEAD + belowOf(plot),

  describe({ title, x, layers, alt }) {
    if (alt) return alt;
    const names = layers.filter((layer) => layer.read || layer.label).map((l) => l.name ?? l.label);
    return [`${title}${x.label ? ` over ${x.label}` : ""}`, names.join(", ")]
      .filter(Boolean)
      .join(": ");
  },

  paint(g, plot, arrays, theme, width, height, state) {
    const row = rowOf(g, plot, width, height, theme);
    Object.assign(state, { row, arrays });
    const places = ticks(plot.x.scale, plot.x.low, plot.x.high, width < 300 ? 4 : 7);
    paintXLines(g, row, places, theme);
    paintYAxis(g, row, theme);
    const say = (v) => number(v, 3);
    const bottom = row.top + row.height;
    paintXNumbers(g, row.x, places, "", bottom, theme, { say });
    if (plot.x.label) {
      const middle = (row.x.left + row.x.right) / 2;
      text(g, plot.x.label, middle, bottom + 32, theme.dim, theme, { align: "center" });
    }
    paintLayers(g, row, arrays, theme);
    paintLabels(g, row, curveLabels(row, arrays, theme), theme);
    const place = state.look ?? plot.x.high;
    const atRest = state.look === undefined;
    const silent = atRest && plot.quiet;
    const found = silent ? [] : readings(plot, arrays, place, atRest ? Infinity : -Infinity);
    if (state.look !== undefined) {
      const px = crisp(row.x.at(place));
      const ends = [row.top, row.top + row.height].map((y) => [px, y]);
      stroke(g, ends, theme.dim, 1);
      paintDots(g, row, found, theme);
      const words = placeWords(found[0]?.at[0] ?? place);
      pill(g, words, px, bottom + 4, width, theme.ink, theme.paper, theme);
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

  /** Walk with the crosshair from sample to sample; returns what is read there. */
  key(state, key) {
    const { row, arrays, look } = state;
    if (key === "Escape") {
      state.look = undefined;
      return "";
    }
    const places = row ? placesOf(row.plot, arrays) : [];
    const now = look === undefined ? places.length - 1 : lastBefore(places, look);
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: places.length - 1 }[key];
    if (to === undefined || !places.length) return null;
    state.look = places[clamp(to, 0, places.length - 1)];
    const found = readings(row.plot, arrays, state.look, -Infinity);
    const parts = found.map(({ name, words }) => `${name || row.plot.title} ${words}`);
    return `${row.plot.x.label ?? "x"} ${placeWords(state.look)}. ${parts.join(", ")}`;
  },
};
