"""A command is followed: its lines, its end, its environment; and a launch without processes."""

import os
import queue
import sys
import threading
from pathlib import Path

import pytest
import torch

from course import MLP, CourseError, Descend, Trainer, chain, load_data
from course.parallel.__main__ import main
from course.parallel.job import Job
from course.parallel.launch import check_world, follow, last_words, launch, shown_lines

ROOT = Path(__file__).parents[2]
launch_module = sys.modules[launch.__module__]  # its package has a function of that name


def python(code: str) -> list[str]:
    """Return the command that runs code in a Python that begins quickly."""
    return [sys.executable, "-S", "-c", "import os, sys, time\n" + code]


def test_lines_are_printed_as_they_come_and_the_end_is_awaited(capsys):
    follow(python("print('one')\nprint('zwei ä', file=sys.stderr)\nprint('three', end='')"), 60)
    assert sorted(capsys.readouterr().out.splitlines()) == ["one", "three", "zwei ä"]


def test_bytes_that_are_no_letters_are_replaced(capsys):
    follow(python(r"os.write(1, b'a\xffb\n')"), 60)
    assert capsys.readouterr().out == "a\N{REPLACEMENT CHARACTER}b\n"


def test_the_command_has_a_session_one_thread_and_this_course(capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    names = "OMP_NUM_THREADS", "PYTHONUNBUFFERED", "PYTHONPATH"
    found = f"print(os.getsid(0) == os.getpid(), *map(os.environ.get, {names}), sep='\\n')"
    say = python(found)
    follow(say, 60)
    paths = f"{ROOT}{os.pathsep}/elsewhere"
    assert capsys.readouterr().out.splitlines() == ["True", "1", "1", paths]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("PYTHONPATH")
    follow(say, 60)
    assert capsys.readouterr().out.splitlines() == ["True", "3", "1", str(ROOT)]


def test_a_failure_has_the_words_of_a_rank_or_the_last_eight_lines():
    with pytest.raises(CourseError, match="^too hot$"):
        follow(python("print('x course.parallel: too hot\\nother'); sys.exit(2)"), 60)
    lines = [f"line {i}" for i in range(20)]
    assert last_words([*lines, "", " "]) == "a process failed; the last lines: \n" + "\n".join(
        lines[12:]
    )
    said = ["course.parallel: first", "course.parallel: last", "end"]
    assert last_words(said) == "last" and last_words([]).endswith("the last lines: none")
    assert shown_lines(["x" * 300]) == "\n" + "x" * 200


def test_what_takes_too_long_is_stopped_and_leaves_no_thread():
    before = threading.active_count()
    with pytest.raises(CourseError, match="more than 0.3 seconds and was stopped; raise timeout"):
        follow(python("sys.stdin.read()"), 0.3)
    assert threading.active_count() == before


def test_an_interrupt_ends_the_command(monkeypatch):
    before = threading.enumerate()

    def interrupted(*args):
        new = [thread for thread in threading.enumerate() if thread not in before]
        assert all(thread.daemon for thread in new)  # else one that hangs would keep the kernel
        raise KeyboardInterrupt

    monkeypatch.setattr(launch_module, "_print_lines", interrupted)
    with pytest.raises(KeyboardInterrupt):
        follow(python("sys.stdin.read()"), 60)
    assert threading.active_count() == len(before)


def test_one_that_does_not_listen_is_told_harder_each_time(monkeypatch):
    """First its input closes, then it is asked, then it is killed."""
    monkeypatch.setattr(launch_module, "PATIENCE", 0.2)
    code = """import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True: time.sleep(1)"""
    with pytest.raises(CourseError, match="was stopped"):
        follow(python(code), 0.3)


def test_a_stream_ends_with_none():
    waiting: queue.Queue = queue.Queue()
    read, write = os.pipe()
    os.write(write, b"a\n\nb")
    os.close(write)
    stream = os.fdopen(read)
    launch_module._read(stream, waiting)
    assert list(waiting.queue) == ["a", "", "b", None] and stream.closed


# ---- a launch, its processes replaced by ranks in turn ------------------------------------------


@pytest.fixture
def in_turn(monkeypatch):
    """Run the command of a launch in this process; return the list of its words and time limits."""
    seen: list = []

    def follow_here(words, timeout):
        seen.append((words, timeout))
        at = words.index("course.parallel")
        ranks = next(w.partition("=")[2] for w in words if w.startswith("--nproc-per-node="))
        own = [word for word in words[at + 1 :] if word != "--until-stdin-closes"]
        assert main([*own, "--ranks", ranks]) == 0

    monkeypatch.setattr(launch_module, "follow", follow_here)
    return seen


def trainer() -> Trainer:
    made = Trainer(
        MLP([2, 4, 3, 2], dtype=torch.float64), load_data("moons"), chain(Descend(0.1)), 8
    )
    for _ in range(4):
        made.step()
    return made


def test_a_launch_gives_its_command_all_that_it_was_asked(in_turn, tmp_path):
    recipe = trainer().recipe()
    found = launch(recipe, "pipeline", 3, steps=2, micro_batches=2, schedule="gpipe", timeout=7)
    assert (found.world_size, found.strategy, len(found.losses)) == (3, "pipeline", 2)
    assert found.options == {"micro_batches": 2, "schedule": "gpipe"}
    (words, timeout), = in_turn  # fmt: skip
    assert words[0] == sys.executable and timeout == 7 and "--until-stdin-closes" in words
    assert not Path(words[words.index("--out") + 1]).exists()  # nobody asked for a folder
    kept = launch(recipe, out=tmp_path / "kept")
    assert (kept.world_size, kept.strategy, len(kept.losses)) == (2, "data", 4)
    torch.testing.assert_close(kept.theta, trainer().model.theta, rtol=0, atol=1e-12)
    assert {p.name for p in (tmp_path / "kept").iterdir()} == {"result.json", "theta.pt"}
    assert in_turn[1][1] == 600


@pytest.mark.parametrize(
    ("options", "words"),
    [({"processes": 65}, "processes = 65 is out of range"),
     ({"processes": 0}, "processes = 0"), ({"timeout": 0.5}, "timeout = 0.5 is out of range"),
     ({"timeout": 10**7 + 1}, "timeout = 10000001"), ({"out": 3}, "out = 3 is no path; take the"),
     ({"strategy": "tensor", "processes": 5}, r"Linear\(4\) cannot be shared by 5 ranks"),
     ({"engine": "torch", "strategy": "tensor", "processes": 5}, r"Linear\(4\) cannot be shared")],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_the_command_starts(in_turn, options, words):
    with pytest.raises(CourseError, match=words):
        launch(trainer().recipe(), **options)
    assert not in_turn


def test_as_many_gpus_as_processes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    job = Job(trainer().recipe(), engine="torch", device="cuda", steps=1)
    check_world(job, 2)
    with pytest.raises(CourseError, match="3 processes need a GPU each, and this machine has 2"):
        check_world(job, 3)
