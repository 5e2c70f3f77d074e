"""What the ranks read: batches by number, four shards each, and what is wrong with them.

Batch n is the same rows whenever it is read. So after a roll-back a bad batch comes again, unless
it is skipped.
"""

import torch
from torch import Tensor

from ..data.batches import Batches
from ..data.loading import load_data
from ..nn.network import Network

SLOTS, ROWS = 4, 64  # shards of a batch, and its rows
LONG = 40  # batches that a shard lasts
BROKEN = 100.0  # by which the inputs of a broken batch are too large


class Feed:
    """The batches of a drill.

    Args:
        model: encodes the rows.
        seed: of their order.

    Attributes:
        wrong: (slot, number) of the shards with wrong labels.
        broken: the numbers of batches with broken inputs.
        skipped: the batches and shards that are not read any more.
    """

    def __init__(self, model: Network, seed: int):
        self.data = load_data("digits")
        self.batches = Batches(model, self.data, ROWS, seed)
        self.seed = seed
        self.wrong: dict[tuple[int, int], int] = {}  # the number of the fault
        self.broken: dict[int, int] = {}
        self.skipped: set[tuple[int, int] | int] = set()
        self._orders: dict[int, Tensor] = {}

    def rows(self, n: int) -> Tensor:
        """Return the row numbers of batch n: (64,). Every epoch has an order of its own."""
        per_epoch = len(self.data.y_train) // ROWS
        epoch, place = divmod(n, per_epoch)
        if epoch not in self._orders:
            dice = torch.Generator().manual_seed((self.seed * 1009 + epoch) % 2**62)
            self._orders = {epoch: torch.randperm(len(self.data.y_train), generator=dice)}
        return self._orders[epoch][place * ROWS : (place + 1) * ROWS]

    def read(self, n: int) -> tuple[Tensor, Tensor, set[int]]:
        """Return batch n as X: (64, 65), Y: (10, 64), and the faults that are in it."""
        rows, faults = self.rows(n).clone(), set()
        part = ROWS // SLOTS
        cuts = [slice(slot * part, (slot + 1) * part) for slot in range(SLOTS)]
        for slot, cut in enumerate(cuts):
            if (slot, n // LONG) in self.skipped:  # rows of a much later batch in their place
                rows[cut] = self.rows(n + 10**6)[cut]
        X, Y = self.batches.gather(rows)
        for slot, cut in enumerate(cuts):
            shard = slot, n // LONG
            if shard in self.wrong and shard not in self.skipped:
                Y[:, cut] = Y[:, cut].roll(1, 0)  # each digit is called by the next one's name
                faults.add(self.wrong[shard])
        if n in self.broken:
            self.batches.inputs(X).mul_(BROKEN)
            faults.add(self.broken[n])
        return X, Y, faults

    def skip_shard(self, slot: int, n: int) -> None:
        """Read other rows in place of the shard that this slot has in batch n."""
        self.skipped.add((slot, n // LONG))

    def in_shard(self, n: int, shard: tuple[int, int]) -> bool:
        """Return whether batch n reads this (slot, number)."""
        return n // LONG == shard[1]

    def next(self, n: int) -> int:
        """Return the number of the first batch from n on that is not skipped."""
        while n in self.skipped:
            n += 1
        return n
