"""DescentLab in a real browser: it paints, the start is dragged, the keys move α and β."""

import json

import numpy as np
import pytest
from test_start import kernel, pixels, run_cell, shot, wait

pytestmark = pytest.mark.browser

CELL = """from widgets.descent.lab import DescentLab
lab = DescentLab("ravine", racers=("gradient descent", "momentum", "Newton"), interactive=True)
lab"""


def data(page, name):
    canvas = page.locator("canvas.course-canvas").first
    return json.loads(canvas.get_attribute(f"data-{name}"))


def knob(page, expression):
    return json.loads(kernel(page, f"import json; print(json.dumps({expression}))"))


def show_lab(page, jupyter):
    run_cell(page, jupyter, CELL)
    page.wait_for_selector("canvas.course-canvas[data-step]", state="attached", timeout=120_000)
    page.locator("canvas.course-canvas").scroll_into_view_if_needed()


def middle(page, handle):
    box = page.locator(f"button[data-knob={handle}]").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_race_the_start_and_the_diagram(page, jupyter):
    show_lab(page, jupyter)
    first = pixels(page)
    page.locator("button.jupyter-button", has_text="Step").click()
    wait(lambda: data(page, "step") == 1)
    assert pixels(page) != first
    page.locator("button.jupyter-button", has_text="Play").click()
    wait(lambda: data(page, "step") > 10)
    page.locator("button.jupyter-button", has_text="Pause").click()
    wait(lambda: data(page, "step") == knob(page, "lab.race.step_count"))
    drawn = {racer["name"]: racer["at"] for racer in data(page, "racers")}
    ends = knob(page, "{name: path[-1].tolist() for name, path in lab.paths.items()}")
    assert drawn.keys() == ends.keys() == {"gradient descent", "momentum", "Newton"}
    assert all(np.allclose(drawn[name], ends[name]) for name in ends)
    shot(page, "descent")

    assert page.get_by_role("slider", name="α, momentum").count() == 1
    assert page.get_by_role("spinbutton", name="β of momentum, as a number").count() == 1

    # The start, with the mouse: the ravine's picture spans 3 units, the start is at (1, 1).
    before, painted = pixels(page), middle(page, "start")
    page.mouse.move(*painted)
    page.mouse.down()
    page.mouse.move(painted[0] - 80, painted[1] + 40, steps=5)
    page.mouse.up()
    wait(lambda: knob(page, "lab.race.knobs['start']") != [1.0, 1.0])
    wait(lambda: data(page, "start") == knob(page, "lab.race.knobs['start']"))
    x, y = data(page, "start")
    per_unit = 80 / (1 - x)
    assert x < 1 and 40 / (1 - y) == pytest.approx(per_unit, rel=0.05)
    assert np.allclose(middle(page, "start"), (painted[0] - 80, painted[1] + 40), atol=2)
    assert data(page, "step") == 0 and pixels(page) != before
    assert knob(page, "[path[0].tolist() for path in lab.paths.values()]") == [[x, y]] * 3

    # The same by keyboard, without Jupyter's own arrow keys.
    page.locator("button[data-knob=start]").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    wait(lambda: knob(page, "lab.race.knobs['start']")[1] == pytest.approx(y - 0.06, abs=2e-3))
    wait(lambda: knob(page, "lab.race.knobs['start']")[0] == pytest.approx(x + 0.03, abs=2e-3))
    assert page.evaluate("() => document.activeElement.dataset.knob") == "start"

    # The point (α, β): keys and mouse turn the knobs, and the race goes on from where it is.
    kernel(page, "lab.run(7)")
    alpha, beta = knob(page, "lab.race.point")
    assert (alpha, beta) == (0.09, 0.9), "the slider's own steps turn no knob"
    page.locator("button[data-knob=point]").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    wait(lambda: knob(page, "lab.race.point")[1] == pytest.approx(beta - 0.0995, abs=1e-3))
    lower = knob(page, "lab.race.point")[0]
    assert lower == pytest.approx(alpha * 5000**-0.01, rel=2e-3)
    wait(lambda: data(page, "point") == knob(page, "lab.race.point"))
    assert knob(page, "lab.race.knobs['lr']['momentum']") == lower
    assert data(page, "step") == 7
    field = page.get_by_title("α, momentum, as a number").first
    wait(lambda: float(field.input_value()) == lower)
    painted, before = middle(page, "point"), pixels(page)
    page.mouse.move(*painted)
    page.mouse.down()
    page.mouse.move(painted[0] + 60, painted[1], steps=4)
    page.mouse.up()
    wait(lambda: knob(page, "lab.race.point")[0] > 0.25)
    wait(lambda: data(page, "point") == knob(page, "lab.race.point"))
    assert "diverges" in page.locator(".course-status").inner_text() and pixels(page) != before
    shot(page, "descent-dragged")

    # A message that makes no sense is answered in words and changes nothing.
    kernel(page, "lab.controls._dragged(None, {'knob': 'point', 'value': ['x', 2]}, [])")
    page.get_by_text("Not changed").wait_for()
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', "
        "{theme: 'JupyterLab Dark'})"
    )
    wait(lambda: pixels(page) != before)
    page.wait_for_timeout(500)
    shot(page, "descent-dark")
    assert knob(page, "lab.race.step_count") == 7
    kernel(page, "lab.close()")

    # Where nobody has momentum there is no diagram, and nothing to drag in it.
    kernel(page, "lab.set('racers', ['gradient descent'])")
    page.locator("button[data-knob=point]").wait_for(state="hidden")
    page.locator("button[data-knob=start]").focus()
    shot(page, "descent-alone")
    kernel(page, "lab.set('racers', ['gradient descent', 'momentum'])")
    page.locator("button[data-knob=point]").wait_for(state="visible")
