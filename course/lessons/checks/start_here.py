"""Chapter 00_start_here: the six steps of training. The referee is `torch.optim.SGD`."""

from ..verdicts import Case, Check
from .steps import STEPS, by_torch, learns, train

Recipe = tuple[tuple[str, ...], tuple[str, ...]]  # what comes once, and what is repeated


def examine(recipe: Recipe) -> list[Case]:
    """Try the recipe on the digits: does it do what the referee does, and does it learn?"""
    cases = []
    for seed in range(3):
        loop = train(*recipe, "digits", seed)
        if seed == 0:
            same = by_torch(loop, "digits", seed)
            words = "the same weights" if same else "other weights"
            cases.append(Case("40 steps of torch.optim.SGD", bool(same), words))
        cases.append(Case(f"the loss falls, seed {seed}", *learns(loop, "digits", seed)))
    return cases


six_steps = Check(
    examine,
    document=(STEPS, STEPS[1:]),
    planted=(tuple(s for s in STEPS if s != "backward"), ("forward", "loss", "update")),
)
