"""Chapter 3_03b_batches: all data, or one sample at a time?"""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ...data.loading import load_data
from ...nn.network import MLP
from ..checking import compare
from ..verdicts import Case, Check

ROWS = 500  # of the digits

# ---- D4-3.2, D4-3.3: batch gradient descent, and one sample at a time ------------------------


def digits(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return rows (ROWS, 64) and classes (ROWS,) of the digits."""
    data = load_data("digits", seed)
    return data.x_train[:ROWS], data.y_train[:ROWS]


@cache
def arrival(batch_size: int, lr: float, seed: int) -> tuple[float, float]:
    """Return (steps, samples) until 90 % of the rows are right; infinity: not in 3,000 steps.

    Looked at every 50 samples, or after every step if a batch is larger. Each pass takes the rows
    in a new random order.
    """
    x, y = digits(seed)
    model, generator = MLP([64, 32, 10], seed=seed), torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.long)
    for step in range(1, 3001):
        if not len(order):
            order = torch.randperm(ROWS, generator=generator)
        rows, order = order[:batch_size], order[batch_size:]
        model.loss_and_grad(*model.encode(x[rows], y[rows]))
        model.theta -= lr * model.grad
        if step * batch_size % 50 == 0:
            with torch.no_grad():
                module = model.to_module()
                if float((module(x).argmax(1) == y).double().mean()) >= 0.9:
                    return step, step * batch_size
    return math.inf, math.inf


def race(unit: str) -> tuple[str, str]:
    """Return who needs fewer "steps" or "samples", "one" or "all", at tuned rates; and in words.

    Neither, if two seeds do not agree.
    """
    winners, ratios = set(), []
    for seed in range(2):
        each = arrival(1, 0.03, seed), arrival(ROWS, 1.0, seed)
        one, everything = (count[unit == "samples"] for count in each)
        winners.add("one" if one < everything else "all")
        ratios.append(max(one, everything) / min(one, everything))
    if len(winners) > 1:
        return "neither", "the two seeds do not agree"
    (fewer,) = winners
    more = {"one": "all data at once take", "all": "one sample at a time takes"}[fewer]
    times = 10 ** math.floor(math.log10(min(ratios)))
    return fewer, f"{more} more than {times} times as many"


def step_of(rows: int) -> Tensor:
    """Return the gradient of the first rows at the first weights, as one vector, by autograd."""
    x, y = digits()
    module = MLP([64, 32, 10]).to_module()
    loss = F.cross_entropy(module(x[:rows]), y[:rows])
    return torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(module.parameters()))])


def summed_up() -> Tensor:
    """Return the gradient of all rows by the library, row by row, summed up."""
    x, y = digits()
    model = MLP([64, 32, 10])
    total = torch.zeros_like(model.grad)
    for row in range(ROWS):
        one = slice(row, row + 1)
        model.loss_and_grad(*model.encode(x[one], y[one], ROWS), ROWS)
        total += model.grad
    names = model.named_views(total)
    return torch.cat([names[name].reshape(-1) for name, _ in model.to_module().named_parameters()])


def memory(rows: int) -> int:
    """Return the bytes that autograd keeps for a backward pass over rows."""
    module, (x, y) = MLP([64, 32, 10]).to_module(), digits()
    kept: dict[int, int] = {}

    def keep(t: Tensor) -> Tensor:
        kept[t.data_ptr()] = t.numel() * t.element_size()
        return t

    weights = {p.data_ptr() for p in module.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        F.cross_entropy(module(x[:rows]), y[:rows])
    return sum(size for pointer, size in kept.items() if pointer not in weights)


def moved(rows: int) -> tuple[int, int]:
    """Return (weights that a step with so many rows moves, all that such a step could move).

    A weight of a pixel that is 0 in all these rows, or of a unit that is 0 for all, stays. So tanh,
    and rows of random numbers.
    """
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(64, 20, generator=generator), torch.arange(64) % 3
    module = MLP([20, 16, 3], "tanh").to_module()
    loss = F.cross_entropy(module(x[:rows]), y[:rows])
    grads = torch.autograd.grad(loss, list(module.parameters()))
    return sum(int((g != 0).sum()) for g in grads), sum(g.numel() for g in grads)


def examine_batch(says: dict[str, str]) -> list[Case]:
    """Try what sets a step with all rows apart: each answer is "all", "one" or "both"."""
    cases = []
    for unit in ("steps", "samples"):
        fewer, words = race(unit)
        cases.append(Case(f"faster, counted in {unit}", says[f"fewer {unit}"] == fewer, words))
    counts = {"one": moved(1), "all": moved(64)}
    who = {name for name, (n, of) in counts.items() if n == of}
    said = {"one", "all"} if says["moves all weights"] == "both" else {says["moves all weights"]}
    words = ", ".join(f"{name}: {n} of {of}" for name, (n, of) in counts.items())
    cases.append(Case("it updates all weights and biases", said <= who, words, aside=True))
    times, same = memory(ROWS) / memory(1), compare(step_of(ROWS), summed_up(), atol=1e-6)
    more = "all" if times > 1.1 else "both"
    words = f"{times:.0f} times what one sample needs"
    cases.append(Case("more memory, all rows at once", says["memory"] == more, words, aside=True))
    words = "the memory of one sample, and the gradient is equal"
    summed = "both" if same else "all"
    cases.append(Case("more memory, summed up row by row", says["memory"] == summed,
                      words if same else "the gradient is another", aside=True))  # fmt: skip
    variant = "another" if not same else "the same"
    words = f"{variant} step as gradient descent on the loss of all rows"
    cases.append(Case("it is a variant", says["its step"] == variant, words, aside=True))
    counted = "not all" if compare(step_of(ROWS), step_of(ROWS - 1)) else "all"
    words = "the last row counts, too" if counted == "all" else "the step is equal without the last"
    name = "an iteration goes through the whole data set"
    return [*cases, Case(name, says["rows"] == counted, words, aside=True)]


batch = Check(
    examine_batch,
    document={"fewer steps": "all", "fewer samples": "all", "moves all weights": "all",
              "memory": "all", "its step": "another", "rows": "all"},
    planted={"fewer steps": "one", "fewer samples": "all", "moves all weights": "all",
             "memory": "both", "its step": "another", "rows": "all"},
)  # fmt: skip


def others_changed(seed: int) -> float:
    """Return the share of *other* samples whose outputs change by a step of one sample."""
    x, y = digits(seed)
    module = MLP([64, 32, 10], seed=seed).to_module()
    with torch.no_grad():
        before = module(x[1:])
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    F.cross_entropy(module(x[:1]), y[:1]).backward()
    optimizer.step()
    with torch.no_grad():
        return float((module(x[1:]) != before).any(1).double().mean())


def examine_single(says: dict) -> list[Case]:
    """Try what a step of one sample changes, what it keeps, and whether it is slow."""
    share = min(others_changed(seed) for seed in range(2))
    holds = says["changes"] == ("its own" if share == 0 else "all")
    words = f"the outputs of {share:.0%} of the other samples change, too"
    cases = [Case("it updates the weights of one sample", holds, words)]
    times = memory(ROWS) / memory(1)
    less = "one" if times > 1.1 else "both"
    words = f"all data need {times:.0f} times as much"
    cases.append(Case("it needs less memory", says["less memory"] == less, words))
    order = says["order"](ROWS)
    words = f"a pass meets {len(set(order.tolist()))} of {ROWS} samples"
    whole = sorted(order.tolist()) == list(range(ROWS))
    random = order.tolist() != sorted(order.tolist())
    cases.append(Case("it goes through all data in random order", whole and random, words, True))
    for unit in ("steps", "samples"):
        fewer, words = race(unit)
        slower = {"all": "one", "one": "all"}.get(fewer, fewer)
        cases.append(
            Case(f"slower, counted in {unit}", says["slower"] == slower, words, aside=True)
        )
    same = compare(step_of(1), step_of(ROWS))
    words = "the gradients are equal" if same else "the gradients differ"
    return [*cases, Case("a variant of batch gradient descent", not same, words, aside=True)]


def shuffled(n: int) -> Tensor:
    """Return 0 to n - 1 in random order."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


single = Check(
    examine_single,
    document={"changes": "its own", "less memory": "one", "order": shuffled, "slower": "one"},
    planted={"changes": "its own", "less memory": "all", "order": shuffled, "slower": "one"},
)


# ---- D4-3.8: a title without a section -------------------------------------------------------


def examine_section(estimate: Callable[[torch.Tensor], torch.Tensor]) -> list[Case]:
    """Try what a section on SGD has to say: right on the average, errs like 1/√B.

    The referee is autograd over all rows at once.

    Args:
        estimate: called with a batch's gradients (B, P); returns the step's gradient (P,).
    """
    data, module = load_data("digits"), MLP([64, 10], dtype=torch.float64).to_module()
    x, params = data.x_train.double(), dict(module.named_parameters())

    def loss(p, row, label):
        return F.cross_entropy(torch.func.functional_call(module, p, (row[None],)), label[None])

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(params, x, data.y_train)
    rows = torch.cat([g.reshape(len(x), -1).detach() for g in each.values()], 1)
    whole = torch.autograd.grad(F.cross_entropy(module(x), data.y_train), list(params.values()))
    full = torch.cat([g.reshape(-1) for g in whole])
    generator = torch.Generator().manual_seed(0)
    errors = {}
    for B in (4, 64):
        drawn = torch.randint(len(rows), (400, B), generator=generator)
        got = torch.stack([estimate(rows[batch]) for batch in drawn])
        errors[B] = float(((got - full) ** 2).sum(1).mean().sqrt())
    same, ratio = compare(estimate(rows), full), errors[4] / errors[64]
    return [
        Case("over all rows it is the gradient", bool(same), str(same)),
        Case("16 times the batch, a quarter of the noise", 3.5 < ratio < 4.5, f"1/{ratio:.2f}"),
    ]


empty_section = Check(examine_section, document=None, planted=lambda rows: rows.mean(0))
