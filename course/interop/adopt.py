"""Any `torch.nn.Module` joins in: its weights become views of one flat vector.

From there on it is a model like the hand-written one: optimisers move `theta`, autograd fills
`grad`, and trainer, labs and curvature code see two vectors (P,). The module stays what it was:
same Parameter objects, same `state_dict()`, same forward.

    model = adopt(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)))
    loss = model.loss_and_grad(*model.encode(x, y))
    model.theta.sub_(model.grad, alpha=0.1)
"""

import copy
import threading
import weakref
from contextlib import nullcontext
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..data.dataset import Dataset
from ..errors import CourseError, check_choice, check_seed
from ..nn.curvature import AutogradCurvature, gauss_newton_product, hessian_product
from ..nn.losses import LOSSES
from ..nn.model import InOneProcess
from .flat_parameters import Flat, flatten
from .module_state import (
    MeanLoss,
    RandomState,
    check_saved_state,
    draws_numbers,
    load_saved_state,
    one_process,
    outputs_of,
    saved_state,
    training_outputs,
    twice_differentiable,
    unchanged,
    unwrapped,
)  # fmt: skip

ALIVE: "weakref.WeakSet[Adopted]" = weakref.WeakSet()
LOCK = threading.Lock()  # of ALIVE: a lab copies its model while a cell adopts another


def adopters() -> "list[Adopted]":
    """Return all that own parameters at present."""
    with LOCK:
        return list(ALIVE)


def adopt(module, loss="cross_entropy", autocast=None, stochastic=False, seed=0) -> "Adopted":
    """Make the trainable parameters of a module views of one vector, in place.

    Tied parameters are one view; frozen ones and buffers stay where they are.
    `adopt(DistributedDataParallel(net))` trains on all processes: each hands in its own rows, the
    loss is theirs, the gradient is the mean over processes. Not the other way round: an adopted
    module runs itself, not what was wrapped around it later. On CUDA, cuDNN's RNNs warn that their
    weights do not lie in a chunk of their own: correct, slower.

    Args:
        module: a `torch.nn.Module`; it stays usable as before.
        loss: 'cross_entropy', 'mse', 'bce' (of logits), or a function (outputs, y) → 0-d mean.
        autocast: None or torch.bfloat16, in which forward and loss then run; weights stay float32.
        stochastic: the forward draws random numbers, from a state of its own; dropout is noticed
            without it.
        seed: starts that state.

    Raises:
        CourseError: naming the parameter that cannot join; nothing has changed then.
    """
    return Adopted(module, loss, autocast, stochastic, seed)


class Adopted(InOneProcess):
    """A module on one flat vector, as `adopt` returns it.

    Attributes:
        module: the module that was handed in.
        theta, grad: (P,), the values and gradients of its trainable parameters.
    """

    flat: Flat
    sample_dim = 0  # samples are rows of the encoded answers

    def __init__(self, module, loss="cross_entropy", autocast=None, stochastic=False, seed=0):
        if not isinstance(module, nn.Module):
            raise CourseError(f"adopt got {module!r}; it takes a torch.nn.Module, not its class")
        check_choice("autocast", autocast, (None, torch.bfloat16, "bfloat16"))
        self.loss = MeanLoss(loss)
        for other in adopters():
            for name, p in module.named_parameters():
                if id(p) in other.flat.home:
                    raise CourseError(
                        f"parameter {name!r} is adopted already; one adopter at a time; go on "
                        "with that one, `del` it, or adopt copy.deepcopy(module)"
                    )
        self.random = RandomState(check_seed(seed))
        self.module, self.flat = module, flatten(module, autocast)
        self.autocast = torch.bfloat16 if autocast else None
        self.stochastic = stochastic or any(map(draws_numbers, module.modules()))
        with LOCK:
            ALIVE.add(self)

    @staticmethod
    def grad_mode() -> torch.no_grad:
        """Return the mode of a training step: inference mode would forbid autograd."""
        return torch.no_grad()

    @property
    def theta(self) -> Tensor:
        return self.flat.theta

    @property
    def grad(self) -> Tensor:
        self.flat.collect_grads()  # after a backward pass of your own, say
        return self.flat.grad

    def named_views(self, flat: Tensor) -> dict[str, Tensor]:
        """Return {parameter name: view of `flat` (P,)}; a tied parameter has its first name."""
        return self.flat.named_views(flat)

    # ---- training -------------------------------------------------------------------------

    def encode(self, x: Tensor, y: Tensor, denominator: int | None = None) -> tuple[Tensor, Tensor]:
        """Return rows and answers as `loss_and_grad` takes them.

        Args:
            x: (N, …); whole numbers, as tokens, keep their type.
            y: (N, …), answers as the data has them.
            denominator: for the hand-written network; here each step takes its own mean.
        """
        return self._inputs(x), self.loss.encode(y, self.theta)

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the mean loss of some rows in train mode, 0-d; leave its gradient in `grad`.

        A parameter that the loss does not depend on has gradient 0.

        Args:
            X, Y: encoded rows (N, …) and answers.
            denominator: how many rows the mean runs over, when these are a part of a batch.

        Raises:
            CourseError: when parameters have left theta, as after `module.half()`.
        """
        self._check_home()
        self.flat.attach_grads()
        self.flat.grad.zero_()
        with torch.enable_grad(), self._drawing():
            loss = self._training_loss(X, Y)
            if denominator is not None and len(X) != denominator:
                loss = loss * (len(X) / denominator)
            if not loss.requires_grad:
                raise CourseError("the loss depends on 0 trainable parameters; unfreeze some")
            loss.backward()
        self.flat.collect_grads()
        return loss.detach()

    def hvp(self, v: Tensor, X: Tensor, Y: Tensor) -> Tensor:
        """Return the Hessian of the mean loss times v (P,), by double backward.

        It is taken at the random numbers of the next step; grad, buffers and random state stay.

        Source: Pearlmutter (1994).
        """
        return self._product(v, X, Y, hessian_product)

    def gauss_newton(self, v: Tensor, X: Tensor, Y: Tensor) -> Tensor:
        """Return Jᵀ S J v (P,), J and S as in `course.nn.curvature`; else as `hvp`."""
        return self._product(v, X, Y, gauss_newton_product)

    def curvature(self, X: Tensor, Y: Tensor) -> AutogradCurvature:
        """Return the curvature of the loss on an encoded batch, for transforms and instruments."""
        return AutogradCurvature(self, X, Y)

    def _product(self, v: Tensor, X: Tensor, Y: Tensor, product) -> Tensor:
        self._check_home()
        self.named_views(v)  # refuses another shape
        module, out = one_process(self.module), torch.zeros_like(self.theta)
        views = zip(self.flat.params, self.flat.views(v), self.flat.views(out), strict=True)
        live = [(p, direction, result) for p, direction, result in views if p.requires_grad]
        params, directions = [p for p, _, _ in live], [u for _, u, _ in live]
        with (twice_differentiable(), unchanged(self.module), torch.enable_grad(),
              self.random.used(self.theta.device, keep=False), self._precision()):  # fmt: skip
            outputs = training_outputs(module, X)
            if not outputs.requires_grad:
                return out
            second = product(outputs, lambda z: self.loss(z, Y), params, directions)
        for (_, _, result), g in zip(live, second, strict=True):
            result.copy_(g)
        return out

    def _training_loss(self, X: Tensor, Y: Tensor) -> Tensor:
        with self._precision():
            return self.loss(training_outputs(self.module, X), Y)

    def _drawing(self):
        return self.random.used(self.theta.device) if self.stochastic else nullcontext()

    def _precision(self):
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.theta.device.type, dtype=self.autocast)

    def _check_home(self) -> None:
        for m in self.module.modules():  # at every step, so without the names: they cost more
            for p in m._parameters.values():
                if p is None or not p.requires_grad or self.flat.lies_here(p):
                    continue
                name = next(n for n, other in self.module.named_parameters() if other is p)
                raise CourseError(
                    f"parameter {name!r} does not lie in theta (a module.to() or .half(), a new "
                    "parameter, one unfrozen?); every trainable one must; use adopted.to(device), "
                    "which gathers the module as it now is"
                )

    def dropouts(self) -> list[Any]:
        """Return every dropout layer; its `p` may change between any two steps."""
        modules = self.module.modules()
        return [m for m in modules if "Dropout" in type(m).__name__ and hasattr(m, "p")]

    norm, switches = staticmethod(torch.linalg.vector_norm), staticmethod(list[Any])  # no switch

    @staticmethod
    def inputs(X: Tensor) -> Tensor:
        """Return the data's own part of encoded rows X: all of it."""
        return X

    # ---- looking --------------------------------------------------------------------------

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Return the outputs of rows x (N, …) in eval mode; the module stays as it was."""
        drawing = self.random.used(self.theta.device, keep=False)
        with unchanged(self.module), drawing, self._precision():
            self.module.eval()
            inputs = self._inputs(x).clone()  # forward may write into its input
            outputs = outputs_of(unwrapped(self.module), inputs)
        return outputs.to(self.theta.dtype)

    def validate_data(self, data: Dataset) -> None:
        """Raise `CourseError` unless two training rows give (2, data.outputs) and a loss."""
        x, y = data.x_train[:2], data.y_train[:2]
        if self.loss.kind == "cross_entropy" and data.classes is None:
            raise CourseError(
                f"loss 'cross_entropy' takes class numbers, the data {data.name!r} has values to "
                "predict; adopt with loss='mse'"
            )
        try:
            outputs = self.predict(x)
        except Exception as error:  # whatever another's forward raises
            raise CourseError(
                f"the module cannot take rows {tuple(x.shape[1:])} of {data.name!r} ({error}); "
                "match its first layer to the data, or reshape the data's rows"
            ) from error
        allowed = (len(x), data.outputs, *(y.shape[1:] if data.classes else ()))
        if outputs.shape != allowed:
            got = f"the module gives {tuple(outputs.shape)} for {len(x)} rows of {data.name!r}"
            raise CourseError(f"{got}; allowed: {allowed}; change its last layer")
        if self.loss.kind in LOSSES:
            self.loss.value(outputs, y)

    def _inputs(self, x: Tensor) -> Tensor:
        theta = self.theta
        return x.to(theta.device, theta.dtype) if x.is_floating_point() else x.to(theta.device)

    # ---- moving, saving, copying ----------------------------------------------------------

    def to(self, device: str | torch.device) -> Self:
        """Move the whole module; theta and grad are new vectors with the values it now has."""
        try:
            torch.empty(0, device=device).cpu()  # 'meta' cannot hold values
        except (RuntimeError, AssertionError, TypeError) as error:
            raise CourseError(
                f"device = {device!r} is not here ({error}); see available_devices()"
            ) from error
        self.module.to(device)
        self.flat = flatten(self.module, self.autocast)
        return self

    def describe(self) -> dict:
        """Return plain JSON values for a recipe. They name the module; only its code builds it."""
        kind = type(self.module)
        return {
            "kind": "adopted", "module": f"{kind.__module__}.{kind.__qualname__}",
            "parameters": len(self.theta), "loss": self.loss.name,
        }  # fmt: skip

    def state(self) -> dict[str, Tensor]:
        """Return what a bit-identical continuation needs besides theta, see `saved_state`."""
        return saved_state(self.module, self.random)

    def check_state(self, state: dict[str, Tensor]) -> None:
        """Raise `CourseError` for what `load_state` cannot take."""
        check_saved_state(self.module, self.random, state)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go back to what `state` gave; one that does not fit raises and changes nothing."""
        self.check_state(state)
        load_saved_state(self.module, self.random, state)

    def __deepcopy__(self, memo) -> "Adopted":
        """Return a copy of the module, adopted anew, with gradients and random state of its own."""
        module, loss = copy.deepcopy((self.module, self.loss.given), memo)
        twin = Adopted(module, loss, self.autocast, self.stochastic, self.random.seed)
        twin.grad.copy_(self.grad)
        twin.random.states = dict(self.random.states)
        return twin

    def __reduce_ex__(self, protocol) -> Any:
        raise CourseError(
            "an adopted module is not pickled, its views would come apart; save "
            "adopted.module.state_dict() and adopted.state(), or use copy.deepcopy"
        )

    def __repr__(self):
        kind = type(self.module).__name__
        return f"adopt({kind}, loss={self.loss.name!r}): {len(self.theta)} weights"
