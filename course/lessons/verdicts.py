"""Verdicts: whether a statement of a document is true, computed from cases.

A check examines a *statement* (a formula as a function, a number, what a sentence promises) in
several cases. Each case is *core*, what the sentence is there to say, or an *aside*. The core cases
alone decide: if the statement holds in all of them, the claim **holds**; in some, it is
**imprecise**; in none, **wrong**. Asides are shown. A document that announces a formula and gives
none is **missing** it. Each check also knows a planted falsehood: another statement, for which its
verdict must turn out differently.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

VERDICTS = ("holds", "imprecise", "wrong", "missing")


@dataclass(frozen=True)
class Case:
    """One trial of a statement.

    name: the trial. holds: if the statement is true there. number: what was measured, in words.
    aside: shown, but without a say in the verdict.
    """

    name: str
    holds: bool
    number: str
    aside: bool = False


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
    """Return holds, imprecise or wrong: true in all, some or none of the core cases.

    missing: there are no core cases.
    """
    core = [case.holds for case in cases if not case.aside]
    if not core:
        return "missing"
    return "holds" if all(core) else "imprecise" if any(core) else "wrong"
