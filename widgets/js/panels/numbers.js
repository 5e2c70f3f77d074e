// The numbers of a trace: fields over the canvas, and below it the step and a number's formula.
//
// A field that is only read is walked by arrows; Enter, a click or a digit opens one that may change.
// It stays the same element in the same place, so that nothing moves while somebody types.

import { make, placeBox, update } from "../handles.js";

const HINT =
  "Point at a number, or Tab to the numbers and walk by arrows: its formula stands here.";
const EDITING = "A click, Enter or a digit changes a number that is underlined.";
/** How wide the field of a number is. */
export const room = (name) => (name.startsWith("doc") ? 66 : 52);

const OPENS = /^[-−.\d]$/;

/** Prepare a panel's box; `send(kind, content)` tells the kernel. */
export function mountNumbers(box, state, send) {
  Object.assign(state, { box, send, fields: new Map(), hovered: null, focused: null });
  state.told = make("div", box, { className: "face-told" });
  for (const part of ["step", "formula"]) {
    const place = make("div", state.told, { className: `face-${part}` });
    state[part] = { ghost: make("div", place), words: make("div", place) };
    state[part].ghost.setAttribute("aria-hidden", "true");
    state[part].ghost.className = "face-ghost";
  }
  state.formula.words.setAttribute("aria-live", "polite");
  state.errors = make("table", state.told, { className: "face-errors" });
  state.near = make("div", box, { className: "face-near", hidden: true });
  state.near.setAttribute("aria-hidden", "true");
  const nameOf = (event) => event.target.dataset?.name ?? null;
  const look = (what, name) => {
    state[what] = name;
    explain(state);
  };
  box.addEventListener("pointerover", (event) => look("hovered", nameOf(event)));
  box.addEventListener("pointerleave", () => look("hovered", null));
  box.addEventListener("focusin", (event) => {
    rove(state, nameOf(event));
    look("focused", nameOf(event));
  });
  box.addEventListener("focusout", (event) => {
    close(state, event.target, true);
    look("focused", null);
  });
  box.addEventListener("click", (event) => open(state, event.target));
  box.addEventListener("keydown", (event) => key(state, event));
}

/** Put every number where its card is, with what it is now. */
export function placeNumbers(state, panel, boxes) {
  if (!state.box) return; // painted without a page around it
  state.panel = panel;
  const seen = new Set();
  panel.cards.forEach((card, k) => {
    for (const [name, left, top, width] of card.cells) {
      seen.add(name);
      const field = state.fields.get(name) ?? newField(state, name);
      const wide = Math.min(width, room(name));
      placeBox(field, boxes[k].x + left + width - wide, boxes[k].y + top, wide, 20);
      show(field, panel.numbers[name]);
    }
  });
  for (const [name, field] of state.fields) {
    if (seen.has(name)) continue;
    field.remove();
    state.fields.delete(name);
  }
  if (!state.fields.has(state.roved)) rove(state, panel.cards[0].cells[0][0]);
  tell(state, panel);
  explain(state);
}

function newField(state, name) {
  const field = make("input", state.box, {
    type: "text",
    className: "face-number",
    readOnly: true,
  });
  field.dataset.name = name;
  field.tabIndex = -1;
  field.autocomplete = "off";
  state.fields.set(name, field);
  return field;
}

function show(field, number) {
  if (field.readOnly) field.value = number.text; // one that is being typed into is left alone
  const known = number.text === "·" ? ", not computed yet" : "";
  update(field, { "aria-label": number.words + known });
  for (const kind of ["active", "changed", "edit"]) {
    field.classList.toggle(`face-${kind}`, number[kind]);
  }
}

/** One field at a time takes part in the order of Tab. */
function rove(state, name) {
  if (!state.fields.has(name)) return;
  const before = state.fields.get(state.roved);
  if (before) before.tabIndex = -1;
  state.fields.get(name).tabIndex = 0;
  state.roved = name;
}

// ---- changing a number ----

function open(state, field, letter) {
  if (!state.panel?.numbers[field.dataset?.name]?.edit || !field.readOnly) return;
  field.readOnly = false;
  if (letter) field.value = letter;
  else field.select();
}

/** End an edit: send what was typed, or put back what was there. */
function close(state, field, keep) {
  if (!field.dataset?.name || field.readOnly) return;
  const { name } = field.dataset;
  const typed = field.value.trim();
  field.readOnly = true;
  if (!state.panel.numbers[name]) return; // another view is shown now
  const { text } = state.panel.numbers[name];
  field.setSelectionRange(0, 0);
  if (keep && typed && typed !== text) state.send("edit", { name, value: typed });
  field.value = text; // the kernel answers with the new one
}

function key(state, event) {
  const field = event.target;
  if (!field.dataset?.name || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!field.readOnly) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    close(state, field, event.key === "Enter");
  } else if (/^(Arrow|Home|End)/.test(event.key)) walk(state, field, event.key);
  else if (event.key === "Enter") open(state, field);
  else if (OPENS.test(event.key)) open(state, field, event.key);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Focus the nearest number in the direction of an arrow; what lies aside counts four times. */
function walk(state, from, key) {
  const all = [...state.fields.values()];
  if (key === "Home" || key === "End") return all.at(key === "Home" ? 0 : -1).focus();
  const middle = (field) => {
    const { left, top, width, height } = field.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  };
  const [x0, y0] = middle(from);
  const flat = key === "ArrowLeft" || key === "ArrowRight";
  const sign = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
  let [best, least] = [from, Number.POSITIVE_INFINITY];
  for (const field of all) {
    const [x, y] = middle(field);
    const d = [sign * (x - x0), sign * (y - y0)];
    const [ahead, aside] = flat ? d : d.toReversed();
    const far = ahead + 4 * Math.abs(aside);
    if (ahead > 4 && far < least) [best, least] = [field, far];
  }
  best.focus();
}

// ---- words ----

const lines = (place, parts) => {
  place.replaceChildren();
  for (const [tag, words] of parts) if (words) make(tag, place, { textContent: words });
};
const asLines = ([first, ...rest]) => [["strong", first], ...rest.map((words) => ["div", words])];

/** The step in words, the gradients' errors, and unseen the most that may stand there. */
function tell(state, { step, room: { steps, formula }, errors }) {
  lines(state.step.words, [
    ["p", step.title],
    ["strong", step.symbols],
  ]);
  for (const words of step.lines) make("div", state.step.words, { textContent: words });
  make("div", state.step.words, { className: "face-hint", textContent: step.next });
  state.step.ghost.replaceChildren();
  for (const words of steps) {
    const ghost = make("div", state.step.ghost);
    lines(ghost, [["p", "Step"], ...asLines(words), ["div", "next"], ["div", "next"]]);
  }
  lines(state.formula.ghost, [["p", "Number"], ...equals(formula)]);
  state.errors.hidden = !errors.length;
  state.errors.replaceChildren();
  errors.forEach((row, k) => {
    const line = make("tr", state.errors);
    for (const words of row) make(k ? "td" : "th", line, { textContent: words });
  });
}

/** A chain of equals as lines: left = symbols, then = numbers, then = value. */
function equals([left, ...right]) {
  const first = right.length ? `${left} = ${right[0]}` : left;
  return asLines([first, ...right.slice(1).map((part) => `= ${part}`)]);
}

/** The formula of the number that is pointed at, else of the one in focus. */
function explain(state) {
  if (!state.panel) return;
  const name = state.hovered ?? state.focused;
  const number = state.panel.numbers[name];
  for (const [other, field] of state.fields) {
    field.classList.toggle("face-used", !!number?.uses.includes(other));
  }
  state.near.hidden = true;
  if (!number) {
    lines(state.formula.words, [
      ["div", HINT],
      ["div", EDITING],
    ]);
    state.formula.words.className = "face-hint";
    return;
  }
  state.formula.words.className = "";
  const missing = number.text === "·" ? "not computed yet" : "";
  lines(state.formula.words, [["p", number.words], ...equals(number.formula), ["div", missing]]);
  comeNear(state, state.fields.get(name));
}

/** Show a copy of the formula at its number when the formula itself is out of sight. */
function comeNear({ near, formula, told }, field) {
  const { x, y } = formula.words.getBoundingClientRect();
  if (told.contains(document.elementFromPoint(x + 4, y + 8))) return;
  near.replaceChildren(...formula.words.cloneNode(true).children);
  near.hidden = false;
  const room = near.parentElement.clientWidth - near.offsetWidth;
  const above = field.offsetTop - near.offsetHeight - 6;
  near.style.top = `${above < 0 ? field.offsetTop + 26 : above}px`;
  near.style.left = `${Math.max(0, Math.min(field.offsetLeft, room))}px`;
}
