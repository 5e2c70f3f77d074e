"""A damaged or impossible state is refused whole: each part is tried with everything."""

import math

import pytest
import torch
from checkpoint_runs import (
    DIGITS,
    Refused,
    adopted_module,
    bits,
    deep,
    is_tensor,
    make,
    module,
    net,
    nodes,
    own_network,
    put,
    same,
    started,
    train,
)

from course import MLP, CourseError, load_data
from course.optim.ranges import LARGEST

# ---- what is possible ------------------------------------------------------------------------


NOT_NEGATIVE = ("threshold", "eps", "weight_decay", "strength", "iterations")


DEEP, DEEPER = deep(30), deep(100_000)


NUMBERS = [-4, 0, 1, 2, 10, 96, 97, 10**9, 2**63, 10**400, -(10**5000), -0.5, 0.0, 0.25, 1.0, 1.5]
NUMBERS += [1e30, math.inf, -math.inf, math.nan]


OTHERS = [
    None,
    True,
    False,
    "a",
    "Momentum",
    "test",
    b"x",
    1j,
    object(),
    {1},
    DEEP,
    DEEPER,
    [],
    {},
    [1],
]
OTHERS += [{"kind": "Cosine"}, {1: 2}, [["x"]], "9" * 5000, list(range(5000))]
OTHERS += [torch.tensor(1), torch.tensor(12), torch.tensor(-1), torch.ones(3), torch.ones(0, 3)]
OTHERS += [torch.empty(2, device="meta"), torch.eye(2).to_sparse()]


def hostile(leaf):
    """Values to put in its place; of a tensor also tensors that are nearly alike."""
    values = NUMBERS + OTHERS
    if isinstance(leaf, torch.Tensor):
        values = values + [leaf.to(t) for t in (torch.float16, torch.float64, torch.int32)]
        values += [torch.zeros_like(leaf), leaf.flip(0) if leaf.ndim else leaf + 1, leaf + 1]
        values += [torch.cat([leaf, leaf]) if leaf.ndim else leaf[None], leaf[None], leaf.tolist()]
        values += [leaf.to("meta"), leaf.to_sparse() if leaf.ndim else leaf.int()]
        if leaf.is_floating_point():
            values.append(leaf * math.nan)
        if leaf.dtype == torch.uint8:
            values.append(leaf.clone())
            values[-1][30] += 1  # the generator does not look there, so it would be lost
    return values


def whole(value, low, high):
    return type(value) is int and low <= value <= high


def number(value, low, high):
    if type(value) not in (int, float) or not low <= value <= high:
        return False
    return high == math.inf and value == math.inf or value < 1e308


def is_plain(value):
    if isinstance(value, torch.Tensor):
        return not value.is_meta
    if isinstance(value, list):
        return value is not DEEP and value is not DEEPER and all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(k, str) and is_plain(v) for k, v in value.items())
    return value is None or type(value) in (bool, int, float, str)


def legal(path, value, leaf, state) -> bool:
    """What the words say: which values of a part are allowed, if all others stay."""
    step, settings = state["run"]["step"], state["run"]["settings"]
    rows, torchs_own = len(DIGITS.y_train), "random.cpu" in state["run"]["model"]
    match path:
        case _ if same(value, leaf):
            return True
        case ["run", "seed"]:
            return whole(value, 0, 2**63 - 1)
        case ["run", "settings", "batch_size"]:
            return whole(value, settings["accumulate"], rows)
        case ["run", "settings", "accumulate"]:
            return whole(value, 1, settings["batch_size"])
        case ["run", "settings", "label_noise"]:
            return number(value, 0, 1)
        case ["run", "settings", "threshold"]:
            return number(value, 0, math.inf) and value > 0
        case ["run", "settings", "dropouts"]:
            return value == [1] and torchs_own if isinstance(value, list) else False
        case ["run", "settings", "dropouts", _]:
            return number(value, 0, 1) and (value < 1 or torchs_own)
        case ["run", "settings", "switches", _, 1]:
            return type(value) is bool
        case ["run", "settings", "augment"]:
            return isinstance(value, list) and value == []
        case ["run", "settings", "augment", _, "pixels"]:
            return whole(value, 0, 2**20)
        case ["run", "settings", "augment", _, "degrees"]:
            return type(value) is float and 0 <= value <= 180
        case ["run", "settings", "augment", _, "sigma"]:
            return type(value) is float and 0 <= value < math.inf
        case ["run", "settings", "chain", _, "lr"]:
            return type(value) is float and 0 <= value < math.inf
        case ["run", "settings", "chain", _, "lr", "peak" | "end"]:
            return type(value) is float and 0 <= value <= LARGEST
        case ["run", "settings", "chain", _, "lr", "steps" | "warmup" as name]:
            schedule = next(d["lr"] for d in settings["chain"] if "lr" in d)
            low, high = (1, 10**12) if name == "steps" else (0, schedule["steps"])
            low = max(low, schedule["warmup"] if name == "steps" else 0)
            return whole(value, low, high)
        case ["run", "settings", "chain", _, str(name)] if name in NOT_NEGATIVE:
            open_low = name == "threshold"
            low, high = {"iterations": (1, 10**4)}.get(name, (0, math.inf))
            good = type(value) is float and low <= value <= high and not (open_low and value == 0)
            return good and (open_low or value < math.inf)
        case ["run", "settings", "chain", _, "beta" | "beta1" | "beta2"]:
            return type(value) is float and 0 <= value < 1
        case ["run", "transforms", 0, "step"]:
            return is_tensor(value, leaf) and step <= int(value) <= 10**12
        case ["run", "transforms", _, "products"]:
            return is_tensor(value, leaf) and bool(((value >= 0) & (value <= 1)).all())
        case ["run", "batches", "order"]:
            return is_tensor(value, leaf) and sorted(value.tolist()) == list(range(rows))
        case ["run", "batches", "position"]:
            return whole(value, 0, rows)
        case ["run", "batches", "epoch"]:
            return whole(value, 0, 10**12)
        case ["run", "batches" | "model", "generator" | "noise" | "random.cpu"]:
            return False  # none of ours is another state that a generator may have
        case ["run", "theta"] | ["run", "transforms", _, _] | ["run", "model", _] | ["best", 2]:
            return is_tensor(value, leaf)
        case ["history", "numbers"]:
            return is_tensor(value, leaf)
        case ["history", "knobs" | "evaluations"]:
            return isinstance(value, list) and value == []
        case ["history", "knobs", i, 0]:
            ahead = [k[0] for k in state["history"]["knobs"][i + 1 :]]
            behind = [k[0] for k in state["history"]["knobs"][:i]]
            return whole(value, max([0, *behind]), min([step, *ahead]))
        case ["history", "knobs", _, 1] | ["history", "knobs", _, 2, *_]:
            return isinstance(value, str) if path[3:] == [1] else is_plain(value)
        case ["history", "evaluations", _, 0]:
            return whole(value, 0, step)
        case ["history", "evaluations", _, 1]:
            return value in ("test",) if isinstance(value, str) else False
        case ["history", "evaluations", _, 2 | 3] | ["best", 1]:
            return type(value) is float
        case ["best"]:
            return value is None
        case ["best", 0]:
            return whole(value, 0, 10**12)
    return False


# ---- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("build", [own_network, adopted_module])
def test_each_part_takes_what_is_possible_and_refuses_everything_else(build):
    refused = Refused(started(build))
    state, wrong = refused.state, []
    for path, leaf in nodes(state):
        in_history = path[:1] == ["history"] and path[2:3] in ([1], [2])
        if path[:2] == ["run", "for"] and len(path) > 3 or in_history:
            continue  # like their neighbours
        if build is adopted_module and path[1:2] not in (["settings"], ["model"], ["transforms"]):
            continue  # as in the other
        for i, value in enumerate(hostile(leaf)):
            allowed = legal(path, value, leaf, state)
            if refused(put(state, path, value)) == allowed:
                wrong.append((path, i, str(type(value)), allowed))
    assert wrong == []
    later, never_disturbed = train(refused.trainer, 5), train(started(build), 5)
    assert bits(later) == bits(never_disturbed)


@pytest.mark.parametrize("build", [own_network, adopted_module])
def test_a_part_that_is_missing_or_too_many_is_refused(build):
    refused = Refused(started(build))
    lists = ["knobs", "evaluations", "augment"]  # of any length
    for path, part in nodes(refused.state):
        spoilt = []
        if isinstance(part, dict) and "knobs" not in path:
            spoilt = [{k: v for k, v in part.items() if k != name} for name in part]
            spoilt.append(part | {"more": 1})
        elif isinstance(part, list) and part and path[-1] not in lists:
            spoilt = [part[:-1], [*part, part[-1]]]
        for value in spoilt:
            assert refused(put(refused.state, path, value)), path
    assert bits(train(refused.trainer, 5)) == bits(train(started(build), 5))


def test_a_snapshot_is_checked_as_a_state_is():
    trainer = started(own_network)
    kept, run, chain_now = bits(trainer), trainer.snapshot(), trainer.chain
    for path, leaf in nodes(run):
        if path[:1] == ["for"] or not path:
            continue
        for value in (None, -4, math.nan, torch.ones(3), DEEPER):
            if legal(["run", *path], value, leaf, {"run": run}):
                continue
            with pytest.raises(CourseError):
                trainer.restore(put(run, path, value))
            assert bits(trainer) == kept and trainer.chain is chain_now
    assert bits(train(trainer, 5)) == bits(train(started(own_network), 5))


@pytest.mark.parametrize(
    "build",
    [
        lambda: make(model=MLP([64, 13, 10])),
        lambda: make(model=net(dropout=0.1)),
        lambda: make(model=MLP([64, 12, 10], "tanh")),
        lambda: make(model=module()),
        lambda: make(data=load_data("digits").subset(120, seed=1).with_validation()),
        lambda: make(data=load_data("digits")),
        lambda: make(data=load_data("moons"), model=MLP([2, 12, 2])),
    ],
)
def test_the_state_of_another_model_or_other_data_is_refused(build):
    refused = Refused(started(make))
    other = train(build(), 2)
    with pytest.raises(CourseError, match="build a trainer with that first|of the state is"):
        refused.trainer.load_state_dict(other.state_dict())
    assert refused(other.state_dict())


def test_a_state_that_holds_itself_many_times_is_refused_soon(monkeypatch):
    monkeypatch.setattr("course.states.PARTS", 10_000)
    refused, bomb, ring = Refused(started(make)), [0], []
    ring.append(ring)
    for _ in range(15):
        bomb = [bomb] * 10
    for value in (bomb, ring):
        assert refused(put(refused.state, ["history", "knobs", 0, 2], value))


def test_an_error_while_the_draft_is_built_changes_nothing(monkeypatch):
    refused = Refused(started(own_network))

    def no_room(*args):
        raise MemoryError

    state = put(refused.state, ["run", "settings", "batch_size"], 20)
    with monkeypatch.context() as patch:
        patch.setattr(type(refused.trainer.model), "encode", no_room)
        assert refused(state)
    assert not refused(state)


@pytest.mark.parametrize(
    "path, value, allowed",
    [(["seed"], 2**63, ""), (["seed"], -1, ""), (["settings", "batch_size"], 0, r"\[1, 96\]"),
     (["settings", "accumulate"], 17, r"\[1, 16\]"), (["settings", "threshold"], 0, r"\(0, inf\]"),
     (["settings", "label_noise"], 1.5, r"\[0, 1\]")],
)  # fmt: skip
def test_a_part_that_is_out_of_range_is_named_with_the_range(path, value, allowed):
    refused = Refused(started(make))
    state = put(refused.state, ["run", *path], value)
    with pytest.raises(CourseError, match=f"{path[-1]} of the state .*{value}.*{allowed}.*load"):
        refused.trainer.load_state_dict(state)
    assert bits(refused.trainer) == refused.bits


def test_a_regression_takes_the_state_of_another_seed():
    """No labels are put in place again: values to predict have none that could be wrong."""
    first, second = (
        make(model=MLP([1, 4, 1], loss="mse"), data=load_data("sine"), seed=seed) for seed in (0, 1)
    )
    train(first, 3)
    second.load_state_dict(first.state_dict())
    assert bits(second) == bits(first) and bits(train(second, 3)) == bits(train(first, 3))
