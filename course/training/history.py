"""What happened, step by step. Numbers stay on the device until they are read."""

import threading

import numpy as np
import torch
from torch import Tensor

from ..states import (
    check_list,
    check_names,
    check_tensor,
    check_type,
    check_whole,
    refusal,
)

COLUMNS = ("loss", "grad_norm", "clipped_norm", "unclipped_norm")
CHUNK = 512
BLOCK = 64  # steps a stored mean, so that a picture of a long run costs no more than a short one's


def thin(values: np.ndarray, points: int) -> tuple[list[float], np.ndarray]:
    """Return means over stretches of a long table, for a picture; NaN stays.

    Args:
        values: (n, …), one row for each of the places 1 … n.
        points: the number of means at most.

    Returns:
        ([first place, distance of two], means): of n ≤ `points` rows the values themselves.
    """
    n = len(values)
    if n <= points:
        return [1, 1], values
    edges = np.linspace(0, n, points + 1).astype(int)
    sizes = np.diff(edges).reshape(-1, *[1] * (values.ndim - 1))
    return [(n / points + 1) / 2, n / points], np.add.reduceat(values, edges[:-1]) / sizes


class History:
    """Four numbers a step, every knob change, and the evaluations.

    It may be read while another thread records.

    Args:
        device: where the numbers stay until they are read.
        dtype: in which they are recorded; they are read as float64.

    Attributes:
        loss: (steps,), of each batch; like the norms, copied from the device when it is read.
        grad_norm: (steps,), of the raw gradient.
        unclipped_norm, clipped_norm: (steps,), of what entered the clip and of what it left. After
            momentum that is the velocity. A step was clipped if the second is smaller. Without a
            clip both are `grad_norm`.
        knobs: [(step, knob, value)]: `value` holds from the step after `step`.
        evaluated: [(step, split, loss, accuracy)], the last two as 0-d tensors until read.
    """

    def __init__(self, device="cpu", dtype=torch.float32):
        self.knobs: list[tuple[int, str, object]] = []
        self.evaluated: list[tuple[int, str, Tensor, Tensor]] = []
        self.table = np.empty((CHUNK, len(COLUMNS)))  # steps that have been read, then room
        self.in_table = 0  # steps of full chunks that are in the table
        self.full: list[Tensor] = []  # full chunks that are still to be read
        self._finite, self._bad = 0, None  # steps looked through, and the first bad one
        self._blocks = np.empty((0, len(COLUMNS)))  # the means of each `BLOCK` steps
        self._means: tuple | None = None  # what `means` gave last: several panels ask for it
        self._lock = threading.Lock()
        self._open(device, dtype)

    def _open(self, device, dtype) -> None:
        self.chunk = torch.zeros(CHUNK, len(COLUMNS), device=device, dtype=dtype)
        self.rows = self.chunk.unbind()
        self.filled = 0

    def record(self, *numbers: Tensor) -> None:
        """Append the numbers of one step without waiting for the device.

        Args:
            numbers: one 0-d tensor for each of `COLUMNS`.
        """
        torch.stack(numbers, out=self.rows[self.filled])
        self.filled += 1
        if self.filled == CHUNK:
            with self._lock:
                self.full.append(self.chunk.clone())
                self.filled = 0

    def move(self, device) -> None:
        """Go on recording on `device`."""
        self.in_table = len(self.numbers())
        self._open(device, self.chunk.dtype)

    def numbers(self) -> np.ndarray:
        """Return all steps so far, (steps, 4); only what is new since the last call is copied."""
        with self._lock:
            fresh = [*self.full, self.chunk[: self.filled]]
            end = self.in_table + sum(map(len, fresh))
            if end > len(self.table):
                table = np.empty((2 * end, len(COLUMNS)))
                table[: self.in_table] = self.table[: self.in_table]
                self.table = table
            at = self.in_table
            for part in fresh:
                self.table[at : at + len(part)] = part.cpu().numpy()
                at += len(part)
            self.in_table += sum(map(len, self.full))
            self.full.clear()
            return self.table[:end]

    def means(self, points: int) -> tuple[list[float], np.ndarray]:
        """Return means over stretches of steps, for a picture; NaN stays.

        Args:
            points: the number of rows at most.

        Returns:
            ([first step, distance of two], rows): rows (points, 4). Of a long run the last few
            steps, fewer than `BLOCK`, are still to come.
        """
        numbers, width = self.numbers(), 1
        key, last = (len(numbers), points), self._means
        if last and last[0] == key:
            return last[1]
        if len(numbers) >= 4 * BLOCK * points:
            with self._lock:
                new = numbers[len(self._blocks) * BLOCK : len(numbers) // BLOCK * BLOCK]
                fresh = new.reshape(-1, BLOCK, len(COLUMNS)).mean(1)
                self._blocks = np.concatenate([self._blocks, fresh])
            numbers, width = self._blocks, BLOCK
        (first, distance), rows = thin(numbers, points)
        means = [(first - 0.5) * width + 0.5, distance * width], rows
        self._means = key, means
        return means

    @property
    def loss(self) -> np.ndarray:
        return self.numbers()[:, 0]

    @property
    def grad_norm(self) -> np.ndarray:
        return self.numbers()[:, 1]

    @property
    def clipped_norm(self) -> np.ndarray:
        return self.numbers()[:, 2]

    @property
    def unclipped_norm(self) -> np.ndarray:
        return self.numbers()[:, 3]

    @property
    def evaluations(self) -> list[tuple[int, str, float, float]]:
        """Return [(step, split, loss, accuracy)], the last two as numbers."""
        return [(step, split, float(a), float(b)) for step, split, a, b in self.evaluated]

    def first_not_finite(self) -> int | None:
        """Return the first step (counted from 0) with a NaN or infinite number, or None."""
        numbers = self.numbers()
        if self._bad is None:
            bad = np.flatnonzero(~np.isfinite(numbers[self._finite :]).all(1))
            self._bad = self._finite + int(bad[0]) if len(bad) else None
            self._finite = len(numbers)
        return self._bad

    def cut(self, steps: int) -> None:
        """Forget what happened after the first `steps` steps."""
        self.rewrite(self.numbers()[:steps], [k for k in self.knobs if k[0] < steps])
        self.evaluated = [e for e in self.evaluated if e[0] <= steps]

    def rewrite(self, numbers: np.ndarray, knobs: list) -> None:
        """Put these steps (steps, 4) and knob changes in place of the recorded ones."""
        with self._lock:
            self.table, self.knobs = numbers.copy(), list(knobs)
            self.in_table, self.filled = len(self.table), 0
            self.full.clear()
            self._finite, self._bad = 0, None
            self._blocks, self._means = self._blocks[:0], None

    def state_dict(self, steps: int) -> dict:
        """Return the first `steps` steps, copied; after an interrupted step there is one more."""
        return {
            "numbers": torch.from_numpy(self.numbers()[:steps].copy()),
            "knobs": [list(k) for k in self.knobs],
            "evaluations": [list(e) for e in self.evaluations],
        }

    def revived(self, state: dict, steps: int, device) -> "History":
        """Return a new history of `steps` steps from what `state_dict` gave; this one stays.

        Raises:
            CourseError: for a state that is not of this form.
        """
        check_names("history", state, ("numbers", "knobs", "evaluations"))
        wanted = torch.empty(steps, len(COLUMNS), dtype=torch.float64)
        numbers = check_tensor(f"the history of {steps} steps", state["numbers"], wanted)
        twin, knobs, at = History(device, self.chunk.dtype), [], 0
        for change in check_list("the knob changes", state["knobs"]):
            step, knob, value = check_list("a knob change", change, 3)
            at = check_whole("the step of a knob change", step, at, steps)  # they never go back
            knobs.append((at, check_type("a knob", knob, str, "its name"), value))
        for evaluation in check_list("the evaluations", state["evaluations"]):
            step, split, loss, accuracy = check_list("an evaluation", evaluation, 4)
            check_whole("the step of an evaluation", step, 0, steps)
            if split not in ("train", "validation", "test"):
                raise refusal("a split", split, "train, validation or test")
            for number in (loss, accuracy):
                check_type("an evaluation", number, float, "a float, NaN and infinity included")
            pair = torch.tensor([loss, accuracy], dtype=torch.float64).unbind()
            twin.evaluated.append((step, split, *pair))
        twin.rewrite(numbers.cpu().numpy(), knobs)
        return twin
