"""Chapter 3_02_backward: the formulas of back-propagation, what it is for, three missing ones.

D0 3.2, D3 3.3. The referee is autograd.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from ...nn.network import MLP
from ..verdicts import Case, Check
from .steps import STEPS, learns, train

ACTIVATIONS = ("relu", "tanh", "sigmoid")
SEEDS = range(3)


@dataclass(frozen=True)
class Known:
    """What autograd and the forward pass know of one hidden layer; columns are samples.

    da, dz: ∂L/∂a and ∂L/∂z; slope: f′(z); a: the output of the layer *below*. All (n, B).
    """

    da: Tensor
    dz: Tensor
    slope: Tensor
    a: Tensor


def start(activation: str, seed: int) -> MLP:
    """Return a 4-6-6-3 network in float64, with biases that are not 0."""
    model = MLP([4, 6, 6, 3], activation, seed=seed, dtype=torch.float64)
    g = torch.Generator().manual_seed(seed)
    model.theta += 0.2 * torch.randn(len(model.theta), generator=g, dtype=torch.float64)
    return model


def draw(seed: int, B: int) -> tuple[Tensor, Tensor]:
    """Return random samples as columns, (4, B), and their classes (B,)."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(4, B, generator=g, dtype=torch.float64)
    return x, torch.randint(3, (B,), generator=g)


def trace(model: MLP, seed: int, B: int) -> list[tuple[Known, Tensor]]:
    """Return what is known of each hidden layer on B samples, and autograd's ∂L/∂[W b]."""
    x, y = draw(seed, B)
    f = getattr(torch, model.activation)
    Ws = [W.clone().requires_grad_() for W in model.views(model.theta)]
    a: list[Tensor] = [x]
    z: list[Tensor] = []
    for W in Ws[:-1]:
        z.append(W[:, :-1] @ a[-1] + W[:, -1:])
        a.append(f(z[-1]))
    loss = F.cross_entropy((Ws[-1][:, :-1] @ a[-1] + Ws[-1][:, -1:]).t(), y)
    grads = torch.autograd.grad(loss, [*a[1:], *z, *Ws], retain_graph=True)
    n = len(z)
    slopes = [torch.autograd.grad(a[i + 1].sum(), z[i], retain_graph=True)[0] for i in range(n)]
    return [
        (Known(grads[i], grads[n + i], slopes[i], a[i].detach()), grads[2 * n + i])
        for i in range(n)
    ]


Statement = Callable[[Known], dict[str, Tensor]]  # claims by name: "a" or "z", "W", "b"


def error(statement: Statement, name: str, activation: str, in_order: bool, B: int) -> float:
    """Return the relative error of one claim over the hidden layers, the median of the seeds.

    Args:
        statement: called as statement(known).
        name: of the claim: "a", "z", "W" or "b".
        activation: of the hidden layers.
        in_order: the second and third line get what the first one gave, not autograd's number.
        B: samples.
    """
    found = []
    for seed in SEEDS:
        off = size = 0.0
        for known, dW in trace(start(activation, seed), seed, B):
            claims = statement(known)
            if in_order:
                first = {f"d{k}": claims[k] for k in ("a", "z") if k in claims}
                claims = statement(replace(known, **first))
            right = {"a": known.da, "z": known.dz, "W": dW[:, :-1], "b": dW[:, -1:]}[name]
            if claims[name].shape != right.shape:
                return float("inf")
            off += float((claims[name] - right).square().sum())
            size += float(right.square().sum())
        found.append((off / size) ** 0.5)
    return median(found)


def case(statement: Statement, title: str, name: str, in_order=False, B=1, aside=False) -> Case:
    """Try one line with *every* activation: a formula for one f is not the formula."""
    errors = [error(statement, name, f, in_order, B) for f in ACTIVATIONS]
    if max(errors) == float("inf"):
        words = f"one column for each of the {B} samples, where b has one"
        return Case(title, False, words, aside)
    words = ", ".join(f"{f} {e:.2f}" for f, e in zip(ACTIVATIONS, errors, strict=True))
    return Case(title, max(errors) < 1e-9, f"relative error {words}", aside)


def examine(statement: Statement) -> list[Case]:
    """Try each line: alone, given what is right, and in the order of the text."""
    g = torch.ones(1, 1, dtype=torch.float64)
    first = "a" if "a" in statement(Known(g, g, g, g)) else "z"
    other = "z" if first == "a" else "a"
    return [
        case(statement, f"∂L/∂{first} from ∂L/∂{other}", first),
        case(statement, "∂L/∂W, its line alone", "W"),
        case(statement, "∂L/∂W, after the first line", "W", in_order=True),
        case(statement, "∂L/∂b, its line alone", "b"),
        case(statement, "∂L/∂b, after the first line", "b", in_order=True),
        case(statement, "∂L/∂b, a batch of 8", "b", B=8, aside=True),
    ]


def as_printed(k: Known) -> dict[str, Tensor]:
    """Return what D0-3.2 says, word for word."""
    return {"a": k.dz * k.slope, "W": k.da @ k.a.t(), "b": k.da}


def mended(k: Known) -> dict[str, Tensor]:
    """Return the same with a and z exchanged, and the bias summed over the batch."""
    return {"z": k.da * k.slope, "W": k.dz @ k.a.t(), "b": k.dz.sum(1, keepdim=True)}


formulas = Check(examine, document=as_printed, planted=mended)


# ---- D0-3.2b: the core algorithm, which computes the gradient of each neuron -----------------


def examine_algorithm(says: dict) -> list[Case]:
    """Try what is called the core: is it needed, is it enough, and what does it compute?

    Args:
        says: "core": step names of `steps`; "gradient of": neuron, weight, sample or loss.
    """
    rest = [step for step in STEPS if step not in says["core"]]
    alone = ["forward", "loss", *says["core"]]
    without = train(rest, rest[1:], "digits", 0)
    only = train(["initialise", *alone], alone, "digits", 0)
    learned, words = learns(without, "digits", 0)
    enough = learns(only, "digits", 0)
    cases = [
        Case("needed: without it nothing is learned", not learned, words),
        Case("enough: with it alone a network learns", *enough),
    ]
    found, of = gradients_of(says["gradient of"])
    name = f"it gives the gradient of each {says['gradient of']}"
    return [*cases, Case(name, found == of, f"{found} of {of} as autograd has them")]


def gradients_of(what: str) -> tuple[int, int]:
    """Return (how many of these a backward pass of the course gives as autograd does, of how many).

    Args:
        what: neuron or weight, of the hidden layers of a 4-6-6-3 network; or sample, of five.
    """
    model, B = start("tanh", 0), 5 if what == "sample" else 1
    x, y = draw(0, B)
    model.loss_and_grad(*model.encode(x.t(), y))
    ours = model.views(model.grad)
    same: list[Tensor] = []
    for G, (known, dW) in zip(ours, trace(model, 0, B), strict=False):
        below = torch.cat([known.a, torch.ones_like(known.a[:1])])
        each = B * torch.einsum("nb,mb->bnm", known.dz, below)  # of each sample's own loss
        pairs = {"neuron": (G[:, -1:], known.dz), "weight": (G.reshape(-1, 1), dW.reshape(-1, 1)),
                 "sample": (G.expand_as(each).flatten(1), each.flatten(1))}  # fmt: skip
        got, right = pairs[what]
        same.append(((got - right).abs() < 1e-12).all(1))
    if what == "sample":
        return int(torch.stack(same).all(0).sum()), B
    return sum(int(s.sum()) for s in same), sum(len(s) for s in same)


algorithm = Check(
    examine_algorithm,
    document={"core": ("backward",), "gradient of": "neuron"},
    planted={"core": (), "gradient of": "sample"},
)


# ---- D3-3.3: announced, and not there -------------------------------------------------------


def examine_three(statement: dict[str, Callable]) -> list[Case]:
    """Try cross-entropy, gradient descent and back-propagation against PyTorch's own."""
    z = torch.tensor([[2.0, -1.0, 0.5], [0.0, 200.0, 3.0]], dtype=torch.float64)
    y = torch.tensor([0, 0])
    ours, theirs = statement["cross_entropy"](z, y), F.cross_entropy(z, y)
    cases = [Case("cross-entropy", bool(torch.isclose(ours, theirs)), f"{ours:.3f}")]
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    w.grad = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    moved = statement["descend"](w.detach().clone(), w.grad.clone(), 0.1)
    torch.optim.SGD([w], lr=0.1).step()
    off = float((moved - w.detach()).abs().max())
    cases.append(Case("gradient descent", off < 1e-12, f"largest difference {off:.2f}"))
    one = [case(statement["backward"], "back-propagation", name) for name in ("z", "W", "b")]
    return [*cases, Case("back-propagation", all(c.holds for c in one), one[1].number)]


def cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    """Return L = -(1/N) Σ log softmax(z)[y], z: (N, C), y: (N,)."""
    m = z.max(1, keepdim=True).values
    logs = z - m - (z - m).exp().sum(1, keepdim=True).log()
    return -logs[torch.arange(len(y)), y].mean()


def descend(theta: Tensor, g: Tensor, lr: float) -> Tensor:
    """Return θ - αg."""
    return theta - lr * g


missing_formulas = Check(
    examine_three,
    document=None,  # the text has the words and, where the formulas should be, gaps
    planted={"cross_entropy": cross_entropy, "descend": descend, "backward": mended},
)
