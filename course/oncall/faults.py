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

DAYS, DEVICES = 54, 16_384  # that the table counts

KINDS = {
    "dead": "a rank dies", "straggler": "a rank is slow", "flipped": "a bit flips in a weight",
    "nan": "a rank's gradient has NaN", "shard": "a shard has wrong labels",
    "spike": "a batch has broken inputs", "corrupt": "a checkpoint is damaged on disk",
}  # fmt: skip

INTERRUPTIONS = [  # (published cause, how many, our kinds: an even share of it each)
    ("Faulty GPU", 148, ("dead",)), ("GPU HBM3 Memory", 72, ("flipped",)),
    ("Software Bug", 54, ("shard", "spike")), ("Network Switch/Cable", 35, ("straggler",)),
    ("Host Maintenance", 32, ("dead",)), ("GPU SRAM Memory", 19, ("flipped",)),
    ("GPU System Processor", 17, ("nan",)), ("NIC", 7, ("dead",)),
    ("NCCL Watchdog Timeouts", 7, ("straggler",)), ("Silent Data Corruption", 6, ("flipped",)),
    ("GPU Thermal Interface + Sensor", 6, ("straggler",)), ("SSD", 3, ("corrupt",)),
    ("Power Supply", 3, ("dead",)), ("Server Chassis", 2, ("dead",)),
    ("IO Expansion Board", 2, ("corrupt",)), ("Dependency", 2, ("shard", "spike")),
    ("CPU", 2, ("dead",)), ("System Memory", 2, ("flipped",)),
]  # fmt: skip

STEP = 6.0  # modelled seconds of a step of four healthy ranks
EVERY = 360.0  # modelled seconds from one fault to the next, on average
SPEED_UP = DAYS * 86_400 / sum(count for _, count, _ in INTERRUPTIONS) / EVERY
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
    for _, count, kinds in INTERRUPTIONS:
        for kind in kinds:
            found[kind] += count / len(kinds)
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
