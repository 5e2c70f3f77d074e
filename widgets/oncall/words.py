"""What an OnCallLab says: how the job stands, what came as alarms, and at the end the truth."""

from course.oncall import OnCall, Score

from ..common.stills.scales import number

DRAWN = (
    "Over the clock: the loss of the batch, the gradient's norm of each rank and of their sum, and "
    "the seconds that each rank computes. Beside it, a row for each rank: when it trains, when it "
    "stands, when it is down; a row of checkpoints; and where the time goes."
)
SAYS = {
    "roll_back": "roll back to batch {batch}", "evict": "evict rank {rank}",
    "spare": "call a spare", "skip_batch": "skip batch {batch}",
    "skip_shard": "skip the shard of rank {rank}", "save": "checkpoint now",
    "interval": "a checkpoint each {steps} steps", "check": "check the {what}",
}  # fmt: skip
SHORT = {
    "roll_back": "back to {batch}", "evict": "evict {rank}", "spare": "spare",
    "skip_batch": "skip {batch}", "skip_shard": "skip shard {rank}", "save": "save",
    "interval": "each {steps}", "check": "check",
}  # fmt: skip


def minutes(seconds: float) -> str:
    """Return seconds as 4:35."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def share(part: float) -> str:
    return f"{100 * part:.0f} %"


def action(done: dict, table: dict[str, str] = SAYS) -> str:
    """Return an action of a recipe in words."""
    return table[done["do"]].format(**done)


def apparent(session: OnCall) -> float:
    """Return the goodput as an operator sees it: nobody knows yet which numbers are wrong."""
    score = session.score()
    spent = score.seconds
    return (spent["useful"] + spent["damaged"]) / score.wall if score.wall else 1.0


def status(session: OnCall, slot: int) -> str:
    """Return how a rank stands."""
    machine = session.machines[slot]
    if machine is None:
        waiting = [s for s in range(4) if session.machines[s] is None].index(slot)
        due = sorted(session.spares)
        if waiting < len(due):
            return f"spare in {minutes(max(due[waiting] - session.clock, 0))}"
        return "no rank"
    if machine.is_dead:
        return "no answer"
    if session.is_down:
        return "stands"
    last = session.readings[-1] if session.readings else None
    seconds = last.seconds[slot] if last else float("nan")
    return f"{seconds:.1f} s" if seconds == seconds else "ready"


def heads(session: OnCall) -> list[tuple[str, str]]:
    """Return the headline numbers."""
    last = next((r for r in reversed(session.readings[-300:]) if r.batch is not None), None)
    good = session.score().goodput if session.is_over else apparent(session)
    return [
        (f"of {minutes(session.length)} min", minutes(session.clock)),
        ("next batch", f"{session.batch:,}"), ("loss", number(last.loss) if last else "–"),
        ("ranks", "down" if session.is_down else f"{len(session.ranks)} of 4"),
        ("since checkpoint", minutes(session.clock - session.checkpoints[-1].clock)),
        ("goodput" if session.is_over else "goodput so far", share(good)),
    ]  # fmt: skip


def speak(session: OnCall, compared: tuple[Score, Score, float] | None) -> str:
    """Return the state in a few sentences; compared: after the end, see `OnCallLab.compared`."""
    when = f"Minute {minutes(session.clock)} of {minutes(session.length)}"
    if compared:
        return f"{when}: the drill is over. {verdict(session, compared)}"
    ranks = "; ".join(f"rank {slot} {status(session, slot)}" for slot in range(4))
    stands = "The job is down: nothing runs until it is rolled back. " if session.is_down else ""
    newest = session.checkpoints[-1]
    alarm = f" Last alarm: {session.alarms[-1][1]}." if session.alarms else ""
    return (f"{when}, next batch {session.batch}. {stands}{ranks}. Newest checkpoint: before batch "
            f"{newest.batch}, {minutes(session.clock - newest.clock)} old.{alarm}")  # fmt: skip


def verdict(session: OnCall, compared: tuple[Score, Score, float]) -> str:
    """Return how the operator did."""
    pilot, knows, sound = compared
    return (f"Goodput {share(session.score().goodput)}; the autopilot reaches "
            f"{share(pilot.goodput)}, who knows the plan {share(knows.goodput)}. The loss on test "
            f"rows is {number(session.test_loss())}; without faults and checkpoints it would be "
            f"{number(sound)}.")  # fmt: skip


def log(session: OnCall) -> list[tuple[float, str, str]]:
    """Return (clock, "alarm", "action" or "truth", words), in order; the truth after the end."""
    lines = [(at, "alarm", said) for at, said in session.alarms]
    lines += [(done["at"], "action", action(done)) for done in session.done]
    if session.is_over:
        lines += [(one.clock, "truth", one.words) for one in session.truth]
    order = {"truth": 0, "alarm": 1, "action": 2}
    return sorted(lines, key=lambda line: (line[0], order[line[1]]))


def debriefing(session: OnCall, compared: tuple[Score, Score, float]) -> str:
    """Return what happened, what was done, and where the time went."""
    said = {"truth": "happened", "alarm": "alarm", "action": "you"}
    lines = [f"{minutes(at):>6}  {said[kind]:8}  {words}" for at, kind, words in log(session)]
    pilot, knows, _ = compared
    mine = session.score()
    table = [f"{'minutes':12}{'you':>9}{'autopilot':>11}{'possible':>10}"]
    for part in mine.seconds:
        numbers = (s.seconds[part] / 60 for s in (mine, pilot, knows))
        table.append("{:12}{:9.1f}{:11.1f}{:10.1f}".format(part, *numbers))
    return "\n".join([verdict(session, compared), "", *lines, "", *table])
