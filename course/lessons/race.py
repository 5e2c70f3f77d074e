"""The race behind `DescentLab`: several optimisers on one surface, without any screen.

With noise on the gradient, `SEEDS` of each race: the first is shown, all give median and spread.
"""

from bisect import bisect_right

import numpy as np
import torch

from ..errors import CourseError, check_choice, check_count, check_number
from .racers import FIELDS, NAMES, OF_FORM, Racer, rates_for
from .surfaces import FORMS, SURFACES, Surface, make_surface

LONGEST = 10_000  # steps of one race
SEEDS = 9

CHOICES = {"surface": tuple(SURFACES), "form": FORMS, "replay": (False, True)}
RANGES = {  # knob: (low, high, remedy, and whether an end is excluded)
    "beta": (0, 1, "a common choice is 0.9", {"open_high": True}),
    "damping": (0, 1e9, "a common start is 1e-3", {}),
    "threshold": (0, 1e9, "a common choice is 1", {"open_low": True}),
    "noise": (0, 1e6, "0 switches it off", {}),
    "lr": (0, 1e9, "lower is safer", {}),
    "start": (-1000, 1000, "within the picture is best", {}),
}
SHAPE = ("surface", "condition", "rotation")  # knobs that make another surface
LIVE = ("lr", *FIELDS, "noise")  # knobs that turn the race on its way
SYMBOLS = {"beta": "β", "damping": "damping", "threshold": "clip at", "noise": "noise"}


class Race:
    """All of `NAMES` on one surface; the knob "racers" says which are shown.

    Attributes:
        knobs: a plain dict; `change` is the only way to turn one.
        racers: {name: Racer}, of the first seed.
        others: {name: [Racer, …]}, of the other seeds; empty without noise.
        step_count: the steps made.
        reached: the last step that the race has had; `go_to` may have gone back from there.
    """

    surface: Surface
    racers: dict[str, Racer]
    others: dict[str, list[Racer]]

    def __init__(self, **knobs):
        given = {knob: value for knob, value in knobs.items() if value is not None}
        self.knobs: dict = {
            "surface": "ravine", "condition": 100.0, "rotation": 0.0,
            "start": (), "lr": {}, "racers": NAMES[:2], "beta": 0.9, "threshold": 1.0,
            "damping": 1e-3, "noise": 0.0, "form": FORMS[0], "replay": False,
        }  # fmt: skip
        self.change(**{"surface": self.knobs["surface"], **given})

    # ---- knobs ----------------------------------------------------------------------------

    def change(self, **changes) -> None:
        """Turn knobs: check all, then keep all.

        The race begins again if the surface or the start moves; with all other knobs it goes on
        from where the points are, and what lay ahead of a past step is forgotten.

        Args:
            surface: brings its own start and rates.
            condition, rotation: of the quadratic alone.
            lr: one number for all but Newton, or {racer: rate}.
            start: (x, y).
            point: (α, β): the rate of the racer that the diagram is about, and β.
            noise: the standard deviation of what is added to each part of the gradient.

        Raises:
            CourseError: for a value that does not fit; nothing has changed.
        """
        new = self.knobs | {knob: changes[knob] for knob in SHAPE if knob in changes}
        surface = self._surface(new) if changes.keys() & SHAPE else self.surface
        if "surface" in changes:
            new["start"], new["lr"] = surface.start, rates_for(surface)
        elif new["start"] == self.surface.start:
            new["start"] = surface.start  # which turns with a quadratic
        for knob, value in sorted(changes.items(), key=lambda change: change[0] != "form"):
            if knob == "point":
                lr, new["beta"] = check_pair("point (α, β)", value, "lr", "beta")
                new["lr"] = new["lr"] | {OF_FORM[new["form"]]: lr}
            elif knob == "start":
                new["start"] = check_pair("start", value, "start", "start")
            elif knob == "lr":
                new["lr"] = new["lr"] | check_rates(value)
            elif knob == "racers":
                new["racers"] = check_racers(value)
            elif knob in CHOICES:
                new[knob] = check_choice(knob, value, CHOICES[knob])
            elif knob in RANGES:
                new[knob] = check_knob(knob, value)
            elif knob not in SHAPE:
                check_choice("knob", knob, (*self.knobs, "point"))
        self.knobs, self.surface = new, surface
        if changes.keys() & {*SHAPE, "start"}:
            self.restart()
        elif live(new) != self._log[self._entry()][1]:
            self._forget_ahead()
            entry = (self.step_count, live(new))
            self._log[-1:] = [entry] if self._log[-1][0] == entry[0] else [self._log[-1], entry]
            self._turn()

    def _surface(self, new: dict) -> Surface:
        check_choice("surface", new["surface"], CHOICES["surface"])
        for knob in ("condition", "rotation"):
            if new["surface"] != "quadratic" and new[knob] != self.knobs[knob]:
                raise CourseError(
                    f"{knob} = {new[knob]!r}: the {new['surface']} has none to choose; "
                    'take surface "quadratic"'
                )
        return make_surface(new["surface"], new["condition"], new["rotation"])

    def _turn(self) -> None:
        """Give the knobs to all racers; noise needs one for each seed."""
        if self.knobs["noise"] and not self.others:
            self.others = {
                name: [racer.twin(self.knobs) for _ in range(SEEDS - 1)]
                for name, racer in self.racers.items()
            }
        for racer in self._all():
            racer.turn(self.knobs)

    def _all(self) -> list[Racer]:
        return [*self.racers.values(), *(racer for row in self.others.values() for racer in row)]

    # ---- steps ----------------------------------------------------------------------------

    def restart(self) -> None:
        """Put all racers at the start, with empty memory; the knobs stay."""
        self.step_count = self.reached = 0
        self.racers = {n: Racer(n, self.surface, self.knobs["start"], self.knobs) for n in NAMES}
        self.others = {}
        self._log = [(0, live(self.knobs))]  # (step, settings from then on)
        self._turn()

    def step(self) -> None:
        """Take one step with every racer, shown or not."""
        self._forget_ahead()
        self._advance()
        self.reached = self.step_count

    def _advance(self) -> None:
        noise = self._noise()
        for name, racer in self.racers.items():
            racer.step(noise[0])
            for k, other in enumerate(self.others.get(name, []), 1):
                other.step(noise[k])
        self.step_count += 1

    def _noise(self) -> list:
        """Return what each seed adds to the gradient in this step: the same for all racers."""
        if not self.knobs["noise"]:
            return [None] * SEEDS
        drawn = np.random.default_rng(self.step_count).standard_normal((SEEDS, 2))
        return [*torch.from_numpy(self.knobs["noise"] * drawn)]

    def go_to(self, step: int) -> None:
        """Go to a step that the race has had, exactly; the knobs turn as they did.

        Raises:
            CourseError: for another step; nothing changes.
        """
        check_count("step", step, 0, self.reached, "the steps that this race has had")
        if step < self.step_count:
            for racer in self._all():
                self.step_count = racer.go_back(step)
            self._set_as_of_now()
        while self.step_count < step:
            self._advance()
            self._set_as_of_now()

    def _entry(self) -> int:
        """Return the place in the log of the settings that hold now."""
        return bisect_right(self._log, self.step_count, key=lambda entry: entry[0]) - 1

    def _set_as_of_now(self) -> None:
        settings = self._log[self._entry()][1]
        if settings != live(self.knobs):
            self.knobs = self.knobs | settings
            self._turn()

    def _forget_ahead(self) -> None:
        del self._log[self._entry() + 1 :]
        self.reached = self.step_count

    # ---- what there is to see -------------------------------------------------------------

    def turns(self) -> list[tuple[int, str]]:
        """Return (step, words) for each turn of a knob on the way that those shown feel."""
        found = []
        for (_, before), (step, after) in zip(self._log, self._log[1:], strict=False):
            rates = {n: after["lr"][n] for n in self.knobs["racers"]
                     if after["lr"][n] != before["lr"][n]}  # fmt: skip
            if len(set(rates.values())) == 1:
                words = [f"α {[*rates.values()][0]:.3g}"]
            else:
                words = [f"α {rate:.3g} ({name})" for name, rate in rates.items()]
            words += [f"{symbol} {after[knob]:.3g}" for knob, symbol in SYMBOLS.items()
                      if after[knob] != before[knob]]  # fmt: skip
            if words:
                found.append((step, ", ".join(words)))
        return found

    def shown(self) -> list[Racer]:
        """Return the racers that the knob "racers" names, of the first seed."""
        return [self.racers[name] for name in self.knobs["racers"]]

    def seeds(self, name: str) -> list[Racer]:
        """Return a racer of every seed, the first one first."""
        return [self.racers[name], *self.others.get(name, [])]

    def heights(self, name: str, steps) -> np.ndarray:
        """Return how far above the minimum each seed was: (seeds, n); infinite once it is lost.

        Args:
            name: of a racer.
            steps: (n,) of them; −1 is the last.
        """
        rows = [[racer.values[step] for step in steps] for racer in self.seeds(name)]
        values = np.array(rows) - self.surface.lowest
        return np.where(np.isnan(values), np.inf, np.maximum(values, 0))

    def over(self) -> bool:
        """Return whether all that are shown have arrived or diverged, or the race is too long."""
        racers = [racer for name in self.knobs["racers"] for racer in self.seeds(name)]
        return all(racer.done for racer in racers) or self.step_count >= LONGEST

    @property
    def point(self) -> tuple[float, float]:
        """(α, β) of the diagram: the rate of the racer that it is about, and β."""
        return self.knobs["lr"][OF_FORM[self.knobs["form"]]], self.knobs["beta"]

    def paths(self) -> dict[str, np.ndarray]:
        """Return {name: (steps + 1, 2)} of those shown; NaN from a divergence on."""
        return {racer.name: np.array(racer.path) for racer in self.shown()}


def live(knobs: dict) -> dict:
    """Return the knobs that turn a race on its way."""
    return {knob: knobs[knob] for knob in LIVE}


def check_knob(knob: str, value, label: str | None = None) -> float:
    """Return `value` if the knob takes it, or raise `CourseError`."""
    low, high, remedy, ends = RANGES[knob]
    return check_number(label or knob, value, low, high, remedy, **ends)


def check_pair(label: str, value, first: str, second: str) -> tuple[float, float]:
    """Return two numbers, each in the range of its knob, or raise `CourseError`."""
    try:
        a, b = value
    except (TypeError, ValueError):
        raise CourseError(f"{label} = {value!r}: give two numbers, as (1, 0.5)") from None
    return check_knob(first, a, f"{label}, first number"), check_knob(
        second, b, f"{label}, second number"
    )


def check_rates(value) -> dict[str, float]:
    """Return {racer: rate} of a dict, or of one rate for all but Newton; or raise `CourseError`."""
    rates = value if isinstance(value, dict) else {n: value for n in NAMES if n != "Newton"}
    for name in rates:
        check_choice("racer", name, NAMES)
    return {name: check_knob("lr", rate, f"lr of {name}") for name, rate in rates.items()}


def check_racers(value) -> tuple[str, ...]:
    """Return the names in the order of `NAMES`, or raise `CourseError`."""
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        check_choice("racer", name, NAMES)
    return tuple(name for name in NAMES if name in names)
