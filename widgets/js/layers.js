// The layers of a plot. `row` knows the axes (x.at, y.at, top, height) and the plot.
import { area, clamp, diamond, dot, stroke, text } from "./paint.js";
import { series } from "./values.js";

const LOOKS = {
  solid: { width: 2.2 },
  line: { width: 1.4 },
  thin: { width: 1, alpha: 0.42 },
  dotted: { width: 1.5, dash: [1.5, 2.5] },
  dashed: { width: 1.8, dash: [6, 3] },
  stairs: { width: 2, steps: true },
  "stairs-dashed": { width: 1.5, dash: [5, 3], steps: true },
};
const BAND = 0.14; // opacities
const SHADE = 0.15;

const PAINT = { curve, band, shade, level, points, text: words, arrows };

/** Paint the layers of a row in their order, clipped to the plot. */
export function paintLayers(g, row, arrays, theme) {
  g.save();
  g.beginPath();
  g.rect(row.x.left - 1, row.top - 1, row.x.right - row.x.left + 2, row.height + 2);
  g.clip();
  for (const layer of row.plot.layers) PAINT[layer.kind]?.(g, row, layer, arrays, theme);
  g.restore();
}

/** The corners of stairs: each y holds from its x on until the next x. */
export function stairs(points) {
  return points.flatMap(([x, y], i) =>
    i
      ? [
          [x, points[i - 1][1]],
          [x, y],
        ]
      : [[x, y]],
  );
}

/** A layer's samples in pixels. */
export function pixels(row, layer, arrays) {
  const { x, y } = series(layer, arrays);
  const points = Array.from(y, (v, i) => [row.x.at(x[i]), row.y.at(v)]);
  return LOOKS[layer.look]?.steps ? stairs(points) : points;
}

function curve(g, row, layer, arrays, theme) {
  const look = LOOKS[layer.look] ?? LOOKS.line;
  const alpha = (look.alpha ?? 1) * (layer.fade ?? 1);
  stroke(g, pixels(row, layer, arrays), theme[layer.hue], look.width, look.dash, alpha);
}

function band(g, row, layer, arrays, theme) {
  const edge = (side) =>
    typeof side === "number" ? null : pixels(row, { ...layer, y: side }, arrays);
  const [low, high] = [edge(layer.low), edge(layer.high)];
  const flat = (points, v) => points.map(([x, y]) => [x, Number.isNaN(y) ? y : row.y.at(v)]);
  const top = high ?? flat(low ?? [], layer.high);
  const bottom = low ?? flat(top, layer.low);
  let from = 0;
  for (let i = 0; i <= top.length; i++) {
    if (i < top.length && !Number.isNaN(top[i][1]) && !Number.isNaN(bottom[i][1])) continue;
    const piece = [...top.slice(from, i), ...bottom.slice(from, i).reverse()];
    area(g, piece, theme[layer.hue], layer.fade ?? BAND);
    from = i + 1;
  }
}

function shade(g, row, layer, arrays, theme) {
  const share = arrays[layer.share] ?? [];
  const { x } = series({ ...layer, y: layer.share }, arrays);
  g.fillStyle = theme[layer.hue];
  for (let i = 0; i < share.length; i++) {
    if (!(share[i] > 0)) continue;
    const [left, right] = stripe(x, i).map(row.x.at);
    g.globalAlpha = SHADE * share[i];
    g.fillRect(left, row.top, right - left + 0.4, row.height);
  }
  g.globalAlpha = 1;
}

/** From where to where the i-th sample reaches: halfway to its neighbours. */
function stripe(x, i) {
  const before = i > 0 ? x[i] - x[i - 1] : (x[1] ?? x[0] + 1) - x[0];
  const after = i + 1 < x.length ? x[i + 1] - x[i] : before;
  return [x[i] - before / 2, x[i] + after / 2];
}

function level(g, row, layer, _arrays, theme) {
  const y = row.y.at(layer.y);
  const look = LOOKS[layer.look] ?? LOOKS.line;
  const ends = [
    [row.x.left, y],
    [row.x.right, y],
  ];
  stroke(g, ends, theme[layer.hue], look.width, look.dash, (look.alpha ?? 1) * (layer.fade ?? 1));
  if (layer.label) levelLabel(g, row, y, layer.label, theme[layer.hue], theme);
}

/** Words at the right end of a horizontal line, above it if there is room. */
export function levelLabel(g, row, y, words, colour, theme) {
  const above = y - 6 > row.top + 9;
  const options = { align: "right", halo: true };
  text(g, words, row.x.right - 4, above ? y - 6 : y + 14, colour, theme, options);
}

function points(g, row, layer, arrays, theme) {
  const { x, y } = series(layer, arrays);
  const size = layer.size ?? 3;
  for (let i = 0; i < y.length; i++) {
    if (Number.isNaN(y[i])) continue;
    marker(g, layer.marker, row.x.at(x[i]), row.y.at(y[i]), size, theme[layer.hue], theme);
  }
}

function marker(g, kind, x, y, size, colour, theme) {
  if (kind === "diamond") diamond(g, x, y, theme.paper, colour, size + 2);
  else if (kind === "cross") {
    for (const d of [1, -1]) {
      const ends = [
        [x - size, y - d * size],
        [x + size, y + d * size],
      ];
      stroke(g, ends, colour, 1.4);
    }
  } else if (kind === "square") {
    g.fillStyle = colour;
    g.fillRect(x - size, y - size, 2 * size, 2 * size);
    g.strokeStyle = theme.paper;
    g.lineWidth = 1;
    g.strokeRect(x - size, y - size, 2 * size, 2 * size);
  } else dot(g, x, y, size, colour, theme.paper);
}

function words(g, row, layer, _arrays, theme) {
  const x = clamp(row.x.at(layer.x), row.x.left + 3, row.x.right - 3);
  const y = clamp(row.y.at(layer.y) + 4, row.top + 11, row.top + row.height - 2);
  const options = { align: layer.align ?? "left", halo: true };
  text(g, layer.words, x, y, theme[layer.hue], theme, options);
}

function arrows(g, row, layer, arrays, theme) {
  const { x, y } = series(layer, arrays);
  const [dx, dy] = [arrays[layer.dx] ?? [], arrays[layer.dy] ?? []];
  for (let i = 0; i < dx.length; i++) {
    const from = [row.x.at(x[i]), row.y.at(y[i])];
    const to = [row.x.at(x[i] + dx[i]), row.y.at(y[i] + dy[i])];
    if (![...from, ...to].every(Number.isFinite)) continue;
    arrow(g, from, to, theme[layer.hue], layer.width ?? 1.5);
  }
}

function arrow(g, from, to, colour, width) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const size = Math.min(4 * width, Math.hypot(to[0] - from[0], to[1] - from[1]) / 2);
  const neck = [to[0] - size * Math.cos(angle) * 0.8, to[1] - size * Math.sin(angle) * 0.8];
  stroke(g, [from, neck], colour, width);
  const corner = (turn) => [
    to[0] - size * Math.cos(angle + turn),
    to[1] - size * Math.sin(angle + turn),
  ];
  area(g, [to, corner(0.5), corner(-0.5)], colour);
}
