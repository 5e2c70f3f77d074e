"""Runs started from a notebook: followed, refused early, and ended with whoever started them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from runs import alone, gap, outcome, recipe_of

from course import CourseError
from course.parallel import launch
from course.parallel.launch import follow

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def recipe():
    return recipe_of()


def test_a_run_is_started_followed_and_returned(recipe, tmp_path, capsys):
    result = launch(recipe, "pipeline", processes=2, micro_batches=4, out=tmp_path, timeout=200)
    one = alone(recipe)
    assert gap(outcome(tmp_path), one) < 1e-12
    assert (result.theta - one["theta"]).abs().max() < 1e-12
    assert result.world_size == 2 and result.options == {"micro_batches": 4}
    assert len(result.seconds) == len(result.losses) and min(result.seconds) > 0
    assert "24 steps on 2 ranks, test loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"processes": 0}, "processes = 0 is out of range"),
        ({"strategy": "both"}, "strategy = 'both' is unknown"),
        ({"chunks": 2}, "unexpected keyword argument 'chunks'"),
        ({"engine": "torch"}, "dropout"),  # the recipe has some
        ({"engine": "torch", "buckets": 2}, "unexpected keyword argument 'buckets'"),
        ({"strategy": "data_tensor", "processes": 3, "tensor": 2}, "rows of 2"),
        ({"strategy": "pipeline", "micro_batches": 5}, "cannot be cut into 5 equal"),
        ({"strategy": "pipeline", "processes": 5, "micro_batches": 6}, "cut into 5 stages"),
        ({"out": "/proc/none"}, "cannot be written to"),
        ({"timeout": 0}, "timeout = 0 is out of range"),
    ],
)
def test_what_cannot_run_is_refused_before_any_process_starts(recipe, monkeypatch, options, said):
    def started(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(CourseError, match=said):
        launch(recipe, **options)


def test_where_no_process_can_be_started_it_says_so(recipe, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("emscripten does not support processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(CourseError, match=r"no process can be started here \(ems.*InTurn\(2\)"):
        launch(recipe)


def program(code: str) -> list[str]:
    return [sys.executable, "-c", "import os, sys, time\n" + code]


def test_why_a_process_failed_is_told_by_its_words_or_its_last_lines(capsys):
    with pytest.raises(CourseError, match="^it is too hot$"):
        follow(program("print('course.parallel: it is too hot'); sys.exit(2)"), 60)
    with pytest.raises(CourseError, match="(?s)the last lines: .*line 99"):
        follow(program("[print('line', i) for i in range(100)]; sys.exit(1)"), 60)
    assert "line 0\n" in capsys.readouterr().out


def test_what_takes_too_long_is_stopped():
    begin = time.monotonic()
    with pytest.raises(CourseError, match="more than 2 seconds .*last lines: \nbegun"):
        follow(program("print('begun')\nsys.stdin.read()"), 2)
    assert time.monotonic() - begin < 60


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and is not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    end = time.monotonic() + 60
    while any(map(is_running, pids)):
        assert time.monotonic() < end, pids
        time.sleep(0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", ["interrupt", "kill"])
def test_the_processes_end_with_the_kernel(recipe, tmp_path, how):
    recipe.save(tmp_path / "run.json")
    code = f"""
from course.parallel import launch
launch({str(tmp_path / "run.json")!r}, "data", out={str(tmp_path / "out")!r}, steps=10**6)
"""
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    kernel = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    guard = threading.Timer(120, kernel.kill)
    guard.start()
    try:
        ranks = []
        assert kernel.stdout is not None
        for line in kernel.stdout:
            if line.startswith("data, ranks: 2"):
                break
        ranks = descendants(kernel.pid)
        assert len(ranks) == 3, "torchrun and two ranks"
        kernel.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
        _, errors = kernel.communicate(timeout=100)
        assert how == "kill" or "KeyboardInterrupt" in errors
        wait_until_gone(ranks)
    finally:
        guard.cancel()
        kernel.kill()
        kernel.wait()


def descendants(pid: int) -> list[int]:
    """Return the processes that one has started, and those that they have."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in children for found in (int(child), *descendants(int(child)))]
