// All strips on one step axis: the past on paper, the future on a wash, one crosshair through all.
import { paintWash, paintXLines, paintXNumbers, paintYAxis } from "./axes.js";
import { curveLabels, paintLabels } from "./labels.js";
import { guessLabels, paintHint, paintLane, paintLaneGround } from "./lanes.js";
import { paintLayers } from "./layers.js";
import { crisp, diamond, pill, stroke, text } from "./paint.js";
import { paintDots, paintHeading, readings } from "./readings.js";
import { ticks, whole } from "./scales.js";
import { sampleAt } from "./values.js";

const CLEAR = 50; // pixels of a clear button, in the heading

/** Paint the strips as `layout` lays them; `look` is the crosshair's step, or null. */
export function paintStrips(g, picture, layout, theme, look) {
  const { x, rows } = layout;
  const places = ticks("linear", 0, picture.horizon, layout.width < 420 ? 4 : 7);
  for (const row of rows) {
    paintWash(g, row, x.at(picture.step), theme);
    paintXLines(g, row, places, theme);
    paintYAxis(g, row, theme);
  }
  const taken = [picture.step, look].filter((step) => step !== null).map(x.at);
  const free = taken.every((px) => px < x.right - 50); // else a pill would lie on the name
  const name = free ? (picture.axis ?? "step") : "";
  paintXNumbers(g, x, places, name, layout.bottom, theme, { taken });
  paintTurnLines(g, picture, layout, theme);
  for (const row of rows) paintRow(g, row, picture, theme);
  paintTurns(g, picture, layout, theme);
  paintNow(g, picture, layout, theme);
  if (look !== null) paintCrosshair(g, look, layout, theme);
  for (const row of rows) paintHead(g, row, picture, theme, look);
}

function paintRow(g, row, { step, arrays }, theme) {
  paintLaneGround(g, row, arrays, step, theme);
  paintLayers(g, row, arrays, theme);
  paintLane(g, row, step, theme);
  paintHint(g, row, step, theme);
  paintLabels(g, row, [...curveLabels(row, arrays, theme), ...guessLabels(row, theme)], theme);
}

function paintHead(g, row, { step, arrays }, theme, look) {
  const found = readings(row.plot, arrays, look ?? step, step);
  const reserved = row.plot.lane?.plan.length ? CLEAR : 0;
  row.titleEnd = paintHeading(g, row, found, theme, reserved);
  if (look !== null) paintDots(g, row, found, theme);
}

function upright(g, px, from, to, colour, width, dash, alpha) {
  const x = crisp(px);
  const ends = [
    [x, from],
    [x, to],
  ];
  stroke(g, ends, colour, width, dash, alpha);
}

/** A hairline through all strips for each turn of a knob. */
function paintTurnLines(g, { turns, step }, { x, top, bottom }, theme) {
  for (const [at] of turns) {
    upright(g, x.at(at), top - 4, bottom, theme.ink, 1, [1, 3], at <= step ? 0.55 : 0.25);
  }
}

/** What was turned, in words over the first strip, and a diamond on its marked curve. */
function paintTurns(g, { step: now, arrays }, { x, rows, turns }, theme) {
  const [row] = rows;
  const marked = row?.plot.layers.filter((layer) => layer.mark) ?? [];
  for (const { step, words, left, line } of turns) {
    g.globalAlpha = step <= now ? 1 : 0.45;
    for (const layer of marked) {
      const sample = sampleAt(layer, arrays, step, now);
      if (sample) diamond(g, x.at(step), row.y.at(sample[1]), theme.paper, theme[layer.hue]);
    }
    if (line >= 0) text(g, words, left, row.head + 17 + 14 * line, theme.ink, theme);
    g.globalAlpha = 1;
  }
}

function paintNow(g, { step }, { x, top, bottom, width }, theme) {
  upright(g, x.at(step), top, bottom, theme.ink, 1.2);
  pill(g, whole(step), x.at(step), bottom + 4, width, theme.paper, theme.ink, theme);
}

function paintCrosshair(g, look, { x, top, bottom, width }, theme) {
  upright(g, x.at(look), top, bottom, theme.dim, 1);
  pill(g, whole(look), x.at(look), bottom + 4, width, theme.ink, theme.paper, theme);
}

/** All strips at a step, as a sentence to read aloud. */
export function readAloud(picture, step) {
  const parts = picture.strips.flatMap((plot) =>
    readings(plot, picture.arrays, step, picture.step).map(({ name, words }) => `${name} ${words}`),
  );
  return `${picture.axis ?? "step"} ${whole(step)}. ${parts.join(", ")}`;
}
