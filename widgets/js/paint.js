// Lines, areas, words and dots on a canvas. `g` is a 2-D context scaled to CSS pixels.

export const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

/** The middle of the pixel that a place falls into: a hairline there is sharp. */
export const crisp = (v) => Math.floor(v) + 0.5;

/** The context of a canvas made as large as it is shown, cleared. */
export function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${height}px`;
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  return g;
}

/** A line through points [[x, y], …]; a NaN breaks it. */
export function stroke(g, points, colour, width, dash = [], alpha = 1) {
  g.globalAlpha = alpha;
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.lineJoin = "round";
  g.setLineDash(dash);
  g.beginPath();
  let broken = true;
  for (const [x, y] of points) {
    if (Number.isNaN(y)) broken = true;
    else if (broken) {
      g.moveTo(x, y);
      broken = false;
    } else g.lineTo(x, y);
  }
  g.stroke();
  g.setLineDash([]);
  g.globalAlpha = 1;
}

/** A filled polygon. */
export function area(g, points, colour, alpha = 1) {
  if (points.length < 3) return;
  g.globalAlpha = alpha;
  g.fillStyle = colour;
  g.beginPath();
  for (const [x, y] of points) g.lineTo(x, y);
  g.fill();
  g.globalAlpha = 1;
}

/** Words with their baseline at y; returns their width. `halo`: a paper-coloured edge. */
export function text(g, words, x, y, colour, theme, options = {}) {
  const { size = 11, weight = 400, align = "left", halo = false } = options;
  g.font = `${weight} ${size}px ${theme.font}`;
  g.textAlign = align;
  if (halo) {
    g.strokeStyle = theme.paper;
    g.lineWidth = 4;
    g.lineJoin = "round";
    g.strokeText(words, x, y);
  }
  g.fillStyle = colour;
  g.fillText(words, x, y);
  return g.measureText(words).width;
}

/** How wide words are, in pixels. */
export function widthOf(g, words, theme, { size = 11, weight = 400 } = {}) {
  g.font = `${weight} ${size}px ${theme.font}`;
  return g.measureText(words).width;
}

/** A filled disc, with an edge if `edge` is a colour. */
export function dot(g, x, y, radius, fill, edge) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  g.fillStyle = fill;
  g.fill();
  if (edge) {
    g.strokeStyle = edge;
    g.lineWidth = 1.5;
    g.stroke();
  }
}

/** A square on its corner. */
export function diamond(g, x, y, fill, edge, half = 5) {
  g.beginPath();
  for (const [dx, dy] of [
    [0, -half],
    [half, 0],
    [0, half],
    [-half, 0],
  ]) {
    g.lineTo(x + dx, y + dy);
  }
  g.closePath();
  g.fillStyle = fill;
  g.fill();
  g.strokeStyle = edge;
  g.lineWidth = 1.8;
  g.stroke();
}

/** A rounded tag with words, centred on x and kept inside [0, width]; its top is at y. */
export function pill(g, words, x, y, width, fill, ink, theme) {
  const half = 7 + widthOf(g, words, theme, { weight: 500 }) / 2;
  const middle = clamp(x, half + 1, width - half - 1);
  g.beginPath();
  g.roundRect(middle - half, y, 2 * half, 18, 9);
  g.fillStyle = fill;
  g.fill();
  g.strokeStyle = theme.ink;
  g.lineWidth = 1.2;
  g.stroke();
  text(g, words, middle, y + 13, ink, theme, { align: "center", weight: 500 });
  return half;
}
