"""What fails, how often, and when in a drill.

The rates are those of Llama 3's pre-training: 419 unexpected interruptions in 54 days on 16,384
GPUs, or one in 3.1 hours. A drill is shorter than that, so its faults come more often: `SPEED_UP`
times as often. Half of them are drawn by the published shares, half evenly by kind: so a rare kind
is met, too.

Source: Grattafiori et al. (2024), *The Llama 3 Herd of Models*, table 5. Which of our seven kinds
stands for a published cause is our choice. One choice matters: our ranks have no error-correcting
memory. What memory faults do here is to flip a bit; there they stopped the run.
"""

import random
from typing import NamedTuple

from ..errors import check_choice, check_seed
from ..planner.failures import INTERRUPTIONS, mean_time_between_failures

KINDS = {
    "dead": "a rank dies", "straggler": "a rank is slow", "flipped": "a bit flips in a weight",
    "nan": "a rank's gradient has NaN", "shard": "a shard has wrong labels",
    "spike": "a batch has broken inputs", "corrupt": "a checkpoint is damaged on disk",
}  # fmt: skip

STANDS_FOR = {  # a published cause: our kinds, an even share of it each
    "Faulty GPU": ("dead",), "GPU HBM3 memory": ("flipped",), "Software bug": ("shard", "spike"),
    "Network switch or cable": ("straggler",), "Host maintenance": ("dead",),
    "GPU SRAM memory": ("flipped",), "GPU system processor": ("nan",), "NIC": ("dead",),
    "NCCL watchdog timeouts": ("straggler",), "Silent data corruption": ("flipped",),
    "GPU thermal interface, sensor": ("straggler",), "SSD": ("corrupt",), "Power supply": ("dead",),
    "Server chassis": ("dead",), "IO expansion board": ("corrupt",),
    "Dependency": ("shard", "spike"), "CPU": ("dead",), "System memory": ("flipped",),
}  # fmt: skip

STEP = 6.0  # modelled seconds of a step of four healthy ranks
EVERY = 360.0  # modelled seconds from one fault to the next, on average
SPEED_UP = mean_time_between_failures() * 60 / EVERY
DRILLS = {"short": 1_800.0, "medium": 3_600.0, "long": 7_200.0}  # modelled seconds
FIRST = 120.0  # modelled seconds until the first fault may come


class Fault(NamedTuple):
    """One fault, as it is planned."""

    at: float
    """Modelled seconds from the start: it strikes before the next step."""
    kind: str
    """Of `KINDS`."""
    slot: int
    """The place of the rank, or of the shard, from 0 to 3."""
    size: float
    """In [0, 1): how slow, or which weight."""


def rates() -> dict[str, float]:
    """Return the published interruptions by kind of fault."""
    found = dict.fromkeys(KINDS, 0.0)
    for cause, kinds in STANDS_FOR.items():
        for kind in kinds:
            found[kind] += INTERRUPTIONS[cause] / len(kinds)
    return found


def weights() -> dict[str, float]:
    """Return the chance of each kind in a drill: half by the table, half even. They add up to 1."""
    table = rates()
    total = sum(table.values())
    return {kind: count / total / 2 + 0.5 / len(KINDS) for kind, count in table.items()}


def plan_faults(drill: str, seed: int) -> list[Fault]:
    """Return the faults of a drill, in the order of their times.

    As many as come on average, at even chances over its time: so come the events of a Poisson
    process, once their number is known.

    Args:
        drill: "short", "medium" or "long".
        seed: of times, kinds and places.

    Raises:
        CourseError: for another drill, or a bad seed.
    """
    length = DRILLS[check_choice("drill", drill, DRILLS)]
    dice = random.Random(f"{drill} {check_seed(seed)}")
    times = sorted(dice.uniform(FIRST, length) for _ in range(round(length / EVERY)))
    chances = weights()
    return [
        Fault(at, dice.choices([*chances], [*chances.values()])[0], dice.randrange(4),
              dice.random())
        for at in times
    ]  # fmt: skip
