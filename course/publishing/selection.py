"""Choose and read the notebooks that `course regenerate` runs."""

from pathlib import Path

import nbformat
import papermill

from ..errors import CourseError


def find(folder: Path, names: list[str]) -> list[Path]:
    """Return the paths of notebooks.

    Args:
        folder: the course's notebooks
        names: such as `00_start_here` or `solutions/00_start_here`, or paths; empty: all of them

    Raises:
        CourseError: a name is unknown.
    """
    known = sorted(p for p in folder.rglob("*.ipynb") if _is_source(p.relative_to(folder)))
    if not names:
        return known
    paths: list[Path] = []
    for name in names:
        stem = name.removesuffix(".ipynb")
        matches = [p for p in (Path(name), folder / f"{stem}.ipynb") if p.suffix and p.is_file()]
        if not matches:
            allowed = [str(p.relative_to(folder).with_suffix("")) for p in known]
            raise CourseError(f"notebook {name!r} is unknown. Allowed: {allowed}, or a path")
        if matches[0].resolve() not in paths:
            paths.append(matches[0].resolve())
    return paths


def _is_source(path: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.parts)
    return not is_hidden and not path.name.endswith(".failed.ipynb")


def check_parameters(path: Path, parameters: dict[str, str]) -> None:
    """Raise `CourseError` for a parameter that the notebook does not have."""
    known = papermill.inspect_notebook(str(path))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise CourseError(f"{path.name} has no parameter {unknown}. Allowed: {sorted(known)}")


def read(path: Path) -> nbformat.NotebookNode:
    """Return the notebook at `path`, or raise `CourseError`."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise CourseError(f"{path} is not a readable notebook: {error}") from None
