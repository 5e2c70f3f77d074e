"""What several tests of publishing share: `course regenerate`, and releases of the course."""

import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.cli import main as cli

# ---- course regenerate --------------------------------------------------------------------------

PLOT = "import matplotlib.pyplot as plt; plt.plot([seed, 1, 2]); plt.show()"


def run(*arguments):
    return cli.main(["regenerate", *map(str, arguments)])


def files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def status(out, name):
    return re.search(rf"^{name} .* (\S+)$", out, re.MULTILINE).group(1)


def stream(name, text):
    return new_output("stream", name=name, text=text)


def with_outputs(*given):
    cell = new_code_cell("f()", outputs=list(given), execution_count=1)
    return new_notebook(cells=[cell])


# ---- releases -----------------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name == "nt", reason="links and permissions as POSIX has them")


def notebook(path, *texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell(text, id=f"c{n}") for n, text in enumerate(texts)]
    nbformat.write(new_notebook(cells=cells), path)


def release(folder, *texts, page="words"):
    """A release of two notebooks and a page."""
    notebook(folder / "one.ipynb", *texts)
    notebook(folder / "two.ipynb", *texts)
    (folder / "solutions").mkdir(exist_ok=True)
    (folder / "solutions" / "page.md").write_text(page)
    return folder


def first(tmp_path):
    return release(tmp_path / "v1", "first", "answer = ...", "last")


def second(tmp_path):
    return release(tmp_path / "v2", "first, better", "answer = None", "last", "more", page="new")


def read(path):
    content = nbformat.read(path, as_version=4)
    nbformat.validate(content)
    return [cell.source for cell in content.cells]


def rewrite(path, change):
    content = nbformat.read(path, as_version=4)
    change(content.cells)
    nbformat.write(content, path)


def answer(cells):
    cells[1].source = "answer = 3"


def visible(folder):
    """All that is in the folder, as a learner sees it."""
    return {
        p.relative_to(folder).as_posix(): (
            os.readlink(p) if p.is_symlink() else p.read_bytes() if p.is_file() else None,
            p.lstat().st_mode,
        )
        for p in folder.rglob("*")
        if ".course" not in p.parts
    }


def litter(folder):
    return [p.name for p in folder.rglob("*.part")]
