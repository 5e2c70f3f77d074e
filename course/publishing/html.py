"""Write notebooks as single HTML files that need no network: formulas as MathML, pictures inside.

nbconvert's own page asks other servers for MathJax and require.js. Here formulas are MathML, which
browsers draw themselves, and nothing is fetched.
"""

import base64
import html
import mimetypes
import os
import re
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_notebook

from ..errors import CourseError
from ..files import write_bytes
from .report import Result

FORMULA = re.compile(r"\$([^$\n]+)\$")
VERBATIM = ["pre", "code", "script", "style", "textarea"]  # a $ in these is a $

# Browsers ignore every mathvariant except "normal": bold letters need a style of their own.
TEMPLATE = """{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block extra_css -%}
<style>
[mathvariant^=bold] { font-weight: bold; }
mi[mathvariant=bold] { text-transform: none; }
math[display=block] { margin: 0.8em 0; }
</style>
{%- endblock -%}
"""


def mathml(formula: str, display: str = "inline") -> str:
    """Return a LaTeX formula as MathML.

    Args:
        formula: without its dollar signs
        display: "inline" or "block"

    Raises:
        CourseError: the formula has unmatched braces or an unknown command.
    """
    for environment in ("aligned", "gathered"):  # the converter has the outer forms only
        formula = formula.replace(f"{{{environment}}}", "{align*}")
    bare = re.sub(r"\\\\|\\[{}]", "", formula)  # without line ends and printed braces
    if bare.count("{") != bare.count("}"):
        raise CourseError(f"formula {formula!r} cannot become MathML: its braces do not match")
    try:
        result = convert(formula.strip(), display=display)
    except Exception as error:  # the converter raises many kinds
        raise CourseError(f"formula {formula!r} cannot become MathML: {error!r}") from error
    text = BeautifulSoup(result, "html.parser").get_text()
    if "\\" in text or "&" in text:
        raise CourseError(f"formula {formula!r} cannot become MathML: it uses an unknown command")
    return result


class Renderer(IPythonRenderer):
    """nbconvert's Markdown renderer with formulas as MathML."""

    def block_math(self, body: str) -> str:
        return mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", "block")


class Exporter(HTMLExporter):
    """nbconvert's HTML exporter for pages that fetch nothing."""

    @pass_context
    def markdown2html(self, context, source):
        renderer = Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            anchor_link_text=self.anchor_link_text,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


def typeset_details(soup: BeautifulSoup, name: str) -> None:
    """Turn the formulas that HTML outputs hold in a <details> into MathML, in place.

    Raises:
        CourseError: a formula cannot become MathML; `name` says in which notebook.
    """
    for text in soup.find_all(string=FORMULA):
        if text.find_parent("details") and not text.find_parent(VERBATIM):
            try:
                parts = [html.escape(part, False) if i % 2 == 0 else mathml(part)
                         for i, part in enumerate(FORMULA.split(text))]  # fmt: skip
            except CourseError as error:
                raise CourseError(f"{name}: {error}") from None
            text.replace_with(BeautifulSoup("".join(parts), "html.parser"))


def page(notebook: nbformat.NotebookNode, source: Path, target: Path) -> str:
    """Return a notebook as HTML.

    Links to notebooks and Markdown files lead to their pages, others back to the file beside the
    notebook. A picture from another server becomes its text.

    Args:
        notebook: it stays as it is
        source: the path of the notebook
        target: the path of the page

    Raises:
        CourseError: a formula cannot become MathML.
    """
    notebook = nbformat.from_dict(notebook)  # a copy: the next lines change it
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            latex = output.get("data", {}).pop("text/latex", None)
            if latex is not None:
                output.data["text/html"] = mathml(latex.strip().strip("$"), "block")
    resources = {"metadata": {"name": source.stem}}
    try:
        text, _ = Exporter(raw_template=TEMPLATE).from_notebook_node(notebook, resources)
    except CourseError as error:
        raise CourseError(f"{source.name}: {error}") from None
    soup = BeautifulSoup(text, "html.parser")
    typeset_details(soup, source.name)
    for image in soup.select('img:not([src^="data:"])'):
        file = source.parent / str(image.get("src"))
        if file.is_file():
            content = base64.b64encode(file.read_bytes()).decode()
            image["src"] = f"data:{mimetypes.guess_type(file)[0]};base64,{content}"
        else:
            image.replace_with(str(image.get("alt") or ""))
    for link in soup.select("a[href]"):
        href, hash_, part = str(link["href"]).partition("#")
        if not href or ":" in href:
            continue
        path = Path(href)
        if path.suffix in (".ipynb", ".md"):
            href = path.with_suffix(".html").as_posix()
        else:
            href = Path(os.path.relpath(source.parent / path, target.parent)).as_posix()
        link["href"] = href + hash_ + part
    return str(soup)


def save_pages(folder: Path, results: list[Result], place: Path) -> None:
    """Write a page for each result and each Markdown file of the course.

    A page that is newer than an unchanged notebook stays.

    Args:
        folder: the course's notebooks and Markdown files
        results: what ran well; each gets the path of its page, or the reason why it has none
        place: the folder for the pages

    Raises:
        OSError: a page cannot be written.
        CourseError: a formula in a Markdown file cannot become MathML.
    """
    for result in results:
        result.page = place / f"{result.name}.html"
        page_time = result.page.stat().st_mtime if result.page.exists() else 0
        if result.status == "unchanged" and page_time > result.target.stat().st_mtime:
            continue
        try:
            _save(nbformat.read(result.target, as_version=4), result.path, result.page)
        except CourseError as error:
            result.status, result.problem, result.page = "FAILED", f"no page: {error}", None
    for text in sorted(folder.glob("*.md")):
        notebook = new_notebook(cells=[new_markdown_cell(text.read_text("utf-8"), id="text")])
        _save(notebook, text, place / f"{text.stem}.html")


def _save(notebook: nbformat.NotebookNode, source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(page(notebook, source, target).encode(), target)
