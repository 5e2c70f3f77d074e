// A slider for two numbers over a panel's canvas: dragged, or moved by the arrow keys.
//
// The hand goes before the kernel: what it does is shown at once, until a frame confirms it.

import { dragging } from "../drag.js";
import { handle, placeHandle } from "../handles.js";

const PATIENCE = 1000; // milliseconds without an answer after which the kernel's value shows again
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const BIG = 10; // with Shift

const near = (a, b) => a.every((v, k) => Math.abs(v - b[k]) <= 1e-3 * Math.max(Math.abs(v), 1e-3));

export class Grip {
  /** `knob` is what it turns. `place` sets `plane`: {at(value), back(x, y), moved(value, dx, dy)}. */
  constructor(box, className, label, knob, { later, ask }) {
    Object.assign(this, { knob, later, ask });
    this.held = null; // {value, since}: newer than any frame
    this.down = false;
    this.button = handle(box, className, label, (key, shift) => this.press(key, shift));
    dragging(this.button, box, {
      start: () => {
        this.down = true;
      },
      move: (x, y) => this.put(this.plane.back(x, y)),
      end: () => {
        this.down = false;
        this.ask();
      },
    });
  }

  press(key, shift) {
    if (!(key in KEYS) || !this.plane) return false;
    const [dx, dy] = KEYS[key].map((d) => d * (shift ? BIG : 1));
    this.put(this.plane.moved(this.value, dx, dy));
  }

  put(value) {
    this.value = value;
    this.held = { value, since: performance.now() };
    this.later("turn", { knob: this.knob, value });
    this.ask();
    clearTimeout(this.timer);
    this.timer = setTimeout(this.ask, PATIENCE + 20);
  }

  /** The value as the hand has it, else the kernel's. */
  shown(value) {
    const { held } = this;
    const late = held && performance.now() - held.since > PATIENCE;
    if (held && !this.down && (late || near(held.value, value))) this.held = null;
    this.value = this.held?.value ?? value;
    return this.value;
  }

  /** Lay the slider where its value lies; returns that place. `range`: of the first number. */
  place(plane, words, [low, high], colour) {
    this.plane = plane;
    const [x, y] = plane.at(this.value);
    placeHandle(this.button, x, y, { value: this.value[0], words, low, high, colour });
    return [x, y];
  }
}
