"""The planner's counts against a traced program of PyTorch."""

import pytest

from course.parallel.views import Sizes, trace_memory
from course.planner.traced import compare


@pytest.mark.parametrize(
    ("sizes", "ranks"),
    [
        (Sizes(6, 64, 8, 160, 96, 512, 2), 4),
        (Sizes(5, 48, 4, 88, 51, 256, 3), 5),  # nothing is divided by 5: padding
    ],
)
def test_flops_bytes_and_memory_are_those_of_the_program(sizes, ranks):
    table = compare(sizes, ranks)
    found = {one.what: one for one in table}
    assert len(found) == 6
    for one in found.values():
        assert abs(one.unexplained) < 1e-9, one
    assert found["FLOPs"].planned == found["FLOPs"].traced
    assert all("padding" not in one.because or ranks == 5 or one.because["padding"] == 0
               for one in found.values())  # fmt: skip
    assert "eager +" in str(table) and "0.00%" in str(table)


def test_the_kinds_of_memory_add_up_and_recomputation_keeps_less():
    sizes = Sizes(2, 64, 8, 160, 96, 512, 2)
    whole, again = (trace_memory(sizes, 4, recompute) for recompute in (False, True))
    for found in (whole, again):
        assert found["total"] == sum(found.values()) - found["total"]
        assert found["weights"] == 4 * sizes.parameters / 4
    assert again["activations"] < whole["activations"] / 2
