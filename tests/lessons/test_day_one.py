"""Day-one verdicts: noted at once in the progress file, changed, read; no bad one is noted."""

import json
import subprocess
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_guesses import json_like

from course import CourseError
from course.lessons import day_one_verdicts, predictions
from course.lessons.day_one import SENTENCES, VERDICTS, day_one_claims, judge_sentence
from course.lessons.predictions import Predictions


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))
    return tmp_path / "progress.json"


def test_ten_claims_of_the_ledger_are_asked_and_none_of_this_chapter():
    claims = day_one_claims()
    assert [claim.id for claim in claims] == list(SENTENCES) and len(set(SENTENCES)) == 10
    assert all(claim.says.strip() for claim in claims)
    assert all(claim.chapter != "00_start_here" for claim in claims), "it is settled there"


def test_no_verdict_that_can_be_given_is_right_for_all():
    """Whoever always says the same is often wrong: the errata tell a reader more than that."""
    ledger = [claim.verdict for claim in day_one_claims()]
    assert all(2 <= ledger.count(word) <= 5 for word in VERDICTS[:3])
    assert "missing" not in ledger, "a sentence that is not there cannot be judged"


def test_a_verdict_is_noted_beside_predictions_and_can_be_changed(path):
    Predictions().predict("3_04", "q", 2.0, 1.0)
    judge_sentence("D2-1", "holds")
    judge_sentence("D0-1", "no idea")
    judge_sentence("D2-1", "wrong")
    assert day_one_verdicts() == {"D0-1": "no idea", "D2-1": "wrong"}
    assert list(day_one_verdicts()) == ["D0-1", "D2-1"], "in the order in which they are asked"
    saved = json.loads(path.read_text())
    assert [(e["claim"], e["verdict"]) for e in saved["day_one"]] == [
        ("D0-1", "no idea"), ("D2-1", "wrong"),
    ]  # fmt: skip
    assert saved["schema"] == 1 and len(saved["predictions"]) == 1
    Predictions().predict("3_04", "another", 2.0, 1.0)
    assert day_one_verdicts() == {"D0-1": "no idea", "D2-1": "wrong"}
    judge_sentence("D2-1", None)
    assert day_one_verdicts() == {"D0-1": "no idea"}
    judge_sentence("D2-1", None)
    assert len(Predictions().entries) == 2


def test_without_a_file_there_are_no_verdicts_and_none_is_made(path):
    assert day_one_verdicts() == {} and not path.exists()


def test_a_file_may_be_named(path, tmp_path):
    other = tmp_path / "other.json"
    judge_sentence("D2-1", "wrong", other)
    assert day_one_verdicts(other) == {"D2-1": "wrong"} and day_one_verdicts() == {}


@pytest.mark.parametrize("claim", ["D9-1", "d2-1", "", None, 3, ["D2-1"], {}, "D1-1b"])
def test_another_claim_is_refused(path, claim):
    with pytest.raises(CourseError, match="claim = .* is unknown. Allowed: 'D0-1'"):
        judge_sentence(claim, "holds")
    assert not path.exists()


@pytest.mark.parametrize("verdict", ["true", "", "Holds", "missing", 1, True, [], {"a": 1}])
def test_another_verdict_is_refused(path, verdict):
    with pytest.raises(CourseError, match="verdict = .* is unknown. Allowed: 'holds'"):
        judge_sentence("D2-1", verdict)
    assert not path.exists()


@pytest.mark.parametrize(
    "odd",
    [None, 3, "x", {}, {"claim": "D2-1"}, {"claim": "D9", "verdict": "holds"}, [["D2-1"]],
     {"claim": ["D2-1"], "verdict": "holds"}, {"claim": "D2-1", "verdict": "maybe"},
     {"claim": {}, "verdict": "holds"}],
    ids=str,
)  # fmt: skip
def test_an_odd_entry_stays_in_the_file_and_counts_for_nothing(path, odd):
    good = {"claim": "D0-1", "verdict": "wrong", "when": "-"}
    path.write_text(json.dumps({"schema": 1, "predictions": [], "day_one": [odd, good]}))
    assert day_one_verdicts() == {"D0-1": "wrong"}
    judge_sentence("D2-1", "holds")
    assert json.loads(path.read_text())["day_one"][:2] == [odd, good]
    assert day_one_verdicts() == {"D0-1": "wrong", "D2-1": "holds"}


@settings(max_examples=50, deadline=None)  # each writes two files
@given(json_like)
def test_whatever_stands_in_its_place_is_kept(tmp_path_factory, odd):
    path = tmp_path_factory.mktemp("home") / "progress.json"
    path.write_text(json.dumps({"schema": 1, "predictions": [], "day_one": odd}))
    assert day_one_verdicts(path) == {}
    judge_sentence("D2-1", "wrong", path)
    assert day_one_verdicts(path) == {"D2-1": "wrong"}
    kept = json.loads(path.read_text())["day_one"][:-1]
    assert repr(kept) == repr(odd if isinstance(odd, list) else [odd])


def test_a_damaged_file_is_kept_and_a_newer_one_is_left_alone(path):
    path.write_text('{"schema": 1, "predic')
    with pytest.warns(UserWarning, match="kept as"):
        judge_sentence("D2-1", "wrong")
    assert day_one_verdicts() == {"D2-1": "wrong"}
    assert path.with_suffix(".damaged.json").exists()
    newer = {"schema": 2, "day_one": [{"claim": "D2-1", "verdict": "holds", "when": "-"}]}
    path.write_text(json.dumps(newer))
    assert day_one_verdicts() == {"D2-1": "holds"}, "read as far as it goes"
    with pytest.raises(CourseError, match="update the course"):
        judge_sentence("D2-1", "wrong")
    assert json.loads(path.read_text()) == newer


def test_a_place_that_cannot_be_written_is_told(path, tmp_path):
    (tmp_path / "file").write_text("")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(CourseError, match=rf"set \${predictions.HOME}"):
            judge_sentence("D2-1", "wrong", tmp_path / "file" / "p.json")


WRITER = """
import sys
from course.lessons.day_one import SENTENCES, judge_sentence
for claim in SENTENCES[int(sys.argv[1]) :: 2]:
    judge_sentence(claim, "holds")
"""


def test_two_kernels_at_once_lose_none(path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(i)]) for i in range(2)]
    assert [writer.wait(300) for writer in writers] == [0, 0]
    assert day_one_verdicts() == dict.fromkeys(SENTENCES, "holds")


@given(st.dictionaries(st.sampled_from(SENTENCES), st.sampled_from(VERDICTS)))
@settings(max_examples=20, deadline=None)
def test_what_is_noted_is_read_again(tmp_path_factory, verdicts):
    path = tmp_path_factory.mktemp("home") / "progress.json"
    for claim, verdict in verdicts.items():
        judge_sentence(claim, verdict, path)
    assert day_one_verdicts(path) == verdicts
