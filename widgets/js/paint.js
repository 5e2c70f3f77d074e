// Lines, areas, words and dots on a canvas. `g` is a 2-D context scaled to CSS pixels.

export const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

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
    g.lineWidth = 3;
    g.lineJoin = "round";
    g.strokeText(words, x, y);
  }
  g.fillStyle = colour;
  g.fillText(words, x, y);
  return g.measureText(words).width;
}

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
