// A lane: a knob's past as stairs, its present as a handle, its future as a drawn plan.
import { levelLabel, pixels } from "./layers.js";
import { area, stroke, text } from "./paint.js";
import { pastOf } from "./values.js";

const FILL = { past: 0.11, plan: 0.14 }; // opacities

/** Paint a row's lane below its layers: the pale fill under the past. */
export function paintLaneGround(g, row, arrays, now, theme) {
  const { lane } = row.plot;
  const past = lane?.fill && pastOf(row.plot);
  if (!past) return;
  const points = pixels(row, past, arrays);
  if (!points.length) return;
  const held = [row.x.at(now), points.at(-1)[1]];
  area(g, closed([...points, held], row), theme[past.hue], FILL.past);
}

/** Paint what is still to come of a row's lane: the plan, or the value as it is. */
export function paintLane(g, row, now, theme) {
  const { lane } = row.plot;
  if (!lane) return;
  if (lane.knob === "guess") return paintGuess(g, row, theme);
  if (lane.off) return paintOff(g, row, theme);
  const plan = lane.plan.filter(([step]) => step >= now);
  if (plan.length) paintPlan(g, row, plan, now, theme);
  else {
    const y = row.y.at(lane.value);
    const ends = [row.x.at(now), row.x.right].map((x) => [x, y]);
    stroke(g, ends, theme[lane.hue], 1.5, [2, 4], 0.7);
  }
}

function paintOff(g, row, theme) {
  const { lane } = row.plot;
  const y = row.y.at(lane.value);
  const ends = [row.x.left, row.x.right].map((x) => [x, y]);
  stroke(g, ends, theme[lane.hue], 1, [2, 5], 0.8);
  levelLabel(g, row, y, "drag down to clip", theme[lane.hue], theme);
}

function paintPlan(g, row, plan, now, theme) {
  const { lane } = row.plot;
  const point = ([step, v]) => [row.x.at(step), row.y.at(v)];
  const path = [[now, lane.value], [plan[0][0], lane.value], ...plan].map(point);
  path.push([row.x.right, path.at(-1)[1]]);
  if (lane.fill) area(g, closed(path, row), theme.hand, FILL.plan);
  stroke(g, path, theme.hand, 2.5);
}

function paintGuess(g, row, theme) {
  const points = row.plot.lane.plan.map(([step, v]) => [row.x.at(step), row.y.at(v)]);
  stroke(g, points, theme.hand, 4);
}

/** The label at the end of a guess; none without one. */
export function guessLabels(row, theme) {
  const { lane } = row.plot;
  if (lane?.knob !== "guess" || !lane.plan.length) return [];
  const [step, v] = lane.plan.at(-1);
  const words = lane.score ? `your guess: ${lane.score}` : "your guess";
  const x = row.x.at(step);
  const below = x > row.x.right - 150 ? 16 : 0; // else the words would lie on the line's end
  return [{ x: x + 10, y: row.y.at(v) + below, words, colour: theme.hand }];
}

/** Quiet words in the future part, if it is empty and wide enough. */
export function paintHint(g, row, now, theme) {
  const { hint, lane } = row.plot;
  const room = row.x.right - row.x.at(now);
  if (!hint || lane?.plan.length || room < hint.length * 6 + 16) return;
  const middle = row.x.at(now) + room / 2;
  text(g, hint, middle, row.top + row.height - 8, theme.dim, theme, { align: "center" });
}

const closed = (path, row) => [
  ...path,
  [path.at(-1)[0], row.top + row.height],
  [path[0][0], row.top + row.height],
];
