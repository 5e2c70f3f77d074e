"""The form in which an answer is given: core widgets, which keys and a screen reader can use."""

import ipywidgets as ipw

from course import CourseError
from course.lessons import Choice, Curve, Interval, Marks, Number

from .interval_form import IntervalForm
from .sketches import sketch

LEVELS = 25  # heights of a curve to choose from


class ChoiceForm:
    """Buttons of which one can be down; at first none is."""

    def __init__(self, answer: Choice):
        self.buttons = ipw.RadioButtons(
            options=list(answer.options), value=None, layout=ipw.Layout(width="auto")
        )
        self.box = ipw.VBox([self.buttons]).add_class("face-options")

    def read(self) -> str:
        if self.buttons.value is None:
            raise CourseError("no answer is chosen yet; choose one, or open without a bet")
        return self.buttons.value

    def close(self, result) -> None:
        self.buttons.disabled = True


class NumberForm:
    """A field for a number, empty at first."""

    def __init__(self, answer: Number):
        self.answer = answer
        unit = f", {answer.unit}" if answer.unit else ""
        label = f"Your bet, {answer.low:g} to {answer.high:g}{unit}"
        self.field = ipw.Text(description=label, placeholder="a number")
        self.box = ipw.HBox([self.field]).add_class("face-knob").add_class("face-field")

    def read(self) -> float:
        text = self.field.value.strip().replace(",", ".").replace("−", "-")
        try:
            return float(text)
        except ValueError:
            words = f"{text!r} is not a number" if text else "no number is given yet"
            raise CourseError(f"{words}; write one, or open without a bet") from None

    def close(self, result) -> None:
        self.field.disabled = True


class CurveForm:
    """A list of heights for each place, and the curve through them."""

    def __init__(self, answer: Curve):
        self.answer = answer
        steps = [(answer.high / answer.low) ** (k / (LEVELS - 1)) for k in range(LEVELS)]
        heights = [min(float(f"{answer.low * step:.3g}"), answer.high) for step in steps]
        heights[0], heights[-1] = answer.low, answer.high
        options = [(f"{height:.3g}", height) for height in reversed(heights)]
        self.lists = [
            ipw.Dropdown(options=options, value=heights[LEVELS // 2],
                         description=f"{answer.name} at {answer.place} {x:g}")
            for x in answer.at
        ]  # fmt: skip
        for place in self.lists:
            place.observe(lambda change: self.draw(), "value")
        self.picture = ipw.HTML()
        row = ipw.HBox([ipw.HBox([place]).add_class("face-knob") for place in self.lists])
        self.box = ipw.VBox([self.picture, row.add_class("face-knobs")])
        self.draw()

    def read(self) -> list[float]:
        return [place.value for place in self.lists]

    def draw(self, result: list | None = None) -> None:
        guess = list(zip(self.answer.at, self.read(), strict=True))
        self.picture.value = sketch(self.answer, guess, result or [])

    def close(self, result: list) -> None:
        for place in self.lists:
            place.disabled = True
        self.draw(result)


class MarksForm:
    """A table of buttons that can be down, any number of them; at first none is."""

    def __init__(self, answer: Marks):
        self.answer = answer
        self.buttons = {
            (row, column): ipw.ToggleButton(description=column, tooltip=f"{row}: {column}",
                                            layout=ipw.Layout(width="auto"))
            for row in answer.rows for column in answer.columns
        }  # fmt: skip
        rows = [
            ipw.HBox([
                ipw.Label(row), *(self.buttons[row, column] for column in answer.columns)
            ]).add_class("face-marks-row")
            for row in answer.rows
        ]  # fmt: skip
        self.box = ipw.VBox(rows).add_class("face-marks")

    def read(self) -> list[tuple[str, str]]:
        marked = [field for field, one in self.buttons.items() if one.value]
        if not marked:
            raise CourseError("no field is marked yet; mark some, or open without a bet")
        return marked

    def close(self, result: str) -> None:
        """Say in each field whether it is held, and tell a mark that was wrong."""
        held = self.answer.fields(result)
        for field, one in self.buttons.items():
            one.disabled = True
            one.description = f"{field[1]} {'●' if field in held else '○'}"
            if one.value != (field in held):
                one.add_class("face-missed")
            one.tooltip = f"{field[0]}: {field[1]}, {'yes' if field in held else 'no'}"


FORMS = {
    Choice: ChoiceForm, Number: NumberForm, Interval: IntervalForm, Curve: CurveForm,
    Marks: MarksForm,
}  # fmt: skip
