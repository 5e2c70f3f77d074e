"""Bets on a page.

    bet = Bet("Which way does the weight go?", experiment, Choice("up", "down"),
              chapter="3_05_clipping"); bet

Live, the experiment runs when the bet is placed or waived, never with the cell. Without a front end
it runs at once and is stored closed. What depends on the result waits for the bet as well:

    bet.then(function, "A title")     what a function makes of the result
    bet.tell("What came out")         a text of the chapter
"""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as ipw
from IPython.display import Markdown, display

from course import CourseError
from course.errors import shown
from course.lessons.answers import Answer
from course.lessons.bets import Wager
from course.lessons.texts_after_bets import read_text

from ..common.front_end import has_front_end
from ..common.knobs import button
from ..common.panel import spoken
from .answer_forms import FORMS
from .reveal import Reveal, bundle, words_of

TITLE = "The experiment"
HERE = Path(__file__).parent
STYLES = (HERE.parent / "common/face.css", HERE / "lessons.css")


def style() -> ipw.HTML:
    """Return the style sheet as a widget: a bet needs core ipywidgets only."""
    rules = "\n".join(path.read_text("utf-8") for path in STYLES)
    return ipw.HTML(f"<style>{rules}</style>", layout=ipw.Layout(display="none"))


class Bet:
    """A bet, with the experiment inside its reveal.

    Args:
        question, experiment, answer, chapter, outcome: as `course.lessons.bets.Wager` takes them.
        interactive: whether a reader can bet; None finds out.

    Raises:
        CourseError: for bad values; and what the experiment raises, when it runs at once.
    """

    def __init__(
        self, question: str, experiment: Callable[[], Any], answer: Answer, chapter: str,
        outcome: Callable[[Any], Any] | None = None, interactive: bool | None = None,
    ):  # fmt: skip
        self._wager = Wager(question, experiment, answer, chapter, outcome)
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self._reveal = Reveal(TITLE, self.interactive)
        self._later: list[tuple[Reveal, Callable]] = []
        self.box: ipw.VBox | None = None
        if self.interactive:
            self._build()
        else:
            self._reveal.fill(lambda: print(self._wager.waive()))

    def _build(self) -> None:
        self._form = FORMS[type(self._wager.answer)](self._wager.answer)
        self._place = button("Place the bet", "", self.place, "face-main")
        self._waive = button("Open without a bet", "", self.waive)
        self.sentence = ipw.HTML().add_class("face-said")
        question = ipw.HTML(f"<p>{html.escape(self._wager.question)}</p>")
        self._acts = ipw.HBox([self._place, self._waive]).add_class("face-acts")
        self.box = ipw.VBox([
            style(), question.add_class("face-question"), self._form.box, self._acts, self.sentence,
            self._reveal.box,
        ]).add_class("face").add_class("face-bet")  # fmt: skip

    def place(self) -> None:
        """Place the bet as it stands in the form."""
        self._open(lambda: self._wager.place(self._form.read()))

    def waive(self) -> None:
        """Open the experiment without a bet."""
        self._open(self._wager.waive)

    def then(self, function: Callable[[Any], Any], title: str = "What follows") -> Reveal:
        """Return a reveal that stays closed as long as the experiment.

        Args:
            function: takes what the experiment returned, and prints and shows what follows.
            title: what the reveal is about, without telling the result.

        Raises:
            CourseError: for what is not a function.
        """
        if not callable(function):
            raise CourseError(f"function = {shown(function)}; allowed: a function; give one")
        reveal = Reveal(title, self.interactive)
        if reveal.box:
            reveal.box.add_class("face").add_class("face-bet")
        self._later.append((reveal, function))
        if self._wager.is_open:
            self._follow(reveal, function)
        return reveal

    def tell(self, title: str) -> Reveal:
        """Return a reveal with a text of the chapter, which the notebook must not hold.

        Args:
            title: of a text in `course/lessons/after_bets/`.

        Raises:
            CourseError: for an unknown title.
        """
        text = read_text(self._wager.chapter, title)
        return self.then(lambda found: display(Markdown(text)), title)

    def _follow(self, reveal: Reveal, function: Callable) -> None:
        reveal.fill(lambda: self._wager.follow(function))

    def _open(self, act: Callable[[], str]) -> None:
        """Let the experiment run, and then whatever waits for it. Complaints show as words."""
        if self._wager.is_open:
            return  # a second press, which came while the first was at work
        self._lock(True)
        try:
            words = self._reveal.fill(act)
        except CourseError as error:
            self._say(str(error))
            self._lock(False)
            return
        except (Exception, KeyboardInterrupt) as error:  # of the experiment
            self._lock(False)
            self._say(f"The experiment stopped: {words_of(error)}")
            return
        self._form.close(self._wager.result)
        self._acts.layout.display = "none"
        self._say(words)
        for reveal, function in self._later:
            try:
                self._follow(reveal, function)
            except (Exception, KeyboardInterrupt) as error:
                reveal.words.value = html.escape(f"{reveal.title}: {words_of(error)}")

    def _lock(self, on: bool) -> None:
        self._place.disabled = self._waive.disabled = on

    def _say(self, words: str) -> None:
        self.sentence.value = spoken(words)

    def _repr_mimebundle_(self, include=None, exclude=None):
        words = self._wager.question
        options = getattr(self._wager.answer, "options", ())
        items = "".join(f"<li>{html.escape(option)}</li>" for option in options)
        stored = f"<p><b>Bet: {html.escape(words)}</b></p>\n"
        stored += f"<ul>{items}</ul>\n" if items else ""
        return bundle(f"Bet: {words} [closed]", self.box, stored + self._reveal.stored)
