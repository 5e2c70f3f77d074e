"""What was searched in a document to call a statement missing.

A claim is missing if its document promises something and never gives it. The ledger stores the
patterns that were searched, how often each was found, and the SHA-256 of the document, so that
anyone who has the documents can search again; see `search_again`.
"""

import re
from dataclasses import dataclass


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
