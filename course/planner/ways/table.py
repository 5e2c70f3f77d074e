"""All ways in one table: the memory of a step by formula, and measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...parallel.views.transformer import Sizes
from .expecting import expect_step
from .measuring import SMALL, Measured, measure_step
from .steps import RANKS, WAYS, Way

SHOWN = ("weights", "gradients", "optimiser", "activations")  # the others are the rest


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
        off = round(self.off, 3) + 0.0  # no minus before 0
        MB = {name: n / 1e6 for name, n in self.measured.kinds.items()}
        kinds = "".join(f"{MB[name]:>{len(name) + 2}.2f}" for name in SHOWN)
        rest = MB["gathered"] + MB["other"]
        return f"{self.name:<13}{kinds}{rest:>6.2f}{self.measured.total / 1e6:>7.2f}{off:>9.1%}"


class Comparison(list[Compared]):
    """All ways; prints as a table, in MB: what is measured, and how far the formula is off."""

    def __str__(self):
        kinds = "".join(f"  {name}" for name in SHOWN)
        head = f"{'MB':<13}{kinds}{'rest':>6}{'all':>7}{'formula':>9}"
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
