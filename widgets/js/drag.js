// Dragging with mouse, pen or finger: {start, move, end} of an element.

/** Let `target` be dragged. Places are in CSS pixels of `sheet`.
 *
 * start(x, y, event) may return false to leave the press alone; move(x, y); end(kept, x, y):
 * kept is false if the browser took the gesture for scrolling. Returns nothing; dies with target.
 */
export function dragging(target, sheet, { start, move, end }) {
  target.addEventListener("pointerdown", (press) => {
    if (press.button || !press.isPrimary) return;
    const place = (event) => {
      const box = sheet.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    if (start(...place(press), press) === false) return;
    press.preventDefault();
    if (target.tabIndex >= 0) target.focus({ preventScroll: true }); // Safari does not by itself
    target.setPointerCapture(press.pointerId);
    const stop = new AbortController();
    const on = (name, act) => target.addEventListener(name, act, { signal: stop.signal });
    const finish = (kept) => (event) => {
      stop.abort();
      end(kept, ...place(event));
    };
    on("pointermove", (event) => {
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const one of passed.length ? passed : [event]) move(...place(one));
    });
    on("pointerup", finish(true));
    on("pointercancel", finish(false));
    on("lostpointercapture", finish(false));
  });
}
