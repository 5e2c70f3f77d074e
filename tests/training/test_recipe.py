"""Recipes: bit-identical replay, code that runs, refusals in words."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course import (
    MLP,
    Adam,
    ClipByNorm,
    Cosine,
    CourseError,
    Dataset,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Momentum,
    Network,
    ReLU,
    Trainer,
    Warmup,
    adopt,
    chain,
    load_data,
    standardise,
)
from course.cli.main import main
from course.training.recipe import Recipe, load_recipe
from course.training.recipe_source import as_code
from course.training.replay import history_digest, run_recipe

TURNS = [
    ("lr", 0.05), ("lr", 0.5), ("lr", Cosine(0.3, steps=60)), ("momentum", 0.5),
    ("clip", "norm"), ("clip", "value"), ("clip", "off"), ("threshold", 0.7), ("batch_size", 10),
    ("optimiser", "adam"), ("optimiser", "nesterov"), ("optimiser", "gradient descent"),
    ("l1", 1e-3), ("l2", 1e-2), ("dropout", 0.3), ("label_noise", 0.2), ("label_noise", 0.0),
    ("augment", "all"), ("augment", "off"),
    ("optimiser", chain(ClipByNorm(0.5), Adam(), Momentum(0.5), Descend(0.01)).describe()),
]  # fmt: skip


def make(name="digits", **options):
    data = load_data(name).subset(300)
    model = MLP([data.features, 12, data.outputs], dropout=0.0)
    steps = chain(ClipByNorm(2.0), Momentum(0.9), Descend(Warmup(0.2, steps=10)))
    return Trainer(model, data, steps, **options)


def play(trainer, turns):
    """turns: {step: [(knob, value), …]}; 40 steps."""
    for step in range(40):
        for knob, value in turns.get(step, []):
            trainer.set(knob, value)
        trainer.step()
    return trainer


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 39), st.sampled_from(TURNS)), max_size=6))
def test_a_recipe_replays_any_run_to_the_bit(moves):
    turns = {}
    for step, turn in moves:
        turns.setdefault(step, []).append(turn)
    trainer = play(make(), turns)
    recipe = json.loads(trainer.recipe().json())
    again = run_recipe(recipe)
    assert torch.equal(again.model.theta, trainer.model.theta)
    assert history_digest(again) == history_digest(trainer)
    assert again.recipe() == Recipe(**recipe) == load_recipe(json.dumps(recipe))
    half = run_recipe(recipe, steps=20)
    assert (half.history.numbers() == trainer.history.numbers()[:20]).all()


def test_the_code_of_a_run_gives_the_same_weights():
    turns = {3: [("lr", 0.1), ("clip", "off")], 20: [("optimiser", "adam"), ("lr", 0.01)]}
    trainer = play(make(), turns)
    trainer.set("l1", 1e-4)
    code = as_code(trainer.recipe())
    assert len(code.splitlines()) <= 20 and "MLP([64, 12, 10], 'relu'" in code
    code += "print(trainer.model.theta.double().sum().item().hex())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    loss, total = done.stdout.splitlines()
    assert total == trainer.model.theta.double().sum().item().hex()
    assert loss == str(trainer.evaluate("test"))


@pytest.mark.parametrize(
    "change",
    [
        {"label_noise": 0.1},
        {"augment": [{"kind": "Shift", "pixels": 2}]},
        {"accumulate": 4},
    ],
)
def test_code_says_also_what_is_rarely_set(change):
    recipe = make().recipe().describe() | {"steps": 5, **change}
    space = {}
    exec(as_code(recipe), space)
    expected = run_recipe(recipe)
    assert torch.equal(space["trainer"].model.theta, expected.model.theta)


def test_networks_regression_and_standardised_data_have_recipes_too():
    layers = [Linear(8), LayerNorm(), ReLU(), Dropout(0.2), Linear(1)]
    data = standardise(load_data("sine", dtype=torch.float64).with_validation(0.3, 2))
    model = Network(layers, 1, "mse", dtype=torch.float64)
    trainer = play(Trainer(model, data, chain(Adam(), Descend(0.01))), {})
    again = run_recipe(trainer.recipe().json())
    assert history_digest(again) == history_digest(trainer)
    assert torch.equal(again.data.x_val, data.x_val)


def test_own_data_and_models_are_replayed_on_a_trainer_of_ones_own():
    def own():
        torch.manual_seed(1)
        x, y = torch.randn(50, 3), torch.randint(0, 2, (50,))
        net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.1), nn.Linear(4, 2))
        steps = chain(Momentum(0.9), Descend(0.1))
        return Trainer(adopt(net), Dataset("mine", x, y, x, y, 2), steps)

    trainer = play(own(), {5: [("lr", 0.3)]})
    recipe = json.loads(trainer.recipe().json())
    with pytest.raises(CourseError, match="own code"):
        run_recipe(recipe)
    assert history_digest(run_recipe(recipe, own())) == history_digest(trainer)


def test_a_model_that_was_trained_before_has_no_recipe():
    first = play(make(), {})
    second = Trainer(first.model, first.data, chain(Descend(0.1)))
    with pytest.raises(CourseError, match="own first ones"):
        second.recipe()


def test_replay_goes_on_with_the_threads_of_the_recipe_and_gives_them_back():
    recipe = make().recipe().describe() | {"threads": 2, "steps": 3}
    run_recipe(recipe)
    assert torch.get_num_threads() == 1


def test_what_differs_here_is_told():
    recipe = make().recipe()
    assert recipe.differences() == []
    older = replace(recipe, versions=recipe.versions | {"torch": "2.0.0"}).differences()
    assert len(older) == 1 and "2.0.0 then" in older[0]


GOOD = make().recipe().describe() | {"steps": 3}


@pytest.mark.parametrize(
    "bad, words",
    [
        ([], "an object"), (3, "an object"),
        ("{", "not JSON"),
        ("nowhere.json", "cannot be read"),
        ({k: v for k, v in GOOD.items() if k != "seed"}, "lacks the field 'seed'"),
        (GOOD | {"sed": 1}, "unknown field 'sed'"),
        (GOOD | {"schema": 99}, "update the course"),
        (GOOD | {"schema": 0}, "schema = 0"),
        (GOOD | {"steps": "3"}, "steps = '3'"),
        (GOOD | {"steps": -1}, "steps = -1"),
        (GOOD | {"batch_size": True}, "batch_size = True"),
        (GOOD | {"label_noise": 2}, "label_noise"),
        (GOOD | {"knobs": [[1, "lr"]]}, r"\[step, knob, value\]"),
        (GOOD | {"knobs": [[2, "lr", 1.0], [1, "lr", 1.0]]}, "not below the one before"),
        (GOOD | {"knobs": [[9, "lr", 1.0]]}, r"\[0, 3\]"),
        (GOOD | {"knobs": [[1, "speed", 1.0]]}, "'speed'"),
        (GOOD | {"knobs": [[1, "lr", -1.0]]}, "Descend.lr = -1.0"),
        (GOOD | {"chain": [{"kind": "Adagrad"}]}, "Adagrad"),
        (GOOD | {"model": {"kind": "MLP"}}, "missing a required argument: 'sizes'"),
        (GOOD | {"data": {"name": "cifar"}}, "cifar"),
        (GOOD | {"data": {"nme": "digits"}}, "source"),
        (GOOD | {"augment": [{"kind": "Flip"}]}, "Flip"),
    ],
)  # fmt: skip
def test_bad_recipes_are_refused_in_words(bad, words):
    with pytest.raises(CourseError, match=words):
        run_recipe(copy.deepcopy(bad))


def test_course_run_replays_a_file(tmp_path, capsys):
    trainer = play(make(), {10: [("lr", 0.05)]})
    path = tmp_path / "run.json"
    path.write_text(trainer.recipe().json())
    assert main(["run", str(path), "--history", str(tmp_path / "h.csv")]) == 0
    out = capsys.readouterr().out
    assert history_digest(trainer) in out and "40 steps" in out
    table = (tmp_path / "h.csv").read_text().splitlines()
    assert table[0] == "step,loss,grad_norm,clipped_norm" and len(table) == 41
    assert float(table[-1].split(",")[1]) == trainer.history.loss[-1]
    assert main(["run", str(path), "--code"]) == 0
    assert "Trainer(model" in capsys.readouterr().out
    path.write_text("{}")
    assert main(["run", str(path)]) == 2
    assert "lacks the field" in capsys.readouterr().err


def test_knobs_that_do_not_fit_change_nothing():
    trainer = make("moons")
    before = trainer.settings()
    for knob, value, words in [
        ("optimiser", "sgd", "'sgd'"), ("optimiser", [{"kind": "Momentum"}], "Descend"),
        ("augment", "shift", "no images"), ("augment", "flip", "'flip'"), ("l1", -1, "L1.strength"),
        ("label_noise", 1.5, "label_noise"), ("lr", {"kind": "LinearRamp"}, "LinearRamp"),
        ("lr", {"kind": "Zigzag"}, "Zigzag"), ("momentum", 1.0, "Momentum.beta"),
    ]:  # fmt: skip
        with pytest.raises(CourseError, match=words):
            trainer.set(knob, value)
        assert trainer.settings() == before and trainer.history.knobs == []


def test_an_optimiser_keeps_clipping_regularisation_and_rate():
    trainer = make()
    for knob, value in [("l2", 0.1), ("l1", 0.2), ("optimiser", "adam"), ("momentum", 0.8)]:
        trainer.set(knob, value)
    kinds = [d["kind"] for d in trainer.chain.describe()]
    assert kinds == ["ClipByNorm", "L2", "Adam", "Descend", "L1"]
    assert trainer.chain.find(Adam).beta1 == 0.8 and trainer.knobs()["momentum"] == 0.8
    trainer.set("optimiser", "heavy ball")
    assert trainer.knobs()["momentum"] == 0.8 and trainer.knobs()["optimiser"] == "heavy ball"


def test_label_noise_is_nested_wrong_and_undone():
    data = load_data("digits")
    some, more = data.noisy_labels(0.1, 3), data.noisy_labels(0.3, 3)
    wrong, more_wrong = some != data.y_train, more != data.y_train
    assert (more_wrong | ~wrong).all() and (some[wrong] == more[wrong]).all()
    assert abs(float(wrong.double().mean()) - 0.1) < 0.03
    trainer = make()
    clean = trainer.evaluate("train")
    trainer.set("label_noise", 0.5)
    assert trainer.evaluate("train") != clean and trainer.data.source == make().data.source
    trainer.set("label_noise", 0)
    assert trainer.evaluate("train") == clean


@pytest.mark.parametrize(
    "content, words",
    [(b"", "not JSON"), (b"\x80\x81PNG", "cannot be read"), (b"[1]", "not a list"),
     (b'{"a": 1} x', "not JSON"), (b" " * (2**26 + 1), "larger than"), (None, "cannot be read")],
)  # fmt: skip
def test_course_run_says_why_a_file_is_no_recipe(tmp_path, capsys, content, words):
    path = tmp_path / "run.json"
    path.mkdir() if content is None else path.write_bytes(content)
    for more in ([], ["--code"]):
        assert main(["run", str(path), *more]) == 2
        out, err = capsys.readouterr()
        assert words in err and out == "" and err.count("\n") == 1


def test_a_recipe_that_an_editor_saved_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(GOOD), "utf-8-sig")
    assert load_recipe(path) == load_recipe(str(path)) == Recipe(**GOOD)


@pytest.mark.parametrize("bad", ["", ".", "nowhere/h.csv", "run.json/h.csv", "a\0b", "x" * 300])
def test_a_history_that_cannot_be_written_is_found_before_the_run(
    tmp_path, capsys, monkeypatch, bad
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(GOOD))
    assert main(["run", "run.json", "--history", bad]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "--history" in err and "choose a file" in err
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_a_history_is_neither_put_over_a_device_nor_over_a_protected_file(tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(GOOD))
    kept = tmp_path / "kept.csv"
    kept.write_text("mine")
    kept.chmod(0o444)
    os.mkfifo(tmp_path / "pipe")
    for path in (kept, tmp_path / "pipe"):
        assert main(["run", str(tmp_path / "run.json"), "--history", str(path)]) == 2
    assert kept.read_text() == "mine" and (tmp_path / "pipe").is_fifo()


def test_a_history_replaces_the_old_one_whole_or_not_at_all(tmp_path, capsys, monkeypatch):
    (tmp_path / "run.json").write_text(json.dumps(GOOD))
    table = tmp_path / "h.csv"
    table.write_text("old")
    command = ["run", str(tmp_path / "run.json"), "--history", str(table)]

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full_disk)
        assert main(command) == 2
    out, err = capsys.readouterr()
    assert "3 steps" in out and "No space left" in err and table.read_text() == "old"
    assert main(command) == 0 and len(table.read_text().splitlines()) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.csv", "run.json"]


@pytest.mark.parametrize("value", ["-1e-3", "-2", "-.5", "-1.", "-inf", "-1E+5", "x y", " a"])
def test_a_parameter_may_be_negative(monkeypatch, value):
    seen = []
    monkeypatch.setattr("course.cli.main.notebooks_folder", lambda: None)
    monkeypatch.setattr(
        "course.publishing.regenerate.regenerate", lambda *args: seen.append(args[2]) or 0
    )
    assert main(["regenerate", "00_start_here", "-p", "lr", value, "--jobs", "1"]) == 0
    assert seen == [{"lr": value}]


def test_a_lab_takes_a_recipe_the_same_way(monkeypatch):
    from widgets import TrainingLab

    for bad in (GOOD | {"threads": 4096}, GOOD | {"chain": ["adam"]}, '{"steps": 1, "steps": 1}'):
        with pytest.raises(CourseError):
            TrainingLab(bad, interactive=False)
    with pytest.raises(CourseError, match="1,000,000,000 steps"):
        TrainingLab(GOOD | {"steps": 10**9, "knobs": []}, interactive=False)
