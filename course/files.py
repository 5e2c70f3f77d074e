"""Write a file whole or not at all: a reader finds the old content or the new, never half."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends without an error.

    The folder must exist. A symbolic link stays a link: the file it leads to is replaced. An
    existing file keeps its permissions. Raises `OSError`, as on a full disk: then `path` is as it
    was and nothing is left beside it. Two processes may write at once: the later one stands.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a full disk may say so only now
        if target.exists():
            part.chmod(target.stat().st_mode & 0o7777)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def write_bytes(content: bytes, path: str | Path) -> None:
    """Put `content` in place of the file `path`; see `replacing`."""
    with replacing(path) as file:
        file.write(content)


def _sync_folder(folder: Path) -> None:
    """After a loss of power, too, the name leads to the new content."""
    if os.name == "nt":
        return  # Windows cannot open a folder
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
