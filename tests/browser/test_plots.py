"""`plot` and `explore` where a reader meets them: JupyterLab, an untrusted notebook, a page."""

import json

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_page import THEME
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_server import RUN_ALL, open_notebook, put, put_notebook
from test_pages import open_offline
from test_start import kernel, wait

from course.publishing.html import save_pages
from course.publishing.report import Result

pytestmark = pytest.mark.browser

PLOT = """import numpy as np
from widgets import Slider, explore, plot
t = np.arange(50)
plot({"slow": [np.exp(-t / 40), np.exp(-t / 30), np.exp(-t / 20)], "fast": np.exp(-t / 5)},
     x="step", y="loss", log="y", levels={"even": 0.5},
     caption="Line: median of three seeds.", alt="Loss against step: both lines fall.")"""
EXPLORE = """asked = []
def figure(rate):
    asked.append(rate)
    return plot({"w": rate ** t}, x="step", y="w", caption=f"Rate {rate}.", alt=f"w at {rate}.")
explore(figure, Slider("rate", 0.5, 1, steps=6))"""
PARTS = (".plot-figure", ".face-explore")
CANVAS = "(c) => c.toDataURL()"


def outputs():
    """Run both cells without a front end; return a notebook that holds what they show."""
    scope: dict = {}
    cells = []
    for source in (PLOT, EXPLORE):
        start = source.rindex("\nplot(" if source is PLOT else "\nexplore(")
        exec(source[:start], scope)
        bundle = eval(source[start:].strip(), scope)._repr_mimebundle_()
        shown = new_output("execute_result", bundle, execution_count=1)
        cells.append(new_code_cell(source, outputs=[shown], execution_count=1))
    kind = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kind})


@pytest.fixture
def html(browser_page, tmp_path):
    """The page that `course regenerate --html` writes, opened without a network."""
    path = tmp_path / "figures.ipynb"
    nbformat.write(outputs(), path)
    result = Result(path, path, "figures", "ok")
    save_pages(tmp_path, [result], tmp_path / "html")
    errors = []
    browser_page.on("pageerror", lambda error: errors.append(str(error)))
    assert open_offline(browser_page, result.page) == []
    browser_page.wait_for_function(
        "[...document.querySelectorAll('.plot-sheets canvas')].every((c) => c.width > 300)"
    )
    yield browser_page
    assert errors == []


def pictured(canvas):
    canvas.page.wait_for_timeout(80)  # two frames of the screen
    return canvas.evaluate(CANVAS)


# ---- a page without a kernel --------------------------------------------------------------------


def test_on_a_page_the_slider_moves_the_figure_without_a_kernel(html):
    figure = html.locator(".plot-figure").nth(1)
    slider, canvas = figure.get_by_role("slider", name="rate"), figure.locator("canvas")
    assert slider.get_attribute("aria-valuetext") == "0.5"
    seen = [pictured(canvas)]
    for rate in ("0.6", "0.7"):
        slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == rate
        assert figure.locator("figcaption").inner_text() == f"Rate {rate}."
        wait(lambda at=f"w at {rate}.": canvas.get_attribute("aria-label").startswith(at))
        seen.append(pictured(canvas))
    assert len(set(seen)) == 3
    slider.press("Home")
    assert pictured(canvas) == seen[0]


def test_on_a_page_the_still_makes_room_for_the_canvas(html):
    for image in html.locator(".plot-figure img").all():
        assert not image.is_visible()
    assert html.locator(".plot-sheets canvas").count() == 2


def test_the_pointer_and_the_keys_read_values(html):
    canvas = html.locator(".plot-figure canvas").first
    canvas.scroll_into_view_if_needed()
    rest, box = pictured(canvas), canvas.bounding_box()
    html.mouse.move(box["x"] + 200, box["y"] + 80)
    assert pictured(canvas) != rest
    html.mouse.move(box["x"] + 200, box["y"] + box["height"] + 60)
    assert pictured(canvas) == rest
    canvas.press("Home")
    said = html.locator(".plot-figure .face-live").first
    wait(lambda: said.inner_text() == "step 0. slow 1, fast 1")
    canvas.press("ArrowRight")
    wait(lambda: said.inner_text() == "step 1. slow 0.967, fast 0.819")
    canvas.press("Escape")
    canvas.blur()
    assert pictured(canvas) == rest


@pytest.mark.parametrize("width", [1040, 420])
@pytest.mark.parametrize("light", ["true", "false"])
def test_axe_finds_nothing_and_nothing_sticks_out(html, width, light):
    html.set_viewport_size({"width": width, "height": 900})
    html.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", light)
    html.wait_for_timeout(100)
    for figure in html.locator(".plot-figure").all():
        assert figure.evaluate("(f) => f.scrollWidth <= f.clientWidth + 1")
    found = Axe().run(html, ".plot-figure").response["violations"]
    assert [one["id"] for one in found if light == "true" or one["id"] != "color-contrast"] == []


def test_a_figure_that_was_out_of_the_page_meanwhile_takes_the_new_theme(html):
    canvas = html.locator(".plot-figure canvas").first
    light = pictured(canvas)
    html.evaluate("""async () => {
      const figure = document.querySelector(".plot-figure");
      const frames = () => new Promise((done) => setTimeout(done, 100));
      const place = document.createComment("");
      figure.replaceWith(place); // as JupyterLab does with a cell far from sight
      document.body.dataset.jpThemeLight = "false";
      await frames();
      place.replaceWith(figure);
    }""")
    wait(lambda: pictured(canvas) != light)
    html.evaluate("document.body.dataset.jpThemeLight = 'true'")
    wait(lambda: pictured(canvas) == light)


def test_a_figure_that_was_hidden_for_a_part_of_a_frame_takes_the_new_theme(html):
    """JupyterLab hides the page while its theme changes, and may show it in the same frame."""
    canvas = html.locator(".plot-figure canvas").first
    light = pictured(canvas)
    html.evaluate("""async () => {
      document.body.style.display = "none";
      document.body.dataset.jpThemeLight = "false";
      await null; // the figure hears of it, and asks for the next frame
      const show = () => { document.body.style.display = ""; };
      await new Promise((done) => requestAnimationFrame(() => done(show())));
    }""")
    wait(lambda: pictured(canvas) != light)
    html.evaluate("document.body.dataset.jpThemeLight = 'true'")
    wait(lambda: pictured(canvas) == light)


def test_without_scripts_the_still_its_caption_and_the_knobs_place_stay(chromium, tmp_path):
    path = tmp_path / "figures.ipynb"
    nbformat.write(outputs(), path)
    save_pages(tmp_path, [Result(path, path, "figures", "ok")], tmp_path / "html")
    page = chromium.new_page(java_script_enabled=False)
    page.goto((tmp_path / "html" / "figures.html").as_uri())
    assert page.locator(".plot-figure img").count() == 2
    assert page.get_by_alt_text("Loss against step: both lines fall.").is_visible()
    assert (
        page.get_by_text("rate = 0.5").is_visible() and page.get_by_text("Rate 0.5.").is_visible()
    )
    page.close()


# ---- JupyterLab ---------------------------------------------------------------------------------


def test_in_jupyterlab_each_figure_shows_once_and_the_slider_computes(page, jupyter):
    put_notebook(jupyter, "plots.ipynb", PLOT, EXPLORE)
    open_notebook(page, jupyter, "plots")
    page.evaluate(RUN_ALL)
    page.wait_for_function(
        "document.querySelector('.plot-sheets canvas')?.width > 300"
        " && document.querySelector('.face-explore .face-view')?.face?.paints > 0"
    )
    assert page.locator(".plot-figure").count() == 1
    assert not page.locator(".plot-figure img").is_visible()
    assert page.locator(".face-explore").count() == 1
    assert json.loads(kernel(page, "print(asked)")) == [0.5]
    canvas = page.locator(".face-explore .face-plot canvas")
    before = pictured(canvas)
    page.locator(".face-explore .noUi-handle").press("ArrowRight")
    wait(lambda: json.loads(kernel(page, "print(asked)")) == [0.5, 0.6])
    wait(lambda: page.locator(".face-explore .face-caption").inner_text() == "Rate 0.6.")
    wait(lambda: pictured(canvas) != before)
    page.locator(".plot-figure").scroll_into_view_if_needed()  # it paints only if it is seen
    light = pictured(page.locator(".plot-figure canvas"))
    assert faults(page) == []
    page.evaluate(THEME, "JupyterLab Dark")
    wait(lambda: pictured(page.locator(".plot-figure canvas")) != light)
    assert faults(page) == []


def faults(page):
    """Return what axe-core finds in the figures that is serious or worse."""
    found = [Axe().run(page, part).response["violations"] for part in PARTS]
    return [one["id"] for one in sum(found, []) if one["impact"] in ("serious", "critical")]


def test_a_notebook_that_is_not_trusted_shows_the_still(page, jupyter):
    put(jupyter, "untrusted.ipynb", outputs())
    open_notebook(page, jupyter, "untrusted")
    for alt in ("Loss against step: both lines fall.", "w at 0.5."):
        image = page.get_by_alt_text(alt)
        image.scroll_into_view_if_needed()
        assert image.is_visible() and image.evaluate("(i) => i.naturalWidth") > 600
    assert page.locator(".plot-sheets").count() == 0
    assert page.get_by_text("rate = 0.5").is_visible()
