"""Schedules against torch.optim.lr_scheduler, and for any knob."""

import math

import pytest
import torch
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

lrs = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    "schedule, theirs",
    [
        (Cosine(0.5, steps=60), lambda o: lrs.CosineAnnealingLR(o, 60)),
        (Cosine(0.5, steps=60, end=0.1), lambda o: lrs.CosineAnnealingLR(o, 60, eta_min=0.1)),
        (StepDecay(0.5, every=7, factor=0.3), lambda o: lrs.StepLR(o, 7, 0.3)),
        (Warmup(0.5, steps=10), lambda o: lrs.LambdaLR(o, lambda t: min(1, (t + 1) / 10))),
        (LinearRamp(0.5, 0.05, steps=40), lambda o: lrs.LinearLR(o, 1.0, 0.1, total_iters=40)),
    ],
)
def test_schedules_are_torchs(schedule, theirs):
    ours = run(chain(HeavyBall(0.9), Descend(schedule)), gradients())
    reference = run_torch(gradients(), schedule=theirs, lr=0.5, momentum=0.9)
    assert compare(ours, reference, rtol=1e-8)


def test_warmup_comes_before_the_cosine():
    schedule = Cosine(1.0, steps=20, warmup=4)
    assert [schedule.value(t) for t in (0, 3, 4, 12, 20, 99)] == [0.25, 1, 1, 0.5, 0, 0]


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
    "make",
    [
        lambda: Warmup(0.1, steps=0),
        lambda: Cosine(-0.1, steps=10),
        lambda: Cosine(0.1, steps=10, warmup=11),
        lambda: StepDecay(0.1, every=5, factor=2),
        lambda: LinearRamp(0.1, math.nan, steps=5),
        lambda: Momentum(Warmup(1.5, steps=100)),  # too large only at its end
        lambda: ClipByNorm(Cosine(1.0, steps=10)),  # 0 only at its end
    ],
)
def test_bad_schedules_are_refused_when_they_are_made(make):
    with pytest.raises(CourseError, match="must"):
        make()
