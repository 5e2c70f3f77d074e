"""What the chapter on the errata asks to watch, driven as it says."""

import math
from pathlib import Path

import nbformat
import numpy as np

from course.lessons import select

CHAPTER = Path(__file__).parents[2] / "notebooks" / "errata.ipynb"


def test_the_hill_becomes_narrow_as_more_is_checked():
    cells = nbformat.read(CHAPTER, as_version=4).cells
    (source,) = [c.source for c in cells if "def chance(" in c.source]
    drawn: list[tuple] = []
    names = {"math": math, "np": np, "plot": lambda curve, **words: drawn.append(curve),
             "Slider": lambda *given: given, "explore": lambda *given: None}  # fmt: skip
    exec(source, names)
    for checked in range(5, 100, 5):
        names["hill"](checked)
    means = [float(shares @ chances) for shares, chances in drawn]
    assert np.allclose(means, 0.4) and np.allclose([c.sum() for _, c in drawn], 1)
    spreads = [float((shares - 0.4) ** 2 @ chances) ** 0.5 for shares, chances in drawn]
    assert (np.diff(spreads) < 0).all()


def test_few_are_wrong_and_those_that_hold_in_part_are_many():
    assert len(select(verdict="wrong")) < len(select()) / 4 < len(select(verdict="imprecise"))
