"""What is planned, as the JSON of `course plan`: from a start, and with one field changed."""

from copy import deepcopy
from dataclasses import asdict

from course import CourseError
from course.errors import shown
from course.planner.devices import DEVICES, Device
from course.planner.layout import Layout
from course.planner.searching import divisors
from course.planner.spec import SEARCH, Spec, spec_of

from .presets import model_fields, preset_of

RUN = ("device", "precision", "stack", "optimiser", "batch", "tokens", "price")
OWN = ""  # the preset of a plan that no preset gives


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
