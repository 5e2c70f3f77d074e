// The network as a drawing: the map of every neuron, the weights as lines, the output large.

import { clamp, stroke, text } from "../paint.js";
import { number, whole } from "../scales.js";
import { classMark, colourBar, paintPoints, rounded } from "./common.js";
import { affine, evaluate, GRID, logOdds, neuron, newMaps } from "./evaluate.js";
import {
  colourTable,
  contour,
  cssColour,
  drawContour,
  drawGrid,
  newBitmap,
  paintBitmap,
  sameNumbers,
} from "./images.js";
import { formula, layout, MOST, nameOf, nodeAt, same, walk } from "./neurons.js";

const RANGES = { tanh: [-1, 1], sigmoid: [0, 1] }; // the others reach as far as their largest
const DASH = [5, 2.5];
const CENTRE = { align: "center", halo: true };
const RIGHT = { align: "right", halo: true };

function height(_panel, width) {
  if (width > 560) return 330;
  return Math.round(width < 420 ? width * 1.02 : clamp(width * 1.13, 410, 560));
}

function paint(g, panel, arrays, theme, width, height, state) {
  refresh(state, panel, arrays, theme);
  const places = layout(panel.sizes, width, height);
  state.nodes = places.nodes;
  const { pointed } = state;
  paintLinks(g, panel, state.weights, places, pointed, theme);
  for (const node of places.nodes) {
    const on = same(node, pointed);
    const bitmap = state.tiles[node.layer][node.index];
    rounded(g, node, on ? theme.ink : theme.dim, on ? 2 : 0.8, () => drawGrid(g, bitmap, node));
  }
  paintNames(g, panel, places, height, theme);
  paintLarge(g, panel, arrays, places, theme, state);
  paintKey(g, panel, places, height, theme, state);
}

// ---- what is kept from frame to frame ----

/** Evaluate again if the weights are new, paint the tiles again if they or the colours are. */
function refresh(state, panel, arrays, theme) {
  const weights = arrays[panel.weights];
  const shape = JSON.stringify([panel.sizes, panel.activation, panel.extent]);
  state.panel = panel;
  state.wrong = arrays[panel.wrong];
  if (state.shape !== shape) {
    state.maps = newMaps(panel.sizes);
    const tiles = (layer) => layer.slice(0, MOST).map(() => newBitmap(GRID, GRID));
    state.tiles = state.maps.layers.map(tiles);
    state.large = newBitmap(GRID, GRID);
    state.values = new Float32Array(GRID * GRID);
    state.pointed = null;
  }
  const fresh = state.shape !== shape || !sameNumbers(state.weights, weights);
  if (fresh) evaluate(panel, weights, state.maps);
  state.shape = shape;
  state.weights = weights;
  const table = colourTable(state, "signed", theme);
  if (fresh || state.painted !== table.key) {
    state.tiles.forEach((layer, l) => {
      layer.forEach((bitmap, j) => {
        paintValues(bitmap, state.maps.layers[l][j], range(state, l, j), table);
      });
    });
    state.enlarged = null;
  }
  state.painted = table.key;
  const of = state.pointed ?? "output";
  if (state.enlarged !== of) enlarge(state, panel, weights, table);
  state.enlarged = of;
}

/** [low, high] of a neuron's colours: paper lies in the middle. */
function range({ maps, panel }, layer, index) {
  if (layer === 0) return panel.extent.slice(2 * index, 2 * index + 2);
  if (RANGES[panel.activation]) return RANGES[panel.activation];
  let most = 0;
  for (const v of maps.layers[layer][index]) most = Math.max(most, Math.abs(v));
  return most ? [-most, most] : [-1, 1];
}

function paintValues(bitmap, values, [low, high], table) {
  paintBitmap(bitmap, values, table, 2 / (high - low), (low + high) / 2);
}

/** The large map: the class (tanh of half the log odds, as 2p − 1), or the neuron pointed at. */
function enlarge(state, panel, weights, table) {
  const { maps, pointed, values, large } = state;
  if (pointed) {
    const { layer, index } = pointed;
    const map = maps.layers[layer][index];
    paintValues(large, map, range(state, layer, index), table);
    values.set(map);
    if (layer) affine(neuron(panel.sizes, weights, layer, index), maps.layers[layer - 1], values);
  } else {
    for (let p = 0; p < values.length; p++) values[p] = Math.tanh(maps.output[p] / 2);
    paintBitmap(large, values, table);
  }
  state.cuts = contour(pointed ? values : maps.output, GRID, GRID, 0);
}

// ---- painting ----

/** Weights as curved lines, small ones first: solid blue adds, dashed orange takes away. */
function paintLinks(g, panel, weights, { nodes, large }, pointed, theme) {
  const links = [];
  const last = panel.sizes.length - 2;
  const ends = Math.min(panel.sizes[last], MOST);
  for (const from of nodes) {
    const goals = nodes.filter((n) => n.layer === from.layer + 1);
    for (const to of goals) {
      const value = neuron(panel.sizes, weights, to.layer, to.index).weights[from.index];
      links.push({ value, from, to, x: to.x - 3, y: to.y + to.height / 2 });
    }
    if (from.layer < last) continue;
    const share = ends > 1 ? 0.25 + (0.5 * from.index) / (ends - 1) : 0.5;
    const value = logOdds(panel.sizes, weights).weights[from.index];
    links.push({ value, from, to: null, x: large.x - 3, y: large.y + large.height * share });
  }
  links.sort((a, b) => Math.abs(a.value) - Math.abs(b.value));
  for (const { value, from, to, x, y } of links) {
    const on = !pointed || same(from, pointed) || (to && same(to, pointed));
    const size = Math.abs(value);
    const least = pointed ? 0.45 : 0.18;
    const [x0, y0] = [from.x + from.width + 1, from.y + from.height / 2];
    const middle = (x0 + x) / 2;
    g.strokeStyle = value > 0 ? theme.pos : theme.neg;
    g.lineWidth = clamp(size * 0.9, 0.6, 5);
    g.globalAlpha = on ? clamp(least + size * 0.22, least, 0.9) : 0.05;
    g.setLineDash(value > 0 ? [] : DASH);
    g.beginPath();
    g.moveTo(x0, y0);
    g.bezierCurveTo(middle, y0, middle, y, x, y);
    g.stroke();
  }
  g.setLineDash([]);
  g.globalAlpha = 1;
}

/** The names of the columns and of the inputs, and how many neurons are not drawn. */
function paintNames(g, panel, { columns, nodes, size }, height, theme) {
  const narrow = columns.length > 1 && columns[1] < 54;
  columns.forEach((x, l) => {
    const words = l ? (narrow ? String(l) : `layer ${l}`) : "input";
    const at = l ? [x + 1 + size / 2, "center"] : [x, "left"];
    text(g, words, at[0], 14, theme.ink, theme, { size: 12, weight: 500, align: at[1] });
    const more = panel.sizes[l] - MOST;
    const middle = x + 1 + size / 2;
    if (more > 0) text(g, `+ ${whole(more)}`, middle, height - 6, theme.dim, theme, CENTRE);
  });
  for (const { index, x, y } of nodes.filter((n) => n.layer === 0)) {
    text(g, panel.inputs[index], x + size / 2, y - 5, theme.dim, theme, CENTRE);
  }
}

/** The output, or the neuron pointed at, with its zero contour and the points. */
function paintLarge(g, panel, arrays, { wide, large }, theme, state) {
  const { pointed, cuts } = state;
  const points = arrays[panel.points];
  rounded(g, large, theme.dim, 0.8, () => {
    drawGrid(g, state.large, large);
    g.strokeStyle = theme.ink;
    g.lineWidth = 1.2;
    g.globalAlpha = 0.75;
    drawContour(g, cuts, GRID, GRID, large);
    g.globalAlpha = 1;
    paintPoints(g, points, pointed ? null : state.wrong, large, theme);
  });
  const y = wide ? 14 : large.y - 10;
  const words = pointed ? nameOf(panel, pointed) : "output";
  text(g, words, large.x, y, theme.ink, theme, { size: 12, weight: 500 });
  if (pointed) return;
  text(g, mistakes(state.wrong), large.x + large.width, y, theme.dim, theme, RIGHT);
}

function mistakes(wrong) {
  let count = 0;
  for (const one of wrong) if (one) count += 1;
  return `✕ ${whole(count)} of ${whole(wrong.length)} wrong`;
}

/** Below the large map: what its colours mean, the formula, and what the lines mean. */
function paintKey(g, panel, { wide, columns, large, nodes }, height, theme, state) {
  const { pointed, weights } = state;
  const [x, right, y] = [large.x, large.x + large.width, large.y + large.height + 12];
  colourBar(g, (v) => cssColour("signed", theme, v), x, y, large.width);
  if (pointed) {
    const ends = range(state, pointed.layer, pointed.index).map((v) => number(v, 2));
    text(g, ends[0], x, y + 19, theme.dim, theme);
    text(g, ends[1], right, y + 19, theme.dim, theme, RIGHT);
    text(g, formula(panel, weights, pointed), right, y + 33, theme.ink, theme, RIGHT);
  } else {
    classMark(g, 0, x + 5, y + 15, 4, theme);
    text(g, panel.classes[0], x + 14, y + 19, theme.dim, theme);
    classMark(g, 1, right - 5, y + 15, 4, theme);
    text(g, panel.classes[1], right - 15, y + 19, theme.dim, theme, RIGHT);
  }
  const inputs = nodes.filter((n) => n.layer === 0).at(-1);
  const key = wide ? { x: 0, y: height - 30 } : { x, y: y + 50 };
  const free = key.y > inputs.y + inputs.height + 8 && (columns[1] ?? large.x) > 180;
  if (wide ? !free : key.y + 20 > height) return;
  const lines = [
    ["weight > 0, thick = large", theme.pos, []],
    ["weight < 0", theme.neg, DASH],
  ];
  lines.forEach(([words, colour, dash], k) => {
    const at = key.y + 16 * k;
    stroke(
      g,
      [
        [key.x, at],
        [key.x + 24, at],
      ],
      colour,
      2.5,
      dash,
    );
    text(g, words, key.x + 31, at + 4, theme.dim, theme, { halo: wide });
  });
}

// ---- hands ----

/** Point at the neuron under (x, y), or with null at none; true if the picture changes. */
function point(state, x, y) {
  const before = state.pointed ?? null;
  const node = nodeAt(state.nodes ?? [], x, y);
  state.pointed = node && (same(node, before) ? before : node);
  return state.pointed !== before;
}

/** Walk by an arrow, end by Escape: the words to announce, null for a key that is not ours. */
function key(state, key) {
  const arrow = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(key);
  const before = state.pointed ?? null;
  if (!state.panel || !(arrow || (before && key === "Escape"))) return null;
  const goal = arrow ? walk(state.panel.sizes, before, key) : null;
  if (same(goal, before)) return "";
  state.pointed = goal;
  if (!goal) return `output, ${mistakes(state.wrong)}`;
  return `${nameOf(state.panel, goal)}: ${formula(state.panel, state.weights, goal)}`;
}

export const network = { height, paint, point, key };
