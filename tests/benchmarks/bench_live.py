"""The live lab, in JupyterLab with a real Chromium: `python tests/benchmarks/bench_live.py`.

Measured while it trains as fast as it goes: from a key on the slider to the knob's turn between two
steps, paints a second, bytes a frame, and the share of processor time that trains, each beside the
same thread without pictures; before that, the time from running the cell to the first frame. A run
is sampled with and without pictures, so sampling counts as training.
"""

import json
import os
import statistics
import time
from pathlib import Path

from lab_page import kernel, notebook
from report import publish, verdict

LABS = {
    "spirals, 2-8-8-2": "'spirals', sizes=[2, 8, 8, 2], activation='tanh'",
    "digits, 64-64-10": "'digits'",
}
CELL = """from widgets import TrainingLab
lab = TrainingLab({}, steps=10**7, speed=0)
lab"""
SETUP = """
import json, time
turned, pictures, sent = [], [0.0], [0, 0]
apply, between, show, ready = lab.apply, lab.between, lab.panel.face.show, lab.panel.ready
def timed(knob, value):
    apply(knob, value)
    turned.append(time.time())
def weighed():
    begin = time.thread_time()
    between()
    pictures[0] += time.thread_time() - begin
def counted(picture):
    show(picture)
    sent[0] += 1
    sent[1] += len(lab.panel.face.frame)
lab.runner._methods[1], lab.runner._methods[2] = lambda: timed, lambda: weighed
lab.panel.face.show = counted
def trained():
    "Processor seconds that the lab's thread has had, without those for pictures."
    with open(f"/proc/self/task/{lab.runner.thread.native_id}/schedstat") as stat:
        return int(stat.read().split()[0]) / 1e9 - pictures[0]
"""
LOOK = "print(json.dumps([time.monotonic(), lab.trainer.step_count, trained(), *sent]))"
PAINTS = "() => document.querySelector('.face-view').face.lastSeq"
FIRST = """() => new Promise((done) => {
  const begin = performance.now();
  const look = () => {
    const face = document.querySelector('.face-view')?.face;
    face?.paints ? done(performance.now() - begin) : requestAnimationFrame(look);
  };
  window.jupyterapp.commands.execute('notebook:run-all-cells');
  look();
})"""
EVERYTHING = """
from widgets.training.instruments import INSTRUMENTS
for name in INSTRUMENTS:
    lab.watch(name)
"""
OWN_CORE = """
import os
for task in os.listdir('/proc/self/task'):
    os.sched_setaffinity(int(task), {0})
"""
ROUNDS, SECONDS = 6, 1.5


def watched(page) -> dict[str, float]:
    """Return what a second has: steps, paints, frames, bytes, processor seconds that train."""
    page.wait_for_timeout(300)
    before = [*json.loads(kernel(page, LOOK)), page.evaluate(PAINTS)]
    page.wait_for_timeout(1000 * SECONDS)
    after = [*json.loads(kernel(page, LOOK)), page.evaluate(PAINTS)]
    spent, *differences = (b - a for a, b in zip(before, after, strict=True))
    names = ("steps", "trained", "frames", "bytes", "paints")
    return {n: d / spent for n, d in zip(names, differences, strict=True)}


def in_turns(page) -> dict[str, float]:
    """Return medians over rounds, by turns with pictures and without."""
    rounds = []
    for _ in range(ROUNDS):
        kernel(page, "lab.panel.ready = ready")
        live = watched(page)
        kernel(page, "lab.panel.ready = lambda: False")
        alone = watched(page)
        rounds.append(live | {
            "share": live["trained"] / alone["trained"], "ratio": live["steps"] / alone["steps"],
            "alone": alone["steps"], "size": live["bytes"] / max(live["frames"], 1),
        })  # fmt: skip
    kernel(page, "lab.panel.ready = ready")
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def slider(page) -> list[float]:
    """Return the milliseconds from a key on the slider of the learning rate to the next turn.

    A slow kernel takes two moves as one.
    """
    handle = page.locator(".face-knobs .noUi-handle").first
    handle.focus()
    time.sleep(1)
    pressed = []
    for i in range(40):
        pressed.append(time.time())
        page.keyboard.press("ArrowRight" if i % 2 else "ArrowLeft")
        time.sleep(0.15)
    time.sleep(1)
    turned = json.loads(kernel(page, "print(json.dumps(turned))"))
    after = [next((turn for turn in turned if turn > press), None) for press in pressed]
    assert None not in after, "the last moves did not arrive"
    return [1000 * (b - a) for a, b in zip(pressed, after, strict=True)]


def rows_of(page, name: str) -> list[list[str]]:
    page.locator(".face-play").first.click()
    kernel(page, SETUP)
    lags, found = slider(page), in_turns(page)
    steps = f"steps a second, live ({found['steps']:,.0f}) ÷ alone ({found['alone']:,.0f})"
    rows = [
        ["slider to kernel, median ms", verdict(statistics.median(lags), 50)],
        ["slider to kernel, longest ms of 40", verdict(max(lags), 150)],
        ["paints a second", verdict(found["paints"], 14, at_most=False)],
        ["bytes a frame, mean", verdict(found["size"], 8192)],
        [steps, f"{found['ratio']:.2f}"],
    ]
    share = ["processor time that trains, live ÷ alone"]
    if hasattr(os, "sched_setaffinity") and len(cores := os.sched_getaffinity(0)) > 1:
        everyone_but_the_kernel(cores - {0})
        kernel(page, OWN_CORE)
        found = in_turns(page)
        share = ["the same, kernel on a core of its own"]
    rows.append([*share, verdict(found["share"], 0.95, at_most=False)])
    kernel(page, EVERYTHING)
    paints = statistics.median(watched(page)["paints"] for _ in range(ROUNDS))
    rows.append(["paints a second, all instruments", verdict(paints, 8, at_most=False)])
    return [[name, *row] for row in rows]


def everyone_but_the_kernel(cores: set[int]) -> None:
    """Move this process and all it has started to `cores`; the kernel moves itself back."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    ours = {os.getpid()}
    while more := {p for p, parent in parents.items() if parent in ours} - ours:
        ours |= more
    for process in ours:
        for task in Path(f"/proc/{process}/task").glob("*"):
            try:
                os.sched_setaffinity(int(task.name), cores)
            except OSError:
                continue


def main() -> None:
    rows, everywhere = [], os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    for name, arguments in LABS.items():
        with notebook(CELL.format(arguments)) as page:
            kernel(page, "from widgets import TrainingLab")  # as a chapter's first cell does
            first = page.evaluate(FIRST) / 1000
            rows.append([name, "cell run to first frame, s", verdict(first, 1.5)])
            rows += rows_of(page, name)
        if everywhere is not None:
            os.sched_setaffinity(0, everywhere)
    publish("The live lab", "In JupyterLab, as fast as it goes, default instruments; target in "
            "brackets.", ["lab", "what", "measured"], rows)  # fmt: skip


if __name__ == "__main__":
    main()
