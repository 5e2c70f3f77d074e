"""The ledger: every claim of the five documents, its verdict, and the program that settles it.

    settle("3_04_momentum")           # what each check of that chapter finds, in words

`claims.toml` holds the claims, `checks` the programs, `verdicts` says how a verdict is computed.
"""

import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from ..errors import check_choice
from .verdicts import Check, verdict


@dataclass(frozen=True)
class Claim:
    """A sentence of a document and its verdict.

    says: what the document says, in our words. true: what is true. check: module.name in `checks`,
    None while the chapter is not written. also: the same claim elsewhere.
    """

    id: str
    document: int
    section: str
    says: str
    verdict: str
    true: str
    chapter: str
    check: str | None = None
    also: str | None = None


@cache
def claims() -> tuple[Claim, ...]:
    """Return the whole ledger."""
    text = Path(__file__).with_name("claims.toml").read_text("utf-8")
    return tuple(Claim(**row) for row in tomllib.loads(text)["claim"])


def check_of(claim: Claim) -> Check | None:
    """Return the program that settles a claim, or None while its chapter is not written."""
    if claim.check is None:
        return None
    module, name = claim.check.split(".")
    return getattr(import_module(f".checks.{module}", __package__), name)


def settle(chapter: str) -> None:
    """Run the checks of a chapter's claims and print what each found.

    ✓: the document's statement held in that case, ✗: it did not; if a statement is missing, the
    one that the check plants is tried.

    Args:
        chapter: the file name of a chapter that has claims, without .ipynb.

    Raises:
        CourseError: for another name.
    """
    check_choice("chapter", chapter, sorted({c.chapter for c in claims()}))
    for claim in claims():
        if claim.chapter != chapter or (check := check_of(claim)) is None:
            continue
        cases = check.cases(check.document)
        print(_wrapped(f"{claim.id}  ", claim.says))
        print(_wrapped(f"  → {verdict(cases)}. ", claim.true, "    "))
        if not cases:
            print("    what this course gives in its place:")
        for case in cases or check.cases(check.planted):
            print(_wrapped(f"    {'✓' if case.holds else '✗'} ", f"{case.name}: {case.number}"))


def _wrapped(mark: str, text: str, indent: str | None = None) -> str:
    indent = indent or " " * len(mark)
    return textwrap.fill(
        text, 92, initial_indent=mark, subsequent_indent=indent, break_on_hyphens=False
    )
