"""A plan: what a training run needs, how long a step takes, what all of it costs, and why.

days = tokens / (batch · sequence) · seconds of a step / 86,400
cost = days · 24 · devices · dollars an hour
"""

from dataclasses import asdict, dataclass

from .devices import GIB
from .flops import device_flops, model_flops
from .layout import Layout
from .memory import memory_bytes, reserved_bytes
from .spec import Spec
from .step_time import StepTime, step_time


@dataclass(frozen=True)
class Plan:
    """What a run takes. Prints as a table; `as_json` has the numbers.

    Attributes:
        spec, layout: what was planned.
        parameters: of the model; active_parameters: those that a token meets.
        flops_per_step: model FLOPs of all devices; device_flops_per_step: with recomputation.
        memory: {kind: bytes} on the fullest device; memory_available: bytes that it has for them.
        times: seconds of a step, by part.
        days, cost: of the whole training, in dollars; None when tokens or price are not known.
        why: sentences.
    """

    spec: Spec
    layout: Layout
    parameters: int
    active_parameters: int
    flops_per_step: int
    device_flops_per_step: int
    memory: dict[str, float]
    memory_available: float
    times: StepTime
    days: float | None
    cost: float | None
    why: str = ""

    @property
    def memory_total(self) -> float:
        """Bytes on the fullest device."""
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        """Whether that is no more than there is."""
        return self.memory_total <= self.memory_available

    @property
    def step_seconds(self) -> float:
        """Seconds of a step."""
        return self.times.total

    @property
    def tflops_per_device(self) -> float:
        """Model TFLOP/s of each device."""
        return self.flops_per_step / self.step_seconds / self.spec.devices / 1e12

    @property
    def peak_tflops(self) -> float:
        """The device's peak in the plan's precision, TFLOP/s."""
        return self.spec.device.peak_tflops * (2 if self.spec.precision == "fp8" else 1)

    @property
    def mfu(self) -> float:
        """Model FLOPs utilisation: the share of the peak that the model's FLOPs are."""
        return self.tflops_per_device / self.peak_tflops

    @property
    def hfu(self) -> float:
        """Hardware FLOPs utilisation: with those that are computed again."""
        return self.mfu * self.device_flops_per_step / self.flops_per_step

    @property
    def tokens_per_second(self) -> float:
        """Tokens a second of each device."""
        tokens = self.spec.batch * self.spec.model.sequence
        return tokens / self.step_seconds / self.spec.devices

    def as_json(self) -> dict:
        """Return all numbers as JSON takes them; bytes are whole."""
        return {
            "parameters": self.parameters,
            "active_parameters": self.active_parameters,
            "flops_per_step": self.flops_per_step,
            "device_flops_per_step": self.device_flops_per_step,
            "memory": {kind: round(n) for kind, n in self.memory.items()},
            "memory_total": round(self.memory_total),
            "memory_available": round(self.memory_available),
            "fits": self.fits,
            "step_seconds": self.step_seconds,
            "seconds": vars(self.times),
            "tflops_per_device": self.tflops_per_device,
            "device_tflops_per_device": self.tflops_per_device * self.hfu / self.mfu,
            "mfu": self.mfu,
            "hfu": self.hfu,
            "tokens_per_second_per_device": self.tokens_per_second,
            "days": self.days,
            "cost": self.cost,
            "layout": asdict(self.layout),
            "stack": self.spec.stack,
            "why": self.why,
        }

    def __str__(self):
        spec, seconds = self.spec, self.step_seconds
        active = ""
        if self.active_parameters != self.parameters:
            active = f", {many(self.active_parameters)} active"
        rows = [
            ("model", f"{many(self.parameters)} parameters{active}"),
            ("on", f"{spec.devices:,} × {spec.device.name}, {spec.precision}, {spec.stack}"),
            ("layout", str(self.layout)),
            ("memory", f"{in_gib(self.memory_total)} of {in_gib(self.memory_available)} a device"),
            *((f"  {kind}", in_gib(n)) for kind, n in self.memory.items() if n),
            ("step", f"{seconds:.4g} s"),
            *((f"  {part.replace('_', ' ')}", f"{n:.4g} s, {n / seconds:.1%}")
              for part, n in vars(self.times).items() if n),
            ("speed", f"{self.tflops_per_device:.1f} TFLOP/s a device, MFU {self.mfu:.1%}, "
                      f"HFU {self.hfu:.1%}"),
            ("tokens", f"{self.tokens_per_second:,.0f} a second and device"),
        ]  # fmt: skip
        if self.days is not None:
            rows.append(("training", f"{spec.tokens:.4g} tokens in {self.days:.3g} days"))
        if self.cost is not None:
            rows.append(("cost", f"${self.cost:,.0f} at ${spec.dollars_an_hour:g} an hour"))
        width = max(len(name) for name, _ in rows) + 2
        return "\n".join([*(f"{name:<{width}}{text}" for name, text in rows), "", self.why])


def evaluate(spec: Spec, layout: Layout) -> Plan:
    """Return the plan of one layout, without words."""
    model, batch, machine = spec.model, spec.batch, spec.machine
    times = step_time(model, layout, machine, batch, spec.optimiser)
    days = cost = None
    if spec.tokens is not None:
        days = spec.tokens / (batch * model.sequence) * times.total / 86_400
        if spec.dollars_an_hour is not None:
            cost = days * 24 * spec.devices * spec.dollars_an_hour
    return Plan(
        spec, layout, model.parameters, model.active_parameters,
        model_flops(model, batch), device_flops(model, batch, layout.recompute),
        memory_bytes(model, layout, machine.stack, batch, spec.optimiser),
        spec.device.memory_bytes - reserved_bytes(spec.devices), times, days, cost,
    )  # fmt: skip


def many(n: float) -> str:
    """Return a number of parameters in words: 1.5e9 → '1.5 B'."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6)):
        if n >= size:
            return f"{n / size:.4g} {unit}"
    return f"{n:,.0f}"


def in_gib(n_bytes: float) -> str:
    """Return bytes in GiB, as '45.6 GiB'."""
    return f"{n_bytes / GIB:.3g} GiB" if n_bytes < 1000 * GIB else f"{n_bytes / GIB:,.0f} GiB"
