// A small network as a drawing with live numbers. No dependency, no global state, no arithmetic on
// the network's numbers: the kernel computes and words everything, this file shows it.
//
// scene: {width, height, heads, cards, edges, cells}, where things lie (widgets/backprop/still.py).
// frame: {seq, title, way, symbols, lines, next, message, bad, text, active, flow, errors,
// cells}, where active are numbers, flow edges, and
// cells[name] = {text, level in [-1, 1], bar, formula: parts between "=", uses, changed}.
// A number typed in goes back as {kind: "edit", name, value: text}; a frame shown, as `ack`.

const STYLE = `
.course-backprop { --pos: #D55E00; --neg: #0072B2; --mark: #F0E442; --mark-ink: #222;
  --ink: var(--jp-ui-font-color1, #222); --soft: var(--jp-ui-font-color2, #555);
  --line: var(--jp-border-color1, #bbb); --paper: var(--jp-layout-color1, #fff);
  --focus: var(--jp-brand-color1, #0b57d0);
  color: var(--ink); font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif);
  font-variant-numeric: tabular-nums; position: relative; }
[data-jp-theme-light="false"] .course-backprop { --pos: #E69F00; --neg: #56B4E9; --mark: #6b6200;
  --mark-ink: #fff; }
.course-backprop .panels { display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0; }
.course-backprop .panel { flex: 1 1 380px; min-width: 0; border: 1px solid var(--line);
  border-radius: 6px; padding: 6px 10px; background: var(--jp-layout-color2, #f5f5f5);
  box-sizing: border-box; }
.course-backprop .near { position: absolute; z-index: 2; max-width: 560px; pointer-events: none;
  box-shadow: 0 2px 8px #0006; }
.course-backprop .panel div { overflow-wrap: anywhere; }
.course-backprop h4 { margin: 0; font-size: 13px; color: var(--ink); }
.course-backprop .symbols { font-size: 15px; margin: 2px 0; }
.course-backprop .next, .course-backprop .hint { color: var(--soft); }
.course-backprop .bad { border-left: 4px solid var(--pos); padding-left: 6px; font-weight: 600; }
.course-backprop .paper { position: relative; overflow-x: auto; }
.course-backprop svg { display: block; height: auto; }
.course-backprop text { fill: var(--ink); font-size: 12px; }
.course-backprop .label, .course-backprop .head { fill: var(--soft); font-size: 11.5px; }
.course-backprop .strong { fill: var(--ink); font-weight: 600; font-size: 12.5px; }
.course-backprop .card { fill: var(--paper); stroke: var(--line); }
.course-backprop .tint { stroke: none; }
.course-backprop .edge { fill: none; opacity: .5; }
.course-backprop .edge.active { opacity: 1; }
.course-backprop .arrow { visibility: hidden; }
.course-backprop .arrow.active { visibility: visible; }
.course-backprop .field { fill: transparent; stroke: none; transition: fill .8s; }
.course-backprop .number { outline: none; cursor: help; }
.course-backprop .number.edit { cursor: pointer; }
.course-backprop .edit .value { text-decoration: underline dotted; text-underline-offset: 3px; }
.course-backprop .number.active .field { fill: var(--mark); fill-opacity: .75; }
.course-backprop .number.active text { fill: var(--mark-ink); }
.course-backprop .number.changed .value { font-weight: 700; }
.course-backprop .number.changed .field { stroke: var(--pos); stroke-dasharray: 2 2; }
.course-backprop .number.used .field { stroke: var(--neg); stroke-width: 1.6; }
.course-backprop .number:hover .field { stroke: var(--ink); }
.course-backprop .number:focus .field { stroke: var(--focus);
  stroke-width: 2.6; stroke-dasharray: none; }
.course-backprop input { position: absolute; box-sizing: border-box; width: 84px; height: 26px;
  font: inherit; color: var(--ink); background: var(--paper); padding: 0 4px;
  border: 2px solid var(--focus); border-radius: 4px; }
.course-backprop table { border-collapse: collapse; margin: 6px 0; }
.course-backprop td, .course-backprop th { padding: 2px 10px; text-align: right;
  border-bottom: 1px solid var(--line); }
.course-backprop :is(td, th):first-child { text-align: left; }
@media (prefers-reduced-motion: reduce) { .course-backprop .field { transition: none; } }`;
const HINT = "Point at a number, or walk to it: Tab into the drawing, then arrow keys. " +
  "A click or Enter changes an underlined one.";

function element(parent, tag, attributes = {}, text = "") {
  const svg = ["svg", "g", "path", "rect", "text", "polygon"].includes(tag);
  const space = `http://www.w3.org/${svg ? "2000/svg" : "1999/xhtml"}`;
  const made = document.createElementNS(space, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

const colour = (level) => (level > 0 ? "var(--pos)" : level < 0 ? "var(--neg)" : "var(--line)");

// Draws a scene once; what it returns changes with the frames, so focus stays where it is.
function build(paper, scene) {
  paper.replaceChildren();
  const { width, height } = scene;
  const svg = element(paper, "svg", {
    viewBox: `0 0 ${width} ${height}`, role: "application",
    "aria-roledescription": "drawing of a network",
    style: `width: min(100%, ${width}px); min-width: ${Math.round(0.82 * width)}px`,
  });
  const edges = scene.edges.map((edge) => {
    const { x1, y1, x2, y2 } = edge, x = (x1 + x2) / 2, y = (y1 + y2) / 2;
    const d = `M${x1} ${y1}C${x} ${y1} ${x} ${y2} ${x2} ${y2}`;
    const path = element(svg, "path", { class: "edge", d });
    const tip = (s) => `${x + s * 6},${y} ${x - s * 5},${y - 5} ${x - s * 5},${y + 5}`;
    return { name: edge.name, path, arrow: element(svg, "polygon", { class: "arrow" }), tip };
  });
  const tints = [];
  for (const card of scene.cards) {
    const { x, y, w, h } = card;
    element(svg, "rect", { class: "card", x, y, width: w, height: h, rx: 6 });
    for (const [name, start, end] of card.tints) {
      const left = card.from ?? x;
      tints.push({ name, rect: element(svg, "rect", {
        class: "tint", x: left + 1, y: y + start * h + 1, width: x + w - left - 2,
        height: (end - start) * h - 2, rx: 5,
      }) });
    }
  }
  for (const { x, y, text, anchor, strong } of scene.heads)
    element(svg, "text", { x, y, "text-anchor": anchor, class: strong ? "strong" : "head" }, text);
  const numbers = new Map();
  for (const cell of scene.cells) {
    const { x, y, w, h, name, label } = cell;
    const group = element(svg, "g", { tabindex: -1, role: cell.edit ? "button" : "img" });
    group.dataset.name = name;
    element(group, "rect", { class: "field", x, y: y + 1, width: w, height: h - 2, rx: 3 });
    const bar = element(group, "rect", { x, y: y + h - 4, width: 0, height: 2.5 });
    if (label) element(group, "text", { class: "label", x: x + 3, y: y + 14 }, label);
    const end = { class: "value", x: x + w - 4, y: y + 14, "text-anchor": "end" };
    const value = element(group, "text", end);
    numbers.set(name, { ...cell, group, bar, value });
  }
  numbers.values().next().value.group.setAttribute("tabindex", 0);
  return { svg, edges, tints, numbers };
}

function paint(drawing, frame) {
  const { svg, edges, tints, numbers } = drawing, active = new Set(frame.active);
  const flow = new Set(frame.flow);
  svg.setAttribute("aria-label", frame.text);
  for (const { name, path, arrow, tip } of edges) {
    const level = frame.cells[name]?.level ?? 0;
    path.style.stroke = arrow.style.fill = colour(level);
    path.style.strokeWidth = 1 + 4 * Math.abs(level);
    path.style.strokeDasharray = level < 0 ? "8 4" : "none";
    path.classList.toggle("active", flow.has(name));
    arrow.classList.toggle("active", flow.has(name) && frame.way !== "");
    arrow.setAttribute("points", tip(frame.way === "backward" ? -1 : 1));
  }
  for (const { name, rect } of tints) {
    const level = frame.cells[name]?.level ?? 0;
    rect.style.fill = colour(level);
    rect.style.fillOpacity = 0.3 * Math.abs(level);
  }
  for (const [name, { group, bar, value, words, edit, x, w, label }] of numbers) {
    const { text = "·", level = 0, changed = false, bar: sized } = frame.cells[name] ?? {};
    value.textContent = text;
    const room = w - 8 - (label ? 27 : 0), long = sized ? room * Math.abs(level) : 0;
    bar.setAttribute("x", x + w - 4 - long);
    bar.setAttribute("width", long);
    bar.style.fill = colour(level);
    const is = { number: true, edit, active: active.has(name), changed };
    for (const [kind, on] of Object.entries(is)) group.classList.toggle(kind, on);
    const said = text === "·" ? "not computed yet" : text;
    group.setAttribute("aria-label", `${words}: ${said}${edit ? "; Enter changes it" : ""}`);
  }
}

// The nearest number in the direction of an arrow key; sideways counts four times.
function neighbour(numbers, from, key) {
  const all = [...numbers.values()];
  if (key === "Home") return all[0];
  if (key === "End") return all[all.length - 1];
  const along = key === "ArrowLeft" || key === "ArrowRight" ? [1, 0] : [0, 1];
  const sign = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
  const middle = (c) => [c.x + c.w / 2, c.y + c.h / 2], [x0, y0] = middle(from);
  let best = from, least = Infinity;
  for (const cell of all) {
    const [x, y] = middle(cell), d = [sign * (x - x0), sign * (y - y0)];
    const ahead = along[0] ? d[0] : d[1], aside = Math.abs(along[0] ? d[1] : d[0]);
    if (ahead > 4 && ahead + 4 * aside < least) [best, least] = [cell, ahead + 4 * aside];
  }
  return best;
}

function render({ model, el }) {
  // The attribute keeps JupyterLab's own arrow keys and Enter away.
  const root = element(el, "div", { class: "course-backprop", "data-lm-suppress-shortcuts": true });
  element(root, "style", {}, STYLE);
  const panels = element(root, "div", { class: "panels" });
  const step = element(panels, "div", { class: "panel step" });
  const status = element(step, "div", { role: "status", "aria-live": "polite" });
  const title = element(status, "h4"), symbols = element(status, "div", { class: "symbols" });
  const message = element(status, "div", { class: "message" });
  const filled = element(step, "div", { class: "lines" });
  const next = element(step, "div", { class: "next" });
  const panel = element(panels, "div", { class: "panel formula", "aria-live": "polite" });
  const paper = element(root, "div", { class: "paper" });
  const table = element(root, "div", { class: "errors" });
  const near = element(root, "div", { class: "panel near", "aria-hidden": true, hidden: true });
  let drawing = null, focused = null, hovered = null, editor = null;

  const fill = (parent, lines) => {
    parent.replaceChildren();
    for (const line of lines) element(parent, "div", {}, line);
  };
  function explain() {
    const frame = model.get("frame"), name = hovered ?? focused, cell = frame.cells?.[name];
    for (const [other, { group }] of drawing.numbers)
      group.classList.toggle("used", !!cell?.uses.includes(other));
    near.hidden = true;
    if (!cell) return fill(panel, [HINT]);
    const [left, ...right] = cell.formula;
    panel.replaceChildren();
    element(panel, "h4", {}, drawing.numbers.get(name).words);
    element(panel, "div", { class: "symbols" }, left + (right.length ? ` = ${right[0]}` : ""));
    for (const part of right.slice(1)) element(panel, "div", {}, `= ${part}`);
    if (cell.text === "·") element(panel, "div", { class: "hint" }, "not computed yet");
    // Where the panel is scrolled out of sight, a copy of it comes to the number.
    const at = step.getBoundingClientRect(), base = root.getBoundingClientRect();
    const box = drawing.numbers.get(name).group.getBoundingClientRect();
    if (step.contains(document.elementFromPoint(at.x + 12, at.y + 8))) return;
    near.replaceChildren(...panel.cloneNode(true).children);
    near.hidden = false;
    near.style.top = `${box.top - base.top - near.offsetHeight - 6}px`;
    near.style.left = `${Math.max(0, Math.min(box.left, base.right - 580) - base.left)}px`;
  }
  function edit(name) {
    const cell = drawing.numbers.get(name);
    if (!cell.edit) return;
    const box = cell.group.getBoundingClientRect(), base = paper.getBoundingClientRect();
    const input = element(paper, "input", { type: "text", inputmode: "decimal" });
    input.setAttribute("aria-label", `new value of ${cell.words}`);
    input.style.left = `${box.right - base.left + paper.scrollLeft - 84}px`;
    input.style.top = `${box.top - base.top - 3}px`;
    const old = cell.value.textContent;
    input.value = old;
    editor = input;
    const close = (send, refocus) => {
      if (editor !== input) return;
      editor = null;
      if (send && input.value !== old) model.send({ kind: "edit", name, value: input.value });
      input.remove();
      if (refocus) cell.group.focus({ preventScroll: true });
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") close(event.key === "Enter", true);
    });
    input.addEventListener("blur", () => close(true, false));
    input.focus({ preventScroll: true });
    input.select();
  }
  const nameOf = (event) => event.target.closest?.(".number")?.dataset.name ?? null;
  paper.addEventListener("pointerover", (event) => { hovered = nameOf(event); explain(); });
  paper.addEventListener("pointerleave", () => { hovered = null; explain(); });
  paper.addEventListener("focusin", (event) => {
    if (!nameOf(event)) return;
    focused = nameOf(event);
    for (const [name, { group }] of drawing.numbers)
      group.setAttribute("tabindex", name === focused ? 0 : -1);
    explain();
  });
  paper.addEventListener("focusout", () => { focused = null; explain(); });
  paper.addEventListener("click", (event) => { if (nameOf(event)) edit(nameOf(event)); });
  paper.addEventListener("keydown", (event) => {
    const name = nameOf(event);
    if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") edit(name);
    else if (/^(Arrow|Home|End)/.test(event.key)) {
      hovered = null;
      neighbour(drawing.numbers, drawing.numbers.get(name), event.key).group.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  function show() {
    const frame = model.get("frame");
    if (!frame.cells) return;
    paint(drawing, frame);
    title.textContent = frame.title;
    symbols.textContent = frame.symbols;
    message.textContent = frame.message;
    message.className = frame.bad ? "message bad" : "message";
    fill(filled, frame.lines);
    next.textContent = frame.next;
    table.replaceChildren();
    const rows = frame.errors.length ? element(table, "table") : null;
    frame.errors.forEach((row, i) => {
      const line = element(rows, "tr");
      row.forEach((text) => element(line, i ? "td" : "th", {}, text));
    });
    explain();
    root.dataset.seq = frame.seq;
    model.set("ack", frame.seq);
    model.save_changes();
  }
  function rebuild() {
    drawing = build(paper, model.get("scene"));
    const most = Math.max(...model.get("scene").cards.map((card) => Math.round(card.h / 20)));
    panels.style.setProperty("min-height", `${6 + most}em`);
    show();
  }
  model.on("change:scene", rebuild);
  model.on("change:frame", show);
  rebuild();
  explain();
  const seen = new ResizeObserver(() => nameKnobs(el)); // once the knobs beside it are there
  seen.observe(root);
  return () => {
    seen.disconnect();
    model.off("change:scene", rebuild);
    model.off("change:frame", show);
  };
}

export default { render };
