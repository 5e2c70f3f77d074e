// A figure in a page: a script inside it draws it anew over the still.
import { make } from "./handles.js";
import { plotPanel } from "./plot.js";
import { Sheet } from "./sheet.js";
import { keepKeys, watchSize } from "./sight.js";
import { paperBehind, themeOf, watchTheme } from "./theme.js";

export class Figure {
  constructor(figure, content) {
    const { knob, values, start, stops, arrays } = content;
    this.figure = figure;
    this.content = content;
    this.stops = stops;
    this.numbers = arrays.map((line) => Float64Array.from(line.split(" "), numberOf));
    this.still = figure.querySelector("img");
    this.box = make("div", figure, { className: "plot-sheets" });
    this.live = make("div", figure, { className: "face-live" });
    this.live.setAttribute("role", "status");
    this.still.before(this.box);
    this.match(stops[0].panels.length);
    if (knob) this.addSlider(figure.querySelector(".plot-knob"), knob, values, start);
    this.show(start);
    this.still.hidden = true;
    this.still.style.display = "none";
    this.watch();
  }

  get painter() {
    return plotPanel;
  }

  match(count) {
    const say = (words) => {
      this.live.textContent = words;
    };
    const tools = { say, ask: () => this.schedule() };
    this.box.style.setProperty("--plots", count);
    this.sheets = Array.from({ length: count }, () => {
      return new Sheet(this.box, "plot", this.painter, tools);
    });
  }

  /** A slider in place of the words that say where it stands. */
  addSlider(place, name, values, start) {
    place.textContent = "";
    const label = make("label", place);
    make("span", label, { textContent: name });
    const last = String(values.length - 1);
    const input = make("input", label, { type: "range", min: "0", max: last, step: "1" });
    const value = make("b", label, { ariaHidden: "true" });
    const tell = () => {
      value.textContent = values[+input.value];
      input.setAttribute("aria-valuetext", values[+input.value]);
    };
    input.value = String(start);
    input.setAttribute("aria-label", name);
    input.addEventListener("input", () => {
      tell();
      this.show(+input.value);
    });
    tell();
  }

  show(index) {
    const stop = this.stops[index];
    this.panels = stop.panels;
    this.arrays = {};
    for (const [name, line] of Object.entries(stop.arrays)) this.arrays[name] = this.numbers[line];
    this.figure.querySelector("figcaption em").textContent = stop.caption;
    this.soil();
  }

  /** Watch the page while the figure is in it: a notebook takes cells out and puts them back. */
  watch() {
    const stops = [];
    const recolour = () => {
      if (!this.figure.isConnected) for (const stop of stops.splice(0)) stop();
      this.theme = null;
      this.soil();
    };
    const arm = () => {
      if (stops.length || !this.figure.isConnected) return;
      stops.push(keepKeys(this.figure), watchTheme(recolour));
      stops.push(watchSize(this.box, () => this.soil()));
    };
    new ResizeObserver(arm).observe(this.box);
  }

  soil() {
    for (const sheet of this.sheets) sheet.dirty = true;
    this.schedule();
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    if (!this.box.clientWidth) {
      // Hidden: it is resized when it comes into sight. Only if it does so in this very frame, as at
      // a change of theme, it is not: look once more in the next.
      if (!this.looked) this.schedule();
      this.looked = true;
      return;
    }
    this.looked = false;
    this.theme ??= this.colours();
    for (const [i, sheet] of this.sheets.entries()) {
      if (sheet.dirty) sheet.paint(this.panels[i], this.arrays, this.theme);
    }
  }

  colours() {
    this.figure.style.removeProperty("--paper");
    const paper = paperBehind(this.figure);
    if (paper) this.figure.style.setProperty("--paper", paper);
    return themeOf(this.figure);
  }
}

/** Python writes inf and nan. */
const numberOf = (word) =>
  word.endsWith("inf") ? Number(`${word}inity`.replace("i", "I")) : +word;

/** Draw the figure that the running script stands in. */
export function draw(Kind) {
  const figure = document.currentScript?.parentElement;
  const data = figure?.querySelector('script[type="application/json"]');
  if (data) new Kind(figure, JSON.parse(data.textContent));
}
