"""A plan whose every number may be turned. It knows no screen.

What is planned is kept as the JSON that `course plan` takes, and checked by `course.planner` after
each turn: what cannot be is refused, and nothing changes.
"""

import json
import math
from copy import deepcopy
from dataclasses import asdict, replace

from course import CourseError
from course.errors import check_choice, check_count
from course.planner.searching import divisors, possible_counts
from course.planner.spec import SEARCH, Spec

from .answers import Answer, answer
from .fields import OWN, RUN, fields_of, make_spec, plain, settled, without_none
from .presets import preset_of

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
KNOBS = ("preset", "layout", "devices", *LAYOUT, *MODEL, *RUN)


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
