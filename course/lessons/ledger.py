"""The ledger: every claim of the five documents, its verdict, and the program that settles it.

    settle("3_04_momentum")           # what each check of that chapter finds, in words

`claims.toml` holds the claims. A check examines a *statement* (a formula as a function, a number)
in several cases. Where it holds in all, the claim **holds**; in some, it is **imprecise**; in none,
**wrong**. A document that announces a formula and gives none is **missing** it. Each check also
knows a planted falsehood: another statement, for which its verdict must turn out differently.
"""

import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import check_choice

VERDICTS = ("holds", "imprecise", "wrong", "missing")


@dataclass(frozen=True)
class Claim:
    """says: what the document says, in our words. true: what is true. check: module.name in
    `checks`, None while the chapter is not written. also: the same claim elsewhere."""

    id: str
    document: int
    section: str
    says: str
    verdict: str
    true: str
    chapter: str
    check: str | None = None
    also: str | None = None


@dataclass(frozen=True)
class Case:
    """One trial of a statement. number: what was measured, in words."""

    name: str
    holds: bool
    number: str


@dataclass(frozen=True)
class Check:
    """examine(statement) → cases; document: the statement as the document has it, None where it
    has none; planted: another statement, whose verdict must differ."""

    examine: Callable[[Any], list[Case]]
    document: Any
    planted: Any

    def cases(self, statement: Any) -> list[Case]:
        return [] if statement is None else self.examine(statement)

    def verdict(self, statement: Any) -> str:
        return verdict(self.cases(statement))


def verdict(cases: list[Case]) -> str:
    """holds, imprecise or wrong: true in all, some or none of the cases; missing: no cases."""
    if not cases:
        return "missing"
    held = sum(case.holds for case in cases)
    return "holds" if held == len(cases) else "imprecise" if held else "wrong"


@cache
def claims() -> tuple[Claim, ...]:
    """The whole ledger."""
    text = Path(__file__).with_name("claims.toml").read_text("utf-8")
    return tuple(Claim(**row) for row in tomllib.loads(text)["claim"])


def check_of(claim: Claim) -> Check | None:
    """The program that settles a claim, or None while its chapter is not written."""
    if claim.check is None:
        return None
    module, name = claim.check.split(".")
    return getattr(import_module(f".checks.{module}", __package__), name)


def settle(chapter: str) -> None:
    """Run the checks of a chapter's claims and print what each found.

    ✓: the document's statement held in that case, ✗: it did not; where a statement is missing,
    the one that the check plants is tried. Raises `CourseError` for a chapter of no claim.
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
