"""What a ClusterLab says: how the step was made, what it cost, and how the run stands."""

from course.parallel import Step
from course.parallel.memory import Memory
from course.parallel.setup import PIPELINES

from ..common.stills.scales import number
from .session import STRATEGY_WORDS, Session

ROUNDING = 1e-4  # what of it is left in float32 differs from processor to processor
KINDS = {"weights": "weights", "gradients": "gradients", "optimiser": "optimiser state",
         "activations": "activations"}  # fmt: skip


def size(n_bytes: float) -> str:
    """Return bytes as 98.4 kB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{number(n_bytes / factor)} {unit}"
    return f"{n_bytes:.0f} B"


def duration(seconds: float) -> str:
    """Return seconds as 2.61 ms."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= factor:
            return f"{number(seconds / factor)} {unit}"
    return f"{number(seconds / 1e-9)} ns"


def share(part: float) -> str:
    return f"{100 * part:.0f} %"


def way(setup) -> str:
    """Return how a step is made, as 'pipeline on 4 ranks, 1f1b, 8 micro-batches'."""
    words = f"{STRATEGY_WORDS[setup.strategy]} on {count(setup.ranks, 'rank')}"
    if setup.strategy in ("data_tensor", "data_pipeline"):
        words += f", {setup.per_replica} in each of {count(setup.replicas, 'replica')}"
    if setup.strategy in PIPELINES:
        words += f", {setup.schedule}, {count(setup.micro_batches, 'micro-batch', 'es')}"
        words += f", {setup.chunks} stages a rank" if setup.chunks > 1 else ""
    if setup.strategy == "data" and setup.buckets > 1:
        words += f", {setup.buckets} buckets"
    if setup.strategy == "local_sgd":
        words += f", weights averaged every {count(setup.local_steps, 'step')}"
    return words


def count(n: int, what: str, plural: str = "s") -> str:
    return f"{n} {what}{plural if n != 1 else ''}"


def mean_use(step: Step) -> dict[str, float]:
    """Return the shares of all ranks' time that they compute, communicate and are idle."""
    whole = step.seconds * step.setup.ranks or 1.0
    return {name: sum(getattr(use, name) for use in step.time) / whole
            for name in ("compute", "communication", "idle")}  # fmt: skip


def fullest(memory: list[Memory]) -> int:
    """Return the rank that keeps most."""
    return max(range(len(memory)), key=lambda rank: memory[rank].total)


def speak(session: Session, step: Step, at: int | None) -> str:
    """Return the state in a few sentences.

    Args:
        session: the run.
        step: that is on show.
        at: its number; None: it is the next one, as it will be.
    """
    use, rank = mean_use(step), fullest(step.memory)
    when = f"Step {at}" if at else f"The next step, {session.step_count + 1},"
    said = (f"{when} by {way(step.setup)} takes {duration(step.seconds)}: {number(step.speed_up)} "
            f"times as fast as one rank, efficiency {share(step.efficiency)}. Of the ranks' time "
            f"{share(use['compute'])} is computation, {share(use['communication'])} communication, "
            f"{share(use['idle'])} idle. {size(sum(step.bytes_sent.values()))} are sent. Most "
            f"memory: rank {rank} with {size(step.memory[rank].total)}.")  # fmt: skip
    if not session.step_count:
        return said
    record = session.records[(at or session.step_count) - 1]
    return f"{said} Loss {number(record.loss, 4)}{agreement(session)}"


def agreement(session: Session) -> str:
    """Return how the weights compare with those of one process."""
    gap = number(session.gap, 1) if session.gap > ROUNDING else f"less than {number(ROUNDING, 1)}"
    if session.local_since:
        return (f". Local SGD, of which step {session.local_since} was the first, is another "
                f"algorithm: the weights are up to {gap} from those of one process.")  # fmt: skip
    return f"; after step {session.step_count} the weights are those of one process to {gap}."


def drawn() -> str:
    """Return what the picture shows."""
    return (
        "A timeline with a row for each rank: computation, below it messages and collectives; what "
        "is blank is idle. By step: the loss, beside that of one process, the time of a step, and "
        "the efficiency. Bars: memory of each rank by kind, and bytes sent by kind."
    )


def heads(session: Session, step: Step, at: int | None) -> list[tuple[str, str]]:
    """Return the headline numbers."""
    known = session.records[(at or session.step_count) - 1] if session.step_count else None
    return [
        ("step", f"{at or session.step_count:,}"),
        ("loss", number(known.loss) if known else "–"),
        ("a step takes", duration(step.seconds)), ("speed-up", f"×{number(step.speed_up)}"),
        ("efficiency", share(step.efficiency)), ("sent", size(sum(step.bytes_sent.values()))),
        ("most memory", size(max(memory.total for memory in step.memory))),
    ]  # fmt: skip


def report(session: Session, step: Step, at: int | None) -> str:
    """Return all numbers of a step in plain text."""
    lines = [speak(session, step, at), "", step.timeline.draw(60), ""]
    names = ["rank", "compute", "communication", "idle", *KINDS.values(), "total"]
    rows = [names]
    for rank, (use, memory) in enumerate(zip(step.time, step.memory, strict=True)):
        shares = [share(part / (step.seconds or 1.0)) for part in use]
        rows.append([str(rank), *shares, *map(size, memory), size(memory.total)])
    widths = [max(len(row[k]) for row in rows) for k in range(len(names))]
    lines += ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    sent = ", ".join(f"{kind} {size(n)}" for kind, n in sorted(step.bytes_sent.items()) if n)
    lines += ["", f"sent: {sent or 'nothing'}",
              "efficiency: time of one rank ÷ (ranks × time of the step)"]  # fmt: skip
    return "\n".join(lines)
