"""Chapters come to a learner's folder and are updated without losing the learner's work."""

import os
import subprocess
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from publishing_helpers import (
    answer,
    first,
    notebook,
    posix,
    read,
    release,
    rewrite,
    second,
    visible,
)

from course.publishing.updates import deliver

ROOT = Path(__file__).parents[2]


def test_a_release_and_the_next_ones(tmp_path):
    home = tmp_path / "mine"
    names = "one.ipynb, solutions/page.md, two.ipynb"
    assert deliver(home, first(tmp_path)) == [f"new: {names}"]

    def work(cells):
        answer(cells)
        cells.append(new_code_cell("my own", id="c3"))  # an id that the release will use too

    rewrite(home / "one.ipynb", work)
    (home / "notes.txt").write_text("mine")
    newer = release(tmp_path / "v2", "first, better", "answer = ...", "last", "more", page="new")
    notebook(newer / "three.ipynb", "three")
    assert deliver(home, newer, "2") == [
        "updated around your changes: one.ipynb",
        "updated: solutions/page.md, two.ipynb",
        "new: three.ipynb",
    ]
    assert read(home / "one.ipynb") == ["first, better", "answer = 3", "last", "my own", "more"]
    assert read(home / "two.ipynb") == ["first, better", "answer = ...", "last", "more"]
    assert (home / "notes.txt").read_text() == "mine"

    third = release(tmp_path / "v3", "first, best", "answer = None", "last", "more", page="new")
    assert deliver(home, third, "3") == [
        "updated: two.ipynb",
        "one.ipynb: you and the release changed the same cells (1), so yours stay; the release's "
        'version is "one (release 3).ipynb"',
    ]
    assert read(home / "one.ipynb") == ["first, best", "answer = 3", "last", "my own", "more"]
    assert (home / "one (release 3).ipynb").read_bytes() == (third / "one.ipynb").read_bytes()
    assert (home / "three.ipynb").exists(), "the third release has it no more; the learner keeps it"


def test_the_same_release_again_touches_nothing(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    for source in (first(tmp_path), second(tmp_path)):
        deliver(home, source, "2")
        before = {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.name != "lock"}
        assert deliver(home, source, "2") == []
        assert {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.name != "lock"} == before


def test_all_that_belongs_to_the_chapters_is_brought_and_nothing_else(tmp_path):
    command = ["git", "ls-files", "notebooks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    deliver(tmp_path / "mine", ROOT / "notebooks")
    tracked = {name.removeprefix("notebooks/") for name in done.stdout.splitlines()}
    assert tracked <= visible(tmp_path / "mine").keys()
    source = first(tmp_path)
    notebook(source / "one.failed.ipynb", "half")
    notebook(source / ".ipynb_checkpoints" / "one-checkpoint.ipynb", "old")
    (source / "recipe.json").write_text("{}")
    deliver(tmp_path / "other", source)
    brought = {"one.ipynb", "two.ipynb", "solutions", "solutions/page.md"}
    assert visible(tmp_path / "other").keys() == brought


def test_a_deleted_or_renamed_chapter_comes_back_fresh(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    (home / "one.ipynb").rename(home / "done.ipynb")
    assert deliver(home, first(tmp_path)) == ["new: one.ipynb"]
    assert read(home / "one.ipynb")[1] == "answer = ..."
    assert read(home / "done.ipynb")[1] == "answer = 3"
    (home / "one.ipynb").unlink()
    assert deliver(home, second(tmp_path))[0] == "new: one.ipynb"
    assert read(home / "done.ipynb")[1] == "answer = 3"


def test_own_files_that_were_there_first_stay(tmp_path):
    home = tmp_path / "mine"
    notebook(home / "one.ipynb", "all", "my", "own")
    before = visible(home)["one.ipynb"]
    for source, name in ((first(tmp_path), "1"), (second(tmp_path), "2")):
        assert f'"one (release {name}).ipynb"' in deliver(home, source, name)[-1]
        assert visible(home)["one.ipynb"] == before
    assert read(home / "one (release 1).ipynb")[0] == "first"


def test_a_page_is_the_learners_once_changed_but_line_ends_are_no_change(home, tmp_path):
    (home / "solutions" / "page.md").write_bytes(b"words\r\n")
    (home / ".course/release/solutions/page.md").write_bytes(b"words\n")
    deliver(home, second(tmp_path), "2")
    assert (home / "solutions" / "page.md").read_text() == "new"
    (home / "solutions" / "page.md").write_text("my words")
    *_, line = deliver(home, first(tmp_path), "3")
    assert "solutions/page.md has your changes, so it stays" in line
    assert (home / "solutions" / "page.md").read_text() == "my words"
    assert (home / "solutions" / "page (release 3).md").read_text() == "words"


def test_no_name_that_is_taken_is_written_over(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    (home / "one (release 2).ipynb").write_text("mine")
    (home / "one (release 2, 2).ipynb").symlink_to(tmp_path / "nowhere")
    (home / "one (release 2, 3).ipynb").mkdir()
    before = visible(home)
    lines = deliver(home, second(tmp_path), "2")
    assert lines[-1].endswith('is "one (release 2, 4).ipynb"')
    after = visible(home)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {
        "one.ipynb", "two.ipynb", "solutions/page.md", "one (release 2, 4).ipynb",
    }  # fmt: skip
    assert not (tmp_path / "nowhere").exists()


def test_a_version_put_beside_is_there_once_and_may_be_worked_in(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    (home / "one (release 2).ipynb").write_bytes((second(tmp_path) / "one.ipynb").read_bytes())
    deliver(home, second(tmp_path), "2")
    assert not (home / "one (release 2, 2).ipynb").exists(), "the very same file is there"
    rewrite(home / "one (release 2).ipynb", answer)
    mine = (home / "one (release 2).ipynb").read_bytes()
    deliver(home, release(tmp_path / "v3", "first", "answer = 0", "last"), "2")
    assert (home / "one (release 2).ipynb").read_bytes() == mine
    assert read(home / "one (release 2, 2).ipynb") == ["first", "answer = 0", "last"]


def link(path, tmp_path):
    path.rename(tmp_path / "elsewhere.ipynb")
    path.symlink_to(tmp_path / "elsewhere.ipynb")


def folder(path, tmp_path):
    path.unlink()
    path.mkdir()


@posix
@pytest.mark.parametrize(
    "make, why",
    [
        (link, "is a link"),
        (folder, "is not a file"),
        (lambda path, _: path.chmod(0o444), "is read-only"),
        (lambda path, _: path.write_text("{ not json"), "is not the chapter that was delivered"),
        (lambda path, _: path.write_text(""), "has your changes"),
        (lambda path, _: notebook(path, "x", "y"), "is not the chapter that was delivered"),
    ],
)
def test_what_the_learner_put_in_a_chapters_place_stays(home, tmp_path, make, why):
    make(home / "one.ipynb", tmp_path)
    before = visible(home)["one.ipynb"]
    if (tmp_path / "elsewhere.ipynb").exists():
        (tmp_path / "elsewhere.ipynb").chmod(0o600)
    lines = deliver(home, second(tmp_path), "2")
    assert lines[-1] == (
        f'one.ipynb {why}, so it stays; the release\'s version is "one (release 2).ipynb"'
    )
    assert visible(home)["one.ipynb"] == before
    assert read(home / "one (release 2).ipynb")[0] == "first, better"
    if why == "is a link":
        assert read(tmp_path / "elsewhere.ipynb")[0] == "first"
    assert deliver(home, second(tmp_path), "2") == []


@posix
def test_nothing_is_written_through_a_linked_folder_or_into_a_file(home, tmp_path):
    (home / "solutions").rename(tmp_path / "far")
    (home / "solutions").symlink_to(tmp_path / "far")
    *_, line = deliver(home, second(tmp_path))
    assert line == (
        "solutions is a link, so it stays; the release's solutions/page.md is "
        ".course/release/solutions/page.md"
    )
    assert (tmp_path / "far" / "page.md").read_text() == "words"
    (home / "solutions").unlink()
    (home / "solutions").write_text("mine")
    *_, line = deliver(home, release(tmp_path / "v3", "first", page="newest"))
    assert line.startswith("solutions is a file, so it stays")
    assert (home / "solutions").read_text() == "mine"
    assert (home / ".course/release/solutions/page.md").read_text() == "newest"


@posix
def test_another_name_of_a_chapter_keeps_its_content(home, tmp_path):
    os.link(home / "one.ipynb", tmp_path / "hard.ipynb")
    deliver(home, second(tmp_path))
    assert read(tmp_path / "hard.ipynb")[0] == "first" and read(home / "one.ipynb")[0] != "first"
