// The neurons of a drawn network: where they lie, which one is meant, and what it computes.

import { clamp } from "../paint.js";
import { number } from "../scales.js";
import { neuron } from "./evaluate.js";

export const MOST = 8; // neurons drawn of a layer
const TOP = 40;
const NAMES = { tanh: "tanh", relu: "ReLU", sigmoid: "sigmoid", gelu: "GELU", identity: "" };
const DIGITS = "₀₁₂₃₄₅₆₇₈₉";

const shown = (n) => Math.min(n, MOST);
const lowered = (n) => [...String(n)].map((c) => DIGITS[c]).join("");

/** Boxes of the drawing: {wide, columns, nodes: [{layer, index, x, y, width, height}], large}. */
export function layout(sizes, width, height) {
  const wide = width > 560;
  const layers = sizes.slice(0, -1);
  const bottom = layers.some((n) => n > MOST) ? 24 : 8;
  const top = wide ? 30 : TOP;
  const side = wide ? height - top - 46 : clamp(width * 0.48, 130, height - 120);
  const largeTop = wide ? top : Math.max(TOP, Math.min((height - side) / 2 - 14, 110));
  const large = { x: width - side - 1, y: largeTop, width: side, height: side };
  const most = Math.max(...layers.map(shown));
  const room = height - top - bottom;
  const size = clamp(Math.min(room / most - 9, (large.x - 12) / (layers.length * 1.6)), 10, 31);
  const step = Math.min((room - size) / (most - 1), 3 * size); // from tile to tile if all are drawn
  const pitch = layers.length > 1 ? (large.x - 12 - size) / (layers.length - 0.38) : 0;
  const columns = layers.map((_, l) => l * pitch);
  const nodes = layers.flatMap((n, layer) => {
    const distance = step * clamp((most - 1) / (shown(n) - 1), 1, 1.5);
    const first = top + (room - (shown(n) - 1) * distance - size) / 2;
    return Array.from({ length: shown(n) }, (_, index) => {
      const y = first + index * distance;
      return { layer, index, x: columns[layer] + 1, y, width: size, height: size };
    });
  });
  return { wide, columns, nodes, large, size };
}

export const same = (a, b) => a?.layer === b?.layer && a?.index === b?.index;

/** The neuron under the pointer, with a few pixels around it; null for none. */
export function nodeAt(nodes, x, y) {
  const beside = (n) => x > n.x - 5 && x < n.x + n.width + 5;
  const under = (n) => beside(n) && y > n.y - 3 && y < n.y + n.height + 3;
  return (x !== null && nodes.find(under)) || null;
}

/** Where an arrow leads from a neuron; null is the output, at the right of the last layer. */
export function walk(sizes, from, key) {
  const last = sizes.length - 2;
  if (!from) return key === "ArrowLeft" ? { layer: last, index: 0 } : { layer: 0, index: 0 };
  const layer = from.layer + ({ ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0);
  if (layer < 0) return from;
  if (layer > last) return null;
  const index = from.index + ({ ArrowUp: -1, ArrowDown: 1 }[key] ?? 0);
  return { layer, index: clamp(index, 0, shown(sizes[layer]) - 1) };
}

/** "layer 1, neuron 3", or the name of an input. */
export function nameOf(panel, { layer, index }) {
  return layer ? `layer ${layer}, neuron ${index + 1}` : `input ${panel.inputs[index]}`;
}

/** "tanh(1.2 x₁ − 0.7 x₂ + 0.3)": the two largest weights, and "…" if there are more. */
export function formula(panel, weights, { layer, index }) {
  if (!layer) return "what goes in";
  const { weights: row, bias } = neuron(panel.sizes, weights, layer, index);
  const largest = [...row.keys()].sort((a, b) => Math.abs(row[b]) - Math.abs(row[a])).slice(0, 2);
  const name = (i) => (layer === 1 ? panel.inputs[i] : `h${lowered(i + 1)}`);
  const terms = largest.sort((a, b) => a - b).map((i) => [row[i], ` ${name(i)}`]);
  if (row.length > 2) terms.push([null, "…"]);
  const sum = [...terms, [bias, ""]].map(signed).join("");
  const f = NAMES[panel.activation];
  return f ? `${f}(${sum})` : sum;
}

function signed([value, name], k) {
  if (value === null) return ` ${name}`;
  const sign = k ? (value < 0 ? " − " : " + ") : value < 0 ? "−" : "";
  return `${sign}${number(Math.abs(value), 2)}${name}`;
}
