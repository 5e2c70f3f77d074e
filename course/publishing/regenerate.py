"""`course regenerate`: run notebooks, store their outputs or check them, report what happened.

Each notebook runs in a kernel of its own (`execute.py`), usually a pre-loaded one
(`preloaded_kernels.py`). Its new outputs replace the old ones only when every cell ran. What a
failed run produced is kept beside the notebook as `<name>.failed.ipynb`.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import nbformat

from ..errors import CourseError, check_count
from .execute import Run
from .outputs import clean, differences, keep_unchanged, write
from .preloaded_kernels import obstacle, preloaded
from .report import ProgressLine, Result, save_summary, show_table
from .run_cache import Record, code_digest, fingerprint
from .selection import check_parameters, find, read

FOLDER = "regenerated"  # for the summary, the record, and the outputs with other parameters


# ---- one notebook -------------------------------------------------------------------------------


def refuse_edited(results: list[Result], record: Record) -> None:
    """Raise `CourseError` for a notebook in the output folder that has cells of its own."""
    for result in results:
        if result.target == result.path or not result.target.exists():
            continue
        if record.is_untouched(result.target) or not _has_own_cells(result):
            continue
        raise CourseError(
            f"{result.target} has cells that {result.path.name} does not have, so it holds your "
            "own work; move it away or choose another --output-dir"
        )


def _has_own_cells(result: Result) -> bool:
    try:
        cells = read(result.target).cells
    except CourseError:
        return True  # not a notebook, so `regenerate` did not write it
    known = {cell.source for cell in read(result.path).cells}
    tag = "injected-parameters"
    return any(c.source not in known and tag not in c.metadata.get("tags", []) for c in cells)


def store(result: Result, run: Run, before: bytes, renew: bool) -> None:
    """Store the outputs of a run, or what a failed run produced beside the notebook.

    Args:
        result: gets the status and the problem
        run: what was executed
        before: the file of the notebook as it was executed
        renew: store every output anew, also if its meaning is unchanged
    """
    target, failed = result.target, result.target.with_suffix(".failed.ipynb")
    try:
        if run.problem is not None:
            if run.notebook is not None:
                write(run.notebook, failed)
                result.problem = f"{run.problem} (kept: {failed.name})"
            return
        assert run.notebook is not None
        clean(run.notebook)
        in_place = target == result.path
        if not renew and target.exists():
            earlier = before if in_place else target.read_bytes()
            keep_unchanged(nbformat.reads(earlier.decode(), as_version=4), run.notebook)
        if write(run.notebook, target, only_over=before if in_place else None):
            failed.unlink(missing_ok=True)
            result.status = "ok"
        else:
            result.problem = "it was edited while it ran, so nothing was stored; run it again"
    except OSError as error:
        start = f"{run.problem}; moreover, " if run.problem else ""
        result.problem = f"{start}the outputs could not be written ({error}). Earlier ones stay"


def compare(result: Result, run: Run) -> None:
    """Compare the fresh outputs with the stored ones; write nothing.

    Args:
        result: gets the status and the problem
        run: what was executed
    """
    if run.problem is None and run.notebook is not None:
        descriptions = differences(read(result.path), run.notebook)
        result.problem = "\n  ".join(descriptions) or None
        result.status = "DIFFERS" if descriptions else "holds"


# ---- all of them --------------------------------------------------------------------------------


class Batch:
    """Notebooks that run side by side, each in a kernel of its own.

    Args:
        parameters: values by name, as the command line gave them
        timeout: seconds for one cell
        check: compare with the stored outputs instead of storing
        renew: store every output anew
        record: gets an entry for each notebook that ran well
        marks: the fingerprint of each notebook
    """

    def __init__(
        self, parameters: dict[str, str], timeout: int, check: bool, renew: bool, record: Record,
        marks: dict[Path, str],
    ):  # fmt: skip
        self.parameters, self.timeout = parameters, timeout
        self.check, self.renew = check, renew
        self.record, self.marks = record, marks
        self.runs: list[Run] = []
        self.stopped = False

    def run(self, results: list[Result], jobs: int, cells: dict[Path, int]) -> None:
        """Run the notebooks and fill in their results; SIGINT or SIGTERM stops them cleanly.

        Args:
            results: one for each notebook
            jobs: how many notebooks run at a time
            cells: the number of code cells of each notebook
        """
        entries = {r.path: self.record.entry(r.target) for r in results}
        seconds = {path: entry["seconds"] for path, entry in entries.items() if entry}
        if reason := obstacle():
            print(f"kernels start fresh: {reason}", file=sys.stderr)
        with (
            _sigterm_as_interrupt(),
            preloaded() as kernels,
            ThreadPoolExecutor(jobs) as pool,
        ):
            line = ProgressLine(cells, seconds)
            futures: dict[Future, Result] = {}
            try:
                for result in results:
                    run = Run(result.path, self.parameters, self.timeout, kernels)
                    futures[pool.submit(self._run_one, result, run, line)] = result
                running = set(futures)
                while running:
                    ended, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
                        self._record(futures[future])
                        line.count_notebook(futures[future])
                    line.draw()
            except BaseException as error:
                self.stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                while any(future.running() for future in futures):
                    for run in self.runs:
                        run.kill()
                    time.sleep(0.1)
                if not isinstance(error, KeyboardInterrupt):
                    raise
            finally:
                line.clear()

    def _run_one(self, result: Result, run: Run, line: ProgressLine) -> None:
        run.on_cell = lambda: line.count_cell(result.path)
        self.runs.append(run)
        before = result.path.read_bytes()
        run.execute()
        result.seconds, result.cells, result.peak = run.seconds, run.cells, run.peak
        if run.problem and self.stopped:
            return
        result.status, result.problem = "FAILED", run.problem
        if self.check:
            compare(result, run)
        else:
            store(result, run, before, self.renew)

    def _record(self, result: Result) -> None:
        if result.status == "ok":
            try:
                self.record.add(
                    result.target, self.marks[result.path],
                    result.seconds, result.cells, result.peak,
                )  # fmt: skip
            except OSError as error:
                print(f"--resume will run {result.name} again: {error}", file=sys.stderr)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt; Python allows handlers in the main thread only."""

    def stop(*_):
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGTERM, stop) if is_main else None
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, handler)


def regenerate(
    folder: Path,
    names: list[str],
    parameters: dict[str, str],
    jobs: int = 1,
    timeout: int = 300,
    output_dir: Path | None = None,
    html: bool = False,
    resume: bool = False,
    check: bool = False,
    renew: bool = False,
) -> int:
    """Run notebooks, show progress, list what happened.

    Args:
        folder: the course's notebooks
        names: as `find` takes them
        parameters: values by name, as the command line gives them
        jobs: how many notebooks run at a time
        timeout: seconds for one cell
        output_dir: the folder for the outputs; default: in place, or `FOLDER` with parameters
        html: write each notebook as a page, too
        resume: skip what ran well before and has not changed since
        check: write nothing; compare with the stored outputs
        renew: store every output anew, also if its meaning is unchanged

    Returns:
        The exit code: 0 if all went well, 1 if something failed or differs, 130 if stopped.

    Raises:
        CourseError: an argument is bad; nothing ran.
    """
    check_count("--jobs", jobs, 1, 256, "the number of cores is a good choice")
    check_count("--timeout", timeout, 1, 86_400, "seconds for one cell")
    if check and (parameters or html or resume or output_dir or renew):
        raise CourseError(
            "--check compares the stored outputs and writes nothing; "
            "leave out -p, --html, --resume, --renew and --output-dir"
        )
    paths = find(folder, names)
    for path in paths if parameters else []:
        check_parameters(path, parameters)
    place = output_dir or Path(FOLDER)
    in_place = not (output_dir or parameters)

    results = []
    for path in paths:
        name = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
        results.append(Result(path, path if in_place else place / name, str(name.with_suffix(""))))
    code = code_digest()
    marks = {path: fingerprint(read(path), parameters, code) for path in paths}
    cells = {p: sum(c.cell_type == "code" for c in read(p).cells) for p in paths}
    record = Record(place / "record.json")
    for result in results if resume else []:
        if record.is_current(result.target, marks[result.path]):
            entry = record.entry(result.target)
            result.status, result.seconds = "unchanged", entry["seconds"]
            result.cells, result.peak = entry["cells"], entry["peak"]
    pending = [r for r in results if r.status != "unchanged"]
    if not check:
        refuse_edited(pending, record)
    batch = Batch(parameters, timeout, check, renew, record, marks)
    if pending:
        batch.run(pending, jobs, {r.path: cells[r.path] for r in pending})
    problem = None if check else _summarise(results, folder, place, html)
    show_table(results)
    if problem:
        print(f"\n{problem}", file=sys.stderr)
    elif not check:
        print(f"\nSummary with links: {place / 'index.html'}")
    if batch.stopped:
        print("Stopped. Earlier outputs stay; --resume goes on from here.", file=sys.stderr)
        return 130
    return 0 if all(r.good for r in results) and not problem else 1


def _summarise(results: list[Result], folder: Path, place: Path, html: bool) -> str | None:
    """Write the pages and the summary; return what went wrong, in words."""
    try:
        if html:
            from .html import save_pages  # here, as nbconvert's import takes a while

            save_pages(folder, [r for r in results if r.good], place / "html")
        save_summary(results, place / "index.html")
    except (OSError, CourseError) as error:
        return f"The summary could not be written: {error}"
    return None
