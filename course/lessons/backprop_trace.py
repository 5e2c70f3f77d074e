"""Back-propagation, number by number: one sample through a small MLP, each number with its formula.

Notation of the documents, the layer in brackets above and the neuron below:

    forward    z⁽ˡ⁾ = W⁽ˡ⁾ a⁽ˡ⁻¹⁾ + b⁽ˡ⁾,  a⁽ˡ⁾ = f(z⁽ˡ⁾),  a⁽⁰⁾ = x; the last layer is linear
    backward   δ⁽ˡ⁾ = ∂L/∂z⁽ˡ⁾: the last one from the loss, then δ⁽ˡ⁾ = f′(z⁽ˡ⁾) ⊙ W⁽ˡ⁺¹⁾ᵀδ⁽ˡ⁺¹⁾
    weights    ∂L/∂W⁽ˡ⁾ = δ⁽ˡ⁾ a⁽ˡ⁻¹⁾ᵀ,  ∂L/∂b⁽ˡ⁾ = δ⁽ˡ⁾

Every value is the one that the layers of `course.nn.layers` computed; this module only reads them
between two layers, and says in words and symbols what each of them did. D0 3.1-3.2.
"""

import copy
import math
from typing import Any, Self

import torch
from torch.nn import functional as F

from ..errors import CourseError, check_choice, check_count, check_number, shown
from ..nn.layers import ACTIVATIONS, Linear
from ..nn.losses import LOSSES
from ..nn.network import MLP
from ..optim.chain import chain
from ..optim.first_order import Descend
from .formulas import Formula, formula, operations, parse, symbol

READINGS = {
    "twice": "f′ twice: ∂L/∂W = (δ ⊙ f′(z)) aᵀ, though δ has it already",
    "printed": "as printed, f′ missing: ∂L/∂W = ∂L/∂a aᵀ",
}
SAMPLES = (  # of our choice
    (1.0, -0.5, 0.8, 0.3, -1.0),
    (-0.6, 0.9, -0.2, 1.0, 0.5),
    (0.4, 0.7, -0.9, -0.8, 0.2),
)
REFEREES: dict[str, Any] = {
    "cross_entropy": F.cross_entropy, "mse": F.mse_loss, "bce": F.binary_cross_entropy_with_logits,
}  # fmt: skip


class BackpropTrace:
    """One sample through an `MLP` in float64, forward and backward, every number by its name.

    x[j], y[i] (target), w2[i,j] (layer 2, to neuron i from neuron j), b2[i], z2[i], a2[i],
    yhat[i] (softmax or sigmoid of the last z), loss, delta2[i] = ∂L/∂z, da2[i], dw2[i,j], db2[i].
    All count from 1. The start: the MLP's weights to two decimals, biases in ±0.3, not zero: a
    zero would hide a wrong gradient.

    Args:
        sizes: neurons of each layer, input first: 2 to 4 numbers, each 1 to 5.
        activation: of the hidden layers, one of `ACTIVATIONS`.
        loss: one of `LOSSES`.
        x: the input, (n_0,) numbers; None: a sample of our choice.
        target: for cross-entropy the right output, from 1; else a number for each output.
        lr: the rate α of `update`.
        seed: of the weights.

    Raises:
        CourseError: for larger networks, and for values out of their ranges.
    """

    def __init__(self, sizes, activation="tanh", loss="cross_entropy", x=None, target=None,
                 lr=0.5, seed=0):  # fmt: skip
        if not isinstance(sizes, list | tuple):
            raise CourseError(f"sizes = {shown(sizes)}; allowed: 2 to 4 numbers, as (2, 3, 2)")
        check_count("number of sizes", len(sizes), 2, 4, "as in (2, 3, 2); larger ones do not fit")
        for n in sizes:
            check_count("a layer size", n, 1, 5, "larger layers cannot be read number by number")
        check_choice("activation", activation, ACTIVATIONS)
        check_choice("loss", loss, LOSSES)
        if loss == "cross_entropy" and sizes[-1] < 2:
            raise CourseError("cross_entropy needs 2 outputs or more; with 1 use loss='bce'")
        self.model = MLP(list(sizes), activation, seed=seed, dtype=torch.float64, loss=loss)
        self.sizes, self.depth = self.model.sizes, len(sizes) - 1
        self.activation, self.loss = activation, loss
        self.linear = [layer for layer in self.model.layers if isinstance(layer, Linear)]
        generator = torch.Generator().manual_seed(self.model.seed + 1)
        for layer in self.linear:
            layer.W[:, -1] = 0.6 * torch.rand(layer.width, generator=generator) - 0.3
        self.model.theta.copy_(self.model.theta.round(decimals=2))
        self.lr, self.reading = 0.5, "twice"
        self.values = {}
        self.set("lr", lr)
        self._take(x, target)
        self.operations = operations(self)

    def beside(self, x=None, target=None, number: int = 0) -> Self:
        """Return the trace of another sample through the same weights.

        Args:
            x, target: as in the constructor.
            number: of the sample of our choice, from 0, when x or target is None.
        """
        twin = copy.copy(self)  # one model: a weight changed in either is changed in both
        twin._take(x, target, number)
        return twin

    def _take(self, x, target, number=0):
        self.x = torch.tensor(SAMPLES[number % len(SAMPLES)][: self.sizes[0]], dtype=torch.float64)
        self.y = torch.zeros(self.sizes[-1], dtype=torch.float64)
        self.y[number % self.sizes[-1]] = 1
        for j, value in enumerate(self._listed("x", x, self.sizes[0]), 1):
            self.set(f"x[{j}]", value)
        if self.loss == "cross_entropy" and target is not None:
            remedy = "it is the number of the right output, counted from 1 as in the drawing"
            target = check_count("target", target, 1, self.sizes[-1], remedy)
            self.set(f"y[{target}]", 1)
        else:
            for i, value in enumerate(self._listed("target", target, self.sizes[-1]), 1):
                self.set(f"y[{i}]", value)
        self.compute()

    @staticmethod
    def _listed(name, values, n):
        values = [] if values is None else [values] if isinstance(values, int | float) else values
        if not hasattr(values, "__iter__"):
            raise CourseError(f"{name} = {shown(values)}; allowed: a list of {n} numbers")
        values = list(values)
        if len(values) not in (0, n):
            raise CourseError(f"{name} = {values!r} has {len(values)} numbers; give {n}")
        return values

    # ---- numbers ----------------------------------------------------------------------------

    def set(self, name: str, value) -> None:
        """Change an input, the target, a weight, a bias or "lr"; call `compute` after it.

        Raises:
            CourseError: for another name, or a value that does not fit it; nothing has changed.
        """
        kind, layer, place = parse(name)
        if kind == "lr":
            self.lr = check_number("lr", value, 0, 1000, "a common start here is 0.5")
            return
        if name not in self.editable():
            raise CourseError(f"{name!r} is not an input, target, weight or bias of this network")
        said = f"{symbol(name)} ({name})"
        if kind == "y" and self.loss == "cross_entropy":
            check_number(said, value, 1, 1, "type 1 where the right class is; the others become 0")
            self.y.zero_()
        if kind == "y" and self.loss == "bce":
            check_number(said, value, 0, 1, "it is the probability of a yes")
        value = check_number(said, value, -1000, 1000, "as in -0.5")
        if kind in "xy":
            getattr(self, kind)[place[0] - 1] = value
        else:
            self.linear[layer - 1].W[place[0] - 1, place[1] - 1 if kind == "w" else -1] = value

    def editable(self) -> list[str]:
        """Return the names that `set` takes, but for "lr"."""
        names = [f"x[{j}]" for j in range(1, self.sizes[0] + 1)]
        for n in range(1, self.depth + 1):
            names += self.entries("w", n) + self.entries("b", n)
        return names + [f"y[{i}]" for i in range(1, self.sizes[-1] + 1)]

    def entries(self, kind: str, n: int) -> list[str]:
        """Return names of layer n: entries('w', 2) → w2[1,1], …; entries('z', 2) → z2[1], …"""
        rows = range(1, self.sizes[n] + 1)
        if kind.endswith("w"):
            columns = range(1, self.sizes[n - 1] + 1)
            return [f"{kind}{n}[{i},{j}]" for i in rows for j in columns]
        return [f"{kind}[{i}]" if kind == "yhat" else f"{kind}{n}[{i}]" for i in rows]

    @torch.no_grad()
    def compute(self) -> dict[str, float]:
        """Run the model's own layers forward and backward; return all numbers by name."""
        model, v = self.model, {}
        values = {"lr": self.lr}
        X, Y = model.encode(self.x[None], self.answer())
        space = model.workspace(1)
        model.forward(space, X)
        for i, (layer, s) in enumerate(zip(model.layers, space, strict=True)):
            layer.forward(s)
            v["a" if i % 2 else "z", i // 2 + 1] = s.a[:, 0].clone()
        Z, last = space[-1].a, self.depth
        loss = model.loss(Z, Y, space[-1].da, 1)
        v["delta", last], v["slope", last] = space[-1].da[:, 0].clone(), torch.ones_like(Z[:, 0])
        for i in range(len(space) - 1, -1, -1):
            layer, s, n = model.layers[i], space[i], i // 2 + 1
            layer.backward(s)
            if i % 2:
                v["delta", n] = s.dx[:, 0].clone()
                v["slope", n] = ACTIVATIONS[self.activation].slopes(v["z", n], v["a", n])[0]
            elif i:
                v["da", n - 1] = s.dx[:, 0].clone()
        following = self._descend(model.theta.clone())
        for n, (layer, W) in enumerate(zip(self.linear, model.views(following), strict=True), 1):
            doc = self._document(n, v, self.x if n == 1 else v["a", n - 1])
            matrices = {"": layer.W, "d": layer.dW, "doc": doc, "next": W}
            for kind, M in matrices.items():  # each is [W b], or its gradient
                v[kind + "w", n], v[kind + "b", n] = M[:, :-1].reshape(-1), M[:, -1]
        v["yhat", last] = model.loss.probabilities(Z)[:, 0]
        for (kind, n), numbers in v.items():
            values |= dict(zip(self.entries(kind, n), numbers.tolist(), strict=True))
        opposite = model.loss.probabilities(-Z)[:, 0].tolist()  # 1 − ŷ = σ(−z), without cancelling
        for i in range(self.sizes[-1]):
            values |= {f"y[{i + 1}]": float(self.y[i]), f"noty[{i + 1}]": 1 - float(self.y[i]),
                            f"notyhat[{i + 1}]": opposite[i]}  # fmt: skip
        values |= {f"x[{j}]": value for j, value in enumerate(self.x.tolist(), 1)}
        values["loss"] = float(loss)
        self.values = values  # at once: another thread may be reading
        return values

    def _document(self, n, v, below):
        """Return [∂L/∂W ∂L/∂b] of layer n as the document has it, under one of `READINGS`."""
        g = v["delta", n] * v["slope", n] if self.reading == "twice" else v["delta", n]
        if self.reading == "printed" and n < self.depth:
            g = v["da", n]
        return torch.outer(g, torch.cat([below, below.new_ones(1)]))

    def answer(self) -> torch.Tensor:
        """Return the target as the losses take it: (1,) class number, or (1, C) values."""
        return self.y.argmax()[None] if self.loss == "cross_entropy" else self.y[None]

    def _descend(self, theta):
        step = chain(Descend(self.lr))
        step.init(theta)
        step(self.model.grad, theta)
        return theta

    def update(self) -> None:
        """Take one step θ ← θ − αg.

        Raises:
            CourseError: if a number would not be finite any more; the step is undone.
        """
        self.compute()  # g is this sample's again
        take_step(self)

    def formula(self, name: str, known=None, digits: int = 4) -> Formula:
        """Return how a number comes about.

        Args:
            name: one of `names()`.
            known: names to fill in, default all; what is not among them stays in symbols.
            digits: of each number.

        Raises:
            CourseError: for another name.
        """
        if name not in self.values:
            raise CourseError(f"{name!r} is not a number of this network; names: {self.names()}")
        return formula(self, name, set(self.values) if known is None else known, digits)

    def names(self) -> list[str]:
        """Return every number that is drawn: the given ones, then the operations', in order."""
        return self.editable() + [name for op in self.operations for name in op.names]

    def errors(self) -> list[tuple[float, float]]:
        """Return ‖g − autograd‖ / ‖autograd‖ of each layer, for the right g and the document's."""
        return errors_of(self, self.x[None], self.answer())


def take_step(trace) -> None:
    """Take the step θ ← θ − αg of a trace or a batch whose g has just been computed."""
    theta = trace.model.theta
    before = theta.clone()
    trace._descend(theta)
    if not all(map(math.isfinite, trace.compute().values())):
        theta.copy_(before)
        trace.compute()
        raise CourseError(f"lr = {trace.lr:g} leads to no finite number; use a lower one")


def errors_of(trace, x: torch.Tensor, answer: torch.Tensor) -> list[tuple[float, float]]:
    """Compare the gradients of a trace or a batch with autograd's.

    Args:
        x: (B, n_0) inputs.
        answer: (B,) classes or (B, C) values.

    Returns:
        The relative errors (right, the document's) of each layer.
    """
    with torch.random.fork_rng(devices=[]):  # the module draws a start that it does not keep
        module = trace.model.to_module()
    loss = REFEREES[trace.loss](module(x), answer)
    grads, rows = torch.autograd.grad(loss, list(module.parameters())), []
    for n in range(1, trace.depth + 1):
        theirs = torch.cat([grads[2 * n - 2].flatten(), grads[2 * n - 1]])
        pair = []
        for kind in ("d", "doc"):
            names = trace.entries(f"{kind}w", n) + trace.entries(f"{kind}b", n)
            ours = theirs.new_tensor([trace.values[name] for name in names])
            off, size = float((ours - theirs).norm()), float(theirs.norm())
            pair.append(off / size if size else 0.0 if not off else float("inf"))
        rows.append((pair[0], pair[1]))
    return rows
