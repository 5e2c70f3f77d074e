"""Chapter 2_2_scale: what is large, what that costs, and what it buys.

D0-2.3, D4-2.3, D0-6.1, D1-2e, D2-2b. FLOPs are counted by torch while a program runs, bytes are
those of the tensors that ranks have. One case takes time: do large products use a processor well?
"""

import time
from collections.abc import Callable, Sequence
from functools import cache
from statistics import mean

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.adaptive import Adam
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...parallel.holdings import holdings
from ...parallel.in_turn import InTurn
from ...parallel.strategies import make_strategy
from ...training.trainer import Trainer
from ..verdicts import Case, Check

SEEDS = range(3)


def flops(rows: int = 256, width: int = 32) -> int:
    """Return the FLOPs of one pass over so many digits with the network 64-width-width-10."""
    module = MLP([64, width, width, 10]).to_module()
    x, y = torch.ones(rows, 64), torch.zeros(rows, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(module(x.requires_grad_()), y).backward()
    return counter.get_total_flops()


def bytes_sent(ranks: int, width: int = 32) -> float:
    """Return the bytes that all ranks send in a step of data parallelism."""
    world = InTurn(ranks)

    def program(comm):
        model = make_strategy("data", comm, MLP([64, width, width, 10]))
        data = load_data("digits", 0)
        model.loss_and_grad(*model.encode(data.x_train[:32], data.y_train[:32]))

    world.run(program)
    return sum(event.size for event in world.events if event.kind == "all_reduce")


@cache
def error(rows: int, width: int) -> float:
    """Return the share of test digits that are wrong after training, the mean of three seeds."""
    found = []
    for seed in SEEDS:
        data = load_data("digits", seed).subset(rows)
        model = MLP([64, width, 10], seed=seed)
        trainer = Trainer(model, data, chain(Adam(), Descend(0.01)), min(32, rows), seed)
        for _ in trainer.run(300):
            pass
        found.append(1 - trainer.evaluate("test")[1])
    return mean(found)


# ---- D0-2.3 and D4-2.3: what is large, what it costs, what it buys ----------------------------


def growth() -> dict[str, tuple[bool, str]]:
    """Return, of each thing that can be large, whether a run grows with it, and what was found."""
    data, parameters = flops(512) / flops(256), flops(width=64) / flops(width=32)
    one, four = bytes_sent(1), bytes_sent(4)
    return {
        "data": (data > 1.5, f"twice the samples: FLOPs × {data:.1f}"),
        "parameters": (parameters > 1.5, f"twice the width: FLOPs × {parameters:.1f}, same data"),
        "devices": (four > one, f"bytes sent in a step: {one:,.0f} by one, {four:,.0f} by four"),
    }


MORE = {"50, then 200": (50, 200, 64), "700, then 1400": (700, 1400, 64),
        "700, then 1400, with 4 hidden units": (700, 1400, 4)}  # fmt: skip
BETTER = 0.03  # of the test rows


def examine_scale(says: dict) -> list[Case]:
    """Try what is said to be large, to be the price, and to be gained.

    Args:
        says: "large": of "data", "parameters", "devices", what makes training large; "costs": of
            "compute", "storage", "time", "complexity"; "accuracy": "rises", "can rise"; "models":
            whether more complex ones are allowed.
    """
    cases = []
    for thing, (grows, words) in growth().items():
        named = thing in says["large"]
        text = "named: a run grows with them" if named else "not named: no run grows with them"
        cases.append(Case(f"{thing}, {text}", grows == named, words))
    gains = {rows: error(a, width) - error(b, width) for rows, (a, b, width) in MORE.items()}
    told = {rows: f"right: {gain:+.1%} of the test set" for rows, gain in gains.items()}
    if says["accuracy"] == "rises":
        cases += [Case(f"a higher accuracy: samples {rows}", gain > BETTER, told[rows])
                  for rows, gain in gains.items()]  # fmt: skip
    else:
        best = max(gains, key=lambda rows: gains[rows])
        cases.append(Case("a higher accuracy is possible", gains[best] > BETTER, told[best]))
    x = load_data("digits", 0).x_train
    prices = {
        "compute": (flops(512) / flops(256), "FLOPs with twice the samples"),
        "storage": (x[:512].nbytes / x[:256].nbytes, "bytes of twice the samples"),
        "time": (flops(512) / flops(256), "FLOPs that one device works off, twice the samples"),
        "complexity": (flops(512) / flops(256), "operations with twice the samples"),
    }  # fmt: skip
    for price in says["costs"]:
        ratio, words = prices[price]
        cases.append(Case(f"it costs {price}", ratio > 1.5, f"{words}: × {ratio:.1f}", aside=True))
    if says["models"]:
        many = error(1400, 4) - error(1400, 64)
        words = f"64 hidden units against 4, 1400 samples: {many:+.1%} right"
        cases.append(Case("it allows more complex models", many > BETTER, words, aside=True))
    return cases


size = Check(
    examine_scale,
    document={"large": ("data",), "costs": ("compute", "storage"), "accuracy": "rises",
              "models": True},
    planted={"large": ("data", "parameters", "devices"), "costs": (), "accuracy": "can rise",
             "models": False},
)  # fmt: skip
computers = Check(
    examine_scale,
    document={"large": ("data", "devices"), "costs": ("time", "complexity"),
              "accuracy": "can rise", "models": False},
    planted={"large": ("data", "parameters", "devices"), "costs": (), "accuracy": "can rise",
             "models": False},
)  # fmt: skip


# ---- D0-6.1: how much compute? ---------------------------------------------------------------


def examine_amount(says: dict) -> list[Case]:
    """Try whether it depends on what is named, and whether an amount is given that is right.

    Args:
        says: "depends on": of "model", "data", "seed"; "amount": a function of the samples and the
            parameters that gives the FLOPs of one pass; None: none is given.
    """
    ratios = {"model": flops(width=64) / flops(), "data": flops(512) / flops(), "seed": 1.0}
    cases = [
        Case(f"it depends on the {thing}", ratios[thing] > 1.5, f"FLOPs × {ratios[thing]:.1f}")
        for thing in says["depends on"]
    ]
    amount: Callable[[int, int], float] | None = says["amount"]
    for rows, width in ((256, 128), (1024, 512)):
        counted, size = flops(rows, width), len(MLP([64, width, width, 10]).theta)
        share = amount(rows, size) / counted if amount else 0.0
        name = f"it says how much: {rows} samples, width {width}"
        words = f"{share:.2f} of the FLOPs that are counted" if amount else "no amount is given"
        cases.append(Case(name, 0.9 < share < 1.1, words))
    model, data = MLP([64, 32, 10]), load_data("digits", 0)
    trainer = Trainer(model, data, chain(Descend(0.3)))
    for _ in trainer.run(100):
        pass
    right = trainer.evaluate("test")[1]
    words = f"a CPU alone: {right:.0%} right after 100 steps"
    cases.append(Case("it takes CPU, GPU and TPU", right < 0.5, words, aside=True))
    return cases


amount = Check(
    examine_amount,
    document={"depends on": ("model", "data"), "amount": None},
    planted={"depends on": ("model", "data"), "amount": lambda N, P: 6 * N * P},
)


# ---- D1-2e: does the gradient of a large network need another algorithm? ----------------------


@cache
def activation_bytes(parts: int) -> int:
    """Return the bytes of activations on one device, a batch of 64 in so many parts."""
    held = holdings(MLP([64, 64, 64, 10]), "pipeline", 1, 64, micro_batches=parts)
    return held.bytes("activations")[0]


def parts_gap(parts: int) -> float:
    """Return how far the gradient of a batch in parts is from that of the whole batch."""
    model, data = MLP([64, 64, 64, 10], dtype=torch.float64), load_data("digits", 0)
    X, Y = model.encode(data.x_train[:64].double(), data.y_train[:64])
    model.loss_and_grad(X, Y)
    whole, total = model.grad.clone(), torch.zeros_like(model.grad)
    for rows in torch.arange(64).split(64 // parts):
        model.loss_and_grad(X[rows], Y[:, rows].contiguous(), 64)
        total += model.grad
    return float((total - whole).norm() / whole.norm())


def examine_algorithm(changes: Sequence[str]) -> list[Case]:
    """Try what changes in the gradient when networks get large and memory short.

    Args:
        changes: of "the passes", "what is kept", "the messages".
    """
    small, large = (flops(width=w) / len(MLP([64, w, w, 10]).theta) / 256 for w in (16, 256))
    four, gap = activation_bytes(4) / activation_bytes(1), parts_gap(4)
    sent = bytes_sent(4)
    found = {
        "the passes": (abs(large / small - 1) > 0.3,
                       f"FLOPs a weight and a sample: {small:.1f} small, {large:.1f} large"),
        "what is kept": (four < 0.5 and gap < 1e-10,
                         f"a batch in 4 parts: activations × {four:.2f}, the gradient equal"),
        "the messages": (sent > bytes_sent(1) == 0, f"four devices send {sent:,.0f} bytes a step"),
    }  # fmt: skip
    return [Case(f"{change} must change", *found[change]) for change in changes]


algorithm = Check(
    examine_algorithm,
    document=("the passes", "what is kept", "the messages"),
    planted=("what is kept", "the messages"),
)


# ---- D2-2b: large networks and GPU, TPU ------------------------------------------------------

# FLOPs a byte of memory traffic above which arithmetic is the limit: peak / bandwidth, in bfloat16
RIDGES = {
    "GPU": ("A100: 312 TFLOP/s, 2.0 TB/s", 312e12 / 2.039e12),
    "TPU": ("TPU v4: 275 TFLOP/s, 1.2 TB/s", 275e12 / 1.2e12),
}


def intensity(n: int) -> float:
    """Return the FLOPs a byte of a product of two (n, n) matrices of two-byte numbers."""
    return 2 * n**3 / (3 * n**2 * 2)


@cache
def rate(n: int) -> float:
    """Return FLOPs a second of products of two (n, n) matrices on this processor, the best of 9."""
    one, other, out = (torch.ones(n, n) for _ in range(3))
    best = float("inf")
    repeats = max(1, 2_000_000 // n**3)
    for _ in range(9):
        begin = time.perf_counter()
        for _ in range(repeats):
            torch.mm(one, other, out=out)
        best = min(best, (time.perf_counter() - begin) / repeats)
    return 2 * n**3 / best


def examine_use(n: int) -> list[Case]:
    """Try whether products of (n, n) matrices use a processor's arithmetic.

    Args:
        n: the width of the layers, which is that of the batch, too.
    """
    cases = []
    for device, (words, ridge) in RIDGES.items():
        name = f"a {device} is busy with arithmetic, not with memory"
        cases.append(Case(name, intensity(n) > ridge,
                          f"{intensity(n):,.0f} FLOPs a byte; {words}: {ridge:.0f}"))  # fmt: skip
    used = rate(min(n, 256)) / max(rate(m) for m in (64, 128, 256))
    words = "more" if used > 0.25 else "less"
    words += " than a quarter of the best rate measured"
    cases.append(Case(f"this CPU is busy, n = {min(n, 256)}", used > 0.25, words))
    return cases


use = Check(examine_use, document=4096, planted=8)
