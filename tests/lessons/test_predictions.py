"""Predictions are kept: beside other writers, after a crash, whatever the file holds."""

import errno
import json
import math
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course import CourseError
from course.lessons import predictions as progress
from course.lessons.predictions import Progress, bet, curve_miss, kind_of, miss

ENTRY = {"chapter": "3_04", "question": "q", "guess": 2.0, "result": 1.0, "miss": 2.0, "when": "-"}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv(progress.HOME, str(tmp_path))
    return tmp_path / "progress.json"


def write(path, *entries, **rest):
    path.write_text(json.dumps({"schema": 1, "predictions": list(entries), **rest}))


def entries(path):
    return json.loads(path.read_text())["predictions"]


# ---- several writers ----------------------------------------------------------------------

WRITER = """
import sys
from course.lessons.predictions import Progress
who, n = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
progress = Progress()
for i in range(int(n)):
    progress.predict(who, f"question {i}", guess=1.0, result=2.0)
"""
HOLDER = """
import os, sys
from course import files
from course.lessons import predictions as progress
from course.lessons.predictions import Progress
def hold(content, path):
    print("writing", flush=True)
    sys.stdin.readline()
progress.write_bytes = hold
Progress().predict("other", "q", 1.0, 1.0)
"""


def start(code, *args):
    return subprocess.Popen(
        [sys.executable, "-c", code, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def test_writers_at_once_lose_none(path):
    writers = [start(WRITER, f"writer {i}", "100") for i in range(2)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=300)
        assert writer.returncode == 0
    kept = entries(path)
    assert len(kept) == 200
    for i in range(2):  # each writer's own in its order
        mine = [e["question"] for e in kept if e["chapter"] == f"writer {i}"]
        assert mine == [f"question {k}" for k in range(100)]
    left = {p.name for p in path.parent.iterdir()}
    assert left <= {"progress.json", ".progress.json.lock"}


def test_one_that_was_made_earlier_does_not_write_over_what_came_since(path):
    early = Progress()
    Progress().predict("a", "q", 1.0, 1.0)
    early.predict("b", "q", 1.0, 1.0)
    assert [e["chapter"] for e in Progress().predictions] == ["a", "b"]
    assert early.predictions == Progress().predictions


def test_a_writer_that_dies_blocks_nobody_and_one_that_hangs_only_for_a_while(path, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.2)
    holder = start(HOLDER)
    assert holder.stdout.readline() == "writing\n"
    with pytest.raises(CourseError, match="another program for more than 0.2 s; close"):
        Progress().predict("3", "q", 1.0, 1.0)
    holder.kill()
    holder.communicate(timeout=60)
    monkeypatch.setattr(progress, "PATIENCE", 60)
    Progress().predict("3", "q", 1.0, 1.0)
    assert [e["chapter"] for e in entries(path)] == ["3"]


def test_a_lock_that_was_left_behind_is_free(path):
    (path.parent / ".progress.json.lock").write_text("4711")
    Progress().predict("3", "q", 1.0, 1.0)
    assert len(entries(path)) == 1


# ---- what the file may hold ---------------------------------------------------------------

DAMAGED = {
    "half": b'{"schema": 1, "predictions": [{"chap',
    "empty": b"",
    "not UTF-8": b'{"schema": 1, "predictions": ["\xff"]}',
    "a list": b"[]",
    "a number": b"3",
    "no predictions": b"{}",
    "predictions are none": b'{"schema": 1, "predictions": {"a": 1}}',
    "nested": b"[" * 200_000,
    "nested in an entry": b'{"schema": 1, "predictions": [' + b"[" * 200_000,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_each_damaged_file_is_kept_under_a_name_of_its_own(path, content):
    for n in range(3):
        path.write_bytes(content + b" " * n)
        with pytest.warns(UserWarning, match="kept as"):
            assert Progress().predictions == []
        assert not path.exists()
    kept = [path.with_suffix(f".damaged{n}.json").read_bytes() for n in ("", "-2", "-3")]
    assert kept == [content + b" " * n for n in range(3)]
    early = Progress()
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="kept as"):
        early.predict("3", "q", 1.0, 1.0)
    assert len(entries(path)) == 1 and path.with_suffix(".damaged-4.json").read_bytes() == content


@pytest.mark.parametrize("schema", [2, 10**30, 1.5, "2", None, [1], {}])
@pytest.mark.parametrize("body", [[ENTRY, {"new": "kind"}], {"by": "chapter"}])
def test_a_file_of_another_schema_is_read_as_far_as_it_goes_and_never_written(path, schema, body):
    path.write_text(json.dumps({"schema": schema, "predictions": body}))
    before = path.read_bytes()
    read = Progress()
    assert read.predictions == ([ENTRY] if isinstance(body, list) else [])
    with pytest.raises(CourseError, match="schema.*update the course"):
        read.predict("3", "q", 1.0, 1.0)
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} <= {"progress.json", ".progress.json.lock"}


NESTED: list = []
for _ in range(5000):
    NESTED = [NESTED]
ODD = [
    None, 3, "words", [], {}, {"question": "q"}, {**ENTRY, "guess": None}, {**ENTRY, "miss": "2"},
    {**ENTRY, "miss": [1]}, {**ENTRY, "miss": True}, {**ENTRY, "miss": -1}, {**ENTRY, "guess": {}},
    {**ENTRY, "guess": ["a", 1]}, {**ENTRY, "guess": [[1], [2]]}, {**ENTRY, "guess": [[[[1]]]]},
    {**ENTRY, "guess": math.nan}, {**ENTRY, "miss": math.nan}, {**ENTRY, "guess": math.inf},
    {**ENTRY, "guess": [1, 2, 3]}, {**ENTRY, "guess": [[1, 1]]},
    {**ENTRY, "miss": 10**299, "guess": None},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_entry_stays_in_the_file_and_out_of_the_calibration(path, odd):
    write(path, ENTRY, odd, ENTRY, mine="another key")
    read = Progress()
    assert read.predictions == [ENTRY, ENTRY]
    assert read.calibration() == {"guesses": 2, "median factor": 2.0}
    read.predict("3", "q", 4.0, 1.0)
    after = json.loads(path.read_text())
    assert repr(after["predictions"][:3]) == repr([ENTRY, odd, ENTRY])
    assert after["mine"] == "another key" and len(after["predictions"]) == 4


def test_a_number_too_long_to_read_and_half_a_letter_do_not_lose_the_others(path):
    long = "9" * 5000
    text = json.dumps([ENTRY, {**ENTRY, "miss": 12345, "question": "\ud800"}])
    path.write_text(f'{{"schema": 1, "predictions": {text}}}'.replace("12345", long))
    read = Progress()
    assert read.predictions == [ENTRY]
    read.predict("3", "q", 1.0, 1.0)
    assert len(Progress().predictions) == 2 and long in path.read_text()


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**299),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
near_entry = st.fixed_dictionaries(
    {"question": json_like}, optional={k: json_like for k in ("guess", "result", "miss", "when")}
)


@settings(max_examples=50, deadline=None)  # each writes three files
@given(st.lists(json_like | near_entry), json_like)
def test_no_file_raises_anything_and_none_of_it_is_lost(tmp_path_factory, items, schema):
    path = tmp_path_factory.mktemp("home") / "progress.json"
    write(path, *items, ENTRY)
    read = Progress(path)
    assert ENTRY in read.predictions and read.calibration()["guesses"] == len(read.predictions)
    read.predict("3", "q", 1.0, 1.0)
    assert repr(entries(path)[:-2]) == repr(items)
    for content in ({"schema": schema, "predictions": items}, {"schema": 1, "other": items}, items):
        path.write_text(json.dumps(content))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Progress(path).calibration()


# ---- where it lies ------------------------------------------------------------------------


def test_a_folder_at_the_path_is_left_alone(path):
    path.mkdir()
    (path / "mine").write_text("keep")
    with pytest.warns(UserWarning, match="cannot be read"):
        read = Progress()
    with pytest.raises(CourseError, match=f"set \\${progress.HOME}"):
        read.predict("3", "q", 1.0, 1.0)
    assert (path / "mine").read_text() == "keep" and read.predictions == []


def test_a_path_through_a_file_and_a_home_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "p.json", "/proc/nowhere/p.json", "/dev/null/p.json", "a\0b"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert Progress(place).predictions == []
        with warnings.catch_warnings(), pytest.raises(CourseError, match=f"set \\${progress.HOME}"):
            warnings.simplefilter("ignore")
            Progress(place).predict("3", "q", 1.0, 1.0)
    monkeypatch.delenv(progress.HOME, raising=False)
    monkeypatch.setattr(progress.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("?")))
    with pytest.raises(CourseError, match="home folder"):
        Progress()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_or_read_only_disk_loses_nothing(path, monkeypatch, error, call):
    write(path, ENTRY)
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(f"course.files.os.{call}", refuse)
    with pytest.raises(CourseError, match="cannot be written"):
        Progress().predict("3", "q", 1.0, 1.0)
    assert path.read_bytes() == before and Progress().predictions == [ENTRY]
    assert {p.name for p in path.parent.iterdir()} <= {"progress.json", ".progress.json.lock"}


def test_a_damaged_file_that_cannot_be_moved_is_left_and_said(path, monkeypatch):
    path.write_text("{broken")

    def refuse(*_):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(progress.Path, "rename", refuse)
    with pytest.warns(UserWarning, match="read-only"):
        assert Progress().predictions == []
    assert path.read_text() == "{broken"


# ---- guesses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "guess",
    [None, math.nan, math.inf, -math.inf, 10**400, 10**5000, 1j, NESTED, (1, "a"), ("a", "b"),
     (1, math.nan),
     (True, 2), [], [1], [1, 2, 3], [[1, 2]], [[1, 2], [0, 2]], [[1, 2], [2, 0]], [[1, 2], [2]],
     [[1, 2], [2, math.nan]], {}, {"low": 1}, object(), b"x", {1, 2}, np.nan,
     torch.empty(2, device="meta"), np.array([1, 2, 3]),
     torch.tensor(math.nan), np.array(["a", "b"])],
    ids=lambda guess: type(guess).__name__,
)  # fmt: skip
def test_a_guess_that_makes_no_sense_is_refused_and_not_noted(path, guess):
    for action in (lambda: Progress().predict("3", "q", guess, 1.0), lambda: miss(guess, 1.0),
                   lambda: kind_of(guess), lambda: curve_miss(guess, [[1, 1]])):  # fmt: skip
        with pytest.raises(CourseError, match="allowed: "):
            action()
    if guess is not None:
        with pytest.raises(CourseError, match="allowed: "):
            bet("3", "q", guess, 1.0)
    assert not path.exists()


NUMBERS = [
    (np.float32(0.5), 0.25), (torch.tensor(0.5), np.float64(0.25)), (np.int64(2), 1),
    ((np.float32(2), torch.tensor(4)), np.array(3)), (np.array([2.0, 4.0]), 3.0),
    (np.bool_(True), True), (np.str_("a"), "a"), (torch.tensor([[0.0, 1.0], [2.0, 1.0]]), [[1, 2]]),
]  # fmt: skip


@pytest.mark.parametrize(("guess", "result"), NUMBERS, ids=str)
def test_numbers_of_numpy_and_torch_are_noted_as_python_has_them(path, guess, result):
    entry = Progress().predict("3", "q", guess, result)
    assert entry["miss"] in (0.0, pytest.approx(2))
    (read,) = Progress().predictions
    assert read == entry and json.loads(json.dumps(entry)) == entry


def test_a_result_that_is_no_number_counts_against_an_interval_and_not_as_a_factor(path, capsys):
    for result in (math.nan, math.inf, -math.inf):
        bet("3", "q", (0, 1), result)
        assert "outside" in capsys.readouterr().out
        bet("3", "q", 0.5, result)
        assert "finding out" in capsys.readouterr().out
    assert Progress().calibration() == {"guesses": 6, "intervals held": 0.0}
    assert miss((0, 1), math.nan) == math.inf, "a run that broke held in no interval"
    assert miss(1e-300, 1e300) == math.inf and miss(1.0, "a") is None is miss((1, 2), "a")
    assert curve_miss([[0, 1e-300], [1, 1e-300]], [[0.5, 1e300]]) == math.inf
    assert miss(5e-324, 1.7e308) == math.inf, "the quotient is no float"


@settings(deadline=None)
@given(json_like, json_like)
@example([[-1e308, 1.0], [1.7e308, 1.0]], [[0.0, 1.0], [1e308, 2.0]])
@example([1e308, -1e308], 1e308)
@example([[0, 1.0], [0, 2.0], [5e-324, 2.0]], [[0, 1.0]])
def test_misses_of_anything_are_a_number_none_or_a_refusal(guess, result):
    try:
        kind = kind_of(guess)
    except CourseError:
        for function in (miss, curve_miss):
            with pytest.raises(CourseError, match="allowed: "):
                function(guess, result)
        return
    try:
        off, along = miss(guess, result), curve_miss(guess, result)
    except CourseError:
        assert "{" in repr(result) or "[[[" in repr(result), "no result that is ever noted"
        return
    for value in (off, along):
        assert value is None or value >= 0
    if off is not None:
        assert off >= {"choice": 0, "interval": 0, "factor": 1}[kind]
        assert kind != "choice" or off in (0, 1)
    if kind in ("choice", "interval"):
        assert along is None


finite = st.floats(-1e6, 1e6)


@settings(deadline=None)
@given(finite, finite, finite)
def test_an_interval_holds_where_the_result_lies_in_it(a, b, result):
    assert (miss((a, b), result) == 0) == (min(a, b) <= result <= max(a, b))
    assert miss((a, b), result) == miss((b, a), result)


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e3))
def test_a_factor_is_one(result, factor):
    expected = max(factor, 1 / factor)
    assert miss(result * factor, result) == pytest.approx(expected, rel=1e-9)
    line = [[x, result] for x in range(5)]
    guess = [[-1, result * factor], [9, result * factor]]
    assert curve_miss(guess, line) == pytest.approx(expected, rel=1e-9)
