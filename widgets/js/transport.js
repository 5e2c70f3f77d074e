// The play button does what it says: meanwhile the lab may have stopped by itself.

/** Send what the button said when it was pressed, as {on}; returns how to stop. */
export function watchPlay(root, send) {
  const press = (event) => {
    const key = event.target.closest(".face-play");
    if (!key) return;
    event.stopPropagation(); // else ipywidgets sends a click, which turns whatever holds by then
    send({ on: key.textContent.trim() === "Play" });
  };
  root.addEventListener("click", press, true);
  return () => root.removeEventListener("click", press, true);
}
