"""What all strategies share: a model on a rank, which any trainer takes for an ordinary model.

A strategy is a `Model` (see `course.nn.model`): it has weights `theta` and `loss_and_grad`. What is
special about it happens inside: the ranks talk. So the trainer, the chain and the knobs of one
process train many, unchanged, and a rank's checkpoint is its part of the whole.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CourseError, check_count, shown
from ..nn.network import Network, build_network
from ..states import check_names, check_tensor
from .communicator import Communicator
from .dropout_masks import dropout_widths
from .work import spans, widths, work_of


class Strategy:
    """A network on one rank; what a strategy does not change is the network's own.

    Every rank is handed the whole batch, and takes its part of it.

    Args:
        comm: the ranks that train together.
        network: the same on each rank: built from one seed. It is copied.

    Attributes:
        name: as messages call the strategy.
        lacks: see `Model`: a transform that needs it is refused by name.
        spans: where the weights of each layer lie in the whole (P,) vector.
        widths: of each layer's input.
    """

    name = ""
    lacks: dict[str, str] = {}

    def __init__(self, comm: Communicator, network: Network):
        if not isinstance(network, Network):
            raise CourseError(
                f"{self.name} got {type(network).__name__}; it takes a Network or MLP, whose "
                "layers it can see"
            )
        if not hasattr(comm, "world_size"):
            raise CourseError(
                f"{self.name} got comm = {shown(comm)}; it takes the communicator that InTurn.run "
                "hands to your program, or that of `with join() as comm`"
            )
        network = copy.deepcopy(network)  # ranks of one process may have been handed the same
        self.comm, self.network, self.description = comm, network, network.describe()
        self.dropout_widths = dropout_widths(network.layers, network.features)
        self.spans, self.widths = spans(network), widths(network)
        pairs = enumerate(zip(network.layers, self.widths, strict=True))
        self.work = [work_of(layer, n, i == 0) for i, (layer, n) in pairs]

    def __getattr__(self, name: str) -> Any:
        if name == "network":  # not there yet
            raise AttributeError(name)
        return getattr(self.network, name)

    def describe(self) -> dict:
        """Return what `build_network` makes the whole network from."""
        return self.description

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the loss of the whole batch, 0-d, on each rank; leave its gradient in `grad`.

        Args:
            X: (B, n_0 + 1), Y: (C, B), as `encode` gives them: all rows of the batch.
            denominator: see `Model`.
        """
        raise NotImplementedError

    def whole(self, vector: Tensor) -> Tensor:
        """Return the (P,) vector of which each rank has a part like `theta`, in one order.

        Every rank calls it.
        """
        return vector

    def part(self, whole: Tensor) -> Tensor:
        """Return this rank's part of a (P,) vector of the whole network."""
        return whole

    # ---- a state is of one rank ---------------------------------------------------------------

    def extra_state(self) -> dict[str, Tensor]:
        """Return what this strategy's state has beside that of a network."""
        return {}

    def check_extra(self, extra: dict[str, Tensor]) -> None:
        """Raise `CourseError` for tensors, shaped like those of `extra_state`, that do not fit."""

    def load_extra(self, extra: dict[str, Tensor]) -> None:
        """Go back to what `extra_state` gave."""

    def state(self) -> dict[str, Tensor]:
        """Return what a bit-identical continuation needs besides theta."""
        return self.network.state() | self.extra_state()

    def check_state(self, state: dict[str, Tensor]) -> None:
        """Raise `CourseError` for what `load_state` cannot take."""
        check_names("the model's part", state, self.state())
        network, extra = self._apart(state)
        self.network.check_state(network)
        for name, mine in self.extra_state().items():
            check_tensor(name, extra[name], mine)
        self.check_extra(extra)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go back to what `state` gave. A state that does not fit raises; nothing changes."""
        self.check_state(state)
        network, extra = self._apart(state)
        self.network.load_state(network)
        self.load_extra(extra)

    def _apart(self, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the network's part of a state, and the extra one."""
        names = self.extra_state()
        network = {name: value for name, value in state.items() if name not in names}
        return network, {name: state[name] for name in names}

    def to_module(self) -> nn.Sequential:
        """Return the whole network as an `nn.Sequential`. Every rank calls it."""
        network = build_network(self.description, anyway=True)
        network.theta.copy_(self.whole(self.theta))
        return network.to_module()

    def __deepcopy__(self, memo):
        raise CourseError(f"{self.name} cannot be copied; build another on the same ranks")

    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        """Return the outputs (B, C) of rows x: (B, n_0), evaluating. Every rank calls it.

        theta: other weights, all of them: (P,).
        """
        return self.network.predict(x, self.whole(self.theta) if theta is None else theta)

    def to(self, device: str) -> Any:
        """Refuse: the ranks would have to move together."""
        raise CourseError(
            f"{self.name} cannot move to {device!r} during a run; build the network there"
        )


WHOLE_MATRICES = "it needs whole matrices, and a rank has parts of them"
WHOLE_CURVATURE = "it needs products with the whole curvature, and a rank has a part of the weights"


class Cut(Strategy):
    """A strategy that leaves a rank a part of the weights, or of the optimiser's state.

    Attributes:
        theta, grad: this rank's part of the weights, and of the gradient.
    """

    def __init__(self, comm: Communicator, network: Network):
        super().__init__(comm, network)
        other = "Take another transform, or data parallel, where each rank has all weights"
        self.lacks = {
            "named_views": f"under {self.name} {WHOLE_MATRICES}. {other}",
            "curvature": f"under {self.name} {WHOLE_CURVATURE}. {other}",
        }

    def named_views(self, flat: Tensor) -> dict[str, Tensor]:
        """Refuse: a transform that asks for whole matrices gets parts of them."""
        raise CourseError(f"this transform cannot run here: {self.lacks['named_views']}")

    def curvature(self, X: Tensor, Y: Tensor) -> Any:
        """Refuse: a transform that asks for the curvature needs all weights."""
        raise CourseError(f"this transform cannot run here: {self.lacks['curvature']}")

    def extra_state(self) -> dict[str, Tensor]:
        return {"part": torch.tensor([self.comm.rank, self.comm.world_size])}

    def check_extra(self, extra: dict[str, Tensor]) -> None:
        mine = self.extra_state()["part"]
        if not torch.equal(extra["part"].cpu(), mine):
            (theirs, of), (here, count) = extra["part"].tolist(), mine.tolist()
            raise CourseError(
                f"the state is of rank {theirs} of {of}, and this is rank {here} of {count}; give "
                "each rank the file that it saved"
            )

    def norm(self, g: Tensor) -> Tensor:
        """Return ‖g‖₂, 0-d, of a vector of which each rank has a part that no other has."""
        return self.comm.all_reduce(torch.dot(g, g).reshape(1), "norm")[0].sqrt()


def grid(comm: Communicator, columns: int) -> tuple[Communicator, Communicator]:
    """Arrange the ranks in rows of `columns`; return this rank's row and its column, as groups.

    Rank r stands in row r // columns. With tensor parallel in the rows, as its messages are many,
    and data parallel in the columns.

    Raises:
        CourseError: when the rows do not come out even.
    """
    columns = check_count("columns", columns, 1, 10**6, "ranks in a row")
    if comm.world_size % columns:
        raise CourseError(
            f"{comm.world_size} ranks cannot be arranged in rows of {columns}; take a number that "
            f"divides {comm.world_size}"
        )
    ranks = list(range(comm.world_size))
    rows = [ranks[i : i + columns] for i in range(0, comm.world_size, columns)]
    return comm.split(rows), comm.split([ranks[i::columns] for i in range(columns)])
