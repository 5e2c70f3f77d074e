"""What 1_background promises: each "watch …", and each result that its prose states."""

import math
import re
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pytest

from course.data.loading import load_data
from course.lessons.milestones import MILESTONES
from course.lessons.texts_after_bets import read_text
from widgets import TrainingLab

PATH = Path(__file__).parents[2] / "notebooks" / "1_background.ipynb"
CELLS = nbformat.read(PATH, as_version=4).cells
SEEDS = (0, 1, 2)
each_seed = pytest.mark.parametrize("seed", SEEDS)


def source(words: str) -> str:
    """The only code cell with these words."""
    (found,) = [c.source for c in CELLS if c.cell_type == "code" and words in c.source]
    return found


def text() -> str:
    return " ".join(" ".join(c.source for c in CELLS if c.cell_type == "markdown").split())


@cache
def chapter(seed: int, *words: str) -> dict:
    """Run the chapter's imports, and then its cells with these words, with a seed."""
    names = {"seed": seed, "device": "cpu"}
    for part in ("check_parameters", *words):
        exec(source(part), names)
    return names


def lab_of(seed: int, words: str) -> TrainingLab:
    """A lab of the chapter, made by its own cell, before its first step."""
    names = chapter(seed, "def count", "def step_time")
    made = source(words).replace("device=device", "device=device, interactive=False")
    exec(made.rpartition("\n")[0], names)
    return names[made.splitlines()[-1]]


def ends(lab, hidden: int | None, steps: int) -> tuple[float, float]:
    """The losses on training and test images after so many steps, with other widths or its own."""
    if hidden:
        lab.restart(hidden=[hidden])
    lab.run(steps)
    return lab.trainer.evaluate("train")[0], lab.trainer.evaluate("test")[0]


def certainty(lab) -> float:
    """The mean chance that the network gives to its own answers to test images."""
    trainer = lab.trainer
    return float(trainer.model.predict(trainer.data.x_test).softmax(1).max(1).values.mean())


# ---- the labs -----------------------------------------------------------------------------------


@each_seed
def test_two_units_end_far_above_zero_and_sixteen_much_lower(seed):
    assert "watch the test loss fall, first fast, then slowly, and end far above 0" in text()
    lab = lab_of(seed, 'name="width"')
    start = lab.trainer.evaluate("test")[0]
    tests = [start, *(ends(lab, None, 75)[1] for _ in range(4))]
    two, falls = tests[-1], -np.diff(tests)
    assert 0.8 < two < 0.75 * start and falls[0] > falls[1] + falls[2] > 0, "first fast"
    assert falls[0] > 5 * falls[3], "then slowly"
    losses = np.array(lab.trainer.history.loss)
    assert np.median(losses[-75:]) > 0.85 * np.median(losses[-150:-75]), "slowly"
    wider = [ends(lab, width, 300)[1] for width in (16, 64, 256)]
    assert max(wider) < 0.3, "how much lower it ends"
    assert two - wider[0] > 10 * (wider[0] - wider[2]), "how much do you gain each time?"
    lab.close()


@each_seed
def test_four_units_memorise_little_and_64_far_more_and_neither_helps_elsewhere(seed):
    assert "with four units it stays above 1" in text() and "ends *above* ln 10" in text()
    lab = lab_of(seed, 'name="memory"')
    assert lab.trainer.data.x_train.shape[0] == 200
    right = float((lab.trainer.data.y_train == load_data("digits", seed).subset(200, seed).y_train)
                  .double().mean())  # fmt: skip
    assert right < 0.2, "about nine of ten have a wrong label"
    few, few_test = ends(lab, None, 600)
    few_right, sure = lab.trainer.evaluate("test")[1], certainty(lab)
    many, many_test = ends(lab, 64, 600)
    assert few > 1.0 and many < 0.5 * few
    assert few_test > math.log(10) < many_test
    assert max(few_right, lab.trainer.evaluate("test")[1]) < 0.25, "mostly wrong"
    assert certainty(lab) > sure > 1.5 * few_right, "too sure of them"
    lab.close()


# ---- costs --------------------------------------------------------------------------------------


def test_the_counts_grow_as_the_text_says():
    names = chapter(0, "def count")
    count, flops = names["count"], names["flops"]
    P = [count([64, w, w, 10]) for w in (64, 128, 256, 512, 1024, 2048)]
    ratios = [b / a for a, b in zip(P, P[1:], strict=False)]
    assert ratios == sorted(ratios) and ratios[-1] > 3.8 and max(ratios) < 4
    for w in (64, 512, 2048):
        assert 0.75 < flops([64, w, w, 10], 32) / (6 * 32 * count([64, w, w, 10])) <= 1
    assert flops([64, 2048, 2048, 10], 7) / (6 * 7 * P[-1]) > 0.98


def test_a_machine_of_overhead_and_arithmetic_is_drawn_as_it_is():
    """Its line bends where arithmetic takes as long as overhead; a larger batch moves that left."""
    assert "*Watch where the curve bends." in text()
    names = dict(chapter(0, "def count", "def step_time"))
    explored: list = []
    names |= {"bet": type("Opened", (), {"then": lambda self, f, title: f(None)})(),
              "display": lambda figure: None,
              "explore": lambda function, knob: explored.append((function, knob))}  # fmt: skip
    exec(source("def regimes"), names)
    flops = names["flops"]

    def step_time(width, B=32):
        return 50e-6 + 1e-11 * flops([64, width, width, 10], B)

    names["step_time"] = step_time
    ((regimes, knob),) = explored
    assert knob.values == [1, 8, 64, 512]
    bends = []
    for B in knob.values:
        figure = regimes(B)
        (panel,) = figure.panels
        (line, *_), (dots, *_) = panel.layers
        on_it = np.exp(np.interp(np.log(dots.x), np.log(line.x), np.log(line.y)))
        np.testing.assert_allclose(on_it, dots.y, rtol=0.01)
        assert f"B = {B}: overhead 50.0 µs, 100.0 billion FLOPs" in figure.caption
        assert panel.levels["overhead"] == pytest.approx(50e-6)
        bends.append(sum(y > 1e-4 for y in dots.y))  # networks beyond the bend
    assert bends == sorted(bends) and bends[0] < bends[-1]


def test_a_step_is_measured_and_its_clock_runs():
    names = chapter(0, "def count", "def step_time")
    assert 0 < names["step_time"](16) < 10


def test_twice_the_width_ends_at_four_times_the_time():
    said = " ".join(read_text("1_background", "What came out").split())
    assert "At large widths it takes about four times as long, or more" in said
    assert "between two wide layers P grows like the square of the width" in said
    flops = chapter(0, "def count")["flops"]
    for width in (2048, 4096):
        ratio = flops([64, 2 * width, 2 * width, 10], 32) / flops([64, width, width, 10], 32)
        assert ratio == pytest.approx(4, rel=0.07)


# ---- what size buys -----------------------------------------------------------------------------


@each_seed
def test_a_wider_layer_buys_capacity_and_one_behind_two_units_hardly_any(seed):
    names = chapter(seed, "def count", "def right", "def memorised")
    straight, behind = (np.median(names[n], 0) for n in ("straight", "behind"))
    assert straight[0] < 0.3 and straight[-1] > 0.99 and (np.diff(straight) >= 0).all()
    assert behind.max() < 0.5 and behind[-1] - behind[0] < 0.25
    count = names["count"]
    assert count([64, 2, 256, 10]) > 5 * count([64, 8, 10]) and straight[3] > behind.max()
    assert behind[-1] < behind.max(), "a curve falls"


@each_seed
def test_more_steps_memorise_far_more_behind_two_units(seed, capsys):
    names = dict(chapter(seed, "def count", "def right", "def memorised"))
    capsys.readouterr()
    exec(source("after 2,000"), names)
    rows = [line.partition("parameters: ")[2] for line in capsys.readouterr().out.splitlines()]
    soon, late = np.array([[float(n) for n in re.findall(r"\d\.\d+", row)] for row in rows]).T
    assert (late > soon + 0.2).all() and late[1] > 0.6


@each_seed
def test_on_unseen_digits_units_stop_paying_and_samples_go_on(seed, capsys):
    names = dict(chapter(seed, "def count", "def right"))
    names["seeds"] = range(seed, seed + 3)
    capsys.readouterr()
    exec(source("unseen digits right"), names)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    few, many = (np.array([float(row[place]) for row in rows]) for place in (2, 3))
    assert (many > few).all()
    assert few[1] - few[0] > 0.2 and abs(few[3] - few[2]) < 0.05 < many[2] - few[2]


# ---- history ------------------------------------------------------------------------------------


def test_the_factor_since_2012_lies_between_two_places_of_the_slider(capsys):
    names = {"np": np, "milestones": MILESTONES, "explored": []}
    names |= {"explore": lambda f, knob: names["explored"].append((f, knob))}
    names |= {n: chapter(0)[n] for n in ("plot", "Slider")}
    exec(source("def history"), names)
    ((history, knob),) = names["explored"]
    years = [m.year for m in names["since"]]
    factor = 10 ** np.polyfit(years, np.log10([m.flops for m in names["since"]]), 1)[0]
    assert any(a < factor < b for a, b in zip(knob.values, knob.values[1:], strict=False))
    ((line, *_), (dots, *_)) = history(4).panels[0].layers
    np.testing.assert_allclose(10**dots.y, [m.flops for m in MILESTONES])
    assert np.interp(0, line.x, line.y) == pytest.approx(np.log10(MILESTONES[1].flops))
    assert np.diff(line.y) / np.diff(line.x) == pytest.approx(np.log10(4))

    class Done:
        passed = True

    class Exercises:
        growth = Done()

    names |= {"exercises": Exercises(), "my_growth": lambda y, f: (factor, 12 / np.log2(factor))}
    exec(source("since 2012: ×"), names)
    assert capsys.readouterr().out.startswith(f"since 2012: × {factor:.1f} a year, doubled every")


def test_once_exercise_1_is_right_the_learners_own_machine_is_told(capsys):
    names = dict(chapter(0, "def count", "def step_time"))

    class Done:
        passed = True

    names |= {"exercises": type("Exercises", (), {"step_cost": Done()})(), "widths": [16, 64]}
    names["my_fit"] = lambda flops, seconds: (40e-6, 1e-11)
    capsys.readouterr()  # what the cells above have printed
    exec(source("this machine: overhead"), names)
    assert capsys.readouterr().out == ("this machine: overhead 40 µs, 100 billion FLOPs a second\n")
    assert "once exercise 1 is right" in source("this machine: overhead")


def test_the_same_money_buys_a_small_part_of_the_growth(capsys):
    """The factor of the text: what a dollar buys doubles in 2.46 years, for 12 years."""
    assert (
        "doubled about every two and a half years" in text() and "30 times, 30,000 times" in text()
    )
    names = {"milestones": MILESTONES, "since": [m for m in MILESTONES if m.year >= 2012]}
    exec(source("the same money buys"), names)
    assert 25 < names["cheaper"] < 35 and names["grew"] / names["cheaper"] > 1e6
    out = capsys.readouterr().out
    assert f"AlexNet to Llama 3: FLOPs × {3.8e25 / MILESTONES[1].flops:.1e}" in out
    assert "parameters × 2.3, tokens × 52" in out


def test_the_numbers_at_scale():
    assert f"{6 * 174.6e9 * 300e9:.2e}" == "3.14e+23" and "3.14·10²³" in text()
    assert 32 * 48 == 1536, "GPUs of the two rows of Narayanan et al."


def test_twice_the_width_of_one_hidden_layer_is_twice_the_arithmetic():
    flops = chapter(0, "def count")["flops"]
    assert flops([64, 512, 10], 32) == 2 * flops([64, 256, 10], 32)
