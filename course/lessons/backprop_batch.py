"""A batch through a small MLP: every sample's numbers side by side, and the mean of the gradients.

The samples share W and b; each has its own x, z, a, ŷ, L and δ, a column of the matrices.
The loss of a batch is the mean of its samples' losses, so its gradient is the mean of theirs:

    L = (1/B) Σₖ Lₖ,  ∂L/∂W⁽ˡ⁾ = (1/B) Σₖ δₖ⁽ˡ⁾ aₖ⁽ˡ⁻¹⁾ᵀ,  ∂L/∂b⁽ˡ⁾ = (1/B) Σₖ δₖ⁽ˡ⁾

D0 3.1-3.2.
"""

from dataclasses import replace

import torch

from ..errors import CourseError, check_count
from .backprop_trace import SAMPLES, BackpropTrace, errors_of, take_step
from .formulas import Formula, formula, in_numbers, parse, show, symbol

LARGEST = 4  # samples: more cannot be read number by number
SHARED = ("w", "b", "nextw", "nextb", "lr")
MEANS = ("dw", "db", "docw", "docb", "loss")


class BackpropBatch:
    """Several samples through the same weights, every number by its name.

    Names are those of `BackpropTrace`. Where each sample has a number of its own, its number from 1
    stands behind a colon: z1[2]:3. Without it dw1[1,2], db1[2] and loss are means over the batch.

    Args:
        x: (n_0,) numbers for one sample, (B, n_0) for several; None: three samples of our choice.
        target: of the sample, or a list with one for each.
        sizes, activation, loss, lr, seed: as in `BackpropTrace`.

    Raises:
        CourseError: as `BackpropTrace`, and for more than 4 samples.

    Attributes:
        traces: the `BackpropTrace` of each sample; they share one model.
    """

    def __init__(self, sizes, activation="tanh", loss="cross_entropy", x=None, target=None,
                 lr=0.5, seed=0):  # fmt: skip
        inputs, targets = _samples(x, target)
        first = BackpropTrace(sizes, activation, loss, inputs[0], targets[0], lr, seed)
        rest = list(zip(inputs, targets, strict=True))[1:]
        self.traces = [first, *(first.beside(*pair, k) for k, pair in enumerate(rest, 1))]
        self.model, self.sizes, self.depth = first.model, first.sizes, first.depth
        self.activation, self.loss, self.entries = activation, loss, first.entries
        self._descend = first._descend
        self.values: dict[str, float] = {}
        self.compute()
        self.operations = [replace(op, names=self._own(op.names), symbols=self._symbols(op))
                           for op in first.operations]  # fmt: skip

    def _own(self, names):
        """Return names with a sample's number where each has its own, and the means."""
        numbers = range(1, len(self.traces) + 1)
        own = [f"{n}:{k}" for n in names if parse(n)[0] not in (*SHARED, *MEANS) for k in numbers]
        losses = [f"loss:{k}" for k in numbers] if "loss" in names else []
        return [n for n in names if parse(n)[0] in MEANS] + losses + own

    @staticmethod
    def _symbols(operation):
        mean = ", mean over the samples" if operation.kind in MEANS else ", for each sample"
        return operation.symbols + mean

    @property
    def lr(self) -> float:
        return self.traces[0].lr

    @property
    def reading(self) -> str:
        return self.traces[0].reading

    @reading.setter
    def reading(self, reading: str) -> None:
        for trace in self.traces:
            trace.reading = reading

    # ---- numbers ----------------------------------------------------------------------------

    def set(self, name: str, value) -> None:
        """Change a weight, a bias, "lr", or an input or target as 'x[1]:2'; call `compute` after.

        Raises:
            CourseError: for another name, or a value that does not fit it; nothing has changed.
        """
        base, _, number = name.partition(":")
        if base == "lr":
            for trace in self.traces:
                trace.set(base, value)
        elif name not in self.editable():
            example = "; an input or target needs its sample, as x[1]:2" if base[:1] in "xy" else ""
            raise CourseError(f"{name!r} is not a number of this batch that can change{example}")
        else:
            self.traces[int(number or 1) - 1].set(base, value)

    def editable(self) -> list[str]:
        """Return the names that `set` takes, but for "lr"."""
        names = self.traces[0].editable()
        return [n for n in names if n[0] in "wb"] + self._own([n for n in names if n[0] in "xy"])

    def names(self) -> list[str]:
        """Return every number that is drawn."""
        return self.editable() + [name for op in self.operations for name in op.names]

    @torch.no_grad()
    def compute(self) -> dict[str, float]:
        """Compute every sample, then the means; return all numbers by name."""
        model, grads = self.model, []
        v: dict[str, float] = {}
        for k, trace in enumerate(self.traces, 1):
            own = trace.compute().items()
            grads.append(model.grad.clone())
            v |= {f"{n}:{k}": value for n, value in own if parse(n)[0] not in SHARED}
            v |= {n: value for n, value in own if parse(n)[0] in SHARED}
        for name in [n for n in self.traces[0].values if parse(n)[0] in MEANS]:
            v[name] = sum(trace.values[name] for trace in self.traces) / len(self.traces)
        model.grad.copy_(torch.stack(grads).mean(0))
        following = model.views(self._descend(model.theta.clone()))
        for n, W in enumerate(following, 1):
            for kind, M in (("nextw", W[:, :-1].reshape(-1)), ("nextb", W[:, -1])):
                v |= dict(zip(self.entries(kind, n), M.tolist(), strict=True))
        self.values = v
        return v

    def update(self) -> None:
        """Take one step θ ← θ − αg with the mean of the samples' gradients.

        Raises:
            CourseError: if a number would not be finite any more; the step is undone.
        """
        self.compute()
        take_step(self)

    def formula(self, name: str, known=None, digits: int = 4) -> Formula:
        """Return how a number comes about; see `BackpropTrace.formula`."""
        known = self.values if known is None else known
        if name not in self.values:
            raise CourseError(f"{name!r} is not a number of this batch; names: {self.names()}")
        base, _, number = name.partition(":")
        if number:
            return self._of_sample(base, int(number), known, digits)
        return self._mean(name, known, digits) if parse(name)[0] in MEANS else formula(
            self, name, known, digits)  # fmt: skip

    def _of_sample(self, base, k, known, digits):
        own = {base} if f"{base}:{k}" in known or base in known else set()
        made = self.traces[k - 1].formula(base, own, digits)
        return replace(made, uses=[n if parse(n)[0] in SHARED else f"{n}:{k}" for n in made.uses])

    def _mean(self, name, known, digits):
        """Return the formula of a mean: in symbols with Σ, in numbers one term a sample."""
        B, kind = len(self.traces), parse(name)[0]
        parts = [self._of_sample(name, k, known, digits) for k in range(1, B + 1)]
        uses = [f"loss:{k}" for k in range(1, B + 1)] if kind == "loss" else []
        uses = uses or [use for part in parts for use in part.uses]
        left = parts[0].left if kind.startswith("doc") else symbol(name)
        inside = "Lₖ" if kind == "loss" else (parts[0].symbols or [symbol(name)])[-1]
        symbols = [f"(1/{B}) Σₖ {inside}"]
        if name not in known:
            return Formula(left, symbols, uses=uses)
        template = "(" + " + ".join(f"{{{name}:{k}}}" for k in range(1, B + 1)) + f")/{B}"
        numbers = in_numbers(template, self.values, digits)
        return Formula(left, symbols, numbers, show(self.values[name], digits), uses)

    def errors(self) -> list[tuple[float, float]]:
        """Return ‖g − autograd‖ / ‖autograd‖ of each layer, for the right g and the document's."""
        x = torch.stack([trace.x for trace in self.traces])
        return errors_of(self, x, torch.cat([trace.answer() for trace in self.traces]))


def _samples(x, target) -> tuple[list, list]:
    """Return the inputs and the targets of the samples, None for those of our choice."""
    x, target = _plain(x), _plain(target)
    if x is None and target is None:
        return [None] * len(SAMPLES), [None] * len(SAMPLES)
    if not (_is_list(x) and any(map(_is_list, x))):
        return [x], [target]
    count = check_count("number of samples", len(x), 1, LARGEST, "more cannot be read here")
    targets = [None] * count if target is None else target
    if not _is_list(targets) or len(targets) != count:
        raise CourseError(f"target = {target!r}; allowed: a list with one for each row of x")
    return list(x), list(targets)


def _is_list(values) -> bool:
    return isinstance(values, list | tuple)


def _plain(values):
    """Return tensors and arrays as lists, also inside a list."""
    values = values.tolist() if hasattr(values, "tolist") else values
    return [_plain(v) for v in values] if _is_list(values) else values
