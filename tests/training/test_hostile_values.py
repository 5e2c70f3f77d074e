"""Whatever a knob or an argument holds: it works, or `CourseError` says why not.

Never another error, never gigabytes, never minutes. The limits of `course.effort` are set low here,
so that what would be allowed on a large machine is refused before it is tried.
"""

import json
import math

import pytest
from hostile_values import HOSTILE, only_course_errors
from recipe_runs import small

from course import (
    MLP,
    ClipByNorm,
    Cosine,
    CourseError,
    Descend,
    Linear,
    LinearRamp,
    Network,
    Points,
    Residual,
    StepDecay,
    Warmup,
    load_data,
)
from course.optim.schedules import SCHEDULES
from course.training.presets import preset
from course.training.recipe import load_recipe
from course.training.replay import run_recipe

pytestmark = pytest.mark.usefixtures("low_limits")


# ---- knobs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", [*small().knobs(), "speed"])
def test_every_knob_takes_a_value_or_refuses_it_whole(knob):
    for value in HOSTILE:
        trainer = small()
        before = trainer.settings()
        only_course_errors(trainer.set, knob, value)
        if not trainer.history.knobs:
            assert trainer.settings() == before
        trainer.step()
        trainer.recipe().json()


@pytest.mark.parametrize("kind", SCHEDULES.builders)
def test_every_field_of_a_schedule_is_a_plain_number(kind):
    good = {"Warmup": Warmup(1.0, 5), "LinearRamp": LinearRamp(1.0, 0.0, 5),
            "Cosine": Cosine(1.0, 5), "StepDecay": StepDecay(1.0, 5),
            "Points": Points([[0, 1.0], [3, 0.5]], "log")}[kind].describe()  # fmt: skip
    for field in good:
        for value in HOSTILE:
            schedule = only_course_errors(SCHEDULES.build, good | {field: value})
            if schedule is not None:
                assert all(type(schedule.value(t)) is float for t in (0, 3, 5, 10**6))
                json.dumps(schedule.describe())


def test_a_weight_that_float32_cannot_hold_is_no_setting():
    for make in (Descend, ClipByNorm):
        with pytest.raises(CourseError, match="1e\\+39 is above 1e\\+30"):
            make(1e39)
    assert ClipByNorm(math.inf).threshold == math.inf


# ---- arguments -------------------------------------------------------------------------------


ARGUMENTS = [
    (lambda v: MLP(v), "sizes"), (lambda v: MLP([2, v, 2]), "a size"),
    (lambda v: MLP([2, 2], v), "activation"), (lambda v: MLP([2, 2], seed=v), "seed"),
    (lambda v: MLP([2, 2], dtype=v), "dtype"), (lambda v: MLP([2, 2], device=v), "device"),
    (lambda v: MLP([2, 2], init=v), "init"), (lambda v: MLP([2, 3, 2], dropout=v), "dropout"),
    (lambda v: MLP([2, 2], loss=v), "loss"), (lambda v: Network(v, 2), "layers"),
    (lambda v: Network([Linear(2)], v), "features"), (lambda v: Linear(v), "width"),
    (lambda v: Linear(2, v), "init of a layer"), (lambda v: Residual(v), "inner layers"),
    (lambda v: MLP([2, 2]).to(v), "to"), (lambda v: small().to(v), "Trainer.to"),
    (lambda v: small(seed=v), "Trainer.seed"), (lambda v: small(batch_size=v), "batch_size"),
    (lambda v: small(accumulate=v), "accumulate"), (lambda v: load_data(v), "name"),
    (lambda v: load_data("moons", v), "data seed"), (lambda v: load_data("moons", 0, v), "share"),
    (lambda v: load_data("moons", dtype=v), "data dtype"),
    (lambda v: load_data("moons").subset(v), "n"),
    (lambda v: load_data("moons").subset(3, v), "seed of subset"),
    (lambda v: load_data("moons").with_validation(v), "validation share"),
    (lambda v: load_data("moons").noisy_labels(v), "noise"),
    (lambda v: list(small().run(v if not isinstance(v, int) else min(v, 9))), "run"),
    (lambda v: run_recipe(small().recipe(), steps=v), "steps"),
    (lambda v: run_recipe(small().recipe(), v, 0), "trainer"), (load_recipe, "recipe"),
    (lambda v: preset(v), "preset"), (lambda v: preset("divergence", v), "preset seed"),
]  # fmt: skip


@pytest.mark.parametrize("make", [m for m, _ in ARGUMENTS], ids=[name for _, name in ARGUMENTS])
def test_every_argument_is_taken_or_refused_in_words(make):
    for value in HOSTILE:
        only_course_errors(make, value)
