"""The planner: what a Transformer on N devices needs, how long a step takes, what it costs.

    from course.planner import Layout, Model, Spec, plan

    model = Model(layers=96, hidden=12288, heads=96, vocab=51200, sequence=2048)
    print(plan(Spec(model, 64, "A100-80GB", batch=64, tokens=3e11)))  # the fastest layout that fits
    print(plan(Spec(model, 64, "A100-80GB", batch=64,
                    layout=Layout(1, 8, 8, chunks=3, recompute="full"))))  # 18.6 s: measured 18.13

It reads as a lesson, from simple to complex:

    model → flops → layout → memory        counts, exact
    devices, stacks → machine              what hardware promises, what software reaches of it
    layer_time → step_time → plans         seconds, days, cost
    searching, planning                    the fastest layout, and why
    failures, goodput                      what fails, how often, and what is left of the time
    published, ablation, traced            three referees: measured rows, dropped effects, a
                                           traced program
    scaling_laws                           how large a model, for so many FLOPs
"""

from .devices import DEVICES, Device
from .failures import INTERRUPTIONS, mean_time_between_failures
from .flops import model_flops
from .goodput import (
    FailingRun,
    Goodput,
    best_interval,
    daly,
    expected_minutes,
    goodput,
    young,
)
from .layout import Layout
from .model import Model
from .planning import plan
from .plans import Plan, evaluate
from .published import every_row
from .scaling_laws import (
    BESIROGLU,
    HOFFMANN,
    LossLaw,
    PowerLaw,
    fit_power_law,
    interval,
    lowest_point,
    resampled,
)
from .searching import Found, search
from .spec import Spec, load_spec, spec_of
from .stacks import STACKS, Stack

__all__ = [
    "BESIROGLU", "DEVICES", "HOFFMANN", "INTERRUPTIONS", "STACKS", "Device", "FailingRun", "Found",
    "Goodput", "Layout", "LossLaw", "Model", "Plan", "PowerLaw", "Spec", "Stack", "best_interval",
    "daly", "evaluate", "every_row", "expected_minutes", "fit_power_law", "goodput", "interval",
    "load_spec", "lowest_point", "mean_time_between_failures", "model_flops", "plan", "resampled",
    "search", "spec_of", "young",
]  # fmt: skip
