"""The file that `course run --history` writes: one line a step."""

import os
import stat
import tempfile
from contextlib import suppress

from ..errors import CourseError, shown
from ..files import replacing


def check_writable(path: str) -> None:
    """Raise `CourseError` for a file that cannot be written: before a long run, not after it."""
    try:
        if not path or (os.path.exists(path) and not os.path.isfile(path)):
            raise OSError("it is a folder or a device")
        with suppress(FileNotFoundError):
            if not os.stat(path).st_mode & stat.S_IWUSR:
                raise PermissionError("it is write-protected")
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
            pass
    except (OSError, ValueError) as error:
        raise CourseError(f"--history {shown(path)} cannot be written ({error}); choose a file in "
                          "a folder that exists and is yours") from error  # fmt: skip


def write_history(rows: list[list[float]], path: str) -> None:
    """Write a CSV file with one line a step, whole or not at all.

    Args:
        rows: of each step the loss and the norms of the gradient, of what the clip left, and of
            what entered it
        path: the file

    Raises:
        CourseError: the file cannot be written; an earlier one stays.
    """
    lines = (",".join(map(repr, (step, *row))) for step, row in enumerate(rows, 1))
    try:
        with replacing(path) as file:
            file.write(b"step,loss,grad_norm,clipped_norm,unclipped_norm\n")
            file.writelines(f"{line}\n".encode() for line in lines)
    except OSError as error:
        raise CourseError(f"--history {shown(path)} was not written ({error}); the run itself "
                          "went well: free some space and run it again") from error  # fmt: skip
