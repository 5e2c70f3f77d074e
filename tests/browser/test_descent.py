"""DescentLab in JupyterLab: start and (α, β) by mouse and by keys, crosshair, two labs, themes."""

import numpy as np
import pytest
from lab_page import LabPage
from test_start import shot, wait

import widgets.descent.lab  # noqa: F401  what these tests are about: see tests/lanes.py
from widgets.descent.words import HUES

pytestmark = pytest.mark.browser

CELL = "from widgets import DescentLab\nlab = DescentLab({}); lab"
COLOURS = {"run": (0x00, 0x72, 0xB2), "run2": (0x00, 0x80, 0x5C), "run3": (0x8A, 0x6D, 0x00)}
LEFT, RIGHT, HEAD = 46, 6, 26  # around the surface's map
AROUND = (40, 6, 42, 38)  # the diagram's: left, right, above, below
ABOVE = """(face) => [".face-surface", ".face-time", ".face-diagram"].map((name) => {
  const box = face.querySelector(name)?.getBoundingClientRect();
  return box && [box.left, box.top, box.width, box.height];
})"""


class DescentPage(LabPage):
    """A page with a DescentLab."""

    def data(self, kind: str) -> dict:
        """Return the painted panel of a kind."""
        return self.face(f"face.picture.side.find((panel) => panel.kind === '{kind}')")

    def middle(self, name: str) -> tuple[float, float]:
        """Return where a handle lies on the page."""
        box = self.root.locator(f".face-{name}").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def on_canvas(self, point) -> tuple[float, float]:
        """Return where a point of the surface is painted, in pixels of its canvas."""
        x0, x1, y0, y1 = self.data("surface")["extent"]
        box = self.root.locator(".face-surface canvas").bounding_box()
        wide = box["width"] - LEFT - RIGHT
        share = wide / (x1 - x0)
        return LEFT + (point[0] - x0) * share, HEAD + (y1 - point[1]) * share

    def on_page(self, point) -> tuple[float, float]:
        """Return where a point of the surface lies on the page."""
        x, y = self.on_canvas(point)
        box = self.root.locator(".face-surface canvas").bounding_box()
        return box["x"] + x, box["y"] + y

    def passes(self, name: str, point) -> bool:
        """Return whether a racer's trail is painted at a point of the surface."""
        x, y = self.on_canvas(point)
        near = self.pixels(".face-surface canvas")[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
        return bool((np.abs(near - COLOURS[HUES[name]]).sum(2) < 60).any())

    def speed_at(self, alpha: float, beta: float) -> np.ndarray:
        """Return the colour of the diagram at a rate and a memory."""
        pixels = self.pixels(".face-diagram canvas")
        left, right, above, below = AROUND
        low, high = (self.data("diagram")["x"][end] for end in ("low", "high"))
        share = np.log(alpha / low) / np.log(high / low)
        x = left + share * (pixels.shape[1] - left - right)
        y = above + (1 - beta / 0.995) * (pixels.shape[0] - above - below)
        return pixels[int(y), int(x)]

    def stands_at(self, name: str, point) -> bool:
        """Return whether a racer's disc is painted at a point of the surface."""
        x, y = self.on_canvas(point)
        near = self.pixels(".face-surface canvas")[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
        own = np.abs(near - COLOURS[HUES[name]]).sum(2) < 40
        return bool(own.mean() > 0.5)  # the start or another racer may lie over it


def test_the_start_by_mouse_and_by_keys(page, jupyter):
    options = '"quadratic", ("gradient descent", "Adam"), condition=5, steps=60'
    lab = DescentPage(page, jupyter, "descent_start", CELL.format(options))
    assert lab.middle("start") == pytest.approx(lab.on_page((1, 1)), abs=1.5)
    lab.do("lab.run(12)")
    lab.at_step(12)
    for name, path in lab.ask("{n: p[-1].tolist() for n, p in lab.paths.items()}").items():
        wait(lambda: lab.stands_at(name, path))  # noqa: B023
    for name, path in lab.ask("{n: p[1:5].tolist() for n, p in lab.paths.items()}").items():
        assert all(lab.passes(name, point) for point in path)
    assert lab.is_true()
    shot(page, "descent")

    start, before = lab.middle("start"), lab.pixels(".face-surface canvas")
    lab.drag(start, (start[0] - 90, start[1] + 50))
    lab.until("lab.race.knobs['start'] != (1.0, 1.0)")
    wait(lambda: lab.data("surface")["start"] == lab.ask("lab.race.knobs['start']"))
    x, y = lab.ask("lab.race.knobs['start']")
    wide = lab.root.locator(".face-surface canvas").bounding_box()["width"] - LEFT - RIGHT
    unit = wide / (3 / 0.72)
    assert (x, y) == pytest.approx((1 - 90 / unit, 1 - 50 / unit), abs=0.02)
    assert lab.middle("start") == pytest.approx((start[0] - 90, start[1] + 50), abs=1.5)
    lab.at_step(0)
    assert (lab.pixels(".face-surface canvas") != before).any()

    # By keys, without the page's own arrows and letters; Shift goes farther.
    handle = lab.slider("start")
    handle.focus()
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Shift+ArrowLeft", "x"):
        page.keyboard.press(key)
    wanted = (x + 0.02 - 0.2, y - 0.04)
    wait(lambda: lab.ask("lab.race.knobs['start']") == pytest.approx(wanted, abs=1e-6))
    wait(lambda: lab.data("surface")["start"] == pytest.approx(wanted, abs=1e-6))
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert handle.get_attribute("role") == "slider"
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(wanted[0], abs=1e-6)
    said = handle.get_attribute("aria-valuetext").replace("−", "-")
    assert said.startswith("x ") and f"{wanted[0]:.3g}" in said and f"{wanted[1]:.3g}" in said

    # A racer is chosen by its button, a knob turned by its field.
    lab.button("momentum").click()
    lab.until("'momentum' in lab.paths")
    lab.root.locator(".face-diagram").wait_for()
    assert lab.button("momentum").get_attribute("aria-pressed") == "true"
    lab.button("momentum").click()
    wait(lambda: lab.root.locator(".face-diagram").count() == 0)
    field = lab.root.get_by_label("rotation (°) as a number")
    field.fill("40")
    field.press("Enter")
    lab.until("lab.race.knobs['rotation'] == 40")
    wait(lambda: "turned by 40°" in lab.data("surface")["title"])


def test_the_point_of_the_diagram_by_mouse_and_by_keys(page, jupyter):
    lab = DescentPage(page, jupyter, "descent_point", CELL.format('"ravine"'))
    lab.do("lab.run(7)")
    lab.at_step(7)
    alpha, beta = lab.ask("lab.race.point")
    assert (alpha, beta) == (0.09, 0.9)
    fast, slow, lost = (lab.speed_at(*at) for at in ((0.08, 0.75), (0.001, 0.3), (1, 0.3)))
    assert fast[2] - fast[0] > 80 > slow[2] - slow[0] >= 0 > lost[2] - lost[0] + 60
    lab.slider("α and β").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    wait(lambda: lab.ask("lab.race.point")[1] == pytest.approx(beta - 0.0995, abs=1e-3))
    lower = lab.ask("lab.race.point")[0]
    assert lower == pytest.approx(alpha * 5000**-0.01, rel=2e-3)
    wait(lambda: lab.data("diagram")["point"] == lab.ask("lab.race.point"))
    assert lab.ask("lab.race.knobs['lr']['momentum']") == lower and lab.step == 7
    field = lab.root.get_by_label("α momentum as a number")
    wait(lambda: float(field.input_value()) == lower)

    point, before = lab.middle("point"), lab.pixels(".face-diagram canvas")
    lab.drag(point, (point[0] + 130, point[1] + 20))
    wait(lambda: lab.ask("lab.race.point")[0] > 0.3)
    wait(lambda: lab.data("diagram")["point"] == lab.ask("lab.race.point"))
    assert lab.middle("point") == pytest.approx((point[0] + 130, point[1] + 20), abs=1.5)
    assert (lab.pixels(".face-diagram canvas") != before).any()
    wait(lambda: "diverges" in lab.slider("α and β").get_attribute("aria-valuetext"))
    wait(lambda: "diverges" in lab.root.locator(".face-said").inner_text())
    assert lab.step == 7 and lab.face("face.picture.turns.length") == 1, "the race goes on"
    shot(page, "descent-dragged")

    lab.do("lab.panel.act('turn', {'knob': 'point', 'value': ['x', 2]})")
    wait(lambda: "Not changed" in lab.root.locator(".face-said").inner_text())
    lab.drag(lab.middle("point"), (point[0] - 3000, point[1] - 3000))
    wait(lambda: lab.ask("lab.race.point") == pytest.approx([4e-4, 0.995], rel=1e-3))


def test_play_crosshair_back_and_on(page, jupyter):
    options = '"ravine", ("momentum", "Newton"), lr=1e-3, speed=30'
    lab = DescentPage(page, jupyter, "descent_time", CELL.format(options))
    lab.press("Play")
    lab.until("lab.race.step_count > 8")
    lab.press("Pause")
    lab.until("not lab.playing")
    n = lab.ask("lab.race.step_count")
    lab.at_step(n)
    assert lab.is_true() and lab.root.locator(".face-heads dd").first.inner_text() == str(n)
    rows = lab.root.locator(".face-standings tbody tr")
    assert rows.count() == 2 and "Newton" in rows.nth(1).inner_text()
    lab.press("Step")
    lab.at_step(n + 1)

    # The crosshair of the heights moves the racers on the surface.
    past = lab.ask("lab.paths['momentum'][3].tolist()")
    now = lab.ask("lab.paths['momentum'][-1].tolist()")
    wait(lambda: lab.stands_at("momentum", now))
    page.mouse.move(*lab.at("height", 3, 1))
    wait(lambda: lab.stands_at("momentum", past))
    page.mouse.move(*lab.middle("start"))
    wait(lambda: lab.stands_at("momentum", now))

    # A press in the past goes there; a knob turned there makes another future.
    page.mouse.click(*lab.at("height", 4, 1))
    lab.until("lab.race.step_count == 4")
    lab.at_step(4)
    assert lab.face("face.picture.end") == n + 1
    lab.slider("crosshair").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    lab.until("lab.race.step_count == 6")
    lab.do("lab.set('beta', 0.5)")
    wait(lambda: lab.face("face.picture.turns") == [[6, "β 0.5"]])
    assert lab.face("face.picture.end") == 6
    lab.press("Reset")
    lab.at_step(0)


def test_two_labs_and_a_reload(page, jupyter):
    other = 'other = DescentLab("cliff", ("gradient descent", "clipped descent"), lr=1e-3); other'
    lab = DescentPage(page, jupyter, "descent_two", CELL.format("lr=1e-4, speed=30"), other)
    wait(lambda: page.locator(".face-view").count() == 2)
    second = DescentPage.beside(lab, 1)
    lab.press("Play")
    second.root.scroll_into_view_if_needed()
    second.press("Play")
    lab.until("lab.race.step_count > 5 and other.race.step_count > 5")
    lab.until("lab.playing and other.playing")
    wait(lambda: lab.face("face.picture?.step", 1) > 8)
    second.press("Pause")
    lab.root.scroll_into_view_if_needed()
    before = lab.ask("lab.race.step_count")
    wait(lambda: lab.step > before)
    lab.press("Pause")
    lab.until("not lab.playing")

    lab.reload()
    lab.at_step(lab.ask("lab.race.step_count"))
    wait(lab.is_true)
    lab.press("Step")
    lab.at_step(lab.ask("lab.race.step_count"))


def test_widths_themes_and_axe(page, jupyter):
    every = "from course.lessons.racers import NAMES\n"
    options = '"quadratic", NAMES, rotation=30, condition=20, noise=0.3'
    lab = DescentPage(page, jupyter, "descent_widths", every + CELL.format(options))
    lab.do("lab.run(30)")
    lab.at_step(30)
    for _, theme, width in lab.in_every_look("Options"):
        surface, time, diagram = lab.root.evaluate(ABOVE)
        assert surface[1] + surface[3] <= time[1], "the heights lie below the surface"
        if width > 800:
            assert diagram[0] > surface[0] + surface[2]
            ends = [box[1] + box[3] for box in (time, diagram)]
            assert ends[0] == pytest.approx(ends[1], abs=2)
        else:
            assert diagram[1] > time[1] + time[3]
        place = lab.on_page(lab.data("surface")["start"])
        assert lab.middle("start") == pytest.approx(place, abs=1.5)
        shot(page, f"descent {theme} {width}")
    lab.do("lab.set('racers', ['gradient descent'])")
    wait(lambda: lab.root.locator(".face-diagram").count() == 0)
    page.set_viewport_size({"width": 1180, "height": 1000})
    wait(lambda: (boxes := lab.root.evaluate(ABOVE))[1][0] > boxes[0][0] + boxes[0][2])
    shot(page, "descent-alone")
