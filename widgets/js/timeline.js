// The sheet of strips: its canvas, the crosshair, going to a step, and a hand for each lane.
import { dragging } from "./drag.js";
import { handle, make, placeHandle, update } from "./handles.js";
import { LaneHand } from "./lane_hand.js";
import { rowAt, stripsLayout } from "./layout.js";
import { clamp, fit, widthOf } from "./paint.js";
import { whole } from "./scales.js";
import { paintStrips, readAloud } from "./strips.js";

const STRIDE = [30, 150]; // steps a key press moves the crosshair, and with Shift

export class Timeline {
  constructor(parent, { hand, outbox, ask, say }) {
    Object.assign(this, { hand, outbox, ask, say });
    this.look = null; // the crosshair's step
    this.pens = new Map(); // knob → [step, value]: where each pen stands
    this.lanes = new Map(); // knob → LaneHand
    this.sheet = make("div", parent, { className: "face-sheet face-time" });
    this.canvas = make("canvas", this.sheet);
    update(this.canvas, { role: "img" });
    const label = "crosshair: left and right read the curves, Enter goes to that step";
    this.cross = handle(this.sheet, "face-cross", label, (key, shift) =>
      this.readByKey(key, shift),
    );
    this.cross.addEventListener("blur", () => this.lookAt(null));
    dragging(this.canvas, this.sheet, this.going());
    dragging(this.cross, this.sheet, this.going());
    this.sheet.addEventListener("pointermove", (event) => this.hover(event));
    this.sheet.addEventListener("pointerleave", () => this.lookAt(null));
  }

  lookAt(step) {
    if (step === this.look || this.hand.down) return;
    this.look = step;
    this.ask();
  }

  hover(event) {
    if (!this.layout || event.pointerType === "touch") return;
    const box = this.sheet.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { left, right } = this.layout.x;
    const over = x > left - 4 && x < right + 4 && rowAt(this.layout, y);
    this.lookAt(over ? Math.round(this.layout.x.back(x)) : null);
  }

  // going to a step: a press or a drag in the past, or of the pill

  stepAt = (x) => clamp(Math.round(this.layout.x.back(x)), 0, Math.max(this.known, 0));

  get known() {
    return Math.max(this.picture.end, this.picture.step);
  }

  going() {
    let live = true; // a finger may still turn out to scroll: it goes only when it is lifted
    const move = (x) => {
      const step = this.stepAt(x);
      if (step === this.hand.stepOf(this.picture)) return;
      this.hand.goTo(step);
      if (live) this.outbox.later("go_to", { step });
      this.ask();
    };
    const start = (x, y, event) => {
      if (!this.layout || (event.target === this.canvas && !rowAt(this.layout, y))) return false;
      live = event.pointerType !== "touch";
      this.look = null;
      this.hand.down = true;
      if (event.target === this.canvas) move(x);
    };
    const end = (kept) => {
      const step = this.hand.gone.get("step")?.value;
      if (!kept) this.hand.drop();
      else if (!live && step !== undefined) this.outbox.later("go_to", { step });
      this.release();
    };
    return { start, move, end };
  }

  /** The hand has let go. */
  release() {
    this.hand.down = false;
    this.ask();
  }

  readByKey(key, shift) {
    if (key === "Enter") {
      const step = clamp(this.look ?? this.picture.step, 0, this.known);
      this.hand.goTo(step);
      this.outbox.later("go_to", { step });
      this.look = null;
      return this.ask();
    }
    const stride = (this.picture.stride ?? STRIDE)[shift ? 1 : 0];
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageUp: 5, PageDown: -5 };
    const ends = { Home: 0, End: this.known };
    if (!(key in by) && !(key in ends)) return false;
    const from = this.look ?? this.picture.step;
    this.look = ends[key] ?? clamp(from + by[key] * stride, 0, this.picture.horizon);
    this.say(readAloud(this.picture, this.look));
    this.ask();
  }

  // painting

  paint(picture, theme, narrow) {
    this.picture = picture;
    const width = this.sheet.clientWidth;
    const measure = (words) => widthOf(this.canvas.getContext("2d"), words, theme);
    const kept = this.hand.down ? this.layout?.lines : undefined; // nothing moves under a drag
    this.layout = stripsLayout(picture, width, narrow, measure, kept);
    const g = fit(this.canvas, width, this.layout.height);
    paintStrips(g, picture, this.layout, theme, this.look);
    this.place(theme);
  }

  /** A strip was switched off: its handles go with it. */
  forget(knob, lane) {
    lane.box.remove();
    this.lanes.delete(knob);
  }

  place(theme) {
    for (const { lane } of this.picture.strips) {
      if (!lane || this.lanes.has(lane.knob)) continue;
      this.lanes.set(lane.knob, new LaneHand(this, lane.knob, lane.name));
    }
    for (const [knob, lane] of this.lanes) {
      if (lane.row) lane.place(theme);
      else this.forget(knob, lane);
    }
    const { horizon, strips } = this.picture;
    const step = this.look ?? this.picture.step;
    const [x, y] = [this.layout.x.at(this.picture.step), this.layout.bottom + 13];
    const words = `step ${whole(step)}`;
    placeHandle(this.cross, x, y, { value: step, words, low: 0, high: horizon });
    const titles = strips.map((plot) => plot.title).join(", ");
    update(this.canvas, {
      "aria-label": `Over the steps: ${titles}. The sliders read and turn them.`,
    });
  }
}
