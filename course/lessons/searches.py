"""Search the documents for what the ledger calls missing.

A claim is missing if its document promises something and never gives it. The ledger stores the
patterns that were searched, how often each was found, and the SHA-256 of the document, so that
anyone who has the documents can search again: `course ledger --documents FOLDER`.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import CourseError, shown


@dataclass(frozen=True)
class Search:
    """A pattern in a document.

    what: what it stands for. pattern: a regular expression. count: how often it was found. within:
    a regular expression for the part of the document that is searched; "": the whole.
    """

    what: str
    pattern: str
    count: int
    within: str = ""

    def found(self, text: str) -> int | None:
        """Count the pattern in a document's text; None if the part is not there."""
        part = re.search(self.within, text)
        return part and len(re.findall(self.pattern, part[0] if self.within else text))

    def __str__(self):
        return f"{self.what}: {self.count}"


def is_missing(promised: tuple[Search, ...], given: tuple[Search, ...]) -> bool:
    """Tell if all that is searched as promised was found, and nothing of what would give it."""
    return all(s.count for s in promised) and not any(s.count for s in given)


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
    from .ledger import claims, documents  # they are made of searches

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
