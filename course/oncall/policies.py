"""Operators: one who does nothing, a simple written policy, and one who knows what is wrong.

A policy is called before each step, and acts. `fly` lets one do a whole drill.
"""

import math
from collections.abc import Callable
from statistics import median

from .actions import SPAN
from .drill import OnCall
from .records import Reading, is_finite

SLOW, OFTEN = 1.4, 3  # times the median of the ranks, in so many steps in a row
LOOK = 40  # steps from one comparison of the weights to the next

PAYS = {"straggler": 240.0, "flipped": 30.0, "nan": 0.0}  # seconds left that a spare needs
AHEAD = 20.0  # seconds: a checkpoint and a step

Policy = Callable[[OnCall], None]


def do(drill: OnCall, action: str, **named) -> None:
    """Act, unless the last action took what was left of the time."""
    if not drill.is_over:
        drill.act(action, **named)


def nothing(drill: OnCall) -> None:
    """Do nothing."""


class Autopilot:
    """The policy that a team might write down on the first day. It sees what an operator sees.

    1. Every 40 steps compare the weights; replace a rank that differs. When no majority agrees,
       roll back to before the last time they did.
    2. A rank that computes 1.4 times as long as the others in three steps is replaced.
    3. When a gradient is not finite, replace the rank whose own was the first, and roll back.
    4. When the loss jumps, roll back and skip the batch.
    5. When the job is down, replace the dead, and roll back; a checkpoint that fails is given up.

    It never looks at the norms by rank, and it leaves the checkpoint interval as it is.
    """

    def __init__(self) -> None:
        self.seen = 0  # alarms
        self.looked = 0  # the number of readings at the last comparison
        self.sure = 0  # the batch before which all weights agreed
        self.begin = 0  # the number of readings at the last roll-back

    def __call__(self, drill: OnCall) -> None:
        readings = drill.readings
        if drill.is_down:
            for slot in drill.silent:
                replace(drill, slot)
            self.roll_back(drill, drill.batch)
        elif readings and not is_finite(readings[-1]) and readings[-1].batch is not None:
            ran = [r for r in readings[self.begin :] if r.batch is not None]
            first = next(r for r in ran if not is_finite(r))
            sick = [slot for slot in first.ranks if not math.isfinite(first.norms[slot])]
            if len(sick) == 1:
                replace(drill, sick[0])
            self.roll_back(drill, first.batch or 0)
        elif any("times the median" in words for _, words in drill.alarms[self.seen :]):
            batch = readings[-1].batch or 0
            do(drill, "skip_batch", batch=batch)
            self.roll_back(drill, batch)
        else:
            for slot in slow_ranks(readings[self.begin :]):
                replace(drill, slot)
                self.begin = len(readings)
            if len(readings) - self.looked >= LOOK:
                self.looked = len(readings)
                do(drill, "check", what="weights")
                for slot in drill.differing:
                    replace(drill, slot)
                if drill.agree:
                    self.sure = drill.batch
                elif not drill.differing:
                    self.roll_back(drill, self.sure)
        self.seen = len(drill.alarms)

    def roll_back(self, drill: OnCall, batch: int) -> None:
        """Roll back to the newest checkpoint up to a batch that was not seen to fail."""
        self.begin = len(drill.readings)
        good = [c for c in drill.checkpoints if c.batch <= batch and c.known is not False]
        do(drill, "roll_back", batch=good[-1].batch)


def replace(drill: OnCall, slot: int) -> None:
    """Evict a rank unless it is the last one, and call a spare."""
    if len(drill.ranks) > 1:
        do(drill, "evict", rank=slot)
        do(drill, "spare")


def slow_ranks(readings: list[Reading]) -> list[int]:
    """Return the slots whose ranks were much slower than the others in the last steps."""
    last = readings[-OFTEN:]
    if len(last) < OFTEN or any(r.batch is None or r.ranks != last[0].ranks for r in last):
        return []
    return [
        slot for slot in last[0].ranks
        if all(r.seconds[slot] > SLOW * median(r.seconds[k] for k in r.ranks) for r in last)
    ]  # fmt: skip


class Perfect:
    """An operator who knows the plan of faults: what could be reached.

    It cures each fault at once and at the least cost, and writes a checkpoint only before a fault
    that needs one. It prevents none.
    """

    def __init__(self) -> None:
        self.known = 0  # faults that have been dealt with

    def __call__(self, drill: OnCall) -> None:
        if not drill.readings:
            do(drill, "interval", steps=SPAN[1])
        struck = [one.fault for one in drill.truth[self.known :]]
        self.known = len(drill.truth)
        left, back = drill.length - drill.clock, None
        for fault in struck:
            machine = drill.machines[fault.slot]
            worth = PAYS.get(fault.kind, math.inf)
            if machine and not machine.is_dead and left > worth:
                replace(drill, fault.slot)
            if fault.kind == "nan" and not is_finite(drill.readings[-1]):
                back = drill.batch - 1
            if fault.kind == "spike":
                back = max(drill.feed.broken)
                do(drill, "skip_batch", batch=back)
        for shard in drill.feed.wrong:
            if shard not in drill.feed.skipped and drill.feed.in_shard(drill.batch, shard):
                do(drill, "skip_shard", rank=shard[0])
        for slot in drill.silent:
            replace(drill, slot)
        if drill.is_down or back is not None:
            good = [c for c in drill.checkpoints if c.is_whole() and not c.marks
                    and c.batch <= (drill.batch if back is None else back)]  # fmt: skip
            do(drill, "roll_back", batch=good[-1].batch)
        elif drill.since > 2 and self.is_due(drill):
            do(drill, "save")

    def is_due(self, drill: OnCall) -> bool:
        """Return whether a fault strikes next that needs a roll-back."""
        soon = [f for f in drill.plan[self.known :] if f.at < drill.clock + AHEAD]
        return any(f.kind in ("dead", "nan", "spike") for f in soon)


def fly(policy: Policy, drill: OnCall) -> OnCall:
    """Let a policy do the rest of a drill; return it."""
    while not drill.is_over:
        policy(drill)
        drill.step()
    return drill
