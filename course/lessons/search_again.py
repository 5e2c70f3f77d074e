"""Search the documents again for what the ledger calls missing: `course ledger --documents …`."""

import hashlib
from pathlib import Path

from ..errors import CourseError, shown
from .ledger import claims, documents


def search_again(folder: Path) -> tuple[list[str], bool]:
    """Search the documents in a folder again; say what each search finds.

    Args:
        folder: holds the documents, each as a text file whose name begins with its number in three
            digits, as 004_name.txt.

    Returns:
        the lines to print, and whether all is as the ledger has it.

    Raises:
        CourseError: for a folder that lacks a document or has two of one number.
    """
    lines, same = [], True
    for number, digest in documents().items():
        raw = _read(folder, number)
        now = hashlib.sha256(raw).hexdigest()
        same &= now == digest
        lines.append(f"D{number}: " + ("the document of the ledger" if now == digest else
                     f"ANOTHER text, SHA-256 {now}, in the ledger {digest}"))  # fmt: skip
        text = raw.decode("utf-8", "replace")
        for claim in (c for c in claims() if c.document == number):
            for search in (*claim.promised, *claim.given):
                count = search.found(text)
                same &= count == search.count
                words = "as stored" if count == search.count else f"STORED {search.count}"
                lines.append(f"  {claim.id}, {search.what}: {count}, {words}")
    return lines, same


def _read(folder: Path, number: int) -> bytes:
    paths = sorted(folder.glob(f"{number:03}_*.txt"))
    if len(paths) != 1:
        raise CourseError(
            f"folder {shown(str(folder))} has {len(paths)} files {number:03}_*.txt; allowed: "
            "1 for each document; name the folder that holds the five documents"
        )
    try:
        return paths[0].read_bytes()
    except OSError as error:
        raise CourseError(
            f"{shown(str(paths[0]))} cannot be read ({error}); make it readable"
        ) from error
