"""The training lab on its page: widths, themes, several views and labs, slow and hidden, faults."""

import pytest
from lab_page import CELL, MOONS, THEME, LabPage
from test_start import shot, wait

from widgets.common.face import WINDOW

pytestmark = pytest.mark.browser

DIGITS = "'digits', steps=400, speed=150"
BOXES = """(lab) => {
  const seen = [...lab.querySelectorAll(
    ".face-keys > *, .face-heads dl > div, .face-knob, .face-sheet, .face-said, .face-tabs > *"
  )].filter((e) => e.offsetParent && e.clientWidth);
  return seen.map((e) => {
    const { left, top, right, bottom } = e.getBoundingClientRect();
    return { name: `${e.className} ${e.innerText.slice(0, 20)}`, left, top, right, bottom };
  });
}"""
SLIDERS = ".face-knobs:visible .noUi-target"
HIDE = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  Object.defineProperty(document, "hidden", { value: state !== "visible", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
NAMES = ".face-knobs .widget-label:visible"
CUT = "(all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"


def crowded(lab) -> list:
    """Return which boxes of a lab lie over each other or leave it."""
    boxes = lab.root.evaluate(BOXES)
    outer = lab.root.bounding_box()
    right = outer["x"] + outer["width"] + 1
    found = [b["name"] for b in boxes if b["right"] > right or b["left"] < outer["x"] - 1]
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            wide = min(a["right"], b["right"]) - max(a["left"], b["left"])
            high = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
            if wide > 1 and high > 1:
                found.append((a["name"], b["name"]))
    return found


def test_it_fits_every_width_zoom_and_theme(page, jupyter):
    cells = CELL.format(MOONS), "other = TrainingLab(" + DIGITS + "); other"
    lab = LabPage(page, jupyter, "widths", *cells)
    lab.do("lab.run(60); lab.set('lr', .5); lab.plan('lr', [[90, .5], [180, .02]]); lab.run(20)")
    lab.at_step(80)
    wait(lambda: page.locator(".face").count() == 2)
    both = lab, LabPage.beside(lab, 1)
    zoom = page.context.new_cdp_session(page)
    for one in both:
        one.tab("More knobs")
        one.button("after β").wait_for()
    try:
        for theme, width, ratio in [("Light", 1160, 1), ("Light", 1040, 1), ("Light", 880, 1),
                                    ("Light", 540, 1), ("Light", 1160, 1.5),
                                    ("Dark", 1160, 1)]:  # fmt: skip
            page.evaluate(THEME, f"JupyterLab {theme}")
            size = {"width": round(width / ratio), "height": 1300}
            page.set_viewport_size(size)
            metrics = size | {"deviceScaleFactor": ratio, "mobile": False}
            zoom.send("Emulation.setDeviceMetricsOverride", metrics)
            for one in both:
                one.root.scroll_into_view_if_needed()
                wait(lambda: not crowded(one))  # noqa: B023
                assert one.root.locator(NAMES).evaluate_all(CUT) == [], width
                sliders = one.root.locator(SLIDERS)
                sizes = [sliders.nth(i).bounding_box()["width"] for i in range(sliders.count())]
                assert len(sizes) >= 6 and min(sizes) >= 60, (width, sizes)
                canvas = one.root.locator(".face-time canvas")
                wait(lambda: canvas.evaluate("(c) => c.width / c.clientWidth")  # noqa: B023
                     == pytest.approx(ratio, rel=0.01))  # noqa: B023  # fmt: skip
            shot(page, f"{theme} {width} {ratio}")
    finally:
        zoom.send("Emulation.clearDeviceMetricsOverride")
        page.evaluate(THEME, "JupyterLab Light")

    # The side bar takes room; handles still lie on their values.
    page.set_viewport_size({"width": 1300, "height": 1100})
    lab.root.scroll_into_view_if_needed()
    width = "document.querySelector('.face-view').clientWidth"
    wait(lambda: page.evaluate(width) > 1000)
    page.evaluate("() => window.jupyterapp.commands.execute('filebrowser:activate')")
    wait(lambda: page.evaluate(width) < 1000)
    wait(lambda: not crowded(lab))
    wait(lambda: on_its_value(lab))
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    wait(lambda: page.evaluate(width) > 1000)
    wait(lambda: on_its_value(lab))


def on_its_value(lab) -> bool:
    box = lab.slider("learning rate now").bounding_box()
    place = lab.at("learning rate", lab.step, lab.ask("lab.trainer.knobs()['lr']"))
    return [box["x"] + 12, box["y"] + 12] == pytest.approx(place, abs=1.5)


def test_two_views_two_labs_and_a_reload(page, jupyter):
    other = "other = TrainingLab(" + DIGITS + "); other"
    lab = LabPage(page, jupyter, "two", CELL.format(MOONS + ", speed=150"), other, "lab")
    wait(lambda: page.locator(".face-view").count() == 3)
    lab.do("lab.run(20); other.run(20)")
    for view in 0, 2:
        page.locator(".face").nth(view).scroll_into_view_if_needed()
        wait(lambda: lab.face("face.picture?.step", view) == 20)  # noqa: B023
    page.locator(".face").nth(2).get_by_role("button", name="Play", exact=True).click()
    wait(lambda: lab.face("face.picture.step", 2) > 60)
    lab.root.scroll_into_view_if_needed()
    lab.press("Pause")  # in the first view, what the third began
    lab.until("not lab.runner.running")
    at = lab.ask("lab.trainer.step_count")
    lab.at_step(at)
    assert lab.is_true()

    # Two labs at once: both go on, none starves.
    lab.do("lab.plan_end(2000); other.plan_end(2000); lab.set_speed(0); other.set_speed(0)")
    lab.do("lab.play(); other.play()")
    lab.until("min(lab.trainer.step_count, other.trainer.step_count) > 150")
    lab.do("lab.pause(); other.pause()")

    lab.reload()
    lab.at_step(lab.ask("lab.trainer.step_count"))
    assert lab.is_true()
    lab.press("One step")
    lab.at_step(lab.ask("lab.trainer.step_count"))

    # The kernel goes: the view says what to do.
    page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status == 'idle'"
    )
    handle = lab.slider("learning rate now")
    handle.focus()
    handle.press("ArrowUp")
    lab.root.locator(".face-dead:visible").wait_for()
    assert "run this cell again" in lab.root.locator(".face-dead").inner_text()


def test_slow_and_hidden(page, jupyter):
    lab = LabPage(page, jupyter, "slow", CELL.format("'digits', steps=10**6, speed=0"))
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 8})
    lab.do("lab.play()")
    behind = "lab.panel.face.seq - max(lab.panel.face._views.values())"
    late = [lab.ask(behind) for _ in range(6)]
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    assert max(late) <= WINDOW, late
    page.evaluate(HIDE, "hidden")
    lab.until("not lab.panel.face.visible")
    before = lab.do("import time; time.sleep(.2); print(lab.panel.face.seq)")
    step = lab.ask("lab.trainer.step_count")
    lab.until(f"lab.trainer.step_count > {step} + 300")
    assert lab.do("print(lab.panel.face.seq)") == before
    page.evaluate(HIDE, "visible")
    wait(lambda: lab.step > step + 300)

    # The cell again and again: one thread.
    for _ in range(3):
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_timeout(300)
    lab.until("lab.trainer.step_count == 0")
    lab.do("lab.play()")
    count = "sum(t.name == 'course-lab' for t in __import__('threading').enumerate())"
    lab.until(f"{count} == 1")
    lab.do("lab.close()")
    lab.until(f"{count} == 0")


HANGING = """
import threading, torch
from course import Descend, Trainer, adopt, chain, load_data
class Hangs(torch.nn.Module):
    go = threading.Event()
    def __init__(self):
        super().__init__()
        self.layer, self.calls = torch.nn.Linear(2, 2), 0
    def forward(self, x):
        self.calls += 1
        if self.training and self.calls > 40:
            self.go.wait(60)
        return self.layer(x)
"""


def test_a_module_that_hangs_holds_its_own_lab_alone(page, jupyter):
    own = "Trainer(adopt(Hangs()), load_data('moons'), chain(Descend(0.1)))"
    cells = CELL.format(MOONS), HANGING, f"bad = TrainingLab({own}, speed=150); bad"
    lab = LabPage(page, jupyter, "hangs", *cells)
    wait(lambda: page.locator(".face").count() == 2)
    bad = page.locator(".face").nth(1)
    bad.scroll_into_view_if_needed()
    bad.get_by_role("button", name="Play", exact=True).click()
    wait(lambda: "has not ended for" in bad.locator(".face-said").inner_text())
    lab.root.scroll_into_view_if_needed()
    lab.press("Play")
    wait(lambda: lab.step > 30)
    lab.press("Pause")
    lab.until("not lab.runner.running")
    bad.get_by_role("button", name="Pause", exact=True).click()
    lab.do("Hangs.go.set()")
    lab.until("not bad.runner.running")
