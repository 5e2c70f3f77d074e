// What panels share: the heading, words that fit, points on a plane.

import { dot, stroke, text } from "../paint.js";

export const HEAD = 26; // px from the top of a panel to its picture
const FEW = 80; // steps of a trail that are marked one by one, at most

/** The panel's title, and its note at the right. */
export function heading(g, panel, width, theme) {
  const left = text(g, panel.title, 0, 14, theme.ink, theme, { size: 12, weight: 500 });
  if (!panel.note) return;
  g.font = `400 11px ${theme.font}`;
  const note = shortened(g, panel.note, width - left - 16);
  text(g, note, width, 14, theme.dim, theme, { align: "right" });
}

/** The words, or as many letters as fit with "…" after them. `g.font` is set. */
export function shortened(g, words, room) {
  if (g.measureText(words).width <= room) return words;
  let end = words.length;
  while (end > 0 && g.measureText(`${words.slice(0, end)}…`).width > room) end -= 1;
  return end ? `${words.slice(0, end).trimEnd()}…` : "";
}

/** A path over a map, with an edge of paper; its steps are marked one by one if they are few. */
export function paintTrail(g, points, hue, theme, dash = []) {
  stroke(g, points, theme.paper, 3.5, [], 0.8);
  stroke(g, points, theme[hue], 1.6, dash, 0.95);
  if (points.length > FEW) return;
  for (const [x, y] of points) if (!Number.isNaN(y)) dot(g, x, y, 1.9, theme[hue]);
}

/** A bar of colours from −1 to 1. */
export function colourBar(g, colour, x, y, width) {
  const bar = g.createLinearGradient(x, 0, x + width, 0);
  for (let k = 0; k <= 8; k++) bar.addColorStop(k / 8, colour(k / 4 - 1));
  g.fillStyle = bar;
  g.fillRect(x, y, width, 5);
}

/** Mark of a class: a disc for 0, a square for 1. */
export function classMark(g, label, x, y, r, theme, edge) {
  if (!label) return dot(g, x, y, r, theme.neg, edge);
  g.fillStyle = theme.pos;
  g.fillRect(x - r, y - r, 2 * r, 2 * r);
  if (!edge) return;
  g.strokeStyle = edge;
  g.lineWidth = 1.5;
  g.strokeRect(x - r, y - r, 2 * r, 2 * r);
}

/** Points (x, y, label; 0 … 255 over the box) and a cross on each that is wrong. */
export function paintPoints(g, points, wrong, box, theme) {
  const r = box.width > 170 ? 2.6 : 2;
  const at = (i) => onBox(points[3 * i], points[3 * i + 1], box);
  for (let i = 0; 3 * i < points.length; i++) {
    const [x, y] = at(i);
    classMark(g, points[3 * i + 2], x, y, r, theme, theme.paper);
  }
  if (!wrong) return;
  g.beginPath();
  for (let i = 0; i < wrong.length; i++) {
    if (!wrong[i]) continue;
    const [x, y] = at(i);
    for (const d of [3.6, -3.6]) {
      g.moveTo(x - 3.6, y - d);
      g.lineTo(x + 3.6, y + d);
    }
  }
  g.strokeStyle = theme.ink;
  g.lineWidth = 1.4;
  g.stroke();
}

/** Pixel of a point given by two bytes; the byte 0 of y lies at the bottom. */
export function onBox(x, y, box) {
  return [box.x + (x / 255) * box.width, box.y + (1 - y / 255) * box.height];
}

/** A histogram as an area with a line on top; `counts` of 255 reach the full height. */
export function paintHistogram(g, counts, x, y, width, height, colour) {
  const step = width / counts.length;
  const top = [];
  for (let k = 0; k < counts.length; k++) {
    const at = y + height * (1 - counts[k] / 255);
    top.push([x + k * step, at], [x + (k + 1) * step, at]);
  }
  g.globalAlpha = 0.22;
  g.fillStyle = colour;
  g.beginPath();
  g.moveTo(x, y + height);
  for (const [px, py] of top) g.lineTo(px, py);
  g.lineTo(x + width, y + height);
  g.fill();
  stroke(g, top, colour, 1.2, [], 0.9);
}

/** A hairline at zero if it lies inside. */
export function zeroLine(g, low, high, x, y, width, height, theme) {
  if (low >= 0 || high <= 0) return;
  const at = x + (width * -low) / (high - low);
  stroke(
    g,
    [
      [at, y],
      [at, y + height],
    ],
    theme.dim,
    1,
    [1, 2],
    0.8,
  );
}

/** A box with round corners around what `inside` paints. */
export function rounded(g, box, colour, width, inside) {
  const outline = () => {
    g.beginPath();
    g.roundRect(box.x, box.y, box.width, box.height, 3);
  };
  g.save();
  outline();
  g.clip();
  inside();
  g.restore();
  outline();
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.stroke();
}
