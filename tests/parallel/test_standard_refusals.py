"""What PyTorch's engine cannot run as the course does is refused by name before anything starts."""

import pytest
import torch
from standard_recipes import DATA, deep, shallow

from course import (
    L1,
    L2,
    MLP,
    Adam,
    AdamW,
    ClipByNorm,
    CourseError,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Momentum,
    Muon,
    Network,
    NewtonCG,
    SignDescent,
    Spike,
    Trainer,
    Warmup,
    chain,
)  # fmt: skip
from course.parallel.standard import check, train


def recipe(*transforms, model=None, knobs=(), batch_size=36, **options):
    """Return the recipe of a run whose knobs were turned before its first step."""
    model = model or shallow()
    trainer = Trainer(model, DATA, chain(*transforms or [Descend(0.1)]), batch_size, **options)
    for knob, value in knobs:
        trainer.set(knob, value)
    return trainer.recipe()


@pytest.mark.parametrize(
    ("transforms", "words"),
    [
        ([Muon(), Descend()], "Muon cannot run .*torch.optim.Muon rounds to bfloat16; take the"),
        ([NewtonCG(), Descend()], "NewtonCG cannot run .*torch.optim has no such step"),
        ([SignDescent(), Descend()], "SignDescent cannot run"),
        ([Descend(), L1()], "L1 cannot run"),
        ([Spike(3), Descend()], "Spike cannot run"),
        ([Momentum(), ClipByNorm(), Descend()], "torch.optim has the order clips, L2, one of"),
        ([L2(), ClipByNorm(), Descend()], "has the order clips, L2"),
        ([Momentum(), Adam(), Descend()], "has the order .* write the chain so"),
        ([L2(), AdamW(), Descend()], "and one weight decay"),
        ([Adam(beta1=Warmup(0.9, 5)), Descend()], r"Adam\.beta1 cannot change"),
    ],
)
def test_transforms_without_a_twin_are_named(transforms, words):
    with pytest.raises(CourseError, match=words):
        check(recipe(*transforms), "data", 2)


@pytest.mark.parametrize(
    ("knob", "value", "words"),
    [
        ("optimiser", "adam", "'optimiser', turned at step 0, cannot turn .*leave the change out"),
        ("norm", False, "'norm', turned at step 0, cannot turn"),
        ("residual", False, "'residual', turned at step 0, cannot turn"),
        ("momentum", 0.5, "a β of Adam cannot change"),
        ("momentum", {"kind": "Warmup", "peak": 0.9, "steps": 5}, r"Adam\.beta1 cannot change"),
        ("Adam.beta2", 0.9, "a β of Adam cannot change"),
        ("l1", 0.1, "L1 cannot run"),
        ("spike", {"at": 3, "factor": 9.0}, "Spike cannot run"),
        ("clip_order", "after", "has the order clips"),
        ("batch_size", 35, "35 rows cannot be cut into 6 equal micro-batches"),
    ],
)
def test_knobs_that_cannot_turn_are_named(knob, value, words):
    made = recipe(ClipByNorm(), Adam(), Descend(), model=deep(), knobs=[(knob, value)])
    with pytest.raises(CourseError, match=words):
        check(made, "pipeline", 2, "1f1b", 6)


def with_dropout(p):
    return MLP([64, 12, 10], dropout=p)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: recipe(model=with_dropout(0.5)), "dropout = 0.5 cannot run .*set it to 0"),
        (lambda: recipe(model=with_dropout(0.0), knobs=[("dropout", 0.2)]), "dropout = 0.2"),
        (
            lambda: recipe(model=Network([Dropout(0), Linear(9), Dropout(0.1), Linear(10)], 64)),
            "dropout2 = 0.1",
        ),
        (
            lambda: recipe(model=Network([LayerNorm(False), Linear(10)], 64)),
            "a LayerNorm that is switched off cannot run",
        ),
        (lambda: recipe(accumulate=2), "accumulate = 2 cannot run .*take 1, or micro-batches"),
    ],
)
def test_layers_and_batches_that_would_do_something_else_are_named(made, words):
    with pytest.raises(CourseError, match=words):
        check(made(), "data", 2)


@pytest.mark.parametrize(
    ("strategy", "world", "options", "words"),
    [
        ("zero4", 2, {}, "strategy = 'zero4' is unknown. Allowed: 'data', 'zero1', .*'pipeline'"),
        ("data", 0, {}, "world_size = 0"),
        ("tensor", 8, {}, r"Linear\(7\) cannot be shared by 8 ranks; take at most 7"),
        ("pipeline", 2, {"schedule": "zero_bubble"}, "schedule = 'zero_bubble' is unknown"),
        ("pipeline", 2, {"micro_batches": 5}, "36 rows cannot be cut into 5 equal micro-batches"),
        ("pipeline", 2, {"micro_batches": 0}, "micro_batches = 0"),
        ("pipeline", 5, {}, "4 layers with weights cannot be cut into 5 stages"),
        ("pipeline", 2, {"chunks": 2}, "1f1b has one stage a rank, not 2"),
        ("pipeline", 2, {"schedule": "interleaved", "micro_batches": 9, "chunks": 2},
         "micro-batches in groups of 2"),
    ],
)  # fmt: skip
def test_a_world_that_does_not_fit_is_refused(strategy, world, options, words):
    with pytest.raises(CourseError, match=words):
        check(recipe(), strategy, world, **options)


def test_what_can_be_run_passes():
    knobs = [("lr", 0.5), ("momentum", 0.0), ("l2", 0.1), ("clip", "norm"), ("threshold", 0.3),
             ("batch_size", 12), ("label_noise", 0.1), ("clip", "off"), ("device", "cpu"),
             ("momentum", Warmup(0.9, 5))]  # fmt: skip
    made = recipe(Momentum(), Descend(), knobs=knobs)
    for strategy in ("data", "zero1", "zero2", "zero3", "tensor", "pipeline"):
        check(made, strategy, 2)


def test_a_file_that_is_no_recipe_and_own_data_are_refused():
    with pytest.raises(CourseError, match="the recipe lacks the field"):
        check({"schema": 1}, "data", 2)
    own = recipe().describe() | {"data": {"own": "mine"}}
    with pytest.raises(CourseError, match="only their own code can build"):
        check(own, "data", 2)


def test_train_outside_a_world_says_how_to_start():
    assert not torch.distributed.is_initialized()
    with pytest.raises(CourseError, match="no torch.distributed world; start processes by torchr"):
        train(recipe(), "data")
