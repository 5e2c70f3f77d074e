"""Losses: the value and its gradient by the network's output, derived by hand.

Z: (C, B) outputs, one column a sample. Each loss is a mean over B samples, so that a batch worked
through in parts (each with the whole B as its `denominator`) adds up to the same gradient.
`encode` brings the answers y into the form Y: (C, N) that both formulas want, once and not at
every step.

The shortest line of the course is the gradient of softmax and cross-entropy together:

    L = -(1/B) Σ_i log softmax(z_i)[c_i]          ∂L/∂z = (softmax(z) - onehot(c)) / B

Each also knows its curvature S = ∂²L/∂z² (C × C a sample), for `course.nn.curvature`.
Documents: D3 3.1 and 3.3, D0 3.2.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..descriptions import Registry
from ..errors import CourseError, check_number


def one_hot(y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
    """Return class numbers (N,) as columns of zeros with a single one: (outputs, N)."""
    Y = torch.zeros(outputs, len(y), dtype=dtype, device=y.device)
    return Y.scatter_(0, y[None, :], 1)


class Loss:
    """Base of all losses.

    Attributes:
        name: what `MLP(loss=…)` takes.
        torch_function: the same loss in torch, called as f(outputs, y).
    """

    name = ""
    torch_function: Callable

    def encode(self, y: Tensor, outputs: int, denominator: int, dtype=torch.float32) -> Tensor:
        """Return the answers of N samples in the form that `__call__` takes: (outputs, N).

        Args:
            y: (N,) class numbers or (N, outputs) values.
            outputs: the number of outputs of the network, C.
            denominator: the number of samples that the mean runs over.
            dtype: that of the outputs.

        Raises:
            CourseError: for answers that this loss does not take.
        """
        if y.ndim == 1:
            return one_hot(y, outputs, dtype)
        return y.to(dtype).t().contiguous()

    def __call__(self, Z: Tensor, Y: Tensor, out: Tensor, denominator: int) -> Tensor:
        """Return the loss, 0-d, and write ∂L/∂Z into `out`.

        Args:
            Z: (C, B) outputs, one column a sample.
            Y: (C, B) columns of what `encode` returned.
            out: (C, B), overwritten.
            denominator: as for `encode`; more than B when these samples are a part of the batch.
        """
        raise TypeError(f"{type(self).__name__} does not say how to measure an error")

    def probabilities(self, Z: Tensor) -> Tensor:
        """Return what outputs Z: (C, B) predict, of the same shape."""
        return Z

    def curvature_times(self, V: Tensor, p: Tensor, denominator: int) -> Tensor:
        """Return S v for every sample: (C, …, B).

        Args:
            V: (C, …, B) vectors v.
            p: what `probabilities` returned, with axes of length 1 where V has more.
            denominator: as for `encode`.
        """
        raise TypeError(f"{type(self).__name__} does not say how it curves")

    def referee(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss as torch computes it, 0-d; autograd passes through.

        Args:
            outputs: (B, C) rows.
            y: (B,) class numbers, or yes or no for one output; or (B, C) values.
        """
        if y.ndim == 1:
            y = y[:, None] if outputs.shape[1] == 1 else F.one_hot(y, outputs.shape[1])
        return self.torch_function(outputs, y.to(outputs.dtype))

    def value(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss of output rows (N, C) for answers y, 0-d; nothing changes."""
        Z = outputs.t().contiguous()
        Y = self.encode(y, len(Z), len(y), Z.dtype)
        return self(Z, Y, torch.empty_like(Z), len(y))

    def describe(self) -> dict:
        """Return the name and the options as plain JSON values: `build_loss` reads them."""
        return {"kind": self.name}


class CrossEntropy(Loss):
    """L = Σ Y ⊙ log softmax(Z), with Y = -target / B.

    Log-softmax subtracts the largest logit first and so cannot overflow.

    Args:
        smoothing: the share s of the target that is spread evenly, in [0, 1]:
            (1 - s)·onehot + s/C (Szegedy et al. 2016).
    """

    name = "cross_entropy"
    torch_function = staticmethod(F.cross_entropy)

    def __init__(self, smoothing: float = 0.0):
        self.smoothing = check_number("smoothing", smoothing, 0, 1, "a common choice is 0.1")

    def encode(self, y, outputs, denominator, dtype=torch.float32):
        if y.ndim != 1 or y.is_floating_point():
            raise CourseError(
                f"cross_entropy got answers {tuple(y.shape)} of {y.dtype}; it takes class numbers "
                "(N,); for values use loss='mse'"
            )
        target = one_hot(y, outputs, dtype)
        if self.smoothing:
            target.mul_(1 - self.smoothing).add_(self.smoothing / outputs)
        return target.mul_(-1 / denominator)

    def __call__(self, Z, Y, out, denominator):
        torch.log_softmax(Z, 0, out=out)
        loss = torch.dot(Y.view(-1), out.view(-1))
        torch.add(Y, out.exp_(), alpha=1 / denominator, out=out)
        return loss

    def referee(self, outputs, y):
        return self.torch_function(outputs, y, label_smoothing=self.smoothing)

    def probabilities(self, Z):
        return Z.softmax(0)

    def curvature_times(self, V, p, denominator):
        pV = p * V
        return (pV - p * pV.sum(0)) / denominator  # S = (diag(p) - p pᵀ) / B

    def describe(self):
        return {"kind": self.name, "smoothing": self.smoothing}


class MeanSquaredError(Loss):
    """L = (1/BC) Σ (Z - Y)², ∂L/∂Z = 2(Z - Y)/(BC): the mean over outputs too, as in PyTorch."""

    name = "mse"
    torch_function = staticmethod(F.mse_loss)

    def __call__(self, Z, Y, out, denominator):
        torch.sub(Z, Y, out=out)
        loss = torch.dot(out.view(-1), out.view(-1)).mul_(1 / (denominator * len(Z)))
        out.mul_(2 / (denominator * len(Z)))
        return loss

    def curvature_times(self, V, p, denominator):
        return V * (2 / (denominator * len(p)))


class BinaryCrossEntropy(Loss):
    """L = -(1/BC) Σ [y log σ(z) + (1 - y) log(1 - σ(z))], each output a yes-or-no of its own.

    Since log(1 - σ(z)) = log σ(z) - z, with Y = 1 - y:  L = (1/BC) Σ (Y z - log σ(z)), which does
    not overflow, and ∂L/∂z = (σ(z) - y)/(BC) = (σ(z) + Y - 1)/(BC).
    """

    name = "bce"
    torch_function = staticmethod(F.binary_cross_entropy_with_logits)

    def encode(self, y, outputs, denominator, dtype=torch.float32):
        known = y[None, :].to(dtype) if y.ndim == 1 and outputs == 1 else None
        known = super().encode(y, outputs, denominator, dtype) if known is None else known
        if ((known < 0) | (known > 1)).any():
            raise CourseError("bce takes answers in [0, 1]; for class numbers above 1 use "
                              "loss='cross_entropy'")  # fmt: skip
        return 1 - known

    def __call__(self, Z, Y, out, denominator):
        scale = 1 / (denominator * len(Z))
        torch._C._nn.log_sigmoid(Z, out=out)  # type: ignore[call-arg]  # the stub omits out
        loss = torch.dot(Y.view(-1), Z.view(-1)).sub_(out.sum()).mul_(scale)
        out.exp_().add_(Y).sub_(1).mul_(scale)
        return loss

    def probabilities(self, Z):
        return Z.sigmoid()

    def curvature_times(self, V, p, denominator):
        return V * p * (1 - p) / (denominator * len(p))


LOSSES = Registry("loss")
for _kind in (CrossEntropy, MeanSquaredError, BinaryCrossEntropy):
    LOSSES.add(_kind, _kind.name)


def build_loss(loss: object) -> Loss:
    """Return a loss, given its name, its description, or itself.

    Raises:
        CourseError: for anything else.
    """
    if isinstance(loss, Loss):
        return loss
    return LOSSES.build(loss if isinstance(loss, dict) else {"kind": loss})
