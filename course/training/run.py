"""The state of a run: the model, its data, its optimiser, and how far they have come.

Everything that the next training step depends on lies here. `Trainer` adds the steps, `knobs`
changes the settings between two of them, `checkpoint` saves and restores the whole.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, Self

import torch
from torch import Tensor

from ..data.batches import Batches
from ..data.dataset import Dataset
from ..data.preprocess import Augment
from ..errors import check_choice, check_count, check_seed
from ..nn.model import Model, Products
from ..optim.chain import Chain, Transform
from ..optim.first_order import L1, L2, ClipByNorm, ClipByValue, Descend, L1Subgradient, Spike
from ..optim.schedules import Schedule
from .history import History

GradientHook = Callable[[Tensor, Tensor], Tensor]  # (loss 0-d, gradient (P,)) → loss
CLIP_ORDERS = ("before", "after")  # the optimiser
FRAME = (Spike, ClipByValue, ClipByNorm, L2, L1Subgradient, Descend, L1)  # around an optimiser


class Start(NamedTuple):
    """A run before its first step: what a recipe is made of."""

    settings: dict
    """As `Run.settings`."""
    model: dict
    """As `model.describe()`."""
    theta: Tensor
    """The first weights (P,)."""


class Best(NamedTuple):
    """The weights of the lowest validation loss."""

    step: int
    """The steps done before it was measured."""
    loss: float
    """Of the validation rows, the mean."""
    theta: Tensor
    """(P,), a copy."""


def available_devices() -> list[str]:
    """Return 'cpu', and 'cuda' or 'mps' when this machine has them."""
    devices = {"cpu": True, "cuda": torch.cuda.is_available()}
    devices["mps"] = torch.backends.mps.is_available()
    return [name for name, present in devices.items() if present]


def optimiser_in(chain: Chain) -> list[Transform]:
    """Return the transforms that make the optimiser, without those of `FRAME` and masks."""
    return [t for t in chain.transforms if not isinstance(t, FRAME) and not t.after_descend]


def clip_order_in(chain: Chain) -> str | None:
    """Return whether a chain clips 'before' or 'after' its optimiser; without one, its L2.

    None: it has no clip, or neither of the two, so that the order makes no difference.
    """
    inner = optimiser_in(chain) or [t for t in chain.transforms if isinstance(t, L2)]
    if chain.clip is None or not inner:
        return None
    first = next(t for t in chain.transforms if t.clips or any(t is i for i in inner))
    return "before" if first.clips else "after"


class Run:
    """A model, the data it trains on, and the chain of transforms that moves its weights.

    The arguments are those of `Trainer`.

    Attributes:
        step_count: the steps done.
        history: what happened in each of them.
        best: the weights of the lowest validation loss, after early stopping; else None.
        threshold: of clipping by value or norm, a number or a schedule; remembered while clipping
            is off.
        clip_order: 'before' or 'after' the optimiser; remembered likewise.
        label_noise: the share of training rows with a wrong label, in [0, 1].
        gradient_hook: called as hook(loss, grad) between the gradient and the chain. It may change
            `grad` (P,) in place and returns the loss (0-d) to record. None: nothing is called.
    """

    def __init__(
        self, model: Model, data: Dataset, chain: Chain, batch_size: int = 32, seed: int = 0,
        accumulate: int = 1, augment: Augment | None = None,
    ):  # fmt: skip
        model.validate_data(data)
        self.model, self.data, self.chain, self.seed = model, data, chain, check_seed(seed)
        self.accumulate = 1
        size = self.check_batch_size(batch_size)
        self.accumulate = check_count("accumulate", accumulate, 1, size, "parts of one batch")
        self.check_batch_size(size)  # in parts
        self.threshold: float | Schedule = 1.0
        self.clip_order = "before"
        self.remember_clip()
        self.label_noise = 0.0
        self.batches = Batches(model, data, size, self.seed, augment)
        self.step_count = 0
        self.best: Best | None = None
        self.gradient_hook: GradientHook | None = None
        self.grad_mode = model.grad_mode()  # one for all steps
        self.history = History(model.theta.device, model.theta.dtype)
        self.init_chain(chain)
        self.start = Start(self.settings(), model.describe(), model.theta.clone())

    def init_chain(self, chain: Chain) -> None:
        """Make a chain's buffers for this run's weights."""
        model = self.model
        chain.init(model.theta, model.named_views, self.curvature, model.norm, model.lacks)

    def remember_clip(self) -> None:
        """Remember the chain's threshold and order of clipping for when it is switched off."""
        if self.chain.clip is not None:
            self.threshold = self.chain.clip.setting("threshold")
        self.clip_order = clip_order_in(self.chain) or self.clip_order

    def settings(self) -> dict:
        """Return where the knobs stand, as plain JSON values."""
        augment, limit = self.batches.augment, self.threshold
        switches = [[layer.knob, layer.on] for layer in self.model.switches()]
        return {
            "chain": self.chain.describe(),
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "augment": augment.describe() if augment else [],
            "label_noise": self.label_noise,
            "threshold": limit.describe() if isinstance(limit, Schedule) else limit,
            "clip_order": self.clip_order,
            "dropouts": [layer.p for layer in self.model.dropouts()],
            **({"switches": switches} if switches else {}),
        }

    @property
    def batch_size(self) -> int:
        """Rows a step."""
        return self.batches.size

    def check_batch_size(self, value) -> int:
        """Return `value`; raise `CourseError` unless the data and the model can have it."""
        n = len(self.data.y_train)
        size = check_count("batch_size", value, 1, n, f"the training set has {n} rows")
        for part in {size // self.accumulate, -(-size // self.accumulate)} - {0}:
            self.model.check_rows(part, size)
        return size

    def curvature(self) -> Products:
        """Return the curvature of the loss on the batch of the last step."""
        return self.model.curvature(*self.batches.gather(self.batches.last_rows()))

    def relabel(self, answers: Tensor) -> None:
        """Train towards these answers (N,) from now on; the data keeps its own."""
        self.batches.answers = answers
        self.batches.put(self.model)
        self.__dict__.pop("splits", None)

    def to(self, device: str) -> Self:
        """Move the run between two steps; weights, momentum and batch order stay.

        Raises:
            CourseError: for a device that this machine does not have.
        """
        check_choice("device", device, available_devices(), "this machine has these")
        saved = self.chain.state()
        self.model.to(device)
        self.init_chain(self.chain)
        self.chain.load_state(saved)
        self.batches.move(self.model)
        self.history.move(self.model.theta.device)
        self.__dict__.pop("splits", None)
        return self

    @cached_property
    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """{'train': (x, y), 'test': …, 'validation': …}: rows and answers, on the model's device.

        Inputs have the model's type.
        """
        d, like = self.data, self.model.theta
        pairs = {"train": (d.x_train, self.batches.answers), "test": (d.x_test, d.y_test)}
        if d.x_val is not None and d.y_val is not None:
            pairs["validation"] = (d.x_val, d.y_val)
        return {
            k: (x.to(like.device, like.dtype if x.is_floating_point() else None), y.to(like.device))
            for k, (x, y) in pairs.items()
        }
