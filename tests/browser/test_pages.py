"""`course regenerate --html`: each page is one file that shows everything without a network."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.errors import CourseError
from course.publishing import html as export
from course.publishing.html import mathml, save_pages
from course.publishing.report import Result

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TEXT = r"""# Title
Inline $v \leftarrow \beta v + (1-\beta) g$ and on a line of its own

$$\boldsymbol{\theta} = \frac{1}{N} \sum_i \lVert x_i \rVert_2^2$$

\begin{aligned} a &= b \\ c &= d \end{aligned}

[next](other.ipynb#part) [words](words.md) [data](data.csv) [net](https://example.org/)
![a badge](https://example.org/badge.svg) ![a dot](dot.png)

<details><summary>Ask</summary>

The *answer*.

</details>
"""


@pytest.fixture
def written(tmp_path):
    """A page with formulas in text and output, pictures, links and a fold."""
    (tmp_path / "dot.png").write_bytes(base64.b64decode(PIXEL))
    (tmp_path / "words.md").write_text("Energy $E = mc^2$, see [start](start.ipynb).")
    latex = new_output("display_data", {"text/latex": r"$\displaystyle \hat y$", "text/plain": "y"})
    picture = new_output(
        "display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "a picture"}}
    )
    cells = [new_markdown_cell(TEXT), new_code_cell("f()", outputs=[latex, picture])]
    source = tmp_path / "start.ipynb"
    nbformat.write(new_notebook(cells=cells), source)
    result = Result(source, source, "start", "ok")
    save_pages(tmp_path, [result], tmp_path / "html")
    assert result.page == tmp_path / "html" / "start.html"
    return result.page


def test_a_page_names_no_other_place_to_fetch_from(written):
    text = written.read_text()
    assert not re.search(r"<(script|img|link|iframe)[^>]*(src|href)=.(https?:)?//", text)
    assert "$" not in re.sub(r"(?s)<(style|script).*?</\1>", "", text)
    links = re.findall(r'<a href="([^"]+)"', text)
    assert links == ["other.html#part", "words.html", "../data.csv", "https://example.org/"]
    assert "a badge" in text
    assert text == export.page(
        nbformat.read(written.parents[1] / "start.ipynb", as_version=4),
        written.parents[1] / "start.ipynb",
        written,
    )


@pytest.mark.parametrize("formula", [r"\nosuchcommand x", r"\frac{1", r"a & b"])
def test_a_formula_that_cannot_be_shown_is_refused(formula):
    with pytest.raises(CourseError, match="cannot become MathML"):
        mathml(formula)


def test_an_unchanged_page_stays(written, tmp_path):
    before = written.stat().st_mtime_ns
    for status, same in [("unchanged", True), ("ok", False)]:
        result = Result(tmp_path / "start.ipynb", tmp_path / "start.ipynb", "start", status)
        save_pages(tmp_path, [result], tmp_path / "html")
        assert (written.stat().st_mtime_ns == before) == same


def open_offline(page, path):
    """Show a file with the network blocked; returns what it asked for."""
    asked = []

    def block(route):
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile("^(?!file:|data:)"), block)
    page.goto(path.as_uri())
    return asked


SHOWN = """() => [...document.querySelectorAll('math')].map(m => m.getBoundingClientRect())
    .map(r => r.width > 4 && r.height > 4)"""
PICTURES = "() => [...document.images].map(i => i.complete && i.naturalWidth > 0)"


@pytest.mark.browser
def test_a_page_shows_formulas_pictures_and_folds_without_a_network(page, written):
    assert open_offline(page, written) == []
    assert page.evaluate(SHOWN) == [True] * 4
    assert page.evaluate(PICTURES) == [True, True]
    frac = page.locator("mfrac").bounding_box()
    parts = [page.locator("mfrac > *").nth(i).bounding_box() for i in range(2)]
    assert frac and parts[0]["y"] + parts[0]["height"] <= parts[1]["y"] + 1  # 1 above N
    rows = [page.locator("mtr").nth(i).bounding_box()["y"] for i in range(2)]
    assert rows[0] < rows[1]
    answer = page.get_by_text("The answer.")
    assert not answer.is_visible()
    page.get_by_text("Ask").click()
    assert answer.is_visible()
    page.get_by_role("link", name="words").click()
    page.wait_for_url("**/words.html")
    assert page.evaluate(SHOWN) == [True]


@pytest.mark.browser
def test_the_chapters_show_without_a_network(page, tmp_path):
    names = [p.stem for p in sorted(NOTEBOOKS.glob("*.ipynb"))][:2]
    results = [Result(p, p, p.stem, "ok") for p in (NOTEBOOKS / f"{n}.ipynb" for n in names)]
    save_pages(NOTEBOOKS, results, tmp_path)
    for result in results:
        assert open_offline(page, result.page) == []
        assert all(page.evaluate(SHOWN)) and all(page.evaluate(PICTURES))
        assert page.locator(".jp-OutputArea-output").count() > 5
