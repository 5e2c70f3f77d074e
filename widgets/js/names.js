// Names of the knobs: ipywidgets says neither what a slider's handle is, nor which button is down.

const LABELLED = ".noUi-handle, .ui-slider-handle, input, select, textarea";
const CHANGES = ["title", "class", "aria-valuetext"];

function set(element, name, value) {
  if (value && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** The words of a widget's label; an empty one holds a blank of no width. */
function labelOf(element) {
  return element.querySelector(".widget-label")?.textContent.replace("\u200b", "").trim();
}

// What stands in the picture has its name from there.
function nameAll(root) {
  for (const element of root.querySelectorAll('[title="null"]')) element.removeAttribute("title");
  for (const control of root.querySelectorAll(LABELLED)) {
    const widget = control.closest(".jupyter-widgets");
    if (widget && !control.closest(".face-view")) set(control, "aria-label", labelOf(widget));
  }
  for (const handle of root.querySelectorAll(".face-knob .noUi-handle")) {
    // its own value is the exponent
    const number = handle.closest(".face-knob").querySelector("input[type=number]");
    set(handle, "aria-valuetext", number?.value);
  }
  for (const button of root.querySelectorAll(".jupyter-button:has(> i)")) {
    set(button, "aria-label", button.textContent.trim() || button.title); // without its icon's glyph
  }
  for (const image of root.querySelectorAll("img:not([alt])")) image.alt = ""; // words beside it
  for (const group of root.querySelectorAll(".widget-toggle-buttons")) {
    set(group, "role", "group");
    set(group, "aria-label", labelOf(group));
  }
  for (const button of root.querySelectorAll(".widget-toggle-button")) {
    set(button, "aria-pressed", String(button.classList.contains("mod-active")));
  }
}

/** Name the knobs of a lab, now and whenever they change; returns how to stop. */
export function nameKnobs(root) {
  const observer = new MutationObserver(() => nameAll(root));
  observer.observe(root, { childList: true, subtree: true, attributeFilter: CHANGES });
  nameAll(root);
  return () => observer.disconnect();
}
