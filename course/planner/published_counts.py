"""Published numbers that follow from formulas, to be met to the last printed digit.

Sources: Narayanan et al. (2021), table 1, for parameters; Korthikanti et al. (2022), figure 1, for
bytes a device (their formulas count 12Lh² parameters, 18 bytes each, and the layers' activations);
Rajbhandari et al. (2020), figure 1, for ZeRO on 64 devices, gradients in 16 bits.
"""

from dataclasses import dataclass, replace

from .devices import GIB
from .memory import activation_bytes, state_bytes
from .published import gpt, korthikanti, sc21
from .stacks import STACKS


@dataclass(frozen=True)
class Number:
    """One published number, and the planner's.

    Attributes:
        group, name: which one.
        printed: as it stands in the source.
        planned: by formula.
    """

    group: str
    name: str
    printed: str
    planned: float

    @property
    def exact(self) -> bool:
        """Whether the planned number, rounded as the printed one is, equals it."""
        digits = len(self.printed.partition(".")[2])
        return f"{self.planned:.{digits}f}" == self.printed


def numbers() -> list[Number]:
    """Return all of them."""
    return [*parameters(), *activations(), *states(), *zero()]


def parameters() -> list[Number]:
    """Return the parameters of the models whose sizes are verified, 10⁹."""
    found = [
        Number("parameters, 10⁹", row.name, row.name.split()[0], row.model.parameters / 1e9)
        for row in sc21()
        if row.fitted
    ]
    return [*found, Number("parameters, 10⁹", "GPT-3", "174.6",
                           gpt(96, 12288, 96).parameters / 1e9)]  # fmt: skip


def activations() -> list[Number]:
    """Return the GiB of activations, without and with the paper's two methods."""
    printed = {
        "22 B": ("59.25", "9.56"), "175 B": ("66.84", "12.35"), "530 B": ("114.02", "23.08"),
        "1 T": ("131.25", "26.56"),
    }  # fmt: skip
    stack, found = STACKS["megatron-2022"], []
    for row in korthikanti():
        name, what = row.name.rsplit(" ", 1)
        plain = what == "full"  # the table of times has full recomputation, the figure none
        layout = replace(row.layout, recompute="none") if plain else row.layout
        planned = activation_bytes(row.model, layout, stack, row.batch) / GIB
        label = "none" if plain else "selective, sequence parallel"
        found.append(Number("activations, GiB", f"{name}, {label}", printed[name][not plain],
                            planned))  # fmt: skip
    return found


def states() -> list[Number]:
    """Return the GiB of parameters, gradients and optimiser state, 12Lh² parameters."""
    printed = {"22 B": "45.56", "175 B": "45.56", "530 B": "31.64", "1 T": "32.96"}
    found = []
    for row in korthikanti()[::2]:
        name = row.name.rsplit(" ", 1)[0]
        n = 12 * row.model.layers * row.model.hidden**2
        mine = n / row.layout.tensor / row.layout.pipeline
        found.append(Number("state, GiB", name, printed[name],
                            sum(state_bytes(mine).values()) / GIB))  # fmt: skip
    return found


def zero() -> list[Number]:
    """Return the GB of 7.5·10⁹ parameters on 64 devices, by the stage of ZeRO."""
    return [
        Number("ZeRO, GB", f"stage {stage}", printed,
               sum(state_bytes(7.5e9, 64, stage, gradient=2).values()) / 1e9)
        for stage, printed in enumerate(("120", "31.4", "16.6", "1.9"))
    ]  # fmt: skip
