"""Verdicts: whether a statement of a document is true, computed from cases.

A check examines a *statement* (a formula as a function, a number) in several cases. If it holds
in all, the claim **holds**; in some, it is **imprecise**; in none, **wrong**. A document that
announces a formula and gives none is **missing** it. Each check also knows a planted falsehood:
another statement, for which its verdict must turn out differently.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

VERDICTS = ("holds", "imprecise", "wrong", "missing")


@dataclass(frozen=True)
class Case:
    """One trial of a statement. holds: if it is true there. number: what was measured, in words."""

    name: str
    holds: bool
    number: str


@dataclass(frozen=True)
class Check:
    """A program that settles a claim.

    Args:
        examine: called as examine(statement); returns the cases.
        document: the statement as the document has it; None if it has none.
        planted: another statement, whose verdict must differ.
    """

    examine: Callable[[Any], list[Case]]
    document: Any
    planted: Any

    def cases(self, statement: Any) -> list[Case]:
        """Return what each trial of the statement found; none for a missing statement."""
        return [] if statement is None else self.examine(statement)

    def verdict(self, statement: Any) -> str:
        """Return the verdict of a statement, one of `VERDICTS`."""
        return verdict(self.cases(statement))


def verdict(cases: list[Case]) -> str:
    """Return holds, imprecise or wrong: true in all, some or none; missing: there are no cases."""
    if not cases:
        return "missing"
    held = sum(case.holds for case in cases)
    return "holds" if held == len(cases) else "imprecise" if held else "wrong"
