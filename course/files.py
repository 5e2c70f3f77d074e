"""Write files whole or not at all: a reader finds the old content or the new, never a part."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` when the block ends without an error.

    A symbolic link stays a link: the file it leads to is replaced. An existing file keeps its
    permissions. If two processes write at once, the later content stays.

    Args:
        path: the file to replace; its folder must exist

    Raises:
        OSError: for example on a full disk; `path` is as it was, and nothing is left beside it.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a full disk may raise only now
        if target.exists():
            part.chmod(target.stat().st_mode & 0o7777)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def write_bytes(content: bytes, path: str | Path) -> None:
    """Replace the file `path` by `content`, as `replacing` does."""
    with replacing(path) as file:
        file.write(content)


def _sync_folder(folder: Path) -> None:
    """Write the folder to the disk, so that the new content survives a loss of power."""
    if os.name == "nt":
        return  # Windows cannot open a folder
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
