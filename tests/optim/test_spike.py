"""A spike multiplies the gradient of one step, and the recorded norm shows it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_runs import gradients, run

from course import (
    L2,
    ClipByNorm,
    ClipByValue,
    CourseError,
    Descend,
    Momentum,
    Spike,
    Warmup,
    chain,
    compare,
)
from course.optim.chain import build_chain


def rest(clip):
    return [*([ClipByNorm(1.5)] if clip else []), L2(0.1), Momentum(0.9), Descend(0.1)]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 9), st.floats(1e-3, 1e6), st.booleans())
def test_it_is_a_run_whose_gradient_was_that_much_larger_in_one_step(at, factor, clip):
    grads = gradients(10)
    wild = grads.clone()
    wild[at] *= factor
    ours = run(chain(Spike(at, factor), *rest(clip)), grads)
    assert compare(ours, run(chain(*rest(clip)), wild)).exact


@pytest.mark.parametrize("clip", [[], [ClipByNorm(0.5)], [ClipByValue(0.1)]], ids=repr)
def test_the_norms_of_its_step_show_it(clip):
    c, grads = chain(Spike(2, 50.0), *clip, Momentum(0.5), Descend(0.1)), gradients(5)
    theta = torch.ones(7, dtype=torch.float64)
    c.init(theta)
    for t, g in enumerate(grads):
        c(g, theta)
        raw, left, entered = c.norms()
        expected = g.norm() * (50 if t == 2 else 1)
        assert compare(torch.stack([raw, entered]), expected.expand(2), rtol=1e-12)
        assert left < raw if clip and t == 2 else left <= raw * (1 + 1e-12)


def test_behind_another_transform_it_leaves_the_raw_gradient_as_it_is():
    c, (g,) = chain(Momentum(0.5), Spike(0, 50.0), Descend(0.1)), gradients(1)
    theta = run(c, g[None])
    assert compare(c.norms()[0], g.norm(), rtol=1e-12)
    assert compare(theta, 1 - 0.1 * 25 * g, rtol=1e-12)


def test_it_says_what_it_does():
    c = chain(Spike(3), Descend(0.1))
    assert repr(c) == "chain(Spike(at=3, factor=100.0), Descend(lr=0.1))"
    assert c.describe()[0] == {"kind": "Spike", "at": 3, "factor": 100.0}
    assert repr(build_chain(c.describe())) == repr(c)


@pytest.mark.parametrize(
    "field, good, bad",
    [
        ("at", [0, 10**12, 3.0], [-1, 0.5, 10**12 + 1, math.nan, True, None]),
        ("factor", [1e-9, 1e6], [0, -1, 1.1e6, math.inf, math.nan, "x", Warmup(1.0, 3)]),
    ],
)
def test_a_bad_spike_is_refused_and_the_old_value_stays(field, good, bad):
    spike = Spike()
    for value in good:
        setattr(spike, field, value)
        assert getattr(spike, field) == value
    last = getattr(spike, field)
    for value in bad:
        with pytest.raises(CourseError, match=f"Spike.{field} = "):
            setattr(spike, field, value)
        assert getattr(spike, field) == last
