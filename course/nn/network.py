"""A network whose weights are one flat vector.

All weights are views of `theta` (P,), all gradients views of `grad` (P,). An optimiser then sees
two vectors, clipping by norm is one operation, a checkpoint is one copy, and a data-parallel
bucket *is* the gradient.
"""

import copy
from typing import Self

import torch
from torch import Tensor, nn

from .. import effort
from ..data.dataset import Dataset
from ..descriptions import Registry
from ..errors import CourseError, check_choice, check_count, check_seed, shown
from ..states import check_names, check_random
from .blocks import Dropout, Switchable
from .curvature import Curvature
from .devices import check_device
from .initialisation import INITS
from .layers import ACTIVATIONS, Layer, Linear, Workspace
from .losses import Loss, build_loss
from .model import InOneProcess
from .stack import Stack, arrange, build_layers, hidden_layers

DTYPES = {"float32": torch.float32, "float64": torch.float64}
MOST_LAYERS = 3000  # far more than trains, few enough to build at once


class Network(InOneProcess):
    """A stack of layers: forward from the first to the last, backward from the last to the first.

    Args:
        layers: as [Linear(64), ReLU(), Linear(10)]; they are copied.
        features: the width of the input, n_0.
        init: how weight matrices start (see `initialisation`); biases start at 0.
        seed: of the first weights, and of the masks of dropout.
        anyway: whether to build more weights than memory and time allow (`course.effort`).

    Raises:
        CourseError: for what does not fit, an unknown name, no layer with weights, or too many.
    """

    sample_dim = 1  # samples are columns of the encoded answers

    def __init__(
        self, layers, features, loss="cross_entropy", init="he", seed=0, dtype=torch.float32,
        device="cpu", anyway=False,
    ):  # fmt: skip
        if not isinstance(layers, list | tuple) or len(layers) > MOST_LAYERS:
            raise CourseError(f"layers = {shown(layers)}; allowed: a list of up to {MOST_LAYERS}")
        if strange := [layer for layer in layers if not isinstance(layer, Layer)]:
            raise CourseError(f"{shown(strange[0])} is not a layer; use layers such as Linear(64)")
        check_choice("init", init, INITS)
        check_choice("dtype", dtype, tuple(DTYPES.values()), "weights of this network")
        check_device(device)
        self.features = check_count("features", features, 1, 10**8, "the width of the input")
        self.loss: Loss = build_loss(loss)
        self.init, self.seed = init, check_seed(seed)
        self.stack = Stack(*copy.deepcopy(list(layers)))
        self.shapes = self.stack.shapes(self.features)
        self.outputs = self.stack.width_out(self.features)
        if not self.shapes:
            raise CourseError(f"layers = {shown(layers)} have no weights; add a Linear(…)")
        effort.begin(effort.of_network(self.shapes, init, dtype), anyway)
        theta = torch.zeros(sum(o * i for o, i in self.shapes), dtype=dtype)
        generator = torch.Generator().manual_seed(self.seed)  # on the CPU: same start anywhere
        self.stack.init_weights(self.views(theta), generator, init, getattr(self, "gain", 1.0))
        self.generator = torch.Generator().manual_seed(self.seed)
        self._bind(theta.to(device))

    @staticmethod
    def grad_mode() -> torch.inference_mode:
        """Return the mode of a training step: no autograd, the derivatives are written by hand."""
        return torch.inference_mode()

    # ---- views ----------------------------------------------------------------------------

    def views(self, flat: Tensor) -> list[Tensor]:
        """Cut a flat (P,) vector into [W b] matrices, (n_l, n_{l-1} + 1) each, without a copy."""
        parts = flat.split([o * i for o, i in self.shapes])
        return [p.view(shape) for p, shape in zip(parts, self.shapes, strict=True)]

    def named_views(self, flat: Tensor) -> dict[str, Tensor]:
        """Cut a flat (P,) vector into views as `torch.nn` names them: {'0.weight': …, …}."""
        return self.stack.named_parameters(self.views(flat))

    norm = staticmethod(torch.linalg.vector_norm)

    def _bind(self, theta: Tensor) -> None:
        self.theta, self.grad = theta, torch.zeros_like(theta)
        self.stack.bind(self.views(theta), self.views(self.grad))
        if self.generator.device.type != theta.device.type:
            self.generator = torch.Generator(theta.device).manual_seed(self.seed)
        for dropout in self.dropouts():
            dropout.generator = self.generator
        self.workspaces: dict[int, list[Workspace]] = {}  # for training, by the number of rows

    @property
    def layers(self) -> list[Layer]:
        """The layers, from the first to the last."""
        return self.stack.layers

    def dropouts(self) -> list[Dropout]:
        """Return every Dropout in the network, those inside a Residual too."""
        return self.stack.dropouts()

    def switches(self) -> list[Switchable]:
        """Return every layer that can be switched off."""
        return self.stack.switches()

    def to(self, device: str) -> Self:
        """Move the weights to a device; their values stay, the gradient starts again at 0."""
        check_device(device)
        self._bind(self.theta.to(device, copy=True))
        return self

    # ---- forward and backward -------------------------------------------------------------

    @torch.inference_mode(False)  # made inside a training step, yet usable by hand outside one
    def workspace(self, B: int, training: bool = True) -> list[Workspace]:
        """Return the arrays for batches of B rows; those for training are made once and kept."""
        if training and B in self.workspaces:
            return self.workspaces[B]
        below = Workspace()
        below.x1, below.training = self.theta.new_empty(1).expand(self.features + 1, B), training
        spaces = arrange(self.layers, below)
        if training:
            self.workspaces[B] = spaces
        return spaces

    @staticmethod
    def feed(spaces: list[Workspace], X: Tensor) -> None:
        """Make X: (B, n_0 + 1) rows, the ones column included, the input; it is not copied."""
        first = spaces[0]
        if first.x1T is not X:
            first.x1T, first.x1 = X, X.t()
            first.x = first.x1[:-1]

    def forward(self, spaces: list[Workspace], X: Tensor) -> Tensor:
        """Outputs (C, B) of X: (B, n_0 + 1) rows, the ones column included; X is not copied."""
        self.feed(spaces, X)
        self.stack.forward_through(spaces)
        return spaces[-1].a

    def backward(self, spaces: list[Workspace]) -> None:
        """Fill `grad`, given ∂L/∂outputs in `spaces[-1].da`. Call after `forward`."""
        self.stack.backward_through(spaces)

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the loss of a batch, 0-d, and leave its gradient in `grad`.

        X: (B, n_0 + 1) and Y: (C, B), as `encode` gives them. denominator: see `Model`.
        """
        n = X.shape[0]
        spaces = self.workspaces.get(n) or self.workspace(n)
        Z = self.forward(spaces, X)
        loss = self.loss(Z, Y, spaces[-1].da, denominator or n)
        self.backward(spaces)
        return loss

    @torch.no_grad()
    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        """Return the outputs (B, C) of rows x: (B, n_0), evaluating: without dropout.

        theta: other weights (P,). In memory of its own: safe to call while training runs.
        """
        net = self if theta is None else self.at(theta)
        X = with_ones(x.to(net.theta))
        return net.forward(net.workspace(len(X), training=False), X).t()

    def at(self, theta: Tensor) -> Self:
        """Return the same network with other weights (P,), which are not copied."""
        twin = copy.copy(self)
        twin.stack = self.stack.clone()
        twin._bind(theta)
        return twin

    def __deepcopy__(self, memo):
        twin = self.at(self.theta.clone())
        twin.generator = torch.Generator(self.theta.device)
        twin.load_state(self.state())
        twin._bind(twin.theta)
        return twin

    # ---- data, saving, exporting ------------------------------------------------------------

    def validate_data(self, data: Dataset) -> None:
        """Raise `CourseError` unless inputs and outputs have the data's widths.

        For two classes the loss 'bce' may also have one output, the log odds of class 1.
        """
        yes_or_no = self.loss.name == "bce" and (data.classes, self.outputs) == (2, 1)
        if self.features != data.features or (self.outputs != data.outputs and not yes_or_no):
            raise CourseError(
                f"the network maps {self.features} features to {self.outputs} outputs, the data "
                f"{data.name!r} has {data.features} features and wants {data.outputs} outputs; "
                f"use sizes [{data.features}, …, {data.outputs}]"
            )

    def encode(self, x: Tensor, y: Tensor, denominator: int | None = None) -> tuple[Tensor, Tensor]:
        """Return rows x: (N, …) and answers y as X: (N, n_0 + 1) and Y: (C, N), on this device.

        denominator: see `Model.encode`.
        """
        dtype, device = self.theta.dtype, self.theta.device
        X = with_ones(x.reshape(len(x), -1).to(dtype)).to(device)
        return X, self.loss.encode(y, self.outputs, denominator or len(y), dtype).to(device)

    @staticmethod
    def inputs(X: Tensor) -> Tensor:
        """Return the data's own columns of encoded rows X, as a view."""
        return X[:, :-1]

    def curvature(self, X: Tensor, Y: Tensor) -> Curvature:
        """Return the curvature of the loss on this batch (encoded)."""
        return Curvature(self, X, Y)

    def state(self) -> dict[str, Tensor]:
        """Return what a bit-identical continuation needs besides theta."""
        return {"generator": self.generator.get_state()}

    def check_state(self, state: dict[str, Tensor]) -> None:
        """Raise `CourseError` for what `load_state` cannot take."""
        check_names("the network's part", state, ("generator",))
        check_random("the generator of the dropout", state["generator"], self.generator.device)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go back to what `state` gave. A state that does not fit raises; nothing changes."""
        self.check_state(state)
        self.generator.set_state(state["generator"].cpu())

    def to_module(self) -> nn.Sequential:
        """Return the network as an `nn.Sequential` with a copy of these weights."""
        with torch.device("meta"):  # first values would be drawn from the global generator
            empty = nn.Sequential(*self.stack.modules(self.features))
        module = empty.to_empty(device=self.theta.device).to(self.theta)
        module.load_state_dict(self.named_views(self.theta))
        return module

    def describe(self) -> dict:
        """Return plain JSON values from which `build_network` makes the same network again."""
        return {
            "kind": "Network", "layers": [layer.describe() for layer in self.layers],
            "features": self.features, "loss": self.loss.describe(), "init": self.init,
            "seed": self.seed, "dtype": str(self.theta.dtype).removeprefix("torch."),
        }  # fmt: skip

    def __repr__(self):
        rows = "\n".join(f"  {i}: {layer!r}" for i, layer in enumerate(self.layers))
        return f"{type(self).__name__}({self.features} inputs, {len(self.theta)} weights)\n{rows}"


class MLP(Network):
    """A fully connected network with an activation after each hidden layer.

    Args:
        sizes: [n_0, …, n_L], from the input to the output.
        init: default: He for ReLU and GELU, Xavier for tanh and sigmoid.
        dropout: the probability after each hidden activation; None builds no dropout, 0 a knob.
        residual: whether a hidden layer as wide as its input adds that, x + f(x); False: a switch.
        norm: whether each hidden layer normalises z before its activation; likewise.

    Raises:
        CourseError: for fewer than two sizes, a size below 1, or an unknown name.
    """

    def __init__(
        self, sizes, activation="relu", seed=0, dtype=torch.float32, device="cpu", init=None,
        dropout=None, loss="cross_entropy", anyway=False, residual=None, norm=None,
    ):  # fmt: skip
        if not isinstance(sizes, list | tuple) or not 2 <= len(sizes) <= MOST_LAYERS // 3:
            raise CourseError(
                f"sizes = {shown(sizes)}: give at least input and output, as [64, 10], and at most "
                f"{MOST_LAYERS // 3} widths"
            )
        self.sizes = [check_count("a layer size", n, 1, 10**6, "as in [64, 64, 10]") for n in sizes]
        f = ACTIVATIONS[check_choice("activation", activation, ACTIVATIONS)]
        self.activation, self.gain = activation, f.gain
        layers = [*hidden_layers(self.sizes, f, dropout, residual, norm), Linear(self.sizes[-1])]
        init = f.init if init is None else init
        super().__init__(layers, self.sizes[0], loss, init, seed, dtype, device, anyway)

    def describe(self):
        return {
            "kind": "MLP", "sizes": self.sizes, "activation": self.activation, "init": self.init,
            "dropout": next((d.p for d in self.dropouts()), None), "loss": self.loss.describe(),
            "seed": self.seed, "dtype": str(self.theta.dtype).removeprefix("torch."),
        } | {layer.knob: layer.on for layer in self.switches()}  # fmt: skip


def _decode(field: str, value):
    if field == "layers":
        return build_layers(value)
    return DTYPES[check_choice("dtype", value, tuple(DTYPES))] if field == "dtype" else value


NETWORKS = Registry("model", _decode)
NETWORKS.add(MLP)
NETWORKS.add(Network)


def build_network(description: dict, anyway: bool = False) -> Network:
    """Return the network that `describe` described, with the weights it started from.

    Raises:
        CourseError: for what `describe` cannot have written.
    """
    if isinstance(description, dict) and ("device" in description or "anyway" in description):
        raise CourseError("the model has a field 'device' or 'anyway'; leave it to the caller")
    return NETWORKS.build(description, anyway=anyway)


def with_ones(x: Tensor) -> Tensor:
    """Return rows (B, n) with the column of ones that multiplies the biases: (B, n + 1)."""
    return torch.cat([x, x.new_ones(len(x), 1)], 1)
