// Pictures of arrays: colours by table, bitmaps that are kept, and contours.

const LEVELS = 255; // of a table on either side of zero
const STRENGTH = 0.72; // how far a map goes from the paper to its colour

const mixed = (from, to, share) => from.map((v, k) => Math.round(v + share * (to[k] - v)));
const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** [r, g, b] for −1 … 1: orange, paper, blue. */
export function divergingColour(theme, value) {
  const to = value < 0 ? theme.rgb.neg : theme.rgb.pos;
  return mixed(theme.rgb.paper, to, STRENGTH * Math.min(1, Math.abs(value)));
}

const COLOURS = {
  signed: divergingColour,
  grey: (theme, value) => mixed(theme.rgb.paper, theme.rgb.ink, (value + 1) / 2),
  height: (theme, value) => mixed(theme.rgb.paper, theme.rgb.run, (1 - value) / 4),
  speed: (theme, value) =>
    mixed(theme.rgb.paper, value < 0 ? theme.rgb.limit : theme.rgb.run, STRENGTH * Math.abs(value)),
};

/** The CSS colour for −1 … 1 of "signed", "grey" (paper to ink), "height" (blue is low) or "speed". */
export const cssColour = (kind, theme, value) => `rgb(${COLOURS[kind](theme, value)})`;

/** The pixels for −1 … 1, kept in `state` while the theme stays. */
export function colourTable(state, kind, theme) {
  const { paper, ink, pos, neg, run, limit } = theme.rgb;
  const key = [kind, paper, ink, pos, neg, run, limit].join();
  if (state.table?.key !== key) {
    const colour = (_, i) => packed(COLOURS[kind](theme, i / LEVELS - 1));
    state.table = { key, pixels: Uint32Array.from({ length: 2 * LEVELS + 1 }, colour) };
  }
  return state.table;
}

/** A bitmap to paint into again and again. */
export function newBitmap(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  return { canvas, image, pixels: new Uint32Array(image.data.buffer), g: canvas.getContext("2d") };
}

/** Paint (value − centre) · scale, cut to −1 … 1, with the colours of a table. */
export function paintBitmap(bitmap, values, table, scale = 1, centre = 0) {
  const { pixels } = bitmap;
  for (let p = 0; p < pixels.length; p++) {
    const v = (values[p] - centre) * scale;
    const place = v > -1 ? (v < 1 ? v + 1 : 2) : v <= -1 ? 0 : 1; // NaN is left as paper
    pixels[p] = table.pixels[(place * LEVELS + 0.5) | 0];
  }
  bitmap.g.putImageData(bitmap.image, 0, 0);
}

/** The bitmap of a uint8 array, kept in `state` while the bytes and the theme stay. */
export function keptBitmap(state, bytes, width, height, table, scale, centre) {
  const same = state.bytes && sameNumbers(state.bytes, bytes) && state.painted === table.key;
  if (same && state.bitmap.canvas.width === width) return state.bitmap;
  if (state.bitmap?.canvas.width !== width || state.bitmap.canvas.height !== height) {
    state.bitmap = newBitmap(width, height);
  }
  paintBitmap(state.bitmap, bytes, table, scale, centre);
  state.bytes = bytes;
  state.painted = table.key;
  return state.bitmap;
}

export function sameNumbers(a, b) {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Draw a grid whose outermost values lie on the edges of the box: half a pixel is left out.
 *
 * `up`: row 0 is at the bottom.
 */
export function drawGrid(g, { canvas }, { x, y, width, height }, up = false) {
  g.save();
  if (up) {
    g.translate(0, 2 * y + height);
    g.scale(1, -1);
  }
  g.imageSmoothingEnabled = true;
  g.drawImage(canvas, 0.5, 0.5, canvas.width - 1, canvas.height - 1, x, y, width, height);
  g.restore();
}

/** Where a grid crosses a level, by marching squares: [x1, y1, x2, y2, …] in columns and rows. */
export function contour(values, columns, rows, level) {
  const cuts = [];
  const cut = (x, y, dx, dy, from, to) => {
    if (from < level === to < level) return;
    const share = (level - from) / (to - from);
    cuts.push(x + share * dx, y + share * dy);
  };
  for (let y = 0; y + 1 < rows; y++) {
    for (let x = 0; x + 1 < columns; x++) {
      const p = y * columns + x;
      const [a, b] = [values[p], values[p + 1]];
      const [d, c] = [values[p + columns], values[p + columns + 1]];
      cut(x, y, 1, 0, a, b);
      cut(x + 1, y, 0, 1, b, c);
      cut(x + 1, y + 1, -1, 0, c, d);
      cut(x, y + 1, 0, -1, d, a);
    }
  }
  return cuts;
}

/** Draw a contour of a grid of columns × rows onto a box; `up`: row 0 is at the bottom. */
export function drawContour(g, cuts, columns, rows, box, up = false) {
  const [x, y] = [box.width / (columns - 1), box.height / (rows - 1)];
  const [first, sign] = up ? [box.y + box.height, -1] : [box.y, 1];
  g.beginPath();
  for (let i = 0; i + 3 < cuts.length; i += 4) {
    g.moveTo(box.x + cuts[i] * x, first + sign * cuts[i + 1] * y);
    g.lineTo(box.x + cuts[i + 2] * x, first + sign * cuts[i + 3] * y);
  }
  g.stroke();
}

/** Levels of bytes at which a map of heights has contours. */
export const HEIGHTS = Array.from({ length: 9 }, (_, k) => (255 * (k + 0.5)) / 9);

/** Paint bytes of rows × columns, row 0 at the bottom, and their contours: both are kept in `state`. */
export function paintMap(
  g,
  state,
  bytes,
  [rows, columns],
  { kind, levels, width, alpha },
  box,
  theme,
) {
  const before = state.bytes;
  const table = colourTable(state, kind, theme);
  const bitmap = keptBitmap(state, bytes, columns, rows, table, 1 / 127.5, 127.5);
  if (state.bytes !== before) {
    state.cuts = levels.flatMap((level) => contour(bytes, columns, rows, level));
  }
  drawGrid(g, bitmap, box, true);
  g.strokeStyle = theme.ink;
  g.lineWidth = width;
  g.globalAlpha = alpha;
  drawContour(g, state.cuts, columns, rows, box, true);
  g.globalAlpha = 1;
}
