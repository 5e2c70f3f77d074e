// Weights or samples as small images, in a grid.

import { text } from "../paint.js";
import { HEAD, heading, shortened } from "./common.js";
import { colourTable, keptBitmap } from "./images.js";

const GAP = 3;
const [LEAST, MOST] = [22, 46]; // px of a tile, as long as it can be chosen
const LARGEST = 64; // px, where there is room

/** {columns, rows, size, line}: as few holes in the last row as can be, then the largest tiles. */
function layout(panel, width) {
  const count = panel.shape[0];
  const least = panel.captions ? 44 : LEAST;
  const first = Math.max(1, Math.min(count, Math.ceil(width / MOST)));
  const last = Math.max(first, Math.min(count, Math.floor(width / least)));
  let columns = first;
  const holes = (c) => Math.ceil(count / c) * c - count;
  for (let c = first; c <= last; c++) if (holes(c) < holes(columns)) columns = c;
  const size = Math.min(width / columns, panel.largest ?? LARGEST) - GAP;
  const line = size * (panel.shape[1] / panel.shape[2]) + GAP + (panel.captions ? 14 : 0);
  return { columns, rows: Math.ceil(count / columns), size, line };
}

const legend = (panel) => (panel.colours === "signed" ? 18 : 4);

function height(panel, width) {
  const { rows, line } = layout(panel, width);
  return Math.round(HEAD + rows * line + legend(panel));
}

function paint(g, panel, arrays, theme, width, _height, state) {
  const [count, h, w] = panel.shape;
  const { columns, rows, size, line } = layout(panel, width);
  const table = colourTable(state, panel.colours, theme);
  const [scale, centre] = panel.colours === "signed" ? [1 / 127, 128] : [1 / 127.5, 127.5];
  const bitmap = keptBitmap(state, arrays[panel.pixels], w, count * h, table, scale, centre);
  heading(g, panel, width, theme);
  g.imageSmoothingEnabled = false;
  const tall = (size * h) / w;
  for (let k = 0; k < count; k++) {
    const x = (k % columns) * (size + GAP);
    const y = HEAD + Math.floor(k / columns) * line;
    g.drawImage(bitmap.canvas, 0, k * h, w, h, x, y, size, tall);
    if (!panel.captions) continue;
    const words = shortened(g, panel.captions[k], size + GAP - 2);
    text(g, words, x + size / 2, y + tall + 12, theme.dim, theme, { align: "center" });
  }
  if (panel.colours !== "signed") return;
  const y = HEAD + rows * line + 11;
  const left = text(g, "orange −", 0, y, theme.dim, theme);
  text(g, "blue +", left + 10, y, theme.dim, theme);
}

export const tiles = { height, paint };
