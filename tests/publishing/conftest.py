"""A folder that counts as the course's, and a learner's folder."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from publishing_helpers import first

from course.cli import main as cli
from course.publishing.updates import deliver


@pytest.fixture
def make(tmp_path, monkeypatch, shared_kernels):
    """Write a notebook into a folder that counts as the course's; all share one kernel server."""
    monkeypatch.setattr(cli, "notebooks_folder", lambda: tmp_path / "notebooks")
    monkeypatch.chdir(tmp_path)

    def write(name, *sources, tags=()):
        cells = [new_code_cell(s) for s in sources]
        cells[0].metadata["tags"] = ["parameters"]
        cells[-1].metadata["tags"] = [*cells[-1].metadata.get("tags", []), *tags]
        notebook = new_notebook(cells=[new_markdown_cell("# Title"), *cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3", "display_name": "Python 3", "language": "python",
        }  # fmt: skip
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return write


@pytest.fixture
def home(tmp_path):
    """A learner's folder with the first release."""
    deliver(tmp_path / "mine", first(tmp_path), "1")
    return tmp_path / "mine"
