"""Chapter 5_1_architectures: the kinds of networks that are named, and those left out. D4 1, D3 5.

Each kind is trained. Images: the digits, read by `course.architectures`. Text: what the course
writes, and whether the items that come out are right.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch
from torch import nn

from ...architectures.convolutional import CNN
from ...architectures.gpt import GPT
from ...architectures.recurrent import RNN
from ...architectures.sampling import write
from ...architectures.text import ALPHABET, END, share_right, text_data
from ...architectures.transformer import Transformer
from ...data.loading import load_data
from ...interop.adopt import adopt
from ...optim.adaptive import Adam
from ...optim.chain import chain
from ...optim.first_order import ClipByNorm, Descend
from ...training.replay import threads
from ...training.trainer import Trainer
from ..milestones import MILESTONES
from ..verdicts import Case, Check

LEARNED = 0.75  # of the test digits right
STEPS = 150
WRITTEN = 200  # characters
WRITES = 0.1  # of the items right, at temperature 0.7; characters drawn alone give 0.02


class OneLayer(nn.Module):
    """A single layer of weights: logits (N, 10) of images (N, 64)."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        return self.last(x.flatten(1))


class Frequencies(nn.Module):
    """How frequent each character is, whatever stands before: logits (N, V, T)."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(len(ALPHABET)))

    def forward(self, tokens):
        return self.logits[None, :, None].expand(len(tokens), -1, tokens.shape[1])


IMAGES: dict[str, Callable[[], nn.Module]] = {
    "convolutional": CNN, "recurrent": RNN, "Transformer": Transformer,
}  # fmt: skip
TEXT: dict[str, Callable[[], nn.Module]] = {"GPT": GPT, "frequencies": Frequencies}
SIZES = {**IMAGES, **TEXT, "one layer": OneLayer}


def count(kind: str) -> int:
    """Return how many weights a network of `SIZES` has."""
    return sum(p.numel() for p in SIZES[kind]().parameters())


def trained(make: Callable[[], nn.Module], data, *rule) -> tuple[Trainer, nn.Module]:
    """Return a trainer and its module after `STEPS` steps; the first weights follow from seed 0."""
    with threads(1), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = make()
        trainer = Trainer(adopt(module), data, chain(ClipByNorm(1.0), Adam(), *rule), batch_size=16)
        for _ in trainer.run(STEPS):
            pass
    return trainer, module


@cache
def accuracy(kind: str) -> float:
    """Return the test accuracy of a kind of `IMAGES` on the digits."""
    trainer, _ = trained(IMAGES[kind], load_data("digits"), Descend(0.005))
    return trainer.evaluate("test")[1]


@cache
def items_right(kind: str) -> float:
    """Return the share of right items in what a kind of `TEXT` writes."""
    _, module = trained(TEXT[kind], text_data(), Descend(0.01))
    if isinstance(module, GPT):
        written = write(module, END, WRITTEN, 0.7)
    else:
        with torch.no_grad():
            p = module(torch.zeros(1, 1, dtype=torch.long))[0, :, 0].softmax(0)
        dice = torch.Generator().manual_seed(0)
        drawn = torch.multinomial(p, WRITTEN, replacement=True, generator=dice)
        written = "".join(ALPHABET[place] for place in drawn.tolist())
    return share_right(END + written)


# ---- D4-1c: the core are convolutional and recurrent networks --------------------------------


def examine_kinds(named: Sequence[str]) -> list[Case]:
    """Train each kind that is named, and ask what is behind the large models of the last years.

    Args:
        named: kinds of `IMAGES`.
    """
    cases = [
        Case(f"a {kind} network learns", accuracy(kind) > LEARNED,
             f"{accuracy(kind):.2f} of the test digits right")
        for kind in named
    ]  # fmt: skip
    recent = [m for m in MILESTONES if m.year >= 2017]
    listed = f"{', '.join(m.name for m in recent)}: Transformers all"
    return [*cases, Case("the kind of the large models since 2017 is named",
                         "Transformer" in named, listed)]  # fmt: skip


kinds = Check(
    examine_kinds,
    document=("convolutional", "recurrent"),
    planted=("convolutional", "recurrent", "Transformer"),
)


# ---- D3-5a: more complex models, such as Transformer and GPT ---------------------------------


def examine_trend(says: Mapping) -> list[Case]:
    """Train the two that are named; count weights, theirs and those of the years.

    Args:
        says: "grow": 'more' or 'fewer' parameters with the years; "such as": kinds of `SIZES`.
    """
    least = count("one layer")
    first, last = MILESTONES[0], MILESTONES[-1]
    grow = "more" if last.parameters > first.parameters else "fewer"
    cases = [
        Case("models become more complex", grow == says["grow"] == "more",
             f"{first.parameters:.0e} parameters in {first.year}, {last.parameters:.0e} in "
             f"{last.year}"),
    ]  # fmt: skip
    for kind in says["such as"]:
        cases.append(Case(f"{kind} is a complex model", count(kind) > 10 * least,
                          f"{count(kind):,} weights, one layer for digits {least:,}"))  # fmt: skip
        if kind in IMAGES:
            cases.append(Case(f"{kind} learns", accuracy(kind) > LEARNED,
                              f"{accuracy(kind):.2f} of the test digits right"))  # fmt: skip
        else:
            writes = items_right(kind) > WRITES
            share = f"{'more' if writes else 'no more'} than {WRITES:.0%}"  # how many is chance
            cases.append(Case(f"{kind} learns", writes,
                              f"{share} of the items that it writes are right"))  # fmt: skip
    return cases


trend = Check(
    examine_trend,
    document={"grow": "more", "such as": ("Transformer", "GPT")},
    planted={"grow": "fewer", "such as": ("frequencies",)},
)
