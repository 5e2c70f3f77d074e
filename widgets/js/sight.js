// What a view must know about its page: size, sight, theme, motion, pixel ratio.

/** Call `resized` when the element's size or the screen's pixels change; returns how to stop. */
export function watchSize(element, resized) {
  const observer = new ResizeObserver(resized);
  observer.observe(element);
  const ratio = new AbortController();
  const follow = () => {
    if (ratio.signal.aborted) return;
    const query = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    const changed = () => {
      resized();
      follow();
    };
    query.addEventListener("change", changed, { once: true, signal: ratio.signal });
  };
  follow();
  return () => {
    observer.disconnect();
    ratio.abort();
  };
}

/** Call `seen(true | false)` when the element comes into sight or leaves it; returns how to stop. */
export function watchSight(element, seen) {
  let inside = false;
  const tell = () => seen(inside && !document.hidden);
  const observer = new IntersectionObserver((entries) => {
    inside = entries.at(-1).isIntersecting;
    tell();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", tell);
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", tell);
  };
}

/** Call `calm(true | false)` now and whenever the reader's wish for less motion changes. */
export function watchMotion(calm) {
  const query = matchMedia("(prefers-reduced-motion: reduce)");
  const tell = () => calm(query.matches);
  query.addEventListener("change", tell);
  if (query.matches) tell();
  return () => query.removeEventListener("change", tell);
}

const SHORTCUTS = "data-lm-suppress-shortcuts"; // Lumino's word: no shortcut from there upwards

/** Keep the page's shortcuts from the lab's keys: in command mode `x` would cut the cell.
 *
 * JupyterLab listens in the bubbling phase, Notebook 7 in the capturing one: the window comes first.
 */
export function keepKeys(root) {
  const keep = (event) => {
    if (!root.contains(event.target)) return;
    const free = event.ctrlKey || event.metaKey || event.altKey;
    const run = event.shiftKey && event.key === "Enter";
    event.target.toggleAttribute(SHORTCUTS, !free && !run);
  };
  window.addEventListener("keydown", keep, true);
  return () => window.removeEventListener("keydown", keep, true);
}
