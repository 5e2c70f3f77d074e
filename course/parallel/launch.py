"""Start a run over processes from a notebook, and follow it.

    result = launch(trainer.recipe(), "data", processes=2)

Functions of a notebook cannot be sent to other processes, so these start from a module and have the
recipe alone. They talk over the loopback of this machine, by ports that are free.
"""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import torch

from ..errors import CourseError, check_count, check_number, shown
from ..training.recipe import Recipe, load_recipe
from .engines import check_standard
from .in_turn import InTurn
from .job import Job, check_job, option_words
from .on_rank import build
from .results import RunResult

MOST_PROCESSES = 64
LAST = 8  # lines of the output that an error shows
PATIENCE = 15  # seconds for processes to end by themselves


def launch(
    recipe: Recipe | dict | str | Path, strategy: str = "data", processes: int = 2, *,
    steps: int | None = None, engine: str = "ours", device: str = "cpu",
    out: str | Path | None = None, timeout: float = 600.0, **options,
) -> RunResult:  # fmt: skip
    """Do a recipe's run over processes of this machine; print what they print; return the result.

    They end with this process, and when the cell is interrupted.

    Args:
        recipe: as `load_recipe` takes it.
        strategy, options: see `make_strategy`, as buckets=2.
        processes: how many, 1 to 64.
        steps: stop after so many; None: those of the recipe.
        engine: 'ours', or 'torch' for PyTorch's own.
        device: 'cpu', or 'cuda' with a GPU for each process.
        out: a folder that keeps the result; None: none does.
        timeout: seconds after which the run is given up.

    Raises:
        CourseError: before any process starts, for what cannot be run, and where none can be
            started; later, when a process fails or time is up, with the last lines of the output.
    """
    processes = check_count("processes", processes, 1, MOST_PROCESSES, "of this machine")
    timeout = check_number("timeout", timeout, 1, 10**7, "seconds")
    with tempfile.TemporaryDirectory() as folder:
        if not isinstance(out, str | Path | None):
            raise CourseError(f"out = {shown(out)} is no path; take the name of a folder")
        place = Path(folder if out is None else out).absolute()
        job = check_job(Job(load_recipe(recipe), strategy, options, place, steps, engine, device))
        check_world(job, processes)
        file = Path(folder, "recipe.json")
        job.recipe.save(file)
        follow(command(job, file, processes), timeout)
        return RunResult.load(place)


def check_world(job: Job, processes: int) -> None:
    """Raise `CourseError` for what so many processes cannot do: build all ranks in this one."""
    gpus = torch.cuda.device_count() if job.device == "cuda" else processes
    if gpus < processes:
        raise CourseError(
            f"{processes} processes need a GPU each, and this machine has {gpus}; take fewer, or "
            "'cpu'"
        )
    if job.engine == "ours":
        InTurn(processes).run(build, job)
    else:
        check_standard(job, processes)


def command(job: Job, recipe: Path, processes: int) -> list[str]:
    """Return the command line that does a job over processes of this machine."""
    return [
        sys.executable, "-u", "-m", "torch.distributed.run", "--nnodes=1",
        f"--nproc-per-node={processes}", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0",
        "--local-addr=127.0.0.1", "-m", "course.parallel", "run", str(recipe),
        "--out", str(job.out), "--strategy", job.strategy, "--steps", str(job.steps),
        "--engine", job.engine, "--device", job.device, "--until-stdin-closes",
        *option_words(job.options),
    ]  # fmt: skip


def follow(words: list[str], timeout: float) -> None:
    """Run a command and print its lines as they come; it ends with this process.

    Raises:
        CourseError: when it cannot be started, fails, or takes longer than `timeout` seconds.
    """
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | os.environ
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",  # with an encoding, the pipes are text
            env=environment,
            start_new_session=True,  # an interrupt of this process is passed on by `stop` alone
        )
    except OSError as error:
        raise CourseError(
            f"no process can be started here ({error}); take ranks in turn: InTurn(2).run(…)"
        ) from error
    lines: list[str] = []
    waiting: queue.Queue = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, waiting), daemon=True)
    reader.start()
    try:
        in_time = _print_lines(process, waiting, lines, time.monotonic() + timeout)
    finally:
        stop(process)
        reader.join(PATIENCE)
    if not in_time:
        raise CourseError(f"the run took more than {timeout:g} seconds and was stopped; raise "
                          f"timeout, or take fewer steps. {last_words(lines)}")  # fmt: skip
    if process.returncode:
        raise CourseError(last_words(lines))


def _read(stream, waiting: queue.Queue) -> None:
    """Put the lines of a stream into a queue, and None at its end."""
    with stream:
        for line in stream:
            waiting.put(line.rstrip("\n"))
    waiting.put(None)


def _print_lines(process, waiting: queue.Queue, lines: list[str], end: float) -> bool:
    """Print and collect the output; return whether the process ended before the time `end`."""
    while time.monotonic() < end:
        with suppress(queue.Empty):
            line = waiting.get(timeout=0.2)  # with an end: an interrupt arrives
            if line is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.1, end - time.monotonic()))
                return process.returncode is not None
            lines.append(line)
            print(line, flush=True)
    return False


def stop(process: subprocess.Popen) -> None:
    """Let the processes end: first their standard input closes, which ends the ranks."""
    assert process.stdin is not None
    process.stdin.close()
    for signal_ in (None, signal.SIGTERM, signal.SIGKILL):
        if signal_ is not None:
            process.send_signal(signal_)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            break


def last_words(lines: list[str]) -> str:
    """Return why a run failed: what a rank said, else the last lines of the output."""
    for line in reversed(lines):
        _, found, said = line.partition("course.parallel: ")
        if found:
            return said
    end = [line for line in lines if line.strip()][-LAST:]
    return f"a process failed; the last lines: {shown_lines(end)}"


def shown_lines(lines: list[str]) -> str:
    """Return lines of output for a message."""
    return "none" if not lines else "\n" + "\n".join(line[:200] for line in lines)
