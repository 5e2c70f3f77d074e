"""A lab that is gone leaves no thread, and the interpreter ends cleanly whatever the labs do."""

import gc
import subprocess
import sys

import pytest
from test_runner import Work, wait
from test_runner_faults import Hanging

from widgets.common import runner, watch


@pytest.mark.parametrize("speed", [None, 30, 0.01])
def test_dropped_labs_leave_no_thread(speed):
    works = [Work(speed=speed) for _ in range(20)]
    for work in works:
        work.runner.start()
    wait(lambda: all(work.steps for work in works))
    threads = [work.runner.thread for work in works]
    works.clear()
    del work
    gc.collect()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


EXIT = """
import sys, time, threading, torch
from torch import nn
from course import Descend, Trainer, adopt, chain, load_data
from widgets import DescentLab, TrainingLab
class Endless(nn.Linear):
    def forward(self, x):
        if threading.current_thread() is not threading.main_thread():
            print("hangs", flush=True)
            {hang}
        return super().forward(x)
trainer = Trainer(adopt(Endless(2, 2)), load_data("moons"), chain(Descend(0.1)))
labs = [TrainingLab(trainer, interactive=True, name="hung"), DescentLab(interactive=True),
        TrainingLab("moons", interactive=True, name="plain")]
for lab in labs:
    lab.play()
time.sleep(2)
"""


@pytest.mark.parametrize(
    "hang",
    [
        "while True: x = x * 1.0",
        "time.sleep(1e6)",
        "k = threading.Lock(); k.acquire(); k.acquire()",
    ],
)
def test_the_interpreter_ends_cleanly_while_labs_play_or_hang(hang):
    done = subprocess.run(
        [sys.executable, "-c", EXIT.format(hang=hang)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "hangs" in done.stdout and done.stderr == ""


def test_at_the_exit_all_threads_together_have_one_second(monkeypatch):
    works, watcher = [Hanging() for _ in range(5)], watch.Watch()
    monkeypatch.setattr(runner, "WATCH", watcher)
    for work in works:
        work.runner.start()
        assert work.entered.wait(60)
    watcher.end_all()
    assert not any(work.gate.is_set() for work in works)
    for work in works:
        work.gate.set()
        work.runner.thread.join(60)
