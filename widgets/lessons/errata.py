"""The ledger on a page: every claim of the documents, filtered by what a reader chooses.

    Errata()

A row opens to what is true. *Run the checks* settles the rows that are shown, one after the other,
and puts every case with its number into them. Without a front end all are settled and stored.
"""

from typing import Any

import ipywidgets as ipw
from IPython.display import Markdown

from course import CourseError
from course.lessons import errata
from course.lessons.ledger import Claim
from course.lessons.settled import Row, Rows
from course.lessons.verdicts import VERDICTS

from ..common.front_end import has_front_end
from ..common.knobs import button
from ..common.panel import spoken
from .bet import style
from .keys import Keys

SECTIONS = ("background", "core concepts", "core algorithms", "code examples",
            "trends and challenges", "questions")  # fmt: skip
EVERY = "all"
FILTERS: dict[str, tuple[str, list[tuple[str, Any]]]] = {  # name: (label, [(words, value), …])
    "document": ("document", [(f"D{n}", n) for n in errata.DOCUMENTS]),
    "section": ("section", [(f"{n} {SECTIONS[n - 1]}", n) for n in errata.SECTIONS]),
    "verdict": ("verdict", [(word, word) for word in VERDICTS]),
    "day_one": ("you", [(word, word) for word in (errata.DAY_ONE, errata.OTHERWISE)]),
}


class Errata:
    """Every claim of the five documents, with its verdict.

    Args:
        interactive: whether a reader can filter; None finds out.

    Attributes:
        chosen: the claims that are shown.
        rows: {claim id: its row}; of those whose check has run, with every case.
        filters: {name: the list of its values}; empty without a front end.
        box: the widget; None without a front end.
    """

    def __init__(self, interactive: bool | None = None):
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self.chosen = errata.select()
        self.rows = {claim.id: errata.unsettled(claim) for claim in self.chosen}
        self.filters: dict[str, ipw.Dropdown] = {}
        self.box: ipw.VBox | None = None
        if self.interactive:
            self._build()
        else:
            self.settle()

    def _build(self) -> None:
        for name, (label, values) in FILTERS.items():
            options = [(EVERY, EVERY), *values]  # a list whose value is None shows no choice
            self.filters[name] = ipw.Dropdown(options=options, value=EVERY, description=label)
            self.filters[name].observe(lambda change: self._filter(), "value")
        self.words = ipw.Text(description="words", placeholder="as: momentum, gradient",
                              continuous_update=False)  # fmt: skip
        self.words.observe(lambda change: self._filter(), "value")
        self.run = button("Run the checks of these", "", self.settle, "face-main")
        self.sentence = ipw.HTML().add_class("face-said")
        self.output = ipw.Output()
        fields = ipw.HBox([*self.filters.values(), self.words]).add_class("face-filters")
        acts = ipw.HBox([self.run]).add_class("face-acts")
        self.box = ipw.VBox([style(), fields, acts, self.sentence, self.output, Keys()])
        self.box.add_class("face").add_class("face-bet")
        self._filter()

    def show(self, **conditions) -> None:
        """Show the claims that meet some conditions, as `course.lessons.errata.select` takes them.

        Raises:
            CourseError: for another value; what is shown stays.
        """
        self.chosen = errata.select(**conditions)
        self._paint()

    def settle(self) -> None:
        """Run the checks of the claims that are shown and have not run yet."""
        todo = [claim for claim in self.chosen if not self.rows[claim.id].cases]
        if self.interactive:
            self.run.disabled = True
        try:
            for number, claim in enumerate(todo, 1):
                self._say(f"Check {number} of {len(todo)}: {claim.id} …")
                self.rows[claim.id] = errata.settled(claim)
        except (CourseError, KeyboardInterrupt) as error:
            self._paint(f"Stopped: {error or 'interrupted'}. ")
        else:
            self._paint(f"Checks that ran: {len(todo)}. ")
        finally:
            if self.interactive:
                self.run.disabled = False

    def shown(self) -> list[Row]:
        """Return the rows of the claims that are shown."""
        return [self.rows[claim.id] for claim in self.chosen]

    def _filter(self) -> None:
        chosen = {name: one.value for name, one in self.filters.items() if one.value != EVERY}
        self.show(**chosen, words=self.words.value)

    def _paint(self, news: str = "") -> None:
        if not self.interactive:
            return
        text = Rows(self.shown())._repr_markdown_() or "Nothing meets all of this."
        data = {"text/markdown": text, "text/plain": repr(Markdown(text))}
        self.output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)
        self._say(news + count_of(self.chosen))

    def _say(self, words: str) -> None:
        if self.interactive:
            self.sentence.value = spoken(words)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if self.box is None:
            rows = Rows(self.shown())
            return {"text/plain": repr(rows), "text/markdown": rows._repr_markdown_()}
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        words = count_of(self.chosen)
        return {"text/plain": words, "application/vnd.jupyter.widget-view+json": view}


def count_of(chosen: list[Claim]) -> str:
    """Return how many claims there are, and how many of each verdict, as a sentence."""
    counts = {verdict: n for verdict, n in errata.tally(chosen)[-1].items() if n}
    total = counts.pop("claims", 0)
    counts.pop("document")
    kinds = ", ".join(f"{verdict} {n}" for verdict, n in counts.items())
    return f"{total} of {len(errata.select())} claims" + (f": {kinds}." if kinds else ".")
