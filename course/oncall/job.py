"""A job: four ranks train, and faults strike. Training is real, the clock is modelled.

Ranks in turn share each step by data parallel: tensors, an all-reduce, checkpoints with digests.
What they compute and send takes the time that `Costs` says, times some noise.
"""

import hashlib
import math
import random
from functools import partial
from statistics import median

import torch

from ..parallel.communicator import Communicator, Event, bytes_sent
from ..parallel.in_turn import Costs, InTurn
from .faults import DRILLS, KINDS, STEP, Fault, plan_faults
from .feed import LONG, ROWS, SLOTS, Feed
from .machines import Machine
from .records import Checkpoint, Reading, Struck, is_finite
from .score import Ledger, Score

TALKS = 1.0  # seconds of a healthy step that go to the all-reduce of four ranks
NOISE = 0.03  # a rank's computation takes 3 % more or less
HEALS = 40  # steps that the damage of a broken batch lasts
FOREVER, NAN = 10**9, -1  # how long damage lasts; the mark of weights that are not finite
KEPT = 5  # checkpoints, beside the first
WRITE, JOINING = 12.0, 15.0  # seconds
LOUD = 3.0  # an alarm comes when the loss is so many times its median
RECENT, FEW = 20, 5  # steps of that median, and the least of them


class Job:
    """A job in progress, without an operator.

    Args:
        drill: "short", "medium" or "long": 30, 60 or 120 modelled minutes.
        seed: of faults, weights, rows and noise.

    Attributes:
        clock: modelled seconds since the start.
        machines: by slot; None where there is no rank.
        batch: the number of the next batch.
        interval: steps from one checkpoint to the next.
        is_down: whether the job stands still until it is rolled back.
        readings, alarms, checkpoints: what an operator sees.
        truth: what has struck. No operator sees it.

    Raises:
        CourseError: for another drill, or a bad seed.
    """

    def __init__(self, drill: str = "short", seed: int = 0):
        self.plan = plan_faults(drill, seed)
        self.drill, self.seed, self.length = drill, int(seed), DRILLS[drill]
        self.clock, self.batch, self.interval, self.is_down = 0.0, 0, 50, False
        self.machines: list[Machine | None] = [Machine(self.seed) for _ in range(SLOTS)]
        self.feed = Feed(self._any().model.network, self.seed)
        self.dice = random.Random(self.seed)
        self.costs = costs_of(self._any())
        self.ledger = Ledger()
        self.readings: list[Reading] = []
        self.alarms: list[tuple[float, str]] = []
        self.truth: list[Struck] = []
        self.spares: list[float] = []  # when those that were called arrive
        self.was_finite = True  # the last gradient since the start or a roll-back
        self.agree, self.differing = True, list[int]()  # what the last check of weights found
        self.since = 0  # steps since the last checkpoint
        self.checkpoints = [self._packed()]

    # ---- reading --------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.clock >= self.length

    @property
    def ranks(self) -> list[int]:
        """The slots that have a rank."""
        return [slot for slot, machine in enumerate(self.machines) if machine]

    @property
    def silent(self) -> list[int]:
        """The ranks that do not answer."""
        return [slot for slot in self.ranks if self.machine(slot).is_dead]

    def machine(self, slot: int) -> Machine:
        """Return the rank in a slot that has one."""
        machine = self.machines[slot]
        assert machine is not None
        return machine

    def score(self) -> Score:
        """Return where the time went so far.

        What a job that is down had in memory is lost: all since the newest checkpoint.
        """
        whole = [c.steps for c in self.checkpoints if c.is_whole()]
        return self.ledger.score(whole[-1] if self.is_down else None)

    def test_loss(self) -> float:
        """Return the loss on the test rows of the first rank's weights."""
        model, data = self._any().model, self.feed.data
        with torch.inference_mode():
            return float(model.loss.value(model.network.predict(data.x_test), data.y_test))

    def _any(self) -> Machine:
        return self.machine(self.ranks[0])

    # ---- the clock ------------------------------------------------------------------------------

    def spend(self, part: str, seconds: float) -> None:
        """Let the clock go on without training."""
        self.clock += seconds
        self.ledger.spend(part, seconds)

    def alarm(self, words: str) -> None:
        """Tell the operator."""
        self.alarms.append((self.clock, words))

    # ---- a step ---------------------------------------------------------------------------------

    def step(self) -> bool:
        """Train one step, or stand still as long; return whether there is time left."""
        if self.is_over:
            return False
        self._join()
        if not self.is_down:
            self._strike()
        if self.is_down:
            self.spend("down", STEP)
            nothing = (math.nan,) * SLOTS
            self._read(STEP, None, math.nan, math.nan, nothing, nothing, tuple(self.ranks))
        else:
            self._train()
            if self.since >= self.interval and not self.is_over:
                self.save()
        return not self.is_over

    def _train(self) -> None:
        ranks, world = self.ranks, InTurn(len(self.ranks), self.costs)
        self.batch = self.feed.next(self.batch)
        X, Y, faults = self.feed.read(self.batch)
        for slot in ranks:
            machine = self.machine(slot)
            machine.tap.slowness = machine.slow * self.dice.uniform(1 - NOISE, 1 + NOISE)
        is_damaged = bool(faults) or any(self.machine(slot).marks for slot in ranks)
        made = world.run(partial(self._on_rank, ranks, X, Y))
        seconds = max(event.end for event in world.events)
        for slot in ranks:
            machine = self.machine(slot)
            machine.marks = {k: left - 1 for k, left in machine.marks.items() if left > 1}
            if self.batch in self.feed.broken:
                machine.marks[self.feed.broken[self.batch]] = HEALS
            is_damaged = is_damaged or not machine.is_finite()
        self.clock += seconds
        self.ledger.train(seconds, is_damaged)
        self.since += 1
        loss, norm, _ = made[0]
        self._read(seconds, self.batch, loss, norm, self._by_slot([own for *_, own in made]),
                   self._by_slot(computed(world.events, len(ranks))), tuple(ranks))  # fmt: skip
        self.batch += 1

    def _on_rank(self, ranks, X, Y, comm: Communicator) -> tuple[float, float, float]:
        return self.machine(ranks[comm.rank]).step(comm, X, Y)

    def _by_slot(self, values: list[float]) -> tuple[float, ...]:
        found = dict(zip(self.ranks, values, strict=True))
        return tuple(found.get(slot, math.nan) for slot in range(SLOTS))

    def _read(self, took, batch, loss, norm, norms, seconds, ranks) -> None:
        self.readings.append(Reading(self.clock, took, batch, loss, norm, norms, seconds, ranks))
        if batch is None:
            return
        before = [r.loss for r in self.readings[-RECENT - 1 : -1] if r.batch is not None]
        usual = median(before) if len(before) >= FEW else math.inf
        was_finite, self.was_finite = self.was_finite, is_finite(self.readings[-1])
        if was_finite and not self.was_finite:
            self.alarm(f"the gradient of batch {batch} is not finite")
        elif loss > LOUD * usual:
            self.alarm(f"the loss of batch {batch} is {loss / usual:.1f} times the median")

    def save(self) -> None:
        """Write a checkpoint, and let the oldest go."""
        self.spend("checkpoints", WRITE)
        self.checkpoints.append(self._packed())
        del self.checkpoints[1:-KEPT]
        self.since = 0

    def _packed(self) -> Checkpoint:
        """Return a checkpoint of now: the first rank writes it, with the damage it has."""
        machine = self._any()
        content, marks = machine.pack(), dict(machine.marks)
        if not machine.is_finite():
            marks[NAN] = FOREVER
        return Checkpoint(self.batch, self.clock, content, hashlib.sha256(content).hexdigest(),
                          len(self.ledger.steps), marks)  # fmt: skip

    def _join(self) -> None:
        """Let spares in that have arrived; what they know is a copy of the first rank's memory."""
        for due in [due for due in self.spares if due <= self.clock]:
            self.spares.remove(due)
            slot = self.machines.index(None)
            spare = Machine(self.seed)
            spare.copy_of(self._any())
            self.machines[slot] = spare
            if not self.is_down:
                self.spend("restarts", JOINING)
            self.alarm(f"a spare has joined as rank {slot}")

    # ---- faults ---------------------------------------------------------------------------------

    def _strike(self) -> None:
        while len(self.truth) < len(self.plan) and self.plan[len(self.truth)].at <= self.clock:
            fault = self.plan[len(self.truth)]
            words = self._hit(fault, len(self.truth))
            self.truth.append(Struck(fault, self.clock, words))

    def _hit(self, fault: Fault, number: int) -> str:
        """Do what a fault does; return it in words."""
        kind, slot = fault.kind, fault.slot
        if kind == "shard":
            block = self.batch // LONG + 1
            self.feed.wrong[slot, block] = number
            first, last = block * LONG, block * LONG + LONG - 1
            return f"shard {slot} has wrong labels in batches {first} to {last}"
        if kind == "spike":
            self.feed.broken[self.batch] = number
            return f"batch {self.batch} has inputs that are too large"
        if kind == "corrupt":
            return self._corrupt(fault.size)
        machine = self.machines[slot]
        if machine is None or machine.is_dead:
            return f"{KINDS[kind]}: nothing, as no rank runs in slot {slot}"
        if kind == "straggler":
            machine.slow = max(machine.slow, 1.5 + 2 * fault.size)
            return f"rank {slot} computes {machine.slow:.1f} times as long"
        if kind == "nan":
            machine.tap.is_sick = True
            return f"rank {slot} puts NaN into each gradient"
        if kind == "flipped":
            weight, bit = machine.flip(fault.size)
            machine.marks[number] = FOREVER
            return f"bit {bit} of weight {weight} flips on rank {slot}"
        machine.is_dead = self.is_down = True
        self.alarm(f"rank {slot} does not answer: the job is down")
        return f"rank {slot} dies"

    def _corrupt(self, place: float) -> str:
        newest = self.checkpoints[-1]
        if len(self.checkpoints) == 1:
            return "a checkpoint is damaged: nothing, as none is written yet"
        content = bytearray(newest.content)
        content[int(place * len(content))] ^= 1
        newest.content = bytes(content)
        return f"the checkpoint before batch {newest.batch} is damaged on disk"


def costs_of(machine: Machine) -> Costs:
    """Return costs by which a step of four healthy ranks takes `STEP` seconds."""
    model, rows = machine.model, ROWS // SLOTS
    flops = rows * sum(work.forward + work.backward for work in model.work)
    sent = bytes_sent("all_reduce", 4 * (len(model.theta) + 1), SLOTS)
    return Costs(latency=0.0, bandwidth=sent / TALKS, flops_per_second=flops / (STEP - TALKS))


def computed(events: list[Event], ranks: int) -> list[float]:
    """Return the seconds that each rank computed."""
    found = [0.0] * ranks
    for event in events:
        if event.kind == "compute":
            found[event.rank] += event.end - event.start
    return found
