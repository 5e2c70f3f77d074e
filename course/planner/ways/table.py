"""All ways in one table: the memory of a step by formula, and measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...parallel.views.transformer import Sizes
from .expecting import expect_step
from .measuring import SMALL, Measured, measure_step
from .steps import RANKS, WAYS, Way


@dataclass(frozen=True)
class Compared:
    """The worst moment of a step in one way.

    Attributes:
        name: of the way.
        expected: bytes by formula, by kind.
        measured: the same, as counted.
    """

    name: str
    expected: dict[str, float]
    measured: Measured

    @property
    def off(self) -> float:
        """How far the formula's sum is off, as a share of what is measured."""
        return sum(self.expected.values()) / self.measured.total - 1

    def __str__(self):
        kinds = "".join(f"{n / 1e6:>12.2f}" for n in self.measured.kinds.values())
        return f"{self.name:<14}{kinds}{self.measured.total / 1e6:>10.2f}{self.off:>8.1%}"


class Comparison(list[Compared]):
    """All ways; prints as a table, in MB."""

    def __str__(self):
        kinds = "".join(f"{kind:>12}" for kind in self[0].measured.kinds) if self else ""
        head = f"{'MB, measured':<14}{kinds}{'all':>10}{'formula':>8}"
        return "\n".join([head, *map(str, self)])

    __repr__ = __str__


def compare_ways(sizes: Sizes = SMALL, ranks: int = RANKS, ways: Mapping[str, Way] = WAYS,
                 device: str = "cpu", seed: int = 0) -> Comparison:  # fmt: skip
    """Return the memory of a step in each way, by formula and measured.

        print(compare_ways())

    Args:
        sizes: of the model, and of the batch of a rank.
        ranks: that share, where a way shares.
        ways: by name.
        device: 'cpu' or 'cuda'.
        seed: of weights and tokens.

    Raises:
        CourseError: as `measure_step` does.
    """
    return Comparison(
        Compared(name, expect_step(way, sizes, ranks),
                 measure_step(way, sizes, ranks, device, seed))
        for name, way in ways.items()
    )  # fmt: skip
