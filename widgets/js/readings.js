// What a plot's heading says about one place: names and numbers, at the crosshair or else now.
import { dot, text, widthOf } from "./paint.js";
import { number } from "./scales.js";
import { knobAt, plannedAt, sampleAt } from "./values.js";

const DROP = 8; // pixels between title and read-outs

/** [{name, words, hue, at: [x, y] | null}, …] at `place`; `now` ends what is known. */
export function readings(plot, arrays, place, now) {
  const found = [];
  for (const layer of plot.layers) {
    if (!layer.read || found.some((one) => one.name === layer.name)) continue;
    const sample = sampleAt(layer, arrays, place, now);
    if (!sample) continue;
    const words = valueWords(sample[1], plot.y.scale);
    found.push({ name: layer.name, words, hue: layer.hue, at: sample });
  }
  if (plot.lane) found.push(...laneReading(plot, arrays, place, now));
  return found;
}

function laneReading(plot, arrays, place, now) {
  const { lane } = plot;
  const planned = place > now ? plannedAt(lane.plan, place, plot.y.scale) : null;
  if (lane.knob === "guess") {
    const guess = plannedAt(lane.plan, place, plot.y.scale, false);
    if (guess === null) return [];
    return [{ name: "your guess", words: number(guess), hue: "hand", at: [place, guess] }];
  }
  if (lane.off) return [{ name: lane.symbol, words: "off", hue: lane.hue, at: null }];
  const value = knobAt(plot, arrays, place, now);
  const hue = planned === null ? lane.hue : "hand";
  return [{ name: lane.symbol, words: number(value), hue, at: [place, value] }];
}

/** A value as its axis says it: a share in percent, anything else to three digits. */
export const valueWords = (v, scale) =>
  scale === "share" ? `${(100 * v).toFixed(1)} %` : number(v);

/** Paint title and read-outs of a row's heading; returns where the title ends. */
export function paintHeading(g, row, found, theme, reserved = 0) {
  const { left, right } = row.x;
  const title = row.plot.title ?? "";
  const bold = { size: 12, weight: 500, halo: true };
  const end = left + text(g, title, left, row.head, theme.ink, theme, bold) + DROP;
  let x = right;
  for (const { name, words, hue } of [...found].reverse()) {
    const wide = widthOf(g, words, theme, { weight: 500 }) + widthOf(g, name, theme) + 4;
    if (x - wide < end + reserved) break;
    const options = { align: "right", halo: true };
    x -= text(g, words, x, row.head, theme.ink, theme, { ...options, weight: 500 }) + 4;
    x -= text(g, name, x, row.head, theme[hue], theme, options) + 12;
  }
  return end;
}

/** Dots where a row's read-outs were read. */
export function paintDots(g, row, found, theme) {
  for (const { at, hue } of found) {
    if (at) dot(g, row.x.at(at[0]), row.y.at(at[1]), 3, theme[hue], theme.paper);
  }
}
