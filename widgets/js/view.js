// One view of a lab: frames in, messages out, sheets painted when something has changed.
import { decode } from "./frame.js";
import { Hand } from "./hand.js";
import { make } from "./handles.js";
import { nameKnobs } from "./names.js";
import { Outbox } from "./outbox.js";
import { PANELS } from "./panels/index.js";
import { plotPanel } from "./plot.js";
import { withHandle } from "./plot_grip.js";
import { Sheet } from "./sheet.js";
import { keepKeys, watchMotion, watchSight, watchSize } from "./sight.js";
import { paperBehind, themeOf, watchTheme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { watchPlay } from "./transport.js";

const KINDS = { ...PANELS, plot: withHandle(plotPanel) };
const NARROW = 700; // px: below, everything in one column
const ACK = 10; // every so many frames one is confirmed
const DEAD = "The kernel no longer answers: run this cell again.";
const UNCOPIED = "This browser does not let the page copy: select the text below and copy it.";

/** anywidget's render: builds a view, returns how to take it down. */
export function render({ model, el }) {
  const view = new View(model, el);
  return () => view.dispose();
}

class View {
  constructor(model, el) {
    this.model = model;
    this.root = el;
    el.classList.add("face-view");
    this.outbox = new Outbox(model, Math.random().toString(36).slice(2), () => this.failed());
    this.hand = new Hand(() => this.ask());
    this.build(el);
    this.fresh = true; // a frame waits to be read
    this.acked = 0;
    this.seen = false;
    this.frame = 0; // the animation frame that was asked for
    this.watch(model, el);
    /** For tests: paints counts them, lastSeq and picture are what was painted, geometry where. */
    el.face = { paints: 0, lastSeq: 0, picture: null, geometry: null };
  }

  build(el) {
    const tools = { hand: this.hand, outbox: this.outbox };
    const say = (words) => {
      this.live.textContent = words;
    };
    const send = (kind, content) => this.outbox.send(kind, content);
    const later = (kind, content) => this.outbox.later(kind, content);
    this.panelTools = { say, send, later, ask: () => this.schedule() };
    this.sheets = make("div", el, { className: "face-sheets" });
    this.time = new Timeline(this.sheets, { ...tools, say, ask: () => this.ask() });
    this.places = {
      side: { box: make("div", this.sheets, { className: "face-side" }), sheets: [] },
      below: { box: make("div", el, { className: "face-below" }), sheets: [] },
    };
    this.dead = make("p", el, { className: "face-dead", hidden: true });
    this.dead.setAttribute("role", "status");
    this.live = make("div", el, { className: "face-live" });
    this.live.setAttribute("role", "status");
    this.live.setAttribute("aria-live", "polite");
  }

  watch(model, el) {
    const take = () => {
      this.fresh = true;
      this.dead.hidden = true;
      this.ask();
    };
    const copy = () => this.copy(model.get("copied"));
    model.on("change:frame", take);
    model.on("change:copied", copy);
    this.stops = [
      () => model.off("change:frame", take),
      () => model.off("change:copied", copy),
      watchSize(el, () => this.resized()),
      watchSight(el, (seen) => this.sight(seen)),
      watchTheme(() => this.recolour()),
      watchMotion((on) => this.outbox.send("calm", { on })),
    ];
  }

  /** Paint the strips with the next frame of the screen, and what follows their crosshair. */
  ask() {
    this.timeDirty = true;
    for (const sheet of this.places.side.sheets) {
      if (sheet.painter.follow?.(sheet.state, this.time.look)) sheet.dirty = true;
    }
    this.schedule();
  }

  /** Paint what is dirty with the next frame of the screen. */
  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  resized() {
    if (!this.lab) {
      this.lab = this.root.closest(".face") ?? this.root; // now el is in the page
      const play = (wish) => this.outbox.send("play", wish);
      this.stops.push(keepKeys(this.lab), nameKnobs(this.lab), watchPlay(this.lab, play));
    }
    const width = this.root.clientWidth;
    this.root.classList.toggle("face-narrow", width < NARROW);
    this.repaint();
  }

  recolour() {
    this.theme = null;
    this.repaint();
  }

  /** Paint everything with the next frame of the screen. */
  repaint() {
    this.soil();
    this.schedule();
  }

  soil() {
    this.timeDirty = true;
    for (const { sheets } of Object.values(this.places)) {
      for (const sheet of sheets) sheet.dirty = true;
    }
  }

  sight(seen) {
    if (seen === this.seen) return;
    this.seen = seen;
    this.outbox.send("see", { seq: seen ? this.root.face.lastSeq : null });
    if (seen) this.schedule();
  }

  paint() {
    if (!this.seen) return;
    if (!this.root.clientWidth) return this.schedule(); // JupyterLab is laying its page out anew
    if (this.fresh) this.read();
    if (!this.picture) return;
    this.theme ??= this.colours();
    const shown = this.hand.shown(this.picture);
    if (this.timeDirty && shown.strips.length) {
      this.time.paint(shown, this.theme, this.root.clientWidth < NARROW);
    }
    this.timeDirty = false;
    const alone = this.places.side.sheets.length === 1 && this.root.clientWidth >= NARROW;
    this.paintPanels(this.places.side, shown.side ?? [], alone ? this.time.layout?.height : 0);
    this.paintPanels(this.places.below, shown.below ?? []);
    this.note(shown);
    this.confirm();
  }

  /** The theme, with the paper that the page has behind the lab. */
  colours() {
    const box = this.root.closest(".face") ?? this.root;
    const paper = paperBehind(box);
    for (const element of [box, this.root]) {
      if (paper) element.style.setProperty("--paper", paper);
      else element.style.removeProperty("--paper");
    }
    return themeOf(this.root);
  }

  read() {
    this.fresh = false;
    const picture = decode(this.model.get("frame"));
    if (!picture) return;
    this.picture = picture;
    this.time.sheet.hidden = !picture.strips.length;
    for (const place of ["side", "below"]) this.match(this.places[place], picture[place] ?? []);
    this.soil();
  }

  /** One sheet a panel: those whose kind is the same stay. */
  match(place, panels) {
    for (const [i, panel] of panels.entries()) {
      if (place.sheets[i]?.kind === panel.kind) continue;
      for (const sheet of place.sheets.splice(i)) sheet.box.remove();
      place.sheets.push(new Sheet(place.box, panel.kind, KINDS[panel.kind], this.panelTools));
    }
    for (const sheet of place.sheets.splice(panels.length)) sheet.box.remove();
    place.box.hidden = !panels.length;
  }

  paintPanels({ sheets }, panels, beside = 0) {
    for (const [i, sheet] of sheets.entries()) {
      if (sheet.dirty) sheet.paint(panels[i], this.picture.arrays, this.theme, beside);
    }
  }

  note(shown) {
    const { face } = this.root;
    face.paints += 1;
    face.lastSeq = this.picture.seq;
    face.picture = shown;
    face.geometry = this.time.layout;
  }

  confirm() {
    const { seq } = this.picture;
    if (seq < this.acked) this.acked = 0; // the kernel counts anew
    if (seq - this.acked < ACK) return;
    this.acked = seq;
    this.outbox.send("ack", { seq });
  }

  failed() {
    this.warn(DEAD);
  }

  warn(words) {
    this.dead.hidden = false;
    this.dead.textContent = words;
  }

  /** Put a text on the clipboard; a page that is not served safely has none. */
  copy(words) {
    if (!words || !this.seen) return;
    const refused = () => this.warn(UNCOPIED);
    if (navigator.clipboard) navigator.clipboard.writeText(words).catch(refused);
    else refused();
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    this.outbox.flush();
    for (const stop of this.stops) stop();
    this.sight(false);
  }
}
