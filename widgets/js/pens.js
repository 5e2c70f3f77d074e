// Values by key and pointer: how far a press turns a knob, where a pen stands.
import { clamp } from "./paint.js";
import { SCALES } from "./scales.js";
import { sampleAt } from "./values.js";

const STEPS = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 };
const SHARE = 0.02; // of a linear axis, a key press

/** How many presses up a key stands for; 0 for other keys. */
export const upBy = (key) => STEPS[key] ?? 0;

/** A value to as many digits as a hand can mean, inside the lane. */
export function neat(value, { y, lane }) {
  const v = y.scale === "memory" ? 1 - Number((1 - value).toPrecision(2)) : value;
  const digits = y.scale === "memory" ? 6 : 3;
  return clamp(Number(v.toPrecision(digits)), lane.low ?? y.low, lane.high ?? y.high);
}

/** A value so many key presses further. */
export function nudged(value, presses, plot) {
  const { scale, low, high } = plot.y;
  const [position, back] = SCALES[scale];
  const press = scale === "log" || scale === "memory" ? 0.05 : SHARE * (high - low);
  return neat(back(position(value) + press * presses), plot);
}

/** Where the pen of a lane stands, as [step, value]. */
export function penOf(plot, pens, { step, horizon, arrays }) {
  const { lane } = plot;
  const pen = pens.get(lane.knob);
  if (pen && pen[0] > step) return pen;
  if (lane.plan.length && lane.plan.at(-1)[0] > step) return lane.plan.at(-1);
  const place = Math.min(horizon, Math.round(step + horizon / 10));
  return [place, lane.value ?? currentOf(plot, arrays, step)];
}

/** What a plot's first read curve says now; the middle of the axis if it says nothing. */
function currentOf({ layers, y }, arrays, step) {
  const curve = layers.find((layer) => layer.read && sampleAt(layer, arrays, step, step));
  if (curve) return sampleAt(curve, arrays, step, step)[1];
  const [position, back] = SCALES[y.scale];
  return back((position(y.low) + position(y.high)) / 2);
}
