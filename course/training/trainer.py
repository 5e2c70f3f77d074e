"""The training loop: gather a batch, forward, loss, backward, transform, move, record.

The trainer knows no screen. A knob may change between any two steps and nothing resets. The same
recipe gives the same bits on a CPU with the same torch build and thread count. No step waits for
the device: losses and norms stay there until somebody reads the history.
"""

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from ..data.batches import Batches
from ..data.dataset import Dataset
from ..errors import CourseError, check_choice, check_count, check_seed
from ..optim.chain import Chain
from . import knobs
from .checkpoint import Saving
from .history import History


def available_devices() -> list[str]:
    """'cpu', and 'cuda' or 'mps' where this machine has them."""
    found = {"cpu": True, "cuda": torch.cuda.is_available()}
    found["mps"] = torch.backends.mps.is_available()
    return [name for name, present in found.items() if present]


class Trainer(Saving):
    """Trains `model` on `data` with mini-batches drawn without replacement, epoch by epoch.

    model: a course network, or `adopt(module)`. accumulate: work a batch off in so many parts and
    add up their gradients, as memory may demand; equal to one part up to rounding. augment: see
    `preprocess.Augment`. Raises `CourseError` for a model that does not fit, or bad numbers.
    """

    def __init__(
        self, model, data: Dataset, chain: Chain, batch_size: int = 32, seed: int = 0,
        accumulate: int = 1, augment=None,
    ):  # fmt: skip
        model.fits(data)
        self.model, self.data, self.chain, self.seed = model, data, chain, check_seed(seed)
        size = self._check_batch(batch_size)
        self.accumulate = check_count("accumulate", accumulate, 1, size, "parts of one batch")
        self.threshold = 1.0 if chain.clip is None else chain.clip.threshold
        self.label_noise = 0.0
        self.batches = Batches(model, data, size, self.seed, augment)
        self.step_count = 0
        self._guard = model.guard()
        self.best: list | None = None  # (step, validation loss, theta)
        self.history = History(model.theta.device, model.theta.dtype)
        self._init_chain(chain)
        self.start = self.settings(), model.describe(), model.theta.clone()

    def _init_chain(self, chain: Chain) -> None:
        chain.init(self.model.theta, self.model.named_views, self.curvature)

    def __repr__(self):
        model = f"{type(self.model).__name__} of {len(self.model.theta)} weights"
        return f"Trainer({model}, {self.data.name!r}, {self.chain!r}, at step {self.step_count})"

    # ---- training -------------------------------------------------------------------------

    def step(self) -> None:
        """One training step."""
        with self._guard:
            loss = self._loss_and_grad(self.batches.rows())
            grad = self.model.grad
            self.chain(grad, self.model.theta)
            self.history.record(loss, *self.chain.norms(grad))
        self.step_count += 1

    def _loss_and_grad(self, rows: Tensor) -> Tensor:
        if self.accumulate == 1:
            return self.model.loss_and_grad(*self.batches.gather(rows))
        loss, total = torch.zeros_like(self.model.grad[0]), torch.zeros_like(self.model.grad)
        for part in rows.tensor_split(self.accumulate):
            loss += self.model.loss_and_grad(*self.batches.gather(part), len(rows))
            total += self.model.grad
        self.model.grad.copy_(total)
        return loss

    def run(
        self, steps: int, evaluate_every: int = 0, patience: int | None = None
    ) -> Iterator[int]:
        """Train for `steps` steps, yielding the step count after each.

        evaluate_every: record train, validation and test results in the history every so many
        steps (0: never). patience: stop early, when so many evaluations in a row brought no lower
        validation loss; `restore_best()` goes back to the weights that had the lowest.
        """
        check_count("steps", steps, 0, 10**9, "0 or more")
        every = check_count("evaluate_every", evaluate_every, 0, 10**9, "0 for never")
        if patience is not None:
            check_count("patience", patience, 1, 10**9, "a number of evaluations")
            if not every or self.data.x_val is None:
                raise CourseError(
                    f"patience = {patience!r} needs evaluate_every ≥ 1 and validation rows: use "
                    "data.with_validation(); the test rows must not decide when to stop"
                )
        worse = 0
        for _ in range(steps):
            self.step()
            yield self.step_count
            if every and self.step_count % every == 0:
                self._record_evaluations()
                if patience is not None:
                    worse = 0 if self._keep_best() else worse + 1
                    if worse >= patience:
                        return

    def _record_evaluations(self) -> None:
        for split in self._splits:
            self.history.evaluated.append((self.step_count, split, *self.measure(split)))

    def _keep_best(self) -> bool:
        loss = next(float(e[2]) for e in reversed(self.history.evaluated) if e[1] == "validation")
        if self.best is not None and not loss < self.best[1]:
            return False
        self.best = [self.step_count, loss, self.model.theta.clone()]
        return True

    def restore_best(self) -> int:
        """Put back the weights of the lowest validation loss; returns their step."""
        if self.best is None:
            raise CourseError("no best weights are kept; train with run(…, patience=…) first")
        self.model.theta.copy_(self.best[2])
        return self.best[0]

    def curvature(self):
        """The curvature of the loss on the batch of the last step (see `course.nn.curvature`)."""
        return self.model.curvature(*self.batches.gather(self.batches.last_rows()))

    # ---- knobs ----------------------------------------------------------------------------

    def knobs(self) -> dict[str, object]:
        """The knobs as they stand: the common ones, and `Transform.field` for every other field."""
        return knobs.knobs(self)

    def set(self, knob: str, value) -> None:
        """Turn a knob and record `(step, knob, value)`. A bad value raises; nothing changes.

        A number field takes a schedule too (`course.optim.schedules`) or its description.
        """
        self.history.knobs.append((self.step_count, knob, knobs.turn(self, knob, value)))

    def recipe(self) -> dict:
        """What reproduces this run, as plain JSON values (see `course.training.recipe`)."""
        from .recipe import recipe_of  # builds on this module

        return recipe_of(self)

    def relabel(self, answers: Tensor) -> None:
        """Train towards these answers (N,) from now on; the data's own stay as they are."""
        self.batches.answers = answers
        self.batches.put(self.model)
        self.__dict__.pop("_splits", None)

    @property
    def batch_size(self) -> int:
        return self.batches.size

    def _check_batch(self, value) -> int:
        n = len(self.data.y_train)
        return check_count("batch_size", value, 1, n, f"the training set has {n} rows")

    def to(self, device: str) -> "Trainer":
        """Move the run between two steps; weights, momentum and batch order are kept."""
        check_choice("device", device, available_devices(), "this machine has these")
        saved = self.chain.state()
        self.model.to(device)
        self._init_chain(self.chain)
        self.chain.load_state(saved)
        self.batches.move(self.model)
        self.history.move(self.model.theta.device)
        self.__dict__.pop("_splits", None)
        return self

    # ---- looking --------------------------------------------------------------------------

    @cached_property
    def _splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        d, like = self.data, self.model.theta
        pairs = {"train": (d.x_train, self.batches.answers), "test": (d.x_test, d.y_test)}
        if d.x_val is not None:
            pairs["validation"] = (d.x_val, d.y_val)
        return {
            k: (x.to(like.device, like.dtype if x.is_floating_point() else None), y.to(like.device))
            for k, (x, y) in pairs.items()
        }

    @torch.no_grad()
    def measure(self, split: str = "test") -> tuple[Tensor, Tensor]:
        """(loss, accuracy) on a split, as 0-d tensors on the device. Leaves the run as it was.

        split: 'train', 'test' or, where the data has it, 'validation'. Accuracy is NaN for
        regression.
        """
        check_choice("split", split, self._splits)
        x, y = self._splits[split]
        outputs = torch.cat([self.model.predict(part) for part in x.split(8192)])
        loss = self.model.loss.value(outputs, y)
        if self.data.is_regression or y.ndim != 1:
            return loss, loss.new_full((), float("nan"))
        guess = (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)
        return loss, (guess == y).double().mean()

    def evaluate(self, split: str = "test") -> tuple[float, float]:
        """(loss, accuracy) on a split, read from the device. See `measure`."""
        loss, accuracy = self.measure(split)
        return float(loss), float(accuracy)

    def check_finite(self) -> int | None:
        """The first step (counted from 0) with a NaN or infinite loss or gradient, or None."""
        return self.history.first_not_finite()

    diverged = property(check_finite)
