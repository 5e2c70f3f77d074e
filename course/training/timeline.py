"""Time travel: return to any past step exactly, and go on from there in another way.

To store the weights of every step would take gigabytes. So only some steps are stored (snapshots);
those between are trained again from the last snapshot before, with the same knob changes at the
same steps: the same bits (on a CPU). When the snapshots outgrow their memory, every second one is
dropped, and from then on they are taken half as often.

    timeline = Timeline(trainer)
    for _ in range(1000): timeline.step()
    timeline.go_to(300)                 back, exactly
    trainer.set("lr", 0.01)             from here another way: the old one stays as a branch
    for _ in range(1000): timeline.step()
"""

from dataclasses import dataclass, field

import numpy as np

from ..errors import check_count
from .history import COLUMNS
from .replay import replay
from .trainer import Trainer

EVERY = 200  # steps between two snapshots, at first: to train again takes some 50 ms
BRANCHES = 4  # at most
MEMORY = 64 * 2**20  # bytes for the snapshots of all branches


@dataclass(eq=False)
class Branch:
    """One run from its first step to its end."""

    snapshots: dict[int, dict] = field(default_factory=dict)
    """{step: snapshot}."""
    numbers: np.ndarray = field(default_factory=lambda: np.empty((0, len(COLUMNS))))
    """(steps, 4), as `History.numbers`."""
    knobs: list[tuple[int, str, object]] = field(default_factory=list)
    """[(step, knob, value)]."""
    evaluations: list[tuple] = field(default_factory=list)
    """What a lab measured; the first item of each entry is its step."""
    left_at: int | None = None
    """The step at which it parts from the run that it was branched off; None: the first branch."""
    parted_at: int = 0
    """The last step at which it parted from another branch: `left_at`, or where one left it."""

    @property
    def end(self) -> int:
        """The last step that was noted."""
        return len(self.numbers)

    def turned(self) -> list[tuple[int, str, object]]:
        """Return what was turned since it last parted from another branch, which names it.

        Returns:
            [(step, knob, value)], of each knob the last value at a step; without any branch, all
            turns of the run. Up to what `Timeline.note` has written down.
        """
        last = {(step, knob): value for step, knob, value in self.knobs if step >= self.parted_at}
        return [(step, knob, value) for (step, knob), value in last.items()]


class Timeline:
    """A trainer whose past can be returned to.

    Args:
        trainer: steps only through this timeline from now on.
        memory: bytes for the snapshots of all branches, 1 MiB to 1 TiB.

    Attributes:
        branches: at most four runs, the oldest first.
        current: the branch that is being trained.
        first: the step at which the timeline begins.
        every: steps between two snapshots.

    Raises:
        CourseError: for a memory outside the range.
    """

    def __init__(self, trainer: Trainer, memory: int = MEMORY):
        self.trainer = trainer
        self.memory = check_count("memory", memory, 2**20, 2**40, "bytes, 64 MiB is usual")
        self.every = EVERY
        self.branches = [Branch()]
        self.current = self.branches[0]
        self.first = trainer.step_count
        self._keep()
        self.note()

    @property
    def end(self) -> int:
        """The last step that `go_to` takes."""
        return max(self.current.end, self.trainer.step_count)

    def step(self) -> None:
        """Train one step; in the past, a knob that has been turned there starts a branch."""
        t = self.trainer
        if self.in_the_past():
            self._follow_or_leave()
        t.step()
        # after a step, so before the knobs are turned there: going back, nothing is turned yet
        if t.step_count % self.every == 0 and t.step_count not in self.current.snapshots:
            self._keep()

    def in_the_past(self) -> bool:
        """Return whether the current branch goes on after the trainer's step."""
        return self.trainer.step_count < self.current.end

    def _follow_or_leave(self) -> None:
        """Go the known way, its knob changes included, unless a knob was turned differently."""
        t, known = self.trainer, self.current.knobs
        here = [change for change in t.history.knobs if change[0] == t.step_count]
        then = [change for change in known if change[0] == t.step_count]
        if here == then[: len(here)]:
            for _, knob, value in then[len(here) :]:
                t.set(knob, value)
        else:
            self.leave()

    def leave(self) -> None:
        """Start a branch here; what lies ahead stays in the old one."""
        here, old = self.trainer.step_count, self.current
        snapshots = {step: s for step, s in old.snapshots.items() if step <= here}
        evaluations = [e for e in old.evaluations if e[0] <= here]
        old.parted_at = max(old.parted_at, here)
        self.current = Branch(snapshots, evaluations=evaluations, left_at=here, parted_at=here)
        self.branches.append(self.current)
        if len(self.branches) > BRANCHES:
            self.branches.remove(
                next(b for b in self.branches if b is not old and b is not self.current)
            )

    def note(self) -> Branch:
        """Write down how far the current branch has come and return it; call before reading it."""
        history, branch = self.trainer.history, self.current
        if self.trainer.step_count >= branch.end:
            branch.numbers, branch.knobs = history.numbers(), list(history.knobs)
        return branch

    def go_to(self, step: int) -> None:
        """Make the trainer what it was after `step` steps.

        Raises:
            CourseError: for a step outside the current branch; nothing changes then.
        """
        branch = self.note()
        step = check_count("step", step, self.first, branch.end, "the steps of this run")
        self._restore(step)

    def _restore(self, step: int) -> None:
        t, branch = self.trainer, self.current
        start = max(s for s in branch.snapshots if s <= step)
        t.history.rewrite(branch.numbers[:start], [c for c in branch.knobs if c[0] < start])
        t.restore(branch.snapshots[start])
        replay(t, [c for c in branch.knobs if c[0] < step], step)

    def switch(self, index: int) -> None:
        """Go to the end of another branch.

        Args:
            index: its place in `branches`.

        Raises:
            CourseError: when there is none.
        """
        self.note()
        check_count("branch", index, 0, len(self.branches) - 1, "see `branches`")
        self.current = self.branches[index]
        self._restore(self.current.end)

    def _keep(self) -> None:
        self.current.snapshots[self.trainer.step_count] = self.trainer.snapshot()
        while self._bytes() > self.memory and any(len(b.snapshots) > 2 for b in self.branches):
            self.every *= 2
            for branch in self.branches:
                branch.snapshots = {
                    step: s
                    for step, s in branch.snapshots.items()
                    if step % self.every == 0 or step == self.first
                }

    def _bytes(self) -> int:
        """Return the bytes of all snapshots; shared ones count once."""
        distinct = {id(s): s for b in self.branches for s in b.snapshots.values()}
        return sum(map(size_of, distinct.values()))


def size_of(value) -> int:
    """Return the bytes of the tensors in nested dicts, lists and tuples."""
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(size_of, value))
    return value.nbytes if hasattr(value, "nbytes") else 0
