"""Devices and the links between them, as their makers give them.

All rates are peaks, of dense matrices without sparsity, and one direction of a link. What a
program reaches of them is in `stacks`.

Sources: NVIDIA's data sheets of A100 (2021), H100 (2023) and H200 (2024), and the architecture
white papers for multiprocessors; pytorch/torchtitan, `benchmarks/llama3_h100_202412_torchtitan.md`,
for the H100 with 96 GB of HBM2e at 500 W. Networks: a DGX A100 has an adapter of 200 Gb/s a device,
a DGX H100 and torchtitan's machines one of 400 Gb/s.

Prices are of renting one device for an hour: of the H100 $3, as nanochat's README has it (about $24
for eight); of the A100 with 80 GB the middle of $1.49 to $2.49, which pricegpu.pages.dev listed
early in 2026; of the others none.
Prices differ by 2 between providers and fall: put your own into the plan.
"""

from dataclasses import dataclass

from ..errors import CourseError, check_count, check_fields, check_number, shown

GIB = 2**30


@dataclass(frozen=True)
class Device:
    """One device, and its links.

    Attributes:
        name: as its maker calls it.
        peak_tflops: dense matrix products in 16 bits, TFLOP/s.
        memory_gb: GB of 10⁹ bytes that a program may use; see `memory_bytes`.
        memory_gb_per_second: of that memory, GB/s.
        link_gb_per_second: to the other devices of its node, GB/s in one direction.
        network_gb_per_second: to other nodes, GB/s in one direction, a device.
        price: dollars an hour; None when there is no source.
        node: devices of a node.
        multiprocessors: that work on the tiles of a matrix product side by side.
        fp8: whether it multiplies in 8 bits.

    Raises:
        CourseError: for numbers that no device has.
    """

    name: str
    peak_tflops: float
    memory_gb: float
    memory_gb_per_second: float
    link_gb_per_second: float
    network_gb_per_second: float
    price: float | None = None
    node: int = 8
    multiprocessors: int = 108
    fp8: bool = False

    def __post_init__(self):
        for name, high in (
            ("peak_tflops", 1e6), ("memory_gb", 1e6), ("memory_gb_per_second", 1e7),
            ("link_gb_per_second", 1e7), ("network_gb_per_second", 1e7),
        ):  # fmt: skip
            value = check_number(f"device.{name}", getattr(self, name), 1e-3, high, "as 312")
            object.__setattr__(self, name, value)
        if self.price is not None:
            price = check_number("device.price", self.price, 0, 1e6, "dollars an hour")
            object.__setattr__(self, "price", price)
        for name in ("node", "multiprocessors"):
            count = check_count(f"device.{name}", getattr(self, name), 1, 10**5, "as 8")
            object.__setattr__(self, name, count)
        if not isinstance(self.fp8, bool):
            raise CourseError(f"device.fp8 = {shown(self.fp8)} is neither true nor false")

    @property
    def memory_bytes(self) -> float:
        """Bytes of memory. A device sold as 80 GB has 80 GiB: makers count memory by 2³⁰."""
        return self.memory_gb * GIB

    @property
    def peak(self) -> float:
        """FLOP/s in 16 bits."""
        return self.peak_tflops * 1e12


DEVICES = {
    "A100-40GB": Device("A100-40GB", 312, 40, 1555, 300, 25),
    "A100-80GB": Device("A100-80GB", 312, 80, 2039, 300, 25, 2.0),
    "H100-SXM": Device("H100-SXM", 989.4, 80, 3350, 450, 50, 3.0, 8, 132, True),
    "H100-96GB": Device("H100-96GB", 989.4, 96, 2400, 450, 50, 3.0, 8, 132, True),
    "H200-SXM": Device("H200-SXM", 989.4, 141, 4800, 450, 50, None, 8, 132, True),
}


def device_of(value: object) -> Device:
    """Return a device by its name or its numbers.

    Args:
        value: a name of `DEVICES`, a `Device`, or a dict of a device's fields; there, 'name' may
            be that of a known one, whose numbers the others replace.

    Raises:
        CourseError: for another name, and for fields that are missing or unknown.
    """
    if isinstance(value, Device):
        return value
    if isinstance(value, str) and value in DEVICES:
        return DEVICES[value]
    known = ", ".join(DEVICES)
    if not isinstance(value, dict):
        raise CourseError(
            f"device = {shown(value)} is unknown. Allowed: {known}; or numbers, as "
            '{"peak_tflops": 312, "memory_gb": 80, "memory_gb_per_second": 2039, '
            '"link_gb_per_second": 300, "network_gb_per_second": 25}'
        )
    name = value.get("name", "own")
    if not isinstance(name, str):
        raise CourseError(f"device.name = {shown(name)} is no text; take a name, as 'own'")
    base = vars(DEVICES[name]) if name in DEVICES else {"name": name}
    return Device(**check_fields("device", base | value, Device))
