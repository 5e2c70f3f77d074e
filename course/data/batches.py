"""Mini-batches: a seeded permutation an epoch, cut into batches, gathered on the device.

Every epoch visits the rows in a new random order, each at most once; rows at the end that fill no
batch are left out of that epoch. Among N devices, `shard` cuts the same order into disjoint parts
that cover it (D1 3.3).
"""

import copy

import torch
from torch import Tensor

from ..errors import check_choice, check_count
from ..states import MOST, check_names, check_random, check_tensor, check_whole, refusal


def shard(order: Tensor, rank: int, world_size: int, tail: str = "keep") -> Tensor:
    """Return the rows that this rank works on: every world_size-th of `order`.

    Args:
        order: row numbers: (N,).
        rank: the number of this device, from 0.
        world_size: how many devices share the rows.
        tail: 'keep' (sizes differ by at most one; weight gradients by n_k / n), 'drop' (leave the
            last N mod world_size rows out) or 'pad' (repeat the first rows, as DDP's sampler does).

    Raises:
        CourseError: for a rank, a world size or a tail that is not there.

    Source: D1 3.3.
    """
    check_count("world_size", world_size, 1, 10**6, "the number of ranks")
    check_count("rank", rank, 0, world_size - 1, f"ranks are 0 to {world_size - 1}")
    check_choice("tail", tail, ("keep", "drop", "pad"))
    extra = len(order) % world_size
    if extra and tail == "drop":
        order = order[: len(order) - extra]
    elif extra and tail == "pad":
        missing = world_size - extra
        order = torch.cat([order, order.repeat(-(-missing // len(order)))[:missing]])
    return order[rank::world_size]


class Batches:
    """Cut a data set's training rows into endless mini-batches, as the model's step takes them.

    X, Y: all rows, encoded by the model, on its device. answers: (N, …), what is trained towards;
    the data's own until a knob puts noise into them. epoch: counts from 0.

    Args:
        model: encodes the rows; see `course.nn.model`.
        data: a `Dataset`.
        size: rows a batch.
        seed: of the order; the augmentation draws from seed + 1.
        augment: called as augment(x, image_shape, generator) on each batch's inputs, or None.
    """

    order: Tensor  # row numbers of this epoch: (N,)
    position: int  # how many of them this epoch has used

    def __init__(self, model, data, size: int, seed: int, augment=None):
        self.data, self.answers, self.augment = data, data.y_train, augment
        self.generator = torch.Generator().manual_seed(seed)  # of the order; on the CPU everywhere
        self.noise = torch.Generator().manual_seed(seed + 1)  # of the augmentation
        self.size, self.epoch = size, -1
        self.put(model)
        self._shuffle()
        self.move(model)

    def put(self, model) -> None:
        """Encode all rows for batches of `size`, on the model's device."""
        self.X, self.Y = model.encode(self.data.x_train, self.answers, self.size)
        self.dim, self.inputs = model.sample_dim, model.inputs
        self._buffers: dict[int, tuple[Tensor, Tensor]] = {}

    def move(self, model) -> None:
        """Follow the model to its device and keep the order of the rows."""
        self.put(model)
        self.order = self.order.to(self.X.device)
        if self.noise.device.type != self.X.device.type:
            self.noise = torch.Generator(self.X.device).manual_seed(self.noise.initial_seed())

    def rows(self) -> Tensor:
        """Return the row numbers of the next batch: (size,)."""
        start, end = self.position, self.position + self.size
        if end > self.order.shape[0]:
            self._shuffle()
            start, end = 0, self.size
        self.position = end
        return self.order[start:end]

    def last_rows(self) -> Tensor:
        """Return the row numbers of the latest batch: (size,); at the start those of the first."""
        end = max(self.position, self.size)
        return self.order[end - self.size : end]

    def resize(self, size: int, model) -> None:
        """Give batches of `size` rows from now on; the epoch goes on where it is."""
        if size != self.size:
            self.size = size
            self.put(model)

    def gather(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return those rows as (X, Y), encoded, in buffers that the next call overwrites.

        Args:
            rows: row numbers: (n,), on the device of X.
        """
        n = rows.shape[0]
        if n not in self._buffers:
            shape = [n if d == self.dim else k for d, k in enumerate(self.Y.shape)]
            with torch.inference_mode(False):  # an adopted module's autograd must accept them
                self._buffers[n] = self.X.new_empty(n, *self.X.shape[1:]), self.Y.new_empty(shape)
        X, Y = self._buffers[n]
        torch.index_select(self.X, 0, rows, out=X)
        torch.index_select(self.Y, self.dim, rows, out=Y)
        if self.augment is not None:
            x = self.inputs(X)
            x.copy_(self.augment(x, self.data.image_shape, self.noise))
        return X, Y

    def _shuffle(self) -> None:
        order = torch.randperm(len(self.data.y_train), generator=self.generator)
        if self.X.is_cuda:  # from pinned memory the copy does not wait
            order = order.pin_memory()
        self.order, self.position = order.to(self.X.device, non_blocking=True), 0
        self.epoch += 1

    def state_dict(self) -> dict:
        """Return the order, the place in it and both generators; none of it shares memory."""
        return {
            "order": self.order.clone(), "position": self.position, "epoch": self.epoch,
            "generator": self.generator.get_state(), "noise": self.noise.get_state(),
        }  # fmt: skip

    def revived(self, state: dict, size: int, model) -> "Batches":
        """Return a copy that goes on from `state` in batches of `size`; this one stays as it is.

        Args:
            state: as `state_dict` returned it.
            size: rows a batch.
            model: encodes the rows.

        Raises:
            CourseError: for a state that is not one of these rows.
        """
        check_names("batches", state, self.state_dict())
        order = check_tensor("the row order", state["order"], self.order).cpu()
        rows = torch.arange(len(order))
        if not torch.equal(order.sort().values, rows):
            raise refusal("the row order", order, f"every row from 0 to {len(rows) - 1} once")
        twin = copy.copy(self)
        twin.order = order.to(self.X.device, copy=True)
        twin.position = check_whole("the position in the epoch", state["position"], 0, len(rows))
        twin.epoch = check_whole("the epoch", state["epoch"], 0, MOST)
        twin.generator = check_random("the generator of the order", state["generator"])
        twin.noise = check_random("the generator of the noise", state["noise"], self.noise.device)
        twin.resize(size, model)
        return twin
