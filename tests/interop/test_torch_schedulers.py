"""Every scheduler of torch on a chain's optimizer. Referees: the same one on torch.optim."""

import copy
import inspect
import io

import pytest
import torch
from optimizer_runs import batches, net, same, steps, train, weights
from torch import nn
from torch.optim import lr_scheduler, swa_utils

from course import Adam, AdamW, CourseError, Descend, HeavyBall, RMSProp, chain, compare
from course.interop.torch_optimizer import as_optimizer

L = lr_scheduler
# Each as it is, and with the options that take another path. They run for 30 steps.
SCHEDULERS = {
    "LambdaLR": [lambda o: L.LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: 0.9**t])],
    "MultiplicativeLR": [lambda o: L.MultiplicativeLR(o, lambda t: 0.95)],
    "StepLR": [lambda o: L.StepLR(o, 7, 0.5)],
    "MultiStepLR": [lambda o: L.MultiStepLR(o, [5, 12], 0.3)],
    "ConstantLR": [lambda o: L.ConstantLR(o, 0.5, 10)],
    "LinearLR": [lambda o: L.LinearLR(o, 0.1, 1.0, 15)],
    "ExponentialLR": [lambda o: L.ExponentialLR(o, 0.9)],
    "PolynomialLR": [lambda o: L.PolynomialLR(o, 25, 2.0)],
    "CosineAnnealingLR": [lambda o: L.CosineAnnealingLR(o, 20, 1e-4)],
    "CosineAnnealingWarmRestarts": [lambda o: L.CosineAnnealingWarmRestarts(o, 5, 2)],
    "ChainedScheduler": [lambda o: L.ChainedScheduler([L.StepLR(o, 7), L.ExponentialLR(o, 0.9)])],
    "SequentialLR": [
        lambda o: L.SequentialLR(o, [L.LinearLR(o, 0.1, 1.0, 8), L.CosineAnnealingLR(o, 20)], [8])
    ],
    "ReduceLROnPlateau": [lambda o: L.ReduceLROnPlateau(o, factor=0.5, patience=3)],
    "CyclicLR": [
        lambda o: L.CyclicLR(o, 0.001, [0.02, 0.05], 6, base_momentum=0.6, max_momentum=0.95),
        lambda o: L.CyclicLR(o, 0.001, 0.05, 4, mode="exp_range", gamma=0.9, cycle_momentum=False),
    ],
    "OneCycleLR": [
        lambda o: L.OneCycleLR(o, [0.02, 0.05], 30),
        lambda o: L.OneCycleLR(o, 0.05, 30, three_phase=True, anneal_strategy="linear"),
        lambda o: L.OneCycleLR(o, 0.05, 30, cycle_momentum=False),
    ],
    "SWALR": [lambda o: swa_utils.SWALR(o, [0.001, 0.03], anneal_epochs=10)],
}
CASES = [(name, i) for name, made in SCHEDULERS.items() for i in range(len(made))]
TWINS = {
    "heavy ball": (
        chain(HeavyBall(0.9), Descend(0.02)),
        lambda p: torch.optim.SGD(p, 0.02, momentum=0.9),
    ),
    "rmsprop": (
        chain(RMSProp(), HeavyBall(0.5), Descend(0.01)),
        lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5),
    ),
    "adam": (chain(Adam(), Descend(0.01)), lambda p: torch.optim.Adam(p, 0.01)),
    "adamw": (
        chain(AdamW(weight_decay=0), Descend(0.01)),
        lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0),
    ),
}


def groups(p):
    return [{"params": p[:2]}, {"params": p[2:], "lr": 0.005}]


def follow(optimizer, scheduler, n=30, start=0):
    """n steps of both; what the groups show before each."""
    seen = []
    for t in range(start, start + n):
        seen.append([(g["lr"], g.get("momentum"), g.get("betas")) for g in optimizer.param_groups])
        steps(optimizer, t, 1)
        metric = [1 / (1 + t)] if t < 4 else [0.2]  # falls, then stays
        scheduler.step(*metric if isinstance(scheduler, L.ReduceLROnPlateau) else [])
    return seen


def correct_moving_betas(optimizer):
    """Let torch's Adam divide by 1 - Πβ₁, as ours: it takes the β₁ of the moment for all steps."""
    products = [1.0 for _ in optimizer.param_groups]

    def before(optimizer, args, kwargs):
        for i, group in enumerate(optimizer.param_groups):
            state = optimizer.state[group["params"][0]]
            t, beta = int(state.get("step", 0)) + 1, group["betas"][0]
            products[i] *= beta
            group["kept"], group["lr"] = (
                group["lr"],
                group["lr"] * (1 - beta**t) / (1 - products[i]),
            )

    def after(optimizer, args, kwargs):
        for group in optimizer.param_groups:
            group["lr"] = group.pop("kept")

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)


def test_no_scheduler_of_torch_is_left_out():
    public = [getattr(lr_scheduler, name) for name in lr_scheduler.__all__] + [
        kind for _, kind in inspect.getmembers(swa_utils, inspect.isclass)
    ]
    names = {k.__name__ for k in public if issubclass(k, L.LRScheduler) and k is not L.LRScheduler}
    assert names == set(SCHEDULERS)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(("name", "i"), CASES)
def test_every_scheduler_runs_as_on_torchs_own(name, i, twin):
    pattern, referee = TWINS[twin]
    a, b = weights(1), weights(1)
    mine, theirs = as_optimizer(pattern, groups(a)), referee(groups(b))
    if "adam" in twin:
        correct_moving_betas(theirs)
    seen, expected = (follow(o, SCHEDULERS[name][i](o)) for o in (mine, theirs))
    assert seen == expected and len(set(map(str, seen))) > 1
    assert all(compare(p, q, rtol=1e-9, atol=1e-11) for p, q in zip(a, b, strict=True))
    moving = any(row[0][1:] != seen[0][0][1:] for row in seen)
    assert moving == (name in ("CyclicLR", "OneCycleLR") and i != len(SCHEDULERS[name]) - 1)


@pytest.mark.parametrize("twin", ["heavy ball", "adam"])
@pytest.mark.parametrize(("name", "i"), CASES)
def test_optimizer_and_scheduler_saved_in_mid_schedule_continue_to_the_bit(name, i, twin):
    a, b = weights(1), weights(2)
    first, second = (as_optimizer(TWINS[twin][0], groups(p)) for p in (a, b))
    scheduler, revived = (SCHEDULERS[name][i](o) for o in (first, second))
    follow(first, scheduler, 11)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    revived.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    second.load_state_dict(torch.load(file, weights_only=True))
    for p, q in zip(a, b, strict=True):
        q.data.copy_(p)
    assert follow(second, revived, 15, start=11) == follow(first, scheduler, 15, start=11)
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def test_on_a_device_too(device):
    a, b = net(device), net(device)
    mine = as_optimizer(chain(HeavyBall(0.9), Descend(0.02)), a.parameters())
    sgd = torch.optim.SGD(b.parameters(), 0.02, momentum=0.9)
    losses = [
        train(model, o, batches(device=device), L.OneCycleLR(o, 0.1, 50))
        for model, o in ((a, mine), (b, sgd))
    ]
    assert compare(*losses, rtol=1e-9) and same(a, b)


def test_a_rate_that_is_a_tensor_stays_one_and_is_followed():
    a, b = weights(1), weights(1)
    pairs = []
    for p, build in ((a, lambda g: as_optimizer(chain(Descend(0.1)), g)), (b, torch.optim.SGD)):
        rate = torch.tensor(0.05, dtype=torch.float64)
        optimizer = build([{"params": p, "lr": rate}])
        pairs.append((rate, follow(optimizer, L.CosineAnnealingLR(optimizer, 20))))
        assert optimizer.param_groups[0]["lr"] is rate
    assert pairs[0][0] == pairs[1][0]
    assert all(compare(p, q, rtol=1e-9, atol=1e-11) for p, q in zip(a, b, strict=True))


def test_cycling_a_momentum_needs_one():
    optimizer = as_optimizer(chain(Descend(0.1)), weights(1))
    for scheduler in (L.OneCycleLR, lambda o, lr, n: L.CyclicLR(o, lr, lr, n)):
        with pytest.raises(ValueError, match="momentum"):
            scheduler(optimizer, 0.1, 50)
    optimizer.step()


def test_a_scheduler_that_leaves_the_range_is_refused_and_nothing_moves():
    p = weights(1)
    optimizer = as_optimizer(chain(HeavyBall(0.9), Descend(0.1)), p)
    scheduler = L.LambdaLR(optimizer, lambda t: 1 - t)
    steps(optimizer, 1, 1)
    scheduler.step()
    scheduler.step()
    kept = copy.deepcopy(p)
    with pytest.raises(CourseError, match="Descend.lr = -0.1"):
        steps(optimizer, 1, 1)
    assert all(torch.equal(a, b) for a, b in zip(p, kept, strict=True))


# ---- what else torch hangs on an optimizer ------------------------------------------------


def test_hooks_around_a_step_run_and_may_turn_a_knob():
    a, b = weights(1), weights(1)
    mine = as_optimizer(chain(HeavyBall(0.9), Descend(0.1)), a)
    sgd = torch.optim.SGD(b, 0.1, momentum=0.9)
    for optimizer in (mine, sgd):
        calls = []

        def before(o, args, kwargs, calls=calls):
            calls.append("before")
            o.param_groups[0]["lr"] *= 0.9

        optimizer.register_step_pre_hook(before)
        handle = optimizer.register_step_post_hook(lambda *_, calls=calls: calls.append("after"))
        steps(optimizer, 3, 4)
        handle.remove()
        steps(optimizer, 4, 1)
        assert calls == ["before", "after"] * 4 + ["before"]
    assert compare(mine.param_groups[0]["lr"], 0.1 * 0.9**5)
    assert all(compare(p, q, rtol=1e-9, atol=1e-11) for p, q in zip(a, b, strict=True))


def test_averaged_models_average_what_a_chain_trains():
    averages = []
    for build in (
        lambda p: as_optimizer(chain(HeavyBall(0.9), Descend(0.05)), p),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
    ):
        model = net()
        optimizer = build(model.parameters())
        mean = swa_utils.AveragedModel(model)
        decayed = swa_utils.AveragedModel(
            model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True
        )
        scheduler = swa_utils.SWALR(optimizer, 0.02, anneal_epochs=5)
        for batch in batches(20):
            train(model, optimizer, [batch], scheduler)
            mean.update_parameters(model)
            decayed.update_parameters(model)
        swa_utils.update_bn(batches(5), mean)
        averages.append(nn.ModuleList([mean, decayed, model]))
    assert same(*averages)
    mean, decayed, model = averages[0]
    assert not same(mean.module, model)
