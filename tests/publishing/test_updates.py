"""Wheel, sdist, and how chapters come to a learner's folder without losing the learner's work."""

import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import filelock
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course import CourseError
from course.cli import main as cli
from course.publishing import updates as delivery
from course.publishing.outputs import clean
from course.publishing.updates import deliver, undo

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="links and permissions as POSIX has them")


def notebook(path, *texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell(text, id=f"c{n}") for n, text in enumerate(texts)]
    nbformat.write(new_notebook(cells=cells), path)


def release(folder, *texts, page="words"):
    """A release of two notebooks and a page."""
    notebook(folder / "one.ipynb", *texts)
    notebook(folder / "two.ipynb", *texts)
    (folder / "solutions").mkdir(exist_ok=True)
    (folder / "solutions" / "page.md").write_text(page)
    return folder


@pytest.fixture
def home(tmp_path):
    """A learner's folder with the first release."""
    deliver(tmp_path / "mine", first(tmp_path), "1")
    return tmp_path / "mine"


def first(tmp_path):
    return release(tmp_path / "v1", "first", "answer = ...", "last")


def second(tmp_path):
    return release(tmp_path / "v2", "first, better", "answer = None", "last", "more", page="new")


def read(path):
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    return [cell.source for cell in made.cells]


def rewrite(path, change):
    made = nbformat.read(path, as_version=4)
    change(made.cells)
    nbformat.write(made, path)


def answer(cells):
    cells[1].source = "answer = 3"


def visible(folder):
    """All that is in the folder, as a learner sees it."""
    return {
        p.relative_to(folder).as_posix(): (
            os.readlink(p) if p.is_symlink() else p.read_bytes() if p.is_file() else None,
            p.lstat().st_mode,
        )
        for p in folder.rglob("*")
        if ".course" not in p.parts
    }


def litter(folder):
    return [p.name for p in folder.rglob("*.part")]


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


def test_no_name_that_is_taken_is_written_over(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    (home / "one (release 2).ipynb").write_text("mine")
    (home / "one (release 2, 2).ipynb").symlink_to(tmp_path / "nowhere")
    (home / "one (release 2, 3).ipynb").mkdir()
    before = visible(home)
    told = deliver(home, second(tmp_path), "2")
    assert told[-1].endswith('is "one (release 2, 4).ipynb"')
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
    told = deliver(home, second(tmp_path), "2")
    assert told[-1] == (
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
    *_, told = deliver(home, second(tmp_path))
    assert told == (
        "solutions is a link, so it stays; the release's solutions/page.md is "
        ".course/release/solutions/page.md"
    )
    assert (tmp_path / "far" / "page.md").read_text() == "words"
    (home / "solutions").unlink()
    (home / "solutions").write_text("mine")
    *_, told = deliver(home, release(tmp_path / "v3", "first", page="newest"))
    assert told.startswith("solutions is a file, so it stays")
    assert (home / "solutions").read_text() == "mine"
    assert (home / ".course/release/solutions/page.md").read_text() == "newest"


@posix
def test_another_name_of_a_chapter_keeps_its_content(home, tmp_path):
    os.link(home / "one.ipynb", tmp_path / "hard.ipynb")
    deliver(home, second(tmp_path))
    assert read(tmp_path / "hard.ipynb")[0] == "first" and read(home / "one.ipynb")[0] != "first"


def test_a_page_is_the_learners_once_changed_but_line_ends_are_no_change(home, tmp_path):
    (home / "solutions" / "page.md").write_bytes(b"words\r\n")
    (home / ".course/release/solutions/page.md").write_bytes(b"words\n")
    deliver(home, second(tmp_path), "2")
    assert (home / "solutions" / "page.md").read_text() == "new"
    (home / "solutions" / "page.md").write_text("my words")
    *_, told = deliver(home, first(tmp_path), "3")
    assert "solutions/page.md has your changes, so it stays" in told
    assert (home / "solutions" / "page.md").read_text() == "my words"
    assert (home / "solutions" / "page (release 3).md").read_text() == "words"


def test_own_files_that_were_there_first_stay(tmp_path):
    home = tmp_path / "mine"
    notebook(home / "one.ipynb", "all", "my", "own")
    before = visible(home)["one.ipynb"]
    for source, name in ((first(tmp_path), "1"), (second(tmp_path), "2")):
        assert f'"one (release {name}).ipynb"' in deliver(home, source, name)[-1]
        assert visible(home)["one.ipynb"] == before
    assert read(home / "one (release 1).ipynb")[0] == "first"


def test_a_deleted_or_renamed_chapter_comes_back_fresh(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    (home / "one.ipynb").rename(home / "done.ipynb")
    assert deliver(home, first(tmp_path)) == ["new: one.ipynb"]
    assert read(home / "one.ipynb")[1] == "answer = ..."
    assert read(home / "done.ipynb")[1] == "answer = 3"
    (home / "one.ipynb").unlink()
    assert deliver(home, second(tmp_path))[0] == "new: one.ipynb"
    assert read(home / "done.ipynb")[1] == "answer = 3"


def test_undo_and_undo_of_the_undo(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    (home / "two.ipynb").unlink()
    before = visible(home)
    notebook(second(tmp_path) / "three.ipynb", "three")
    deliver(home, tmp_path / "v2", "2")
    after = visible(home)
    assert undo(home) == [
        "as before: one.ipynb, solutions/page.md",
        "removed: one (release 2).ipynb, three.ipynb, two.ipynb",
    ]
    assert visible(home) == before
    deliver(home, tmp_path / "v2", "2")
    assert read(home / "one.ipynb")[0] == "first", "the release that was taken back stays away"
    assert not (home / "three.ipynb").exists()
    assert read(home / "two.ipynb") == ["first", "answer = ...", "last"], "a deleted one, fresh"
    undo(home)
    assert visible(home) == after
    assert deliver(home, tmp_path / "v2", "2") == []


def test_after_an_undo_the_next_release_is_merged_as_if_that_one_had_not_been(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    deliver(home, second(tmp_path), "2")
    undo(home)
    third = release(tmp_path / "v3", "first, best", "answer = ...", "last", page="words")
    told = ["updated around your changes: one.ipynb", "updated: two.ipynb"]
    assert deliver(home, third, "3") == told
    assert read(home / "one.ipynb") == ["first, best", "answer = 3", "last"]


def test_undo_loses_no_later_work(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    before = visible(home)
    deliver(home, second(tmp_path), "2")
    for name in ("one.ipynb", "one (release 2).ipynb"):
        rewrite(home / name, lambda cells: cells.append(new_code_cell("later")))
    (home / "two.ipynb").chmod(0o444)
    (home / "solutions" / "page.md").unlink()
    later = visible(home)
    told = undo(home)
    now = visible(home)
    assert now["one.ipynb"] == before["one.ipynb"]
    assert now["solutions/page.md"] == before["solutions/page.md"]
    assert now["one (before undo).ipynb"] == later["one.ipynb"]
    assert 'one.ipynb: your later changes are in "one (before undo).ipynb"' in told
    for name, why in (("one (release 2).ipynb", "has your changes"), ("two.ipynb", "is read-only")):
        assert now[name] == later[name] and f"{name} stays as it is: {why}" in told
    undo(home)
    assert visible(home)["one.ipynb"] == later["one.ipynb"]


def test_nothing_to_undo_is_said(home, tmp_path):
    for folder, why in ((home, "no update"), (tmp_path / "none", "no chapters yet")):
        before = visible(folder)
        with pytest.raises(CourseError, match=why):
            undo(folder)
        assert visible(folder) == before
    assert not (tmp_path / "none").exists()


def test_to_bring_back_one_chapter_leaves_the_update_to_undo(home, tmp_path):
    before = visible(home)
    deliver(home, second(tmp_path))
    (home / "two.ipynb").unlink()
    deliver(home, second(tmp_path))
    undo(home)
    assert visible(home) == before


PROGRAM = """
import os, shutil, signal, sys
from pathlib import Path
from course.publishing.updates import deliver, undo

place, what = Path(sys.argv[1]), sys.argv[2]

def work(home):
    return undo(home) if what == "undo" else deliver(home, place / "v2", "2")

def kill_at(moment):
    def watch(event, args):
        nonlocal moment
        writes = event == "open" and isinstance(args[2], int) and args[2] & 3
        if writes or event in ("os.rename", "os.remove", "os.mkdir"):
            moment -= 1
            if moment < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)

moment, status = 0, -1
while status:
    home = place / f"killed {moment}"
    shutil.copytree(place / "mine", home)
    child = os.fork()
    if not child:
        kill_at(moment)
        work(home)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    moment += 1
"""


@posix
@pytest.mark.parametrize("what", ["update", "undo"])
def test_killed_at_any_moment_each_file_is_whole_and_the_next_start_ends_it(home, tmp_path, what):
    rewrite(home / "one.ipynb", answer)
    source = second(tmp_path)
    notebook(source / "three.ipynb", "three")
    if what == "undo":
        deliver(home, source, "2")
    before = visible(home)
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path), what], check=True)
    *killed, whole = sorted(tmp_path.glob("killed *"), key=lambda p: int(p.name.split()[1]))
    after = visible(whole)
    assert after != before and len(killed) > 20
    begun = 0
    for folder in killed:
        state = visible(folder)
        for name, found in state.items():
            assert found in (before.get(name), after.get(name)) or name.endswith(".part"), name
        begun += state not in (before, after)
        record = (folder / ".course" / "update.zip").exists()
        deliver(folder, source, "2")
        if record or what == "update":
            assert visible(folder) == after, folder.name
            undo(folder)
            assert visible(folder) == before, folder.name
        else:
            assert visible(folder) in (before, after), folder.name
        assert litter(folder) == []
    assert begun > 3


FULL = """
import resource, signal, sys
from pathlib import Path
from course import CourseError
from course.publishing.updates import deliver
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, 10**5))
for source in sys.argv[2:]:
    try:
        deliver(Path(sys.argv[1]), Path(source))
    except CourseError as error:
        print(error)
"""


@posix
def test_a_full_disk_leaves_all_as_it_was(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    before = visible(home)
    sources = second(tmp_path), release(tmp_path / "v3", "first, best")
    notebook(sources[0] / "two.ipynb", "x" * 10**6)  # there is room for the record, not for this
    notebook(sources[1] / "two.ipynb", os.urandom(10**5).hex())  # not even for the record
    command = [sys.executable, "-c", FULL, str(home), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    assert len(told) == 2
    assert all("File too large" in line and "course lab FOLDER" in line for line in told)
    assert visible(home) == before and litter(home) == []
    assert any(line.startswith("updated: ") for line in deliver(home, sources[0])), "with room"


def test_an_error_between_two_files_takes_back_the_first(home, tmp_path, monkeypatch):
    rewrite(home / "one.ipynb", answer)
    before = visible(home)
    source, replace, failed = second(tmp_path), os.replace, 0
    for number in range(20):
        calls = iter(range(100))

        def failing(*paths, calls=calls, number=number):
            if next(calls) == number:
                raise PermissionError("denied")
            replace(*paths)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", failing)
            try:
                deliver(home, source)
                break
            except CourseError as error:
                assert "denied" in str(error)
        failed += 1
        assert visible(home) == before and litter(home) == []
        assert not (home / ".course" / "update.zip").exists()
    assert failed > 5 and visible(home) != before


def test_what_is_saved_during_the_update_stays(home, tmp_path, monkeypatch):
    save = delivery._save

    def saves(*given):
        save(*given)
        rewrite(home / "one.ipynb", answer)  # JupyterLab saves by itself

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_save", saves)
        told = deliver(home, second(tmp_path), "2")
    assert told[-1] == "one.ipynb changed just now: start again to update it"
    assert read(home / "one.ipynb") == ["first", "answer = 3", "last"]
    deliver(home, second(tmp_path), "2")
    assert read(home / "one.ipynb") == ["first, better", "answer = 3", "last", "more"]


def test_a_second_course_lab_waits_and_says_so(home, tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "WAIT", 0.1)
    before = visible(home)
    with filelock.FileLock(home / ".course" / "lock"):
        for work in (lambda: deliver(home, second(tmp_path)), lambda: undo(home)):
            with pytest.raises(CourseError, match="another `course lab` is updating"):
                work()
    assert visible(home) == before
    deliver(home, second(tmp_path))
    assert visible(home) != before


def test_a_damaged_record_of_the_course_costs_no_work(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    hidden = home / ".course"
    for name in ("update.zip", "undo.zip"):
        (hidden / name).write_bytes(b"PK\x03\x04 damaged")
    (hidden / "release" / "one.ipynb").write_bytes(b"\0")
    with pytest.raises(CourseError, match="no update"):
        undo(home)
    mine = (home / "one.ipynb").read_bytes()
    assert "is not the chapter" in deliver(home, second(tmp_path), "2")[-1]
    assert (home / "one.ipynb").read_bytes() == mine
    assert read(home / "one (release 2).ipynb")[0] == "first, better"
    for path in sorted(hidden.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    hidden.rmdir()
    assert "one.ipynb has your changes" in deliver(home, first(tmp_path), "3")[0]
    assert (home / "one.ipynb").read_bytes() == mine


@pytest.mark.parametrize("name", ["../out.md", "/out.md"])
def test_a_foreign_record_reaches_nothing_outside_the_folder(home, tmp_path, name):
    with zipfile.ZipFile(home / ".course" / "update.zip", "w") as archive:
        archive.writestr(f"after/{name}".replace("//", f"/{tmp_path}/"), "out")
    deliver(home, first(tmp_path))
    assert not (tmp_path / "out.md").exists()


@posix
def test_a_hidden_folder_that_is_none_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".course").symlink_to(tmp_path / "far")
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / ".course").write_text("mine")
    for name in ("linked", "file"):
        with pytest.raises(CourseError, match="move it away"):
            deliver(tmp_path / name, first(tmp_path))
    assert [*(tmp_path / "far").iterdir()] == []


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CourseError, match="course lab FOLDER"):
        deliver(tmp_path / "taken", first(tmp_path))


def test_a_cell_keeps_its_id_when_an_author_puts_one_before_it():
    made = new_notebook(cells=[new_code_cell(text, id=f"cell-{n}") for n, text in enumerate("abc")])
    made.cells.insert(1, new_code_cell("new"))
    made.cells.insert(2, nbformat.from_dict(made.cells[2]))  # a copy, id and all
    made.cells[1].id = "not valid!"
    clean(made)
    named = [(cell.source, cell.id) for cell in made.cells]
    assert named == [
        ("a", "cell-0"), ("new", "cell-3"), ("b", "cell-1"), ("b", "cell-4"), ("c", "cell-2"),
    ]  # fmt: skip
    clean(made)
    assert [(cell.source, cell.id) for cell in made.cells] == named
    made.cells[0].metadata.tags = ["injected-parameters"]  # papermill makes up another id each time
    made.cells[0].id = "by-chance"
    clean(made)
    assert made.cells[0].id == "cell-0"


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
    assert {
        "widgets/common/canvas.js",
        "widgets/common/canvas.css",
        "course/lessons/claims.toml",
    } <= set(inside)
    assert "course/cli/jupyter/labconfig/default_setting_overrides.json" in inside
    assert not [name for name in inside if "tests" in name or ".failed" in name]
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"notebooks/{name}" for name in chapters} <= packed
    assert {"widgets/common/canvas.js", "binder/constraints.txt", "pyproject.toml"} <= packed


def test_course_lab_from_a_wheel_copies_the_chapters_and_opens_them(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    site, home = tmp_path / "site", tmp_path / "home"
    zipfile.ZipFile(wheel).extractall(site)
    environment = os.environ | {
        "PYTHONPATH": str(site), "HOME": str(home), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }  # fmt: skip
    command = [sys.executable, "-m", "course.cli.main", "lab", "--no-browser"]
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
            if re.search(
                r"http://127\.0\.0\.1:\d+/doc/workspaces/[\w-]+/tree/00_start_here\.ipynb", line
            ):
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


def test_a_clone_opens_the_learners_own_copy_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "OWN", tmp_path / "own")
    assert cli.lab_folder(None) == tmp_path / "own"
    assert capsys.readouterr().out.startswith(f"Chapters are in {tmp_path / 'own'}\n  new: ")
    assert (tmp_path / "own" / "00_start_here.ipynb").exists()
    assert cli.lab_folder(None) == tmp_path / "own" and capsys.readouterr().out == ""
    assert cli.lab_folder(tmp_path / "other") == tmp_path / "other"


def test_here_is_the_clone_itself(tmp_path, monkeypatch):
    assert cli.lab_folder(None, here=True) == ROOT / "notebooks"
    with pytest.raises(CourseError, match="--here takes no FOLDER"):
        cli.lab_folder(tmp_path, here=True)
    with pytest.raises(CourseError, match="course lab --here"):
        cli.lab_folder(ROOT / "notebooks")
    monkeypatch.setattr(cli, "CLONED", tmp_path / "none")
    with pytest.raises(CourseError, match="needs a clone.*`course lab` without it"):
        cli.lab_folder(None, here=True)


def test_an_update_says_how_it_is_taken_back(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "CLONED", second(tmp_path))
    before = visible(home)
    cli.lab_folder(home)
    assert f"`course lab {home} --undo` puts every file back" in capsys.readouterr().out
    assert cli.main(["lab", str(home), "--undo"]) == 0
    assert visible(home) == before and "as before: " in capsys.readouterr().out
    assert cli.main(["lab", str(tmp_path / "none"), "--undo"]) == 2
