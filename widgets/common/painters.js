// Painters: each draws one panel of a picture into a box of a 2-D canvas. No state, no document.
//
// A painter gets {g, box, panel, array, ink, dim}: the context, {x, y, w, h}, the panel (see
// picture.py), a function from an array's name to its numbers, and the theme's two text colours.

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"];
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4], [1, 4], [12, 4]]; // Okabe-Ito, and dashes
const MARGIN = { left: 50, right: 12, top: 38, bottom: 24 };

// The first and last finite value, as the axis shows them: with some air, or as powers of ten.
function limits(values, log) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (!Number.isFinite(v) || (log && v <= 0)) continue;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (low > high) return log ? [-1, 1] : [0, 1];
  if (log) return [Math.log10(low) - 0.05, Math.log10(high) + 0.05];
  const air = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - air, high + air];
}

function label(v) {
  const size = Math.abs(v);
  return size !== 0 && (size < 0.01 || size >= 1e5) ? v.toExponential(0) : String(+v.toPrecision(2));
}

function heading({ g, box, panel, ink }) {
  g.fillStyle = ink;
  g.textAlign = "left";
  g.fillText(panel.title, box.x + 6, box.y + 14, box.w - 12);
}

// Axes of a curves panel: {px, py, x, y} from data to canvas and back. `expect` widens them so
// that a guess can be drawn before anything was measured.
function axesOf({ box, panel, array, expect }) {
  const curves = panel.curves.map(([name, x, y, style]) => {
    const ys = array(y);
    const xs = Array.isArray(x) ? Float32Array.from(ys, (_, i) => x[0] + x[1] * i) : array(x);
    return { name, style, x: xs, y: ys };
  });
  const all = curves.flatMap((c) => Array.from(c.y)).concat((panel.lines || []).map((l) => l[1]));
  let [low, high] = limits(all, panel.log);
  const xs = curves.flatMap((c) => Array.from(c.x)).filter(Number.isFinite);
  let left = Math.min(panel.x_label ? Infinity : 0, ...xs), right = Math.max(...xs, left + 1e-9);
  if (!xs.length) [left, right] = [0, 1];
  if (expect) {
    right = Math.max(right, expect.x);
    if (panel.log) [low, high] = [Math.min(low, Math.log10(expect.y[0])), Math.max(high, Math.log10(expect.y[1]))];
  }
  const inner = {
    x: box.x + MARGIN.left, y: box.y + MARGIN.top,
    w: box.w - MARGIN.left - MARGIN.right, h: box.h - MARGIN.top - MARGIN.bottom,
  };
  const scale = (y) => ((panel.log ? Math.log10(y) : y) - low) / (high - low);
  return {
    curves, inner, low, high, left, right,
    px: (x) => inner.x + ((x - left) / (right - left)) * inner.w,
    py: (y) => inner.y + (1 - scale(y)) * inner.h,
    x: (px) => left + ((px - inner.x) / inner.w) * (right - left),
    y: (py) => {
      const v = low + (1 - (py - inner.y) / inner.h) * (high - low);
      return panel.log ? 10 ** v : v;
    },
  };
}

function paintCurves(job) {
  const { g, box, panel, ink, dim } = job;
  const axes = axesOf(job), { inner, px, py } = axes;
  heading(job);
  g.strokeStyle = dim;
  g.fillStyle = ink;
  g.lineWidth = 1;
  g.setLineDash([]);
  g.strokeRect(inner.x, inner.y, inner.w, inner.h);
  g.textAlign = "right";
  const [low, high] = panel.log ? [10 ** axes.low, 10 ** axes.high] : [axes.low, axes.high];
  g.fillText(label(high), inner.x - 5, inner.y + 9);
  g.fillText(label(low), inner.x - 5, inner.y + inner.h);
  const end = panel.x_label ? `${panel.x_label} ${label(axes.right)}` : `step ${Math.round(axes.right)}`;
  g.fillText(end, inner.x + inner.w, box.y + box.h - 8);
  g.save();
  g.beginPath();
  g.rect(inner.x, inner.y, inner.w, inner.h);
  g.clip();
  for (const [name, value] of panel.lines || []) {
    g.strokeStyle = dim;
    g.beginPath();
    g.moveTo(inner.x, py(value));
    g.lineTo(inner.x + inner.w, py(value));
    g.stroke();
    g.textAlign = "left";
    g.fillText(name, inner.x + 4, py(value) - 3);
  }
  for (const curve of axes.curves) curve.style === "dots" ? dots(g, curve, px, py) : line(g, curve, px, py, panel.log);
  g.restore();
  legend(g, box, axes.curves, ink);
}

function line(g, { x, y, style }, px, py, log) {
  g.strokeStyle = COLOURS[style % COLOURS.length];
  g.setLineDash(DASHES[style % DASHES.length]);
  g.lineWidth = 1.8;
  g.beginPath();
  let pen = false;
  for (let k = 0; k < y.length; k++) {
    if (!Number.isFinite(y[k]) || (log && y[k] <= 0)) { pen = false; continue; }
    if (pen) g.lineTo(px(x[k]), py(y[k])); else g.moveTo(px(x[k]), py(y[k]));
    pen = true;
  }
  g.stroke();
  g.setLineDash([]);
  if (y.length !== 1 || !Number.isFinite(y[0])) return;
  g.fillStyle = g.strokeStyle; // one point makes no line
  g.beginPath();
  g.arc(px(x[0]), py(y[0]), 3, 0, 7);
  g.fill();
}

function dots(g, { x, y }, px, py) {
  g.fillStyle = COLOURS[1];
  for (let k = 0; k < y.length; k++) {
    g.beginPath();
    g.arc(px(x[k]), py(y[k]), 2.2, 0, 7);
    g.fill();
  }
}

// A stroke of the curve's colour and dash, then its name; what does not fit is left out with "…".
function legend(g, box, curves, ink) {
  let at = box.x + MARGIN.left;
  const y = box.y + 29;
  g.textAlign = "left";
  for (const curve of curves) {
    const width = 26 + g.measureText(curve.name).width;
    if (at + width > box.x + box.w - 8) { g.fillStyle = ink; g.fillText("…", at, y); return; }
    if (curve.style === "dots") dots(g, { x: [at + 9], y: [y - 4] }, (v) => v, (v) => v);
    else line(g, { x: [at, at + 20], y: [y - 4, y - 4], style: curve.style }, (v) => v, (v) => v, false);
    g.fillStyle = ink;
    g.fillText(curve.name, at + 24, y);
    at += width + 10;
  }
}

// w × h values from 0 to 255 as pixels, row 0 on top, scaled up without smoothing: one drawing call.
function pixels(g, values, w, h, colour, [x, y, wide, tall]) {
  const small = new OffscreenCanvas(w, h), image = new ImageData(w, h);
  for (let i = 0; i < w * h; i++) image.data.set(colour(values[i]), 4 * i);
  small.getContext("2d").putImageData(image, 0, 0);
  g.imageSmoothingEnabled = false;
  g.drawImage(small, x, y, wide, tall);
}

// A grid of values, row 0 at the bottom; returns the square it fills.
function heat(g, box, values, [rows, columns], colour) {
  const side = Math.min(box.w - 20, box.h - 34), x = box.x + (box.w - side) / 2, y = box.y + 26;
  const flipped = values.map((_, i) => values[(rows - 1 - Math.floor(i / columns)) * columns + (i % columns)]);
  pixels(g, flipped, columns, rows, colour, [x, y, side, side]);
  return { x, y, side };
}

const grey = (v) => [v, v, v, 255];
const twoClasses = (v) => [...(v > 127 ? [0xD5, 0x5E, 0] : [0, 0x72, 0xB2]), Math.min(255, Math.abs(v - 127.5) * 1.2)];
const blues = (v) => [30 + 0.8 * v, 80 + 0.63 * v, 130 + 0.47 * v, 255];

// Class by colour, certainty by strength; samples on top, one shape a class.
function paintRegions(job) {
  const { g, box, panel, array, ink } = job;
  heading(job);
  const at = heat(g, box, array(panel.heat), panel.shape, twoClasses);
  const points = array(panel.points);
  g.strokeStyle = ink;
  g.lineWidth = 0.6;
  for (let i = 0; i + 2 < points.length; i += 3) {
    const x = at.x + (points[i] / 255) * at.side, y = at.y + (1 - points[i + 1] / 255) * at.side;
    const square = points[i + 2] > 127;
    g.fillStyle = COLOURS[square ? 1 : 0];
    g.beginPath();
    if (square) g.rect(x - 2.2, y - 2.2, 4.4, 4.4); else g.arc(x, y, 2.5, 0, 7);
    g.fill();
    g.stroke();
  }
}

// Rows of grey images, each with its caption; a wrong answer in colour and with its cross.
function paintImages(job) {
  const { g, box, panel, array, ink } = job;
  heading(job);
  const [n, h, w] = panel.shape, all = array(panel.pixels);
  const columns = n > 8 ? 8 : n, rows = Math.ceil(n / columns);
  const lines = panel.captions.length ? panel.captions[0].split("\n").length : 1, under = 4 + 14 * lines;
  const size = Math.min((box.w - 12) / columns - 8, (box.h - 26) / rows - under);
  g.textAlign = "center";
  for (let i = 0; i < n; i++) {
    const x0 = box.x + 8 + (i % columns) * (size + 8), y0 = box.y + 24 + Math.floor(i / columns) * (size + under);
    pixels(g, all.subarray(i * h * w, (i + 1) * h * w), w, h, grey, [x0, y0, size, size]);
    g.fillStyle = panel.wrong[i] ? COLOURS[1] : ink;
    panel.captions[i].split("\n").forEach((text, k) => g.fillText(text, x0 + size / 2, y0 + size + 13 + 14 * k));
  }
}

function paintHist(job) {
  const { g, box, panel, array, ink, dim } = job;
  heading(job);
  const counts = array(panel.counts), rows = panel.rows.length, bins = counts.length / rows;
  const tall = (box.h - 30) / rows, wide = box.w * 0.5;
  panel.rows.forEach(([name, low, high, note], r) => {
    const x0 = box.x + 10, y0 = box.y + 24 + r * tall, h = tall - 8;
    g.fillStyle = COLOURS[0];
    for (let b = 0; b < bins; b++) {
      const v = (counts[r * bins + b] / 255) * h;
      g.fillRect(x0 + (b * wide) / bins, y0 + h - v, wide / bins - 1, v);
    }
    g.strokeStyle = dim;
    g.strokeRect(x0, y0, wide, h);
    g.fillStyle = ink;
    g.textAlign = "left";
    const x = x0 + wide + 10, room = box.w - wide - 26;
    g.fillText(name, x, y0 + Math.min(12, h / 2), room);
    g.fillText(`${label(low)} to ${label(high)}, ${note}`, x, y0 + Math.min(27, h), room);
  });
}

function paintSlice(job) {
  const { g, box, panel, array, ink } = job;
  heading(job);
  const at = heat(g, box, array(panel.heat), panel.shape, blues);
  const path = array(panel.path);
  const x = (i) => at.x + (path[2 * i] / 255) * at.side, y = (i) => at.y + (1 - path[2 * i + 1] / 255) * at.side;
  g.strokeStyle = COLOURS[1];
  g.lineWidth = 2;
  g.beginPath();
  for (let i = 0; i < path.length / 2; i++) if (i) g.lineTo(x(i), y(i)); else g.moveTo(x(i), y(i));
  g.stroke();
  g.fillStyle = COLOURS[1];
  g.beginPath();
  g.arc(x(path.length / 2 - 1), y(path.length / 2 - 1), 4, 0, 7);
  g.fill();
  g.fillStyle = ink;
  g.textAlign = "left";
  g.fillText(`dark ${label(panel.low)}`, at.x + at.side + 6, at.y + at.side);
  g.fillText(`light ${label(panel.high)}`, at.x + at.side + 6, at.y + 12);
}

function paintNote(job) {
  const { g, box, panel, ink } = job;
  heading(job);
  g.fillStyle = ink;
  let row = "", y = box.y + 44;
  for (const word of panel.words.split(" ")) {
    if (g.measureText(`${row} ${word}`).width > box.w - 24) {
      g.fillText(row, box.x + 10, y);
      [row, y] = [word, y + 17];
    } else row = row ? `${row} ${word}` : word;
  }
  g.fillText(row, box.x + 10, y);
}

const PAINTERS = {
  curves: paintCurves, regions: paintRegions, images: paintImages, hist: paintHist,
  slice: paintSlice, note: paintNote,
};
