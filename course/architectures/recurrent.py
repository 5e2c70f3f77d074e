"""A recurrent network: it reads a row a step, and one state carries what it has read.

    state ← tanh(W x + R state + b)

    x: (N, T, n_in), T steps      state: (N, n)      W: (n, n_in)      R: (n, n)

The same R at each step: the gradient with respect to the first state is a product of T matrices
Rᵀ diag(1 - state²). Where R stretches, it grows with every step, until tanh saturates.
Source: Elman (1990); Pascanu, Mikolov and Bengio (2013) for the gradient. `torch.nn.RNN` has a
second bias.
"""

import torch
from torch import Tensor, nn

from ..errors import CourseError, check_count, check_number
from .inside import Picture


class RNN(nn.Module):
    """Read an image a row (or any equal piece) at a time; the last state gives the answer.

    Args:
        pieces: steps T; the numbers of an image are cut into so many equal pieces.
        width: of the state, n.
        features: numbers in an image.
        classes: how many outputs.
        gain: R starts as `gain` times an orthogonal matrix; it stretches where gain > 1.

    Raises:
        CourseError: for features that cannot be cut so, and other numbers out of range.
    """

    def __init__(
        self, pieces: int = 8, width: int = 32, features: int = 64, classes: int = 10,
        gain: float = 1.0,
    ):  # fmt: skip
        super().__init__()
        self.pieces = check_count("pieces", pieces, 1, features, "steps that read the image")
        width = check_count("width", width, 1, 4096, "units of the state")
        gain = check_number("gain", gain, 0, 100, "1 keeps the length of the state")
        if features % self.pieces:
            raise CourseError(
                f"pieces = {pieces} do not divide {features} features; choose a divisor"
            )
        self.read = nn.Linear(features // self.pieces, width)
        self.recurrent = nn.Linear(width, width, bias=False)
        self.last = nn.Linear(width, classes)
        nn.init.orthogonal_(self.recurrent.weight, gain)

    def states(self, x: Tensor) -> list[Tensor]:
        """Return the state (N, n) after each of the T steps, of images (N, …)."""
        read = self.read(x.reshape(len(x), self.pieces, -1))  # W x + b, for all steps at once
        state, found = torch.zeros_like(read[:, 0]), []
        for t in range(self.pieces):
            state = torch.tanh(read[:, t] + self.recurrent(state))
            found.append(state)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, …)."""
        return self.last(self.states(x)[-1])

    def inside(self, x: Tensor) -> list[Picture]:
        """Return the states that the first images leave, one step below the other."""
        states = torch.stack(self.states(x), 1)
        names = tuple(f"image {i + 1}" for i in range(len(states)))
        title = f"states unrolled: {self.pieces} steps downwards, units across"
        return [Picture(title, states, signed=True, captions=names)]


def error_signals(model: RNN, x: Tensor, y: Tensor) -> list[float]:
    """Return ‖∂L/∂state‖ after each of the T steps, L the mean cross-entropy of rows x, y.

    The last is what the answer sends off, the first is what arrives at the beginning.
    """
    with torch.enable_grad():
        states = model.states(x)
        signals = torch.autograd.grad(
            nn.functional.cross_entropy(model.last(states[-1]), y), states
        )
    return [float(signal.norm()) for signal in signals]
