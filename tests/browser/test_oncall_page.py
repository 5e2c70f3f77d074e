"""OnCallLab in JupyterLab: a drill by mouse and by keys, the debriefing, themes, widths."""

import json

import pytest
from lab_page import LabPage
from test_start import shot, wait

import widgets.oncall.lab  # noqa: F401  what these tests are about: see tests/lanes.py

pytestmark = pytest.mark.browser

CELL = "from widgets import OnCallLab\nlab = OnCallLab({}); lab"


def act(lab, name: str) -> None:
    lab.root.get_by_role("button", name=name, exact=True).click()


def test_a_drill_by_mouse_and_by_keys(page, jupyter):
    lab = LabPage(page, jupyter, "oncall", CELL.format("seed=0, speed=0"))
    assert lab.sentence().startswith("Minute 0:00 of 30:00, next batch 0.")
    lab.press("Play")
    lab.until("lab.session.alarms and not lab.playing")  # an alarm pauses it
    log = lab.root.get_by_role("log")
    wait(lambda: "alarm" in log.inner_text() and "times the median" in log.inner_text())
    bad = lab.ask("lab.session.batch") - 1

    act(lab, "Skip batch")
    wait(lambda: f"skip batch {bad}" in log.inner_text())
    key = lab.root.get_by_role("button", name="Roll back", exact=True)
    key.focus()
    page.keyboard.press("Enter")
    wait(lambda: "roll back to batch 0" in log.inner_text())
    lab.until("lab.session.batch == 0")

    lab.root.get_by_label("rank").get_by_role("button", name="3", exact=True).first.click()
    act(lab, "Evict")
    lab.until("lab.session.ranks == [0, 1, 2]")
    act(lab, "Evict")
    wait(lambda: "Not changed: rank = 3 is unknown" in lab.sentence())
    lab.root.get_by_label("pause at alarms").uncheck()
    lab.until("not lab.stops")
    lab.press("Play")
    lab.until("lab.session.is_over and not lab.playing")
    wait(lambda: "the autopilot reaches" in lab.sentence())
    lab.tab("Debriefing")
    wait(lambda: "possible" in lab.root.locator(".face-report").inner_text())
    assert "happened" in log.inner_text()
    shot(page, "oncall debriefing")

    lab.tab("Recipe")
    act(lab, "Take this drill's")
    field = lab.root.get_by_label("recipe")
    wait(lambda: '"roll_back"' in field.input_value())
    assert json.loads(field.input_value())["drill"] == "short"
    lab.press("Reset")
    lab.until("not lab.session.readings")
    act(lab, "Replay")
    lab.until("lab.session.is_over")

    canvas = lab.root.locator(".face-side canvas").first  # the ranks, read aloud by keys
    canvas.focus()
    page.keyboard.press("ArrowRight")
    live = lab.root.locator(".face-view .face-live")
    wait(lambda: live.inner_text().startswith("rank 0, 0 to "))


def test_widths_themes_and_axe(page, jupyter):
    lab = LabPage(page, jupyter, "oncall_widths", CELL.format("seed=0"))
    lab.do("lab.run(60)")
    for title, theme, width in lab.in_every_look("Debriefing", "Recipe"):
        if width == 560:
            shot(page, f"oncall {title} {theme}")
