"""Whatever a recipe, a knob or an argument holds: it works, or `CourseError` says why not.

Never another error, never gigabytes, never minutes. The limits of `course.effort` are set low here,
so that what would be allowed on a large machine is refused before it is tried.
"""

import copy
import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course import (
    MLP,
    Adam,
    Augment,
    ClipByNorm,
    Cosine,
    CourseError,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    LinearRamp,
    Momentum,
    Network,
    Noise,
    ReLU,
    Residual,
    Rotate,
    Shift,
    StepDecay,
    Trainer,
    Warmup,
    chain,
    effort,
    load_data,
    standardise,
)
from course.errors import check_choice, check_count, check_number, check_seed, shown
from course.optim.schedules import SCHEDULES
from course.training.presets import preset
from course.training.recipe import MOST_VALUES, load_recipe
from course.training.recipe_source import as_code
from course.training.replay import build_recipe, history_digest, run_recipe


def nested(depth):
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


def nested_schedule(depth):
    value: object = 0.1
    for _ in range(depth):
        value = {"kind": "Warmup", "peak": value, "steps": 3}
    return value


ITSELF: list = []
ITSELF.append(ITSELF)
HOSTILE = [
    None, True, -1, 0, 1, 2, 3.5, 10**6, 2**63, 2**64, 10**400, -(10**400), 10**5000, 1e-320, 1e39,
    1e308, math.nan, math.inf, -math.inf, 1j, Decimal("NaN"), Decimal("sNaN"), Decimal("0.5"),
    Fraction(10**400, 3), np.float64(0.5), np.int64(2), np.bool_(True), np.complex128(1),
    np.float32(math.inf), np.array([1.0, 2.0]), np.array("relu"), torch.tensor(0.5),
    torch.ones(3), torch.ones(1, device="meta"), torch.tensor(1.0, device="meta"), torch.float16,
    "", "0.1", "9" * 5000, "__dict__", "float16", "meta", "cuda:99", "own", "\ud800", "x" * 10**6,
    b"\x00", [], [[]], ["adam"], [None] * 1000, [1] * 5000, {}, {"kind": "Linear"}, {"kind": []},
    {"kind": "MLP"}, {1: 2}, {"kind": "Warmup", "peak": 1.0, "steps": 10**400}, nested(100_000),
    nested_schedule(2000), ITSELF, set(), object(), len, range(10**12),
]  # fmt: skip


@pytest.fixture(autouse=True)
def low_limits(monkeypatch):
    monkeypatch.setattr(effort, "memory_limit", lambda: 3e7)
    monkeypatch.setattr(effort, "LONGEST", 5)


def only_course_errors(function, *args, **options):
    """The result, or None after a `CourseError` that can be read."""
    try:
        return function(*args, **options)
    except CourseError as error:
        assert 10 < len(str(error)) < 1500, str(error)[:3000]
        return None


# ---- checked numbers ----------------------------------------------------------------------


@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: shown(v)[:20])
def test_a_checked_number_is_a_plain_number_in_range_or_refused(value):
    number = only_course_errors(check_number, "x", value, 0, math.inf, "as 1")
    assert number is None or (type(number) is float and number >= 0)
    for high in (5, 10**12, math.inf, 2**63 - 1):
        count = only_course_errors(check_count, "n", value, 0, high, "as 1")
        assert count is None or (type(count) is int and 0 <= count <= high and count == value)
    choice = only_course_errors(check_choice, "c", value, {"relu": 1, "tanh": 2})
    assert choice is None or type(choice) is str


def test_what_a_number_is():
    for good in (1, 1.0, np.float64(1), np.int8(1), Decimal(1), Fraction(1), torch.tensor(1.0)):
        assert check_number("x", good, 0, 1, "as 1") == 1 == check_count("x", good, 0, 1, "as 1")
    for bad in (True, np.bool_(True), torch.tensor(True), "1", 1j, np.complex128(1), [1], b"1"):
        for check in (check_number, check_count):
            with pytest.raises(CourseError, match="not a number"):
                check("x", bad, 0, 1, "as 1")


@given(st.integers(0, 2**64))
@example(2**53 + 1)
@example(2**63 - 1)
def test_a_seed_keeps_every_digit(seed):
    if seed < 2**63:
        assert check_seed(seed) == seed
    else:
        with pytest.raises(CourseError, match="2\\*\\*63"):
            check_seed(seed)


@settings(max_examples=50, deadline=None)
@given(st.recursive(st.one_of(st.integers(), st.text(), st.floats()), st.lists))
def test_a_shown_value_is_short(value):
    assert len(shown([value] * 1000)) <= 200 and len(shown(value)) <= 200


def test_a_huge_number_is_shown_by_its_size():
    assert shown(7) == "7" and shown(-(10**400)) == "-10**400 or so"
    assert "or so" in shown([10**5000])


# ---- knobs --------------------------------------------------------------------------------


def small(**options):
    steps = chain(ClipByNorm(2.0), Adam(), Descend(0.1))
    return Trainer(MLP([2, 4, 2], dropout=0.1), load_data("moons"), steps, **options)


@pytest.mark.parametrize("knob", [*small().knobs(), "speed"])
def test_every_knob_takes_a_value_or_refuses_it_whole(knob):
    for value in HOSTILE:
        trainer = small()
        before = trainer.settings()
        only_course_errors(trainer.set, knob, value)
        if not trainer.history.knobs:
            assert trainer.settings() == before
        trainer.step()
        trainer.recipe().json()


@pytest.mark.parametrize("kind", SCHEDULES.builders)
def test_every_field_of_a_schedule_is_a_plain_number(kind):
    good = {"Warmup": Warmup(1.0, 5), "LinearRamp": LinearRamp(1.0, 0.0, 5),
            "Cosine": Cosine(1.0, 5), "StepDecay": StepDecay(1.0, 5)}[kind].describe()  # fmt: skip
    for field in good:
        for value in HOSTILE:
            schedule = only_course_errors(SCHEDULES.build, good | {field: value})
            if schedule is not None:
                assert all(type(schedule.value(t)) is float for t in (0, 3, 5, 10**6))
                json.dumps(schedule.describe())


def test_a_weight_that_float32_cannot_hold_is_no_setting():
    for make in (Descend, ClipByNorm):
        with pytest.raises(CourseError, match="1e\\+39 is above 1e\\+30"):
            make(1e39)
    assert ClipByNorm(math.inf).threshold == math.inf


# ---- arguments ----------------------------------------------------------------------------

ARGUMENTS = [
    (lambda v: MLP(v), "sizes"), (lambda v: MLP([2, v, 2]), "a size"),
    (lambda v: MLP([2, 2], v), "activation"), (lambda v: MLP([2, 2], seed=v), "seed"),
    (lambda v: MLP([2, 2], dtype=v), "dtype"), (lambda v: MLP([2, 2], device=v), "device"),
    (lambda v: MLP([2, 2], init=v), "init"), (lambda v: MLP([2, 3, 2], dropout=v), "dropout"),
    (lambda v: MLP([2, 2], loss=v), "loss"), (lambda v: Network(v, 2), "layers"),
    (lambda v: Network([Linear(2)], v), "features"), (lambda v: Linear(v), "width"),
    (lambda v: Linear(2, v), "init of a layer"), (lambda v: Residual(v), "inner layers"),
    (lambda v: MLP([2, 2]).to(v), "to"), (lambda v: small().to(v), "Trainer.to"),
    (lambda v: small(seed=v), "Trainer.seed"), (lambda v: small(batch_size=v), "batch_size"),
    (lambda v: small(accumulate=v), "accumulate"), (lambda v: load_data(v), "name"),
    (lambda v: load_data("moons", v), "data seed"), (lambda v: load_data("moons", 0, v), "share"),
    (lambda v: load_data("moons", dtype=v), "data dtype"),
    (lambda v: load_data("moons").subset(v), "n"),
    (lambda v: load_data("moons").subset(3, v), "seed of subset"),
    (lambda v: load_data("moons").with_validation(v), "validation share"),
    (lambda v: load_data("moons").noisy_labels(v), "noise"),
    (lambda v: list(small().run(v if not isinstance(v, int) else min(v, 9))), "run"),
    (lambda v: run_recipe(small().recipe(), steps=v), "steps"),
    (lambda v: run_recipe(small().recipe(), v, 0), "trainer"), (load_recipe, "recipe"),
    (lambda v: preset(v), "preset"), (lambda v: preset("divergence", v), "preset seed"),
]  # fmt: skip


@pytest.mark.parametrize("make", [m for m, _ in ARGUMENTS], ids=[name for _, name in ARGUMENTS])
def test_every_argument_is_taken_or_refused_in_words(make):
    for value in HOSTILE:
        only_course_errors(make, value)


# ---- recipes ------------------------------------------------------------------------------


def blocks():
    layers = [Linear(6), LayerNorm(), Residual(Linear(6), ReLU(), Dropout(0.2)), Linear(1)]
    model = Network(layers, 1, "mse", dtype=torch.float64)
    return model, standardise(load_data("sine", dtype=torch.float64).with_validation(0.3, 2))


def played(trainer, *turns):
    for step in range(4):
        for at, knob, value in turns:
            if at == step:
                trainer.set(knob, value)
        trainer.step()
    return trainer.recipe().describe()


MAKERS = {
    "digits": lambda: played(
        Trainer(MLP([64, 8, 10]), load_data("digits"), chain(Descend(0.1)))),
    "momentum": lambda: played(
        Trainer(MLP([2, 4, 2], "tanh"), load_data("moons", 3), chain(Momentum(0.9), Descend(0.5))),
        (1, "lr", 0.2), (2, "momentum", 0.5), (3, "batch_size", 10)),
    "schedules": lambda: played(
        Trainer(MLP([2, 4, 2], seed=4), load_data("xor"), batch_size=64, accumulate=4,
                chain=chain(ClipByNorm(Warmup(2.0, 3)), Adam(), Descend(Cosine(0.1, 9, 2)))),
        (2, "lr", StepDecay(0.1, 2)), (3, "clip", "off"), (3, "threshold", 0.5),
        (3, "device", "cpu")),
    "augment": lambda: played(
        Trainer(MLP([64, 10], dropout=0.0), load_data("digits").subset(200),
                chain(Descend(0.1)), augment=Augment(Shift(1), Rotate(9), Noise(0.1)))),
    "label noise": lambda: played(
        Trainer(MLP([64, 5, 10], "gelu", init="orthogonal", dropout=0.2),
                load_data("digits").subset(100), chain(ClipByNorm(math.inf), Descend(0.1)))
        ) | {"label_noise": 0.2, "knobs": [[0, "label_noise", 0.4], [4, "l2", 0.1]]},
    "network": lambda: played(
        Trainer(*blocks(), chain(Momentum(0.9), Descend(0.1))),
        (2, "optimiser", chain(Momentum(0.5), Adam(), Descend(0.01)).describe()),
        (2, "dropout", 0.3)),
}  # fmt: skip
RECIPES = {name: make() for name, make in MAKERS.items()}


def places(value, path=()):
    """The path of every value in nested dicts and lists."""
    yield path
    if isinstance(value, dict | list | tuple):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(child, (*path, key))


def replaced(recipe, path, value):
    """A copy with another value at this place."""
    if not path:
        return value
    twin = copy.copy(recipe) if isinstance(recipe, dict) else list(recipe)
    twin[path[0]] = replaced(recipe[path[0]], path[1:], value)
    return twin


def attempt(recipe) -> None:
    """Load, build, run three steps, write as code: each works or raises `CourseError`."""
    loaded = only_course_errors(load_recipe, recipe)
    if loaded is None:
        assert only_course_errors(as_code, recipe) is None
        return
    trainer = only_course_errors(run_recipe, recipe, steps=3)
    code = only_course_errors(as_code, recipe)
    if code is not None:
        compile(code, "code", "exec")
    if trainer is not None:
        trainer.recipe().json()


PLACES = [(name, path) for name, recipe in RECIPES.items() for path in places(recipe)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(PLACES), st.sampled_from(range(len(HOSTILE))))
def test_any_value_at_any_place_of_a_recipe_is_legal_or_refused(place, which):
    name, path = place
    attempt(replaced(RECIPES[name], path, HOSTILE[which]))


@pytest.mark.full
@pytest.mark.parametrize("name", RECIPES)
def test_all_values_at_all_places_of_a_recipe(name):
    for path in places(RECIPES[name]):
        for value in HOSTILE:
            attempt(replaced(RECIPES[name], path, value))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(PLACES), st.sampled_from(["drop", "add", "twice"]))
def test_a_missing_or_unknown_field_anywhere_is_legal_or_refused(place, how):
    name, path = place
    recipe = copy.deepcopy(RECIPES[name])
    inner = recipe
    for key in path[:-1]:
        inner = inner[key]
    if path and how == "drop":
        del inner[path[-1]]
    elif path and isinstance(inner, dict):
        inner[f"{path[-1]}2"] = inner[path[-1]]
    elif path:
        inner.insert(path[-1], inner[path[-1]])
    attempt(recipe)


WORDS = ["[", "]", "{", "}", ",", ":", '"', "1e999", "NaN", "-Infinity", "null", "9" * 5000, "\x00"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(RECIPES)), st.data())
def test_any_text_is_a_recipe_or_refused(name, data):
    text = json.dumps(RECIPES[name])
    start = data.draw(st.integers(0, len(text)))
    end = min(len(text), start + data.draw(st.integers(0, 12)))
    text = text[:start] + data.draw(st.sampled_from(WORDS) | st.text(max_size=3)) + text[end:]
    attempt(text)


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"a":' * 200_000, "not JSON"), ("[" * 200_000, "cannot be read"), ("{", "not JSON"),
        ('{"steps": ' + "1" * 5000 + "}", "not JSON"), ("", "cannot be read"),
        ("a\x00b", "cannot be read"), ('{"steps": 1, "steps": 2}', "'steps' twice"),
        ('{"model": {"seed": 1, "seed": 2}}', "'seed' twice"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_recipe_is_refused_in_words(text, words):
    with pytest.raises(CourseError, match=words) as error:
        load_recipe(text)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    "change, words",
    [
        ({"steps": 10**400}, "10\\*\\*400 or so"), ({"seed": 2**63}, "seed = 9223372036854775808"),
        ({"seed": -1}, "seed = -1"), ({"threads": 4096}, "threads = 4096.*fewer"),
        ({"threshold": -1}, "threshold = -1"), ({"threshold": math.nan}, "nan"),
        ({"knobs": [[1, "optimiser", ["adam"]]]}, "'adam' is not a transform"),
        ({"knobs": [[1, "device", "meta"]]}, "device = 'meta'"),
        ({"knobs": [[True, "lr", 1.0]]}, "whole number"), ({"chain": ["adam"]}, "'adam'"),
        ({"versions": {"torch": nested(50)}}, "32 levels"),
        ({"versions": {"torch": [0] * MOST_VALUES}}, "1,000,000 values"),
        ({"versions": {"torch": {1, 2}}}, "JSON values"), ({"versions": {1: "a"}}, "texts"),
    ],
)  # fmt: skip
def test_what_a_hostile_recipe_is_told(change, words):
    with pytest.raises(CourseError, match=words):
        run_recipe(RECIPES["momentum"] | change)


@pytest.mark.parametrize("change", [
    {"seed": 2**63}, {"threads": 4096}, {"threshold": 0}, {"threshold": 1e39}, {"batch_size": 0},
    {"accumulate": 33}, {"label_noise": 2}, {"steps": 10**10}, {"knobs": [[1, "device", "meta"]]},
])  # fmt: skip
def test_a_bad_recipe_is_refused_as_soon_as_it_is_loaded(change):
    (field,) = change
    words = {"knobs": "device = 'meta'"}.get(field, f"{field} = ")
    with pytest.raises(CourseError, match=words):
        load_recipe(RECIPES["momentum"] | change)


@pytest.mark.parametrize("field, value, words", [
    ("dtype", "__dict__", "'__dict__' is unknown"), ("seed", 2**64, "18446744073709551616"),
    ("sizes", [2, 10**6, 10**6, 2], "weights: about .* 8 TB"), ("device", "meta", "device"),
    ("anyway", True, "anyway"),
])  # fmt: skip
def test_what_a_hostile_model_is_told(field, value, words):
    recipe = RECIPES["momentum"]
    with pytest.raises(CourseError, match=words):
        build_recipe(load_recipe(recipe | {"model": recipe["model"] | {field: value}}))


def test_a_field_with_a_usual_value_may_be_left_out_of_a_model():
    recipe = copy.deepcopy(RECIPES["digits"])
    for field in ("seed", "dropout", "init", "loss", "dtype", "activation"):
        del recipe["model"][field]
    whole = history_digest(run_recipe(RECIPES["digits"]))
    assert history_digest(run_recipe(recipe)) == whole
    assert history_digest(executed(as_code(recipe))) == whole


# ---- recipes as code ----------------------------------------------------------------------


def executed(code):
    space: dict = {}
    exec(code, space)
    return space["trainer"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_code_of_a_recipe_runs_and_gives_the_same_digest(name, capsys):
    recipe = load_recipe(json.dumps(RECIPES[name]))
    trainer, again = run_recipe(recipe), executed(as_code(recipe))
    assert history_digest(again) == history_digest(trainer) and torch.equal(
        again.model.theta, trainer.model.theta
    )
    assert again.settings() == trainer.settings()
    assert capsys.readouterr().out.strip() == str(trainer.evaluate("test"))


def test_the_code_of_a_threshold_apart_from_the_clip_gives_the_same_digest(capsys):
    recipe = RECIPES["schedules"] | {"threshold": 0.3, "knobs": [[2, "clip", "value"]]}
    assert history_digest(executed(as_code(recipe))) == history_digest(run_recipe(recipe))
    assert (
        build_recipe(load_recipe(recipe)).threshold == 0.3
        and run_recipe(recipe).chain.clip.threshold == 0.3
    )
    recipe = RECIPES["digits"] | {"knobs": [[1, "speed", 1]]}
    with pytest.raises(CourseError, match="'speed'"):
        as_code(recipe)
