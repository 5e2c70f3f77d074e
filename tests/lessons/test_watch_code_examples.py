"""What 4_code_examples says and tells a learner to watch is there: its own cells are run."""

import math
from dataclasses import replace

import nbformat
import pytest
import torch
from keras_blocked import needs_keras, without_keras
from torch.nn.functional import interpolate

from course.lessons import programs
from course.lessons.keras_here import GET
from course.training.replay import history_digest, run_recipe

CHAPTER = "4_code_examples"
KERAS = ("keras", "mended", "labels", "keras-losses", "keras-referee")


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module", params=[0, 1])
def names(request, cells):
    """What the cells define, with two seeds."""
    found = {"seed": request.param, "device": "cpu", "dataset": "digits"}
    exec(next(c.source for c in cells.values() if "check_parameters(" in c.source), found)
    for name in ("data", "learned", "entropy", "reports"):
        exec(cells[name].source, found)
    return found


def test_the_program_on_the_page_is_the_one_that_runs(cells):
    page = next(c.source for c in cells.values() if "```python" in c.source)
    assert page.partition("```python\n")[2].partition("\n```")[0] == programs.code_of(
        programs.all_rows
    )


def test_ten_updates_lower_the_loss_and_stay_above_even_guessing(names, cells):
    source = cells["bet"].source
    exec(source[: source.index("bet = Bet(")], names)
    for losses, right in names["experiment"]().values():
        assert all(a > b for a, b in zip(losses, losses[1:], strict=False))
        assert losses[0] - losses[10] < 0.02 and math.log(10) < losses[10] and right < 0.15


def test_each_repair_brings_it_further(names, capsys):
    ends = [names["repaired"](stage)[1] for stage in names["STAGES"]]
    assert max(ends[0]) < min(ends[1]) and max(ends[1]) < min(ends[2])
    assert min(ends[2]) > 0.9


def test_random_labels_are_learned_by_heart_and_say_nothing_about_new_rows(names):
    noise = names["learned"](0.9)
    assert min(run[-1] for run in noise["its own labels"]) > 0.95
    assert max(run[-1] for run in noise["new images"]) < 0.25
    assert min(run[-1] for run in names["learned"](0.0)["new images"]) > 0.8
    wrong = names["few"].noisy_labels(0.9, 0)
    assert len(wrong) == 200 and 0.85 < float((wrong != names["few"].y_train).float().mean()) < 0.95


def test_the_lab_does_what_it_says(names, cells):
    found = names | {
        "TrainingLab": lambda *a, **k: names["TrainingLab"](*a, interactive=False, **k)
    }
    exec(cells["lab"].source.rstrip().removesuffix("lab"), found)
    lab = found["lab"].run(10 - found["lab"].trainer.step_count)
    losses = lab.trainer.history.loss
    assert 0 < losses[0] - losses[-1] < 0.2
    before = lab.trainer.evaluate("test")[1]
    lab.set("lr", 0.3)
    lab.run(290)
    assert lab.trainer.history.loss[-1] < 0.3
    learned = lab.trainer.evaluate("test")[1]
    assert learned > 0.9 > before and lab.trainer.evaluate("train")[1] > 0.9
    lab.set("label_noise", 0.9)
    lab.run(2)
    leap = lab.trainer.history.loss[-1]
    assert leap > 2 * math.log(10)
    lab.run(300)
    assert lab.trainer.history.loss[-1] < leap / 2
    assert lab.trainer.evaluate("test")[1] < 0.3
    again = run_recipe(lab.recipe())
    assert history_digest(again) == history_digest(lab.trainer)


def test_shapes_decide_what_squared_error_teaches(names, cells):
    exec(cells["squared"].source, names)
    squared = names["squared"]
    for s in range(3):
        assert squared(10, True, s) < 0.3
        assert squared(1, True, s) > 0.5
        assert squared(1, False, s) < 0.2
    with torch.no_grad():
        x, y = names["x"][:32], names["y"][:32].float()
        assert (names["network"](0)(x) - y.view(-1, 1)).shape == (32, 10)
        assert (names["network"](0, 1)(x) - y).shape == (32, 32)


@pytest.mark.parametrize("size", [8, 128])
def test_the_report_is_low_by_the_batch_size(names, size):
    curves = names["reports"](size, 2)
    for mean, low in zip(curves["the mean loss"], curves["what it reports"], strict=True):
        assert mean / low == pytest.approx(size, rel=0.1)


def test_images_as_wide_as_those_of_mnist_are_learned_too(names, cells, capsys):
    def magnified(_, seed, **options):
        data = names["load_data"]("digits", seed, **options)
        rows = {name: getattr(data, name).unflatten(1, (1, 8, 8)) for name in ("x_train", "x_test")}
        rows = {name: interpolate(x, (28, 28)).flatten(1) for name, x in rows.items()}
        return replace(data, **rows, image_shape=(28, 28), source=None)

    found = names | {"load_data": magnified, "dataset": "mnist"}
    for name in ("data", "learned", "entropy", "reports", "squared", "referee", "two-devices"):
        exec(cells[name].source, found)
    assert capsys.readouterr().out.count("equal to rounding") == 3
    assert min(found["repaired"]("rate 0.3")[1]) > 0.8
    assert min(run[-1] for run in found["learned"](0.0)["new images"]) > 0.6
    assert found["squared"](10, True, 0) < 0.4


def test_the_course_makes_the_same_steps_and_so_do_two_devices(names, cells, capsys):
    for name in ("referee", "two-devices"):
        exec(cells[name].source, names)
    said = capsys.readouterr().out
    assert said.count("equal to rounding") == 3 and " bytes between the two" in said


def test_without_keras_the_chapter_says_so_once_and_goes_on(names, cells, capsys):
    found = dict(names)
    with without_keras():
        for name in KERAS:
            exec(cells[name].source, found)
    (line,) = capsys.readouterr().out.splitlines()
    assert GET in line


@needs_keras
@pytest.mark.full
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_with_keras_it_catches_mends_and_agrees(names, cells, capsys, keras):
    for name in KERAS:
        exec(cells[name].source, names)
    said = capsys.readouterr().out
    assert "D1: NameError: name 'x_train' is not defined" in said
    assert "incompatible shape torch.Size([32, 8, 8])" in said
    assert "changed by compile: 0" in said and "equal to rounding of float32" in said
    assert names["right"] > 0.85
    assert [tuple(layer.kernel.shape) for layer in names["model"].layers] == [(64, 64), (64, 10)]
