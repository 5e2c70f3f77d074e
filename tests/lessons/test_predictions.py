"""Predictions are kept: beside other writers, after a crash, whatever the file holds."""

import errno
import json
import math
import os
import subprocess
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_guesses import NONSENSE, NUMBERS, json_like

from course import CourseError
from course.lessons import predictions
from course.lessons.predictions import Predictions

SET_HOME = rf"set \${predictions.HOME}"
ENTRY = {"chapter": "3_04", "question": "q", "guess": 2.0, "result": 1.0, "miss": 2.0, "when": "-"}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))
    return tmp_path / "progress.json"


def write(path, *entries, **rest):
    path.write_text(json.dumps({"schema": 1, "predictions": list(entries), **rest}))


def entries(path):
    return json.loads(path.read_text())["predictions"]


# ---- several writers ----------------------------------------------------------------------

WRITER = """
import sys
from course.lessons.predictions import Predictions
who, n = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
progress = Predictions()
for i in range(int(n)):
    progress.predict(who, f"question {i}", guess=1.0, result=2.0)
"""
HOLDER = """
import os, sys
from course import files
from course.lessons import predictions
from course.lessons.predictions import Predictions
def hold(content, path):
    print("writing", flush=True)
    sys.stdin.readline()
predictions.write_bytes = hold
Predictions().predict("other", "q", 1.0, 1.0)
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
    early = Predictions()
    Predictions().predict("a", "q", 1.0, 1.0)
    early.predict("b", "q", 1.0, 1.0)
    assert [e["chapter"] for e in Predictions().entries] == ["a", "b"]
    assert early.entries == Predictions().entries


def test_a_writer_that_dies_blocks_nobody_and_one_that_hangs_only_for_a_while(path, monkeypatch):
    monkeypatch.setattr(predictions, "PATIENCE", 0.2)
    holder = start(HOLDER)
    assert holder.stdout.readline() == "writing\n"
    with pytest.raises(CourseError, match="another program for more than 0.2 s; close"):
        Predictions().predict("3", "q", 1.0, 1.0)
    holder.kill()
    holder.communicate(timeout=60)
    monkeypatch.setattr(predictions, "PATIENCE", 60)
    Predictions().predict("3", "q", 1.0, 1.0)
    assert [e["chapter"] for e in entries(path)] == ["3"]


def test_a_lock_that_was_left_behind_is_free(path):
    (path.parent / ".progress.json.lock").write_text("4711")
    Predictions().predict("3", "q", 1.0, 1.0)
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
            assert Predictions().entries == []
        assert not path.exists()
    kept = [path.with_suffix(f".damaged{n}.json").read_bytes() for n in ("", "-2", "-3")]
    assert kept == [content + b" " * n for n in range(3)]
    early = Predictions()
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="kept as"):
        early.predict("3", "q", 1.0, 1.0)
    assert len(entries(path)) == 1 and path.with_suffix(".damaged-4.json").read_bytes() == content


@pytest.mark.parametrize("schema", [2, 10**30, 1.5, "2", None, [1], {}])
@pytest.mark.parametrize("body", [[ENTRY, {"new": "kind"}], {"by": "chapter"}])
def test_a_file_of_another_schema_is_read_as_far_as_it_goes_and_never_written(path, schema, body):
    path.write_text(json.dumps({"schema": schema, "predictions": body}))
    before = path.read_bytes()
    read = Predictions()
    assert read.entries == ([ENTRY] if isinstance(body, list) else [])
    with pytest.raises(CourseError, match="schema.*update the course"):
        read.predict("3", "q", 1.0, 1.0)
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} <= {"progress.json", ".progress.json.lock"}


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
    read = Predictions()
    assert read.entries == [ENTRY, ENTRY]
    assert read.calibration() == {"guesses": 2, "median factor": 2.0}
    read.predict("3", "q", 4.0, 1.0)
    after = json.loads(path.read_text())
    assert repr(after["predictions"][:3]) == repr([ENTRY, odd, ENTRY])
    assert after["mine"] == "another key" and len(after["predictions"]) == 4


def test_a_number_too_long_to_read_and_half_a_letter_do_not_lose_the_others(path):
    long = "9" * 5000
    text = json.dumps([ENTRY, {**ENTRY, "miss": 12345, "question": "\ud800"}])
    path.write_text(f'{{"schema": 1, "predictions": {text}}}'.replace("12345", long))
    read = Predictions()
    assert read.entries == [ENTRY]
    read.predict("3", "q", 1.0, 1.0)
    assert len(Predictions().entries) == 2 and long in path.read_text()


near_entry = st.fixed_dictionaries(
    {"question": json_like}, optional={k: json_like for k in ("guess", "result", "miss", "when")}
)


@settings(max_examples=50, deadline=None)  # each writes three files
@given(st.lists(json_like | near_entry), json_like)
def test_no_file_raises_anything_and_none_of_it_is_lost(tmp_path_factory, items, schema):
    path = tmp_path_factory.mktemp("home") / "progress.json"
    write(path, *items, ENTRY)
    read = Predictions(path)
    assert ENTRY in read.entries and read.calibration()["guesses"] == len(read.entries)
    read.predict("3", "q", 1.0, 1.0)
    assert repr(entries(path)[:-2]) == repr(items)
    for content in ({"schema": schema, "predictions": items}, {"schema": 1, "other": items}, items):
        path.write_text(json.dumps(content))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Predictions(path).calibration()


# ---- where it lies ------------------------------------------------------------------------


def test_a_folder_at_the_path_is_left_alone(path):
    path.mkdir()
    (path / "mine").write_text("keep")
    with pytest.warns(UserWarning, match="cannot be read"):
        read = Predictions()
    with pytest.raises(CourseError, match=SET_HOME):
        read.predict("3", "q", 1.0, 1.0)
    assert (path / "mine").read_text() == "keep" and read.entries == []


def test_a_path_through_a_file_and_a_home_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "p.json", "/proc/nowhere/p.json", "/dev/null/p.json", "a\0b"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert Predictions(place).entries == []
        with (
            warnings.catch_warnings(),
            pytest.raises(CourseError, match=SET_HOME),
        ):
            warnings.simplefilter("ignore")
            Predictions(place).predict("3", "q", 1.0, 1.0)
    monkeypatch.delenv(predictions.HOME, raising=False)
    monkeypatch.setattr(predictions.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("?")))
    with pytest.raises(CourseError, match="home folder"):
        Predictions()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_or_read_only_disk_loses_nothing(path, monkeypatch, error, call):
    write(path, ENTRY)
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(f"course.files.os.{call}", refuse)
    with pytest.raises(CourseError, match="cannot be written"):
        Predictions().predict("3", "q", 1.0, 1.0)
    assert path.read_bytes() == before and Predictions().entries == [ENTRY]
    assert {p.name for p in path.parent.iterdir()} <= {"progress.json", ".progress.json.lock"}


def test_a_damaged_file_that_cannot_be_moved_is_left_and_said(path, monkeypatch):
    path.write_text("{broken")

    def refuse(*_):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(predictions.Path, "rename", refuse)
    with pytest.warns(UserWarning, match="read-only"):
        assert Predictions().entries == []
    assert path.read_text() == "{broken"


# ---- guesses ------------------------------------------------------------------------------


@pytest.mark.parametrize("guess", NONSENSE, ids=lambda guess: type(guess).__name__)
def test_a_guess_that_makes_no_sense_is_not_noted(path, guess):
    with pytest.raises(CourseError, match="allowed: "):
        Predictions().predict("3", "q", guess, 1.0)
    assert not path.exists()


@pytest.mark.parametrize(("guess", "result"), NUMBERS, ids=str)
def test_numbers_of_numpy_and_torch_are_noted_as_python_has_them(path, guess, result):
    entry = Predictions().predict("3", "q", guess, result)
    assert entry["miss"] in (0.0, pytest.approx(2))
    (read,) = Predictions().entries
    assert read == entry and json.loads(json.dumps(entry)) == entry


def test_a_run_that_broke_counts_against_an_interval_and_not_as_a_factor(path):
    for result in (math.nan, math.inf, -math.inf):
        Predictions().predict("3", "q", (0, 1), result)
        Predictions().predict("3", "q", 0.5, result)
    assert Predictions().calibration() == {"guesses": 6, "intervals held": 0.0}
