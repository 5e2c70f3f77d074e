"""Remember what ran well: `course regenerate --resume` skips what has not changed since."""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from nbformat import NotebookNode

from ..files import write_bytes

STACK = ("torch", "numpy", "matplotlib", "ipywidgets", "anywidget", "scikit-learn")


def content_digest(*parts: bytes) -> str:
    """Return the SHA-256 of the parts, in which their borders count."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def code_digest() -> str:
    """Return a digest of the course's own code, Python and the packages that outputs depend on."""
    package = Path(__file__).parents[1]
    paths = [p for f in (package, package.parent / "widgets") for p in sorted(f.rglob("*"))]
    code = [p.read_bytes() for p in paths if p.is_file() and p.parent.name != "__pycache__"]
    stack = [f"{name} {version(name)}" for name in STACK]
    return content_digest(sys.version.encode(), *map(str.encode, stack), *code)


def fingerprint(notebook: NotebookNode, parameters: dict[str, str], code: str) -> str:
    """Return a digest of all that decides a notebook's outputs.

    Args:
        notebook: its sources and tags count, its outputs do not
        parameters: values by name
        code: what `code_digest` returns
    """
    sources = [[c.cell_type, c.source, c.metadata.get("tags", [])] for c in notebook.cells]
    return content_digest(json.dumps([sources, sorted(parameters.items()), code]).encode())


class Record:
    """One entry a notebook: fingerprint, digest of the output, seconds, cells, peak memory.

    The file is replaced after each notebook, so that a run that was cut short can be resumed. A
    file that is missing or damaged counts as empty.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.entries = dict(json.loads(path.read_text("utf-8")))
        except (OSError, TypeError, ValueError):
            self.entries = {}

    def entry(self, target: Path) -> dict:
        """Return the entry of a notebook; an empty one if there is none."""
        return self.entries.get(str(target.resolve()), {})

    def is_current(self, target: Path, mark: str) -> bool:
        """Tell whether `target` is still what a run with the fingerprint `mark` stored."""
        same = self.entry(target).get("fingerprint") == mark
        return same and target.exists() and self.is_untouched(target)

    def is_untouched(self, target: Path) -> bool:
        """Tell whether `target` is as the last run stored it."""
        return self.entry(target).get("output") == content_digest(target.read_bytes())

    def add(self, target: Path, mark: str, seconds: float, cells: int, peak: int | None) -> None:
        """Record that `target` ran well.

        Args:
            target: the notebook with its new outputs
            mark: its fingerprint
            seconds: how long it ran
            cells: the number of code cells that ran
            peak: the most memory that its kernel held, in bytes, if known

        Raises:
            OSError: the file cannot be written.
        """
        self.entries[str(target.resolve())] = {
            "fingerprint": mark,
            "output": content_digest(target.read_bytes()),
            "seconds": round(seconds, 2),
            "cells": cells,
            "peak": peak,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(json.dumps(self.entries, indent=1).encode(), self.path)
