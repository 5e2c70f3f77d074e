"""Notebook 7, which the same server shows: the labs' other kinds, bets, patients and figures."""

import pytest
from notebook_server import RUN_ALL, open_notebook, put_notebook
from test_backprop import BackpropPage
from test_bets_page import CHOICE, LATER, PATIENT, button, outputs
from test_descent import DescentPage
from test_plots import EXPLORE, PLOT
from test_start import kernel, wait

pytestmark = pytest.mark.browser

APP = "notebooks"


def test_descent_is_driven(page, jupyter):
    cell = "from widgets import DescentLab\nlab = DescentLab('ravine', steps=60); lab"
    lab = DescentPage(page, jupyter, "descent7", cell, app=APP)
    x, y = lab.middle("start")
    before = lab.ask("lab.race.knobs['start']")
    lab.drag((x, y), (x - 60, y + 20))
    lab.until(f"lab.race.knobs['start'][0] < {before[0]}")
    lab.press("Play")
    lab.until("lab.race.step_count > 20")
    lab.press("Pause")
    lab.until("not lab.playing")
    lab.at_step(lab.ask("lab.race.step_count"))
    assert lab.is_true()
    handle, alpha = lab.slider("α and β"), lab.ask("lab.race.point[0]")
    handle.focus()
    handle.press("ArrowRight")
    lab.until(f"lab.race.point[0] > {alpha}")
    for key in "x", "d", "d", "b":  # what deletes, cuts and inserts cells in command mode
        handle.press(key)
    assert page.locator(".jp-CodeCell").count() == 1 and page.locator(".face").count() == 1


def test_backprop_is_stepped_and_edited(page, jupyter):
    cell = "from widgets import BackpropLab\nlab = BackpropLab(); lab"
    lab = BackpropPage(page, jupyter, "backprop7", cell, app=APP)
    lab.go("Forward", "Step 1 of")
    lab.follows()
    lab.number("w1[1,1]").click()
    page.keyboard.type("0.5")
    page.keyboard.press("Enter")
    lab.until("lab.numbers()['w1[1,1]'] == 0.5")
    lab.follows()
    assert page.locator(".jp-CodeCell").count() == 1


def test_bets_patients_and_figures_answer(page, jupyter):
    put_notebook(jupyter, "bets7.ipynb", CHOICE, LATER, PATIENT, PLOT, EXPLORE)
    open_notebook(page, jupyter, "bets7", APP)
    page.evaluate(RUN_ALL)
    page.locator(".face-explore").wait_for()
    assert "SECRET" not in outputs(page) and "LATER" not in outputs(page)
    page.get_by_role("radio", name="up").first.check()
    button(page, "Place the bet").click()
    wait(lambda: "LATER up" in outputs(page))

    button(page, "Check the cure").click()
    page.get_by_text("Not cured: on 3 seeds").wait_for()

    assert page.locator(".plot-figure canvas").first.is_visible()
    slider = page.locator(".face-explore").get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    wait(lambda: "0.6" in kernel(page, "print(asked)"))
    page.get_by_text("Rate 0.6.").wait_for()
