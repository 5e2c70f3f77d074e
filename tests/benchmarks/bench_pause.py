"""Pause beside seven other labs at full speed: `python tests/benchmarks/bench_pause.py`.

Eight default labs play as fast as they go; each in turn is paused and plays on. What Pause takes
is put beside what one step takes here, as that says how fast the machine is. The last row: a step
of the first lab hangs.
"""

import statistics
import threading
import time
from contextlib import suppress

from report import one_core, publish, verdict

one_core()
from course import CourseError  # noqa: E402
from widgets import TrainingLab  # noqa: E402
from widgets.common import runner  # noqa: E402

LABS, ROUNDS = 8, 5
TARGET = 200  # ms


def paused(lab: TrainingLab) -> float:
    """Return the milliseconds that Pause takes; the lab plays on."""
    begin = time.perf_counter()
    lab.pause()
    spent = time.perf_counter() - begin
    with suppress(CourseError):  # a lab whose step hangs still waits for it
        lab.play()
    return 1000 * spent


def with_browser(lab: TrainingLab) -> TrainingLab:
    """Let every frame count as painted: a picture that never answers would be given stills."""
    face = lab.panel.face
    face.observe(lambda change: face._hear({"kind": "ack", "view": "it", "seq": face.seq}), "frame")
    face._hear({"kind": "see", "view": "it", "seq": 0})
    return lab


def row(name: str, times: list[float]) -> list[str]:
    return [name, verdict(statistics.median(times), TARGET), verdict(max(times), TARGET)]


def main() -> None:
    labs = [
        with_browser(TrainingLab("digits", steps=10**7, speed=0, interactive=True, name=f"lab {i}"))
        for i in range(LABS)
    ]
    begin = time.perf_counter()
    labs[0].run(1000)
    step = time.perf_counter() - begin  # of a thousand: the milliseconds of one
    for lab in labs:
        lab.play()
    time.sleep(1)
    rows = [row("all play", [paused(lab) for _ in range(ROUNDS) for lab in labs])]
    gate, tick = threading.Event(), labs[0].timeline.step
    labs[0].timeline.step = lambda: (gate.wait(), tick())
    runner.PATIENCE = runner.BRIEF  # as in a callback of the page
    time.sleep(0.5)
    rows.append(row("beside one that hangs", [paused(lab) for lab in labs[1:]]))
    rows.append(row("the one that hangs", [paused(labs[0]) for _ in range(3)]))
    gate.set()
    for lab in labs:
        lab.close()
    text = f"{LABS} default labs at full speed, on one core; milliseconds, target in brackets. One "
    publish("Pause", f"{text}step takes {1000 * step:.0f} µs alone.",
            ["Pause of a lab", "median", "longest"], rows)  # fmt: skip


if __name__ == "__main__":
    main()
