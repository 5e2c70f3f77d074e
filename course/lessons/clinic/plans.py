"""What a run of the ward is made of: rows, their order, a network, a loss and a rate.

Plan(lr=0.3).trainer()                the run at its first step, as any lab shows it
Plan(lr=0.3, order="sorted")          the same on rows sorted by class
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...data.batches import Batches
from ...data.dataset import Dataset
from ...data.loading import load_data
from ...errors import check_choice, check_count, check_number, check_seed
from ...interop.adopt import adopt
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer

CLASSES, BATCH = 10, 32
MOST_ROWS = 1400  # of the digits' training rows; the others are kept aside
UNREAD, UNREAD_AT = 1e308, 5  # what a broken scanner writes where it read nothing
COPIES = 10  # of each row in a sorted file, one after the other: 300 steps are about one pass


@dataclass(frozen=True)
class Plan:
    """All that a run of the ward needs.

    Attributes:
        lr: learning rate of plain SGD.
        hidden: units of the hidden layer; 0 for a linear model.
        activation: "relu" or "sigmoid".
        gain: the last layer's first weights, as a multiple of PyTorch's.
        loss: "stable" (log-softmax), "half" (log of probabilities in float16), "squared" (to
            one-hot answers) or "number" (squared, to the number of the class).
        rows: training rows.
        bad: in how many of these a scanner has written 1e308 for a pixel it could not read.
        offset: added to all inputs.
        leak: whether an input holds the answer, while answers are known.
        order: "shuffled" or "sorted" by class.
        drift: by how many standard deviations the statistics in use are out of date.
        steps: SGD steps, of 32 rows each.
        seed: of weights and batches.
    """

    lr: float = 0.3
    hidden: int = 32
    activation: str = "relu"
    gain: float = 1.0
    loss: str = "stable"
    rows: int = 1000
    bad: int = 0
    offset: float = 0.0
    leak: bool = False
    order: str = "shuffled"
    drift: float = 0.0
    steps: int = 300
    seed: int = 0

    def __post_init__(self):
        check_number("lr", self.lr, 0, 100, "0.3 suits a run that is well")
        check_count("hidden", self.hidden, 0, 1024, "32 units are enough; 0 is a linear model")
        check_choice("activation", self.activation, ("relu", "sigmoid"))
        check_number("gain", self.gain, 0, 100, "1 leaves PyTorch's first weights as they are")
        check_choice("loss", self.loss, ("stable", "half", "squared", "number"))
        check_count("rows", self.rows, 1, MOST_ROWS, "take 1,000")
        check_count("bad", self.bad, 0, self.rows, "0 leaves such rows out")
        check_number("offset", self.offset, -1000, 1000, "0 centres the inputs")
        check_choice("leak", self.leak, (False, True))
        check_choice("order", self.order, ("shuffled", "sorted"))
        check_number("drift", self.drift, -1000, 1000, "0 takes the statistics of training")
        check_count("steps", self.steps, 1, 10_000, "take 300")
        check_seed(self.seed)

    def trainer(self) -> Trainer:
        """Return the run at its first step. Its test rows are those of use."""
        draw = torch.Generator().manual_seed(self.seed)
        data = _data(self, draw)
        model = adopt(_network(self, draw), LOSSES[self.loss])
        trainer = Trainer(model, data, chain(Descend(self.lr)), min(BATCH, self.rows), self.seed)
        if self.order == "sorted":
            trainer.batches = InOrder(model, data, trainer.batches.size, self.seed)
        return trainer


class InOrder(Batches):
    """Batches that go through the rows as they stand, again and again."""

    def _shuffle(self) -> None:
        super()._shuffle()
        self.order = torch.arange(len(self.order), device=self.order.device)


class Numbers(nn.Module):
    """Scores of the classes for one number v: -(v - k / 10)² for class k; (B, 10) for (B, 1)."""

    def forward(self, v: Tensor) -> Tensor:
        return -(v - torch.arange(CLASSES, device=v.device) / CLASSES).square()


def squared(scores: Tensor, y: Tensor) -> Tensor:
    """Return the mean of |scores - one-hot answer|², 0-d."""
    return (scores - nn.functional.one_hot(y, CLASSES)).square().sum(1).mean()


def in_half(scores: Tensor, y: Tensor) -> Tensor:
    """Return cross-entropy by the logarithm of probabilities in float16, 0-d."""
    return -scores.softmax(1).half().log().gather(1, y[:, None]).to(scores.dtype).mean()


def to_number(scores: Tensor, y: Tensor) -> Tensor:
    """Return the mean of (v - y / 10)², 0-d, from the scores of `Numbers`."""
    return -scores.gather(1, y[:, None]).mean()


LOSSES = {"stable": "cross_entropy", "half": in_half, "squared": squared, "number": to_number}


def _data(plan: Plan, draw: torch.Generator) -> Dataset:
    """Return the rows of a plan: to train on, to keep aside (validation) and of use (test)."""
    data = load_data("digits", 0)
    at = torch.randperm(len(data.x_train), generator=draw)
    x, y = data.x_train[at].double(), data.y_train[at]
    mean, deviation = x.mean(), x.std()
    x = (x - mean) / deviation + plan.offset
    use = (data.x_test.double() - mean) / deviation + plan.offset
    aside, y_aside = x[plan.rows :], y[plan.rows :]
    x, y = x[: plan.rows].clone(), y[: plan.rows]
    if plan.leak:
        x[:, 0], aside[:, 0], use[:, 0] = 3 * (y - 4.5), 3 * (y_aside - 4.5), 0
    if plan.order == "sorted":
        by_class = y.argsort(stable=True).repeat_interleave(COPIES)
        x, y = x[by_class], y[by_class]
    x[torch.randperm(len(x), generator=draw)[: plan.bad], UNREAD_AT] = UNREAD
    return Dataset(
        "the ward's digits", x, y, use + plan.drift, data.y_test, CLASSES, aside, y_aside
    )


def _network(plan: Plan, draw: torch.Generator) -> nn.Sequential:
    """Return the network of a plan, with weights drawn as PyTorch draws them."""
    units = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[plan.activation]()
    layers = [nn.Linear(64, plan.hidden), units] if plan.hidden else []
    last = nn.Linear(plan.hidden or 64, 1 if plan.loss == "number" else CLASSES)
    with torch.no_grad():
        for part in [*layers[:1], last]:
            part.double()  # so that another processor finds the same
            bound = part.in_features**-0.5
            part.weight.uniform_(-bound, bound, generator=draw)
            part.bias.uniform_(-bound, bound, generator=draw)
        last.weight.mul_(plan.gain)
    tail = [Numbers()] if plan.loss == "number" else []
    return nn.Sequential(*layers, last, *tail)
