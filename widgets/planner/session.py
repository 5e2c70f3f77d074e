"""A plan whose every number may be turned. It knows no screen.

What is planned is kept as the JSON that `course plan` takes, and checked by `course.planner` after
each turn: what cannot be is refused, and nothing changes.
"""

import json
import math
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from course import CourseError
from course.errors import check_choice, check_count, shown
from course.planner.devices import DEVICES, Device
from course.planner.layer_time import layer_time
from course.planner.layout import Layout
from course.planner.machine import Machine
from course.planner.planning import nothing_fits
from course.planner.plans import Plan, evaluate
from course.planner.searching import divisors, possible_counts, search, smallest
from course.planner.spec import SEARCH, Spec, spec_of

from .presets import model_fields, preset_of

MOST_DEVICES = 10_000  # of the slider and of the curve
KEPT = 2_000  # plans that a session remembers
MODEL = (
    "layers", "hidden", "heads", "kv_heads", "ffn", "gated", "vocab", "sequence", "tied",
    "experts", "experts_per_token", "shared_experts",
)  # fmt: skip
LAYOUT = (
    "data", "tensor", "pipeline", "context", "chunks", "micro_batch", "zero", "recompute",
    "sequence_parallel", "schedule",
)  # fmt: skip
RUN = ("device", "precision", "stack", "optimiser", "batch", "tokens", "price")
KNOBS = ("preset", "layout", "devices", *LAYOUT, *MODEL, *RUN)
OWN = ""  # the preset of a plan that no preset gives


class Causes(NamedTuple):
    """Seconds of a step by what they go to; they add up to the step."""

    computation: float
    """Forward and backward passes of the layers."""
    recomputation: float
    """What is computed again in the backward pass."""
    tensor: float
    """Traffic of tensor-parallel ranks that is not hidden."""
    head: float
    """Logits and loss."""
    messages: float
    """Between stages of the pipeline, unless hidden."""
    bubble: float
    """In which a rank of the pipeline waits."""
    data: float
    """Gradients and weights between replicas, unless hidden."""
    optimiser: float
    """The update."""


@dataclass(frozen=True)
class Answer:
    """What a spec comes to.

    Attributes:
        plan: of the layout that is given or found; the smallest one if none fits.
        why_not: why no layout fits, when the planner has searched in vain; else "".
    """

    plan: Plan
    why_not: str = ""


def answer(spec: Spec) -> Answer:
    """Return the plan of a spec, without the planner's words; they take longer.

    Raises:
        CourseError: when no layout divides the devices.
    """
    if isinstance(spec.layout, Layout):
        return Answer(evaluate(spec, spec.layout))
    result = search(spec)
    if result.best:
        return Answer(result.best[0])
    least = smallest(spec)
    if least is None:
        raise CourseError(nothing_fits(spec, result))
    return Answer(least, nothing_fits(spec, result))


def causes(plan: Plan) -> Causes:
    """Return where the seconds of a step go; the layers' are divided further."""
    spec, layout, times = plan.spec, plan.layout, plan.times
    machine = spec.machine
    silent = replace(machine.stack, without=machine.stack.without | {"tensor traffic"})
    quiet = layer_time(spec.model, layout, Machine(machine.device, silent, machine.eight_bits))
    n = layout.micro_batches(spec.batch) * layout.stage_layers(spec.model.layers)
    again, computing = n * quiet.again, n * (quiet.forward + quiet.backward)
    return Causes(
        computing, again, max(0.0, times.layers - computing - again), times.head, times.messages,
        times.bubble, times.data_parallel, times.optimiser,
    )  # fmt: skip


class Session:
    """A plan that is turned.

    Args:
        start: a preset's name, the fields of a spec, or a `Spec`.
        knobs: turned one after another at the start.

    Attributes:
        fields: what is planned, as JSON has it; None means the default.
        preset: its name as long as nothing but `devices` differs from it; else `OWN`.
        now: the `Answer` on show.
        before: the one before the last turn; None at the start.

    Raises:
        CourseError: for what cannot be planned.
    """

    def __init__(self, start: object, **knobs):
        self._known: dict[Spec, Answer] = {}
        self.fields, self.preset = fields_of(start)
        self.spec = make_spec(self.fields)
        self.now = self.answer(self.spec)
        self.before: Answer | None = None
        for knob, value in knobs.items():
            self.turn(knob, value)
        self.before = None
        self._start = (self.fields, self.preset)

    def reset(self) -> None:
        """Go back to where it began."""
        self._take(*self._start)

    def answer(self, spec: Spec) -> Answer:
        """Return the plan of a spec; one that was asked before is known."""
        if spec not in self._known:
            found = answer(spec)
            while len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[spec] = found
        return self._known[spec]

    # ---- knobs ------------------------------------------------------------------------------

    def knobs(self) -> dict[str, object]:
        """Return all knobs as they stand; those of the layout as they are planned."""
        layout, spec = self.now.plan.layout, self.spec
        model = {name: getattr(spec.model, name) for name in MODEL}
        run = {name: getattr(spec, name) for name in RUN} | {"device": spec.device.name}
        return {
            "preset": self.preset, "layout": SEARCH if self.searches else "by hand",
            "devices": spec.devices, **{name: getattr(layout, name) for name in LAYOUT}, **model,
            **run, "price": spec.dollars_an_hour,
        }  # fmt: skip

    @property
    def searches(self) -> bool:
        """Whether the planner chooses the layout."""
        return self.fields["layout"] == SEARCH

    def turn(self, knob: str, value) -> None:
        """Turn a knob.

        A knob of the layout takes over what a search has found. With the layout by hand, `data` is
        what the other factors leave of the devices; turned itself, it changes the devices.

        Args:
            knob: of `KNOBS`.
            value: as in the JSON of `course plan`; None: the default. preset: a name. layout:
                'search' or 'by hand'.

        Raises:
            CourseError: for a value that cannot be; nothing changes then.
        """
        check_choice("knob", knob, KNOBS)
        if knob == "preset":
            if value != OWN:
                chosen = preset_of(value)
                self._take(deepcopy(chosen.fields), chosen.name)
            return
        try:
            fields = self._turned(knob, plain(value))
            preset = self.preset if fields == self.fields or knob == "devices" else OWN
            self._take(fields, preset)
        except CourseError as error:
            raise CourseError(f"{error}{self._nearby(knob, value)}") from None

    def _take(self, fields: dict, preset: str) -> None:
        spec = make_spec(fields)
        now = self.answer(spec)
        if spec == self.spec:
            self.fields, self.preset = fields, preset
            return
        self.before = self.now
        self.fields, self.preset, self.spec, self.now = fields, preset, spec, now

    def _turned(self, knob: str, value) -> dict:
        """Return the fields after a turn."""
        fields = deepcopy(self.fields)
        if knob in MODEL:
            fields["model"][knob] = value
        elif knob in RUN:
            fields[knob] = value
            if knob == "device":
                fields["stack"] = fields["price"] = None  # those of the device
        elif knob == "devices":
            fields["devices"] = value
            if not self.searches:
                fields["layout"].pop("data", None)
        elif knob == "layout":
            check_choice("layout", value, (SEARCH, "by hand"))
            fields["layout"] = SEARCH if value == SEARCH else asdict(self.now.plan.layout)
        else:
            layout = asdict(self.now.plan.layout) | {knob: value}
            fields["layout"] = settled(layout, knob, self.spec.model.layers)
            if knob == "data":
                count = check_count("layout.data", value, 1, 10**6, "a whole number")
                others = self.now.plan.layout
                fields["devices"] = count * others.devices // others.data
            else:
                fields["layout"].pop("data")
        return fields

    # ---- numbers of devices -----------------------------------------------------------------

    def counts(self) -> list[int]:
        """Return the numbers of devices that can be planned as all else stands, in order."""
        if self.searches:
            return possible_counts(self.spec, MOST_DEVICES)
        layout, batch = self.now.plan.layout, self.spec.batch
        one = layout.devices // layout.data
        found = []
        for data in divisors(batch // layout.micro_batch if batch % layout.micro_batch == 0 else 1):
            m = batch // data // layout.micro_batch
            if data * one <= MOST_DEVICES and (layout.chunks == 1 or m % layout.pipeline == 0):
                found.append(data * one)
        return found or [self.spec.devices]

    def offers(self) -> dict[str, list[int]]:
        """Return the values of the layout's factors that divide what they must, by knob."""
        model, batch, layout = self.spec.model, self.spec.batch, self.now.plan.layout
        one = layout.devices // layout.data
        whole = {
            "tensor": math.gcd(model.kv_heads, model.ffn), "pipeline": model.layers,
            "context": model.sequence, "chunks": max(model.layers // layout.pipeline, 1),
            "micro_batch": max(batch // layout.data, 1),
        }  # fmt: skip
        found = {knob: divisors(n) for knob, n in whole.items()}
        return found | {"data": [n for n in divisors(batch) if n * one <= MOST_DEVICES] or [1]}

    def nearest(self, devices: float) -> int:
        """Return the number of devices that can be planned nearest to one, by their ratio."""
        return min(self.counts(), key=lambda n: abs(math.log(n / max(devices, 0.5))))

    def with_devices(self, devices: int) -> Spec:
        """Return what is planned, on so many devices."""
        if self.searches:
            return replace(self.spec, devices=devices)
        layout = self.now.plan.layout
        one = layout.devices // layout.data
        return replace(self.spec, devices=devices, layout=replace(layout, data=devices // one))

    def curve(self) -> dict[int, Answer]:
        """Return the plans by their number of devices: with a search, those that are known."""
        found = {}
        for n in self.counts():
            spec = self.with_devices(n)
            if spec in self._known or not self.searches:
                found[n] = self.answer(spec)
        return found

    def _nearby(self, knob: str, value) -> str:
        """Return which numbers of devices beside a refused one can be."""
        if knob != "devices" or isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        counts = self.counts()
        if not 1 <= value <= 10**6 or value in counts:
            return ""
        below, above = [n for n in counts if n < value][-1:], [n for n in counts if n > value][:1]
        near = " and ".join(f"{n:,}" for n in below + above)
        return f". Nearest that can be: {near}"

    # ---- to take along ----------------------------------------------------------------------

    def recipe(self) -> dict:
        """Return what is planned as `course plan` takes it; defaults are left out."""
        fields = without_none(self.fields)
        json.dumps(fields)
        return fields


# ---- fields -------------------------------------------------------------------------------------


def fields_of(start: object) -> tuple[dict, str]:
    """Return the fields of a start, and the preset that it is.

    Raises:
        CourseError: for what is neither a preset's name nor a spec.
    """
    if isinstance(start, str):
        preset = preset_of(start)
        return deepcopy(preset.fields), preset.name
    if isinstance(start, Spec):
        start = vars(start) | {
            "model": model_fields(start.model),
            "device": device_fields(start.device),
        }
    if not isinstance(start, dict):
        raise CourseError(
            f"start = {shown(start)} is no plan; take a preset's name, a Spec, or the dict that "
            "recipe() gives"
        )
    spec = spec_of(without_none(start))
    fields = {name: start.get(name) for name in ("model", "devices", "device", "batch", *RUN)}
    fields |= {"precision": spec.precision, "optimiser": spec.optimiser}
    layout = asdict(spec.layout) if isinstance(spec.layout, Layout) else SEARCH
    return deepcopy(fields | {"layout": layout}), OWN


def device_fields(device: Device) -> object:
    """Return a device as JSON has it: its name, or its numbers if they are others."""
    return device.name if DEVICES.get(device.name) == device else asdict(device)


def make_spec(fields: dict) -> Spec:
    """Return the spec of fields, or raise `CourseError`."""
    return spec_of(without_none(fields))


def without_none(value):
    """Return nested dicts without the entries that are None."""
    if not isinstance(value, dict):
        return value
    return {name: without_none(one) for name, one in value.items() if one is not None}


def settled(layout: dict, knob: str, layers: int) -> dict:
    """Return a layout whose schedule and chunks go together after one of them was turned."""
    if knob == "schedule":
        if layout["schedule"] != "interleaved":
            layout["chunks"] = 1
        elif layout["chunks"] == 1:
            per_stage = layers // layout["pipeline"] if layers % layout["pipeline"] == 0 else 1
            layout["chunks"] = next((v for v in divisors(per_stage) if v > 1), 1)
    elif knob in ("chunks", "pipeline"):
        if knob == "pipeline" and layout["pipeline"] == 1:
            layout["chunks"], layout["schedule"] = 1, "1f1b"
        elif knob == "chunks":
            many = layout["chunks"] != 1
            same = many == (layout["schedule"] == "interleaved")
            layout["schedule"] = layout["schedule"] if same else "interleaved" if many else "1f1b"
    return layout


def plain(value):
    """Return a whole number as an int, anything else as it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
