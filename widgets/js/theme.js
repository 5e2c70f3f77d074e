// The colours of the page's theme: as strings for lines and text, as [r, g, b] for pixels.

const TOKENS = ["paper", "ink", "dim", "rule", "wash", "focus"];
const RUNS = ["run", "run2", "run3", "run4", "run5", "run6", "run7", "run8"];
const HUES = [...RUNS, "hand", "limit", "pos", "neg"];

/** The colour behind an element: a notebook's differs from its text cells' and from a side panel's.
 *
 * Null if nothing behind it is painted, or if the reader has chosen the colours.
 */
export function paperBehind(element) {
  if (matchMedia("(forced-colors: active)").matches) return null;
  for (let behind = element; behind; behind = behind.parentElement) {
    const colour = getComputedStyle(behind).backgroundColor;
    if (!/^(transparent|rgba\(.*, 0(\.\d+)?\))$/.test(colour)) return colour;
  }
  return null;
}

/** {paper: "…", …, font, rgb: {paper: [r, g, b], …}} of an element inside `.face`. */
export function themeOf(element) {
  const style = getComputedStyle(element);
  const probe = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const theme = { rgb: {}, font: style.fontFamily };
  const paper = style.getPropertyValue("--paper").trim();
  for (const name of [...TOKENS, ...HUES]) {
    theme[name] = style.getPropertyValue(`--${name}`).trim();
    for (const colour of [paper, theme[name]]) {
      // a transparent ink is mixed with the paper
      probe.fillStyle = colour;
      probe.fillRect(0, 0, 1, 1);
    }
    theme.rgb[name] = [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }
  return theme;
}

/** Call `changed` whenever JupyterLab or the system changes the theme; returns how to stop. */
export function watchTheme(changed) {
  const observer = new MutationObserver(changed);
  const names = ["data-jp-theme-name", "data-jp-theme-light", "class"];
  for (const element of [document.body, document.documentElement]) {
    observer.observe(element, { attributeFilter: names });
  }
  const media = [matchMedia("(prefers-color-scheme: dark)"), matchMedia("(forced-colors: active)")];
  for (const query of media) query.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    for (const query of media) query.removeEventListener("change", changed);
  };
}
