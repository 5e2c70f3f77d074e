"""What is to be planned, from JSON: every field checked, each mistake one sentence.

{"model": {"layers": 96, "hidden": 12288, "heads": 96, "vocab": 51200, "sequence": 2048},
 "devices": 64, "device": "A100-80GB", "precision": "fp16", "optimiser": "adam",
 "batch": 64, "tokens": 3e11,
 "layout": {"tensor": 8, "pipeline": 8, "chunks": 3, "recompute": "full"}}
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import (
    CourseError,
    check_choice,
    check_count,
    check_fields,
    check_number,
    each_field_once,
    shown,
)
from .devices import Device, device_of
from .layout import Layout, check_layout
from .machine import Machine
from .memory import MOMENTS
from .model import Model
from .stacks import STACKS

PRECISIONS = ("fp16", "bf16", "fp8")
SEARCH = "search"
MOST_BYTES = 10**6  # of a file


@dataclass(frozen=True)
class Spec:
    """A training run to be planned.

    Attributes:
        model: its sizes, or a dict of them.
        devices: N, 1 to 1,000,000.
        device: a name of `DEVICES`, or a dict of numbers.
        batch: sequences of a step, on all devices.
        layout: how it is divided, a dict of that, or 'search'. Without `data`, the devices that the
            other factors leave.
        precision: 'fp16', 'bf16' or 'fp8'; weights are kept in 16 bits or more.
        optimiser: 'adam', 'adamw', 'momentum' or 'sgd'.
        tokens: of the whole training; None: days and cost are not known.
        stack: the software, a name of `STACKS`; default: Megatron of the device's time.
        price: dollars a device and hour; default: the device's.

    Raises:
        CourseError: for what is not in its range, and a layout that cannot be.
    """

    model: Model
    devices: int
    device: Device
    batch: int
    layout: Layout | str = SEARCH
    precision: str = "bf16"
    optimiser: str = "adam"
    tokens: int | None = None
    stack: str | None = None
    price: float | None = None

    def __post_init__(self):
        def settle(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        settle("model", model_of(self.model))
        settle("devices", check_count("devices", self.devices, 1, 10**6, "as 64"))
        settle("device", device_of(self.device))
        settle("batch", check_count("batch", self.batch, 1, 10**8, "sequences of a step"))
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("optimiser", self.optimiser, tuple(MOMENTS))
        if self.precision == "fp8" and not self.device.fp8:
            raise CourseError(
                f"precision = 'fp8' needs a device that multiplies in 8 bits, as H100-SXM does and "
                f"{self.device.name} does not; take 'bf16'"
            )
        if self.tokens is not None:
            settle("tokens", check_count("tokens", self.tokens, 1, 10**18, "as 3e11"))
        if self.price is not None:
            settle("price", check_number("price", self.price, 0, 1e6, "dollars an hour"))
        default = "megatron-2024" if self.device.fp8 else "megatron-2022"
        settle("stack", check_choice("stack", default if self.stack is None else self.stack,
                                     tuple(STACKS)))  # fmt: skip
        settle("layout", layout_of(self.layout, self.devices))
        if isinstance(self.layout, Layout):
            check_layout(self.layout, self.model, self.devices, self.batch)

    @property
    def machine(self) -> Machine:
        """The device with its software."""
        return Machine(self.device, STACKS[str(self.stack)], self.precision == "fp8")

    @property
    def dollars_an_hour(self) -> float | None:
        """The price of a device."""
        return self.device.price if self.price is None else self.price


def model_of(value: object) -> Model:
    """Return a model by its sizes, or raise `CourseError`."""
    if isinstance(value, Model):
        return value
    if not isinstance(value, dict):
        raise CourseError(
            f'model = {shown(value)} is no object; take {{"layers": 96, "hidden": …}}'
        )
    return Model(**check_fields("model", value, Model))


def layout_of(value: object, devices: int) -> Layout | str:
    """Return a layout by its factors, or 'search'; or raise `CourseError`."""
    if isinstance(value, Layout) or (isinstance(value, str) and value == SEARCH):
        return value  # type: ignore[return-value]
    if not isinstance(value, dict):
        raise CourseError(
            f"layout = {shown(value)} is neither an object nor 'search'; take "
            '{"tensor": 8, "pipeline": 8}, or "search"'
        )
    layout = Layout(**check_fields("layout", value, Layout))
    if "data" in value or devices % layout.devices:
        return layout
    return Layout(**value | {"data": devices // layout.devices})


def spec_of(value: object) -> Spec:
    """Return what a JSON object says, or raise `CourseError`."""
    if not isinstance(value, dict):
        raise CourseError(
            f"a plan's file holds {shown(value)}, no object; take "
            '{"model": …, "devices": 64, "device": "A100-80GB", "batch": 64}'
        )
    return Spec(**check_fields("a plan's file", value, Spec))


def load_spec(path: str | Path) -> Spec:
    """Read a file of JSON; raise `CourseError` when it cannot be read or is no possible plan."""
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CourseError(
            f"{shown(str(path))} cannot be read ({error}); name a JSON file"
        ) from None
    if len(content) > MOST_BYTES:
        raise CourseError(f"{shown(str(path))} has more than {MOST_BYTES:,} bytes; a plan has few")
    try:
        value = json.loads(
            content.decode("utf-8"), object_pairs_hook=each_field_once(shown(str(path)))
        )
    except CourseError:
        raise
    except (ValueError, RecursionError) as error:
        raise CourseError(
            f"{shown(str(path))} is no JSON ({str(error)[:100]}); write it again, or mend it there"
        ) from None
    return spec_of(value)
