"""The keys of a parameter group. Referees: torch.optim with the same groups, in float64."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optimizer_runs import batches, net, same, shown, steps, train, weights
from torch import nn

from course import (
    L2,
    Adam,
    AdamW,
    ClipByValue,
    CourseError,
    Descend,
    HeavyBall,
    Momentum,
    Muon,
    Nesterov,
    RMSProp,
    Warmup,
    chain,
    compare,
)
from course.interop.torch_optimizer import as_optimizer

RATE, BETA = st.floats(1e-4, 0.1), st.floats(0.1, 0.99)


ADAM = {  # β₂ near 0 would divide an average by a single entry: rounding grows without bound
    "betas": st.tuples(st.floats(0, 0.99), st.floats(0.5, 0.9999)),
    "eps": st.floats(1e-10, 1e-3),
}


# name: (chain, torch's optimizer, the keys they share)
TWINS = {
    "heavy ball": (
        chain(L2(0.01), HeavyBall(0.9), Descend(0.02)),
        lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, weight_decay=0.01),
        {"momentum": BETA},
    ),
    "nesterov": (
        chain(L2(0.01), Nesterov(0.9), Descend(0.02)),
        lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, weight_decay=0.01, nesterov=True),
        {"momentum": BETA},
    ),
    "rmsprop": (
        chain(L2(0.01), RMSProp(0.99, 1e-8), HeavyBall(0.5), Descend(0.01)),
        lambda p: torch.optim.RMSprop(p, 0.01, weight_decay=0.01, momentum=0.5),
        {"alpha": BETA, "eps": st.floats(1e-10, 1e-3), "momentum": BETA},
    ),
    "adam": (
        chain(L2(0.01), Adam(), Descend(0.01)),
        lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.01),
        ADAM,
    ),
    "adamw": (chain(AdamW(), Descend(0.01)), lambda p: torch.optim.AdamW(p, 0.01), ADAM),
    "adam, then L2": (
        chain(Adam(), L2(0.01), Descend(0.01)),
        lambda p: torch.optim.AdamW(p, 0.01),
        ADAM,
    ),
}


def options(keys):
    """Some of the keys, each with a value."""
    return st.fixed_dictionaries({}, optional=keys | {"lr": RATE, "weight_decay": st.floats(0, 1)})


# ---- equal to torch.optim --------------------------------------------------------------------


@pytest.mark.parametrize("name", TWINS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_groups_train_as_torchs_do_and_show_the_same(name, data):
    pattern, referee, keys = TWINS[name]
    first, second = data.draw(options(keys)), data.draw(options(keys))
    a, b = weights(1), weights(1)

    def groups(p):
        return [{"params": p[:2], **first}, {"params": p[2:], **second, "name": "the last"}]

    mine, theirs = as_optimizer(pattern, groups(a)), referee(groups(b))
    shared = [*keys, "lr", "weight_decay", "params"]
    for (i, group), other in zip(enumerate(mine.param_groups), theirs.param_groups, strict=True):
        assert {k: group[k] for k in shared[:-1]} == {k: other[k] for k in shared[:-1]}
        assert group.keys() - {"name"} == set(shared), f"group {i}"
    steps(mine, 2)
    steps(theirs, 2)
    assert all(compare(p, q, rtol=1e-9, atol=1e-11) for p, q in zip(a, b, strict=True))

    # In mid-run. Torch corrects β₁ᵗ with the β₁ of the moment, Adam here with the product of all.
    changed = data.draw(options({k: s for k, s in keys.items() if k != "betas"}))
    for optimizer in (mine, theirs):
        optimizer.param_groups[1].update(changed)
        steps(optimizer, 3)
    assert all(compare(p, q, rtol=1e-9, atol=1e-11) for p, q in zip(a, b, strict=True))
    assert shown(mine, shared[:-1]) == shown(theirs, shared[:-1])


def test_nanogpts_grouping_spares_biases_and_norms_the_decay():
    a, b = net(), net()

    def groups(model):
        parameters = list(model.parameters())
        return [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]

    betas = (0.9, 0.95)
    mine = as_optimizer(chain(AdamW(*betas), Descend(6e-3)), groups(a))
    train(a, mine, batches())
    train(b, torch.optim.AdamW(groups(b), lr=6e-3, betas=betas), batches())
    assert same(a, b, rtol=1e-8)
    assert [g["weight_decay"] for g in mine.param_groups] == [0.1, 0.0]


def test_betas_changed_in_mid_run_are_the_chains_from_the_next_step_on():
    a, b = weights(1), weights(1)
    mine, other = (as_optimizer(chain(Adam(), Descend(0.01)), p) for p in (a, b))
    for optimizer in (mine, other):
        steps(optimizer, 2)
    for betas in ((0.5, 0.9), [0.6, 0.8], (torch.tensor(0.25), 0.7)):
        mine.param_groups[0]["betas"] = betas
        adam = other.chains[0].find(Adam)
        adam.beta1, adam.beta2 = betas
        other.param_groups[0]["betas"] = tuple(map(float, betas))
        for optimizer in (mine, other):
            steps(optimizer, 3)
        assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def test_other_transforms_show_the_keys_that_torch_has_for_them():
    def keys(*transforms):
        optimizer = as_optimizer(chain(*transforms, Descend(0.1)), weights(1))
        return {k: v for k, v in optimizer.param_groups[0].items() if k not in ("params", "lr")}

    assert keys() == {} == keys(ClipByValue(1.0))  # torch calls no option of an optimizer so
    assert keys(Momentum(0.8)) == {"momentum": 0.8}
    assert keys(Muon(0.9, 3)) == {"momentum": 0.9, "ns_steps": 3}
    assert keys(Adam(0.8, 0.9, 1e-6)) == {"betas": (0.8, 0.9), "eps": 1e-6}


# ---- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transforms", "group", "says"),
    [
        ([Adam()], {"amsgrad": False}, "'amsgrad' = False.*'lr', 'betas', 'eps'; leave it out"),
        ([Adam()], {"foreach": None}, "'foreach'"),
        ([Adam()], {"fused": True}, "'fused'"),
        ([HeavyBall()], {"maximize": True}, "'maximize'"),
        ([HeavyBall()], {"nesterov": True}, "'nesterov' = True.*'lr', 'momentum'; leave"),
        ([HeavyBall()], {"weight_decya": 0.1}, "'weight_decya' = 0.1"),
        ([HeavyBall()], {"weight_decay": 0.1}, "'weight_decay' = 0.1.*put L2 or AdamW into"),
        ([], {"momentum": 0.9}, "'momentum' = 0.9.*put Momentum or HeavyBall or Nesterov or Muon"),
        ([HeavyBall()], {"betas": (0.9, 0.99)}, "'betas'.*put Adam into"),
        ([L2(), AdamW()], {"weight_decay": 0.1}, "keep only one of L2, AdamW in the chain"),
        ([Adam()], {"betas": (0.9, 1.0)}, "Adam.beta2 = 1.0 is out of range"),
        ([Adam()], {"betas": 0.9}, "'betas' = 0.9.*a pair"),
        ([Adam()], {"betas": (0.9,)}, "'betas' = .*a pair"),
        ([Adam()], {"betas": (0.5, "b")}, "Adam.beta2 = 'b' is not a number"),
        ([Adam()], {"eps": -1.0}, "Adam.eps = -1.0"),
        ([RMSProp()], {"alpha": 1.5}, "RMSProp.beta = 1.5"),
        ([L2()], {"weight_decay": float("nan")}, "L2.weight_decay = nan"),
        ([AdamW()], {"weight_decay": None}, "AdamW.weight_decay = None"),
        ([HeavyBall()], {"lr": 0.5, "momentum": 1.0}, "HeavyBall.beta = 1.0"),
        ([], {"lr": torch.ones(2)}, "Descend.lr = tensor"),
        ([], {"lr": 10**400}, "Descend.lr = 10"),
        ([Adam()], {"eps": np.ones(2)}, "Adam.eps = array"),
        ([HeavyBall()], {"weight_decay": torch.ones(2)}, "'weight_decay' = tensor"),
    ],
)
def test_unknown_keys_and_bad_values_are_refused_by_name_and_change_nothing(
    transforms, group, says
):
    a, b = weights(1), weights(1)
    pattern = chain(*transforms, Descend(Warmup(0.01, steps=100)))
    mine, untouched = as_optimizer(pattern, a[:2]), as_optimizer(pattern, b[:2])
    with pytest.raises(CourseError, match=says):  # at the door …
        mine.add_param_group({"params": a[2:], **group})
    assert len(mine.param_groups) == len(mine.flats) == len(mine.chains) == 1
    assert a[2].grad is None
    for optimizer, p in ((mine, a), (untouched, b)):
        optimizer.add_param_group({"params": p[2:]})
        steps(optimizer, 2, 5)
    kept = [dict(g) for g in mine.param_groups]
    described, theta = str([c.describe() for c in mine.chains]), copy.deepcopy(a)
    mine.param_groups[1].update(group)  # … and in mid-run
    mine.param_groups[0]["lr"] = 0.3
    with pytest.raises(CourseError, match=says):
        steps(mine, 3, 1)
    assert str([c.describe() for c in mine.chains]) == described
    assert all(torch.equal(p, q) for p, q in zip(a, theta, strict=True))
    for g, before in zip(mine.param_groups, kept, strict=True):
        g.clear()
        g.update(before)
    for optimizer in (mine, untouched):  # the schedules go on as if nothing had been
        steps(optimizer, 3, 20)
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    assert shown(mine, ["lr"]) == shown(untouched, ["lr"])


def test_what_is_zero_anyway_and_notes_pass():
    a, b = weights(1), weights(1)
    notes = {"name": "all", "initial_lr": 0.1, "max_lr": 1, "min_lr": 0, "swa_lr": 0.05}
    notes |= {"base_momentum": 0.8, "max_momentum": 0.9, "weight_decay": 0.0, "momentum": 0}
    mine = as_optimizer(chain(Adam(), Descend(0.1)), [{"params": a, **notes}])
    plain = as_optimizer(chain(Adam(), Descend(0.1)), b)
    for optimizer in (mine, plain):
        steps(optimizer, 2)
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    mine.param_groups[0]["weight_decay"] = 0.1
    with pytest.raises(CourseError, match="'weight_decay' = 0.1"):
        mine.step()


# ---- schedules of the chain, saved states, rearranged chains ---------------------------------


def test_a_scheduled_beta_shows_in_the_pair_and_only_the_other_one_changes():
    optimizer = as_optimizer(chain(Adam(beta1=Warmup(0.8, steps=4)), Descend(0.1)), weights(1))
    group, seen = optimizer.param_groups[0], []
    assert group["betas"] == (0.2, 0.999)
    for _ in range(3):
        steps(optimizer, 2, 1)
        seen.append(group["betas"])
    assert [b for _, b in seen] == [0.999] * 3 and compare([b for b, _ in seen], [0.2, 0.4, 0.6])
    group["betas"] = (group["betas"][0], 0.9)
    steps(optimizer, 2, 1)
    assert compare(group["betas"], [0.8, 0.9])


def test_a_group_takes_a_schedule_of_its_own():
    p, q = weights(1)[:2]
    groups = [{"params": [p], "lr": Warmup(0.4, steps=4)}, {"params": [q]}]
    optimizer = as_optimizer(chain(Descend(0.1)), groups)
    assert shown(optimizer, ["lr"]) == [{"lr": 0.1}, {"lr": 0.1}]
    steps(optimizer, 2, 2)
    assert shown(optimizer, ["lr"]) == [{"lr": 0.2}, {"lr": 0.1}]


def test_a_saved_state_brings_the_groups_numbers_and_a_bad_one_is_refused():
    def build(p):
        groups = [{"params": p[:2], "betas": (0.5, 0.9)}, {"params": p[2:]}]
        return as_optimizer(chain(AdamW(), Descend(0.01)), groups)

    a, b = weights(1), weights(1)
    first, second = (
        build(a),
        as_optimizer(chain(AdamW(), Descend(0.5)), [{"params": b[:2]}, {"params": b[2:]}]),
    )
    steps(first, 2)
    first.param_groups[1]["weight_decay"] = 0.7  # not yet in the chain
    state = copy.deepcopy(first.state_dict())
    for p, q in zip(a, b, strict=True):
        q.data.copy_(p)
    for key, value in {"lr": -1, "betas": (0.9, 2), "amsgrad": True}.items():
        broken = copy.deepcopy(state)
        broken["param_groups"][1][key] = value
        before = str(second.state_dict())
        with pytest.raises(CourseError, match=f"the state does not fit.*{key[:4]}"):
            second.load_state_dict(broken)
        assert str(second.state_dict()) == before
    second.load_state_dict(state)
    keys = ["lr", "betas", "eps", "weight_decay"]
    assert shown(second, keys) == shown(first, keys)
    for optimizer in (first, second):
        steps(optimizer, 3)
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def test_a_transform_put_into_a_running_chain_shows_and_is_turned():
    p = nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = as_optimizer(chain(Descend(1.0)), [p])
    optimizer.step()
    optimizer.chains[0].insert(0, L2(0.25))
    optimizer.step()
    assert optimizer.param_groups[0]["weight_decay"] == 0.25 and compare(p, [0.75] * 2)
    optimizer.param_groups[0]["weight_decay"] = 0.5
    optimizer.step()
    assert compare(p, [0.375] * 2)
