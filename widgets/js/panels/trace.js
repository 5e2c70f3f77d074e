// Back-propagation number by number: cards of numbers, the weights between them as lines.
//
// The numbers are fields of the DOM over the canvas: they take the focus, a new value and a name for
// a screen reader. Nothing is computed here; what is typed goes to the kernel.

import { stroke, text } from "../paint.js";
import { HEAD, heading } from "./common.js";
import { mountNumbers, placeNumbers, room } from "./numbers.js";

const GAP = [26, 130]; // px between two columns: at least, at most
const ROW = [42, 24]; // px above a row of cards, with titles and without
const BESIDE = 10; // px between two cards of a row
const LEGEND = 18;
const DASH = [5, 2.5];

/** {boxes: [{x, y}, …], flows, height} of the cards: in columns if there is room, else in rows. */
export function places({ cards, tall, flows }, width) {
  const columns = [];
  for (const { column, width: w } of cards) columns[column] = Math.max(columns[column] ?? 0, w);
  const least = columns.reduce((sum, w) => sum + w, 0);
  const gap = Math.min((width - least) / Math.max(columns.length - 1, 1), GAP[1]);
  if (!flows && gap >= GAP[0]) {
    const lefts = columns.map((_, c) => columns.slice(0, c).reduce((x, w) => x + w + gap, 0));
    const boxes = cards.map(({ column, top }) => ({ x: lefts[column], y: HEAD + top }));
    return { boxes, flows: false, height: HEAD + tall };
  }
  const boxes = [];
  let [x, y, low] = [0, HEAD + ROW[0], 0];
  for (const [k, card] of cards.entries()) {
    const starts = k > 0 && card.column !== cards[k - 1].column;
    if (k > 0 && (starts || x + card.width > width)) {
      [x, y, low] = [0, y + low + ROW[card.title ? 0 : 1], 0];
    }
    boxes.push({ x, y });
    x += card.width + BESIDE;
    low = Math.max(low, card.height);
  }
  return { boxes, flows: true, height: y + low };
}

/** Where the legend's entries stand: [{x, line, sign, words}, …]; `measure` says how wide words are. */
function legendPlaces(entries, width, measure) {
  let [x, line] = [0, 0];
  return entries.map(([sign, words]) => {
    const wide = 24 + measure(words) + 16;
    if (x > 0 && x + wide - 16 > width) [x, line] = [0, line + 1];
    x += wide;
    return { x: x - wide, line, sign, words };
  });
}

const LETTER = 6.2; // px, more than the mean letter of 11 px: the height comes before the painting
const rough = (words) => LETTER * words.length;
const lastLine = (panel, width) => legendPlaces(panel.legend, width, rough).at(-1).line;

function height(panel, width) {
  return Math.ceil(places(panel, width).height + 12 + LEGEND * (lastLine(panel, width) + 1));
}

function paint(g, panel, _arrays, theme, width, height, state) {
  const place = places(panel, width);
  heading(g, panel, width, theme);
  if (!place.flows) {
    for (const edge of panel.edges) paintEdge(g, panel, edge, place.boxes, theme);
  }
  panel.cards.forEach((card, k) => {
    paintCard(g, panel, card, place.boxes[k], theme);
  });
  paintLegend(g, panel, width, height, theme);
  placeNumbers(state, panel, place.boxes);
}

// ---- painting ----

const hueOf = (level, theme) => (level > 0 ? theme.pos : level < 0 ? theme.neg : theme.rule);

/** A weight as a curved line: solid blue adds, dashed orange takes away; an arrow if it is in use. */
function paintEdge(g, panel, { name, from, to }, boxes, theme) {
  const end = ([card, y], side) => [
    boxes[card].x + side * panel.cards[card].width,
    boxes[card].y + y,
  ];
  const [[x0, y0], [x1, y1]] = [end(from, 1), end(to, 0)];
  const level = name ? panel.numbers[name].level : 0;
  const runs = panel.running.includes(name);
  const middle = (x0 + x1) / 2;
  g.strokeStyle = hueOf(level, theme);
  g.lineWidth = 1 + 3 * Math.abs(level);
  g.globalAlpha = runs ? 1 : 0.45;
  g.setLineDash(level < 0 ? DASH : []);
  g.beginPath();
  g.moveTo(x0, y0);
  g.bezierCurveTo(middle, y0, middle, y1, x1, y1);
  g.stroke();
  g.setLineDash([]);
  g.globalAlpha = 1;
  if (!runs || !panel.step.way) return;
  const ahead = panel.step.way === "forward" ? 5 : -5;
  g.fillStyle = theme.ink;
  g.beginPath();
  g.moveTo(middle + ahead, (y0 + y1) / 2);
  for (const d of [4, -4]) g.lineTo(middle - ahead, (y0 + y1) / 2 + d);
  g.fill();
}

function paintCard(g, panel, card, { x, y }, theme) {
  g.fillStyle = theme.paper;
  g.strokeStyle = theme.rule;
  g.lineWidth = 1;
  g.beginPath();
  g.roundRect(x + 0.5, y + 0.5, card.width - 1, card.height - 1, 5);
  g.fill();
  for (const [name, left, top, width] of card.cells) {
    const { level } = panel.numbers[name];
    const value = x + left + Math.max(0, width - room(name));
    g.fillStyle = hueOf(level, theme);
    g.globalAlpha = 0.3 * Math.abs(level);
    g.fillRect(value, y + top + 1, Math.min(width, room(name)) - 2, 18);
  }
  g.globalAlpha = 1;
  g.stroke();
  if (card.title) text(g, card.title, x, y - 20, theme.ink, theme, { size: 12, weight: 500 });
  for (const [at, words, align] of card.heads) {
    text(g, words, x + at, y - 5, theme.dim, theme, { align });
  }
  for (const [, left, top, , label] of card.cells) {
    if (label) text(g, label, x + left + 3, y + top + 14, theme.dim, theme);
  }
}

/** What colours and marks mean, in a line or more at the bottom. */
function paintLegend(g, panel, width, height, theme) {
  const top = height - LEGEND * (lastLine(panel, width) + 1) + 4;
  const entries = legendPlaces(panel.legend, width, rough);
  for (const { x, line, sign, words } of entries) {
    const y = top + line * LEGEND;
    if (sign === "pos" || sign === "neg") {
      g.globalAlpha = 0.3;
      g.fillStyle = theme[sign];
      g.fillRect(x, y - 5, 18, 14);
      g.globalAlpha = 1;
      const dash = sign === "neg" ? DASH : [];
      stroke(g, flat(x, y + 2, 18), theme[sign], 2.5, dash);
    } else if (sign === "active") {
      g.strokeStyle = theme.ink;
      g.lineWidth = 1.5;
      g.strokeRect(x + 1, y - 4, 16, 12);
    } else if (sign === "changed") stroke(g, flat(x, y + 7, 18), theme.hand, 3);
    else stroke(g, flat(x, y + 7, 18), theme.dim, 1, [1, 2]);
    text(g, words, x + 24, y + 6, theme.dim, theme);
  }
}

const flat = (x, y, width) => [
  [x, y],
  [x + width, y],
];

const describe = (panel) => `${panel.title}. ${panel.note}`;

export const trace = { height, paint, describe, mount: mountNumbers };
