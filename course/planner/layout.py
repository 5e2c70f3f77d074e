"""A layout: which device holds what. Checked against a model, a number of devices and a batch.

devices = data × tensor × pipeline × context
micro-batches of a step = batch / (data × micro_batch)
"""

from dataclasses import dataclass

from ..errors import CourseError, check_choice, check_count, shown
from .model import Model

SCHEDULES = ("gpipe", "1f1b", "interleaved", "zero_bubble")
FACTORS = ("data", "tensor", "pipeline", "context", "chunks", "micro_batch")
MOST = 10**6  # of each factor
RECOMPUTE = ("none", "selective", "full")


@dataclass(frozen=True)
class Layout:
    """How a step is divided.

    Attributes:
        data: replicas, each with other sequences.
        tensor: devices that share each matrix.
        pipeline: stages, each with some of the layers.
        context: devices that share each sequence.
        chunks: stages of a device; more than 1 if the schedule is interleaved.
        micro_batch: sequences that a replica works on at a time.
        zero: what data-parallel ranks divide: 0 nothing, 1 the optimiser's state, 2 gradients as
            well, 3 weights as well (FSDP).
        recompute: what is computed again in the backward pass: 'none', 'selective' (the core of
            attention), 'full' (each layer).
        sequence_parallel: whether norms and dropout are divided by tokens over the tensor ranks.
        schedule: 'gpipe', '1f1b', 'interleaved' or 'zero_bubble'; default: 'interleaved' if there
            are chunks, else '1f1b'.

    Raises:
        CourseError: for other values.
    """

    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    context: int = 1
    chunks: int = 1
    micro_batch: int = 1
    zero: int = 0
    recompute: str = "none"
    sequence_parallel: bool = False
    schedule: str = None  # type: ignore[assignment]  # settled below

    def __post_init__(self):
        for name in FACTORS:
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= MOST:  # a search makes thousands
                count = check_count(f"layout.{name}", value, 1, MOST, "a whole number")
                object.__setattr__(self, name, count)
        if type(self.zero) is not int or not 0 <= self.zero <= 3:
            zero = check_count("layout.zero", self.zero, 0, 3, "0, 1, 2 or 3")
            object.__setattr__(self, "zero", zero)
        check_choice("layout.recompute", self.recompute, RECOMPUTE)
        if not isinstance(self.sequence_parallel, bool):
            raise CourseError(
                f"layout.sequence_parallel = {shown(self.sequence_parallel)} is neither true nor "
                "false"
            )
        default = "interleaved" if self.chunks > 1 else "1f1b"
        schedule = default if self.schedule is None else self.schedule
        object.__setattr__(self, "schedule", check_choice("layout.schedule", schedule, SCHEDULES))
        if (self.schedule == "interleaved") != (self.chunks > 1):
            raise CourseError(
                f"layout.chunks = {self.chunks} does not go with schedule = {self.schedule!r}; "
                "take chunks above 1 with 'interleaved', and chunks = 1 with the others"
            )

    @property
    def devices(self) -> int:
        """How many devices it takes."""
        return self.data * self.tensor * self.pipeline * self.context

    @property
    def shards(self) -> int:
        """How many devices share the sums of gradients, and with ZeRO the state."""
        return self.data * self.context

    @property
    def token_shards(self) -> int:
        """Over how many tensor ranks norms and dropout are divided: with sequence parallelism."""
        return self.tensor if self.sequence_parallel else 1

    def micro_batches(self, batch: int) -> int:
        """Return how many micro-batches a replica works on in a step of so many sequences."""
        return batch // (self.data * self.micro_batch)

    def stage_layers(self, layers: int) -> int:
        """Return how many layers the fullest stage of the pipeline has."""
        parts = self.pipeline * self.chunks
        return -(-layers // parts) * self.chunks

    def __str__(self):
        words = [f"{self.data} data × {self.tensor} tensor × {self.pipeline} pipeline"]
        words[0] += f" × {self.context} context" if self.context > 1 else ""
        if self.pipeline > 1:
            words.append(self.schedule + (f" ({self.chunks} chunks)" if self.chunks > 1 else ""))
        words.append(f"micro-batch {self.micro_batch}")
        words += [f"ZeRO {self.zero}"] if self.zero else []
        words += [f"recompute {self.recompute}"] if self.recompute != "none" else []
        words += ["sequence parallel"] if self.sequence_parallel else []
        return ", ".join(words)


def check_layout(layout: Layout, model: Model, devices: int, batch: int) -> None:
    """Raise `CourseError` for a layout that this model on so many devices cannot have.

    Args:
        layout, model: as described there.
        devices: N.
        batch: sequences of a step.
    """
    if layout.devices != devices:
        raise CourseError(
            f"{layout.data} data × {layout.tensor} tensor × {layout.pipeline} pipeline × "
            f"{layout.context} context are {layout.devices:,} devices, and there are {devices:,}; "
            f"take a layout whose factors have the product {devices:,}"
        )
    parts = layout.pipeline * layout.chunks
    cut = layout.context * layout.token_shards
    for what, number, whole, n in (
        ("layers", "pipeline × chunks", model.layers, parts),
        ("heads", "tensor", model.heads, layout.tensor),
        ("kv_heads", "tensor", model.kv_heads, layout.tensor),
        ("ffn", "tensor", model.ffn, layout.tensor),
        ("sequence", "context × tensor" if layout.token_shards > 1 else "context",
         model.sequence, cut),
        ("batch", "data × micro_batch", batch, layout.data * layout.micro_batch),
    ):  # fmt: skip
        if whole % n:
            raise CourseError(
                f"{what} = {whole:,} cannot be divided by {number} = {n:,}; take a {number} that "
                f"divides {whole:,}"
            )
    m = layout.micro_batches(batch)
    if layout.schedule == "interleaved" and (layout.pipeline == 1 or m % layout.pipeline):
        raise CourseError(
            f"an interleaved schedule on {layout.pipeline} stages needs pipeline above 1 and "
            f"micro-batches in groups of {layout.pipeline}, and has {m}; take another micro_batch, "
            "or schedule '1f1b' with chunks = 1"
        )
    if layout.schedule == "zero_bubble" and layout.pipeline == 1:
        raise CourseError("schedule = 'zero_bubble' needs pipeline above 1; take '1f1b'")
