"""The errata in JupyterLab: filtered by keys, rows that open, checks on demand, both themes."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_page import OUTSIDE, THEME
from notebook_server import RUN_ALL, open_notebook, put_notebook
from test_start import shot, wait

from course.lessons.ledger import claims

pytestmark = pytest.mark.browser

CELL = "from widgets import Errata\npage = Errata(); page"


@pytest.fixture
def errata(page, jupyter):
    put_notebook(jupyter, "errata.ipynb", CELL)
    open_notebook(page, jupyter, "errata")
    page.evaluate(RUN_ALL)
    page.locator(".face-filters select").nth(3).wait_for()
    return page.locator(".face").first


def test_filters_rows_and_checks(page, errata):
    rows = errata.locator("details")
    wait(lambda: rows.count() > 60)
    errata.get_by_label("document", exact=True).select_option(label="D4")
    errata.get_by_label("verdict", exact=True).focus()
    page.keyboard.press("m")  # JupyterLab's own key for Markdown, in command mode
    missing = [c.id for c in claims() if c.document == 4 and c.verdict == "missing" and c.check]
    wait(lambda: rows.count() == len(missing) > 1)
    assert "D4-3.8" in missing and missing[0] in rows.first.inner_text()
    summary = rows.first.locator("summary")
    summary.click()
    wait(lambda: "What is true." in rows.first.inner_text())
    errata.get_by_text("Run the checks of these").click()
    ran = f"Checks that ran: {len(missing)}."
    wait(lambda: ran in errata.locator(".face-said").first.inner_text())
    wait(lambda: "What the course gives in its place" in rows.first.text_content())
    errata.get_by_label("words", exact=True).fill("no such words")
    page.keyboard.press("Enter")
    wait(lambda: rows.count() == 0)
    assert "Nothing meets all of this." in errata.inner_text()
    shot(page, "errata")


def test_widths_themes_and_axe(page, errata):
    wait(lambda: errata.locator("details").count() > 60)
    for theme in "Light", "Dark":
        page.evaluate(THEME, f"JupyterLab {theme}")
        for width in 1180, 760, 560:
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(300)
            wait(lambda: errata.evaluate(OUTSIDE) == [])
        shot(page, f"errata {theme}")
        found = Axe().run(page, context=".face").response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
