"""The training lab's tabs in JupyterLab: start again, instruments, branches, take home, duel."""

import json

import pytest
from lab_page import CELL, MOONS, LabPage
from test_start import shot, wait

from widgets.training.instruments import INSTRUMENTS

pytestmark = pytest.mark.browser
TITLES = "Start again with …", "More knobs", "Instruments", "Branches", "Take it home", "Duel"
STRIPS = "face.picture.strips.map((plot) => plot.id)"
BELOW = "face.picture.below.map((panel) => panel.title)"


def test_a_run_starts_again_and_every_instrument_is_painted(page, jupyter):
    lab = LabPage(page, jupyter, "again", CELL.format(MOONS))
    tabs = lab.root.locator(".face-tab:visible")
    assert tabs.count() == 0
    for title in TITLES:
        lab.tab(title)
        wait(lambda: tabs.count() == 1)
        assert lab.button(title).get_attribute("aria-pressed") == "true"
    lab.tab("Duel")
    wait(lambda: tabs.count() == 0)

    # A card, the form, a preset.
    lab.do("lab.run(20)")
    lab.tab("Start again with …")
    pictures = lab.root.locator(".face-card img")
    assert all(pictures.nth(i).evaluate("(i) => i.naturalWidth") for i in range(pictures.count()))
    lab.press("xor")
    lab.until("lab.trainer.data.name == 'xor' and lab.trainer.step_count == 0")
    wait(lambda: lab.root.locator(".face-chosen").inner_text() == "xor")
    lab.at_step(0)
    assert lab.is_true()
    lab.root.get_by_label("hidden widths").fill("5, 4")
    lab.root.get_by_label("activation", exact=True).select_option("sigmoid")
    lab.root.get_by_label("seed", exact=True).fill("3")
    lab.press("Start again with this network")
    lab.until("lab.trainer.model.describe()['sizes'][1:3] == [5, 4]")
    model = lab.ask("lab.trainer.model.describe()")
    assert model["activation"] == "sigmoid" and lab.ask("lab.recipe().seed") == 3
    wait(lambda: lab.face("face.picture.side[0].sizes")[1:3] == [5, 4])
    lab.press("zig-zag")
    lab.until("lab.trainer.data.name == 'digits'")
    assert "edge" in lab.root.locator(".face-tab:visible").inner_text()
    wait(lambda: lab.face("face.picture.side[0].kind") == "tiles")

    # Every instrument, on and off, while it plays.
    lab.do("lab.restart(data='moons', hidden=[8]); lab.set('batch_size', 32)")
    lab.tab("Instruments")
    before = set(lab.face(STRIPS))
    boxes = lab.root.locator(".face-tab:visible input[type=checkbox]")
    every = len(INSTRUMENTS)
    wait(lambda: boxes.count() == every)
    for i in range(every):
        boxes.nth(i).check()
        lab.until(f"list(lab.panel.instruments.switches)[{i}] in lab.watching.instruments")
        lab.catch_up()  # its panel moves what is below
    assert lab.ask("len(lab.watching.instruments)") == every
    lab.press("Play")
    wait(lambda: lab.step > 30)
    lab.press("Pause")
    lab.until("not lab.runner.running")
    lab.at_step(lab.ask("lab.trainer.step_count"))
    assert lab.is_true()
    assert set(lab.face(STRIPS)) > before and len(lab.face(BELOW)) >= 4
    canvases = lab.root.locator(".face-sheet canvas")
    assert canvases.count() == 1 + len(lab.face(BELOW)) + len(lab.face("face.picture.side"))
    for i in range(canvases.count()):
        assert lab.pixels(f".face-sheet canvas >> nth={i}").std() > 5, i
    shot(page, "all instruments")
    for name in "loss slice", "momentum", "network":
        lab.root.get_by_label(name, exact=True).uncheck()
    lab.until(f"len(lab.watching.instruments) == {every - 3}")
    wait(lambda: "momentum" not in lab.face(STRIPS) and not lab.face("face.picture.side"))
    assert "loss slice" not in lab.face(BELOW)


def test_a_run_is_taken_home_and_duels(page, jupyter):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=jupyter)
    lab = LabPage(page, jupyter, "home", CELL.format(MOONS))
    lab.do("lab.run(20); lab.set('lr', 0.4); lab.run(10)")
    lab.tab("Take it home")
    text = lab.root.get_by_label("to copy")
    lab.press("Recipe")
    wait(lambda: text.input_value().startswith("{"))
    recipe = json.loads(text.input_value())
    assert recipe["steps"] == 30 and recipe["knobs"] == [[20, "lr", 0.4]]
    lab.press("Copy")
    wait(lambda: page.evaluate("navigator.clipboard.readText()") == text.input_value())
    assert "Copied" in lab.root.locator(".face-said").inner_text()
    lab.press("Code")
    wait(lambda: "Trainer(" in text.input_value())
    compile(text.input_value(), "code", "exec")

    lab.tab("Duel")
    duel = lab.root.locator(".face-tab:visible")
    duel.get_by_role("button", name="Duel").click()
    bar = duel.locator(".widget-progress, .jupyter-widgets-progress, .progress").first
    bar.wait_for()
    lab.press("Play")  # the lab goes on meanwhile
    lab.until("lab.trainer.step_count > 40")
    duel.get_by_role("status").wait_for(timeout=90_000)
    said = duel.get_by_role("status").inner_text()
    assert "of 10 seeds" in said, said
    picture = duel.locator("img")
    picture.wait_for()
    assert picture.evaluate("(i) => i.naturalWidth") > 300 and picture.get_attribute("alt")
    wait(lambda: not bar.is_visible())
    shot(page, "duel")
