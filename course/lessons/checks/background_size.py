"""Chapter 1_background: what more data and more parameters cost, and what they buy.

D1-1c, D2-1, D2-1b, D2-2d. FLOPs are counted by torch while a program runs; no time is measured, so
every machine finds the same. Capacity is measured as random labels that a network can memorise.
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ...data.loading import load_data
from ...nn.layers import Linear
from ...nn.network import MLP, Network
from ...optim.adaptive import Adam
from ...optim.chain import chain
from ...optim.first_order import Descend
from ..checking import compare
from ..verdicts import Case, Check

ROWS = 32  # of a batch


def run_flops(data: int = 256, width: int = 32, passes: int = 1, seed: int = 1) -> int:
    """Return the FLOPs of training 64-width-10 in batches of 32, counted as it runs.

    Args:
        data: the number of samples.
        width: of the hidden layer.
        passes: over all samples.
        seed: of the first weights.
    """
    module = MLP([64, width, 10], seed=seed).to_module()
    x, y = torch.zeros(data, 64), torch.zeros(data, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        for _ in range(passes):
            for rows in torch.arange(data).split(ROWS):
                F.cross_entropy(module(x[rows]), y[rows]).backward()
    return counter.get_total_flops()


# ---- D1-1c: more data is the reason ----------------------------------------------------------

START = {"data": 256, "width": 32, "passes": 1, "seed": 1}
REASONS = {  # each as it is told
    "data": "data", "width": "width of the one hidden layer", "passes": "passes over the data"
}  # fmt: skip


def examine_reasons(named: tuple[str, ...]) -> list[Case]:
    """Double each thing in turn, and count the arithmetic of the whole training.

    Args:
        named: what is said to need more compute, names of `START`. It is the reason if it does,
            and nothing else does.
    """
    ratio = {name: run_flops(**START | {name: 2 * value}) / run_flops(**START)
             for name, value in START.items()}  # fmt: skip
    cases = [Case(f"twice the {REASONS.get(name, name)}: much more arithmetic", ratio[name] > 1.5,
                  f"FLOPs × {ratio[name]:.2f}") for name in named]  # fmt: skip
    for name, told in REASONS.items():
        if name not in named:
            words = f"FLOPs × {ratio[name]:.2f}, with the same data"
            cases.append(Case(f"twice the {told}: no more arithmetic", ratio[name] < 1.1, words))
    return cases


reasons = Check(examine_reasons, document=("data",), planted=("seed",))


# ---- capacity --------------------------------------------------------------------------------

LABELS = 300


def random_labels(seed: int) -> tuple[Tensor, Tensor]:
    """Return 300 digits with labels that have nothing to do with them: (300, 64), (300,)."""
    x = load_data("digits", 0, dtype=torch.float64).x_train[:LABELS]
    return x, torch.randint(10, (LABELS,), generator=torch.Generator().manual_seed(seed))


def plain(width: int, seed: int) -> Network:
    """Return a network with one hidden layer of tanh units."""
    return MLP([64, width, 10], "tanh", seed=seed, dtype=torch.float64)


def without_activation(width: int, seed: int) -> Network:
    """Return two layers with nothing between them; of width 0, one layer."""
    layers = [Linear(width), Linear(10)] if width else [Linear(10)]
    return Network(layers, 64, init="xavier", seed=seed, dtype=torch.float64)


class Alike(MLP):
    """One hidden layer; what is the same for all its units stays so, whatever rounding does.

    Else, in hundreds of steps, differences in the last digits would grow on some processors.
    """

    def loss_and_grad(self, X, Y, denominator=None):
        loss = super().loss_and_grad(X, Y, denominator)
        first, last = self.views(self.grad)
        first.copy_(first.mean(0, keepdim=True).expand_as(first))
        units = last[:, :-1]  # without the bias
        units.copy_(units.mean(1, keepdim=True).expand_as(units))
        return loss


def alike(width: int, seed: int) -> Network:
    """Return a network with one hidden layer whose units start with the same weights."""
    model = Alike([64, width, 10], "tanh", seed=seed, dtype=torch.float64)
    first, last = model.views(model.theta)
    first.copy_(first[:1].clone().expand_as(first))
    last.copy_(last[:, :1].clone().expand_as(last) / width)
    return model


@cache
def memorised(build, width: int, seed: int = 0) -> tuple[float, int]:
    """Return (the share of random labels that a network memorises in 300 steps, its parameters).

    Args:
        build: build(width, seed) makes the network.
        width: of its hidden layer.
        seed: of the labels and of the first weights.
    """
    model, (x, y) = build(width, seed), random_labels(seed)
    return share_right(trained(model, x, y), x, y), len(model.theta)


def trained(model: Network, x: Tensor, y: Tensor, steps: int = 300) -> nn.Module:
    """Train on all samples at each step with Adam; return the network as a module of torch."""
    X, Y = model.encode(x, y)
    rule = chain(Adam(), Descend(0.01))
    rule.init(model.theta)
    for _ in range(steps):
        model.loss_and_grad(X, Y)
        rule(model.grad, model.theta)
    return model.to_module()


@torch.no_grad()
def share_right(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of samples whose class the module names."""
    return float((module(x).argmax(1) == y).double().mean())


# ---- D2-1: too much for a phone, therefore larger --------------------------------------------

WIDTHS = {"larger": 256, "smaller": 16}  # beside an ordinary 64
PHONE = 4e9  # bytes of memory


def examine_therefore(says: dict[str, str]) -> list[Case]:
    """Compare an ordinary network with the other one: bytes, FLOPs of a step, labels memorised.

    Args:
        says: "size" of the network that was proposed, larger or smaller; what it "needs", less or
            more: the conclusion would follow if it needed less.
    """
    ordinary, other = MLP([64, 64, 64, 10]), MLP([64, *2 * [WIDTHS[says["size"]]], 10])
    cases = []
    for what, measure in (("memory", size_of), ("arithmetic", step_flops)):
        a, b = measure(ordinary), measure(other)
        holds = (b < a) == (says["needs"] == "less")
        unit = "bytes" if what == "memory" else "FLOPs a step"
        cases.append(Case(f"the {says['size']} network needs {says['needs']} {what}", holds,
                          f"{a:,} → {b:,} {unit}"))  # fmt: skip
    share = 4 * 60e6 / PHONE  # AlexNet, one of the large ones of its time
    units = {"larger": 64, "smaller": 2}[says["size"]]
    known = memorised(plain, 8)[0], memorised(plain, units)[0]
    return [
        *cases,
        Case("an ordinary network does not fit into the memory of a phone", share > 1,
             f"AlexNet, large in 2012: its parameters take {share:.0%} of 4 GB", aside=True),
        Case(f"a {says['size']} network can memorise more random labels", known[1] > known[0],
             f"{known[0]:.2f} of them with 8 units, {known[1]:.2f} with {units}", aside=True),
    ]  # fmt: skip


def size_of(model: Network) -> int:
    """Return the bytes of its parameters."""
    return sum(p.numel() * p.element_size() for p in model.to_module().parameters())


def step_flops(model: Network) -> int:
    """Return the FLOPs of one step on 32 samples."""
    module = model.to_module()
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(module(torch.zeros(ROWS, 64)), torch.zeros(ROWS).long()).backward()
    return counter.get_total_flops()


therefore = Check(
    examine_therefore,
    document={"size": "larger", "needs": "less"},
    planted={"size": "larger", "needs": "more"},
)


# ---- D2-1b: more parameters, far more power --------------------------------------------------

PLACES = {  # where the parameters are added: (how it is built, few units, many units)
    "in units of a hidden layer": (plain, 2, 64),
    "in a layer without an activation function": (without_activation, 0, 64),
    "in units that all start alike": (alike, 1, 64),
}


def examine_capacity(places: tuple[str, ...]) -> list[Case]:
    """Add parameters in each place, and count the random labels that the network can learn.

    Args:
        places: names of `PLACES`, where more parameters are said to give far more power.
    """
    cases = []
    for place in places:
        build, few, many = PLACES[place]
        (before, small), (after, large) = memorised(build, few), memorised(build, many)
        words = f"{small:,} → {large:,} parameters: {before:.2f} → {after:.2f} of the labels"
        cases.append(Case(f"added {place}", after > 1.5 * before, words))
    x, y = random_labels(0)
    unseen = load_data("digits", 0, dtype=torch.float64).x_train[LABELS : 2 * LABELS]
    model = plain(64, 0)  # its guesses of labels that it could not see are luck
    hit = share_right(trained(model, x, y), unseen, random_labels(1)[1])
    return [*cases, Case("what was memorised tells random labels that it has not seen", hit > 0.2,
                         f"{hit:.2f} of them, chance is 0.10", aside=True)]  # fmt: skip


capacity = Check(
    examine_capacity,
    document=tuple(PLACES),
    planted=("in a layer without an activation function", "in units that all start alike"),
)


# ---- D2-2d: ordinary and large-scale training ------------------------------------------------

ORDINARY = {  # what ordinary training is said to need: (rows and steps, few and many)
    "data": ((50, 300), (1000, 300)),
    "compute": ((1000, 3), (1000, 300)),
}


@cache
def unseen_right(rows: int, steps: int) -> float:
    """Return the share of test digits that a network knows after training on so many rows."""
    data = load_data("digits", 0, dtype=torch.float64)
    module = trained(plain(32, 0), data.x_train[:rows], data.y_train[:rows], steps)
    return share_right(module, data.x_test, data.y_test)


def split_step(parts: int) -> Tensor:
    """Return the weights after a step whose gradient was computed in parts and added up."""
    data = load_data("digits", 0, dtype=torch.float64)
    model = plain(32, 0)
    total = torch.zeros_like(model.theta)
    for rows in torch.arange(ROWS).tensor_split(parts):
        model.loss_and_grad(*model.encode(data.x_train[rows], data.y_train[rows], ROWS), ROWS)
        total += model.grad
    return model.theta - 0.3 * total


def examine_two_kinds(says: dict) -> list[Case]:
    """Try what is said of ordinary training, and of large-scale training beside it.

    Args:
        says: "ordinary": what it needs much of, names of `ORDINARY`; of the large one: "compute",
            more or less; "algorithm", another or the same; "arithmetic" for each parameter and
            sample, less or as much.
    """
    cases = []
    for what in says["ordinary"]:
        few, many = (unseen_right(*run) for run in ORDINARY[what])
        cases.append(Case(f"ordinary training needs much {what}", many > few + 0.1,
                          f"{few:.2f} → {many:.2f} of unseen digits right"))  # fmt: skip
    small, large = (MLP([64, w, w, 10]) for w in (64, 256))
    more = step_flops(large) > step_flops(small)
    cases.append(Case(f"large-scale training needs {says['compute']} compute",
                      more == (says["compute"] == "more"),
                      f"{step_flops(small):,} → {step_flops(large):,} FLOPs a step"))  # fmt: skip
    same = compare(split_step(4), split_step(1), rtol=1e-9)
    words = "a step in four parts, as on four devices: " + ("the same" if same else "other")
    cases.append(Case(f"it uses {says['algorithm']} algorithm",
                      bool(same) == (says["algorithm"] == "the same"),
                      f"{words} weights as in one"))  # fmt: skip
    each = [step_flops(m) / ROWS / len(m.theta) for m in (small, large)]
    words = f"{each[0]:.2f} → {each[1]:.2f} FLOPs"
    cases.append(Case(f"it needs {says['arithmetic']} arithmetic for a parameter and a sample",
                      (each[1] < 0.9 * each[0]) == (says["arithmetic"] == "less"),
                      words))  # fmt: skip
    return cases


two_kinds = Check(
    examine_two_kinds,
    document={"ordinary": ("data", "compute"), "compute": "more", "algorithm": "another",
              "arithmetic": "less"},
    planted={"ordinary": (), "compute": "less", "algorithm": "another", "arithmetic": "less"},
)  # fmt: skip
