"""What each effect is worth: leave it out, fit the shares again, see how much worse it gets.

    from course.planner.ablation import ablation

    for name, error in ablation().items():
        print(f"{name:20} {error:.1%}")

The two shares of the A100, matmul and memory, are fitted on three rows of SC21. The error is the
mean over the eleven other rows of Megatron on A100, which no share has seen. An effect that may be
left out at no loss stands on physical grounds alone, or matters elsewhere.
"""

from collections.abc import Sequence
from dataclasses import replace

from scipy.optimize import least_squares

from .published import Row, korthikanti, sc21
from .stacks import STACKS, Stack

EFFECTS = {
    "waves": "the last, partly filled wave of a product's tiles",
    "product bytes": "products that wait for memory",
    "kernel start": "5 µs to start a kernel",
    "elementwise": "norms, dropout, softmax: bytes instead of FLOPs",
    "weight gradients": "adding weight gradients in float32",
    "tensor traffic": "all-reduces of tensor-parallel ranks",
    "hiding": "of them, what hides behind computation",
    "head": "logits and loss",
    "messages": "messages between stages",
    "bubble": "the bubble",
    "data parallel": "the sum of gradients over replicas",
    "optimiser": "the update",
}
SHARES = ("matmul", "memory")


def fit(
    rows: Sequence[Row], names: Sequence[str] = SHARES, without: frozenset[str] = frozenset()
) -> dict[str, float]:
    """Return the shares of a stack that meet some rows best: least squares of relative errors.

    Args:
        rows: each with a stack of its own, whose other fields stay.
        names: the shares that are fitted, alike for all rows.
        without: effects that are left out.
    """

    def errors(values) -> list[float]:
        return [row.error(changed(row, dict(zip(names, values, strict=True)), without))
                for row in rows]  # fmt: skip

    start = [getattr(STACKS[rows[0].stack], name) for name in names]
    found = least_squares(errors, start, bounds=(0.01, 1.0)).x
    return dict(zip(names, map(float, found), strict=True))


def changed(row: Row, shares: dict[str, float], without: frozenset[str]) -> Stack:
    """Return the stack of a row with other shares, and without some effects."""
    return replace(STACKS[row.stack], without=without, **shares)  # type: ignore[arg-type]


def mean_error(
    rows: Sequence[Row], shares: dict[str, float], without: frozenset[str] = frozenset()
) -> float:
    """Return the mean of the errors of some rows, without their signs."""
    return sum(abs(row.error(changed(row, shares, without))) for row in rows) / len(rows)


def ablation() -> dict[str, float]:
    """Return the mean error without each effect, fitted again; 'nothing left out' comes first."""
    rows = [*sc21(), *korthikanti()]
    seen, others = ([row for row in rows if row.fitted is fitted] for fitted in (True, False))
    found = {}
    for name, without in (("nothing left out", frozenset()), *((e, {e}) for e in EFFECTS)):
        effects = frozenset(without)
        found[name] = mean_error(others, fit(seen, without=effects), effects)
    return found
