"""How long single pieces of work take: a matrix product, traffic to memory, a ring of messages.

    product      max(FLOPs / (share · peak) · waves, bytes / bandwidth) + 5 µs to start a kernel
    waves        tiles of 256 × 128 of the result go over the multiprocessors; the last wave is
                 filled in part, and takes as long as a full one. No number is fitted in it
    ring         n ranks: all-gather (n-1)/n · bytes / bandwidth + (n-1) hops; all-reduce twice that

Source: NVIDIA, "Matrix multiplication background" for tiles and waves; Patarasu and Yuan (2009)
for rings.
"""

from dataclasses import dataclass
from math import ceil

from .devices import Device
from .stacks import Stack

START = 5e-6  # seconds to start a kernel
HOP = 1e-5 / 7  # seconds of latency a hop
TILE = (256, 128)


@dataclass(frozen=True)
class Machine:
    """A device with a software stack on it.

    Attributes:
        device, stack: as described there.
        eight_bits: whether the layers' matrix products are in 8 bits.
    """

    device: Device
    stack: Stack
    eight_bits: bool = False

    def has(self, effect: str) -> bool:
        """Return whether an effect is counted; see `ablation`."""
        return effect not in self.stack.without

    # ---- on the device ------------------------------------------------------------------------

    def product_seconds(
        self, m: int, n: int, k: int, count: int = 1, layer: bool = True
    ) -> float:  # fmt: skip
        """Return the seconds of `count` products (m, k) times (k, n), in 16 bits or 8.

        layer: whether it is a product of a layer's weights, which 8 bits make faster.
        """
        gain = 1 + self.stack.fp8_gain if layer and self.eight_bits else 1
        flops, n_bytes = 2.0 * m * n * k * count, 2.0 * (m * k + k * n + m * n) * count
        computing = flops / (self.device.peak * self.stack.matmul * gain)
        if self.has("waves"):
            computing *= self.wave_loss(m, n, count)
        moving = n_bytes / self.memory_rate if self.has("product bytes") else 0.0
        return max(computing, moving) + (START if self.has("kernel start") else 0.0)

    def wave_loss(self, m: int, n: int, count: int) -> float:
        """Return by what factor partly filled tiles and the last wave slow a product down."""
        tiles = ceil(m / TILE[0]) * ceil(n / TILE[1]) * count
        slots = ceil(tiles / self.device.multiprocessors) * self.device.multiprocessors
        return slots * TILE[0] * TILE[1] / (m * n * count)

    def attention_seconds(self, flops: float) -> float:
        """Return the seconds of the fused attention kernel."""
        return flops / (self.device.peak * self.stack.attention)

    def elementwise_seconds(self, n_bytes: float) -> float:
        """Return the seconds of reading and writing so many bytes of the device's memory."""
        return n_bytes / self.memory_rate if self.has("elementwise") else 0.0

    @property
    def memory_rate(self) -> float:
        """Bytes a second of the device's memory, as reached."""
        return self.device.memory_gb_per_second * 1e9 * self.stack.memory

    # ---- between devices ----------------------------------------------------------------------

    @property
    def link_rate(self) -> float:
        """Bytes a second to devices of the same node, as reached."""
        return self.device.link_gb_per_second * 1e9 * self.stack.link

    @property
    def network_rate(self) -> float:
        """Bytes a second of one device's adapter to other nodes, as reached."""
        return self.device.network_gb_per_second * 1e9 * self.stack.network

    def tensor_rate(self, tensor: int) -> float:
        """Bytes a second of a ring of so many neighbours: within a node as long as they fit."""
        return self.link_rate if tensor <= self.device.node else self.network_rate

    def data_rate(self, ranks: int, apart: int) -> float:
        """Bytes a second of a ring of ranks, of which each is `apart` devices from the next.

        Those of one node use all its adapters, if the stack does (`rails`).
        """
        in_node = max(1, self.device.node // apart)
        if ranks <= in_node:
            return self.link_rate
        adapters = in_node if self.stack.rails else 1
        return min(self.link_rate, adapters * self.network_rate)


def ring_seconds(n_bytes: float, ranks: int, rate: float, rounds: int = 1) -> float:
    """Return the seconds of a collective over a ring.

    Args:
        n_bytes: of the whole tensor.
        ranks: n.
        rate: bytes a second.
        rounds: 1 for all-gather and reduce-scatter, 2 for all-reduce.
    """
    if ranks == 1:
        return 0.0
    return rounds * ((ranks - 1) / ranks * n_bytes / rate + (ranks - 1) * HOP)
