// Names at the ends of curves: pushed apart, kept inside their plot.

import { pixels } from "./layers.js";
import { text, widthOf } from "./paint.js";

const LINE = 12; // pixels from name to name

/** Move labels {y} down, then up, until they are a line apart within [top, bottom]. */
export function pushApart(labels, top, bottom) {
  labels.sort((a, b) => a.y - b.y);
  let free = top;
  for (const label of labels) {
    label.y = Math.max(label.y, free);
    free = label.y + LINE;
  }
  free = bottom;
  for (const label of [...labels].reverse()) {
    label.y = Math.min(label.y, free);
    free = label.y - LINE;
  }
  return labels;
}

/** The labels of a row's curves, each where its curve ends. */
export function curveLabels(row, arrays, theme) {
  const labels = [];
  for (const layer of row.plot.layers) {
    if (layer.kind !== "curve" || !layer.label) continue;
    const end = pixels(row, layer, arrays).findLast(([, y]) => !Number.isNaN(y));
    if (!end) continue;
    labels.push({ x: end[0] + 6, y: end[1], words: layer.label, colour: theme[layer.hue] });
  }
  return labels;
}

/** Paint labels {x, y, words, colour}; what would leave the row ends at its right edge. */
export function paintLabels(g, row, labels, theme) {
  const edge = row.edge ?? row.x.right; // beyond the plot there may be room for its labels
  row.labels = pushApart(labels, row.top + 6, row.top + row.height - 6);
  for (const label of row.labels) {
    const over = label.x + widthOf(g, label.words, theme, { weight: 500 }) > edge;
    const options = { halo: true, weight: 500, align: over ? "right" : "left" };
    const x = over ? edge - 3 : label.x;
    text(g, label.words, x, label.y + 4, label.colour, theme, options);
  }
}
