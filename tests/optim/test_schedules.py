"""Schedules against torch.optim.lr_scheduler, and for any knob."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_runs import gradients, run, run_torch

from course import (
    ClipByNorm,
    Cosine,
    CourseError,
    Descend,
    HeavyBall,
    LinearRamp,
    Momentum,
    StepDecay,
    Warmup,
    chain,
    compare,
)
from course.optim.chain import build_chain
from course.optim.schedules import SCHEDULES

lrs = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    "schedule, theirs",
    [
        (Cosine(0.5, steps=60), lambda o: lrs.CosineAnnealingLR(o, 60)),
        (Cosine(0.5, steps=60, end=0.1), lambda o: lrs.CosineAnnealingLR(o, 60, eta_min=0.1)),
        (StepDecay(0.5, every=7, factor=0.3), lambda o: lrs.StepLR(o, 7, 0.3)),
        (StepDecay(0.5, every=7), lambda o: lrs.StepLR(o, 7)),
        (Warmup(0.5, steps=10), lambda o: lrs.LambdaLR(o, lambda t: min(1, (t + 1) / 10))),
        (LinearRamp(0.5, 0.05, steps=40), lambda o: lrs.LinearLR(o, 1.0, 0.1, total_iters=40)),
    ],
)
def test_schedules_are_torchs(schedule, theirs):
    ours = run(chain(HeavyBall(0.9), Descend(schedule)), gradients(60))
    reference = run_torch(gradients(60), schedule=theirs, lr=0.5, momentum=0.9)
    assert compare(ours, reference, rtol=1e-8)


def test_warmup_comes_before_the_cosine():
    schedule = Cosine(1.0, steps=20, warmup=4)
    assert [schedule.value(t) for t in (0, 3, 4, 12, 20, 99)] == [0.25, 1, 1, 0.5, 0, 0]
    all_warmup = Cosine(1.0, steps=4, warmup=4, end=0.5)
    assert [all_warmup.value(t) for t in range(6)] == [0.25, 0.5, 0.75, 1, 1, 0.5]


levels = st.floats(0, 10)
counts = st.integers(1, 30)
schedules = st.one_of(
    st.builds(Warmup, levels, counts),
    st.builds(LinearRamp, levels, levels, counts),
    st.builds(lambda peak, a, b, end: Cosine(peak, max(a, b), min(a, b), end),
              levels, counts, st.integers(0, 30), levels),
)  # fmt: skip


@settings(max_examples=80, deadline=None, derandomize=True)
@given(schedules)
def test_levels_are_the_ends_between_which_a_schedule_stays(schedule):
    values = [schedule.value(t) for t in range(70)]
    ends = schedule.levels()
    for extreme in (min, max):
        assert extreme(values) == pytest.approx(extreme(ends), rel=1e-12, abs=1e-12)


def test_a_decay_is_highest_at_its_start():
    assert StepDecay(0.7, every=2, factor=0.5).levels() == (0.7,)


def test_a_schedule_is_made_of_plain_numbers_within_its_limits():
    schedule = Cosine(np.float32(0.5), torch.tensor(20), warmup=4.0, end=0)
    assert repr(schedule) == "Cosine(peak=0.5, steps=20, warmup=4, end=0.0)"
    assert SCHEDULES.build(schedule.describe()) == schedule
    Cosine(0.1, steps=10**12, warmup=10**12)
    Warmup(0.0, steps=1)
    StepDecay(0.1, every=10**12, factor=1)


def test_a_schedule_fits_any_knob_and_a_number_ends_it():
    c = chain(
        ClipByNorm(LinearRamp(2.0, 1.0, steps=10)), Momentum(Warmup(0.9, steps=5)), Descend(0.1)
    )
    run(c, gradients(3))
    assert (
        c.find(ClipByNorm).threshold == pytest.approx(1.8) and c.find(Momentum).beta == 0.9 * 3 / 5
    )
    c.find(Momentum).beta = 0.5
    run(c, gradients(3))
    assert c.find(Momentum).beta == 0.5
    assert repr(build_chain(c.describe()).describe()) == repr(c.describe())


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Warmup(0.1, steps=0), "Warmup.steps = 0 .*must"),
        (lambda: Warmup(0.1, steps=10**12 + 1), "Warmup.steps = 1000000000001 .*must"),
        (lambda: Warmup(math.inf, steps=2), "Warmup.peak = inf .*must"),
        (lambda: Cosine(-0.1, steps=10), "Cosine.peak = -0.1 .*must"),
        (lambda: Cosine(0.1, steps=10, warmup=-1), "Cosine.warmup = -1 .*must"),
        (lambda: Cosine(0.1, 10**12, warmup=10**12 + 1), "Cosine.warmup = 1000000000001 .*must"),
        (lambda: Cosine(0.1, steps=10, warmup=11), "warmup must not be longer than all steps"),
        (lambda: StepDecay(0.1, every=0), "StepDecay.every = 0 .*must"),
        (lambda: StepDecay(0.1, every=10**12 + 1), "StepDecay.every = 1000000000001 .*must"),
        (lambda: StepDecay(0.1, every=5, factor=2), "StepDecay.factor = 2 .*must"),
        (lambda: StepDecay(0.1, every=5, factor=0), "StepDecay.factor = 0 .*must"),
        (lambda: LinearRamp(0.1, math.nan, steps=5), "LinearRamp.end = nan .*must"),
        (lambda: Momentum(Warmup(1.5, steps=100)), "must"),  # too large only at its end
        (lambda: ClipByNorm(Cosine(1.0, steps=10)), "must"),  # 0 only at its end
    ],
)
def test_bad_schedules_are_refused_when_they_are_made(make, words):
    with pytest.raises(CourseError, match=words):
        make()
