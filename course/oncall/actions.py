"""What an operator can do, and what it costs in modelled seconds.

roll_back(batch)     load the checkpoint before this batch on every rank    45 s
evict(rank)          go on without it                                       15 s
spare()              a machine comes in 240 s; its joining takes            15 s
skip_batch(batch)    do not read this batch again                            6 s
skip_shard(rank)     read other rows in place of this rank's shard           6 s
save()               write a checkpoint now                                 12 s
interval(steps)      from one checkpoint to the next                         0 s
check(what)          compare "weights" 6 s, or read all "checkpoints" 12 s
"""

from collections import Counter
from collections.abc import Callable

from ..errors import CourseError, check_choice, check_count, check_fields
from .job import JOINING, Job

RESTART, REGROUP, SKIP, COMPARE, VERIFY = 45.0, JOINING, 6.0, 6.0, 12.0  # seconds
ARRIVAL = 240.0  # seconds until a spare is there
SPAN = (5, 500)  # steps from one checkpoint to the next


def act(job: Job, do: str, named: dict) -> str:
    """Do what was asked; return what came of it.

    Raises:
        CourseError: for an unknown action, for bad numbers, and for what cannot be done now.
    """
    check_choice("do", do, ACTIONS, "an action of an operator")
    if job.is_over:
        raise CourseError("the drill is over; begin another one, or replay it")
    check_fields(do, named, ACTIONS[do], job)
    return ACTIONS[do](job, **named)


def roll_back(job: Job, batch: int) -> str:
    """Load a checkpoint on every rank. When it cannot be loaded, the job is down."""
    known = [checkpoint.batch for checkpoint in job.checkpoints]
    found = job.checkpoints[known.index(check_choice("batch", batch, known, "a checkpoint"))]
    job.spend("restarts", RESTART)
    if job.silent:
        job.is_down = True
        return told(job, f"the restart failed: rank {job.silent[0]} does not answer")
    if not found.is_whole():
        job.is_down, found.known = True, False
        return told(job, f"the restart failed: the checkpoint before batch {batch} is damaged")
    for slot in job.ranks:
        machine = job.machine(slot)
        machine.unpack(found.content)
        machine.marks = dict(found.marks)
    job.ledger.roll_back(found.steps)
    del job.checkpoints[known.index(batch) + 1 :]
    lost, job.batch = job.batch - batch, batch
    job.is_down, job.since, job.was_finite = False, 0, True
    return f"the job goes on from batch {batch}, {lost} batches back"


def told(job: Job, words: str) -> str:
    job.alarm(words)
    return words


def evict(job: Job, rank: int) -> str:
    """Go on without a rank; the others share its rows."""
    check_choice("rank", rank, job.ranks, "a rank of this job")
    if len(job.ranks) == 1:
        raise CourseError(f"rank = {rank} is the only one left; call a spare first")
    job.machines[rank] = None
    job.spend("restarts", REGROUP)
    return f"rank {rank} is out; {len(job.ranks)} share its rows"


def spare(job: Job) -> str:
    """Call a machine for an empty slot."""
    if job.machines.count(None) <= len(job.spares):
        raise CourseError("there is no empty place for a spare; evict a rank first")
    job.spares.append(job.clock + ARRIVAL)
    return f"a spare comes in {ARRIVAL:g} s"


def skip_batch(job: Job, batch: int) -> str:
    """Do not read a batch again; it stays in the weights until a roll-back to before it."""
    batch = check_count("batch", batch, 0, 10**6, "the number of a batch")
    job.feed.skipped.add(batch)
    job.spend("checks", SKIP)
    return f"batch {batch} is skipped from now on"


def skip_shard(job: Job, rank: int) -> str:
    """Read other rows in place of the shard that this rank's place reads now."""
    rank = check_count("rank", rank, 0, 3, "the place of a rank")
    job.feed.skip_shard(rank, job.batch)
    job.spend("checks", SKIP)
    return f"the shard of rank {rank} is skipped from now on"


def save(job: Job) -> str:
    """Write a checkpoint now."""
    if job.is_down:
        raise CourseError("the job is down, and there is nothing to save; roll back first")
    job.save()
    return f"a checkpoint before batch {job.batch} is written"


def interval(job: Job, steps: int) -> str:
    """Write a checkpoint each so many steps."""
    job.interval = check_count("steps", steps, *SPAN, "from one checkpoint to the next")
    return f"a checkpoint each {job.interval} steps"


def check(job: Job, what: str) -> str:
    """Compare the ranks' weights by checksum, or all checkpoints with their digests."""
    check_choice("what", what, ("weights", "checkpoints"))
    if what == "checkpoints":
        job.spend("checks", VERIFY)
        for one in job.checkpoints:
            one.known = one.is_whole()
        bad = [str(one.batch) for one in job.checkpoints if not one.known]
        return told(job, f"damaged checkpoints: before batch {', '.join(bad)}" if bad
                    else f"all {len(job.checkpoints)} checkpoints are whole")  # fmt: skip
    if job.is_down:
        raise CourseError("the job is down, and no rank has weights to compare; roll back first")
    job.spend("checks", COMPARE)
    sums = {slot: job.machine(slot).checksum() for slot in job.ranks}
    ((most, votes), *_) = Counter(sums.values()).most_common(1)
    others = [str(slot) for slot, found in sums.items() if found != most]
    job.agree = not others
    job.differing = [int(slot) for slot in others] if 2 * votes > len(sums) else []
    if not others:
        words = f"the weights of {len(sums)} ranks agree"
    elif job.differing:
        words = f"the weights of rank {', '.join(others)} differ from the others'"
    else:
        words = "the weights differ, and no majority agrees: nobody can say which are right"
    listed = " ".join(f"{slot}:{found}" for slot, found in sums.items())
    return told(job, f"{words} ({listed})")


ACTIONS: dict[str, Callable[..., str]] = {
    "roll_back": roll_back, "evict": evict, "spare": spare, "skip_batch": skip_batch,
    "skip_shard": skip_shard, "save": save, "interval": interval, "check": check,
}  # fmt: skip
