// A panel beside or below the strips: one canvas, painted by the panel's kind.
import { make, update } from "./handles.js";
import { clamp, fit } from "./paint.js";

const MOST = 640; // px: a network beside many strips is not drawn higher

export class Sheet {
  /** A sheet for panels of one kind, and its painter.
   *
   * `ask` repaints it, `say` reads words aloud, `send` tells the kernel, `later` with the next frame
   * of the screen.
   */
  constructor(parent, kind, painter, { ask, say, send, later }) {
    this.kind = kind;
    this.painter = painter;
    this.state = {}; // what the panel remembers: the neuron that is pointed at
    this.say = say;
    this.box = make("div", parent, { className: `face-sheet face-${kind}` });
    this.canvas = make("canvas", this.box);
    this.ask = () => {
      this.dirty = true;
      ask();
    };
    this.dirty = true;
    this.painter?.mount?.(this.box, this.state, send, { later, ask: this.ask });
    if (this.painter?.point) this.followPointer();
    if (this.painter?.key) this.followKeys();
  }

  followPointer() {
    const point = (x, y) => {
      if (this.panel && this.painter.point(this.state, x, y)) this.ask();
    };
    this.canvas.addEventListener("pointermove", (event) => point(event.offsetX, event.offsetY));
    this.canvas.addEventListener("pointerdown", (event) => point(event.offsetX, event.offsetY));
    for (const name of ["pointerleave", "blur"]) {
      this.canvas.addEventListener(name, () => point(null, null));
    }
  }

  followKeys() {
    this.canvas.tabIndex = 0;
    this.canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.panel) return;
      const words = this.painter.key(this.state, event.key);
      if (words === null || words === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      if (words) this.say(words);
      this.ask();
    });
  }

  /** Paint a panel; `beside`: the height of the strips beside it, which a drawing may fill. */
  paint(panel, arrays, theme, beside = 0) {
    this.panel = panel;
    this.dirty = false;
    const width = this.box.clientWidth;
    if (!this.painter || !width) return;
    const wanted = this.painter.height(panel, width, this.box);
    const height = Math.round(
      panel.kind === "network" && beside ? clamp(beside, wanted, MOST) : wanted,
    );
    this.painter.paint(
      fit(this.canvas, width, height),
      panel,
      arrays,
      theme,
      width,
      height,
      this.state,
    );
    this.describe(panel);
  }

  describe(panel) {
    const words =
      this.painter.describe?.(panel) ?? [panel.title, panel.note].filter(Boolean).join(": ");
    const keys = this.painter.key ? ". Arrow keys walk through it, Escape ends." : "";
    update(this.canvas, {
      role: this.painter.key ? "application" : "img",
      "aria-label": `${words || panel.kind}${keys}`,
    });
  }
}
