"""The order of clipping, and a spike: live, remembered, recorded, replayed to the bit."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_runs import executed, small
from training_runs import on_moons, train

from course import (
    L1,
    L2,
    Adam,
    ClipByNorm,
    ClipByValue,
    CourseError,
    Descend,
    Momentum,
    Spike,
    chain,
)
from course.training.recipe_source import as_code
from course.training.replay import history_digest, run_recipe
from course.training.timeline import Timeline


def kinds(trainer):
    return " ".join(type(t).__name__ for t in trainer.chain.transforms)


def same_run(a, b):
    return history_digest(a) == history_digest(b) and torch.equal(a.model.theta, b.model.theta)


# ---- the order of clipping --------------------------------------------------------------------

TURNS = [("clip", "norm"), ("clip_order", "after"), ("l2", 0.01), ("l1", 0.01), ("momentum", 0.5),
         ("spike", {"at": 9, "factor": 2.0})]  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.permutations(TURNS))
def test_each_has_its_place_in_whatever_order_they_are_turned(turns):
    trainer = on_moons(steps=chain(Descend(0.1)))
    for knob, value in turns:
        trainer.set(knob, value)
    for optimiser, name in [("adam", "Adam "), ("gradient descent", ""), ("momentum", "Momentum ")]:
        trainer.set("optimiser", optimiser)
        assert kinds(trainer) == f"Spike L2 {name}ClipByNorm Descend L1"
        assert trainer.knobs()["optimiser"] == optimiser
        trainer.set("clip_order", "before")
        assert kinds(trainer) == f"Spike ClipByNorm L2 {name}Descend L1"
        trainer.set("clip", "off")
        trainer.set("clip_order", "after")
        trainer.set("clip", "norm")


def test_another_order_keeps_the_velocity_and_goes_on_as_the_formulas_say():
    trainer, grads = on_moons(steps=chain(ClipByNorm(0.2), Momentum(0.9), Descend(0.5))), []
    trainer.gradient_hook = lambda loss, grad: grads.append(grad.clone()) or loss
    theta, v = trainer.model.theta.double(), torch.zeros_like(trainer.model.theta).double()
    numbers = []
    for turn in ("before", "after", "before"):
        trainer.set("clip_order", turn)
        for _ in range(5):
            trainer.step()
            g = grads[-1].double()
            before = g if turn == "before" else 0.9 * v + 0.1 * g
            scale = min(1.0, 0.2 / float(before.norm()))
            v = 0.9 * v + 0.1 * (g * scale if turn == "before" else g)
            theta = theta - 0.5 * (v if turn == "before" else v * scale)
            numbers.append([g.norm(), before.norm() * scale, before.norm()])
    assert np.allclose(trainer.history.numbers()[:, 1:], numbers, rtol=1e-4)
    assert torch.allclose(trainer.model.theta.double(), theta, rtol=1e-4, atol=1e-5)
    h = trainer.history
    assert (h.clipped_norm < h.unclipped_norm * (1 - 1e-6)).any()
    assert (h.unclipped_norm[5:10] != h.grad_norm[5:10]).all()


def test_without_a_clip_all_norms_are_the_gradients():
    trainer = train(on_moons(steps=chain(Momentum(0.9), Descend(0.5))), 5)
    assert (trainer.history.numbers()[:, 1:] == trainer.history.grad_norm[:, None]).all()
    assert (trainer.history.grad_norm > 0).all()


@pytest.mark.parametrize(
    "transforms, order",
    [
        ([], "before"),
        ([Momentum()], "before"),
        ([ClipByNorm()], "before"),
        ([Spike(), ClipByNorm(), L2()], "before"),
        ([ClipByValue(), Momentum()], "before"),
        ([L2(), ClipByNorm(), Momentum()], "before"),
        ([Spike(), L2(), ClipByNorm()], "after"),
        ([Momentum(), ClipByNorm()], "after"),
        ([L2(), Adam(), ClipByValue()], "after"),
        ([Momentum(), ClipByNorm(), Adam()], "after"),
    ],
)
def test_a_chain_and_its_recipe_tell_their_order(transforms, order):
    trainer = on_moons(steps=chain(*transforms, Descend(0.1), L1()))
    whole = on_moons()
    whole.set("optimiser", trainer.chain.describe())
    for t in (trainer, run_recipe(trainer.recipe())):
        assert t.knobs()["clip_order"] == t.settings()["clip_order"] == order
        before = kinds(t)
        t.set("clip_order", order)
        assert kinds(t) == before  # where it stood already, nothing moves
    if trainer.chain.clip is not None:
        assert whole.knobs()["clip_order"] == order


def test_a_whole_chain_brings_its_own_threshold_and_order():
    trainer = on_moons()
    trainer.set("threshold", 3.0)
    trainer.set("optimiser", chain(Momentum(), ClipByValue(0.25), Descend(0.1)).describe())
    assert trainer.knobs()["threshold"] == 0.25 and trainer.knobs()["clip_order"] == "after"
    trainer.set("optimiser", chain(Adam(), Descend(0.1)).describe())
    trainer.set("clip", "norm")
    assert kinds(trainer) == "Adam ClipByNorm Descend" and trainer.chain.clip.threshold == 0.25


def test_the_order_is_remembered_while_clipping_is_off(tmp_path):
    trainer = train(on_moons(), 3)
    trainer.set("clip", "off")
    trainer.set("clip_order", "after")
    train(trainer, 3).save(tmp_path / "run.pt")
    other = on_moons()
    other.load(tmp_path / "run.pt")
    back = on_moons()
    back.history.rewrite(trainer.history.numbers(), [])
    back.restore(trainer.snapshot())
    recipe = trainer.recipe().json()
    for t in (trainer, other, back, run_recipe(recipe), executed(as_code(recipe))):
        assert t.knobs()["clip_order"] == "after" and t.knobs()["clip"] == "off"
        t.set("clip", "value")
        assert kinds(t) == "Momentum ClipByValue Descend"


@pytest.mark.parametrize("clip", [[], [ClipByNorm(0.3)]], ids=repr)
def test_a_recipe_may_start_with_an_order_that_its_chain_does_not_show(clip):
    start = on_moons(steps=chain(*clip, Descend(0.1))).recipe().describe()
    recipe = start | {"clip_order": "after"}
    assert start["clip_order"] == "before"
    for t in (run_recipe(recipe), executed(as_code(recipe))):
        assert t.knobs()["clip_order"] == "after"
        for knob, value in [("clip", "norm"), ("momentum", 0.9), ("l2", 0.1)]:
            t.set(knob, value)
        assert kinds(t) == "L2 Momentum ClipByNorm Descend"
    assert run_recipe(recipe).recipe().clip_order == "after"
    shown = on_moons().recipe().describe() | {"clip_order": "after"}  # the chain knows better
    assert run_recipe(shown).knobs()["clip_order"] == "before"
    with pytest.raises(CourseError, match="clip_order = 'between'"):
        run_recipe(start | {"clip_order": "between"})


@pytest.mark.parametrize("saved", ["between", None, True, 1])
def test_a_state_with_another_order_is_refused(saved):
    trainer = train(on_moons(), 2)
    state = trainer.state_dict()
    state["run"]["settings"]["clip_order"] = saved
    with pytest.raises(CourseError, match=f"clip_order = {saved!r} .*'before', 'after'"):
        trainer.load_state_dict(state)


def test_a_bad_order_changes_nothing():
    trainer = on_moons()
    before = trainer.settings()
    for value in ("between", None, 1, ["after"]):
        with pytest.raises(CourseError, match="clip_order = .*'before', 'after'"):
            trainer.set("clip_order", value)
    assert trainer.settings() == before and trainer.history.knobs == []


# ---- a spike ----------------------------------------------------------------------------------


def spiked(at=12, factor=40.0, now=10, **options):
    trainer = train(on_moons(**options), now)
    trainer.set("spike", {"at": at, "factor": factor})
    return trainer


def test_a_spike_is_a_gradient_that_much_larger_in_its_step():
    def wild(loss, grad):
        if len(by_hook.history.loss) == 12:
            grad.mul_(40.0)
        return loss

    by_hook = on_moons()
    by_hook.gradient_hook = wild
    trainer = train(spiked(), 10)
    assert same_run(trainer, train(by_hook, 20))
    norms = trainer.history.grad_norm
    assert (norms[:12] == train(on_moons(), 12).history.grad_norm).all()
    assert norms[12] == norms.max() and norms[12] > 10 * np.median(norms)
    assert trainer.history.clipped_norm[12] <= 1 + 1e-6


def test_a_spike_is_shown_recorded_replayed_and_exported():
    trainer = train(spiked(), 10)
    value = {"at": 12, "factor": 40.0}
    assert trainer.knobs()["spike"] == value and trainer.history.knobs == [(10, "spike", value)]
    recipe = trainer.recipe().json()
    for again in (run_recipe(recipe), executed(as_code(recipe))):
        assert same_run(again, trainer) and again.knobs()["spike"] == value
    assert trainer.knobs()["optimiser"] == "momentum"
    assert not [name for name in trainer.knobs() if "Spike" in name]


def test_a_spike_is_replaced_and_removed():
    trainer = spiked()
    trainer.set("spike", {"at": 14, "factor": 3})
    assert kinds(trainer) == "Spike ClipByNorm Momentum Descend"
    assert trainer.knobs()["spike"] == {"at": 14, "factor": 3.0}
    trainer.set("spike", None)
    assert trainer.knobs()["spike"] is None and kinds(trainer) == "ClipByNorm Momentum Descend"
    assert [value for _, _, value in trainer.history.knobs] == [
        {"at": 12, "factor": 40.0}, {"at": 14, "factor": 3.0}, None,
    ]  # fmt: skip
    trainer.set("spike", None)
    assert same_run(train(trainer, 8), train(on_moons(), 18))
    assert same_run(run_recipe(trainer.recipe().json()), trainer)


def test_a_spike_in_the_next_step_is_the_earliest():
    trainer = train(spiked(at=10), 1)
    assert not same_run(trainer, train(on_moons(), 11))
    with pytest.raises(CourseError, match=r"spike.at = 10 .*\[11, .*a step to come"):
        trainer.set("spike", {"at": 10, "factor": 2.0})


@pytest.mark.parametrize(
    "value, words",
    [
        ({"at": 9, "factor": 2.0}, "spike.at = 9 is out of range"),
        ({"at": 10.5, "factor": 2.0}, "Spike.at = 10.5 is not a whole number"),
        ({"at": 10, "factor": 0}, r"Spike.factor = 0 .*\(0, 1e\+06\]"),
        ({"at": 10, "factor": math.inf}, "Spike.factor = inf"),
        ({"at": 10, "factor": {"kind": "Warmup", "peak": 1.0, "steps": 3}}, "Spike.factor"),
        ({"at": 10}, r"spike = \{'at': 10\}; allowed: \{'at': step, 'factor': number\}, or None"),
        ({"at": 10, "factor": 2.0, "kind": "Spike"}, "allowed: "),
        ({}, "allowed: "),
        (12, "spike = 12; allowed"),
        ("off", "spike = 'off'; allowed"),
    ],
)
def test_a_bad_spike_changes_nothing(value, words):
    trainer = spiked()
    before = trainer.settings(), list(trainer.history.knobs)
    with pytest.raises(CourseError, match=words):
        trainer.set("spike", value)
    assert (trainer.settings(), trainer.history.knobs) == before


def test_a_way_back_meets_the_same_spike_and_a_branch_may_have_another():
    timeline = Timeline(small())
    for step in range(30):
        if step == 10:
            timeline.trainer.set("spike", {"at": 20, "factor": 40.0})
        timeline.step()
    end = timeline.trainer.model.theta.clone()
    timeline.go_to(15)
    assert timeline.trainer.knobs()["spike"] == {"at": 20, "factor": 40.0}
    timeline.go_to(30)
    assert torch.equal(timeline.trainer.model.theta, end) and len(timeline.branches) == 1
    timeline.go_to(15)
    timeline.trainer.set("spike", None)
    timeline.step()
    assert timeline.current.turned() == [] != timeline.note().turned()
    assert timeline.current.turned() == [(15, "spike", None)]
