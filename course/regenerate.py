"""Run notebooks with papermill and store their outputs, all or nothing.

A notebook's new outputs replace the old ones only when every cell ran. Each runs in a process of
its own, so a kernel that dies takes nothing with it. What a failed run produced is kept beside
the notebook as `<name>.failed.ipynb`.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from .errors import CourseError, check_count


def find(folder: Path, names: list[str]) -> list[Path]:
    """Notebook paths for names such as `00_start_here`, or all chapters and solutions."""
    known = sorted(p for p in folder.rglob("*.ipynb") if _is_source(p.relative_to(folder)))
    if not names:
        return known
    found = []
    for name in names:
        stem = name.removesuffix(".ipynb")
        here = [p for p in (Path(name), folder / f"{stem}.ipynb") if p.suffix and p.is_file()]
        if not here:
            have = [str(p.relative_to(folder).with_suffix("")) for p in known]
            raise CourseError(f"notebook {name!r} is unknown. Allowed: {have}, or a path")
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


def clean(notebook) -> None:
    """Drop what differs from run to run: times, paths, papermill's own notes."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]


def merge_streams(outputs: list) -> list:
    """Printed text arrives in pieces cut by chance: join neighbours of the same stream."""
    merged: list = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def first_problem(notebook) -> str | None:
    """Which cell failed, in words; None when all ran.

    papermill calls cells completed although the kernel died: a code cell has run to its end only
    if the kernel replied. Its own red notices are not cells of the notebook.
    """
    ours = [
        c for c in notebook.cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])
    ]
    for number, cell in enumerate(ours):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                return f"cell {number}: {output.ename}: {output.evalue}"
        if "shell.execute_reply" not in cell.metadata.get("execution", {}):
            return f"cell {number}: did not run to its end (the kernel died, or it took too long)"
    return None


def run_one(path: Path, target: Path, parameters: dict[str, str], timeout: int) -> str | None:
    """Run one notebook; None when it went well, else what went wrong."""
    import nbformat

    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".tmp.ipynb", prefix=".", dir=target.parent)
    os.close(handle)
    output = Path(name)
    command = [sys.executable, "-m", "papermill", str(path), name, "--cwd", str(path.parent)]
    command += ["--kernel", "python3", "--execution-timeout", str(timeout)]
    command += ["--no-progress-bar", "--log-level", "ERROR"]
    for key, value in parameters.items():
        command += ["-p", key, value]
    failed = target.with_suffix(".failed.ipynb")
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if not output.stat().st_size:
            return done.stderr.strip()[-500:] or "papermill wrote nothing"
        notebook = nbformat.read(output, as_version=4)
        problem = first_problem(notebook)
        if problem is None and done.returncode:
            problem = f"papermill ended with {done.returncode}: {done.stderr.strip()[-300:]}"
        if problem is None:
            clean(notebook)
            nbformat.write(notebook, output)
            os.chmod(output, 0o644)
            os.replace(output, target)  # atomic: the old outputs or the new, never half
            failed.unlink(missing_ok=True)
        else:
            os.replace(output, failed)
            problem += f" (kept: {failed.name})"
        return problem
    finally:
        output.unlink(missing_ok=True)


def regenerate(
    folder: Path,
    names: list[str],
    parameters: dict[str, str],
    jobs: int = 1,
    timeout: int = 300,
    output_dir: Path | None = None,
) -> int:
    """Run notebooks, show progress, list what failed. Returns the exit code: 0 when all ran."""
    from tqdm import tqdm

    check_count("--jobs", jobs, 1, 256, "the number of cores is a good choice")
    check_count("--timeout", timeout, 1, 86_400, "seconds for one cell")
    paths = find(folder, names)
    for path in paths if parameters else []:
        check_parameters(path, parameters)
    if parameters and output_dir is None:
        output_dir = Path("regenerated")

    def target(path: Path) -> Path:
        inside = path.is_relative_to(folder)
        return (
            output_dir / (path.relative_to(folder) if inside else path.name) if output_dir else path
        )

    problems = {}
    with ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(run_one, p, target(p), parameters, timeout): p for p in paths}
        for run in tqdm(as_completed(runs), total=len(runs), unit="notebook"):
            if problem := run.result():
                problems[runs[run]] = problem
    for path in paths:
        print(f"{'FAILED' if path in problems else 'ok':<7}{path.name}  {problems.get(path, '')}")
    return 1 if problems else 0
