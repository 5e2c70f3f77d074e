"""The ward on a page: patients drawn at random.

    Ward(chapter="6_clinic")          somebody nobody has seen
    Ward(chapter="6_clinic", seed=7)  always the same one

A lab with the sick run, thirteen readings that open one by one, a diagnosis to choose, a cure to
try. Without a front end a still of the run, with all answers closed.
"""

import base64
import html
import random

import ipywidgets as ipw
from IPython.display import Markdown, display

from course import CourseError
from course.errors import check_seed, shown
from course.lessons import Choice
from course.lessons.clinic.diseases import DISEASES, draw
from course.lessons.clinic.plans import Plan
from course.lessons.clinic.ward import READINGS, WELL, Treatment, examine

from ..common.front_end import has_front_end, pin
from ..common.knobs import button
from ..common.panel import spoken
from ..training.lab import TrainingLab
from .bet import Bet
from .reveal import bundle, words_of

INSTRUMENTS = ("loss", "validation", "gradient norm")
KNOBS = [name for name in Plan.__dataclass_fields__ if name not in ("seed", "steps")]
NUMBERS = 10**6  # patients to draw from
STORY = (
    "Somebody trained it on the digits, by plain gradient descent, and it is not well in use: the "
    "test rows are those of use, the validation rows were kept aside. Open the readings that you "
    "want, and as few as you can. Three are enough."
)
CURE = (
    "Change one thing in the plan of the run. It is trained again on three seeds, and the lab "
    "shows the first. Cured: more than {well:.0%} of the answers in use are right on each seed."
)


def number_or_word(text: str) -> object:
    """Return what a hand has typed as Python has it: a number, True, False, or the word itself."""
    word = text.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return word


def said(treatment: Treatment) -> str:
    """Return how a cure did, in words."""
    rights = ", ".join(f"{share:.0%}" for share in treatment.right)
    word = "Cured" if treatment.cured else "Not cured"
    return f"{word}: on three seeds {rights} of the answers in use are right."


class Ward:
    """A patient drawn at random, to examine, to name and to cure; then the next one.

    Args:
        chapter: the file name of the chapter, for the file of predictions.
        seed: of the draw, from 0; None draws one that nobody has seen.
        interactive: whether it has controls; None finds out.

    Attributes:
        patient: who is in.
        lab: the lab with the sick run, or with the latest cure.
        bet: on the diagnosis.
        opened: the readings opened so far, {name: value}.

    Raises:
        CourseError: for a seed that is no whole number from 0.
    """

    def __init__(self, chapter: str, seed: int | None = None, interactive: bool | None = None):
        self.chapter = chapter
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self.box = ipw.VBox() if self.interactive else None
        self.lab: TrainingLab | None = None
        self.admit(seed)

    # ---- who is in ----------------------------------------------------------------------------

    def admit(self, seed: int | None = None) -> None:
        """Draw a patient; the one before leaves.

        Args:
            seed: as in `Ward`.
        """
        self.seed = check_seed(seed) if seed is not None else random.randrange(NUMBERS)
        self.patient = draw(self.seed)
        self.readings = examine(self.patient.plan)
        self.opened: dict[str, float] = {}
        self._show_run(self.patient.plan)
        self.bet = Bet(
            f"Patient {self.seed}: what is wrong with it?", self._explain,
            Choice(*(disease.name for disease in DISEASES)), self.chapter,
            interactive=self.interactive,
        )  # fmt: skip
        if self.box is not None:
            self._build()

    def _show_run(self, plan: Plan) -> None:
        """Open a lab in which a plan has been run to its end."""
        if self.lab is not None:
            self.lab.close()
        self.lab = TrainingLab(
            plan.trainer(), steps=plan.steps, instruments=INSTRUMENTS,
            interactive=self.interactive, name=f"the ward of {self.chapter}",
        )  # fmt: skip
        self.lab.run(plan.steps)

    def _build(self) -> None:
        story = ipw.HTML(self._story()).add_class("face-case")
        self._keys = {
            name: button(name, "", lambda name=name: self.open(name), hint=READINGS[name])
            for name in READINGS
        }
        keys = ipw.HBox([*self._keys.values()], layout=ipw.Layout(flex_flow="row wrap"))
        self._list = ipw.HTML()
        readings = ipw.VBox([keys.add_class("face-acts"), self._list])
        self._knob = ipw.Dropdown(options=KNOBS, description="change", disabled=False)
        self._value = ipw.Text(description="to", continuous_update=False)
        self._knob.observe(lambda _: self._offer(), "value")
        acts = ipw.HBox([
            self._knob, self._value, button("Try the cure", "", self.try_cure, "face-main"),
            button("Next patient", "", self.admit),
        ], layout=ipw.Layout(flex_flow="row wrap")).add_class("face-acts")  # fmt: skip
        self._said = ipw.HTML().add_class("face-said")
        words = ipw.HTML(f"<p>{html.escape(CURE.format(well=WELL))}</p>")
        cure = ipw.VBox([words, acts, self._said])
        for part in (readings, cure):
            part.add_class("face").add_class("face-bet")
        self._offer()
        assert self.box is not None and self.lab is not None
        self._place = 1  # of the lab
        self.box.children = [story, self.lab.panel.box, readings, self.bet.box, cure]

    def _story(self) -> str:
        return f"<p><b>Patient {self.seed}.</b> {html.escape(STORY)}</p>"

    # ---- to examine, to name, to cure -----------------------------------------------------------

    def open(self, name: str) -> float:
        """Open a reading; return its value.

        Args:
            name: of `course.lessons.clinic.ward.READINGS`.

        Raises:
            CourseError: for another name.
        """
        if name not in READINGS:
            raise CourseError(
                f"reading {shown(name)} is unknown; allowed: {', '.join(READINGS)}; open one of "
                "these"
            )
        self.opened[name] = self.readings[name]
        if self.box is not None:
            self._keys[name].disabled = True
            rows = "".join(
                f"<li><b>{value:.3g}</b> {html.escape(READINGS[name])}</li>"
                for name, value in self.opened.items()
            )
            count = len(self.opened)
            noun = "reading" if count == 1 else "readings"
            self._list.value = f"<ul>{rows}</ul>" + spoken(f"{count} {noun} opened.")
        return self.readings[name]

    def try_cure(self) -> None:
        """Try the cure that stands in the form, and show its run."""
        self._say("Training on three seeds …")
        try:
            self._say(said(self.treat(**{self._knob.value: number_or_word(self._value.value)})))
        except (Exception, KeyboardInterrupt) as error:
            self._say(words_of(error))

    def treat(self, **changes) -> Treatment:
        """Train again with changes of the plan, on three seeds; the lab shows the first.

        Args:
            changes: fields of `course.lessons.clinic.plans.Plan`.

        Raises:
            CourseError: for a field that is unknown, or a value that is not allowed.
        """
        treatment = self.patient.check(**changes)
        self._show_run(self.patient.treated(**changes))
        if self.box is not None and self.lab is not None:
            children = list(self.box.children)
            children[self._place] = self.lab.panel.box
            self.box.children = children
        return treatment

    def _offer(self) -> None:
        """Put the value that a knob has into the form."""
        self._value.value = str(getattr(self.patient.plan, self._knob.value))

    def _say(self, words: str) -> None:
        self._said.value = spoken(words)

    def _explain(self) -> str:
        """Show what the patient has, and how its cure does; return the name of the disease."""
        disease = self.patient.disease
        signs = "".join(
            f"* {READINGS[name]}: {self.readings[name]:.3g}\n" for name in disease.symptoms
        )
        knobs = ", ".join(f"{name} = {value!r}" for name, value in disease.cure.items())
        tried = f"With {knobs}: {said(self.patient.check(**disease.cure))}"
        display(Markdown(f"{signs}\n{disease.explanation}\n\n{tried}"))
        return disease.name

    # ---- the page -------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include=None, exclude=None):
        assert self.lab is not None
        if self.box:
            pin(self.lab)
        alt = html.escape(self.lab.summary())
        png = base64.b64encode(self.lab.still()).decode() if not self.box else ""
        stored = (
            f'{self._story()}\n<img src="data:image/png;base64,{png}" alt="{alt}" '
            'style="max-width:100%;height:auto"/>\n'
            f"{self.bet._repr_mimebundle_().get('text/html', '')}"
        )
        return bundle(f"Patient {self.seed}. {STORY}", self.box, stored)
