"""A rank that can fail: its network, its optimiser, and what it hands to the all-reduce.

Faults are real. A slow rank computes longer on the clock, a flipped bit is one bit of one float32
in the memory of one rank, and NaN is in the gradient before it is summed.
"""

import hashlib
import io

import torch
from torch import Tensor

from ..nn.network import MLP
from ..optim.chain import Chain
from ..optim.first_order import Descend, Momentum
from ..parallel.communicator import Communicator
from ..parallel.data_parallel import DataParallel
from ..parallel.in_turn import InTurn

WIDTHS, RATE, MOMENTUM = [64, 32, 10], 0.1, 0.9  # a network of digits


class Tap:
    """A communicator that measures and harms what passes through it.

    Attributes:
        comm: of this step.
        slowness: by which computation takes longer.
        is_sick: whether the gradient gets a NaN.
        norm: ‖g‖₂ of this rank's part of the last gradient, as it was handed over.
    """

    def __init__(self) -> None:
        self.comm: Communicator = InTurn(1).run(lambda comm: comm)[0]
        self.slowness, self.is_sick, self.norm = 1.0, False, 0.0

    def __getattr__(self, name: str):
        return getattr(self.__dict__["comm"], name)

    def compute(self, label: str, flops: int) -> None:
        """Note a computation, as long as this rank takes for it."""
        self.comm.compute(label, round(flops * self.slowness))

    def start_all_reduce(self, x: Tensor, label: str = ""):
        """Begin the sum over the ranks; x: (P + 1,), the gradient and the loss."""
        if self.is_sick:
            x[0] = float("nan")
        self.norm = float(torch.linalg.vector_norm(x[:-1]))
        return self.comm.start_all_reduce(x, label)


def flip_bit(weights: Tensor, place: int, bit: int) -> None:
    """Flip a bit of one of the float32 weights (P,): 31 is the sign, 23 to 30 the exponent."""
    weights.view(torch.int32)[place] ^= -(2**31) if bit == 31 else 1 << bit


class Machine:
    """A rank and the machine that it runs on.

    Args:
        seed: of the first weights.

    Attributes:
        tap: between the rank and the others.
        slow: by which it is slower than a healthy one.
        is_dead: whether it has stopped for good.
        marks: the numbers of the faults whose damage is in its memory.
    """

    def __init__(self, seed: int):
        self.tap = Tap()
        self.model = DataParallel(self.tap, MLP(WIDTHS, seed=seed))  # type: ignore[arg-type]
        self.chain = Chain(Momentum(MOMENTUM), Descend(RATE))
        self.chain.init(self.model.theta)
        self.slow, self.is_dead = 1.0, False
        self.marks: dict[int, int] = {}  # fault: how many steps its damage still lasts

    @property
    def theta(self) -> Tensor:
        """The weights: (P,)."""
        return self.model.theta

    def is_finite(self) -> bool:
        """Return whether all weights are numbers."""
        return bool(self.theta.isfinite().all())

    def flip(self, place: float) -> tuple[int, int]:
        """Flip a bit of a weight; return which weight, and which bit.

        place: in [0, 1). The bit is one that leaves the number finite: the sign, one of the lower
        four of the exponent, or one of the upper eight of the fraction.
        """
        bits = (31, *range(26, 14, -1))
        weight, bit = divmod(int(place * len(self.theta) * len(bits)), len(bits))
        flip_bit(self.theta, weight, bits[bit])
        return weight, bits[bit]

    def step(self, comm: Communicator, X: Tensor, Y: Tensor) -> tuple[float, float, float]:
        """Make one training step with the others; return loss, norm of the sum, own norm."""
        with torch.inference_mode():
            self.tap.comm = comm
            loss = self.model.loss_and_grad(X, Y)
            norm = float(torch.linalg.vector_norm(self.model.grad))
            self.chain(self.model.grad, self.theta)
            return float(loss), norm, self.tap.norm

    # ---- memory on disk -------------------------------------------------------------------------

    def checksum(self) -> str:
        """Return the first digits of the SHA-256 of the weights."""
        return hashlib.sha256(self.theta.numpy().tobytes()).hexdigest()[:8]

    def pack(self) -> bytes:
        """Return weights and momentum as the bytes of a file."""
        content = io.BytesIO()
        torch.save({"theta": self.theta.clone(), "chain": self.chain.state()}, content)
        return content.getvalue()

    def unpack(self, content: bytes) -> None:
        """Take weights and momentum from the bytes of a file."""
        saved = torch.load(io.BytesIO(content), weights_only=True)
        with torch.inference_mode():
            self.theta.copy_(saved["theta"])
            self.chain.load_state(saved["chain"])

    def copy_of(self, other: "Machine") -> None:
        """Take the memory of another rank, with the damage in it."""
        self.unpack(other.pack())
        self.marks = dict(other.marks)
