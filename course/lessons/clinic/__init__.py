"""The clinic: real runs that go wrong, to be diagnosed and cured.

The tests replay all of them, with cures and with wrong cures.
"""

from functools import cache

from ..cases import Case
from . import first_eight, networks

WARDS = (first_eight, networks)  # one module for some chapters, each with its `cases()`


@cache
def patients() -> dict[str, Case]:
    """Return the patients by name. The names do not tell what they have."""
    return {case.name: case for ward in WARDS for case in ward.cases()}
