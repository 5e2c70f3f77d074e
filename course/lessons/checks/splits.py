"""Chapter 2_2_scale: what can be split, and which exchange follows from it.

D1-2a, D1-2b, D1-2c, D1-2d, D1-6a, D1-6b.
"""

from collections.abc import Sequence

import torch

from ...nn.network import MLP
from ...parallel.holdings import holdings
from ..split_runs import FREE, SIZES, B, held, rows_of, seconds, step, together, trained
from ..verdicts import Case, Check

# ---- D1-2a: many nodes, the data at the same time, faster ------------------------------------


def examine_data_parallel(split: str) -> list[Case]:
    """Try whether ranks together make the step of one, at the same time.

    Args:
        split: a strategy, or a key of `WAYS`.
    """
    cases = []
    for ranks in (2, 4):
        gap = float((trained(split, ranks) - trained("data", 1)).abs().max())
        words = f"largest difference of a weight {'below 1e-9' if gap < 1e-9 else f'{gap:.2g}'}"
        cases.append(Case(f"{ranks} nodes train as one does: 10 steps", gap < 1e-9, words))
    count = together(split)
    words = f"of 4 nodes {count:.1f} compute at a time"
    cases.append(Case("they process data at the same time", count > 2, words))
    for batch in (1024, 4):
        ratio = seconds(split, 1, batch) / seconds(split, 4, batch)
        words = f"one node's time over that of four: {ratio:.2g}"
        cases.append(Case(f"it is faster: {batch} samples", ratio > 1, words, aside=batch == 4))
    return cases


data_parallel = Check(examine_data_parallel, document="data", planted="local_sgd")


# ---- D1-2b: parts of the network, at the same time -------------------------------------------


def examine_model_parallel(ways: Sequence[str]) -> list[Case]:
    """Try each way to give nodes parts of the network: do they work at the same time?

    Args:
        ways: keys of `WAYS`.
    """
    cases = []
    for way in ways:
        count = together(way)
        words = f"of 4 nodes {count:.1f} compute at a time"
        cases.append(Case(f"at the same time: {way}", count > 2, words))
    for way in ways:
        most = int(held(way).owners("weights").sum(0).max())
        words = f"a weight lies on {most} of 4 nodes at most"
        cases.append(Case(f"different parts of the network: {way}", most == 1, words, aside=True))
    return cases


model_parallel = Check(
    examine_model_parallel,
    document=("one stage after the other", "stages with micro-batches", "parts of each layer"),
    planted=("stages with micro-batches", "parts of each layer"),
)


# ---- D1-2c: who gets which data ---------------------------------------------------------------


def examine_distribution(split: str) -> list[Case]:
    """Try whether a strategy decides which node gets which rows.

    Args:
        split: a strategy.
    """
    found = rows_of(split)
    counts = torch.bincount(torch.tensor(sum(found, [])), minlength=96)
    few, most = int(counts.min()), int(counts.max())
    many = f"{most}" if few == most else f"{few} to {most}"
    times = f"nodes that get a sample in an epoch: {many}"
    shares = sorted({len(set(rows)) for rows in found})
    others = rows_of("tensor")
    same = all(set(rows) == set(others[0]) for rows in others)
    return [
        Case("each sample goes to one node", bool((counts == 1).all()), times),
        Case("nodes get different data", max(shares) < 96, f"of 96 samples a node gets {shares}"),
        Case("without data parallelism nothing is distributed", same,
             "tensor parallelism: each node gets all samples", aside=True),
    ]  # fmt: skip


distribution = Check(examine_distribution, document="data", planted="tensor")


# ---- D1-2d: the gradient must take the split into account -------------------------------------

EXCHANGES = {"data": "the samples", "tensor": "each layer", "pipeline": "the layers"}


def examine_exchange(splits: dict[str, int]) -> list[Case]:
    """Leave the exchange between ranks out: is the gradient wrong without it, and right with it?

    Args:
        splits: strategies that the gradient must account for, and over how many ranks.
    """
    cases = []
    for split, ranks in splits.items():
        made = step(split, ranks, FREE)
        alone = step(split, ranks, FREE, silent=True).off
        kinds = sorted({e.kind for e in made.events if e.label != "loss"} - {"compute", "recv"})
        right = made.off < 1e-9
        words = f"without an exchange it is off by {alone:.0%}; "
        words += f"right with: {', '.join(kinds)}" if right else "wrong with it, too"
        what = EXCHANGES.get(split, split)
        name = f"the gradient must account for a split of {what} over {ranks}"
        cases.append(Case(name, alone > 0.01 and right, words))
    return cases


exchange = Check(
    examine_exchange,
    document={"data": 4, "tensor": 4, "pipeline": 4},
    planted={"data": 1},
)


# ---- D1-6a: the main techniques; D1-6b: what is cut ------------------------------------------


def examine_techniques(named: Sequence[str]) -> list[Case]:
    """Try what each technique saves; one that saves and is not named is missing.

    Args:
        named: of "data parallelism", "model parallelism", "sharding", "micro-batches", "lower
            precision".
    """
    one, plain = held("data", 1).ranks[0], held("data")
    short = holdings(MLP(SIZES, "tanh"), "data", 4, B)  # in float32
    whole, parts = (held(w, 4).ranks[0]["activations"].bytes for w in
                    ("one stage after the other", "stages with micro-batches"))  # fmt: skip
    saved = {
        "data parallelism": ("activations of a node", plain.bytes("activations")[0],
                             one["activations"].bytes),
        "model parallelism": ("weights of a node", max(held("tensor").bytes("weights")),
                              one["weights"].bytes),
        "sharding": ("weights of a node, ZeRO-3", max(held("zero3").bytes("weights")),
                     plain.bytes("weights")[0]),
        "micro-batches": ("activations of a stage", parts, whole),
        "lower precision": ("weights of a node", short.bytes("weights")[0],
                            plain.bytes("weights")[0]),
    }  # fmt: skip
    cases = []
    for technique, (what, after, before) in saved.items():
        helps = after < 0.7 * before
        words = f"bytes, {what}: {before:,} → {after:,}"
        told = "saves" if technique in named else "not named, so it saves nothing"
        name = f"{technique}: {told}"
        cases.append(Case(name, helps == (technique in named), words))
    return cases


techniques = Check(
    examine_techniques,
    document=("data parallelism", "model parallelism"),
    planted=("data parallelism", "model parallelism", "sharding", "micro-batches",
             "lower precision"),
)  # fmt: skip


def examine_cuts(says: dict[str, str]) -> list[Case]:
    """Try what each kind of parallelism cuts, and what it leaves whole.

    Args:
        says: "data", "model": "input" or "network".
    """
    cases = []
    kinds = {"data": ("data",), "model": ("tensor", "pipeline")}
    for kind, splits in kinds.items():
        for split in splits:
            size = held(split).parameters
            share = max(rank["weights"].elements for rank in held(split).ranks) / size
            cut = {"network": share < 0.5, "input": split == "data" and rows_cut()}[says[kind]]
            whole = {"network": split != "data", "input": share == 1}[says[kind]]
            words = f"a node has at most {share:.0%} of the weights"
            if split != "pipeline":
                words += f", and {len(set(rows_of(split)[0])) / 96:.0%} of the samples"
            name = f"{kind} parallelism ({split}) cuts the {says[kind]} alone"
            cases.append(Case(name, cut and whole, words))
    return cases


def rows_cut() -> bool:
    """Tell whether data parallelism gives each rank some rows alone."""
    return all(len(set(rows)) < 96 for rows in rows_of("data"))


what_is_cut = Check(
    examine_cuts,
    document={"data": "input", "model": "network"},
    planted={"data": "network", "model": "input"},
)
