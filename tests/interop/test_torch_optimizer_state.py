"""A chain as a torch optimizer: saved states, and what others do to the parameters."""

import copy
import io

import pytest
import torch
from optimizer_runs import batches, net, pair, same, train
from torch import nn
from torch.optim import lr_scheduler

from course import (
    L1,
    Adam,
    AdamW,
    ClipByNorm,
    CourseError,
    Descend,
    HeavyBall,
    Warmup,
    chain,
    compare,
)
from course.interop.adopt import adopt
from course.interop.torch_optimizer import as_optimizer

# ---- saving ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        chain(ClipByNorm(0.5), HeavyBall(0.9), Descend(0.05)),
        chain(Adam(), Descend(Warmup(0.01, steps=20)), L1(1e-5)),
    ],
)
def test_a_saved_state_continues_to_the_bit(steps):
    data = list(batches(30))
    a = net()
    first = as_optimizer(steps, a.parameters())
    train(a, first, data[:10])
    file = io.BytesIO()
    torch.save({"net": a.state_dict(), "optimizer": first.state_dict()}, file)
    expected = train(a, first, data[10:])
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    b = net()
    second = as_optimizer(steps, b.parameters())
    train(b, second, data[20:])
    b.load_state_dict(saved["net"])
    second.load_state_dict(saved["optimizer"])
    assert train(b, second, data[10:]) == expected
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_scheduler_and_optimizer_continue_together():
    (a, mine), (b, sgd) = pair(chain(HeavyBall(0.9), Descend(0.05)), lr=0.05, momentum=0.9)
    for model, optimizer in ((a, mine), (b, sgd)):
        scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 50)
        train(model, optimizer, batches(20), scheduler)
        states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
        train(model, optimizer, batches(5), scheduler)
        optimizer.load_state_dict(states[0])
        scheduler.load_state_dict(states[1])
        train(model, optimizer, batches(20), scheduler)
    assert same(a, b)


def test_a_state_is_a_copy():
    model = net()
    optimizer = as_optimizer(chain(HeavyBall(0.9), Descend(0.1)), model.parameters())
    train(model, optimizer, batches(2))
    state = optimizer.state_dict()
    v = state["chains"][0]["state"][1]["v"]
    kept = v.clone()
    train(model, optimizer, batches(2))
    optimizer.load_state_dict(state)
    train(model, optimizer, batches(2))
    assert torch.equal(v, kept)


def test_a_foreign_state_is_refused_and_changes_nothing():
    model, other = net(), nn.Linear(3, 3).double()
    steps = chain(HeavyBall(0.9), Descend(0.1))
    optimizer = as_optimizer(steps, model.parameters())
    train(model, optimizer, batches(3))
    before = copy.deepcopy(optimizer.state_dict())
    broken = copy.deepcopy(before)
    broken["chains"][0]["state"][1]["v"] = torch.zeros(1).double()  # would broadcast
    lacking = copy.deepcopy(before)
    del lacking["chains"][0]["state"][1]["v"]
    more = copy.deepcopy(before)
    more["chains"] *= 2
    regrouped = copy.deepcopy(before)
    regrouped["param_groups"][0]["params"] = [0]
    foreign = [
        torch.optim.SGD(net().parameters(), momentum=0.9).state_dict(),
        as_optimizer(chain(Descend(0.1)), net().parameters()).state_dict(),
        as_optimizer(steps, other.parameters()).state_dict(),
        broken, lacking, more, regrouped, before | {"chains": []},
        {"chains": 3}, {"chains": []}, None,
    ]  # fmt: skip
    for state in foreign:
        with pytest.raises(CourseError, match="the state"):
            optimizer.load_state_dict(state)
        assert str(optimizer.state_dict()) == str(before)


def test_copying_or_pickling_says_what_to_do_instead():
    optimizer = as_optimizer(chain(Descend(0.1)), net().parameters())
    for attempt in (copy.deepcopy, lambda o: torch.save(o, io.BytesIO())):
        with pytest.raises(CourseError, match="as_optimizer on the copy"):
            attempt(optimizer)


# ---- what others do to the parameters --------------------------------------------------------


def test_frozen_parameters_stay_and_unfreezing_asks_for_a_new_optimizer():
    model = net()
    model[0].requires_grad_(False)
    kept = copy.deepcopy(model[0])
    optimizer = as_optimizer(chain(AdamW(), Descend(0.1)), model.parameters())
    train(model, optimizer, batches(3))
    assert torch.equal(model[0].weight, kept.weight)
    model[0].requires_grad_(True)
    with pytest.raises(CourseError, match="'0.0' was frozen"):
        optimizer.step()


def test_values_replaced_from_outside_are_taken_up():
    p = nn.Parameter(torch.zeros(2))
    optimizer = as_optimizer(chain(Descend(1.0)), [p])
    p.data = torch.tensor([5.0, 6.0])
    p.grad = torch.ones(2)
    optimizer.step()
    assert compare(p, [4.0, 5.0]) and compare(optimizer.flats[0].theta, [4.0, 5.0])


def test_two_optimizers_may_share_parameters_as_in_torch():
    p, q = (nn.Parameter(torch.zeros(2)) for _ in range(2))
    first = as_optimizer(chain(Descend(1.0)), [p, q])
    second = as_optimizer(chain(Descend(0.5)), [p])
    for optimizer in (first, second, first):
        optimizer.zero_grad()
        (p.sum() + q.sum()).backward()
        optimizer.step()
    assert compare(p, [-2.5] * 2) and compare(q, [-2.0] * 2)


def test_a_change_of_type_asks_for_a_new_optimizer():
    model = net()
    optimizer = as_optimizer(chain(Descend(0.1)), model.parameters())
    model.float()
    for call in (optimizer.step, optimizer.zero_grad):
        with pytest.raises(CourseError, match="'0.0' is now .* torch.float32"):
            call()


def test_tied_parameters_are_one():
    a, b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    b.weight = a.weight
    model = nn.Sequential(a, b)
    optimizer = as_optimizer(chain(Descend(0.1)), model.parameters())
    assert len(optimizer.flats[0].theta) == 9


def test_what_makes_no_optimizer_is_refused():
    model = net()
    with pytest.raises(CourseError, match="takes a chain"):
        as_optimizer(Descend(0.1), model.parameters())
    with pytest.raises(CourseError, match=r"net.parameters\(\)"):
        as_optimizer(chain(Descend(0.1)), model)
    with pytest.raises(CourseError, match="0 trainable"):
        as_optimizer(chain(Descend(0.1)), net().requires_grad_(False).parameters())
    with pytest.raises(ValueError, match="empty"):
        as_optimizer(chain(Descend(0.1)), [])
    held = adopt(model)
    with pytest.raises(CourseError, match="'0.0' is adopted"):
        as_optimizer(chain(Descend(0.1)), model.parameters())
    held.loss_and_grad(*next(batches(1)))
