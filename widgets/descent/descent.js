// The live race. Two binary traits of one format (see canvas.py): `scene` stays while a race runs,
// `frame` moves. The number of each frame goes back as `ack` once it is painted. Two handles, the
// start and the point (α, β), are dragged or moved by the arrow keys; where one goes is sent as
// {knob, value}. The painters, and `paint` above all, are in descent_paint.js.

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STYLE = `
.course-descent { position: relative; line-height: 0; }
.course-descent canvas { cursor: crosshair; }
.course-descent button { position: absolute; width: 30px; height: 30px; margin: -15px 0 0 -15px;
  padding: 0; border: 2px solid transparent; border-radius: 50%; background: none; cursor: move;
  touch-action: none; }
.course-descent button:focus-visible { outline: 3px solid var(--jp-brand-color1, #1976d2);
  outline-offset: 1px; border-color: var(--jp-layout-color0, #fff); }`;

function render({ model, el }) {
  const box = document.createElement("div"), canvas = document.createElement("canvas");
  box.className = "course-descent";
  box.dataset.lmSuppressShortcuts = "true"; // the arrow keys are ours here, not the notebook's
  canvas.className = "course-canvas";
  canvas.setAttribute("role", "img");
  box.appendChild(document.createElement("style")).textContent = STYLE;
  box.appendChild(canvas);
  const lost = document.createElement("p");
  lost.className = "course-lost";
  lost.setAttribute("role", "alert");
  lost.hidden = true;
  lost.textContent = "The kernel was restarted or has stopped: this lab is a picture now. "
    + "Run its cell again to go on.";
  el.append(lost, box);
  const handles = {}, moved = {}, told = {};
  let plots = null, named = false, frame = null, asked = null, dragging = null, sending = null, acked = -1;

  const draw = () => {
    asked = null;
    const scene = decode(model.get("scene"));
    frame = decode(model.get("frame"));
    if (!scene || !frame) return;
    for (const knob in moved) // the kernel's answer replaces what was moved here
      if (dragging !== knob && told[knob] && Date.now() - told[knob] > 300) delete moved[knob];
    plots = paint(canvas, scene, frame, moved);
    for (const knob in handles) {
      const p = plots[knob], [a, b] = moved[knob] ?? frame[knob];
      handles[knob].hidden = !p; // no diagram where nobody has momentum
      if (!p) continue;
      handles[knob].style.left = p.px(clamp(a, ...p.xs)) + "px";
      handles[knob].style.top = p.py(clamp(b, ...p.ys)) + "px";
      const words = knob === "start" ? `Start of the race: x ${short(a)}, y ${short(b)}`
        : `Learning rate and memory: α ${short(a)}, β ${short(b)}. ${frame.phase}`;
      handles[knob].setAttribute("aria-label", words + ". Arrow keys move it, with Shift faster.");
    }
    if (!named) nameKnobs(el);
    named = true;
    if (acked === frame.seq) return;
    acked = frame.seq;
    model.send({ ack: acked });
  };
  const ask = () => { if (asked === null) asked = requestAnimationFrame(draw); };
  const send = () => {
    sending = null;
    for (const knob in moved) if (!told[knob]) {
      told[knob] = Date.now();
      model.send({ knob, value: moved[knob] });
    }
  };
  const move = (knob, pair) => { // at most one message a painted frame
    moved[knob] = pair.map((v) => +v.toPrecision(4));
    told[knob] = 0;
    sending ??= requestAnimationFrame(send);
    ask();
  };
  const follow = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    const p = plots[dragging];
    if (p) move(dragging, p.value(event.clientX - left, event.clientY - top));
  };
  const release = () => { dragging = null; };
  box.addEventListener("pointerdown", (event) => {
    const { left, top } = canvas.getBoundingClientRect(), handle = event.target.dataset.knob;
    const under = (knob) => plots[knob]?.holds(event.clientX - left, event.clientY - top);
    dragging = plots && (handle ?? ["start", "point"].find(under) ?? null);
    if (!dragging) return;
    event.preventDefault();
    box.setPointerCapture(event.pointerId);
    handles[dragging].focus({ preventScroll: true });
    follow(event);
  });
  box.addEventListener("pointermove", (event) => { if (dragging) follow(event); });
  for (const kind of ["pointerup", "pointercancel"]) box.addEventListener(kind, release);
  for (const knob of ["start", "point"]) {
    const handle = handles[knob] = box.appendChild(document.createElement("button"));
    Object.assign(handle, { type: "button" }).dataset.knob = knob;
    handle.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key], far = event.shiftKey ? 0.1 : 0.01; // of the plot's side
      if (!arrow || !plots) return;
      event.preventDefault();
      const p = plots[knob], [a, b] = moved[knob] ?? frame[knob];
      const x = p.px(clamp(a, ...p.xs)) + far * arrow[0] * p.w;
      move(knob, p.value(x, p.py(clamp(b, ...p.ys)) + far * arrow[1] * p.h));
    });
  }
  const themes = new MutationObserver(ask); // a new theme: new colours
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name"] });
  const seen = () => {
    model.set("visible", document.visibilityState !== "hidden");
    model.save_changes();
  };
  const gone = () => { lost.hidden = false; };
  const heard = {
    "change:scene": ask, "change:frame": ask, comm_live_update: gone, "comm:close": gone,
  };
  for (const name in heard) model.on(name, heard[name]);
  window.addEventListener("resize", ask);
  document.addEventListener("visibilitychange", seen);
  seen();
  ask();
  return () => {
    for (const name in heard) model.off(name, heard[name]);
    window.removeEventListener("resize", ask);
    document.removeEventListener("visibilitychange", seen);
    themes.disconnect();
    if (asked !== null) cancelAnimationFrame(asked);
  };
}

export default { render };
