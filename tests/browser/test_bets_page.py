"""Bets and patients in JupyterLab: Run all leaves them closed, a hand opens them, keys suffice."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_page import THEME
from notebook_server import RUN_ALL, open_notebook, put_notebook
from test_start import kernel, shot, wait

pytestmark = pytest.mark.browser

SETUP = """import os, tempfile
os.environ["TRAINING_AT_SCALE_HOME"] = tempfile.mkdtemp()
from course.lessons import Choice, Curve, Interval, Number
from widgets import Bet, Patient
def experiment():
    print("SECRET")
    return "up"
"""
CHOICE = (
    SETUP
    + """bet = Bet("Which way?", experiment, Choice("down", "up"), chapter="x")
bet"""
)
LATER = "bet.then(lambda found: print('LATER', found), 'What follows')"
NUMBER = """Bet("How many?", lambda: print("SECRET") or 4, Number(0, 9), chapter="x")"""
CURVE = """Bet("Which curve?", lambda: print("SECRET") or [[0, 1], [9, .1]],
    Curve((0, 3, 9), 0.01, 1, "loss"), chapter="x")"""
INTERVAL = """Bet("Between which ends?", lambda: print("SECRET") or 0.03,
    Interval(0.01, 1, at=1000, known=((10, 0.3), (100, 0.1)), name="error", place="images"),
    chapter="x")"""
PATIENT = (
    SETUP
    + """patient = Patient("B", chapter="x")
patient"""
)
OUTPUTS = ".jp-Cell-outputWrapper"
EXPLAINED = "nothing of the image is left"  # of patient H

DONE = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].every(
  (c) => c.type !== "code" || !c.sharedModel.source.trim() || c.executionCount)"""


OUTSIDE = """() => [...document.querySelectorAll(".face-bet")].flatMap((bet) => {
  const right = bet.closest(".jp-OutputArea-output").getBoundingClientRect().right;
  return [...bet.querySelectorAll("*")].filter((part) => {
    const box = part.getBoundingClientRect();
    return box.width > 1 && box.right > right + 1;
  }).map((part) => `${part.tagName} ${part.className}`);
})"""


def open_page(page, jupyter, name, *cells):
    if cells:
        put_notebook(jupyter, f"{name}.ipynb", *cells)
    open_notebook(page, jupyter, name)
    page.evaluate(RUN_ALL)
    page.locator(".face-bet").first.wait_for()


def outputs(page):
    """All that the page shows below its cells."""
    return " ".join(page.locator(OUTPUTS).all_inner_texts())


def idle(page):
    wait(lambda: page.evaluate(DONE), 150)


def button(page, words, nth=0):
    return page.locator(".face-acts button", has_text=words).nth(nth)


def test_run_all_opens_nothing_and_keys_place_the_bet(page, jupyter):
    open_page(page, jupyter, "bet_keys", CHOICE, LATER)
    idle(page)
    assert "SECRET" not in outputs(page) and "LATER" not in outputs(page)
    assert outputs(page).count("It opens with the bet.") == 2
    button(page, "Place the bet").click()
    page.get_by_text("no answer is chosen yet").wait_for()
    page.get_by_role("radio", name="up").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Place the bet"
    page.keyboard.press("Enter")
    wait(lambda: "LATER up" in outputs(page))
    assert "SECRET" in outputs(page) and "Well seen! 1 bet so far" in outputs(page)
    assert not button(page, "Place the bet").is_visible()
    shot(page, "bet")
    code = "from course.lessons.predictions import Predictions as P; print(P().calibration())"
    assert kernel(page, code) == "{'guesses': 1, 'choices held': 1.0}"
    page.evaluate(RUN_ALL)
    wait(lambda: "SECRET" not in outputs(page) and "LATER" not in outputs(page))


def test_an_interval_is_bet_beside_its_points(page, jupyter):
    open_page(page, jupyter, "bet_interval", CHOICE, INTERVAL)
    idle(page)
    bar = page.locator(".face-sketch path[stroke='var(--hand)']").first
    before = bar.get_attribute("d")
    page.get_by_label("lower end, error").select_option("0.0112")
    wait(lambda: bar.get_attribute("d") != before)
    page.get_by_label("upper end, error").select_option("0.1")
    assert page.locator(".face-sketch circle").count() == 2
    button(page, "Place the bet", 1).click()
    wait(lambda: "a factor of 8.93. The experiment: 0.03. It is in it. Well seen!" in outputs(page))
    assert page.locator(".face-sketch circle").count() == 3
    assert page.get_by_label("lower end, error").is_disabled()
    assert "100% of the intervals held" in outputs(page)
    shot(page, "bet-interval")


def test_a_number_and_a_curve_are_bet_with_the_keys_and_may_be_waived(page, jupyter):
    open_page(page, jupyter, "bet_kinds", CHOICE, NUMBER, CURVE)
    idle(page)
    page.get_by_label("Your bet, 0 to 9").fill("2")
    button(page, "Place the bet", 1).click()
    wait(lambda: "off by a factor of 2." in outputs(page))
    page.get_by_label("loss at step 3").focus()
    before = page.locator(".face-sketch polyline").first.get_attribute("points")
    page.get_by_label("loss at step 3").select_option("0.316")
    wait(lambda: page.locator(".face-sketch polyline").first.get_attribute("points") != before)
    assert page.locator(".face-sketch polyline").count() == 1
    button(page, "Open without", 2).click()
    wait(lambda: page.locator(".face-sketch polyline").count() == 2)
    shot(page, "bet-curve")
    assert outputs(page).count("SECRET") == 2, "the first bet is still closed"


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_sticks_out(page, jupyter, light):
    open_page(page, jupyter, f"bet_axe_{light}", CHOICE, NUMBER, CURVE, INTERVAL)
    idle(page)
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    page.evaluate(THEME, "JupyterLab Light" if light else "JupyterLab Dark")
    page.wait_for_timeout(1000)
    for opened in (False, True):
        found = Axe().run(page, context=".face-bet").response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == [], opened
        for width in (1040, 760, 560):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(300)
            assert page.evaluate(OUTSIDE) == [], (opened, width)
            shot(page, f"bets-{width}-{light}-{opened}")
        page.set_viewport_size({"width": 1300, "height": 1100})
        for at in range(0 if opened else 4):
            button(page, "Open without", at).click()
        wait(lambda: outputs(page).count("SECRET") == 4)


def test_a_chapters_bet_stays_closed_with_run_all_and_opens(page, jupyter):
    open_page(page, jupyter, "3_01_forward")
    idle(page)
    wait(lambda: outputs(page).count("It opens with the bet.") == 8)
    assert "The experiment: (" not in outputs(page)
    assert "broadcasting" not in outputs(page) and "a matrix product gives" not in outputs(page)
    button(page, "Open without").click()
    wait(lambda: outputs(page).count("It opens with the bet.") == 1)
    wait(lambda: "The experiment: (" in outputs(page) and "D0-3.1 " in outputs(page))
    said = page.locator(f"{OUTPUTS} .jp-RenderedMarkdown strong", has_text="broadcasting")
    said.first.wait_for()
    assert EXPLAINED not in outputs(page), "the patient's diagnosis is a bet, too"
    shot(page, "bet-chapter")
    button(page, "Open without", 1).click()
    wait(lambda: EXPLAINED in outputs(page))


def test_a_patient_is_named_and_cured(page, jupyter):
    open_page(page, jupyter, "patient", PATIENT)
    idle(page)
    assert "Raise the rate" not in outputs(page)
    button(page, "Check the cure").click()
    page.get_by_text("Not cured: on 3 seeds").wait_for()
    number = page.get_by_label("learning rate α as a number")
    number.fill("0.3")
    number.press("Enter")
    wait(lambda: kernel(page, "print(patient.lab.trainer.knobs()['lr'])") == "0.3")
    button(page, "Check the cure").click()
    page.get_by_text("Cured: on 3 seeds", exact=False).filter(has_not_text="Not").wait_for()
    page.get_by_role("radio", name="far too low").check()
    button(page, "Place the bet").click()
    wait(lambda: "Raise the rate" in outputs(page) and "Well seen!" in outputs(page))
    shot(page, "patient")
