"""A guess of the loss: taken, shown, scored once, noted, and refused in words."""

import math

import numpy as np
import pytest
from training_labs import answer, check_picture, live, small, until_end

from course import CourseError
from course.lessons.predictions import Predictions


def losses(steps, **options) -> np.ndarray:
    return small(steps=steps, **options).run(steps).trainer.history.loss


def line(values, factor) -> list:
    return [[i + 1, factor * float(v)] for i, v in enumerate(values)]


def test_a_guess_is_scored_at_its_end_and_noted_once():
    lab = live(steps=80, speed=0)
    guess = line(losses(80), 2)
    answer(lab, "guess", points=guess)
    lane = check_picture(lab)["strips"][0]["lane"]
    assert lane["knob"] == "guess" and lane["plan"][0] == guess[0] and lane["plan"][-1] == guess[-1]
    lab.run(79)
    assert Predictions().entries == []
    assert lab.picture()["strips"][0]["lane"]["score"].startswith("off by ×1.9")
    lab.play()
    until_end(lab)
    (entry,) = Predictions().entries
    assert entry["miss"] == pytest.approx(2, rel=0.1) and entry["question"] == "batch loss"
    assert entry["chapter"] == "lab on moons" and len(entry["guess"]) == 60
    assert "Your guess of the loss was off by a factor of 1.9" in lab.panel.sentence.value
    lab.go_to(40)
    lab.run(60)
    assert len(Predictions().entries) == 1, "the same guess counts once"


@pytest.mark.parametrize("factor", [1.0, 3.0, 0.5])
def test_the_score_is_the_mean_factor_to_the_smoothed_loss(factor):
    seen = losses(60)
    smooth = [seen[max(i - 5, 0) : i + 6].mean() for i in range(60)]
    lab = small(steps=60)
    lab.guess([[i + 1, factor * float(v)] for i, v in enumerate(smooth)])
    lab.run(60)
    lane = lab.picture()["strips"][0]["lane"]
    words = f"off by ×{max(factor, 1 / factor):.2f}"
    assert lane["score"] == words and Predictions().entries[0]["miss"] < max(factor, 1 / factor) + 1
    assert words.removeprefix("off by ×") in lab.summary()


def test_a_guess_can_be_drawn_anew_and_taken_back():
    lab = live(steps=50).run(10)
    lab.guess([[20, 1.0], [30, 0.5]])
    lab.guess([[15, 1.0], [40, 0.5]])
    assert lab.picture()["strips"][0]["lane"]["plan"] == [[15, 1.0], [40, 0.5]]
    answer(lab, "guess", points=[])
    lane = check_picture(lab)["strips"][0]["lane"]
    assert lane["plan"] == [] and lane["score"] == ""
    lab.run(40)
    assert Predictions().entries == []
    lab.reset()
    lab.guess([[15, 1.0], [40, 0.5]])
    lab.reset()
    assert lab.picture()["strips"][0]["lane"]["plan"] == []


def test_a_guess_changes_nothing_in_the_run():
    lab = small(steps=40)
    lab.guess([[5, 1.0], [30, 0.5]])
    assert lab.run(40).trainer.history.loss.tobytes() == losses(40).tobytes()
    assert lab.recipe().knobs == []


BAD = [
    None, "guess", 7, {}, [[30, 1.0]], [[30, 1.0], [30, 2.0]], [[5, 1.0], [9, 0.5]],
    [[30, 0.0], [40, 1.0]], [[30, -1.0], [40, 1.0]], [[30, math.inf], [40, 1.0]],
    [[30, math.nan], [40, math.nan]], [[math.inf, 1.0], [40, 1.0]], [[30, 1.0], [1e300, 1.0]],
    [[30, 1.0], ["a", "b"]], [[30, 1.0], None], [[30, 1.0]] * 10_001, [[10**5000, 1.0]],
]  # fmt: skip


@pytest.mark.parametrize("points", BAD, ids=range(len(BAD)))
def test_a_bad_guess_is_refused_in_words(points):
    lab = live().run(20)
    lab.guess([[30, 1.0], [40, 0.5]])
    with pytest.raises(CourseError):
        lab.guess(points)
    answer(lab, "guess", points=points)
    assert "Not changed" in lab.panel.sentence.value
    assert lab.guessed.points == [(30, 1.0), (40, 0.5)] and lab.guessed.end == 40
    check_picture(lab)
    lab.run(1)


def test_a_wild_guess_is_drawn_and_scored():
    lab = live().run(20)
    lab.guess([[25, 1e-300], [26, 1e300], [60, 1e300]])
    check_picture(lab)
    lab.run(40)
    assert "off by a factor" in lab.summary() and len(Predictions().entries) == 1
    check_picture(lab)
    assert lab.still().startswith(b"\x89PNG")


def test_a_file_that_cannot_be_written_is_told_and_training_goes_on(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "progress.json").write_text('{"schema": 2, "predictions": []}')
    lab = live(steps=60, speed=0)
    lab.guess([[10, 1.0], [20, 0.5]])
    lab.run(20)
    assert "update the course" in lab.summary() and "It is not kept" in lab.panel.sentence.value
    lab.play()
    until_end(lab)
    assert lab.trainer.step_count == 60


def test_a_guess_of_a_run_that_breaks_has_no_score():
    lab = live(lr=1e30, optimiser="gradient descent")
    lab.guess([[5, 1.0], [90, 0.5]])
    lab.run(100)
    assert lab.diverged is not None and Predictions().entries == []
    check_picture(lab)
