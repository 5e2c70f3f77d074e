"""The errata: the whole ledger, chosen by document, section, verdict and words.

chosen = select(document=4, verdict="wrong")
unsettled(chosen[0])                          its row, before its check has run
settled(chosen[0])                            the same, with every case and its number
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from ..errors import CourseError, check_choice, shown
from ..training.replay import threads
from .contents import chapter
from .day_one import day_one_verdicts
from .ledger import Claim, claims, row
from .settled import Row
from .verdicts import VERDICTS

DOCUMENTS = tuple(range(5))
SECTIONS = tuple(range(1, 7))
DAY_ONE = "judged on day one"
OTHERWISE = "judged otherwise on day one"


def select(
    document: int | None = None, section: int | None = None, verdict: str | None = None,
    day_one: str | None = None, words: str = "",
) -> list[Claim]:  # fmt: skip
    """Return the claims that meet every condition, in the order of the documents.

    Args:
        document: its number, 0 to 4; None: all.
        section: its first number, 1 to 6; None: all.
        verdict: one of `VERDICTS`; None: all.
        day_one: `DAY_ONE` or `OTHERWISE`, by the learner's own verdicts in chapter 00; None: all.
        words: what stands in the id, the claim or the truth, each word anywhere, in any case.

    Raises:
        CourseError: for another value.
    """
    for name, value, allowed in (
        ("document", document, DOCUMENTS), ("section", section, SECTIONS),
        ("verdict", verdict, VERDICTS), ("day_one", day_one, (DAY_ONE, OTHERWISE)),
    ):  # fmt: skip
        if value is not None:
            check_choice(name, value, allowed)
    if not isinstance(words, str):
        raise CourseError(f"words = {shown(words)}; allowed: a text; give words to search for")
    own = day_one_verdicts()

    def fits(claim: Claim) -> bool:
        text = f"{claim.id} {claim.also or ''} {claim.says} {claim.true}".casefold()
        return (
            document in (None, claim.document)
            and section in (None, int(claim.section[0]))
            and verdict in (None, claim.verdict)
            and (day_one is None or claim.id in own)
            and (day_one != OTHERWISE or own[claim.id] != claim.verdict)
            and all(word in text for word in words.casefold().split())
        )

    return sorted(filter(fits, claims()), key=place)


def place(claim: Claim) -> list[tuple[int, str]]:
    """Return what puts section 3.10 behind 3.9, and 3.1b behind 3.1a."""
    return [(int(n or 0), letter) for n, letter in re.findall(r"(\d+)|([a-z])", claim.id)]


def unsettled(claim: Claim) -> Row:
    """Return the row of a claim with the verdict of the ledger; its check does not run."""
    return with_notes(Row(claim.id, claim.says, claim.true, claim.core, claim.verdict), claim)


def settled(claim: Claim) -> Row:
    """Run the check of a claim; return its row, with every case and its number."""
    with threads(1):
        return with_notes(row(claim), claim)


def with_notes(row: Row, claim: Claim) -> Row:
    """Return a row that also says where its claim stands, what settles it, what a learner said."""
    where = f"Document D{claim.document}, section {claim.section}"
    notes = [f"{where}, and {claim.also}." if claim.also else f"{where}."]
    settles = chapter(claim.chapter)
    notes.append(f"Settled in [{settles.title}]({settles.file}.ipynb).")
    if own := day_one_verdicts().get(claim.id):
        notes.append(f"On day one you said: {own}.")
    return replace(row, notes=(" ".join(notes),))


def tally(chosen: Iterable[Claim]) -> list[dict]:
    """Return how many of some claims have each verdict, a row for each document and one for all."""
    chosen = list(chosen)
    rows = [(f"D{number}", [c for c in chosen if c.document == number]) for number in DOCUMENTS]
    return [
        {"document": name, "claims": len(those)}
        | {verdict: Counter(c.verdict for c in those)[verdict] for verdict in VERDICTS}
        for name, those in [*rows, ("all", chosen)]
    ]
