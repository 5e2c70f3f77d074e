// The script of `drag`: a gradient to drag, clipped by value and by norm. No kernel computes.
import { draw, Figure } from "./page_figure.js";
import { clamp } from "./paint.js";
import { Grip } from "./panels/grip.js";
import { plotPanel } from "./plot.js";
import { number } from "./scales.js";

const LABEL = "the gradient g: left and right its first entry, up and down its second";
const STEP = 0.25; // of a key press
const ROUND = 60; // corners of the circle

const byValue = (g, limit) => g.map((v) => clamp(v, -limit, limit));

function byNorm(g, limit) {
  const scale = Math.min(1, limit / Math.hypot(...g)); // at g = 0 it is 1
  return g.map((v) => scale * v);
}

/** The angle between two vectors, in degrees. */
function turned([a, b], [c, d]) {
  return Math.abs((180 / Math.PI) * Math.atan2(a * d - b * c, a * c + b * d));
}

const inWords = (v) => `(${v.map((part) => number(part + 0)).join(", ")})`;

class Arrows extends Figure {
  get painter() {
    const mount = (box, state, _send, { ask }) => {
      const later = (_kind, { value }) => this.turn(value);
      state.grip = new Grip(box, "face-point", LABEL, "g", { later, ask });
    };
    const paint = (g, panel, arrays, theme, width, height, state) => {
      plotPanel.paint(g, panel, arrays, theme, width, height, state);
      this.placeGrip(panel, state, theme);
    };
    return { ...plotPanel, point: undefined, key: undefined, mount, paint };
  }

  placeGrip({ x: axis }, { row, grip }, theme) {
    const round = (g) => g.map((v) => Number(clamp(v, axis.low, axis.high).toFixed(2)));
    const plane = {
      at: ([x, y]) => [row.x.at(x), row.y.at(y)],
      back: (px, py) => round([row.x.back(px), row.y.back(py)]),
      moved: ([x, y], dx, dy) => round([x + STEP * dx, y + STEP * dy]),
    };
    grip.shown(this.g);
    grip.place(plane, this.words, [axis.low, axis.high], theme.dim);
  }

  /** Another place of the slider: another threshold. */
  show(index) {
    this.threshold = Number(this.content.values[index]);
    this.turn(this.g ?? this.content.g);
  }

  /** Another gradient. */
  turn(g) {
    this.g = g;
    const clipped = [byValue, byNorm].map((clip) => clip(g, this.threshold));
    const found = clipped.map((v, i) => {
      const angle = Math.round(turned(g, v));
      return `${this.content.kinds[i]}: ${inWords(v)}, turned by ${angle}°`;
    });
    this.panels = this.stops[0].panels.map((panel, i) => {
      return { ...panel, title: found[i], alt: `g = ${inWords(g)}. ${found[i]}` };
    });
    this.arrays = this.draw(g, clipped);
    this.words = `g = ${inWords(g)}; ${found.join("; ")}`;
    this.figure.querySelector("figcaption em").textContent = this.stops[0].caption;
    this.soil();
  }

  draw(g, [value, norm]) {
    const c = this.threshold;
    const angles = Array.from({ length: ROUND + 1 }, (_, i) => (2 * Math.PI * i) / ROUND);
    return {
      zero: [0],
      gx: [g[0]],
      gy: [g[1]],
      vx: [value[0]],
      vy: [value[1]],
      nx: [norm[0]],
      ny: [norm[1]],
      boxx: [-c, c, c, -c, -c],
      boxy: [-c, -c, c, c, -c],
      ringx: angles.map((a) => c * Math.cos(a)),
      ringy: angles.map((a) => c * Math.sin(a)),
    };
  }
}

draw(Arrows);
