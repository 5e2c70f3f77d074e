// The live picture: draws one frame of named arrays on a canvas. No dependency, no global state.
//
// A frame is a header (JSON) and one binary payload of float32 numbers. The header says where each
// array lies: {seq, step, loss, text, items: [{kind, name, title, at, length, shape, dash, colour}]}
// and the painters below know four kinds: curve, heat, point, digit.
// When a frame has been painted its number goes back as `ack`; the kernel waits for that.

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]; // Okabe-Ito
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

function css(element, name, fallback) {
  return getComputedStyle(element).getPropertyValue(name).trim() || fallback;
}

function range(values, log) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (!Number.isFinite(v) || (log && v <= 0)) continue;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (low > high) return [0, 1];
  if (log) return [Math.log10(low) - 0.05, Math.log10(high) + 0.05];
  const margin = (high - low || 1) * 0.05;
  return [low - margin, high + margin];
}

function label(v) {
  const size = Math.abs(v);
  return size !== 0 && (size < 0.01 || size >= 10000) ? v.toExponential(0) : String(+v.toPrecision(2));
}

// All curves of one panel share their axes.
function paintCurves(g, box, curves, title, log, ink) {
  const ys = curves.flatMap((c) => Array.from(c.y));
  const [low, high] = range(ys, log);
  const xs = curves.flatMap((c) => [c.x[0], c.x[c.x.length - 1]]).filter(Number.isFinite);
  const left = Math.min(0, ...xs), right = Math.max(1, ...xs);
  const inner = { x: box.x + 46, y: box.y + 20, w: box.w - 56, h: box.h - 40 };
  const px = (x) => inner.x + ((x - left) / (right - left)) * inner.w;
  const py = (y) => inner.y + (1 - ((log ? Math.log10(y) : y) - low) / (high - low)) * inner.h;
  g.fillStyle = ink;
  g.strokeStyle = ink;
  g.lineWidth = 1;
  g.setLineDash([]);
  g.strokeRect(inner.x, inner.y, inner.w, inner.h);
  g.textAlign = "left";
  g.fillText(title, box.x + 4, box.y + 12);
  g.textAlign = "right";
  g.fillText(label(log ? 10 ** high : high), inner.x - 4, inner.y + 8);
  g.fillText(label(log ? 10 ** low : low), inner.x - 4, inner.y + inner.h);
  g.fillText("step " + label(right), inner.x + inner.w, inner.y + inner.h + 13);
  let at = inner.x + 90;
  curves.forEach((curve, i) => {
    g.strokeStyle = COLOURS[i % COLOURS.length];
    g.setLineDash(DASHES[i % DASHES.length]);
    g.lineWidth = 1.6;
    g.beginPath();
    let pen = false;
    curve.y.forEach((y, k) => {
      if (!Number.isFinite(y) || (log && y <= 0)) { pen = false; return; }
      if (pen) g.lineTo(px(curve.x[k]), py(y)); else g.moveTo(px(curve.x[k]), py(y));
      pen = true;
    });
    g.stroke();
    // legend: a stroke of the same colour and dash, then the name
    g.beginPath();
    g.moveTo(at, box.y + 9);
    g.lineTo(at + 18, box.y + 9);
    g.stroke();
    g.fillStyle = ink;
    g.textAlign = "left";
    g.fillText(curve.name, at + 21, box.y + 12);
    at += 30 + g.measureText(curve.name).width;
  });
  g.setLineDash([]);
}

// Class by colour, certainty by strength; points on top, one shape a class.
function paintRegions(g, box, heat, points, title, ink) {
  const [rows, columns] = heat.shape;
  const side = Math.min(box.w - 20, box.h - 30), x0 = box.x + (box.w - side) / 2, y0 = box.y + 20;
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const p = heat.values[r * columns + c]; // probability of class 1
      g.globalAlpha = Math.min(1, Math.abs(p - 0.5) * 1.2);
      g.fillStyle = COLOURS[p > 0.5 ? 1 : 0];
      g.fillRect(x0 + (c * side) / columns, y0 + side - ((r + 1) * side) / rows, side / columns + 1, side / rows + 1);
    }
  g.globalAlpha = 1;
  for (let i = 0; i + 2 < points.length; i += 3) {
    const x = x0 + points[i] * side, y = y0 + (1 - points[i + 1]) * side;
    g.fillStyle = COLOURS[points[i + 2]];
    g.strokeStyle = ink;
    g.lineWidth = 0.5;
    g.beginPath();
    if (points[i + 2]) g.rect(x - 2.2, y - 2.2, 4.4, 4.4); else g.arc(x, y, 2.5, 0, 7);
    g.fill();
    g.stroke();
  }
  g.fillStyle = ink;
  g.textAlign = "left";
  g.fillText(title, box.x + 4, box.y + 12);
}

function paintDigits(g, box, pixels, answers, title, ink) {
  const count = answers.length / 3, size = Math.min((box.w - 10) / count - 8, box.h - 60);
  g.textAlign = "left";
  g.fillStyle = ink;
  g.fillText(title, box.x + 4, box.y + 12);
  g.textAlign = "center";
  for (let i = 0; i < count; i++) {
    const x0 = box.x + 5 + i * (size + 8), y0 = box.y + 22, dot = size / 8;
    for (let k = 0; k < 64; k++) {
      const v = Math.round(255 * (1 - pixels[i * 64 + k]));
      g.fillStyle = `rgb(${v},${v},${v})`;
      g.fillRect(x0 + (k % 8) * dot, y0 + Math.floor(k / 8) * dot, dot + 0.5, dot + 0.5);
    }
    const [truth, guess, sure] = answers.slice(3 * i, 3 * i + 3);
    const right = truth === guess;
    g.fillStyle = right ? ink : COLOURS[1];
    g.fillText(`${right ? "✓" : "✗"} ${guess}`, x0 + size / 2, y0 + size + 14);
    g.fillText(`${Math.round(100 * sure)} %`, x0 + size / 2, y0 + size + 28);
  }
}

function paint(canvas, header, payload) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(480, Math.min(canvas.parentElement.clientWidth || 860, 1000)), height = 430;
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
  }
  const g = canvas.getContext("2d"), ink = css(canvas, "--jp-ui-font-color1", "#222");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.fillStyle = css(canvas, "--jp-layout-color0", "#fff");
  g.fillRect(0, 0, width, height);
  g.font = "12px sans-serif";
  const array = (name) => {
    const [at, length] = header.arrays[name];
    return new Float32Array(payload.buffer, payload.byteOffset + 4 * at, length);
  };
  const half = width / 2, top = { y: 0, h: 215 }, low = { y: 220, h: 205 };
  const boxes = [
    { x: 0, w: half, ...top }, { x: half, w: half, ...top }, { x: 0, w: half, ...low }, { x: half, w: half, ...low },
  ];
  header.panels.forEach((panel, i) => {
    if (panel.kind === "curves") {
      const curves = panel.curves.map(([name, x, y]) => ({ name, x: array(x), y: array(y) }));
      paintCurves(g, boxes[i], curves, panel.title, panel.log, ink);
    } else if (panel.kind === "regions") {
      const heat = { values: array(panel.heat), shape: panel.shape };
      paintRegions(g, boxes[i], heat, array(panel.points), panel.title, ink);
    } else if (panel.kind === "digits") {
      paintDigits(g, boxes[i], array(panel.pixels), array(panel.answers), panel.title, ink);
    }
  });
  canvas.dataset.seq = header.seq;
  canvas.dataset.step = header.step;
  canvas.dataset.loss = header.loss ?? ""; // no number: not trained yet, or not finite
  canvas.setAttribute("aria-label", header.text);
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "course-canvas";
  canvas.setAttribute("role", "img");
  el.appendChild(canvas);
  let asked = null;
  const draw = () => {
    asked = null;
    const frame = model.get("frame");
    if (!frame || frame.byteLength < 8) return;
    const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength).slice();
    const size = new DataView(bytes.buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
    paint(canvas, header, bytes.subarray(4 + size));
    model.set("ack", header.seq);
    model.save_changes();
  };
  const ask = () => { if (asked === null) asked = requestAnimationFrame(draw); };
  model.on("change:frame", ask);
  window.addEventListener("resize", ask);
  ask();
  return () => {
    model.off("change:frame", ask);
    window.removeEventListener("resize", ask);
    if (asked !== null) cancelAnimationFrame(asked);
  };
}

export default { render };
