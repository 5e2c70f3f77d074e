"""A saved state: it goes on to the bit, nothing damaged or impossible gets in, no file is lost."""

import contextlib
import math
import os
import random
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from torch import nn

from course import (
    L1,
    L2,
    MLP,
    Adam,
    Augment,
    ClipByNorm,
    ClipByValue,
    Cosine,
    CourseError,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Momentum,
    Muon,
    Network,
    NewtonCG,
    Noise,
    ReLU,
    Rotate,
    Shift,
    Trainer,
    adopt,
    chain,
    load_data,
)
from course.optim.chain import LARGEST
from course.states import digest, plain

posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits as POSIX has them")
DIGITS = load_data("digits").subset(120).with_validation()
IMAGES = Augment(Shift(1), Rotate(10.0), Noise(0.1))


NOT_NEGATIVE = ("threshold", "eps", "weight_decay", "strength", "iterations")


def net(dropout=None, seed=0):
    return MLP([64, 12, 10], dropout=dropout, seed=seed)


def module(seed=0):
    torch.manual_seed(seed)
    layers = nn.Linear(64, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 10)
    return adopt(nn.Sequential(*layers), seed=seed)


def make(steps=None, model=None, data=DIGITS, batch_size=16, **options):
    steps = steps or chain(Momentum(0.9), Descend(0.1))
    return Trainer(model or net(), data, steps, batch_size, **options)


def train(trainer, steps, **options):
    for _ in trainer.run(steps, **options):
        pass
    return trainer


def bits(trainer):
    return digest(plain(trainer.state_dict()))


def same(a, b):
    """Equal in types and bits, told without a digest."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return is_tensor(a, b) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return struct.pack("d", a) == struct.pack("d", b) if isinstance(a, float) else a == b


# ---- going on -----------------------------------------------------------------------------------

RUNS = {
    "momentum": make,
    "clipping": lambda: make(chain(ClipByNorm(0.5), Momentum(0.9), Descend(0.1))),
    "adam": lambda: make(chain(Adam(), Descend(0.01))),
    "muon": lambda: make(chain(Muon(), Descend(0.01))),
    "newton-cg": lambda: make(chain(NewtonCG(), Descend(0.5))),
    "schedule": lambda: make(chain(Descend(Cosine(0.3, steps=60, warmup=5)))),
    "dropout": lambda: make(model=net(dropout=0.3)),
    "adopted": lambda: make(model=module()),
    "augmentation": lambda: make(augment=IMAGES),
    "accumulate": lambda: make(model=net(dropout=0.3), accumulate=2),
}


def label_noise():
    trainer = make(seed=3)
    trainer.set("label_noise", 0.3)
    return trainer


@pytest.mark.parametrize("build", [*RUNS.values(), label_noise], ids=[*RUNS, "label noise"])
def test_a_loaded_run_goes_on_to_the_bit(build, tmp_path):
    whole, first = train(build(), 40, evaluate_every=10), train(build(), 20, evaluate_every=10)
    first.save(tmp_path / "run.pt")
    resumed = make(
        model=module(5) if build is RUNS["adopted"] else net(first.knobs().get("dropout"))
    )
    resumed.set("batch_size", 9)
    resumed.set("lr", 0.7)
    train(resumed, 7, evaluate_every=1).load(tmp_path / "run.pt")
    assert bits(resumed) == bits(first) and resumed.knobs() == first.knobs()
    train(resumed, 20, evaluate_every=10)
    assert torch.equal(resumed.model.theta, whole.model.theta)
    assert bits(resumed) == bits(whole) and resumed.knobs() == whole.knobs()
    assert resumed.evaluate("train") == whole.evaluate("train")


def test_what_happened_and_the_best_weights_come_back(tmp_path):
    first = train(make(), 30, evaluate_every=5, patience=100)
    first.set("lr", np.float64(0.05))
    first.set("clip", "value")
    first.set("lr", Cosine(np.float64(0.1), steps=np.int64(50)))
    first.save(tmp_path / "run.pt")
    resumed = make()
    resumed.load(tmp_path / "run.pt")
    assert np.array_equal(resumed.history.numbers(), first.history.numbers())
    assert resumed.history.knobs == first.history.knobs and len(first.history.knobs) == 3
    assert resumed.history.evaluations == first.history.evaluations
    assert len(first.history.evaluations) == 18
    assert resumed.restore_best() == first.restore_best() > 0
    assert torch.equal(resumed.model.theta, first.model.theta)


def test_a_state_shares_no_memory_with_the_run():
    trainer = train(make(), 30, evaluate_every=5, patience=100)
    state = trainer.state_dict()
    before, kept = digest(plain(state)), bits(trainer)
    train(trainer, 10, evaluate_every=5, patience=100)
    assert digest(plain(state)) == before
    trainer.load_state_dict(state)
    assert bits(trainer) == kept
    for tensor in (state["run"]["theta"], state["best"][2], state["history"]["numbers"]):
        tensor.fill_(7)
    state["best"][0] = 7
    assert bits(trainer) == kept


def test_an_interrupted_step_leaves_a_state_that_loads(monkeypatch):
    for place in ("norms", "record"):
        trainer = train(make(), 5)
        with monkeypatch.context() as patch:
            part = trainer.chain if place == "norms" else trainer.history
            real = getattr(part, place)

            def interrupted(*args, real=real):
                real(*args)
                raise KeyboardInterrupt

            patch.setattr(part, place, interrupted)
            with pytest.raises(KeyboardInterrupt):
                trainer.step()
        state = trainer.state_dict()
        make().load_state_dict(state)


def test_a_snapshot_of_a_step_that_the_history_does_not_know_is_refused():
    snapshot = train(make(), 9).snapshot()
    trainer = train(make(), 8)
    kept = bits(trainer)
    with pytest.raises(CourseError, match=r"of step 9.*knows 8"):
        trainer.restore(snapshot)
    assert bits(trainer) == kept
    train(trainer, 1).restore(snapshot)


# ---- impossible states --------------------------------------------------------------------------


def own_network():
    layers = [Linear(8), LayerNorm(), ReLU(), Dropout(0.3), Linear(10)]
    steps = chain(ClipByNorm(1.0), Adam(), Descend(Cosine(0.02, steps=90, warmup=5)))
    trainer = make(steps, Network(layers, 64), batch_size=12, augment=IMAGES, accumulate=2)
    trainer.set("label_noise", 0.25)
    return trainer


def adopted_module():
    steps = chain(ClipByValue(0.5), L2(1e-4), Muon(), Descend(0.01), L1(1e-5))
    return make(steps, module(), seed=5)


def started(build):
    trainer = train(build(), 6, evaluate_every=6, patience=9)
    trainer.set("momentum", 0.8)
    trainer.set("lr", Cosine(0.02, steps=80))
    return train(trainer, 4)


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


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


def is_tensor(value, like):
    if not isinstance(value, torch.Tensor) or value.is_meta or value.layout != like.layout:
        return False
    return (value.shape, value.dtype) == (like.shape, like.dtype)


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


def nodes(value, path=()):
    yield list(path), value
    inside = enumerate(value) if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else inside:
        yield from nodes(item, (*path, key))


def put(value, path, new):
    """A copy of nested dicts and lists with `new` at the place `path`."""
    if not path:
        return new
    twin = value.copy()
    twin[path[0]] = put(value[path[0]], path[1:], new)
    return twin


def as_floats(state):
    """The settings that may be given as whole numbers."""
    for name in ("label_noise", "threshold"):
        state = put(state, ["run", "settings", name], float(state["run"]["settings"][name]))
    dropouts = [float(p) for p in state["run"]["settings"]["dropouts"]]
    return put(state, ["run", "settings", "dropouts"], dropouts)


class Refused:
    """Loads states and sees that a refused one has changed nothing."""

    def __init__(self, trainer):
        self.trainer, self.state = trainer, trainer.state_dict()
        self.bits = bits(trainer)

    def __call__(self, state) -> bool:
        t = self.trainer
        parts = t.chain, t.chain.transforms, t.batches, t.history, t.best, t.model, t.splits
        try:
            t.load_state_dict(state)
        except CourseError as error:
            assert 20 < len(str(error)) < 1500
            now = t.chain, t.chain.transforms, t.batches, t.history, t.best, t.model, t.splits
            assert all(a is b for a, b in zip(parts, now, strict=True))
            assert bits(t) == self.bits
            return True
        assert digest(as_floats(plain(t.state_dict()))) == digest(as_floats(plain(state)))
        if t.batch_size >= 2 * t.accumulate:  # a batch norm takes no single rows
            with contextlib.suppress(CourseError):  # as of a shift that is wider than the image
                train(t, 2)
        t.load_state_dict(self.state)
        assert bits(t) == self.bits
        return False


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


# ---- the digest ---------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
states = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@tries(max_examples=150, deadline=None, derandomize=True)
@given(a=states, b=states)
def test_equal_digests_are_of_equal_states(a, b):
    assert (digest(a) == digest(b)) == same(a, b)
    assert digest(plain(a)) == digest(a)


def test_states_that_read_alike_have_digests_of_their_own():
    alike = [
        0, 0.0, -0.0, False, None, "0", [], {}, "", [0], [[0]], {"0": 0}, ["ab", "c"], ["a", "bc"],
        [["a"], "b"], [["a", "b"]], torch.tensor(0), torch.tensor(0.0), torch.tensor(-0.0),
        torch.tensor([0]), torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(6),
        torch.zeros(6).int(), torch.zeros(6).bool(), torch.zeros(6).bfloat16(), torch.eye(3),
  torch.eye(3).to_sparse(), math.nan, -math.nan, 10**5000,
    ]  # fmt: skip
    assert len({digest(value) for value in alike}) == len(alike)
    assert digest(torch.arange(6).view(2, 3).t()) == digest(torch.tensor([[0, 3], [1, 4], [2, 5]]))
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


@tries(max_examples=60, deadline=None, derandomize=True)
@given(size=st.integers(1, 40), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_bit_of_a_tensor_changes_the_digest(size, place, bit):
    content = torch.arange(size, dtype=torch.float32)
    flipped = content.clone()
    flipped.view(torch.uint8)[place % (4 * size)] ^= 1 << bit
    assert digest(content) != digest(flipped)


# ---- files --------------------------------------------------------------------------------------


def test_any_bit_flip_loads_the_same_or_is_refused(tmp_path):
    refused = Refused(started(own_network))
    file = tmp_path / "run.pt"
    refused.trainer.save(file)
    content, outcomes, draw = file.read_bytes(), [], random.Random(0)
    for _ in range(300):
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(flipped)
        try:
            refused.trainer.load(file)
        except CourseError as error:
            outcomes.append(str(error).partition("is ")[2][:7])
        assert bits(refused.trainer) == refused.bits
    assert {"damaged", "not a r"} <= set(outcomes) and 100 < len(outcomes) < 300


def test_a_file_that_is_cut_foreign_or_missing_is_refused(tmp_path):
    refused = Refused(started(make))
    trainer, file = refused.trainer, tmp_path / "run.pt"
    trainer.save(file)
    content, saved = file.read_bytes(), torch.load(file, weights_only=True)
    cuts = [content[:n] for n in (0, 1, 100, len(content) // 2, len(content) - 1)]
    for i, cut in enumerate([*cuts, b"not a state", content[1:]]):
        (tmp_path / f"cut{i}").write_bytes(cut)
    foreign = [saved["state"], {"recipe": {}}, [], 3, saved | {"more": 1}, saved | {"digest": None},
               saved | {"state": deep(400)}, saved | {"state": {1: b"x"}}, {"digest": object()},
               saved | {"state": saved["state"] | {"best": 7}}]  # fmt: skip
    for i, other in enumerate(foreign):
        torch.save(other, tmp_path / f"foreign{i}")
    names = [*sorted(tmp_path.glob("cut*")), *sorted(tmp_path.glob("foreign*"))]
    for name in [*names, tmp_path / "missing", tmp_path, "", None, 7.5, "a\0b"]:
        with pytest.raises(CourseError) as error:
            trainer.load(name)
        assert len(str(error.value)) < 1000 and bits(trainer) == refused.bits
    with pytest.raises(CourseError, match="no state with a digest.*save it anew"):
        trainer.load(tmp_path / "foreign0")
    with pytest.raises(CourseError, match="there is no state file"):
        trainer.load(tmp_path / "missing")


def test_saving_where_no_file_can_be_says_why_and_leaves_what_is_there(tmp_path, monkeypatch):
    trainer, file = train(make(), 3), tmp_path / "run.pt"
    trainer.save(file)
    content = file.read_bytes()
    train(trainer, 3)
    for path, reason in [
        (tmp_path / "no" / "run.pt", "No such file"), (tmp_path, "directory"),
        (file / "run.pt", "Not a directory"), ("", "directory"), (None, "NoneType"), (7.5, "float"),
        ("a\0b", "null"),
    ]:  # fmt: skip
        with pytest.raises(CourseError, match=f"cannot be saved.*{reason}.*choose another"):
            trainer.save(path)
    for function, error in [
        ("fsync", OSError(28, "No space left on device")),
        ("replace", PermissionError(13, "Permission denied")),
    ]:
        with monkeypatch.context() as patch:

            def refuse(*args, error=error):
                raise error

            patch.setattr(os, function, refuse)
            with pytest.raises(CourseError, match=f"run.pt.*{error.strerror}.*room"):
                trainer.save(file)
    assert file.read_bytes() == content and [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    kept = bits(trainer)
    trainer.save(file)
    make().load(file)
    assert bits(trainer) == kept


BIG = """
import os, random, resource, signal, sys, time
import torch
from course import MLP, CourseError, Descend, Momentum, Trainer, chain, load_data
from course.states import digest, plain

torch.set_num_threads(1)
model = MLP([64, 2000, 100, 10])
trainer = Trainer(model, load_data("digits").subset(50), chain(Momentum(), Descend(0.1)), 16)
file = sys.argv[1]
trainer.save(file)
first = digest(plain(trainer.state_dict()))
trainer.step()
"""
KILLED = """
second = digest(plain(trainer.state_dict()))
trainer.save(file)
begun = time.perf_counter()
trainer.save(file)
one = time.perf_counter() - begun
for trial in range(6):
    child = os.fork()
    if not child:
        while True:
            trainer.save(file)
    time.sleep(one * random.Random(trial).uniform(0.1, 2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    trainer.load(file)
    assert digest(plain(trainer.state_dict())) == second, trial
"""
FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))
try:
    trainer.save(file)
except CourseError as error:
    assert "File too large" in str(error) and "make room" in str(error), error
else:
    sys.exit("no error")
trainer.load(file)
assert digest(plain(trainer.state_dict())) == first
assert os.listdir(os.path.dirname(file)) == ["run.pt"]
"""


@posix
@pytest.mark.parametrize("program", [KILLED, FULL], ids=["killed", "full"])
def test_neither_a_kill_nor_a_full_disk_while_saving_loses_the_earlier_state(program, tmp_path):
    command = [sys.executable, "-c", BIG + program, str(tmp_path / "run.pt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
