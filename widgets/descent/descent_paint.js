// The painters of a race: the surface with paths, the (α, β) diagram, the values by step. This
// file and descent.js make up one module; the painters know nothing of the notebook.

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
  "#6E4B00", "#666666"]; // Okabe-Ito, a brown and a grey
const DASHES = [[], [7, 3], [2, 3], [8, 3, 2, 3], [10, 3, 2, 2, 2, 3], [3, 1],
  [6, 2], [3, 5]];
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
const short = (v) => String(+v.toPrecision(3));

function css(element, name, fallback) {
  return getComputedStyle(element).getPropertyValue(name).trim() || fallback;
}

function decode(view) {
  if (!view || view.byteLength < 8) return null;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  const size = new DataView(bytes.buffer).getUint32(0, true);
  const picture = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  for (const [name, [at, length, small]] of Object.entries(picture.arrays))
    picture.arrays[name] =
      new (small ? Uint8Array : Float32Array)(bytes.buffer, 4 + size + at, length);
  return picture;
}

// A rectangle on the canvas with its two scales; a log scale maps log10.
function plot(x, y, w, h, xs, ys, logx) {
  const f = logx ? Math.log10 : (v) => v, [left, right] = xs.map(f), [low, high] = ys;
  return {
    x, y, w, h, xs, ys, logx,
    px: (v) => x + ((f(v) - left) / (right - left)) * w,
    py: (v) => y + (1 - (v - low) / (high - low)) * h,
    value: (px, py) => {
      const u = left + clamp((px - x) / w, 0, 1) * (right - left);
      return [logx ? 10 ** u : u, low + clamp(1 - (py - y) / h, 0, 1) * (high - low)];
    },
    holds: (px, py) => px >= x && px <= x + w && py >= y && py <= y + h,
  };
}

function inside(g, p, draw) {
  g.save();
  g.beginPath();
  g.rect(p.x, p.y, p.w, p.h);
  g.clip();
  draw();
  g.restore();
}

function axes(g, p, title, xlabel, ylabel, xticks, yticks, ink) {
  g.fillStyle = g.strokeStyle = ink;
  g.lineWidth = 1;
  g.setLineDash([]);
  g.strokeRect(p.x, p.y, p.w, p.h);
  g.textAlign = "left";
  g.fillText(title, p.x, p.y - 7);
  g.textAlign = "center";
  for (const [v, words] of xticks) g.fillText(words, p.px(v), p.y + p.h + 14);
  g.fillText(xlabel, p.x + p.w / 2, p.y + p.h + 29);
  g.textAlign = "right";
  for (const [v, words] of yticks) g.fillText(words, p.x - 5, p.py(v) + 4);
  g.fillText(ylabel, p.x - 5, p.y - 7);
}

function ticks(low, high, count) {
  const raw = (high - low) / count, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= raw), found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++)
    found.push([k * step, short(k * step)]);
  return found;
}

const power = (v) => "1e" + v;

// One shape a racer, so that colour is not needed to tell them apart; hollow: outside the picture.
function marker(g, index, x, y, r, hollow, ink, paper) {
  const polygon = (n, turn, inner) => {
    for (let k = 0; k < n; k++) {
      const size = inner && k % 2 ? inner * r : r, a = turn + (k * 2 * Math.PI) / n;
      g.lineTo(x + size * Math.cos(a), y + size * Math.sin(a));
    }
  };
  g.beginPath();
  if (index === 0) g.arc(x, y, r, 0, 7);
  else if (index === 1) g.rect(x - r * 0.9, y - r * 0.9, 1.8 * r, 1.8 * r);
  else if (index === 2) polygon(3, -Math.PI / 2);
  else if (index === 3) polygon(4, 0);
  else if (index === 4) polygon(8, 0, 0.4);
  else if (index === 5) polygon(3, Math.PI / 2);
  else if (index === 6) polygon(6, 0);
  else if (index === 7) polygon(5, -Math.PI / 2);
  else polygon(10, -Math.PI / 2, 0.45); // the point (α, β)
  g.closePath();
  g.setLineDash([]);
  g.fillStyle = hollow ? paper : COLOURS[index % 6 === 0 && index ? 1 : index];
  g.fill();
  g.lineWidth = hollow ? 2.5 : 1.2;
  g.strokeStyle = hollow ? COLOURS[index] : ink;
  g.stroke();
}

// Lines of equal height through a grid, by marching squares: each cell has at most two segments.
function contour(g, p, grid, side, level) {
  const at = (c, r) => grid[r * side + c], dx = p.w / (side - 1), dy = p.h / (side - 1);
  for (let r = 0; r + 1 < side; r++)
    for (let c = 0; c + 1 < side; c++) {
      const corners = [[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]], cut = [];
      corners.forEach(([c0, r0], k) => {
        const [c1, r1] = corners[(k + 1) % 4], a = at(c0, r0), b = at(c1, r1);
        if (a < level === b < level) return;
        const t = (level - a) / (b - a);
        cut.push([p.x + (c0 + t * (c1 - c0)) * dx, p.y + p.h - (r0 + t * (r1 - r0)) * dy]);
      });
      for (let k = 0; k + 1 < cut.length; k += 2) {
        g.moveTo(...cut[k]);
        g.lineTo(...cut[k + 1]);
      }
    }
}

function image(columns, rows, colour) {
  const off = document.createElement("canvas");
  off.width = columns;
  off.height = rows;
  const g = off.getContext("2d"), data = g.createImageData(columns, rows);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++)
      data.data.set(colour(r * columns + c), 4 * ((rows - 1 - r) * columns + c));
  g.putImageData(data, 0, 0);
  return off;
}

function viridis(t) {
  const at = clamp(t, 0, 1) * 4, k = Math.min(3, Math.floor(at));
  return VIRIDIS[k].map((v, i) => v + (at - k) * (VIRIDIS[k + 1][i] - v));
}

// A racer's line, with a pale seam of the paper's colour so that it stands out on any ground.
function line(g, index, xs, ys, paper) {
  g.beginPath();
  let pen = false;
  for (let k = 0; k < ys.length; k++) {
    if (!Number.isFinite(ys[k])) { pen = false; continue; }
    if (pen) g.lineTo(xs[k], ys[k]); else g.moveTo(xs[k], ys[k]);
    pen = true;
  }
  const strokes = [[paper, [], 4, 0.55], [COLOURS[index], DASHES[index], 1.8, 1]];
  for (const [colour, dash, width, alpha] of strokes) {
    Object.assign(g, { strokeStyle: colour, lineWidth: width, globalAlpha: alpha });
    g.setLineDash(dash);
    g.stroke();
  }
}

function paintSurface(g, p, scene, frame, start, ink, paper) {
  const { heat } = scene.arrays, tone = parseInt(paper.slice(1, 3), 16) < 128 ? 255 : 0;
  inside(g, p, () => {
    const shade = image(scene.side, scene.side, (k) => [tone, tone, tone, 100 * heat[k]]);
    g.drawImage(shade, p.x, p.y, p.w, p.h);
    g.strokeStyle = ink;
    g.globalAlpha = 0.28;
    g.lineWidth = 0.8;
    g.beginPath();
    for (let level = 0.05; level < 1; level += 0.075) contour(g, p, heat, scene.side, level);
    g.stroke();
    g.globalAlpha = 1;
    g.lineWidth = 2;
    g.beginPath();
    for (const [x, y] of scene.minima.map(([a, b]) => [p.px(a), p.py(b)]))
      for (const s of [1, -1]) { g.moveTo(x - 5, y - 5 * s); g.lineTo(x + 5, y + 5 * s); }
    g.stroke();
    for (const { index } of frame.racers) {
      const path = frame.arrays["path" + index], n = path.length / 2;
      const xs = Array.from({ length: n }, (_, k) => p.px(path[2 * k]));
      line(g, index, xs, xs.map((_, k) => p.py(path[2 * k + 1])), paper);
    }
  });
  g.setLineDash([]);
  g.strokeStyle = ink;
  g.lineWidth = 2;
  g.beginPath();
  g.arc(p.px(start[0]), p.py(start[1]), 9, 0, 7);
  g.stroke();
  for (const { index, at, outside } of frame.racers)
    marker(g, index, clamp(p.px(at[0]), p.x, p.x + p.w), clamp(p.py(at[1]), p.y, p.y + p.h), 6,
      outside, ink, paper);
  const title = `${scene.title}, step ${frame.step}`;
  axes(g, p, title, "x", "y", ticks(...p.xs, 5), ticks(...p.ys, 5), ink);
}

function paintPhase(g, p, scene, point, ink) {
  const [rows, columns] = scene.shape, { rho, betas } = scene.arrays;
  const hue = (r) => [...viridis((r - scene.best) / (1 - scene.best)), 255]; // best < 1
  const shade = image(columns, rows, (k) => (rho[k] < 1 ? hue(rho[k]) : [150, 150, 150, 90]));
  inside(g, p, () => {
    g.imageSmoothingEnabled = false;
    g.drawImage(shade, p.x, p.y, p.w, p.h);
    for (const [name, dash] of [["steep", [6, 3]], ["flat", [2, 3]], ["limit", []]]) {
      g.strokeStyle = name === "limit" ? ink : "#000";
      g.setLineDash(dash);
      g.lineWidth = 1.4;
      g.beginPath();
      scene.arrays[name].forEach((v, k) => v > 0 && g.lineTo(p.px(v), p.py(betas[k])));
      g.stroke();
    }
  });
  g.textAlign = "center";
  const [px, py] = [p.px(clamp(point[0], ...p.xs)), p.py(clamp(point[1], ...p.ys))];
  for (const [words, x, y] of scene.labels) {
    const w = g.measureText(words).width + 6, at = p.y + (1 - y) * p.h;
    const middle = clamp(p.x + x * p.w, p.x + w / 2, p.x + p.w - w / 2);
    if (Math.abs(px - middle) < w / 2 + 10 && Math.abs(py - at) < 18) continue; // under the point
    g.fillStyle = "rgba(255,255,255,0.8)";
    g.fillRect(middle - w / 2, at - 8, w, 16);
    g.fillStyle = "#000";
    g.fillText(words, middle, at + 4);
  }
  for (let k = 0; k < p.h; k++) { // the scale of ρ
    g.fillStyle = `rgb(${viridis(1 - k / p.h).map(Math.round)})`;
    g.fillRect(p.x + p.w + 10, p.y + k, 10, 1.5);
  }
  g.fillStyle = ink;
  g.textAlign = "left";
  [[0, "ρ = 1"], [1, short(scene.best)]].forEach(([t, words]) =>
    g.fillText(words, p.x + p.w + 24, p.y + 10 + t * (p.h - 10)));
  const [low, high] = p.xs.map(Math.log10), decades = [];
  for (let k = Math.ceil(low); k <= high; k++) decades.push([10 ** k, power(k)]);
  const title = `momentum near the minimum: ${scene.form}`;
  axes(g, p, title, `α of ${scene.of}`, "β", decades, ticks(0, 0.8, 4), ink);
  marker(g, 6, px, py, 10, false, "#000");
}

function paintValues(g, p, frame, ink, paper) {
  inside(g, p, () => {
    for (const { index } of frame.racers) {
      const values = Array.from(frame.arrays["value" + index]);
      line(g, index, values.map((_, k) => p.px(k * frame.every)), values.map(p.py), paper);
    }
  });
  const [low, high] = p.ys, every = Math.ceil((high - low) / 5), decades = [];
  for (let k = Math.ceil(low); k <= high; k += every) decades.push([k, power(k)]);
  axes(g, p, "J above the minimum, by step", "step", "", ticks(...p.xs, 5), decades, ink);
}

// Names with shape, dash and state; returns the height it took.
function paintLegend(g, frame, width, ink, paper) {
  let x = 12, y = 16;
  g.textAlign = "left";
  for (const { index, name, state, outside } of frame.racers) {
    const words = state ? `${name}: ${state}` : name, w = 50 + g.measureText(words).width;
    if (x + w > width && x > 12) { x = 12; y += 22; }
    line(g, index, [x, x + 30], [y, y], paper);
    marker(g, index, x + 15, y, 6, outside, ink, paper);
    g.fillStyle = ink;
    g.fillText(words, x + 36, y + 4);
    x += w + 8;
  }
  return y + 8;
}

// Paints everything; returns the two plots that can be dragged in, by knob. `moved`: where a
// handle was put that the kernel has not answered for yet.
function paint(canvas, scene, frame, moved) {
  const ratio = window.devicePixelRatio || 1, g = canvas.getContext("2d"), font = "12px sans-serif";
  const room = canvas.parentElement.parentElement.clientWidth || 900;
  const width = clamp(room, 340, 1000), wide = width >= 720;
  g.font = font;
  const names = frame.racers.map((r) => 66 + g.measureText(r.name + r.state).width);
  const top = 34 + 24 * Math.ceil(names.reduce((a, b) => a + b, 0) / (width - 90));
  const side = wide ? 0.52 * width - 70 : width - 80;
  const half = !wide ? 170 : frame.diagram ? (side - 62) / 2 : side;
  const height = top + side + (wide ? 40 : frame.diagram ? 520 : 290);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  Object.assign(canvas.style, { width: width + "px", height: height + "px" });
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.font = font;
  g.fillStyle = css(canvas, "--jp-layout-color0", "#fff");
  const paper = g.fillStyle, ink = css(canvas, "--jp-ui-font-color1", "#222"); // paper: #rrggbb
  g.fillRect(0, 0, width, height);
  const x = wide ? 0.52 * width + 40 : 48, w = width - x - 64, y = wide ? top : top + side + 70;
  const values = frame.racers.flatMap((r) => Array.from(frame.arrays["value" + r.index]));
  const finite = values.filter(Number.isFinite), last = Math.max(10, frame.step);
  const low = Math.max(-12, Math.min(0, ...finite)) - 0.3, high = Math.max(1, ...finite) + 0.3;
  const plots = {
    start: plot(48, top, side, side, ...scene.window, false),
    point: frame.diagram ? plot(x, y, w, half, scene.alphas, [0, scene.top_beta], true) : null,
  };
  paintLegend(g, frame, width, ink, paper);
  paintSurface(g, plots.start, scene, frame, moved.start ?? frame.start, ink, paper);
  if (frame.diagram) paintPhase(g, plots.point, scene, moved.point ?? frame.point, ink);
  const below = frame.diagram ? y + half + 62 : y;
  paintValues(g, plot(x, below, w, half, [0, last], [low, high], false), frame, ink, paper);
  canvas.setAttribute("aria-label", frame.text);
  Object.assign(canvas.dataset, {
    seq: frame.seq, step: frame.step, start: JSON.stringify(frame.start),
    point: JSON.stringify(frame.point), racers: JSON.stringify(frame.racers),
  });
  return plots;
}
