"""How a training step is distributed: which strategy, on how many ranks, over which links."""

from dataclasses import dataclass
from typing import Any

from ..errors import CourseError, check_choice, check_count, shown
from .in_turn import Costs
from .schedules import SCHEDULES, Schedule, make_schedule
from .strategies import STRATEGIES

MOST_RANKS = 64  # each is a thread, and builds the network anew in each step
SMALL = Costs(latency=2e-5, bandwidth=1e8, flops_per_second=1e9)  # as slow as a network is small
PIPELINES = ("pipeline", "data_pipeline")
GRIDS = ("data_tensor", "data_pipeline")


@dataclass(frozen=True)
class Setup:
    """How a step is distributed. What a strategy does not use has no effect.

    Raises:
        CourseError: for a value out of range, and for numbers that do not fit together.
    """

    strategy: str = "data"
    """Of `STRATEGIES`."""
    ranks: int = 4
    """1 to 64."""
    micro_batches: int = 8
    """Of a pipeline: equal parts of the rows of a replica."""
    schedule: str = "1f1b"
    """Of a pipeline, see `schedules`."""
    chunks: int = 1
    """Of a pipeline: stages a rank; more than 1 only if interleaved."""
    per_replica: int = 2
    """Of data × tensor and data × pipeline: the ranks that share a replica."""
    buckets: int = 1
    """Of data parallel: in how many parts the gradient is summed."""
    local_steps: int = 4
    """Of local SGD: steps between two averages."""
    costs: Costs = SMALL
    """Of messages and of computation."""

    def __post_init__(self):
        check_choice("strategy", self.strategy, STRATEGIES)
        counts = {"ranks": MOST_RANKS, "micro_batches": 10**4, "chunks": 100,
                  "per_replica": MOST_RANKS, "buckets": 10**4, "local_steps": 10**6}  # fmt: skip
        for name, most in counts.items():
            count = check_count(name, getattr(self, name), 1, most, f"1 to {most:,}")
            object.__setattr__(self, name, count)
        check_choice("schedule", self.schedule, SCHEDULES)
        if not isinstance(self.costs, Costs):
            raise CourseError(f"costs = {shown(self.costs)}; allowed: Costs(…)")
        if self.strategy in GRIDS and self.ranks % self.per_replica:
            raise CourseError(
                f"{self.ranks} ranks cannot be shared by replicas of {self.per_replica} ranks; "
                f"take a per_replica that divides {self.ranks}"
            )
        self.plan()

    @property
    def depth(self) -> int:
        """The ranks in a row that work on the same samples: of a pipeline its stages' ranks."""
        if self.strategy in GRIDS:
            return self.per_replica
        return self.ranks if self.strategy in ("pipeline", "tensor") else 1

    @property
    def replicas(self) -> int:
        """In how many parts the rows of a batch are shared."""
        return self.ranks // self.depth

    def plan(self) -> Schedule | None:
        """Return the schedule of one pipeline; None for a strategy without one."""
        if self.strategy not in PIPELINES:
            return None
        return make_schedule(self.schedule, self.depth, self.micro_batches, self.chunks)

    def options(self) -> dict[str, Any]:
        """Return what `make_strategy` takes besides the name."""
        pipeline = {"micro_batches": self.micro_batches, "schedule": self.schedule,
                    "chunks": self.chunks}  # fmt: skip
        by_name: dict[str, dict] = {
            "data": {"buckets": self.buckets},
            "local_sgd": {"local_steps": self.local_steps},
            "pipeline": pipeline,
            "data_tensor": {"tensor": self.per_replica},
            "data_pipeline": pipeline | {"pipeline": self.per_replica},
        }
        return by_name.get(self.strategy, {})
