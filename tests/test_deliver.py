"""Wheel, sdist, and how chapters come to a learner's folder without losing the learner's work."""

import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError, cli
from course.deliver import deliver, merge, merge_cells

ROOT = Path(__file__).parents[1]
sources = st.lists(st.sampled_from("abcdefgh"), max_size=8)


def cells(names, outputs="release"):
    return [
        {"cell_type": "code", "source": [name], "outputs": [outputs], "id": f"{name}{i}"}
        for i, name in enumerate(names)
    ]


def text_of(made):
    return "".join(cell["source"][0] for cell in made)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(sources, sources)
def test_what_one_side_changed_stands(base, changed):
    a, b = cells(base), cells(changed)
    assert [merge_cells(*three)[1] for three in ((a, b, a), (a, a, b), (a, b, b))] == [0, 0, 0]
    assert text_of(merge_cells(a, b, a)[0]) == text_of(b), "the learner's"
    assert text_of(merge_cells(a, a, b)[0]) == text_of(b), "the release's"
    assert text_of(merge_cells(a, b, b)[0]) == text_of(b), "the same change on both sides"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(sources, sources, sources)
def test_nothing_that_the_learner_wrote_is_lost(base, mine, new):
    a, b, c = cells(base), cells([m.upper() for m in mine]), cells(new)
    written = [m for m in text_of(b) if m not in text_of(a)]
    kept = text_of(merge_cells(a, b, c)[0])
    assert [k for k in kept if k in written] == written


def test_separate_changes_merge_as_git_merges_lines(tmp_path):
    base, mine, new = "abcdefgh", "abXcdefgh", "abcdefYh"
    for name, text in (("base", base), ("mine", mine), ("new", new)):
        (tmp_path / name).write_text("\n".join(text) + "\n")
    command = ["git", "merge-file", "-p", "mine", "base", "new"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    made, clashes = merge_cells(cells(base), cells(mine), cells(new))
    assert text_of(made) == done.stdout.replace("\n", "") == "abXcdefYh" and clashes == 0


def test_where_both_changed_the_learner_stands_and_it_is_counted():
    made, clashes = merge_cells(cells("abc"), cells("aXc", "run"), cells("aYc"))
    assert text_of(made) == "aXc" and clashes == 1
    assert {cell["outputs"][0] for cell in made} == {"run"}, "outputs of the learner's run stay"


def release(folder, *texts, extra="words"):
    folder.mkdir(exist_ok=True)
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(t, id=f"c{i}")
                                         for i, t in enumerate(texts)])  # fmt: skip
    nbformat.write(nb, folder / "one.ipynb")
    (folder / "solutions").mkdir(exist_ok=True)
    (folder / "solutions" / "page.md").write_text(extra)
    return folder


def read(path):
    nb = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    return [cell.source for cell in nb.cells]


def rewrite(path, change):
    nb = nbformat.read(path, as_version=4)
    change(nb.cells)
    nbformat.write(nb, path)


def test_a_release_and_the_next_one(tmp_path):
    source, home = release(tmp_path / "v1", "first", "answer = ...", "last"), tmp_path / "mine"
    assert deliver(home, source) == ["one.ipynb: new", "solutions/page.md: new"]
    assert deliver(home, source) == []

    def work(made):
        made[1].source = "answer = 3"
        made.insert(3, nbformat.v4.new_code_cell("my own", id="c3"))  # an id the release uses too

    rewrite(home / "one.ipynb", work)
    (home / "notes.txt").write_text("mine")
    newer = release(tmp_path / "v2", "first, better", "answer = ...", "last", "more", extra="new")
    assert deliver(home, newer) == [
        "one.ipynb: merged with your changes",
        "solutions/page.md: renewed",
    ]
    assert read(home / "one.ipynb") == ["first, better", "answer = 3", "last", "my own", "more"]
    assert (home / "notes.txt").read_text() == "mine"

    third = release(tmp_path / "v3", "first, best", "answer = None", "last", "more", extra="new")
    assert deliver(home, third) == [
        "one.ipynb: yours is kept where both changed; the new one is one.new.ipynb"
    ]
    assert read(home / "one.ipynb") == ["first, best", "answer = 3", "last", "my own", "more"]
    assert read(home / "one.new.ipynb") == ["first, best", "answer = None", "last", "more"]


def test_a_damaged_notebook_or_a_changed_page_is_left_as_it_is(tmp_path):
    source, home = release(tmp_path / "v1", "first"), tmp_path / "mine"
    deliver(home, source)
    (home / "one.ipynb").write_text("{ not json")
    (home / "solutions" / "page.md").write_text("my words")
    told = deliver(home, release(tmp_path / "v2", "second", extra="other words"))
    assert len(told) == 2 and all("yours is kept" in line for line in told)
    assert (home / "one.ipynb").read_text() == "{ not json"
    assert (home / "solutions" / "page.md").read_text() == "my words"
    assert read(home / "one.new.ipynb") == ["second"]
    assert (home / "solutions" / "page.new.md").read_text() == "other words"


def test_a_deleted_file_comes_back_and_an_older_folder_without_history_is_kept(tmp_path):
    source, home = release(tmp_path / "v1", "first"), tmp_path / "mine"
    deliver(home, source)
    (home / "one.ipynb").unlink()
    assert deliver(home, source) == ["one.ipynb: new"]
    (home / ".course" / "one.ipynb").unlink()
    rewrite(home / "one.ipynb", lambda made: made.append(nbformat.v4.new_code_cell("mine")))
    (told,) = deliver(home, source)
    assert "kept" in told and read(home / "one.ipynb")[-1] == "mine"


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CourseError, match="course lab FOLDER"):
        deliver(tmp_path / "taken", release(tmp_path / "v1", "first"))


def test_merge_of_no_notebook_changes_nothing():
    assert merge(b"{}", b"mine", b"{}") == (b"mine", 1)
    one = json.dumps({"cells": []}).encode()
    assert merge(one, one, one) == (json.dumps({"cells": []}, indent=1).encode() + b"\n", 0)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder


def test_wheel_and_sdist_carry_chapters_labs_and_ledger(built):
    import tarfile

    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    chapters = {p.name for p in (ROOT / "notebooks").glob("*.ipynb")}
    inside = zipfile.ZipFile(wheel).namelist()
    assert {f"course/notebooks/{name}" for name in chapters} <= set(inside)
    assert {"widgets/canvas.js", "widgets/canvas.css", "course/claims.toml"} <= set(inside)
    assert not [name for name in inside if "tests" in name or ".failed" in name]
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"notebooks/{name}" for name in chapters} <= packed
    assert {"widgets/canvas.js", "binder/constraints.txt", "pyproject.toml"} <= packed


def test_course_lab_from_a_wheel_copies_the_chapters_and_opens_them(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    site, home = tmp_path / "site", tmp_path / "home"
    zipfile.ZipFile(wheel).extractall(site)
    environment = os.environ | {
        "PYTHONPATH": str(site), "HOME": str(home), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }  # fmt: skip
    command = [sys.executable, "-m", "course.cli", "lab", "--no-browser"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        cwd=tmp_path,
    )  # fmt: skip
    assert server.stdout is not None
    stop = threading.Timer(60, server.kill)  # ends the reading below, whatever happens
    stop.start()
    try:
        said = []
        for line in server.stdout:
            said.append(line)
            if re.search(r"http://127\.0\.0\.1:\d+/lab/tree/00_start_here\.ipynb", line):
                break
        else:
            pytest.fail("".join(said))
    finally:
        stop.cancel()
        server.terminate()
        server.wait(20)
        server.stdout.close()
    assert f"Chapters are in {home / 'training-at-scale'}\n" in said
    assert (home / "training-at-scale" / "00_start_here.ipynb").exists()


def test_in_a_clone_the_chapters_open_where_they_are(tmp_path):
    assert cli.lab_folder(None) == ROOT / "notebooks"
    assert cli.lab_folder(tmp_path / "own") == tmp_path / "own"
    assert (tmp_path / "own" / "00_start_here.ipynb").exists()
