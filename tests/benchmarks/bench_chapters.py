"""What each chapter takes: `python tests/benchmarks/bench_chapters.py`. A few minutes.

Targets: 15 s with the parameters of the tests (50 steps, points in the plane), a minute and a
gigabyte with its own.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from report import publish, verdict

from course.lessons.contents import ROUTE


def took(chapter: str, *parameters: str) -> tuple[float, float]:
    """(seconds, GB at most) of a run of the chapter in a kernel of its own, nothing beside it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "course.cli.main", "regenerate", chapter, "--jobs", "1"]
        command += ["--output-dir", folder, *parameters]
        subprocess.run(command, check=True, capture_output=True)
        (entry,) = json.loads((Path(folder) / "record.json").read_text()).values()
    return entry["seconds"], entry["peak"] / 2**30


if __name__ == "__main__":
    rows = []
    for chapter in ROUTE:
        small, _ = took(chapter.file, "-p", "steps", "50", "-p", "dataset", "moons")
        own, peak = took(chapter.file)
        rows.append([chapter.file, verdict(small, 15), verdict(own, 60), verdict(peak, 1)])
    text = "Seconds and gigabytes of a run in a pre-loaded kernel; target in brackets."
    publish("Chapters", text, ["chapter", "50 steps on moons", "as it is", "GB"], rows)
