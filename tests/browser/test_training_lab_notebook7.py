"""The training lab in Notebook 7, which the same server shows."""

import pytest
from lab_page import CELL, MOONS, LabPage

pytestmark = pytest.mark.browser


def test_it_plays_and_is_turned_in_notebook_7(page, jupyter):
    lab = LabPage(page, jupyter, "seven", CELL.format(MOONS), app="notebooks")
    lab.press("Play")
    lab.until("lab.trainer.step_count > 20")
    lab.press("Pause")
    lab.until("not lab.runner.running")
    lab.at_step(lab.ask("lab.trainer.step_count"))
    assert lab.is_true()

    # A handle, a plan and the slider.
    step = lab.step
    x, y = lab.at("learning rate", step, 0.2)
    under = lab.value("learning rate", y - 14)
    lab.drag((x, y), (x, y - 14))
    lab.until(f"abs(lab.trainer.knobs()['lr'] / {under} - 1) < 0.06")
    lab.drag(lab.at("learning rate", step + 40, 1.0), lab.at("learning rate", step + 90, 0.05))
    lab.until("any(k == 'lr' and isinstance(v, dict) for _, k, v in lab.recipe().knobs)")
    lab.root.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    lab.until("not any(isinstance(v, dict) for _, _, v in lab.recipe().knobs[-1:])")

    # Cells in command mode do not take the lab's keys.
    handle = lab.slider("momentum now")
    handle.focus()
    before = lab.ask("lab.trainer.knobs()['momentum']")
    handle.press("ArrowDown")
    lab.until(f"lab.trainer.knobs()['momentum'] < {before}")
    for key in "x", "d", "d", "b":
        handle.press(key)
    assert page.locator(".jp-CodeCell").count() == 1 and page.locator(".face").count() == 1

    lab.tab("Take it home")
    lab.press("Recipe")
    assert lab.root.get_by_label("to copy").is_visible()
