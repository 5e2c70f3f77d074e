"""Fair timings and one table a benchmark, kept in `results.md`, which the README quotes.

Candidates take turns in one process, on one core; each ratio is the median over rounds of times
measured next to each other, so that whatever else the machine does hits all of them alike.
"""

import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results.md"


def one_core() -> None:
    """Call before importing numpy, torch or jax: all of them then use one thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"


def interleaved(
    candidates: dict[str, Callable[[], object]], rounds: int = 15, seconds: float = 0.03
) -> dict[str, list[float]]:
    """Seconds a call of each, one number a round."""
    repeats = {}
    for name, call in candidates.items():
        for _ in range(3):
            call()
        start = time.perf_counter()
        call()
        repeats[name] = max(1, int(seconds / (time.perf_counter() - start)))
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return times


def ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def with_spread(ours: list[float], theirs: list[float]) -> str:
    """'0.19 [0.18–0.21]': the median of the rounds' ratios, and between which half of them lie."""
    low, middle, high = statistics.quantiles(
        (a / b for a, b in zip(ours, theirs, strict=True)), n=4
    )
    return f"{middle:.2f} [{low:.2f}–{high:.2f}]"


def microseconds(times: list[float]) -> str:
    return f"{statistics.median(times) * 1e6:,.0f}"


def verdict(value: float, target: float, at_most: bool = True) -> str:
    """'0.20 (≤ 0.25)', marked where the target is missed."""
    return f"{value:.2f} {against(value, target, at_most)}"


def against(value: float, target: float, at_most: bool = True) -> str:
    """'(≤ 0.25)', marked where the target is missed."""
    held = value <= target if at_most else value >= target
    sign = "≤" if at_most else "≥"
    return f"({sign} {target:g}{'' if held else ', missed'})"


def publish(title: str, text: str, header: list[str], rows: list[list[str]]) -> None:
    """Print the table and put it in `results.md` in place of the one with this title."""
    lines = [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
    section = f"## {title}\n\n{text}\n\n" + "\n".join(lines) + f"\n\n{machine()}\n"
    print(section)
    old = RESULTS.read_text("utf-8") if RESULTS.exists() else "# Measured\n"
    kept = re.sub(rf"\n## {re.escape(title)}\n.*?(?=\n## |\Z)", "", old, flags=re.DOTALL)
    RESULTS.write_text(kept.rstrip() + "\n\n" + section, "utf-8")


def machine() -> str:
    """Processor, cores and versions, without which no figure means anything."""
    import torch

    words = ["torch", "numpy", *(["jax"] if "jax" in sys.modules else [])]
    versions = ", ".join(f"{name} {version(name)}" for name in words)
    kernels = torch.backends.cpu.get_cpu_capability()
    return f"{processor()} ({kernels}), {os.cpu_count()} cores of which one is used; {versions}"


def processor() -> str:
    """As the system names it, with family and model where it says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    about = {}
    for line in lines:
        key, _, value = line.partition(":")
        about.setdefault(key.strip(), value.strip())
    name = about.get("model name", platform.machine())
    return f"{name}, family {about.get('cpu family', '?')}, model {about.get('model', '?')}"
