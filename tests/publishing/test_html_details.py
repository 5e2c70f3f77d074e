"""Formulas inside a <details> of an output become MathML on a page, too."""

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from latex2mathml.converter import convert
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course import CourseError
from course.publishing.html import page


def page_of(html: str) -> BeautifulSoup:
    """The page of a notebook with one cell that shows this."""
    output = new_output("display_data", {"text/html": html})
    notebook = new_notebook(cells=[new_code_cell("1", outputs=[output])])
    notebook = nbformat.from_dict(notebook)
    return BeautifulSoup(page(notebook, Path("a.ipynb"), Path("a.html")), "html.parser")


def test_formulas_of_a_reveal_become_mathml_and_the_words_around_them_stay():
    body = "<details><summary>a &lt; b: $w_t$</summary><p>so $\\alpha = 1$ &amp; on</p></details>"
    found = page_of(body).select_one(".jp-OutputArea details")
    words = BeautifulSoup(convert("w_t"), "html.parser").get_text()
    assert found.select_one("summary").get_text() == f"a < b: {words}"
    assert len(found.select("math")) == 2 and "$" not in found.get_text()
    assert found.select_one("p").get_text().startswith("so α") and "& on" in found.get_text()


@pytest.mark.parametrize(
    "body",
    [
        "<p>from $1 to $2</p>",
        "<details><pre>echo $A $B</pre><code>$x$</code></details>",
        "<details><script>const words = `${a} and ${b}`;</script></details>",
    ],
)
def test_other_dollars_stay(body):
    expected = BeautifulSoup(body, "html.parser").get_text()
    assert expected in page_of(body).select_one(".jp-OutputArea").get_text()


def test_a_formula_that_cannot_be_set_is_named_with_its_notebook():
    with pytest.raises(CourseError, match="a.ipynb: formula '.*unknown'"):
        page_of("<details><p>$\\unknown$</p></details>")
