"""The duel of a lab: in the background, with progress, then one sentence and a picture."""

import base64
import html
import io
import re
import threading

import numpy as np
import pytest
from PIL import Image
from training_labs import live, wait

from course import Dataset, load_data
from course.training.baselines import HAND, Duel, duel
from widgets.training import duel_figure as figures
from widgets.training import duels
from widgets.training.duel_figure import duel_figure


@pytest.fixture
def short(monkeypatch):
    """Duels on two seeds; returns (recipe, result) of each."""
    results = []

    def short_duel(recipe, progress):
        results.append((recipe, duel(recipe, seeds=2, progress=progress)))
        return results[-1][1]

    monkeypatch.setattr(duels, "duel", short_duel)
    return results


def finished(tab) -> bool:
    return tab.thread is not None and not tab.thread.is_alive()


def test_a_duel_ends_in_a_sentence_and_a_picture_while_the_lab_goes_on(short):
    lab = live(speed=0, steps=10**6, lr=0.3).run(20)
    lab.set("lr", 0.03)
    lab.run(10)
    tab = lab.panel.duels
    assert tab.progress.layout.display == "none" == tab.stop.layout.display
    lab.play()
    tab.start.click()
    steps = lab.trainer.step_count
    wait(lambda: finished(tab))
    assert lab.playing and lab.trainer.step_count > steps
    ((recipe, result),) = short
    assert [turn[1] for turn in recipe.knobs] == ["lr"] and recipe.steps >= 30
    assert result.sentence() in tab.words.value and tab.words.value.count("Your hand") == 1
    assert list(result.losses) == [HAND, "constant", "cosine", "Adam"]
    assert np.array_equal(result.losses[HAND], duel(recipe, seeds=2).losses[HAND])
    picture = re.search(r"base64,([^\"]+)\"", tab.figure.value).group(1)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).width > 400
    assert "alt=" in tab.figure.value and "median" in tab.figure.value
    assert tab.progress.layout.display == "none" and not tab.start.disabled
    assert tab.progress.value == tab.progress.max == 4 * 2 + 16 + 5
    tab.start.click()
    wait(lambda: finished(tab) and len(short) == 2)


def test_a_duel_can_be_stopped_and_only_one_goes_on(monkeypatch):
    gate, told = threading.Event(), []

    def slow(recipe, progress):
        for done in range(1, 9):
            told.append(done)
            progress(done, 8)
            if done == 3:
                assert gate.wait(120)
        raise AssertionError("it was not stopped")

    monkeypatch.setattr(duels, "duel", slow)
    lab = live().run(5)
    tab = lab.panel.duels
    tab.start.click()
    wait(lambda: tab.progress.value == 3 and len(told) == 3)
    assert (tab.progress.min, tab.progress.max) == (0, 8)
    assert tab.start.disabled and tab.stop.layout.display is None
    first = tab.thread
    lab.panel.call(tab.begin)()
    assert "a duel is going on" in lab.panel.sentence.value and tab.thread is first
    tab.stop.click()
    gate.set()
    wait(lambda: finished(tab))
    assert told == [1, 2, 3, 4] and "stopped" in tab.words.value and not tab.start.disabled


def test_the_end_of_a_duel_is_told_and_drawn_and_its_words_are_no_markup(monkeypatch):
    losses = {HAND: np.array([0.1, 0.2]), "constant <b>": np.array([0.3, 0.4])}
    result = Duel(losses, rates={"constant <b>": 0.5}, seeds=[1, 2])

    def at_once(recipe, progress):
        progress(2, 2)
        return result

    monkeypatch.setattr(duels, "duel", at_once)
    lab = live()
    tab = lab.panel.duels
    assert (tab.progress.value, tab.words.value, tab.figure.value) == (0, "", "")
    tab.start.click()
    wait(lambda: finished(tab))
    assert html.escape(result.sentence()) in tab.words.value and "role='status'" in tab.words.value
    picture = re.search(r"base64,([^\"]+)\"", tab.figure.value).group(1)
    assert base64.b64decode(picture) == duel_figure(result)
    assert f'alt="{html.escape(str(result))}"' in tab.figure.value and "<b>" not in tab.figure.value
    assert tab.progress.value == tab.progress.max == 2


def test_what_cannot_duel_is_told_in_words():
    lab = live()
    lab.panel.duels.start.click()
    wait(lambda: finished(lab.panel.duels))
    assert "train at least 1 step" in lab.panel.duels.words.value
    moons = load_data("moons")
    own = Dataset("mine", moons.x_train, moons.y_train, moons.x_test, moons.y_test, 2)
    lab = live(own).run(3)
    lab.panel.duels.start.click()
    wait(lambda: finished(lab.panel.duels))
    assert "own code" in lab.panel.duels.words.value and not lab.panel.duels.start.disabled


def test_the_picture_of_a_duel_is_the_same_bytes_for_the_same_duel():
    losses = {name: np.array([0.1, 0.2, np.nan]) for name in (HAND, "constant", "Adam")}
    result = Duel(losses, rates={"constant": 0.5, "Adam": 0.01}, seeds=[1, 2, 3])
    assert duel_figure(result) == duel_figure(result) and len(duel_figure(result)) > 3000
    nothing = Duel({HAND: np.full(3, np.nan)}, {}, [1, 2, 3])
    assert duel_figure(nothing).startswith(b"\x89PNG")


def test_the_picture_has_a_row_for_each_contestant_with_the_hand_on_top(monkeypatch):
    losses = {
        HAND: np.array([0.3, np.nan, 0.1]), "constant": np.array([0.2, 0.5, 0.9]),
        "cosine": np.full(3, np.inf), "Adam": np.array([0.4, 0.4, 0.6]),
    }  # fmt: skip
    drawn = []
    monkeypatch.setattr(figures, "png", lambda figure, dpi: drawn.append(figure))
    duel_figure(Duel(losses, rates={"constant": 0.5, "Adam": 0.01}, seeds=[4, 5, 6]))
    (axes,) = drawn[0].axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [HAND, "constant, rate 0.5", "cosine", "Adam, rate 0.01"]
    assert axes.get_yticks().tolist() == [0, 1, 2, 3] and axes.yaxis_inverted()
    assert axes.get_xlabel() == "test loss on 3 unseen seeds; bar: median"
    bars = [line for line in axes.lines if line.get_marker() == "None"]
    dots = [line for line in axes.lines if line not in bars]
    for row, (values, line) in enumerate(zip(losses.values(), dots, strict=True)):
        places = line.get_ydata()
        assert line.get_xdata().tolist() == values[np.isfinite(values)].tolist()
        assert (abs(places - row) < 0.3).all() and len(set(places)) == len(places)
        assert line.get_linestyle() == "None"
    for look in (lambda line: line.get_color(), lambda line: line.get_marker()):
        assert len({look(line) for line in dots}) == 4
    for row, median, bar in zip((0, 1, 3), (0.2, 0.5, 0.4), bars, strict=True):
        low, high = bar.get_ydata()
        assert bar.get_xdata() == pytest.approx([median, median]) and low < row < high
