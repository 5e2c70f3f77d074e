"""The training loop: gather a batch, forward, loss, backward, transform, move, record.

The trainer knows no screen. A knob may change between any two steps and nothing resets. The same
recipe gives the same bits on a CPU with the same torch build and thread count. No step waits for
the device: losses and norms stay there until the history is read.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import CourseError, check_choice, check_count
from . import checkpoint, knobs
from .recipe import Recipe
from .run import Best, Run


class Trainer(Run):
    """Train a model on data with mini-batches drawn without replacement, epoch by epoch.

    Args:
        model: a `Network`, or what `adopt(module)` returns.
        data: the rows to train on and to judge by.
        chain: the optimiser, as chain(Momentum(0.9), Descend(0.1)).
        batch_size: rows a step.
        seed: of the order of the rows and of augmentation.
        accumulate: the number of parts that a batch is worked off in, when memory is short; their
            gradients are added up, which equals one part up to rounding.
        augment: steps that change each batch's inputs, see `data.preprocess.Augment`.

    Raises:
        CourseError: for a model that does not fit the data, or bad numbers.
    """

    def __repr__(self):
        model = f"{type(self.model).__name__} of {len(self.model.theta)} weights"
        return f"Trainer({model}, {self.data.name!r}, {self.chain!r}, at step {self.step_count})"

    # ---- training -------------------------------------------------------------------------

    def step(self) -> None:
        """Do one training step."""
        with self.grad_mode:
            loss = self._loss_and_grad(self.batches.rows())
            grad = self.model.grad
            if self.gradient_hook is not None:
                loss = self.gradient_hook(loss, grad)
            self.chain(grad, self.model.theta)
            self.history.record(loss, *self.chain.norms())
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

        Args:
            steps: how many.
            evaluate_every: record the results on all splits every so many steps; 0: never.
            patience: stop when so many evaluations in a row brought no lower validation loss;
                `restore_best()` goes back to the weights that had the lowest. None: do not stop.

        Raises:
            CourseError: at the first step, for bad numbers, and for patience without validation
                rows or evaluations.
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
        for split in self.splits:
            self.history.evaluated.append((self.step_count, split, *self.measure(split)))

    def _keep_best(self) -> bool:
        loss = next(float(e[2]) for e in reversed(self.history.evaluated) if e[1] == "validation")
        if self.best is not None and not loss < self.best.loss:
            return False
        measured = self.model.part(self.model.whole(self.model.theta))  # a mean, in local SGD
        self.best = Best(self.step_count, loss, measured.clone())
        return True

    def restore_best(self) -> int:
        """Put back the weights of the lowest validation loss; return their step.

        Raises:
            CourseError: when no run with patience has measured any.
        """
        if self.best is None:
            raise CourseError("no best weights are kept; train with run(…, patience=…) first")
        self.model.theta.copy_(self.best.theta)
        return self.best.step

    # ---- knobs ----------------------------------------------------------------------------

    def knobs(self) -> dict[str, object]:
        """Return the knobs as they stand: the common ones, then 'Transform.field' for the rest."""
        return knobs.knobs(self)

    def set(self, knob: str, value) -> None:
        """Turn a knob and record (step, knob, value).

        Args:
            knob: a name of `knobs()`.
            value: a number, a name, or for a number field a schedule (`course.optim.schedules`) or
                its description. For 'spike': {'at': step, 'factor': number}, or None.

        Raises:
            CourseError: for an unknown knob or a bad value; nothing changes then.
        """
        self.history.knobs.append((self.step_count, knob, knobs.turn(self, knob, value)))

    def recipe(self) -> Recipe:
        """Return what reproduces this run, from its first step to where it is now.

        Raises:
            CourseError: when the model had been trained before this trainer was built.
        """
        return Recipe.of(self)

    # ---- saving ---------------------------------------------------------------------------

    def snapshot(self) -> dict:
        """Return a copy of all that the next step depends on; the history is left out."""
        return checkpoint.snapshot(self)

    def restore(self, snapshot: dict) -> None:
        """Go back to a snapshot and cut the history off there.

        Raises:
            CourseError: for one that does not fit, or that is of a later step than the history
                knows; nothing changes then.
        """
        checkpoint.restore(self, snapshot)

    def state_dict(self) -> dict:
        """Return a copy of everything that a bit-identical continuation needs."""
        return checkpoint.state_dict(self)

    def load_state_dict(self, state: dict) -> None:
        """Go back to a saved state.

        Raises:
            CourseError: for a state that does not fit; nothing changes then.
        """
        checkpoint.load_state_dict(self, state)

    def save(self, path) -> None:
        """Write the state to a file, whole or not at all: an earlier one stays until then.

        Raises:
            CourseError: when the file cannot be written.
        """
        checkpoint.save(self, path)

    def load(self, path) -> None:
        """Load what `save` wrote.

        Raises:
            CourseError: for a file that is missing, damaged or not a state of this trainer's kind;
                nothing changes then.
        """
        checkpoint.load(self, path)

    # ---- looking --------------------------------------------------------------------------

    @torch.no_grad()
    def measure(self, split: str = "test") -> tuple[Tensor, Tensor]:
        """Return (loss, accuracy) on a split as 0-d tensors; the run stays as it is.

        Args:
            split: 'train', 'test' or, when the data has it, 'validation'.

        Returns:
            Both on the model's device. Accuracy is NaN for a regression.
        """
        check_choice("split", split, self.splits)
        x, y = self.splits[split]
        outputs = torch.cat([self.model.predict(part) for part in x.split(8192)])
        loss = self.model.loss.value(outputs, y)
        if self.data.is_regression:
            return loss, loss.new_full((), float("nan"))
        guess = (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)
        return loss, (guess == y).double().mean()

    def evaluate(self, split: str = "test") -> tuple[float, float]:
        """Return (loss, accuracy) on a split, read from the device. See `measure`."""
        loss, accuracy = self.measure(split)
        return float(loss), float(accuracy)

    def check_finite(self) -> int | None:
        """Return the first step (counted from 0) with a NaN or infinite number, or None."""
        return self.history.first_not_finite()

    diverged = property(check_finite)
