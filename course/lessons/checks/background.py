"""Chapter 1_background: what was reached and when (D0-1, D4-1a, D4-1b), and the brain (D1-1a).

Dates and results come from `milestones`, each with its source. The brain's claim is tried on a
network of the course against `torch.nn`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ...data.loading import load_data
from ...nn.network import MLP
from ..checking import compare
from ..milestones import PAPERS, RESULTS, WINNERS, Result
from ..verdicts import Case, Check

# ---- D0-1: remarkable results in images and in language --------------------------------------


def examine_results(says: dict[str, str]) -> list[Case]:
    """Look up what a large network reached in each field.

    Args:
        says: "better" or "worse" than all others, by the name of the field.
    """
    cases = []
    for field, how in says.items():
        (found,) = [result for result in RESULTS if result.field == field]
        better = found.reached < found.rest if found.lower else found.reached > found.rest
        cases.append(Case(f"{field}: {how} than all others", better == (how == "better"),
                          in_words(found)))  # fmt: skip
    return cases


def in_words(found: Result) -> str:
    """Return a result as a sentence with its source."""
    return (f"{found.year}, {found.name}, {found.measure}: {found.reached}, the best of the "
            f"others {found.rest} ({found.source})")  # fmt: skip


results = Check(
    examine_results,
    document={"images": "better", "language": "better"},
    planted={"images": "worse", "language": "worse"},
)


# ---- D1-1a: many layers that imitate the brain -----------------------------------------------


def network(layers: int) -> MLP:
    """Return a network of so many layers on the digits, in float64."""
    return MLP([64, *(layers - 1) * [16], 10], "tanh", seed=0, dtype=torch.float64)


def first_units(x: Tensor) -> Tensor:
    """Return what enters the activation function of each first unit, (16, B). x: (B, 64)."""
    W = network(3).views(network(3).theta)[0]
    return W[:, :-1] @ x.t() + W[:, -1:]


def sums(x: Tensor) -> tuple[bool, str]:
    """Tell whether the answer to two inputs added is the sum of the answers, but for the bias."""
    zero = first_units(0 * x[:1])
    both = first_units(x[:1] + x[1:2]) - zero
    off = float((both - (first_units(x[:1]) - zero) - (first_units(x[1:2]) - zero)).abs().max())
    return off < 1e-9, f"largest difference {off:.2f}"


def pulses(x: Tensor) -> tuple[bool, str]:
    """Tell whether a unit has two answers only, a pulse or none."""
    answers = len(torch.tanh(first_units(x)[0]).unique())
    return answers <= 2, f"{answers} different answers of one unit to {len(x)} images"


def memory(x: Tensor) -> tuple[bool, str]:
    """Tell whether what was seen before changes the answer to an image."""
    module = network(3).to_module()
    first = module(x[:1])
    module(x[1:])
    changed = not torch.equal(first, module(x[:1]))
    return changed, "another answer" if changed else "the same answer, before and after the others"


CELLS: dict[str, tuple[str, Callable[[Tensor], tuple[bool, str]]]] = {
    "sums": ("as a nerve cell, a unit adds up what arrives", sums),
    "pulses": ("as a nerve cell, a unit answers with a pulse or not at all", pulses),
    "memory": ("as a nerve cell, a unit answers in time: what came before matters", memory),
}


def examine_brain(says: dict) -> list[Case]:
    """Try what is said of deep learning: its layers, and in what it is like the brain.

    Args:
        says: "layers": how many; "as the brain": names of `CELLS`.
    """
    x = load_data("digits", 0, dtype=torch.float64).x_train[:100]
    model = network(says["layers"])
    Ws, a = model.views(model.theta), x.t()
    for n, W in enumerate(Ws, 1):
        z = W[:, :-1] @ a + W[:, -1:]
        a = torch.tanh(z) if n < len(Ws) else z
    same = bool(compare(a.t(), model.to_module()(x), rtol=1e-9))
    words = f"{len(Ws)} layers of weighted sums, tanh between them: "
    words += f"{'' if same else 'not '}torch.nn's answers"
    cases = [Case("many layers, each fed by the one below", same and len(Ws) > 1, words)]
    return [*cases, *(Case(CELLS[n][0], *CELLS[n][1](x)) for n in says["as the brain"])]


brain = Check(
    examine_brain,
    document={"layers": 3, "as the brain": ("sums", "pulses", "memory")},
    planted={"layers": 1, "as the brain": ("pulses", "memory")},
)


# ---- D4-1a: 2006, a new method called deep learning ------------------------------------------


def examine_2006(says: dict) -> list[Case]:
    """Look up who proposed what, and when.

    Args:
        says: "year", "who", what the method is "called", and whether it was "new": the first
            to train several layers.
    """
    found = [p for p in PAPERS if p.trains and p.year == says["year"] and says["who"] in p.authors]
    words = f"{found[0].authors}: {found[0].title}" if found else "no such paper"
    before = [p for p in PAPERS if p.trains and p.year < says["year"]]
    older = [p for p in PAPERS if says["called"] in p.says and p.year < says["year"]]
    name = f"{says['who']} and others trained several layers in {says['year']}"
    called = [p for p in found if p.says == says["called"]]
    new = "the first" if says["new"] else "not the first"
    return [
        Case(name, bool(found), words),
        Case(f"their method is called {says['called']}", bool(called),
             f"they call it {found[0].says}" if found else "no such paper"),
        Case(f"it was {new} to train several layers", bool(found) and bool(before) != says["new"],
             f"{before[0].year}: {before[0].authors}" if before else "none is older"),
        Case("the name was new", not older,
             f"{older[0].year}: {older[0].authors}" if older else "none is older", aside=True),
    ]  # fmt: skip


year_2006 = Check(
    examine_2006,
    document={"year": 2006, "who": "Hinton", "called": "deep learning", "new": True},
    planted={"year": 1996, "who": "Hinton", "called": "deep learning", "new": True},
)


# ---- D4-1b: 2012, AlexNet, and what followed -------------------------------------------------


def examine_2012(year: int) -> list[Case]:
    """Look up whether deep networks won from this year on, and how.

    Args:
        year: in which a deep network is said to have won, and the use to have begun.
    """
    deep = {y: is_deep for y, _, _, is_deep in WINNERS}
    found = [r for r in RESULTS if r.field == "images" and r.year == year]
    share = found[0].reached / found[0].rest if found else 1.0
    after = [f"{y} {name} {error} %" for y, name, error, is_deep in WINNERS if y > year and is_deep]
    spread = all(is_deep == (y >= year) for y, is_deep in deep.items())
    return [
        Case(f"a deep network won the ImageNet challenge of {year}", deep.get(year, False),
             "it did" if deep.get(year) else "it did not"),
        Case("it was far ahead", share < 0.75,
             in_words(found[0]) if found else "no such lead is known"),
        Case("deep networks won from then on, and none before", spread, ", ".join(after) or "none"),
    ]  # fmt: skip


year_2012 = Check(examine_2012, document=2012, planted=2010)
