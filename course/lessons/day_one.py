"""Day-one verdicts: what a learner thinks of ten of the documents' sentences, before the course.

    judge_sentence("D2-1", "wrong")   noted at once, in the same file as predictions
    day_one_verdicts()                {"D2-1": "wrong"}, to stand beside the ledger in the errata

The ten are asked before their chapters, so nothing here tells what the ledger says of them.
"""

from datetime import UTC, datetime
from pathlib import Path

from ..errors import check_choice
from .ledger import Claim, claims
from .predictions import Predictions

SENTENCES = (  # true ones among them, and such as are true under a condition
    "D0-1", "D1-1a", "D2-1", "D2-2a", "D0-2.3", "D1-2a", "D1-3.2a", "D2-3b", "D4-3.1b", "D3-6.1",
)  # fmt: skip
VERDICTS = ("holds", "imprecise", "wrong", "no idea")
KEY = "day_one"  # of the file


def day_one_claims() -> list[Claim]:
    """Return the ten claims, in the order in which they are asked."""
    known = {claim.id: claim for claim in claims()}
    return [known[name] for name in SENTENCES]


def judge_sentence(claim: str, verdict: str | None, path: str | Path | None = None) -> None:
    """Note a verdict, in the place of an earlier one on the same claim.

    Args:
        claim: an id of `SENTENCES`.
        verdict: one of `VERDICTS`; None takes the earlier one back.
        path: of the progress file; None: the usual one.

    Raises:
        CourseError: for another id or verdict, and a file that cannot be written.
    """
    check_choice("claim", claim, SENTENCES)
    if verdict is not None:
        check_choice("verdict", verdict, VERDICTS)
    entry = {"claim": claim, "verdict": verdict,
             "when": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip

    def note(saved: dict) -> None:
        before = saved.get(KEY, [])
        entries = before if isinstance(before, list) else [before]  # what is odd stays
        kept = [e for e in entries if not (_is_entry(e) and e["claim"] == claim)]
        saved[KEY] = kept if verdict is None else [*kept, entry]

    Predictions(path).change(note)


def day_one_verdicts(path: str | Path | None = None) -> dict[str, str]:
    """Return the verdicts given so far, {claim id: verdict}, in the order of `SENTENCES`.

    Args:
        path: of the progress file; None: the usual one.
    """
    noted = Predictions(path).saved.get(KEY)
    entries = filter(_is_entry, noted if isinstance(noted, list) else [])
    given = {entry["claim"]: entry["verdict"] for entry in entries}
    return {claim: given[claim] for claim in SENTENCES if claim in given}


def _is_entry(entry) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("claim") in SENTENCES
        and entry.get("verdict") in VERDICTS
    )
