"""Published training runs, as starts for a PlannerLab: what ran, and the figures that were printed.

All but one are the rows of `course.planner.published`; those of 405 B are left out, because a plan
needs stages of equally many layers and 126 layers on 8 stages are not.

DeepSeek-V3: the devices of section 3.1 of its technical report (2024), sizes, batch and tokens of
section 4.2, and table 1's device hours of pre-training; the vocabulary is that of its config.json.
The planner has neither its latent attention nor its three dense layers, nor traffic between
experts, and an H800 has slower links than an H100.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, partial

from course import CourseError
from course.errors import shown
from course.planner.devices import DEVICES, GIB
from course.planner.flops import device_flops, model_flops
from course.planner.memory import activation_bytes
from course.planner.model import Model
from course.planner.plans import Plan
from course.planner.published import Row, every_row
from course.planner.published_counts import numbers
from course.planner.spec import spec_of

SOURCES = {
    "A100 Megatron 2021": "Narayanan et al. (2021), tables 1 and 2",
    "A100 ZeRO 3 across nodes": "Narayanan et al. (2021), table 2",
    "A100 Megatron 2022": "Korthikanti et al. (2022), table 5",
    "H100 Megatron 2024": "NVIDIA/Megatron-LM, README of 2024",
    "H100 torchtitan": "pytorch/torchtitan, benchmarks/llama3_h100_202412_torchtitan.md",
}
DAYS = {  # of 3·10¹¹ tokens, as SC21's table 2 prints them
    ("A100 Megatron 2021", "174.6 B on 384"): 84, ("A100 Megatron 2021", "174.6 B on 768"): 43,
    ("A100 Megatron 2021", "174.6 B on 1536"): 23, ("A100 ZeRO 3 across nodes", "174.6 B on 384"):
    90, ("A100 ZeRO 3 across nodes", "174.6 B on 768"): 74,
    ("A100 ZeRO 3 across nodes", "174.6 B on 1536"): 74,
}  # fmt: skip
GPT_TOKENS = 300_000_000_000
START = "GPT 174.6 B on 384 (A100 Megatron 2021)"


@dataclass(frozen=True)
class Figure:
    """A published number, and how a plan gives the same.

    Attributes:
        what: its name, with the unit.
        published: as printed, or as it follows from what is printed.
        ours: takes it from a plan.
        printed: whether the source prints it; else it follows from what it prints.
        digits: significant ones to show.
    """

    what: str
    published: float
    ours: Callable[[Plan], float]
    printed: bool = True
    digits: int = 4


@dataclass(frozen=True)
class Preset:
    """A published run.

    Attributes:
        name: model, devices and source, in short.
        fields: what `course.planner.spec_of` takes.
        figures: what was published.
        source: where.
        note: what the source does not print, or the planner does not have; may be empty.
    """

    name: str
    fields: dict
    figures: tuple[Figure, ...]
    source: str
    note: str = ""


@cache
def presets() -> dict[str, Preset]:
    """Return all of them by name."""
    found = [of_row(row) for row in every_row() if can_be_planned(row)]
    return {preset.name: preset for preset in [*found, deepseek()]}


def preset_of(name: object) -> Preset:
    """Return a preset by its name, or raise `CourseError`."""
    known = presets()
    if not isinstance(name, str) or name not in known:
        few = ", ".join(repr(one) for one in [*known][:3])
        raise CourseError(
            f"preset = {shown(name)} is unknown; take one of {len(known)} names, as {few}"
        )
    return known[name]


# ---- rows ---------------------------------------------------------------------------------------


def model_fields(model: Model) -> dict:
    """Return a model as JSON has it, without what is the default of its other sizes."""
    fields = asdict(model)
    for name in ("kv_heads", "ffn", "biases", "learned_positions"):
        value = fields.pop(name)
        if Model(**fields) != model:
            fields[name] = value
    return fields


def fields_of(row: Row) -> dict:
    """Return a row as the fields of a spec."""
    return {
        "model": model_fields(row.model), "devices": row.layout.devices, "device": row.device,
        "batch": row.batch, "layout": asdict(row.layout), "precision": row.precision,
        "optimiser": "adam", "tokens": GPT_TOKENS, "stack": row.stack, "price": None,
    }  # fmt: skip


def can_be_planned(row: Row) -> bool:
    """Return whether a row's layout divides what it must."""
    try:
        spec_of(fields_of(row))
    except CourseError:
        return False
    return True


def of_row(row: Row) -> Preset:
    """Return a row as a preset."""
    source = next(text for group, text in SOURCES.items() if row.group.startswith(group))
    kind = "Llama" if row.model.gated else "GPT"
    name = row.name if row.name.startswith(kind) else f"{kind} {row.name}"
    told = row.name.startswith("GPT-3 on")  # the README prints the MFU of these two
    share = Figure("MFU, %", 100 * mfu(row), lambda plan: 100 * plan.mfu, told)
    figures = [*sizes(row), *printed(row, told), share]
    days = DAYS.get((row.group, row.name))
    if days:
        figures.append(Figure("days of 3·10¹¹ tokens", days, days_of, digits=3))
    note = f"Not printed there, assumed: {row.assumed}." if row.assumed else ""
    if row.fitted:
        note = f"{note} Constants of this software were fitted on this row.".strip()
    return Preset(f"{name} ({row.group})", fields_of(row), tuple(figures), source, note)


def mfu(row: Row) -> float:
    """Return the share of the peak that the model's FLOPs are, by the published seconds."""
    peak = DEVICES[row.device].peak * (2 if row.precision == "fp8" else 1)
    return model_flops(row.model, row.batch) / row.seconds / row.layout.devices / peak


def sizes(row: Row) -> list[Figure]:
    """Return the number of parameters, where a source prints it with the model's sizes."""
    if not row.group.startswith("A100 Megatron 2021"):
        return []
    billions = float(row.name.split()[0])
    return [Figure("parameters, 10⁹", billions, lambda plan: plan.parameters / 1e9)]


def printed(row: Row, follows: bool = False) -> list[Figure]:
    """Return the rate that a source prints, in its own unit, and the seconds of a step.

    follows: whether the rate follows from something else that is printed.
    """
    seconds = Figure("seconds of a step", row.seconds, lambda plan: plan.step_seconds, False)
    n, tokens = row.layout.devices, row.batch * row.model.sequence
    if row.group == "A100 Megatron 2022":
        return [Figure(seconds.what, row.seconds, seconds.ours), *activations(row)]
    if row.group.startswith("H100 torchtitan"):
        rate = Figure("tokens a second and device", tokens / row.seconds / n,
                      lambda plan: plan.tokens_per_second)  # fmt: skip
    elif row.group == "H100 Megatron 2024":
        rate = Figure("model TFLOP/s a device", model_flops(row.model, row.batch) / row.seconds / n
                      / 1e12, lambda plan: plan.tflops_per_device, not follows)  # fmt: skip
    else:
        done = device_flops(row.model, row.batch, row.layout.recompute)
        rate = Figure("TFLOP/s a device, with recomputation", done / row.seconds / n / 1e12,
                      lambda plan: plan.tflops_per_device * plan.hfu / plan.mfu)  # fmt: skip
    return [rate, seconds]


def activations(row: Row) -> list[Figure]:
    """Return the GiB of activations of Korthikanti's figure 1, where it is the same layout."""
    name, what = row.name.rsplit(" ", 1)
    if what == "full":  # the figure has no recomputation there
        return []
    label = f"{name}, selective, sequence parallel"
    number = next(n for n in numbers() if (n.group, n.name) == ("activations, GiB", label))

    def ours(plan: Plan) -> float:
        stack = plan.spec.machine.stack
        return activation_bytes(plan.spec.model, plan.layout, stack, plan.spec.batch) / GIB

    return [Figure("activations, GiB", float(number.printed), ours)]


def days_of(plan: Plan) -> float:
    """Return the days of GPT-3's tokens."""
    return GPT_TOKENS / (plan.tokens_per_second * plan.spec.devices) / 86_400


# ---- a mixture of experts -----------------------------------------------------------------------


def deepseek() -> Preset:
    """Return DeepSeek-V3, as far as the planner has it."""
    model = {
        "layers": 61, "hidden": 7168, "heads": 128, "vocab": 129_280, "sequence": 4096,
        "ffn": 2048, "gated": True, "tied": False, "experts": 256,
        "experts_per_token": 8, "shared_experts": 1,
    }  # fmt: skip
    fields = {
        "model": model, "devices": 2048, "device": "H100-SXM", "batch": 15_360, "layout": "search",
        "precision": "fp8", "optimiser": "adam", "tokens": 14_800_000_000_000, "stack": None,
        "price": None,
    }  # fmt: skip
    figures = (
        Figure("parameters, 10⁹", 671, lambda plan: plan.parameters / 1e9),
        Figure("of them active, 10⁹", 37, lambda plan: plan.spec.model.active_parameters / 1e9),
        Figure("10⁶ device hours, pre-training", 2.664, partial(_hours, 1e6)),
    )
    note = ("The planner has neither its latent attention nor its dense layers, nor traffic "
            "between experts. It ran on H800, whose links are slower than those of the H100 here, "
            "in 16 stages of a pipeline.")  # fmt: skip
    return Preset("DeepSeek-V3 (H800, 2024)", fields, figures,
                  "DeepSeek-AI (2024), DeepSeek-V3 technical report, section 4.2 and table 1",
                  note)  # fmt: skip


def _hours(unit: float, plan: Plan) -> float:
    return (plan.days or 0.0) * 24 * plan.spec.devices / unit
