"""Patients on a page.

    Patient("A", chapter="3_03_gradient_descent")

A lab in which the sick run has been repeated, what the instruments say, a diagnosis to choose, and
the cure: the knobs of the lab. Without a front end a still of the run, all answers closed.
"""

import base64
import html

import ipywidgets as ipw
from IPython.display import Markdown, display

from course import CourseError
from course.errors import check_choice, shown
from course.lessons import Case, Choice
from course.lessons.cases import LOSSES, READINGS, read_symptoms
from course.lessons.clinic import patients
from course.training.recipe import Recipe

from ..common.front_end import has_front_end, pin
from ..common.knobs import button
from ..common.panel import spoken
from ..training.lab import TrainingLab
from .bet import Bet
from .reveal import bundle, words_of

INSTRUMENTS = {
    "train": ("loss", "gradient norm", "activations", "layers"),
    "validation": ("loss", "validation", "layers"),
}
CURE = (
    "Turn the knobs of the lab, then check: the run is repeated on three seeds from its first "
    "step, with the knobs as they stand. The bar is a {loss} of {bar:g}."
)


class Patient:
    """A sick run to look at, to name and to cure.

    Args:
        case: a name of `course.lessons.clinic.patients`, or a `Case` of your own.
        chapter: the file name of the chapter, for the file of predictions.
        interactive: whether it has controls; None finds out.

    Attributes:
        lab: the lab with the sick run.
        bet: on the diagnosis.

    Raises:
        CourseError: for an unknown name.
    """

    def __init__(self, case: str | Case, chapter: str, interactive: bool | None = None):
        known = patients()
        self.case = case if isinstance(case, Case) else known[check_choice("case", case, known)]
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        watched = INSTRUMENTS[self.case.split]
        self.lab = TrainingLab(
            self.case.recipe, steps=self.case.recipe.steps, instruments=watched,
            interactive=self.interactive, name=f"patient {self.case.name}",
        )  # fmt: skip
        self.readings = self.lab.runner.ask(lambda: read_symptoms(self.lab.trainer))
        self.bet = Bet(
            f"Patient {self.case.name}: what is wrong with it?", self._explain,
            Choice(*self.case.diagnoses), chapter, interactive=self.interactive,
        )  # fmt: skip
        self.box: ipw.VBox | None = None
        if self.interactive:
            self._build()

    def _build(self) -> None:
        acts = ipw.HBox([button("Check the cure", "", self.check, "face-main")])
        self.sentence = ipw.HTML().add_class("face-said")
        words = CURE.format(bar=self.case.bar, loss=LOSSES[self.case.split])
        cure = ipw.VBox([
            ipw.HTML(f"<p>{html.escape(words)}</p>"),
            acts.add_class("face-acts"), self.sentence,
        ]).add_class("face").add_class("face-bet")  # fmt: skip
        self.box = ipw.VBox([
            ipw.HTML(self._story()).add_class("face-case"), self.lab.panel.box, self.bet.box, cure,
        ])  # fmt: skip

    def _story(self) -> str:
        signs = "".join(
            f"<li><b>{value:.3g}</b> {html.escape(READINGS[name])}</li>"
            for name, value in self.readings.items()
            if name != "gap" or self.case.split == "validation"  # else no rows are kept aside
        )
        title = f"<b>Patient {html.escape(self.case.name)}.</b>"
        return f"<p>{title} {html.escape(self.case.story)}</p>\n<ul>{signs}</ul>"

    def _explain(self) -> str:
        """Show what the patient has, and how the cure does; return the diagnosis."""
        signs = "".join(
            f"* {symptom.words} ({self.readings[symptom.reading]:.3g})\n"
            for symptom in self.case.symptoms
        )
        knobs = ", ".join(f"{name} = {value}" for name, value in self.case.cure.items())
        checkup = self.case.check(self.case.treated(**self.case.cure))
        tried = f"With {knobs}: {checkup.words()}"
        display(Markdown(f"{signs}\n{self.case.explanation}\n\n{tried}"))
        return self.case.diagnosis

    def prescribed(self) -> Recipe:
        """Return the run from its first step, with the lab's knobs as they stand."""
        lab = self.lab
        recipe = lab.runner.ask(lambda: lab.setup.changed(lab.trainer.settings()).recipe)
        if recipe is None:
            raise CourseError(f"{shown(lab)} holds another run; allowed: the patient's; make the "
                              "patient again")  # fmt: skip
        return recipe

    def check(self) -> None:
        """Repeat the run with the cure that the lab's knobs give, and say whether it helps."""
        self.lab.pause()
        self._say("Repeating the run …")
        try:
            self._say(self.case.check(self.prescribed()).words())
        except (Exception, KeyboardInterrupt) as error:
            self._say(words_of(error))

    def _say(self, words: str) -> None:
        self.sentence.value = spoken(words)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if self.box:
            pin(self.lab)
        words = f"Patient {self.case.name}. {self.case.story}"
        alt = html.escape(self.lab.summary())
        png = base64.b64encode(self.lab.still()).decode() if not self.box else ""
        stored = (
            f'{self._story()}\n<img src="data:image/png;base64,{png}" alt="{alt}" '
            'style="max-width:100%;height:auto"/>\n'
            f"{self.bet._repr_mimebundle_().get('text/html', '')}"
        )
        return bundle(words, self.box, stored)
