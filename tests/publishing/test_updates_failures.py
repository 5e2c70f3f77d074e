"""An update that is killed, fails or meets another one loses nothing."""

import os
import subprocess
import sys
import zipfile

import filelock
import pytest
from publishing_helpers import (
    answer,
    first,
    litter,
    notebook,
    posix,
    read,
    release,
    rewrite,
    second,
    visible,
)

from course.errors import CourseError
from course.publishing import updates
from course.publishing.updates import deliver, undo

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
    half_updated = 0
    for folder in killed:
        state = visible(folder)
        for name, content in state.items():
            assert content in (before.get(name), after.get(name)) or name.endswith(".part"), name
        half_updated += state not in (before, after)
        record = (folder / ".course" / "update.zip").exists()
        deliver(folder, source, "2")
        if record or what == "update":
            assert visible(folder) == after, folder.name
            undo(folder)
            assert visible(folder) == before, folder.name
        else:
            assert visible(folder) in (before, after), folder.name
        assert litter(folder) == []
    assert half_updated > 3


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
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("File too large" in line and "course lab FOLDER" in line for line in lines)
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
    save = updates._save

    def saves(*arguments):
        save(*arguments)
        rewrite(home / "one.ipynb", answer)  # JupyterLab saves by itself

    with monkeypatch.context() as patch:
        patch.setattr(updates, "_save", saves)
        lines = deliver(home, second(tmp_path), "2")
    assert lines[-1] == "one.ipynb changed just now: start again to update it"
    assert read(home / "one.ipynb") == ["first", "answer = 3", "last"]
    deliver(home, second(tmp_path), "2")
    assert read(home / "one.ipynb") == ["first, better", "answer = 3", "last", "more"]


def test_a_second_course_lab_waits_and_says_so(home, tmp_path, monkeypatch):
    monkeypatch.setattr(updates, "WAIT", 0.1)
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
