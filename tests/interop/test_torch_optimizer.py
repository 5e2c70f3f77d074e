"""A chain as a torch optimizer. Referee: torch.optim on the same net."""

import copy

import pytest
import torch
import torch.nn.functional as F
from optimizer_runs import batches, net, pair, same, train
from torch import nn
from torch.optim import lr_scheduler

from course import (
    Adam,
    AdamW,
    ClipByNorm,
    CourseError,
    Descend,
    HeavyBall,
    Momentum,
    Nesterov,
    Warmup,
    chain,
    compare,
)
from course.interop.torch_optimizer import as_optimizer

# ---- equal to torch.optim --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "referee"),
    [
        (chain(Descend(0.1)), lambda p: torch.optim.SGD(p, 0.1)),
        (
            chain(Nesterov(0.9), Descend(0.05)),
            lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
        ),
        (
            chain(Momentum(0.9), Descend(0.5)),
            lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
        ),
        (chain(Adam(), Descend(0.01)), lambda p: torch.optim.Adam(p, 0.01)),
        (chain(AdamW(), Descend(0.01)), lambda p: torch.optim.AdamW(p, 0.01)),
    ],
)
def test_other_chains_and_their_twins(steps, referee):
    a, b = net(), net()
    train(a, as_optimizer(steps, a.parameters()), batches())
    train(b, referee(b.parameters()), batches())
    assert same(a, b, rtol=1e-6)


def test_a_changed_group_is_read_at_the_next_step_and_a_bad_value_changes_nothing():
    p = nn.Parameter(torch.zeros(3))
    optimizer = as_optimizer(chain(Descend(0.1)), [p])
    p.grad.fill_(1)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    optimizer.step()
    assert compare(p, [-0.6] * 3, rtol=1e-6)
    optimizer.param_groups[0]["lr"] = -1
    with pytest.raises(CourseError, match="Descend.lr = -1"):
        optimizer.step()
    assert compare(p, [-0.6] * 3, rtol=1e-6)


def test_a_schedule_of_the_chain_shows_in_the_group_until_a_number_is_set():
    p = nn.Parameter(torch.zeros(()))
    optimizer = as_optimizer(chain(Descend(Warmup(0.4, steps=4))), [p])
    seen = []
    for _ in range(3):
        optimizer.step()
        seen.append(optimizer.param_groups[0]["lr"])
    assert compare(seen, [0.1, 0.2, 0.3])
    optimizer.param_groups[0]["lr"] = 0.05
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == optimizer.chains[0].descend.lr == 0.05


# ---- groups ----------------------------------------------------------------------------------


def test_groups_have_rates_and_momenta_of_their_own():
    a, b = net(), net()

    def groups(m):
        return [
            {"params": m[0].parameters(), "lr": 0.01},
            {"params": [*m[1].parameters(), *m[4].parameters()], "momentum": 0.5},
        ]

    mine = as_optimizer(chain(HeavyBall(0.9), Descend(0.05)), groups(a))
    sgd = torch.optim.SGD(groups(b), lr=0.05, momentum=0.9)
    train(a, mine, batches(), lr_scheduler.StepLR(mine, 20))
    train(b, sgd, batches(), lr_scheduler.StepLR(sgd, 20))
    assert same(a, b)
    assert [len(flat.theta) for flat in mine.flats] == [30, 202]


def test_a_group_added_later_starts_its_own_momentum():
    a, b = net(), net()
    mine = as_optimizer(chain(HeavyBall(0.9), Descend(0.05)), a[4].parameters())
    sgd = torch.optim.SGD(b[4].parameters(), lr=0.05, momentum=0.9)
    for model, optimizer in ((a, mine), (b, sgd)):
        train(model, optimizer, batches(10))
        model.zero_grad()
        optimizer.add_param_group({"params": list(model[0].parameters()), "lr": 0.01})
        train(model, optimizer, batches(10))
    assert same(a, b)


def test_a_group_that_does_not_fit_is_refused_and_not_added():
    model = net()
    optimizer = as_optimizer(chain(Descend(0.1)), model[4].parameters())
    mixed = [model[0].weight, nn.Parameter(torch.zeros(3))]
    with pytest.raises(CourseError, match="'1.1' is torch.float32, others are torch.float64"):
        optimizer.add_param_group({"params": mixed})
    with pytest.raises(CourseError, match="Descend.lr = -1"):
        optimizer.add_param_group({"params": [model[0].weight], "lr": -1})
    assert len(optimizer.param_groups) == len(optimizer.flats) == len(optimizer.chains) == 1
    optimizer.step()


def test_named_parameters_are_named_in_errors():
    model = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2).double()})
    with pytest.raises(CourseError, match="'b.weight' is torch.float64"):
        as_optimizer(chain(Descend(0.1)), model.named_parameters())


def test_the_chain_handed_in_is_a_pattern_only():
    steps = chain(HeavyBall(0.9), Descend(0.1))
    model = net()
    optimizer = as_optimizer(steps, model.parameters())
    optimizer.param_groups[0]["lr"] = 0.7
    train(model, optimizer, batches(2))
    assert steps.descend.lr == 0.1 and steps.context is None


def test_clipping_by_norm_sees_the_norm_of_the_whole_group():
    a, b = net(), net()
    mine = as_optimizer(chain(ClipByNorm(0.1), Descend(0.1)), a.parameters())
    sgd = torch.optim.SGD(b.parameters(), lr=0.1)
    for x, y in batches(10):
        for model, optimizer in ((a, mine), (b, sgd)):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            if model is b:
                norm = nn.utils.get_total_norm([p.grad for p in b.parameters()])
                for p in b.parameters():
                    p.grad.mul_(min(1, 0.1 / norm))
            optimizer.step()
    assert same(a, b)


# ---- gradients -------------------------------------------------------------------------------


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad_keeps_the_views_and_zeroes_them(set_to_none):
    model = net()
    optimizer = as_optimizer(chain(Descend(0.1)), model.parameters())
    views = [p.grad for p in model.parameters()]
    train(model, optimizer, batches(1))
    F.cross_entropy(model(torch.randn(2, 1, 6, 6).double()), torch.tensor([0, 1])).backward()
    assert optimizer.flats[0].grad.any()
    optimizer.zero_grad(set_to_none=set_to_none)
    assert all(p.grad is v for p, v in zip(model.parameters(), views, strict=True))
    assert not optimizer.flats[0].grad.any()


def test_gradients_from_elsewhere_are_copied_in_and_none_counts_as_zero():
    a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))
    a.grad = torch.tensor([1.0, 2.0])  # computed before there was an optimizer
    optimizer = as_optimizer(chain(HeavyBall(0.5), Descend(1.0)), [a, b])
    optimizer.step()
    assert compare(a, [-1.0, -2.0]) and compare(b, [0.0] * 3)
    a.grad, b.grad = None, torch.ones(3)
    optimizer.step()
    assert compare(a, [-1.5, -3.0]) and compare(b, [-1.0] * 3)
    assert a.grad.data_ptr() == optimizer.flats[0].grad.data_ptr()


def test_model_zero_grad_and_clipping_in_place_work_as_always():
    (a, mine), (b, sgd) = pair(chain(HeavyBall(0.9), Descend(0.05)), lr=0.05, momentum=0.9)
    for x, y in batches(20):
        for model, optimizer in ((a, mine), (b, sgd)):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.3)
            optimizer.step()
    assert same(a, b)


def test_a_closure_is_run_with_gradients_and_its_loss_returned():
    model = net()
    optimizer = as_optimizer(chain(Descend(0.1)), model.parameters())
    x, y = next(batches(1))
    before = copy.deepcopy(model)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    expected = F.cross_entropy(before(x), y)
    assert compare(optimizer.step(closure).detach(), expected.detach(), rtol=1e-12)
    assert not torch.equal(model[4].weight, before[4].weight)


def test_autograd_notices_weights_that_moved_in_mid_graph():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    optimizer = as_optimizer(chain(Descend(0.1)), model.parameters())
    loss = model(torch.randn(2, 3)).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_grad_scaler_scales_and_skips_on_infinity(device):
    (a, mine), (b, sgd) = pair(chain(HeavyBall(0.9), Descend(0.05)), device, lr=0.05, momentum=0.9)
    scalers = [torch.amp.GradScaler(device, init_scale=2.0**10) for _ in range(2)]
    for i, (x, y) in enumerate(batches(10, device)):
        for model, optimizer, scaler in ((a, mine, scalers[0]), (b, sgd, scalers[1])):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y) * (float("inf") if i == 4 else 1)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            kept = optimizer.param_groups[0]["params"][0].detach().clone()
            scaler.step(optimizer)
            moved = not torch.equal(kept, optimizer.param_groups[0]["params"][0])
            assert moved == (i != 4)
            scaler.update()
    assert same(a, b) and scalers[0].get_scale() == scalers[1].get_scale() == 2.0**9
