"""What ran well, kept in a file: `course regenerate --resume` skips what has not changed since."""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from nbformat import NotebookNode

from ..files import write_bytes

STACK = ("torch", "numpy", "matplotlib", "ipywidgets", "anywidget", "scikit-learn")


def digest(*parts: bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def code_digest() -> str:
    """Of the course's own code, Python and the versions of what the course stands on."""
    here = Path(__file__).parents[1]
    files = [p for f in (here, here.parent / "widgets") for p in sorted(f.rglob("*"))]
    code = [p.read_bytes() for p in files if p.is_file() and p.parent.name != "__pycache__"]
    stack = [f"{name} {version(name)}" for name in STACK]
    return digest(sys.version.encode(), *map(str.encode, stack), *code)


def fingerprint(notebook: NotebookNode, parameters: dict[str, str], code: str) -> str:
    """Of a notebook's sources and tags (not its outputs), its parameters and `code_digest()`."""
    sources = [[c.cell_type, c.source, c.metadata.get("tags", [])] for c in notebook.cells]
    return digest(json.dumps([sources, sorted(parameters.items()), code]).encode())


class Record:
    """One entry a notebook: fingerprint, digest of the output, seconds, cells, peak memory.

    Written after each notebook, all or nothing, so that a run cut short is taken up again.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.entries = dict(json.loads(path.read_text("utf-8")))
        except (OSError, TypeError, ValueError):
            self.entries = {}  # none yet, or not ours: everything counts as changed

    def entry(self, target: Path) -> dict:
        return self.entries.get(str(target.resolve()), {})

    def holds(self, target: Path, mark: str) -> bool:
        """Whether `target` is still what a run with this fingerprint stored."""
        known = self.entry(target).get("fingerprint") == mark
        return known and target.exists() and self.stored(target)

    def stored(self, target: Path) -> bool:
        """Whether `target` holds what was stored there last, untouched."""
        return self.entry(target).get("output") == digest(target.read_bytes())

    def add(self, target: Path, mark: str, seconds: float, cells: int, peak: int | None) -> None:
        """Note that `target` ran well. Raises OSError when the file cannot be written."""
        self.entries[str(target.resolve())] = {
            "fingerprint": mark,
            "output": digest(target.read_bytes()),
            "seconds": round(seconds, 2),
            "cells": cells,
            "peak": peak,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(json.dumps(self.entries, indent=1).encode(), self.path)
