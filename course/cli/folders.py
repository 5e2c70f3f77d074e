"""Where the chapters are: in the package, in a clone, in the learner's own folder."""

from pathlib import Path

from ..errors import CourseError

START = "00_start_here.ipynb"
PACKAGED = Path(__file__).parents[1] / "notebooks"  # in a wheel
CLONED = Path(__file__).parents[2] / "notebooks"
OWN = Path.home() / "training-at-scale"  # where a learner works by default


def notebooks_folder() -> Path:
    """Return the folder of the chapters: a clone's, the current one, or that of `course lab`.

    Raises:
        CourseError: no folder has them.
    """
    for folder in (CLONED, Path.cwd(), Path.cwd() / "notebooks", OWN):
        if (folder / START).exists():
            return folder
    raise CourseError(f"no {START} here or in {OWN}; `course lab` brings the chapters there")
