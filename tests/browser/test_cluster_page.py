"""ClusterLab in JupyterLab: by mouse and by keys, its timeline read aloud, themes, widths."""

import json

import pytest
from lab_page import LabPage
from test_start import shot, wait

import widgets.cluster.lab  # noqa: F401  what these tests are about: see tests/lanes.py

pytestmark = pytest.mark.browser

CELL = "from widgets import ClusterLab\nlab = ClusterLab({}); lab"


def said(lab) -> str:
    return lab.root.locator(".face-view .face-live").inner_text()


def test_a_run_by_mouse_and_by_keys(page, jupyter, tmp_path):
    lab = LabPage(page, jupyter, "cluster", CELL.format("hidden=(32,) * 3, speed=30"))
    assert lab.sentence().startswith("The next step, 1, by pipeline on 4 ranks")
    lab.press("Play")
    lab.until("lab.session.step_count > 3")
    lab.root.get_by_label("strategy").select_option(label="data parallel")
    lab.until("lab.knobs()['strategy'] == 'data'")
    seen = lab.ask("lab.session.step_count")
    lab.until(f"lab.session.step_count > {seen + 2}")
    lab.press("Pause")
    lab.until("not lab.playing")
    n = lab.ask("lab.session.step_count")
    lab.at_step(n)
    assert lab.face("face.picture.turns")[0][1] == "data parallel"
    assert "the weights are those of one process to" in lab.sentence()

    # The timeline by keys: what a rank does, read aloud; Escape ends.
    canvas = lab.root.locator(".face-below canvas").first
    canvas.focus()
    page.keyboard.press("ArrowRight")
    wait(lambda: said(lab).startswith("rank 0, 0 to ") and "forward" in said(lab))
    for key in ("ArrowDown", "End"):
        page.keyboard.press(key)
    wait(lambda: said(lab).startswith("rank 1, ") and "gradient (all-reduce)" in said(lab))
    before = lab.pixels(".face-below canvas")
    page.keyboard.press("Escape")
    wait(lambda: (lab.pixels(".face-below canvas") != before).any())

    # By the pointer: the crosshair, and what each rank does in place of its shares.
    before = lab.pixels(".face-below canvas")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 40)
    wait(lambda: (lab.pixels(".face-below canvas") != before).any())

    # A press in the past looks there; the run goes on from its end.
    page.mouse.click(*lab.at("loss", 2, 1))
    lab.at_step(2)
    wait(lambda: lab.sentence().startswith("Step 2 by pipeline"))
    assert lab.face("face.picture.end") == n
    lab.press("Step")
    lab.at_step(n + 1)

    # What does not fit is told, and the list goes back.
    ranks = lab.root.get_by_label("ranks", exact=True).first
    ranks.select_option(label="12")
    lab.until("lab.knobs()['ranks'] == 12")
    lab.root.get_by_label("strategy").select_option(label="pipeline")
    wait(lambda: "Not changed: a network of 4 layers" in lab.sentence())
    wait(lambda: lab.root.get_by_label("strategy").input_value() == "data parallel")

    lab.tab("Trace")
    file = lab.root.get_by_label("file", exact=True)
    file.fill(str(tmp_path / "step.json"))
    file.press("Tab")
    lab.root.get_by_role("button", name="Save the timeline").click()
    wait((tmp_path / "step.json").exists)
    assert json.loads((tmp_path / "step.json").read_text())["traceEvents"]
    wait(lambda: "open it at ui.perfetto.dev" in lab.sentence())


def test_tabs_are_stepped_through_by_keys(page, jupyter):
    lab = LabPage(page, jupyter, "cluster_tabs", CELL.format("hidden=(32,) * 3"))
    lab.tab("Step through an all-reduce")
    walk = lab.root.locator(".face-tab").nth(0)
    walk.get_by_role("button", name="Next").focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    wait(lambda: "Message 3 of 24" in walk.inner_text())
    walk.get_by_role("button", name="Back").focus()
    page.keyboard.press("Enter")
    wait(lambda: "Message 2 of 24, round 1 of 6: rank 1 sends 10 of place 1" in walk.inner_text())
    held = walk.locator("td:not(.face-none)").all_inner_texts()
    assert held == [
        f"{n:.0f}" for n in lab.ask("lab.collective.moments[2].held.flatten().tolist()")
    ]
    handle = walk.get_by_role("slider", name="message")
    handle.focus()
    page.keyboard.press("End")
    wait(lambda: walk.locator(".face-sum").count() == 16)

    lab.tab("Step through the schedule")
    table = lab.root.locator(".face-tab").nth(1)
    handle = table.get_by_role("slider", name="unit of time")
    handle.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait(lambda: lab.ask("lab.schedule.position") == 4)
    wait(lambda: "unit 5 of 33" in table.inner_text() and table.locator(".face-now").count() == 4)
    lab.root.get_by_label("schedule", exact=True).select_option(label="gpipe")
    wait(lambda: "gpipe on 4 ranks" in table.inner_text())


def test_widths_themes_and_axe(page, jupyter):
    lab = LabPage(page, jupyter, "cluster_widths", CELL.format("ranks=8"))
    lab.do("lab.run(3)")
    lab.at_step(3)
    tabs = "Step through an all-reduce", "Step through the schedule", "In words", "Trace"
    for title, theme, width in lab.in_every_look(*tabs):
        if width == 560:
            shot(page, f"cluster {title} {theme}")
