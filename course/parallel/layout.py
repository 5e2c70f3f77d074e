"""How the vectors of ranks make up those of one process, and come apart again."""

from torch import Tensor

from .communicator import Communicator
from .local_sgd import LocalSGD
from .strategy import Strategy


class Layout:
    """How the parts that ranks have make up whole vectors.

    Local SGD has another vector on each rank: there a whole one is all of them in a row.

    Args:
        comm: all ranks.
        model: the strategy on this rank.
    """

    def __init__(self, comm: Communicator, model: Strategy):
        self.comm, self.model = comm, model
        self.is_local = isinstance(model, LocalSGD)

    def whole(self, part: Tensor) -> Tensor:
        """Return the whole of a vector like theta, on the CPU; every rank calls it."""
        if not self.is_local:
            return self.model.whole(part).cpu()
        return self.comm.all_gather(part[None], self.comm.world_size, "whole").flatten().cpu()

    def part(self, whole: Tensor) -> Tensor:
        """Return this rank's part of a whole vector: the inverse of `whole`."""
        if self.is_local:
            return whole.view(self.comm.world_size, -1)[self.comm.rank]
        return self.model.part(whole)

    def claim(self, state: dict[str, Tensor]) -> None:
        """Make the state of a model of any rank one of this rank's part."""
        state.pop("part", None)
        state |= {name: v for name, v in self.model.state().items() if name == "part"}
