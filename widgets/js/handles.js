// Handles: real sliders of the DOM over the canvas, for pointer, keyboard and screen reader alike.

const SET = new WeakMap(); // element → attributes as they are: setting one costs a restyle

/** An element with properties, at the end of `parent`. */
export function make(tag, parent, properties = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
}

/** Set attributes and styles, only those that are new; null removes an attribute. */
export function update(element, attributes) {
  const before = SET.get(element) ?? {};
  for (const [name, value] of Object.entries(attributes)) {
    if (before[name] === value) continue;
    if (name.startsWith("--") || name in element.style) element.style.setProperty(name, value);
    else if (value === null) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }
  SET.set(element, { ...before, ...attributes });
}

/** A slider. `key(name, shift)` returns false for keys that it does not know. */
export function handle(sheet, className, label, key) {
  const button = make("button", sheet, { type: "button", className: `face-handle ${className}` });
  update(button, { role: "slider", "aria-label": label });
  button.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key(event.key, event.shiftKey) === false) return;
    event.preventDefault();
    event.stopPropagation();
  });
  return button;
}

/** Put a slider at a place of its sheet, with its value in number and words. */
export function placeHandle(button, x, y, { value, words, low, high, colour }) {
  update(button, {
    transform: `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`,
    "aria-valuenow": String(value),
    "aria-valuetext": words,
    "aria-valuemin": String(low),
    "aria-valuemax": String(high),
    ...(colour ? { "--handle": colour } : {}),
  });
}

/** Lay an element over a box of its sheet. */
export function placeBox(element, left, top, width, height) {
  const px = (v) => `${Math.max(0, v).toFixed(1)}px`;
  update(element, { left: px(left), top: px(top), width: px(width), height: px(height) });
}
