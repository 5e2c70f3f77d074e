"""The protocol that every model meets: what a trainer, a transform or a lab may ask of it.

`Network` meets it with derivatives written by hand, `interop.Adopted` with autograd. Whatever is
built on this protocol trains both.
"""

from contextlib import AbstractContextManager
from typing import Any, Protocol, Self, runtime_checkable

from torch import Tensor

from ..data.dataset import Dataset


class Products(Protocol):
    """The curvature of a loss on one batch, H = ∂²L/∂θ²: products with vectors v (P,)."""

    def hvp(self, v: Tensor) -> Tensor:
        """Return H v: (P,)."""

    def gauss_newton(self, v: Tensor) -> Tensor:
        """Return the Gauss-Newton product Jᵀ S J v: (P,)."""

    def hessian(self, anyway: bool = False) -> Tensor:
        """Return H: (P, P). Raise `CourseError` when it is too large, unless `anyway`."""


class ModelLoss(Protocol):
    """A loss as a trainer reads it.

    Attributes:
        name: 'cross_entropy', 'mse', 'bce', or the name of your own function.
    """

    @property
    def name(self) -> str: ...

    def value(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss of outputs (B, C) for answers y, 0-d."""


@runtime_checkable
class Model(Protocol):
    """A model whose P weights lie in one vector.

    Attributes:
        sample_dim: the dimension of encoded answers along which samples lie, 0 or 1.
        lacks: what a transform may not ask this model for, 'named_views' or 'curvature', with the
            reason.
    """

    sample_dim: int
    lacks: dict[str, str]

    @property
    def theta(self) -> Tensor:
        """All weights: (P,)."""

    @property
    def grad(self) -> Tensor:
        """The gradient that `loss_and_grad` left: (P,)."""

    @property
    def loss(self) -> ModelLoss:
        """The loss that training makes smaller."""

    def grad_mode(self) -> AbstractContextManager:
        """Return the autograd mode under which a trainer runs a step."""

    def named_views(self, flat: Tensor) -> dict[str, Tensor]:
        """Return any flat (P,) vector cut into views, by parameter name."""

    def norm(self, g: Tensor) -> Tensor:
        """Return ‖g‖₂, 0-d, of a vector like theta; where ranks share the weights, of all parts."""

    def dropouts(self) -> list[Any]:
        """Return every dropout layer; its `p` may change between any two steps."""

    def switches(self) -> list[Any]:
        """Return every layer that can be switched off; its `on` may change likewise."""

    # ---- training ---------------------------------------------------------------------------

    def validate_data(self, data: Dataset) -> None:
        """Raise `CourseError` unless the model can be trained on `data`."""

    def check_rows(self, n: int, batch: int) -> None:
        """Raise `CourseError` when `loss_and_grad` cannot take n rows of a batch of so many."""

    def part(self, whole: Tensor) -> Tensor:
        """Return what a (P,) vector of the whole model has in the places of theta."""

    def whole(self, vector: Tensor) -> Tensor:
        """Return the (P,) vector of which `vector`, like theta, is this model's part.

        Where ranks differ, as in local SGD between two averages: the mean.
        """

    def encode(self, x: Tensor, y: Tensor, denominator: int | None = None) -> tuple[Tensor, Tensor]:
        """Return rows x: (N, …) and answers y as `loss_and_grad` takes them.

        Args:
            denominator: the number of rows that a mean runs over, when a step takes only some of
                these rows; default: all N.
        """

    def inputs(self, X: Tensor) -> Tensor:
        """Return the part of encoded rows X that comes from the data, as a view."""

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the loss of a batch, 0-d, and leave its gradient in `grad`.

        Args:
            denominator: the number of rows that the mean runs over, when these rows are only a part
                of the batch; default: the rows given.
        """

    def predict(self, x: Tensor) -> Tensor:
        """Return the outputs (B, C) of rows x, evaluating; the model stays as it is."""

    def curvature(self, X: Tensor, Y: Tensor) -> Products:
        """Return the curvature of the loss on this batch (encoded)."""

    # ---- moving and saving --------------------------------------------------------------------

    def to(self, device: str) -> Self:
        """Move the weights to a device; their values stay."""

    def describe(self) -> dict:
        """Return plain JSON values that name the model and, if they can, build it again."""

    def state(self) -> dict[str, Tensor]:
        """Return what a bit-identical continuation needs besides theta."""

    def check_state(self, state: dict[str, Tensor]) -> None:
        """Raise `CourseError` for what `load_state` cannot take."""

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go back to what `state` gave. A state that does not fit raises; nothing changes."""


class InOneProcess:
    """What holds for a model that one process has as a whole: it lacks nothing."""

    lacks: dict[str, str] = {}

    def check_rows(self, n: int, batch: int) -> None:
        """Take any number of rows."""

    def part(self, whole: Tensor) -> Tensor:
        """Return all of it."""
        return whole

    def whole(self, vector: Tensor) -> Tensor:
        """Return it as it is."""
        return vector
