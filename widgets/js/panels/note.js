// Words instead of a picture: why there is nothing to see.

import { text } from "../paint.js";
import { HEAD, heading } from "./common.js";

const LINE = 18;
const LETTER = 7.2; // px, more than the mean letter of 12 px: the height comes before the painting

const top = (panel) => (panel.title ? HEAD : 4);

function height(panel, width) {
  return top(panel) + LINE * Math.ceil((panel.words.length * LETTER) / width + 0.4) + 4;
}

function paint(g, panel, _arrays, theme, width) {
  if (panel.title) heading(g, panel, width, theme);
  g.font = `400 12px ${theme.font}`;
  wrapped(g, panel.words, width).forEach((line, k) => {
    text(g, line, 0, top(panel) + 12 + LINE * k, theme.dim, theme, { size: 12 });
  });
}

/** Lines of whole words that fit. `g.font` is set. */
function wrapped(g, words, width) {
  const lines = [""];
  for (const word of words.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (g.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

export const note = { height, paint };
