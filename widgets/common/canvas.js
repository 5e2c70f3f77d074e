// The view: takes frames, paints them, says which one is painted, and lets the pointer draw a guess.
// One closure a view, nothing global. The painters stand above (painters.js).
//
// A frame is a header (JSON) and one payload; the header's `arrays` say where each array lies:
// name: [place in bytes, length, 0 for float32 or 1 for uint8].

const HEIGHT = 225; // pixels of a panel; two stand in a row

function read(frame) {
  if (!frame || frame.byteLength < 8) return null;
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength).slice();
  const size = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const array = (name) => {
    const [at, length, small] = header.arrays[name];
    return new (small ? Uint8Array : Float32Array)(bytes.buffer, 4 + size + at, length);
  };
  return { header, array };
}

function place(i, count, width) {
  const columns = width < 640 || count === 1 ? 1 : 2;
  const w = width / columns;
  return { x: (i % columns) * w, y: Math.floor(i / columns) * HEIGHT, w, h: HEIGHT - 6 };
}

// The theme's colours; asking the browser for them makes it restyle the page, so not every frame.
function themeOf(canvas) {
  const colour = (name, fallback) => getComputedStyle(canvas).getPropertyValue(name).trim() || fallback;
  return {
    back: colour("--jp-layout-color0", "#fff"), ink: colour("--jp-ui-font-color1", "#222"),
    dim: colour("--jp-border-color0", "#999"),
  };
}

function paint(canvas, { header, array }, theme) {
  const ratio = window.devicePixelRatio || 1, count = header.panels.length;
  const width = Math.max(320, Math.min(canvas.parentElement.clientWidth || 860, 1040));
  const rows = Math.ceil(count / (width < 640 || count === 1 ? 1 : 2)), height = Math.max(1, rows) * HEIGHT;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.fillStyle = theme.back;
  g.fillRect(0, 0, width, height);
  g.font = "12px sans-serif";
  const jobs = header.panels.map((panel, i) => ({
    g, panel, array, ...theme, box: place(i, count, width), expect: i === 0 ? header.expect : null,
  }));
  for (const job of jobs) PAINTERS[job.panel.kind](job);
  canvas.painted = { seq: header.seq, step: header.step, loss: header.loss }; // a property: free
  return jobs;
}

// The guess: points drawn on the first panel, from left to right, in its units.
function pencil(canvas, model, first) {
  let points = null;
  const at = (event) => {
    const job = first(), box = canvas.getBoundingClientRect();
    if (!job || job.panel.kind !== "curves") return null;
    const axes = axesOf(job), x = event.clientX - box.left, y = event.clientY - box.top;
    const { inner } = axes;
    if (x < inner.x || x > inner.x + inner.w || y < inner.y || y > inner.y + inner.h) return null;
    return { point: [axes.x(x), axes.y(y)], px: x, py: y };
  };
  const down = (event) => {
    const here = model.get("drawing") && at(event);
    if (!here) return;
    points = [here];
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  };
  const move = (event) => {
    const here = points && at(event);
    if (!here || here.px <= points[points.length - 1].px) return; // a function of x: no way back
    const g = canvas.getContext("2d"), last = points[points.length - 1];
    g.strokeStyle = COLOURS[5];
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(last.px, last.py);
    g.lineTo(here.px, here.py);
    g.stroke();
    points.push(here);
  };
  const up = () => {
    if (points && points.length > 1) {
      model.set("drawn", points.map((p) => p.point));
      model.save_changes();
    }
    points = null;
  };
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "course-canvas";
  canvas.setAttribute("role", "img");
  const lost = document.createElement("p");
  lost.className = "course-lost";
  lost.setAttribute("role", "alert");
  lost.hidden = true;
  el.append(lost, canvas);
  let asked = null, jobs = [], first = true, told = 0, later = null, last = null, theme = null, said = 0;
  // In words and attributes about once a second, and at the end: each makes the page restyle.
  const say = ({ header }) => {
    said = performance.now();
    theme = themeOf(canvas);
    canvas.dataset.step = header.step;
    canvas.setAttribute("aria-label", header.text);
  };
  const tell = (seq) => {
    clearTimeout(later);
    told = seq;
    model.send({ ack: seq });
  };
  // Every third frame at once, the last one a little later: an answer makes the kernel busy.
  const answer = (picture) => {
    const seq = picture.header.seq;
    clearTimeout(later);
    if (first || seq < told || seq - told >= 3) tell(seq);
    else later = setTimeout(tell, 200, seq);
    clearTimeout(last);
    last = setTimeout(say, 300, picture);
  };
  const draw = () => {
    asked = null;
    const picture = read(model.get("frame"));
    if (!picture) return;
    if (performance.now() - said > 1000 || first) say(picture);
    jobs = paint(canvas, picture, theme);
    answer(picture);
    if (first) nameKnobs(el);
    first = false;
  };
  const ask = () => { if (asked === null) asked = requestAnimationFrame(draw); };
  const seen = () => {
    model.set("visible", document.visibilityState !== "hidden");
    model.set("calm", window.matchMedia("(prefers-reduced-motion: reduce)").matches);
    model.save_changes();
  };
  const gone = () => {
    lost.textContent = "The kernel was restarted or has stopped: this lab is a picture now. "
      + "Run its cell again to go on.";
    lost.hidden = false;
  };
  model.on("change:frame", ask);
  const copy = () => { if (model.get("clip")) navigator.clipboard?.writeText(model.get("clip")); };
  model.on("change:clip", copy);
  model.on("comm_live_update", gone);
  model.on("comm:close", gone);
  window.addEventListener("resize", ask);
  document.addEventListener("visibilitychange", seen);
  pencil(canvas, model, () => jobs[0]);
  seen();
  ask();
  return () => {
    model.off("change:frame", ask);
    model.off("change:drawing", ask);
    model.off("change:clip", copy);
    model.off("comm_live_update", gone);
    model.off("comm:close", gone);
    window.removeEventListener("resize", ask);
    document.removeEventListener("visibilitychange", seen);
    clearTimeout(later);
    clearTimeout(last);
    if (asked !== null) cancelAnimationFrame(asked);
  };
}

export default { render };
