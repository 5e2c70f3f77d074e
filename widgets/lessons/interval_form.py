"""The form of an interval: a list for each end, and the picture in which it stands."""

import ipywidgets as ipw

from course.lessons import Interval

from .sketches import sketch_interval

LEVELS = 41  # ends to choose from


class IntervalForm:
    """Two lists, the lower and the upper end; at first the whole range."""

    def __init__(self, answer: Interval):
        self.answer = answer
        steps = [(answer.high / answer.low) ** (k / (LEVELS - 1)) for k in range(LEVELS)]
        ends = [min(float(f"{answer.low * step:.3g}"), answer.high) for step in steps]
        ends[0], ends[-1] = answer.low, answer.high
        options = [(f"{end:.3g}", end) for end in reversed(ends)]
        self.lists = [
            ipw.Dropdown(options=options, value=end, description=f"{words} end, {answer.name}")
            for words, end in (("lower", answer.low), ("upper", answer.high))
        ]
        for one in self.lists:
            one.observe(lambda change: self.draw(), "value")
        self.picture = ipw.HTML()
        row = ipw.HBox([ipw.HBox([one]).add_class("face-knob") for one in self.lists])
        self.box = ipw.VBox([self.picture, row.add_class("face-knobs")])
        self.draw()

    def read(self) -> list[float]:
        return [one.value for one in self.lists]

    def draw(self, result: float | None = None) -> None:
        self.picture.value = sketch_interval(self.answer, self.read(), result)

    def close(self, result: float) -> None:
        for one in self.lists:
            one.disabled = True
        self.draw(result)
