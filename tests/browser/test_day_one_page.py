"""The ten sentences in JupyterLab: judged with the keys, noted at once, there again."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_page import THEME
from notebook_server import RUN_ALL, open_notebook, put_notebook
from test_start import kernel, shot, wait

pytestmark = pytest.mark.browser

CELL = """import os, tempfile
os.environ.setdefault("TRAINING_AT_SCALE_HOME", tempfile.mkdtemp())
from course.lessons import day_one_verdicts
from widgets import DayOne
day = DayOne()
day"""
COMMAND_MODE = "() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }"
NOTED = "print(day_one_verdicts())"


def open_page(page, jupyter, name):
    put_notebook(jupyter, f"{name}.ipynb", CELL)
    open_notebook(page, jupyter, name)
    page.evaluate(RUN_ALL)
    page.locator(".face-verdicts select").nth(9).wait_for()


def test_keys_judge_each_sentence_and_a_change_is_noted(page, jupyter):
    open_page(page, jupyter, "day_one_keys")
    lists = page.locator(".face-verdicts select")
    assert lists.count() == 10 and kernel(page, NOTED) == "{}"
    page.evaluate(COMMAND_MODE)
    page.get_by_label("Ordinary networks").focus()
    page.keyboard.press("w")
    wait(lambda: kernel(page, NOTED) == "{'D2-1': 'wrong'}")
    page.keyboard.press("ArrowUp")
    wait(lambda: kernel(page, NOTED) == "{'D2-1': 'imprecise'}")
    page.wait_for_timeout(1500)  # the list takes letters in quick succession as one word
    page.keyboard.press("h")  # JupyterLab's help, in command mode
    wait(lambda: kernel(page, NOTED) == "{'D2-1': 'holds'}")
    page.keyboard.press("ArrowDown")
    wait(lambda: kernel(page, NOTED) == "{'D2-1': 'imprecise'}")
    assert not page.locator(".jp-Dialog").count()
    page.keyboard.press("Tab")
    page.keyboard.press("n")
    wait(lambda: "'no idea'" in kernel(page, NOTED))
    page.get_by_text("2 of 10 sentences judged").wait_for()
    shot(page, "day-one")
    page.evaluate(RUN_ALL)
    page.get_by_text("2 of 10 sentences judged").wait_for()
    assert lists.nth(2).locator("option:checked").inner_text() == "imprecise"
    assert page.locator(".face-verdicts option:checked", has_text="your verdict").count() == 8


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
@pytest.mark.parametrize("width", [760, 1040])
def test_it_can_be_read_and_nothing_is_cut(page, jupyter, light, width):
    page.set_viewport_size({"width": width, "height": 1100})
    open_page(page, jupyter, f"day_one_{light}_{width}")
    page.evaluate(THEME, "JupyterLab Light" if light else "JupyterLab Dark")
    page.wait_for_timeout(1000)
    found = Axe().run(page, context=".face-bet").response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == []
    cut = page.evaluate("""() => [...document.querySelectorAll(".face-verdicts .widget-label")]
        .filter((e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)
        .map((e) => e.innerText)""")
    assert cut == []
    shot(page, f"day-one-{light}-{width}")
