"""The clinic: real runs that go wrong, to be diagnosed and cured.

The tests replay all of them, with cures and with wrong cures.
"""

from functools import cache

from ..cases import Case
from . import (
    adaptive,
    architectures,
    background,
    code_examples,
    data,
    data_parallel,
    depth,
    ensembles,
    failures,
    first_eight,
    memory,
    model_parallel,
    networks,
    pruning,
    regularisation,
    scale,
    second_order,
    trends,
)

WARDS = (  # with `cases()` each
    first_eight, background, networks, data, depth, adaptive, second_order, scale, data_parallel,
    memory, model_parallel, failures, regularisation, ensembles, pruning,
    code_examples, architectures, trends,
)  # fmt: skip


@cache
def patients() -> dict[str, Case]:
    """Return the patients by name. The names do not tell what they have."""
    return {case.name: case for ward in WARDS for case in ward.cases()}
