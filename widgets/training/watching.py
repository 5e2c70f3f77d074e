"""How a training lab looks at its run: samples, instruments, hues of branches, the picture.

Only the thread that steps may call what is here.
"""

import bisect
import weakref

import numpy as np

from course.training.timeline import Branch

from . import marks, numbers, plans, sampling
from .instrument import Instrument
from .instruments import FAULTS, INSTRUMENTS, guarded
from .scene import parting
from .strips import Strips
from .view import Eye, View, undrawn

HUES = ("run", "run2", "run3", "dim")


class Watching:
    """What a lab knows about its run besides the run itself.

    Args:
        names: of instruments, keys of `INSTRUMENTS`.

    Attributes:
        instruments: {name: instrument} that are on.
        started: {knob: number or schedule} at the first step.
        probe: None or (step, weights before it, weights after it).
        message: why a sample or an instrument failed, if the last one did.
    """

    def __init__(self, names, trainer):
        self.instruments: dict[str, Instrument] = {name: INSTRUMENTS[name]() for name in names}
        self.started = trainer.knobs() | plans.standing(trainer)
        self.strips, self.eye = Strips(), Eye()
        self.probe: tuple | None = None
        self.message = ""
        self.aside: sampling.Sample | None = None  # of a turn in the past: no branch has it yet
        self._branch: Branch | None = None  # of the last sample or picture
        self._hues: weakref.WeakKeyDictionary[Branch, str] = weakref.WeakKeyDictionary()

    def switch(self, name: str, on: bool, view: View) -> None:
        """Switch an instrument on or off."""
        if not on:
            self.instruments.pop(name, None)
        elif name not in self.instruments:
            self.instruments[name] = INSTRUMENTS[name]()
            self._look(name, view)

    def sample(self, view: View) -> None:
        """Measure the run at this step; a later sample of the same step replaces it.

        In the past what is known stays: a sample there is for the branch that a turn starts.
        """
        self.message, self.aside = "", None
        self._follow(view.branch)
        try:
            sample = sampling.measure(view)
        except FAULTS as error:  # of a learner's module: looking must not stop the run
            self.message = f"The evaluation failed: {type(error).__name__}: {error}"
            return
        if view.step < view.branch.end:
            self.aside = sample
        else:
            put(view.branch.evaluations, sample)
        for name in self.instruments:
            self._look(name, view)

    def _follow(self, branch: Branch) -> None:
        """Let the instruments forget another branch, from where the two parted."""
        if self._branch is not None and self._branch is not branch:
            for instrument in self.instruments.values():
                instrument.forget(parting(self._branch, branch))
        self._branch = branch

    def _look(self, name: str, view: View) -> None:
        try:
            self.instruments[name].look(view)
        except FAULTS as error:
            self.message = f"The instrument “{name}” failed: {type(error).__name__}: {error}"

    def part(self, branch: Branch) -> None:
        """Give a branch that has just begun the sample of the turn that started it."""
        if self.aside is not None and self.aside.step == branch.left_at:
            put(branch.evaluations, self.aside)
        self.aside = None

    def samples(self, branch: Branch, step: int) -> list:
        """Return the samples of a branch, that of a turn at this step among them."""
        samples = list(branch.evaluations)
        if self.aside is not None and self.aside.step == step:
            put(samples, self.aside)
        return samples

    def hue(self, branch: Branch, branches: list[Branch]) -> str:
        """Return the hue of a branch, which it keeps; one of `HUES`."""
        if branch not in self._hues:
            used = {self._hues[b] for b in branches if b in self._hues}
            self._hues[branch] = next((hue for hue in HUES if hue not in used), HUES[-1])
        return self._hues[branch]

    def speak(self, view: View) -> str:
        """Return the state in words, with those of the instruments that have some."""
        heard = (instrument.words(view) for instrument in self.instruments.values())
        return " ".join(filter(None, [numbers.sentence(view), *heard]))

    # ---- the picture ------------------------------------------------------------------------

    def describe(self, view: View, playing: bool) -> dict:
        """Return the picture of a run (see `widgets.common.picture`)."""
        self._follow(view.branch)
        with undrawn(view.source):
            scene = self.strips.scene(view)
            strips, below = [], []
            for name, instrument in self.instruments.items():
                parts = guarded(lambda i=instrument: [i.strip(scene)], name)
                notes = [p for p in parts if p and p["kind"] == "note"]
                strips += [p for p in parts if p and p["kind"] != "note"]
                below += notes
            side: list[dict] = []
            for name, instrument in self.instruments.items():
                panels = guarded(lambda i=instrument: panels_of(i, view, scene.arrays), name)
                (side if name == "network" else below).extend(panels)
        return {
            "step": view.step, "horizon": max(view.planned, view.branch.end),
            "end": view.branch.end, "playing": playing, "strips": strips,
            "turns": marks.turns(view.branch.knobs, max(view.planned, view.branch.end)),
            "side": side, "below": below,
            "arrays": {name: np.array(values) for name, values in scene.arrays.items()},
        }  # fmt: skip


def put(samples: list, sample: sampling.Sample) -> None:
    """Put a sample where its step belongs, in place of one of the same step."""
    at = bisect.bisect_left([s[0] for s in samples], sample.step)
    samples[at : at + (at < len(samples) and samples[at][0] == sample.step)] = [sample]


def panels_of(instrument: Instrument, view: View, arrays: dict) -> list[dict]:
    """Return an instrument's panels, and add what they need to `arrays` unless it fails."""
    fresh: dict[str, np.ndarray] = {}
    panels = instrument.panels(view, fresh)
    arrays |= fresh
    return panels
