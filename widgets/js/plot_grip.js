// A handle on a plot's curve: it goes from sample to sample along x, by hand or by arrow keys.
//
// An answer may take the kernel a second, so the next place goes out only with the frame that
// answers the last one.

import { clamp } from "./paint.js";
import { Grip } from "./panels/grip.js";

const PATIENCE = 3000; // milliseconds after which a place goes out without an answer

/** The painter of plots, with a handle for those that have a `drag` (see picture.py). */
export const withHandle = (plot) => ({
  ...plot,
  mount: (box, state, _send, tools) => Object.assign(state, { box, tools }),
  paint(g, panel, arrays, theme, width, height, state) {
    plot.paint(g, panel, arrays, theme, width, height, state);
    if (panel.drag) placeGrip(panel, state.row, arrays, theme, state);
  },
});

function placeGrip({ drag }, row, arrays, theme, state) {
  state.grip ??= new Grip(state.box, "face-drag", drag.name, drag.knob, paced(state));
  if (state.answered !== arrays) {
    state.answered = arrays;
    state.go(true);
  }
  const [x, y] = [arrays[drag.x], arrays[drag.y]];
  const [now, height] = drag.at;
  const nearest = (px) => {
    const far = Array.from(x, (v) => Math.abs(row.x.at(v) - px));
    return far.indexOf(Math.min(...far));
  };
  const at = ([v]) => {
    const known = v === now ? height : knownNear(y, nearest(row.x.at(v)), height);
    return [row.x.at(v), clamp(row.y.at(known), row.top, row.top + row.height)];
  };
  const moved = ([v], dx, dy) => {
    const i = nearest(row.x.at(v)) + dx + dy;
    return [x[clamp(i, 0, x.length - 1)]];
  };
  const [v] = state.grip.shown([now]);
  const words = v === now ? drag.words : String(v);
  const plane = { at, back: (px) => [x[nearest(px)]], moved };
  state.grip.place(plane, words, [x[0], x[x.length - 1]], theme.ink);
}

/** The known height nearest to sample i; `otherwise` if there is none. */
function knownNear(y, i, otherwise) {
  for (let k = 0; k < y.length; k++) {
    for (const j of [i - k, i + k]) if (y[j] > 0) return y[j];
  }
  return otherwise;
}

/** What a grip sends with, at most one message at a time; `state.go(true)`: a frame has come. */
function paced(state) {
  const { later, ask } = state.tools;
  let next = null;
  let sent = Number.NEGATIVE_INFINITY;
  state.go = (answered) => {
    if (answered) sent = Number.NEGATIVE_INFINITY;
    if (!next || performance.now() - sent < PATIENCE) return;
    later(...next);
    sent = performance.now();
    next = null;
  };
  return {
    ask,
    later(kind, { knob, value }) {
      next = [kind, { knob, value: value[0] }];
      state.go(false);
    },
  };
}
