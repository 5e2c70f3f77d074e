"""`course regenerate` gives the same bytes twice and overwrites nothing that someone wrote."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from publishing_helpers import PLOT, files, run, status

MIXED = """
import sys
for i in range(30):
    print(i, flush=True)
    print(-i, file=sys.stderr, flush=True)
"""
WIDGET = "import ipywidgets; ipywidgets.IntSlider(seed)"


def test_twice_gives_the_same_bytes(make, tmp_path, capsys):
    path = make("good", "seed = 3", "print(seed * 7)", MIXED, PLOT, WIDGET)
    make("more/other", "1 + 1")
    assert run("--jobs", 2) == 0
    first = files(tmp_path / "notebooks")
    assert b"21" in first[path] and b"papermill" not in first[path] and b"image/png" in first[path]
    assert run("--jobs", 1) == 0
    assert files(tmp_path / "notebooks") == first
    out = capsys.readouterr().out
    assert status(out, "good") == status(out, "more/other") == "ok"


def test_other_parameters_leave_the_original_alone(make, tmp_path):
    path = make("good", "seed = 3\nrate = 0.1\ndata = 'moons'", "print(seed * 7, rate, data)")
    before = path.read_bytes()
    parameters = ["-p", "seed", "5", "-p", "rate", "1e-3", "-p", "data", "digits"]
    assert run("good", *parameters) == 0
    assert path.read_bytes() == before
    assert "35 0.001 digits" in (tmp_path / "regenerated" / "good.ipynb").read_text()
    assert run("good", "-p", "seed", "2", "--output-dir", "apart") == 0
    assert path.read_bytes() == before
    assert "14 0.1 moons" in (tmp_path / "apart" / "good.ipynb").read_text()


def test_cells_run_in_the_folder_of_their_notebook(make):
    path = make("deep/here", "import os; print(os.getcwd())")
    assert run("deep/here") == 0
    assert str(path.parent) in path.read_text()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nonesuch"], "nonesuch"),
        (["good", "-p", "sede", "1"], "sede"),
        (["--jobs", "0"], "--jobs"),
        (["--timeout", "0"], "--timeout"),
        (["--check", "--html"], "--check"),
        (["broken"], "broken.ipynb is not a readable notebook"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(make, tmp_path, capsys, arguments, message):
    path = make("good", "seed = 3")
    (path.parent / "broken.ipynb").write_text("{")
    before = files(tmp_path)
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
    assert files(tmp_path) == before


def test_check_says_whether_the_outputs_hold_and_writes_nothing(make, tmp_path, capsys):
    make("good", "seed = 3", "print(seed * 7)", PLOT)
    make("timed", "seed = 3", "import time; print(time.perf_counter())", tags=["volatile"])
    make("random", "seed = 3", "import os; print(os.urandom(4).hex())")
    make("wrong", "seed = 3", "print(1)\nprint(seed)")
    make("picture", "seed = 3", PLOT)
    assert run() == 0
    for name, old, new in [("wrong", '"3\\n"', '"4\\n"'), ("picture", "iVBORw0K", "iVBORw1K")]:
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    make("never", "seed = 3")
    before = files(tmp_path)
    capsys.readouterr()
    assert run("--check") == 1
    out = capsys.readouterr().out
    assert files(tmp_path) == before
    statuses = {n: status(out, n) for n in ("good", "timed", "random", "wrong", "picture", "never")}
    assert statuses == {
        "good": "holds", "timed": "holds", "random": "DIFFERS", "wrong": "DIFFERS",
        "picture": "DIFFERS", "never": "DIFFERS",
    }  # fmt: skip
    assert "wrong.ipynb: cell 2 (`print(1)`): stdout, line 2, was '4', now '3'" in out
    assert "another picture" in out and "never run" in out
    assert run("good", "timed", "--check") == 0


def test_check_tells_a_failing_volatile_cell(make, tmp_path, capsys):
    make("timed", "1", "1 / 0", tags=["volatile"])
    before = files(tmp_path)
    assert run("--check") == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert files(tmp_path) == before


def test_a_full_disk_is_told_and_the_old_output_stays(make, monkeypatch, capsys):
    path = make("good", "seed = 3", "print(seed)")
    before = files(path.parent)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert run("good") == 1
    captured = capsys.readouterr()
    assert "good.ipynb" in captured.out and "No space left on device" in captured.out
    assert "summary could not be written" in captured.err
    assert files(path.parent) == before  # no half-written file either
    assert run("good") == 0


def test_a_file_that_may_not_grow_is_told_and_the_old_output_stays(make):
    path = make("good", "seed = 3", "print('x' * 200_000)")
    before = files(path.parent)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [sys.executable, "-m", "course.cli.main", "regenerate", str(path)]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "good.ipynb" in done.stdout and "File too large" in done.stdout
    assert "1 of 1 notebooks" in done.stderr and "left: good FAILED" in done.stderr
    assert files(path.parent) == before


def start(path, *arguments):
    """The command as a process of its own, once the notebook's cell has begun."""
    command = [sys.executable, "-m", "course.cli.main", "regenerate", str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pid_file, end = path.with_suffix(".pid"), time.monotonic() + 60
    while not pid_file.exists() or not pid_file.read_text():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    return process, int(pid_file.read_text())


SLOW = """
import os, pathlib, time
pathlib.Path("slow.pid").write_text(str(os.getpid()))
time.sleep(wait)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_killed_half_way_leaves_all_as_it_was(make, number):
    path = make("slow", "wait = 60", SLOW)
    before = path.read_bytes()
    process, kernel = start(path)
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        assert (
            sys.platform != "linux"
            or "course.publishing.forkserver" in psutil.Process(kernel).cmdline()
        )
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive and not psutil.pid_exists(kernel)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert "Stopped" in err and status(out, "slow") == "stopped"
    assert path.read_bytes() == before
    path.write_text(path.read_text().replace("wait = 60", "wait = 0"))
    assert run("slow", "--resume") == 0
    assert {p.suffix for p in path.parent.iterdir()} == {".ipynb", ".pid"}


EDIT = """
import pathlib, time
pathlib.Path("slow.pid").write_text("1")
while not pathlib.Path("edited").exists():
    time.sleep(0.05)
print("fresh")
"""


@pytest.mark.parametrize("where", ["source", "outputs"])
def test_a_notebook_edited_while_it_runs_is_left_alone(make, capsys, where):
    path = make("slow", "wait = 0", EDIT)
    edited = path.read_text().replace("# Title" if where == "source" else '"outputs": []', "# Mine")

    def edit():
        end = time.monotonic() + 60
        while not path.with_suffix(".pid").exists() and time.monotonic() < end:
            time.sleep(0.05)
        path.write_text(edited)
        (path.parent / "edited").touch()

    with ThreadPoolExecutor() as pool:
        pool.submit(edit)
        assert run("slow") == 1
    assert path.read_text() == edited
    assert "edited while it ran" in capsys.readouterr().out
    assert [p.name for p in path.parent.glob("*.ipynb")] == ["slow.ipynb"]


def test_work_in_the_output_folder_is_left_alone(make, tmp_path, capsys):
    make("good", "seed = 3", "print(seed)")
    out = tmp_path / "out"
    assert run("good", "--output-dir", out, "-p", "seed", "4") == 0
    assert run("good", "--output-dir", out, "-p", "seed", "5") == 0  # over its own outputs
    noted = (out / "good.ipynb").read_text().replace("# Title", "# My notes")
    (out / "good.ipynb").write_text(noted)
    assert run("good", "--output-dir", out) == 2
    assert (out / "good.ipynb").read_text() == noted
    assert "choose another --output-dir" in capsys.readouterr().err
    (out / "good.ipynb").write_text("not a notebook")
    assert run("good", "--output-dir", out) == 2
