"""Training by named steps, each of which uses what the steps before it left."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...data.dataset import Dataset
from ...data.loading import load_data
from ...nn.network import MLP
from ..checking import Comparison, compare

STEPS = ("initialise", "forward", "loss", "backward", "update")
LR, ROWS = 0.3, 64  # the rate, and the rows of a repetition


class Loop:
    """A network with 32 hidden units and one batch of a data set after the other.

    Args:
        name: of the data set.
        seed: of the data and of the first weights.
    """

    def __init__(self, name: str, seed: int):
        self.data: Dataset = load_data(name, seed)
        self.module = fresh(self.data, seed)
        self.named = dict(self.module.named_parameters())
        self.params = list(self.named.values())
        self.first = [p.detach().clone() for p in self.params]
        for p in self.params:
            p.data.zero_()  # until they are initialised
        self.outputs: Tensor | None = None
        self.value: Tensor | None = None
        self.gradient = [torch.zeros_like(p) for p in self.params]
        self.batch = 0

    def initialise(self) -> None:
        """Give the weights their first values."""
        for p, start in zip(self.params, self.first, strict=True):
            p.data.copy_(start)

    def forward(self) -> None:
        """Compute the outputs of the next batch."""
        self.rows = rows_of(self.data, self.batch)
        # with a copy of the weights: the backward pass needs them as they were here
        self.used = {name: p.detach().clone().requires_grad_() for name, p in self.named.items()}
        x = self.data.x_train[self.rows]
        self.outputs = torch.func.functional_call(self.module, self.used, (x,))
        self.batch += 1

    def loss(self) -> None:
        """Compute the loss of the outputs, if there are any that were not used yet."""
        if self.outputs is not None:
            self.value = F.cross_entropy(self.outputs, self.data.y_train[self.rows])
            self.at = list(self.used.values())
            self.outputs = None

    def backward(self) -> None:
        """Compute the gradient of the loss, if there is one that was not used yet."""
        if self.value is not None:
            self.gradient = list(torch.autograd.grad(self.value, self.at))
            self.value = None

    def update(self) -> None:
        """Go a step against the last gradient."""
        for p, g in zip(self.params, self.gradient, strict=True):
            p.data.sub_(g, alpha=LR)

    def theta(self) -> Tensor:
        """Return all weights in one vector."""
        return torch.cat([p.detach().reshape(-1) for p in self.params])

    @torch.no_grad()
    def whole_loss(self) -> float:
        """Return the loss of all training rows."""
        return float(F.cross_entropy(self.module(self.data.x_train), self.data.y_train))


def fresh(data: Dataset, seed: int) -> nn.Module:
    """Return a network of `torch.nn` with its first weights."""
    return MLP([data.features, 32, data.outputs], seed=seed).to_module()


def rows_of(data: Dataset, batch: int) -> Tensor:
    """Return the rows of a batch; after the last rows come the first again."""
    return torch.arange(batch * ROWS, (batch + 1) * ROWS) % len(data.y_train)


def train(once: Sequence[str], again: Sequence[str], name: str, seed: int, times=40) -> Loop:
    """Run steps once, then others again and again; return what they trained."""
    loop = Loop(name, seed)
    for step in (*once, *(times - 1) * tuple(again)):
        getattr(loop, step)()
    return loop


def learns(loop: Loop, name: str, seed: int) -> tuple[bool, str]:
    """Tell if the loss of all rows fell by half from that of the first weights; and in words."""
    start = Loop(name, seed)
    start.initialise()
    first, last = start.whole_loss(), loop.whole_loss()
    return last < 0.5 * first, f"loss {first:.3f} → {last:.3f}"


def by_torch(loop: Loop, name: str, seed: int, times=40) -> Comparison:
    """Compare the weights with those of a plain loop with `torch.optim.SGD`."""
    data = load_data(name, seed)
    module = fresh(data, seed)
    optimizer = torch.optim.SGD(module.parameters(), lr=LR)
    for batch in range(times):
        rows = rows_of(data, batch)
        loss = F.cross_entropy(module(data.x_train[rows]), data.y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    theirs = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
    return compare(loop.theta(), theirs, atol=1e-6)
