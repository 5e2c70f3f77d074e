"""The clipped arrow where a reader meets it, dragged by mouse and keys: on a page, in Jupyter."""

import math
import re

import nbformat
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from lab_page import THEME
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_server import RUN_ALL, open_notebook, put_notebook
from test_pages import open_offline
from test_start import wait

from course.publishing.html import save_pages
from course.publishing.report import Result
from widgets import drag

pytestmark = pytest.mark.browser

CELL = """from widgets import drag
drag((4, 1), threshold=1.5, caption="A caption.", alt="Two planes.")"""
NUMBERS = re.compile(r"[−-]?\d+(?:\.\d+)?(?:e-?\d+)?")


def save(tmp_path):
    """Write the page that `course regenerate --html` makes of the figure."""
    bundle = drag((4, 1), threshold=1.5, caption="A caption.", alt="Two planes.")
    shown = new_output("execute_result", bundle._repr_mimebundle_(), execution_count=1)
    path = tmp_path / "arrows.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(CELL, outputs=[shown])]), path)
    result = Result(path, path, "arrows", "ok")
    save_pages(tmp_path, [result], tmp_path / "html")
    return result.page


@pytest.fixture
def html(browser_page, tmp_path):
    errors = []
    browser_page.on("pageerror", lambda error: errors.append(str(error)))
    assert open_offline(browser_page, save(tmp_path)) == []
    browser_page.wait_for_function("document.querySelector('.plot-sheets canvas')?.width > 200")
    yield browser_page
    assert errors == []


def heads(page):
    return page.locator(".plot-figure .face-handle")


def said(page):
    """Return the numbers that the handle tells: g, by value and its angle, by norm and its."""
    words = heads(page).first.get_attribute("aria-valuetext")
    return [float(n.replace("−", "-")) for n in NUMBERS.findall(words)]


def expected(g, threshold):
    """Return the same numbers by PyTorch."""
    found = [*g]
    for clip in (torch.nn.utils.clip_grad_value_, torch.nn.utils.clip_grad_norm_):
        w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        w.grad = torch.tensor(g, dtype=torch.float64)
        clip([w], threshold)
        x, y = w.grad.tolist()
        found += [x, y, abs(math.degrees(math.atan2(y, x) - math.atan2(g[1], g[0])))]
    return found


def is_right(page, g, threshold):
    wait(lambda: said(page)[:2] == pytest.approx(g, abs=0.006))
    numbers = said(page)
    # three digits are shown, of angles none after the point
    return numbers == pytest.approx(expected(numbers[:2], threshold), abs=0.51, rel=0.01)


def middle(box):
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_head_is_dragged_and_moved_by_keys_and_both_planes_follow(html):
    assert is_right(html, (4, 1), 1.5)
    titles = [c.get_attribute("aria-label") for c in html.locator("canvas").all()]
    x, y = middle(heads(html).nth(0).bounding_box())
    html.mouse.move(x, y)
    html.mouse.down()
    html.mouse.move(x - 40, y - 60, steps=4)
    html.mouse.up()
    g = said(html)[:2]
    assert g[0] < 3.2 and g[1] > 2.2 and is_right(html, g, 1.5)
    wait(
        lambda: middle(heads(html).nth(0).bounding_box()) == pytest.approx((x - 40, y - 60), abs=1)
    )
    first, second = (heads(html).nth(i).bounding_box() for i in (0, 1))
    assert first["y"] == pytest.approx(second["y"], abs=1)  # the other plane shows the same g
    assert titles != [c.get_attribute("aria-label") for c in html.locator("canvas").all()]

    heads(html).nth(1).press("Shift+ArrowRight")
    assert is_right(html, (min(5, g[0] + 2.5), g[1]), 1.5)
    heads(html).nth(1).press("Shift+ArrowRight")
    assert said(html)[0] == 5  # the end of the axis
    heads(html).nth(1).press("ArrowDown")
    assert is_right(html, (5, g[1] - 0.25), 1.5)


def test_the_slider_turns_both_limits(html):
    slider = html.get_by_role("slider", name="threshold, ε and c")
    for threshold in ("1.75", "2"):
        slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == threshold
        assert is_right(html, (4, 1), float(threshold))
    slider.press("End")
    wait(lambda: said(html)[2:4] == [4, 1] and said(html)[5:7] == [4, 1])  # nothing is clipped


def test_a_unit_is_as_long_upwards_as_across(html):
    head = heads(html).first
    x, y = middle(head.bounding_box())
    head.press("Shift+ArrowDown")
    wait(lambda: middle(head.bounding_box())[1] > y + 5)
    down = middle(head.bounding_box())[1] - y
    head.press("Shift+ArrowLeft")
    wait(lambda: middle(head.bounding_box())[0] < x - 5)
    assert x - middle(head.bounding_box())[0] == pytest.approx(down, abs=0.6)


@pytest.mark.parametrize("width", [1040, 420])
@pytest.mark.parametrize("light", ["true", "false"])
def test_axe_finds_nothing_and_nothing_sticks_out(html, width, light):
    html.set_viewport_size({"width": width, "height": 900})
    html.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", light)
    html.wait_for_timeout(100)
    assert html.locator(".plot-figure").evaluate("(f) => f.scrollWidth <= f.clientWidth + 1")
    found = Axe().run(html, ".plot-figure").response["violations"]
    assert [one["id"] for one in found if light == "true" or one["id"] != "color-contrast"] == []


def test_without_scripts_the_still_and_the_threshold_stay(chromium, tmp_path):
    path = save(tmp_path)
    page = chromium.new_page(java_script_enabled=False)
    page.goto(path.as_uri())
    assert page.get_by_alt_text("Two planes. g = (4, 1)").is_visible()
    assert page.get_by_text("threshold, ε and c = 1.5").is_visible()
    page.close()


@pytest.mark.parametrize("app", ["", "notebooks"])
def test_it_lives_in_jupyterlab_and_notebook_7(page, jupyter, app):
    name = f"arrows{app}"
    put_notebook(jupyter, f"{name}.ipynb", CELL)
    open_notebook(page, jupyter, name, app)
    page.evaluate(RUN_ALL)
    page.wait_for_function("document.querySelector('.plot-sheets canvas')?.width > 200")
    heads(page).first.focus()
    for key in ("ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    assert is_right(page, (3.75, 1.25), 1.5)
    for key in "x", "d", "d":  # in command mode these would take the cell away
        page.keyboard.press(key)
    assert page.locator(".jp-CodeCell").count() == 1
    themes = ("JupyterLab Light", "JupyterLab Dark") if not app else ("",)
    for theme in themes:
        if theme:
            page.evaluate(THEME, theme)
        found = Axe().run(page, ".plot-figure").response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
