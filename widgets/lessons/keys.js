// Keep JupyterLab's shortcuts from the keys of a form: in command mode `h` would open its help, and
// an arrow would leave the cell. The window listens first, as Notebook 7 captures keys itself.

const SHORTCUTS = "data-lm-suppress-shortcuts"; // Lumino's word: no shortcut from there upwards

function render({ el }) {
  const keep = (event) => {
    if (!el.closest(".face")?.contains(event.target)) return;
    const free = event.ctrlKey || event.metaKey || event.altKey;
    event.target.toggleAttribute(SHORTCUTS, !free && !event.shiftKey);
  };
  window.addEventListener("keydown", keep, true);
  return () => window.removeEventListener("keydown", keep, true);
}

export default { render };
