"""`course regenerate`: run notebooks, store their outputs or check them, tell what happened.

Each notebook runs in a kernel of its own (`execute.py`), usually a pre-loaded one (`kernels.py`).
Its new outputs replace the old ones only when every cell ran. What a failed run produced is kept
beside the notebook as `<name>.failed.ipynb`.
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

FOLDER = "regenerated"  # for the summary, the record, and the outputs with other parameters


def find(folder: Path, names: list[str]) -> list[Path]:
    """Notebook paths for names such as `00_start_here`, or all chapters and solutions."""
    known = sorted(p for p in folder.rglob("*.ipynb") if _is_source(p.relative_to(folder)))
    if not names:
        return known
    found: list[Path] = []
    for name in names:
        stem = name.removesuffix(".ipynb")
        here = [p for p in (Path(name), folder / f"{stem}.ipynb") if p.suffix and p.is_file()]
        if not here:
            have = [str(p.relative_to(folder).with_suffix("")) for p in known]
            raise CourseError(f"notebook {name!r} is unknown. Allowed: {have}, or a path")
        if here[0].resolve() not in found:
            found.append(here[0].resolve())
    return found


def _is_source(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and not path.name.endswith(".failed.ipynb")


def check_parameters(path: Path, parameters: dict[str, str]) -> None:
    """Refuse a parameter that the notebook does not have."""
    import papermill

    known = papermill.inspect_notebook(str(path))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise CourseError(f"{path.name} has no parameter {unknown}. Allowed: {sorted(known)}")


def read(path: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise CourseError(f"{path} is not a readable notebook: {error}") from None


def store(result: Result, run: Run, before: bytes, renew: bool) -> None:
    """Put the outputs in place, or what a failed run produced beside it.

    before: the notebook as it was when it was run. renew: store every output anew, also those
    whose meaning is unchanged.
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
            stored = before if in_place else target.read_bytes()
            keep_unchanged(nbformat.reads(stored.decode(), as_version=4), run.notebook)
        if write(run.notebook, target, only_over=before if in_place else None):
            failed.unlink(missing_ok=True)
            result.status = "ok"
        else:
            result.problem = "it was edited while it ran, so nothing was stored; run it again"
    except OSError as error:
        told = f"{run.problem}; moreover, " if run.problem else ""
        result.problem = f"{told}the outputs could not be written ({error}). Earlier ones stay"


def refuse_edited(results: list[Result], record: Record) -> None:
    """Refuse to store over a notebook in the output folder that somebody has worked on."""
    for result in results:
        if result.target == result.path or not result.target.exists():
            continue
        if record.stored(result.target) or not _has_own_cells(result):
            continue
        raise CourseError(
            f"{result.target} has cells that {result.path.name} does not have, so it holds "
            "somebody's work; move it away or choose another --output-dir"
        )


def _has_own_cells(result: Result) -> bool:
    try:
        there = read(result.target).cells
    except CourseError:
        return True  # not a notebook, so not ours
    known = {cell.source for cell in read(result.path).cells}
    injected = "injected-parameters"
    return any(c.source not in known and injected not in c.metadata.get("tags", []) for c in there)


def compare(result: Result, run: Run) -> None:
    """Hold the fresh outputs against the stored ones; write nothing."""
    if run.problem is None and run.notebook is not None:
        found = differences(read(result.path), run.notebook)
        result.problem = "\n  ".join(found) or None
        result.status = "DIFFERS" if found else "holds"


class Batch:
    """Notebooks that run side by side, each in a kernel of its own."""

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
        """Run them all and fill in the results; SIGINT and SIGTERM stop it in good order."""
        entries = {r.path: self.record.entry(r.target) for r in results}
        known = {path: e["seconds"] for path, e in entries.items() if e}
        if reason := obstacle():
            print(f"kernels start fresh: {reason}", file=sys.stderr)
        with (
            _sigterm_as_sigint(),
            preloaded() as kernels,
            ThreadPoolExecutor(jobs) as pool,
        ):
            bar = ProgressLine(cells, known)
            futures: dict[Future, Result] = {}
            try:
                for result in results:
                    run = Run(result.path, self.parameters, self.timeout, kernels)
                    futures[pool.submit(self._one, result, run, bar)] = result
                running = set(futures)
                while running:
                    ended, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
                        self._note(futures[future])
                        bar.count_notebook(futures[future])
                    bar.draw()
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
                bar.clear()

    def _one(self, result: Result, run: Run, bar: ProgressLine) -> None:
        run.on_cell = lambda: bar.count_cell(result.path)
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

    def _note(self, result: Result) -> None:
        if result.status == "ok":
            try:
                self.record.add(
                    result.target, self.marks[result.path],
                    result.seconds, result.cells, result.peak,
                )  # fmt: skip
            except OSError as error:
                print(f"--resume will run {result.name} again: {error}", file=sys.stderr)


@contextmanager
def _sigterm_as_sigint() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt too. Python allows handlers in the main thread only."""

    def stop(*_):
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    old = signal.signal(signal.SIGTERM, stop) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, old)


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

    Returns the exit code: 0 when all went well, 1 when something failed or differs, 130 when
    stopped. Raises CourseError before anything runs when an argument is bad.
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
    apart = place if output_dir or parameters else None  # else in place

    results = []
    for path in paths:
        short = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
        target = apart / short if apart else path
        results.append(Result(path, target, str(short.with_suffix(""))))
    code = code_digest()
    marks = {path: fingerprint(read(path), parameters, code) for path in paths}
    cells = {p: sum(c.cell_type == "code" for c in read(p).cells) for p in paths}
    record = Record(place / "record.json")
    for result in results if resume else []:
        if record.holds(result.target, marks[result.path]):
            entry = record.entry(result.target)
            result.status, result.seconds = "unchanged", entry["seconds"]
            result.cells, result.peak = entry["cells"], entry["peak"]
    todo = [r for r in results if r.status != "unchanged"]
    if not check:
        refuse_edited(todo, record)
    batch = Batch(parameters, timeout, check, renew, record, marks)
    if todo:
        batch.run(todo, jobs, {r.path: cells[r.path] for r in todo})
    trouble = None if check else _summarise(results, folder, place, html)
    show_table(results)
    if trouble:
        print(f"\n{trouble}", file=sys.stderr)
    elif not check:
        print(f"\nSummary with links: {place / 'index.html'}")
    if batch.stopped:
        print("Stopped. Earlier outputs stay; --resume goes on from here.", file=sys.stderr)
        return 130
    return 0 if all(r.good for r in results) and not trouble else 1


def _summarise(results: list[Result], folder: Path, place: Path, html: bool) -> str | None:
    """Write the pages and the summary; what hindered it, in words."""
    try:
        if html:
            from .html import save_pages

            save_pages(folder, [r for r in results if r.good], place / "html")
        save_summary(results, place / "index.html")
    except (OSError, CourseError) as error:
        return f"The summary could not be written: {error}"
    return None
