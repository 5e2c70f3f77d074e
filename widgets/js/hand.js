// The hand goes before the kernel: what it does is shown at once, until a frame confirms it.

const PATIENCE = 1000; // milliseconds without an answer after which the kernel's value shows again

const near = (a, b) => Math.abs(a - b) <= 1e-3 * Math.max(Math.abs(a), Math.abs(b));
const samePlan = (a, b) =>
  a.length === b.length && a.every(([s, v], i) => Math.abs(s - b[i][0]) < 1 && near(v, b[i][1]));

export class Hand {
  constructor(ask) {
    this.ask = ask; // for a new paint, when patience has ended
    this.turned = new Map(); // knob → {value, since}
    this.planned = new Map(); // knob → {value: points, since}
    this.gone = new Map(); // "step" → {value, since}
    this.down = false; // a drag is going on: nothing is given back, and the axes stand still
    this.axes = new Map(); // strip → its y axis when the drag began
  }

  turn = (knob, value) => this.hold(this.turned, knob, value);
  plan = (knob, points) => this.hold(this.planned, knob, points);
  goTo = (step) => this.hold(this.gone, "step", step);

  hold(map, key, value) {
    map.set(key, { value, since: performance.now() });
    clearTimeout(this.timer);
    this.timer = setTimeout(this.ask, PATIENCE + 20);
  }

  /** What the hand has made of a lane's value and plan, and of the step: newer than any paint. */
  valueOf = (lane) => this.turned.get(lane.knob)?.value ?? lane.value;
  planOf = (lane) => this.planned.get(lane.knob)?.value ?? lane.plan;
  stepOf = (picture) => this.gone.get("step")?.value ?? picture.step;

  /** Forget what a cancelled drag has planned, and where it has gone. */
  drop(knob) {
    this.planned.delete(knob);
    this.gone.clear();
  }

  /** The picture as the hand has it. */
  shown(picture) {
    this.release(picture);
    if (!this.down) this.axes = new Map(picture.strips.map((plot) => [plot.id, plot.y]));
    if (!this.down && !this.turned.size && !this.planned.size && !this.gone.size) return picture;
    const strips = picture.strips.map((plot) => ({
      ...plot,
      y: this.axes.get(plot.id) ?? plot.y,
      lane: plot.lane && this.lane(plot.lane),
    }));
    return { ...picture, strips, step: this.stepOf(picture) };
  }

  /** A lane as the hand has it. */
  lane(lane) {
    const off = lane.off && !this.turned.has(lane.knob); // to turn a threshold is to clip
    return { ...lane, value: this.valueOf(lane), plan: this.planOf(lane), off };
  }

  release(picture) {
    if (this.down) return;
    const lanes = picture.strips.map((plot) => plot.lane).filter(Boolean);
    const laneOf = (knob) => lanes.find((lane) => lane.knob === knob);
    settle(this.turned, (knob, v) => near(laneOf(knob)?.value ?? v, v) && !laneOf(knob)?.off);
    settle(this.planned, (knob, points) => samePlan(laneOf(knob)?.plan ?? points, points));
    settle(this.gone, (_, step) => picture.step === step);
  }
}

function settle(map, confirmed) {
  for (const [key, { value, since }] of map) {
    if (confirmed(key, value) || performance.now() - since > PATIENCE) map.delete(key);
  }
}
