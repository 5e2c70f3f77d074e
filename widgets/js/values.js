// What a layer or a plan is worth at one place of the x axis.
import { xs } from "./frame.js";
import { SCALES } from "./scales.js";

/** The x and y values of a layer; empty if its arrays are not in the frame. */
export function series(layer, arrays) {
  const y = arrays[layer.y] ?? [];
  return { x: xs(layer.x, y.length, arrays) ?? [], y };
}

/** Where the last of the ascending `x` lies that is not above `place`; −1 if all are. */
export function lastBefore(x, place) {
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] <= place) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The sample of a layer that holds at `place`, as [x, y]; null where the layer does not reach.
 *
 * Up to `now` the last sample holds, however old; later only between the samples.
 */
export function sampleAt(layer, arrays, place, now) {
  const { x, y } = series(layer, arrays);
  let at = lastBefore(x, place);
  if (at < 0 && x.length && Array.isArray(layer.x) && x[0] < layer.x[1]) at = 0; // middle of a bin
  if (at < 0 || Number.isNaN(y[at])) return null;
  if (place > now && place > x[x.length - 1]) return null;
  return [x[at], y[at]];
}

/** The planned value at a step: straight in the axis's scale, held after the last point.
 *
 * Null before the first point; a guess also ends with its last.
 */
export function plannedAt(plan, step, scale, held = true) {
  if (!plan.length || step < plan[0][0]) return null;
  const next = plan.findIndex(([s]) => s > step);
  if (next < 0) return held || step === plan.at(-1)[0] ? plan.at(-1)[1] : null;
  const [[a, from], [b, to]] = [plan[next - 1], plan[next]];
  const [position, back] = SCALES[scale];
  const share = (step - a) / (b - a);
  return back(position(from) + share * (position(to) - position(from)));
}

/** A plan after the pen has come from one step to another: what it passed over gives way. */
export function drawn(plan, from, to, value) {
  const passed = ([s]) => (to >= from ? s > from && s <= to : s < from && s >= to);
  return [...plan.filter((point) => !passed(point) && point[0] !== to), [to, value]].sort(
    (a, b) => a[0] - b[0],
  );
}

/** The stairs a lane's knob left behind: the layer of the plot that carries its symbol. */
export function pastOf(plot) {
  const { symbol, name, knob } = plot.lane;
  return plot.layers.find((l) => l.look === "stairs" && [symbol, name, knob].includes(l.name));
}

/** The value of a lane's knob at a step: what was, what is, what is planned. */
export function knobAt(plot, arrays, step, now) {
  const { lane } = plot;
  if (step > now) return plannedAt(lane.plan, step, plot.y.scale) ?? lane.value;
  if (step === now) return lane.value;
  const past = pastOf(plot);
  return past ? (sampleAt(past, arrays, step, now)?.[1] ?? lane.value) : lane.value;
}
