"""BackpropLabs of every kind, and referees of others for their numbers and formulas."""

import math
import re

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch.nn import functional as F

from widgets.backprop.lab import BackpropLab

FUNCTIONS = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": F.gelu}
LOSSES = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss,
          "bce": F.binary_cross_entropy_with_logits}  # fmt: skip
EVALUATE = {
    "e": math.e, "tanh": math.tanh, "max": max, "ln": math.log,
    "Φ": lambda x: (1 + math.erf(x / math.sqrt(2))) / 2,
    "φ": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
}  # fmt: skip
few = settings(derandomize=True, deadline=None, max_examples=40)
fewer = settings(derandomize=True, deadline=None, max_examples=12)


@st.composite
def labs(draw, **fixed):
    """A lab of any allowed kind, with weights, biases, input and target of its own."""
    loss = fixed.get("loss") or draw(st.sampled_from(sorted(LOSSES)))
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    sizes[-1] = max(sizes[-1], 2 if loss == "cross_entropy" else 1)
    activation = fixed.get("activation") or draw(st.sampled_from(sorted(FUNCTIONS)))
    lab = BackpropLab(sizes, activation, loss, seed=draw(st.integers(0, 9)), interactive=False)
    numbers = st.floats(-1.5, 1.5).map(lambda v: round(v, 3))
    for name in lab.graph.editable():
        if name[0] == "y" and loss == "cross_entropy":
            continue
        value = draw(st.floats(0, 1)) if name[0] == "y" else draw(numbers)
        lab.set(name, value)
    if loss == "cross_entropy":
        lab.edit("target", draw(st.integers(1, sizes[-1])))
    return lab


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def by_autograd(lab):
    """Every number by torch and autograd alone, from the numbers that are given."""
    g, made, kept = lab.graph, {}, {}
    a = float64([lab.numbers()[f"x[{j}]"] for j in range(1, g.sizes[0] + 1)])
    y = float64([lab.numbers()[f"y[{i}]"] for i in range(1, g.sizes[-1] + 1)])
    for n in range(1, g.depth + 1):
        for kind in "wb":
            values = [lab.numbers()[name] for name in g.entries(kind, n)]
            kept[kind, n] = float64(values).requires_grad_()
        W = kept["w", n].view(g.sizes[n], g.sizes[n - 1])
        kept["z", n] = z = W @ a + kept["b", n]
        if n < g.depth:
            kept["a", n] = a = FUNCTIONS[g.activation](z)
    target = y.argmax() if g.loss == "cross_entropy" else y
    loss = LOSSES[g.loss](z, target)
    grads = torch.autograd.grad(loss, list(kept.values()))
    for ((kind, n), value), grad in zip(kept.items(), grads, strict=True):
        back = "delta" if kind == "z" else f"d{kind}"
        made |= dict(zip(g.entries(kind, n), value.tolist(), strict=True))
        made |= dict(zip(g.entries(back, n), grad.tolist(), strict=True))
    predicted = {"cross_entropy": torch.softmax(z, 0), "bce": torch.sigmoid(z)}
    if g.loss in predicted:
        made |= dict(zip(g.entries("yhat", g.depth), predicted[g.loss].tolist(), strict=True))
    return made | {"loss": loss.item()}


def close(ours, theirs, tolerance=1e-12):
    return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)


def python(text):
    """The right-hand side of a formula as Python's own arithmetic."""
    for sign, word in (("−", "-"), ("·", "*"), ("²", "**2"), ("^", "**")):
        text = text.replace(sign, word)
    return eval(text, dict(EVALUATE))


def literals(text):
    return [float(t.replace("−", "-")) for t in re.findall(r"\d[\d.]*(?:e−?\d+)?", text)]
