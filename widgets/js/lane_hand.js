// What a hand can take hold of in one lane: now-handle, pen, the future, the line, "clear".
import { dragging } from "./drag.js";
import { handle, make, placeBox, placeHandle, update } from "./handles.js";
import { clamp } from "./paint.js";
import { neat, nudged, penOf, upBy } from "./pens.js";
import { number, whole } from "./scales.js";
import { drawn } from "./values.js";

const GRID = 300; // points of a plan over the whole axis, at most
const WALK = 60; // key presses of a pen from end to end
const GRIP = 14; // pixels around a line that can be dragged

export class LaneHand {
  /** `time`: the Timeline this belongs to; `knob`: of the lane. */
  constructor(time, knob, name) {
    this.time = time;
    this.knob = knob;
    const { sheet, cross } = time;
    const within = document.createElement("div"); // display: contents, in tab order before the pill
    within.className = "face-lane";
    sheet.insertBefore(within, cross);
    this.box = within;
    this.future = make("div", within, { className: `face-future face-future-${knob}` });
    this.drawByPointer(this.future);
    if (knob === "threshold") {
      this.line = make("div", within, { className: "face-line" });
      dragging(this.line, sheet, this.turning());
    }
    if (knob !== "guess") {
      this.now = handle(within, "face-now", `${name} now`, (key) => this.turnByKey(key));
      dragging(this.now, sheet, this.turning());
    }
    const label = `${knob === "guess" ? name : `planned ${name}`}, a pen: left and right move it, up and down draw, Delete clears`;
    this.pen = handle(within, "face-pen", label, (key) => this.penByKey(key));
    dragging(this.pen, sheet, this.penDrag());
    this.clear = make("button", within, { type: "button", className: "face-clear" });
    this.clear.textContent = "clear";
    update(this.clear, { "aria-label": `clear ${knob === "guess" ? name : `planned ${name}`}` });
    this.clear.addEventListener("click", () => this.clearPlan());
  }

  get row() {
    return this.time.layout.rows.find((row) => row.plot.lane?.knob === this.knob);
  }

  /** The lane's plot as the hand has it by now: keys and pointer may outrun the screen. */
  get plot() {
    const { plot } = this.row;
    return { ...plot, lane: this.time.hand.lane(plot.lane) };
  }

  get lane() {
    return this.plot.lane;
  }

  get penAt() {
    return penOf(this.plot, this.time.pens, this.time.picture);
  }

  valueAt = (y) => neat(this.row.y.back(y), this.row.plot);

  // turning: the now-handle, and the line of a limit at any step

  turn(value) {
    this.time.hand.turn(this.knob, value);
    this.time.outbox.later("turn", { knob: this.knob, value });
    this.time.ask();
  }

  turning() {
    const grip = (_x, y) => {
      this.time.hand.down = true;
      this.offset = y - this.row.y.at(this.lane.value); // the value does not jump to the pointer
    };
    const move = (_x, y) => this.turn(this.valueAt(y - this.offset));
    return { start: grip, move, end: () => this.time.release() };
  }

  turnByKey(key) {
    const presses = upBy(key);
    if (!presses) return false;
    this.turn(nudged(this.lane.value, presses, this.plot));
  }

  // drawing: in the future of the lane, with the pointer or with the pen

  stepAt(x) {
    const { step, horizon } = this.time.picture;
    const grid = Math.max(1, Math.round(horizon / GRID));
    return clamp(Math.round(this.row.x.back(x) / grid) * grid, step + 1, horizon);
  }

  draw(from, to, value) {
    const { step } = this.time.picture;
    const plan = this.lane.plan.filter(([at]) => at > step || this.knob === "guess");
    this.time.hand.plan(this.knob, drawn(plan, from, to, value));
    this.time.pens.set(this.knob, [to, value]);
    this.time.look = to;
    this.time.ask();
  }

  drawByPointer(target) {
    let last = null;
    const move = (x, y) => {
      const to = this.stepAt(x);
      this.draw(last ?? to, to, this.valueAt(y));
      last = to;
    };
    const start = (x, y) => {
      this.time.hand.down = true;
      last = null;
      move(x, y);
    };
    dragging(target, this.time.sheet, { start, move, end: (kept) => this.finish(kept) });
  }

  penDrag() {
    const start = () => {
      this.time.hand.down = true;
    };
    const move = (x, y) => this.draw(this.penAt[0], this.stepAt(x), this.valueAt(y));
    return { start, move, end: (kept) => this.finish(kept) };
  }

  /** A drag commits its plan when the pointer is lifted, and only then. */
  finish(kept) {
    const { hand } = this.time;
    if (kept && hand.planned.has(this.knob)) this.commit(hand.planned.get(this.knob).value);
    else {
      hand.drop(this.knob);
      this.time.pens.delete(this.knob);
    }
    this.time.release();
  }

  commit(points) {
    this.time.hand.plan(this.knob, points);
    if (this.knob === "guess") this.time.outbox.later("guess", { points });
    else this.time.outbox.later("plan", { knob: this.knob, points });
  }

  clearPlan() {
    this.time.pens.delete(this.knob);
    this.commit([]);
    this.time.say("plan cleared");
    this.pen.focus({ preventScroll: true }); // the button goes away
    this.time.ask();
  }

  penByKey(key) {
    if (key === "Delete" || key === "Backspace") return this.clearPlan();
    const up = upBy(key);
    const right = { ArrowRight: 1, ArrowLeft: -1 }[key] ?? 0;
    if (!up && !right) return false;
    const { step, horizon } = this.time.picture;
    const [from, value] = this.penAt;
    const to = clamp(Math.round(from + (right * horizon) / WALK), step + 1, horizon);
    const next = up ? nudged(value, up, this.row.plot) : value;
    this.time.pens.set(this.knob, [to, next]);
    if (up || this.lane.plan.length) {
      this.draw(from, to, next);
      this.commit(this.time.hand.planned.get(this.knob).value);
    }
    this.time.look = null;
    this.time.say(`step ${whole(to)}: ${number(next)}`);
    this.time.ask();
  }

  // places

  place(theme) {
    const { row, lane, time } = this;
    this.box.hidden = !row;
    if (!row) return;
    const { picture } = time;
    const nowX = row.x.at(picture.step);
    placeBox(this.future, nowX + 2, row.top, row.x.right - nowX - 2, row.height);
    if (this.now) this.placeNow(nowX, theme);
    if (this.line) {
      const right = lane.plan.length ? nowX : row.x.right;
      const y = row.y.at(lane.value) - GRIP / 2;
      placeBox(this.line, row.x.left, y, right - row.x.left, GRIP);
    }
    this.placePen();
    update(this.clear, { left: `${row.titleEnd}px`, top: `${row.head - 13}px` });
    this.clear.hidden = !lane.plan.length;
  }

  placeNow(x, theme) {
    const { low, high, value, off, hue } = this.lane;
    const words = off ? `off, at ${number(value)}` : number(value);
    const colour = theme[hue];
    placeHandle(this.now, x, this.row.y.at(value), { value, words, low, high, colour });
  }

  placePen() {
    const { row, lane } = this;
    const [step, value] = this.penAt;
    const words = `step ${whole(step)}, ${number(value)}`;
    const [low, high] = [lane.low ?? row.plot.y.low, lane.high ?? row.plot.y.high];
    placeHandle(this.pen, row.x.at(step), row.y.at(value), { value, words, low, high });
    this.pen.classList.toggle("face-drawn", lane.plan.length > 0);
  }
}
