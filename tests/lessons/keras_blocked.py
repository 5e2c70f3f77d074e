"""Keras for tests, or its absence: it is an extra, and takes seconds to import."""

import sys
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

needs_keras = pytest.mark.skipif(
    find_spec("keras") is None, reason="Keras is not installed: it is in the extras keras and test"
)


@contextmanager
def without_keras():
    """Make Keras absent: neither found nor imported."""
    saved = {name: m for name, m in sys.modules.items() if name.split(".")[0] == "keras"}
    for name in saved:
        del sys.modules[name]
    before = list(sys.meta_path)
    sys.meta_path.insert(0, Blocker())
    try:
        yield
    finally:
        sys.meta_path[:] = before
        sys.modules.update(saved)


class Blocker:
    """A finder that finds no Keras, and stops those after it."""

    def find_spec(self, name, path=None, target=None):
        """Raise `ModuleNotFoundError` for Keras; None for all else."""
        if name.split(".")[0] == "keras":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None
