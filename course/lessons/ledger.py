"""The ledger: every claim of the five documents, its verdict, and the program that settles it.

    settle("3_04_momentum")           # what each check of that chapter finds, one row a claim

`claims.toml` holds the claims, `checks` the programs, `verdicts` says how a verdict is computed,
`settled` how a row looks.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import check_choice
from ..training.replay import threads
from .searches import Search
from .settled import Row, Rows
from .verdicts import Check


@dataclass(frozen=True)
class Claim:
    """A sentence of a document and its verdict.

    Args:
        id: of the document and its section, with a letter if the section makes several claims.
        chapter: the file name, without .ipynb, of the chapter that settles it.
        verdict: what its check finds.
        says, true: what the document says, in our words, and what is so; formulas in TeX.
        core: why the core cases are the core.
        check: module.name in `checks`.
        also: the same claim elsewhere.
        promised, given: of what is missing, the searches that found the promise, and those that
            would have found what was promised.
    """

    id: str
    chapter: str
    verdict: str
    says: str
    true: str
    core: str
    check: str
    also: str | None = None
    promised: tuple[Search, ...] = ()
    given: tuple[Search, ...] = ()

    @property
    def document(self) -> int:
        """The number of the document, 0 to 4."""
        return int(self.id[1])

    @property
    def section(self) -> str:
        """The section of the document, as "3.4"."""
        return self.id[3:].rstrip("abcde")


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("claims.toml").read_text("utf-8"))


@cache
def claims() -> tuple[Claim, ...]:
    """Return the whole ledger."""
    return tuple(_claim(row) for row in _file()["claim"])


def _claim(row: dict[str, Any]) -> Claim:
    texts = {name: re.sub(r"\s+", " ", row[name]).strip() for name in ("says", "true", "core")}
    searches = {
        name: tuple(Search(**s) for s in row.get(name, ())) for name in ("promised", "given")
    }
    return Claim(**{**row, **texts, **searches})


def documents() -> dict[int, str]:
    """Return the SHA-256 of each document by its number."""
    return {row["number"]: row["sha256"] for row in _file()["document"]}


def check_of(claim: Claim) -> Check:
    """Return the program that settles a claim."""
    module, name = claim.check.split(".")
    return getattr(import_module(f".checks.{module}", __package__), name)


def settle(chapter: str) -> None:
    """Run the checks of a chapter's claims, and show one row for each claim.

    A row opens to what is true and to each case (✓: the document's statement holds there, ✗: it
    fails). If a statement is missing, what the course gives in its place is tried.

    Args:
        chapter: the file name of a chapter that has claims, without .ipynb.

    Raises:
        CourseError: for another name.
    """
    check_choice("chapter", chapter, sorted({c.chapter for c in claims()}))
    with threads(1):  # these runs are small: more threads only wait for each other
        rows = [row(claim) for claim in claims() if claim.chapter == chapter]
    from IPython.display import display  # here: the core imports no screen

    display(Rows(rows))


def row(claim: Claim) -> Row:
    """Run the check of a claim; return its row."""
    check = check_of(claim)
    verdict = check.verdict(check.document)
    cases = check.cases(check.planted if verdict == "missing" else check.document)
    searched = "; ".join(map(str, (*claim.promised, *claim.given)))
    return Row(claim.id, claim.says, claim.true, claim.core, verdict, cases, searched)
