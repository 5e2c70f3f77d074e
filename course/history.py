"""What happened, step by step. Numbers stay on the device until somebody reads them."""

import numpy as np
import torch
from torch import Tensor

COLUMNS = ("loss", "grad_norm", "clipped_norm")
CHUNK = 512


class History:
    """Three numbers a step, every knob change, and the evaluations.

    loss, grad_norm, clipped_norm: float arrays (steps,), read lazily.
    knobs: [(step, knob, value)]: `value` holds from the step after `step`.
    """

    def __init__(self, device="cpu", dtype=torch.float32):
        self.knobs: list[tuple[int, str, object]] = []
        self.done = np.empty((0, len(COLUMNS)))  # chunks that were full, as numbers
        self.length = 0
        self._open(device, dtype)

    def _open(self, device, dtype) -> None:
        self.chunk = torch.zeros(CHUNK, len(COLUMNS), device=device, dtype=dtype)
        self.rows = self.chunk.unbind()
        self.filled = 0

    def record(self, loss: Tensor, grad_norm: Tensor, clipped_norm: Tensor) -> None:
        """Append one step (0-d tensors). No synchronisation but once in `CHUNK` steps."""
        torch.stack((loss, grad_norm, clipped_norm), out=self.rows[self.filled])
        self.filled += 1
        self.length += 1
        if self.filled == CHUNK:
            self.close()

    def close(self, device=None) -> None:
        """Read the open chunk; go on in a new one, on `device` if given."""
        self.done = self.numbers()
        self._open(self.chunk.device if device is None else device, self.chunk.dtype)

    def numbers(self) -> np.ndarray:
        """All steps so far: (steps, 3)."""
        fresh = self.chunk[: self.filled].cpu().double().numpy()
        return np.concatenate([self.done, fresh])

    @property
    def loss(self) -> np.ndarray:
        return self.numbers()[:, 0]

    @property
    def grad_norm(self) -> np.ndarray:
        return self.numbers()[:, 1]

    @property
    def clipped_norm(self) -> np.ndarray:
        return self.numbers()[:, 2]

    def first_not_finite(self) -> int | None:
        """Index of the first step whose loss or gradient was NaN or infinite."""
        bad = np.flatnonzero(~np.isfinite(self.numbers()).all(1))
        return int(bad[0]) if len(bad) else None

    def state_dict(self) -> dict:
        return {"numbers": torch.from_numpy(self.numbers()), "knobs": [list(k) for k in self.knobs]}

    def load_state_dict(self, state: dict) -> None:
        self.done = state["numbers"].numpy().copy()
        self.length = len(self.done)
        self.filled = 0
        self.knobs = [(int(s), str(k), v) for s, k, v in state["knobs"]]
