"""The planner's counts beside those of a traced PyTorch program: FSDP2, one step, no numbers.

    from course.planner.traced import compare

    print(compare(Sizes(layers=32, hidden=512, heads=8, ffn=1376, vocab=1000, sequence=256), 8))

One and two layers are traced, the rest follows: every layer adds the same. What differs is named:

    padding       FSDP2 pads the rows of each weight to a multiple of the ranks
    kept ends     it does not gather embedding and head a second time
    counters      AdamW counts its steps for each weight tensor, 4 bytes
    eager         a program that is not compiled keeps more activations than formulas say: the
                  norms' float32 copies and the activation's output, 12h + 2f + 8 bytes a token
"""

from dataclasses import dataclass, replace

from ..parallel.views.memory import trace_memory
from ..parallel.views.trace import trace_step
from ..parallel.views.transformer import Sizes
from .flops import model_flops
from .layout import Layout
from .memory import layer_activation_bytes, state_bytes
from .model import Model
from .stacks import STACKS


@dataclass(frozen=True)
class Compared:
    """One number of a rank's step, three ways.

    Attributes:
        what: its name, with the unit.
        planned: by formula.
        traced: by the program.
        because: bytes, of what the difference is made; they add up to it exactly or nearly.
    """

    what: str
    planned: float
    traced: float
    because: dict[str, float]

    @property
    def unexplained(self) -> float:
        """The part of the traced number that is neither planned nor explained."""
        rest = self.traced - self.planned - sum(self.because.values())
        return rest / self.traced if self.traced else rest

    def __str__(self):
        why = "".join(f"; {name} {n:+,.0f}" for name, n in self.because.items() if n)
        return (
            f"{self.what:<22}{self.planned:>22,.0f}{self.traced:>22,.0f}"
            f"{self.unexplained:>10.2%}{why}"
        )


class Comparison(list[Compared]):
    """All numbers of a step; prints as a table."""

    def __str__(self):
        head = f"{'of one rank':<22}{'planned':>22}{'traced':>22}{'left':>10}"
        return "\n".join([head, *map(str, self)])

    __repr__ = __str__


def model_of_sizes(sizes: Sizes) -> Model:
    """Return the planner's model of what `course.parallel.views` traces."""
    return Model(
        sizes.layers, sizes.hidden, sizes.heads, sizes.vocab, sizes.sequence, ffn=sizes.ffn,
        gated=True, tied=False,
    )  # fmt: skip


def compare(sizes: Sizes, world_size: int) -> Comparison:
    """Return FLOPs, traffic and memory of a rank's step: planned, and traced.

    Args:
        sizes: of the Transformer and of a rank's batch; large ones take minutes.
        world_size: ranks of FSDP2.

    Raises:
        CourseError: as `trace_step` does.
    """
    model, L = model_of_sizes(sizes), sizes.layers
    step = trace_step(sizes, world_size).program
    one, two = (trace_memory(replace(sizes, layers=n), world_size) for n in (1, 2))

    def traced(kind: str) -> int:
        first, second = one.get(kind, 0), two.get(kind, 0)
        return first + (L - 1) * (second - first)

    n, ends = model.parameters, sizes.end_weights
    extra = padding(sizes, world_size)
    found = Comparison()
    found.append(Compared("FLOPs", model_flops(model, sizes.batch), step.flops, {}))
    if world_size > 1:
        gathered, reduced = (step.traffic[k].n_bytes for k in ("all_gather", "reduce_scatter"))
        found.append(
            Compared(
                "gathered, bytes",
                2 * 2 * n,
                gathered,
                {"kept ends": -2 * ends, "padding": 2 * (2 * extra[0] + extra[1])},
            )
        )
        found.append(Compared("reduced, bytes", 4 * n, reduced,
                              {"padding": 4 * (extra[0] + extra[1])}))  # fmt: skip
    state = state_bytes(n, world_size, 3, weight=4, copy=0)
    for kind, bytes_each in (("weights", 4), ("optimiser", 8)):
        because = {"padding": bytes_each * sum(extra) / world_size}
        if kind == "optimiser":
            because["counters"] = 4 * (L * (len(sizes.columns + sizes.rows) + 2) + 3)
        found.append(Compared(f"{kind}, bytes", state[kind], traced(kind), because))
    eager = L * sizes.batch * sizes.sequence * (12 * sizes.hidden + 2 * sizes.ffn + 8)
    layout = Layout(world_size, micro_batch=sizes.batch, zero=3)
    planned = L * layer_activation_bytes(model, layout, STACKS["torchtitan"])
    kept = L * (two["activations"] - one["activations"])
    found.append(Compared("activations, bytes", planned, kept, {"eager": eager}))
    return found


def padding(sizes: Sizes, ranks: int) -> tuple[int, int]:
    """Return how many numbers FSDP2 adds to fill the ranks: in all layers, and in the ends."""

    def added(rows: int, columns: int = 1) -> int:
        return -rows % ranks * columns

    layer = sum(added(*shape) for shape in sizes.columns + sizes.rows) + 2 * added(sizes.hidden)
    ends = 2 * added(sizes.vocab, sizes.hidden) + added(sizes.hidden)
    return sizes.layers * layer, ends
