"""A bet keeps its secret until it is placed or waived; then it is scored and noted, once."""

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError
from course.lessons import Choice, Curve, Number, predictions
from course.lessons.bets import Wager, in_words
from course.lessons.judgements import NEAR
from course.lessons.predictions import Predictions

WAYS = Choice("up", "down")


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))
    return tmp_path / "progress.json"


def wager(result="up", answer=WAYS, question="Which way?", **options):
    return Wager(question, lambda: result, answer, "3_05", **options)


def noted(path):
    return json.loads(path.read_text())["predictions"]


# ---- the secret ---------------------------------------------------------------------------------


def test_nothing_runs_before_the_bet_and_it_runs_once():
    calls = []
    bet = Wager("Which way?", lambda: calls.append(1) or "up", WAYS, "3_05")
    with pytest.raises(CourseError, match="'Which way[?]' is closed; allowed: once the bet"):
        bet.follow(print)
    assert calls == [] and not bet.is_open and bet.result is None
    bet.place("down")
    bet.waive()
    assert calls == [1] and bet.is_open and bet.follow(lambda found: found + "!") == "up!"


def test_a_waived_bet_opens_and_is_not_noted(path):
    bet = wager()
    assert bet.waive() == "No bet placed. The experiment: up."
    assert bet.is_open and not path.exists()


def test_a_second_bet_comes_late():
    bet = wager()
    bet.place("up")
    with pytest.raises(CourseError, match="the bet = 'down' comes late: .* run the cell again"):
        bet.place("down")


def test_what_follows_gets_all_that_the_experiment_returned():
    runs = {"loss": 0.5, "path": [1, 2]}
    bet = wager(runs, Number(0, 1), outcome=lambda found: found["loss"])
    bet.place(0.25)
    assert bet.result == 0.5 and bet.follow(lambda found: found) is runs


def test_an_experiment_that_fails_stays_closed_and_notes_nothing(path):
    def fail():
        raise ZeroDivisionError

    bet = Wager("Which way?", fail, WAYS, "3_05")
    for act in (bet.waive, lambda: bet.place("up")):
        with pytest.raises(ZeroDivisionError):
            act()
    assert not bet.is_open and not path.exists()


@pytest.mark.parametrize(
    ("answer", "result", "words"),
    [
        (WAYS, "left", "the experiment's result = 'left' is unknown"),
        (WAYS, 1.0, "the experiment's result = 1.0 is unknown"),
        (Number(0, 1), "a", "the experiment's result = 'a'; allowed: a number"),
        (Number(0, 1), True, "the experiment's result = True; allowed: a number"),
        (Curve((0, 1), 0.1, 1), 3.0, r"the experiment's result = 3.0; allowed: points"),
        (Curve((0, 1), 0.1, 1), [[1, 2, 3]], r"allowed: points \[\[x, y\], …\]"),
    ],
)
def test_a_result_of_another_kind_is_refused_and_stays_closed(answer, result, words, path):
    bet = wager(result, answer)
    with pytest.raises(CourseError, match=words):
        bet.waive()
    assert not bet.is_open and not path.exists()


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Choice("up"), r"options = \('up',\); allowed: two or more different texts"),
        (lambda: Choice("up", "up"), "allowed: two or more different texts"),
        (lambda: Choice("up", " "), "allowed: two or more different texts"),
        (lambda: Choice("up", 3), "allowed: two or more different texts"),
        (lambda: Number(1, 1), r"high = 1 is out of range.*\(1, 1e\+300\]; choose one above low"),
        (lambda: Number(math.nan, 1), "low = nan is out of range"),
        (lambda: Curve((0,), 1, 2), r"at = \(0,\); allowed: 2 to 12 rising numbers"),
        (lambda: Curve((0, 0), 1, 2), "allowed: 2 to 12 rising numbers"),
        (lambda: Curve(range(13), 1, 2), "allowed: 2 to 12 rising numbers"),
        (lambda: Curve(3, 1, 2), "at = 3; allowed: 2 to 12 rising numbers"),
        (lambda: Curve((0, 1), 0, 2), "low = 0 is out of range"),
        (lambda: wager(question=3), "question = 3; allowed: a text; write one"),
        (lambda: wager(question=" "), "question = ' '; allowed: a text; write one"),
        (lambda: Wager("q", "up", WAYS, "3"), "experiment = 'up'; allowed: a function"),
        (lambda: Wager("q", print, WAYS, ""), "chapter = ''; allowed: a text"),
        (lambda: wager(outcome=3), "outcome = 3; allowed: a function"),
        (lambda: wager(answer="up"), r"answer = 'up'; allowed: Choice\(…\)"),
    ],
)
def test_bad_bets_are_refused_with_a_remedy(make, words):
    with pytest.raises(CourseError, match=words):
        make()


@pytest.mark.parametrize(
    ("answer", "guess", "words"),
    [
        (WAYS, "left", "the bet = 'left' is unknown. Allowed: 'up', 'down'"),
        (WAYS, None, "the bet = None is unknown"),
        (Number(0, 1), 2, r"the bet = 2 is out of range. the bet must be a number in \[0, 1\]"),
        (Number(0, 1), math.nan, "the bet = nan is out of range"),
        (Number(0, 1), "x", "the bet = 'x' is not a number"),
        (Curve((0, 1), 0.1, 1), [1], "allowed: 2 heights, one for each of 0, 1"),
        (Curve((0, 1), 0.1, 1), [1, 0], r"a height = 0 is out of range.*\[0.1, 1\]"),
        (Curve((0, 1), 0.1, 1), 0.5, "allowed: 2 heights"),
    ],
)
def test_a_bet_that_the_answer_does_not_allow_opens_nothing(answer, guess, words, path):
    bet = wager(answer=answer)
    with pytest.raises(CourseError, match=words):
        bet.place(guess)
    assert not bet.is_open and not path.exists()


def test_the_places_of_a_curve_may_come_in_any_list():
    answer = Curve([0, 1, 2.5], 0.1, 1)
    assert answer == Curve((0.0, 1.0, 2.5), 0.1, 1) and answer.at == (0, 1, 2.5)
    assert answer.check((0.1, 1, 0.5)) == [[0, 0.1], [1, 1], [2.5, 0.5]]


# ---- score and calibration ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "guess", "result", "words"),
    [
        (WAYS, "up", "up", "Your bet: up. The experiment: up. Well seen! 1 bet so far; 100% of the "
         "choices held."),
        (WAYS, "down", "up", "Worth finding out why. 1 bet so far; 0% of the choices held."),
        (Number(0, 9, "steps"), 3, 6, "Your bet: 3. The experiment: 6 steps. The bet is off by a "
         "factor of 2. Worth"),
        (Number(0, 9), 2, 2, "Exactly. Well seen!"),
        (Number(0, 9), 4, 5, "off by a factor of 1.25. Well seen!"),
        (Number(0, 9), 4, 5.1, "off by a factor of 1.27. Worth"),
        (Number(0, 9), 0, 5, "cannot be compared by a factor. Worth"),
        (Number(0, 9), 1, math.nan, "The experiment: nan. The two cannot be compared"),
        (Curve((0, 10), 0.1, 9, "loss"), [2, 2], [[0, 1], [10, 1]], "The experiment: loss 1 at "
         "step 0 and 1 at step 10. The bet is off by a factor of 2."),
    ],
)  # fmt: skip
def test_a_bet_is_judged_in_words(answer, guess, result, words):
    assert words in wager(result, answer).place(guess)


@settings(deadline=None, max_examples=50)
@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_number_is_well_seen_within_a_quarter(guess, result):
    off = max(guess / result, result / guess)
    words = Number(0, 100).judge(guess, result)
    if abs(off - NEAR) > 1e-9:
        assert ("Well seen!" in words) == (off < NEAR)
    assert Number(0, 100).judge(result, guess).split("The bet")[1:] == words.split("The bet")[1:]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=12), st.floats(0.1, 10))
def test_a_curve_that_is_a_constant_factor_off_scores_it(heights, factor):
    answer = Curve(tuple(range(len(heights))), 1e-3, 1e3)
    result = [[x, y * factor] for x, y in enumerate(heights)]
    words = answer.judge(answer.check(heights), result)
    off = max(factor, 1 / factor)
    found = re.search(r"factor of ([\d.]+)\. ", words)
    assert float(found[1] if found else 1) == pytest.approx(off, rel=6e-3)
    assert bool(found) != ("Exactly. Well seen!" in words)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.sampled_from(WAYS.options), st.sampled_from(WAYS.options))))
def test_calibration_is_the_share_of_choices_that_held(tmp_path_factory, pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(predictions.HOME, str(tmp_path_factory.mktemp("home")))
        for number, (guess, result) in enumerate(pairs):
            wager(result, question=f"question {number}").place(guess)
        told = Predictions().calibration()
    assert told["guesses"] == len(pairs)
    if pairs:
        held = sum(guess == result for guess, result in pairs) / len(pairs)
        assert told["choices held"] == held and f"{held:.0%} of the choices" in in_words(told)


def test_the_middle_factor_is_told():
    for number, result in enumerate((1, 2, 8)):
        words = wager(result, Number(0, 9), question=str(number)).place(1)
    assert words.endswith("3 bets so far; numbers and curves were off by a factor of 2 (median).")


def test_a_bet_is_noted_whole_and_the_first_one_counts(path):
    wager("up").place("down")
    assert "first bet on this question stays" in wager("up").place("up")
    (entry,) = noted(path)
    assert entry | {"when": ""} == {
        "chapter": "3_05", "question": "Which way?", "guess": "down", "result": "up",
        "miss": 1.0, "when": "",
    }  # fmt: skip
    wager("up", question="And now?").place("up")
    assert [entry["miss"] for entry in noted(path)] == [1.0, 0.0]


def test_a_file_that_cannot_be_written_costs_the_note_alone(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(predictions.HOME, str(tmp_path / "file"))
    bet = wager()
    assert "Well seen! The bet is not noted: " in bet.place("up") and bet.is_open
