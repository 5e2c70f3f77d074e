"""The training lab by keyboard and for every reader: names, values, colours, motion."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_page import CELL, MOONS, THEME, LabPage
from test_start import wait

pytestmark = pytest.mark.browser

KNOBS = [
    "Play", "One step", "Back to the last turn", "Reset to the first step", "speed",
    "learning rate α", "learning rate α as a number", "momentum β", "momentum β as a number",
    "off", "threshold c", "threshold c as a number", "batch size",
]  # fmt: skip
HANDLES = [
    "your guess of the loss, a pen", "clip threshold now", "planned clip threshold, a pen",
    "learning rate now", "planned learning rate, a pen", "momentum now",
    "planned momentum, a pen", "crosshair", "output",
]  # fmt: skip
TABS = ["Start again with …", "More knobs", "Instruments", "Branches", "Take it home", "Duel"]
FOCUSED = """() => {
  const e = document.activeElement;
  return e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent;
}"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(
  (cell) => [cell.cell_type, cell.getSource()])"""
COMMAND_MODE = "() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }"


def test_everything_has_a_name_and_is_reached_by_tab_in_order(page, jupyter):
    lab = LabPage(page, jupyter, "tabs", CELL.format(MOONS + ", speed=5"))
    lab.button("Play").focus()
    names = []
    for _ in range(len(KNOBS) + len(HANDLES) + len(TABS) + 8):
        names.append(page.evaluate(FOCUSED).strip())
        page.keyboard.press("Tab")
    places = [next(i for i, n in enumerate(names) if n.startswith(wanted))
              for wanted in KNOBS + HANDLES + TABS]  # fmt: skip
    assert places == sorted(places), names
    shown = lab.root.aria_snapshot()
    assert not re.search(r'(button|slider|spinbutton|combobox|textbox)( ""|:|$)', shown, re.M), (
        shown
    )
    assert not lab.root.locator('[title="null"]').count()

    lab.button("Play").focus()
    page.keyboard.press("Space")
    lab.until("lab.playing")
    lab.button("Pause").wait_for()
    assert page.evaluate(FOCUSED) == "Pause"
    page.keyboard.press("Space")
    lab.until("not lab.playing")


def test_every_handle_is_turned_by_keys_and_jupyterlab_stays_out_of_the_way(page, jupyter):
    lab = LabPage(page, jupyter, "keys", CELL.format(MOONS), "2 + 2")
    lab.do("lab.run(50)")
    lab.at_step(50)
    before = page.evaluate(CELLS)
    press = page.keyboard.press

    for name, knob in [("learning rate", "lr"), ("momentum", "momentum"),
                       ("clip threshold", "threshold")]:  # fmt: skip
        handle = lab.slider(f"{name} now")
        handle.focus()
        was = lab.ask(f"lab.trainer.knobs()['{knob}']")
        press("ArrowUp")
        lab.until(f"lab.trainer.knobs()['{knob}'] > {was}")
        press("PageDown")
        lab.until(f"lab.trainer.knobs()['{knob}'] < {was}")
        now = lab.ask(f"lab.trainer.knobs()['{knob}']")
        wait(lambda: float(handle.get_attribute("aria-valuenow")) == pytest.approx(now))  # noqa: B023
        assert f"{now:.3g}" in handle.get_attribute("aria-valuetext")
    assert lab.ask("lab.trainer.knobs()['clip']") == "norm"

    # The pen of a lane: draw, then take it back.
    pen = lab.slider("planned momentum")
    pen.focus()
    for key in ["ArrowRight"] * 3 + ["ArrowDown"] * 4 + ["ArrowRight"] * 2:
        press(key)
    lab.until("any(k == 'momentum' and isinstance(v, dict) for _, k, v in lab.recipe().knobs)")
    assert re.search(r"step \d+, 0\.\d", pen.get_attribute("aria-valuetext"))
    press("Delete")
    lab.until("not __import__('widgets').training.plans.standing(lab.trainer)")
    guess = lab.slider("your guess of the loss")
    guess.focus()
    for key in ["ArrowRight", "ArrowDown", "ArrowRight", "ArrowDown"]:
        press(key)
    lab.until("len(lab.guessed.points) >= 2")
    press("Backspace")
    lab.until("not lab.guessed.points")

    # The crosshair reads aloud, and goes there.
    lab.slider("crosshair").focus()
    press("ArrowLeft")
    spoken = lab.root.locator(".face-live")
    wait(lambda: "20" in spoken.inner_text() and "test" in spoken.inner_text())
    press("Enter")
    lab.until("lab.trainer.step_count == 20")
    lab.at_step(20)

    # The network: arrows walk, Escape ends.
    network = lab.root.get_by_role("application")
    network.focus()
    walked = lab.pixels(".face-network canvas")
    press("ArrowRight")
    wait(lambda: (walked != lab.pixels(".face-network canvas")).any())
    assert "neuron" in spoken.inner_text() or "x" in spoken.inner_text()
    press("Escape")
    wait(lambda: (walked == lab.pixels(".face-network canvas")).all())

    # A knob of ipywidgets.
    lab.root.locator(".noUi-handle").first.focus()
    was = lab.ask("lab.trainer.knobs()['lr']")
    press("ArrowRight")
    lab.until(f"lab.trainer.knobs()['lr'] > {was}")
    number = lab.root.get_by_label("learning rate α as a number")
    wait(lambda: float(number.input_value()) > was)
    value = lab.root.locator(".noUi-handle").first
    wait(lambda: value.get_attribute("aria-valuetext") == number.input_value())
    number.fill("0.0123")
    number.press("Enter")
    lab.until("lab.trainer.knobs()['lr'] == 0.0123")

    # JupyterLab's shortcuts of the command mode: cut, delete, Markdown, insert, move.
    targets = [lab.slider("learning rate now"), lab.slider("planned momentum"), network,
               lab.slider("crosshair"), lab.root.locator(".noUi-handle").first,
               lab.button("More knobs"), lab.button("One step")]  # fmt: skip
    for target in targets:
        page.evaluate(COMMAND_MODE)
        target.focus()
        for key in "x", "d", "d", "m", "a", "b", "j", "ArrowDown", "ArrowUp", "Enter":
            target.press(key)
    assert page.evaluate(CELLS) == before
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex") == 0
    page.locator(".jp-CodeCell .cm-content").last.click()
    press("Escape")
    press("b")  # outside the lab they act
    wait(lambda: len(page.evaluate(CELLS)) == len(before) + 1)


def serious(page):
    """What axe-core finds in the labs on the page that is serious or worse."""
    found = Axe().run(page, context=".face").response["violations"]
    return [
        (v["id"], [n["html"][:200] for n in v["nodes"]][:3])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def test_axe_finds_nothing_serious_in_either_theme(page, jupyter):
    lab = LabPage(page, jupyter, "axe", CELL.format(MOONS))
    lab.do("lab.run(50); lab.set('lr', .5); lab.plan('lr', [[100, .5], [150, .1]]); lab.run(10)")
    lab.at_step(60)
    test = lab.layer("loss", "test")
    steps, losses = (lab.shown()[test[axis]] for axis in "xy")
    # JupyterLab lays its page out anew when the theme changes; no paint may be lost.
    for hue, theme in [("run in the dark", "Dark"), ("run", "Light")] * 2:
        page.evaluate(THEME, f"JupyterLab {theme}")
        wait(lambda: lab.has_hue(hue, "loss", steps[2], losses[2]), 10)  # noqa: B023
    for theme in "JupyterLab Light", "JupyterLab Dark":
        page.evaluate(THEME, theme)
        hue = "run" if "Light" in theme else "run in the dark"
        wait(lambda: lab.has_hue(hue, "loss", steps[2], losses[2]))  # noqa: B023
        for name in TABS:
            lab.tab(name)
            page.wait_for_timeout(200)
            assert serious(page) == [], (theme, name)


def test_reduced_motion_and_forced_colours(page, jupyter):
    page.emulate_media(reduced_motion="reduce", forced_colors="active")
    lab = LabPage(page, jupyter, "calm", CELL.format(MOONS))
    lab.until("lab.panel.calm")
    assert lab.ask("lab.frame_time()") >= 0.5
    lab.do("lab.run(50)")
    lab.at_step(50)
    test = lab.layer("loss", "test")
    steps, losses = (lab.shown()[test[axis]] for axis in "xy")
    x, y = lab.at("loss", steps[2], losses[2])
    box = lab.root.locator(".face-time canvas").first.bounding_box()
    painted = lab.pixels()
    column, row = round(x - box["x"]), round(y - box["y"])
    near = painted[row - 2 : row + 3, column - 2 : column + 3]
    assert abs(near - painted[row + 25, column - 6]).sum(2).max() > 150, "no curve to be seen"
    page.emulate_media(reduced_motion="no-preference", forced_colors="none")
    lab.until("not lab.panel.calm")
    wait(lambda: lab.has_hue("run", "loss", steps[2], losses[2]))
