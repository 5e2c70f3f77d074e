"""Day-one verdicts on a page: ten sentences of the documents, a list of verdicts beside each.

    DayOne()

A choice is noted at once and can be changed; nothing tells whether it is right. The errata chapter
reads the choices again with `course.lessons.day_one_verdicts`.
"""

import html

import ipywidgets as ipw

from course import CourseError
from course.lessons.day_one import (
    SENTENCES,
    VERDICTS,
    day_one_claims,
    day_one_verdicts,
    judge_sentence,
)
from course.lessons.ledger import Claim

from ..common.front_end import has_front_end
from ..common.panel import spoken
from .bet import style
from .keys import Keys
from .reveal import bundle

OPEN = "your verdict …"


class DayOne:
    """Ten sentences to judge.

    Args:
        interactive: whether a reader can choose; None finds out.

    Attributes:
        lists: {claim id: the list of its verdicts}; empty without a front end.
        box: the widget; None without a front end.
    """

    def __init__(self, interactive: bool | None = None):
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self.lists: dict[str, ipw.Dropdown] = {}
        self.box: ipw.VBox | None = None
        if self.interactive:
            self._build()

    def _build(self) -> None:
        given = day_one_verdicts()
        for claim in day_one_claims():
            self.lists[claim.id] = self._list(claim, given.get(claim.id))
        self.words = ipw.HTML().add_class("face-said")
        rows = ipw.VBox(list(self.lists.values())).add_class("face-verdicts")
        parts = [style(), rows, self.words, Keys()]
        self.box = ipw.VBox(parts).add_class("face").add_class("face-bet")
        self._count()

    def _list(self, claim: Claim, verdict: str | None) -> ipw.Dropdown:
        """Return the list of a claim; its label is the sentence, for a screen reader too."""
        options = [(OPEN, ""), *((word, word) for word in VERDICTS)]
        choice = ipw.Dropdown(options=options, value=verdict or "", description=sentence(claim))
        choice.observe(lambda change: self.judge(claim.id, change["new"] or None), "value")
        return choice

    def judge(self, claim: str, verdict: str | None) -> None:
        """Note a verdict; what prevents it is told in words."""
        try:
            judge_sentence(claim, verdict)
        except CourseError as error:
            self._say(f"Your verdict is not noted: {error}.")
        else:
            self._count()

    def _count(self) -> None:
        judged = sum(choice.value != "" for choice in self.lists.values())
        self._say(f"{judged} of {len(self.lists)} sentences judged. You can change each verdict.")

    def _say(self, words: str) -> None:
        self.words.value = spoken(words)

    def _repr_mimebundle_(self, include=None, exclude=None):
        items = "".join(f"<li>{html.escape(sentence(claim))}</li>" for claim in day_one_claims())
        words = f"{len(SENTENCES)} sentences to judge: {', '.join(VERDICTS)}?"
        return bundle(words, self.box, f"<p><b>{words}</b></p>\n<ol>{items}</ol>")


def sentence(claim: Claim) -> str:
    """Return what a document says, and where."""
    says = claim.says.replace("*", "").rstrip(".")
    return f"{says[0].upper()}{says[1:]}. (D{claim.document}, section {claim.section})"
