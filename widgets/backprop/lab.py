"""BackpropLab: a small network as a drawing with live numbers, stepped forward and backward.

    lab = BackpropLab((2, 3, 2), activation="tanh"); lab

In a notebook with a front end: a transport, knobs, and a drawing whose numbers tell their formula;
inputs, targets, weights and biases can be changed in it. Without one: a still.
"""

from course import CourseError
from course.errors import check_choice, check_count
from course.lessons.backprop_batch import BackpropBatch
from course.lessons.backprop_trace import READINGS, BackpropTrace
from course.lessons.formulas import show, symbol

from ..common.lab import Lab
from . import scene
from .controls import BackpropPanel

BATCH = "batch"  # the view of all samples at once
HIDDEN = "hidden"  # of the document's gradient


class BackpropLab(Lab):
    """Samples through a small fully connected network, one operation at a time.

    Numbers have names as w2[1,3]: layer 2, to neuron 1 from neuron 3; see `BackpropTrace`.

    Args:
        sizes: neurons of each layer, input first: 2 to 4 numbers, each 1 to 5.
        activation: "relu", "tanh", "sigmoid" or "gelu".
        loss: "cross_entropy", "mse" or "bce".
        x: (n_0,) for one sample, (B, n_0) for up to 4; None: three samples of our choice.
        target: for cross-entropy the number of the right output, counted from 1 as in the drawing,
            else (n_L,) values; for several samples a list of them.
        lr: the rate α of `update`.
        seed: of the weights.
        interactive: whether it has controls; None: whether a reader looks.
        name: a new lab of the same name stops the old one; None: the notebook cell.

    Raises:
        CourseError: for bad values.

    Attributes:
        batch: the `BackpropBatch` of all samples.
        position: the operations done.
        reading: which reading of the document's gradient stands beside the right one; None: none.
        view: the number of the sample on show, or "batch".
    """

    def __init__(
        self, sizes=(2, 3, 2), activation="tanh", loss="cross_entropy", x=None, target=None,
        lr=0.5, seed=0, interactive=None, name=None,
    ):  # fmt: skip
        self._start = {"sizes": sizes, "activation": activation, "loss": loss, "x": x,
                       "target": target, "seed": seed}  # fmt: skip
        self.batch = BackpropBatch(lr=lr, **self._start)
        super().__init__(name, interactive)
        self.runner.draws = False
        self.set_speed(1)
        self.view: int | str = 1
        self.position, self.reading = 0, None
        self._changed: set[str] = set()  # numbers that the last edit or update has moved
        self._losses: tuple | None = None  # before and after the update that was the last move
        self.panel = BackpropPanel(self) if self.interactive else None
        self.opened()

    @property
    def graph(self) -> BackpropTrace | BackpropBatch:
        """What is on show: the trace of a sample, or the batch."""
        return self.batch if self.view == BATCH else self.batch.traces[int(self.view) - 1]

    # ---- driving ----------------------------------------------------------------------------

    def step_once(self) -> bool:
        """Go on by one operation; False: it was the last."""
        total = len(self.graph.operations)
        if self.position < total:
            self.position += 1
            self._moved()
        return self.position < total

    def play(self) -> None:
        """Go on by itself, from the start when every number is computed."""
        if self.position == len(self.graph.operations):
            with self.runner.alone():
                self.position = 0
                self._moved()
        super().play()

    def forward(self) -> None:
        """Do the next operation of the forward pass.

        Raises:
            CourseError: when it is complete.
        """
        self._advance("forward", "the forward pass is complete; go on with backward, or reset")

    def backward(self) -> None:
        """Do the next operation of the backward pass.

        Raises:
            CourseError: before the loss is computed, and at the end.
        """
        why = "the backward pass is complete; update, or reset"
        if self.position < len(self.graph.operations) and not self._knows_loss():
            why = "the backward pass starts at the loss; finish the forward pass first"
        self._advance("backward", why)

    def _advance(self, way: str, why: str) -> None:
        with self.runner.alone():
            operations = self.graph.operations
            if self.position == len(operations) or operations[self.position].way != way:
                raise CourseError(why)
            self.step_once()
            self.show()

    def all(self) -> None:
        """Do every operation, forward and backward."""
        with self.runner.alone():
            self.position = len(self.graph.operations)
            self._moved()
            self.show()

    def reset(self) -> None:
        """Start again: the first weights, inputs and targets; nothing computed. The rate stays."""
        with self.runner.alone():
            self.batch = BackpropBatch(lr=self.batch.lr, **self._start)
            self.batch.reading = self.reading or "twice"
            self.batch.compute()
            self.position = 0
            self._moved()
            self.show()

    def update(self) -> None:
        """Take one step θ ← θ − αg, of the sample on show or of the batch; all numbers follow.

        Raises:
            CourseError: before every g is known.
        """
        with self.runner.alone():
            if self.position < len(self.graph.operations):
                raise CourseError(
                    "an update needs every gradient; finish the backward pass, or press All"
                )
            before = dict(self.graph.values)
            self.graph.update()
            self.batch.compute()
            after = self.graph.values
            self._moved(scene.differences(before, after))
            self._losses = before["loss"], after["loss"]
            self.message = (
                f"Loss before the update {before['loss']:.6g}, after it {after['loss']:.6g}."
            )
            self.show()

    def _moved(self, changed=(), message: str = "") -> None:
        self._changed, self._losses, self.message = set(changed), None, message

    # ---- changing numbers -------------------------------------------------------------------

    def edit(self, what: str, *place_and_value) -> None:
        """Change a number of what is on show; what was computed already follows at once.

        edit("w", layer, i, j, value), ("b", layer, i, value), ("x", j, value), ("lr", value),
        ("target", i, value), for cross-entropy ("target", i). Everything is counted from 1.

        Raises:
            CourseError: for a place or value that is not allowed; then nothing changes.
        """
        wants = {"w": (4,), "b": (3,), "x": (2,), "target": (1, 2), "lr": (1,)}
        check_choice("what", what, wants, "these can be changed")
        if len(place_and_value) not in wants[what]:
            raise CourseError(f"edit({what!r}, …) takes {max(wants[what])} numbers; see its help")
        if what == "target" and len(place_and_value) == 1:
            place_and_value = (*place_and_value, 1)
        *place, value = place_and_value
        at = [check_count("place", p, 1, 5, "layers and neurons are counted from 1") for p in place]
        layer = str(at.pop(0)) if what in "wb" else ""
        kind = "y" if what == "target" else what
        name = f"{kind}{layer}" + (f"[{','.join(map(str, at))}]" if at else "")
        self._do(lambda: self._put(name, value))

    def look(self, view: int | str) -> None:
        """Show a sample by its number, from 1, or the "batch".

        Raises:
            CourseError: for another view.
        """
        self._do(lambda: self._look(view))

    def show_wrong(self, reading: str | None = "twice") -> list[tuple[float, float]]:
        """Show the gradient of the document (D0-3.2) beside the right one.

        Args:
            reading: "twice": f′ once in δ and once more in ∂L/∂W; "printed": ∂L/∂W = ∂L/∂a aᵀ,
                f′ missing; None hides it.

        Returns:
            The relative errors against autograd (right, document) of each layer.

        Raises:
            CourseError: for another reading.
        """
        self._do(lambda: self._read(reading))
        return self.graph.errors()

    def _do(self, action) -> None:
        self.runner.ask(action)
        self.refresh()

    def apply(self, knob: str, value) -> None:
        """Turn "lr", "reading", "view", or a number by its name; called by the runner."""
        turns = {"reading": lambda reading: self._read(None if reading == HIDDEN else reading),
                 "view": self._look}  # fmt: skip
        try:
            if knob in turns:
                turns[knob](value)
            else:
                self._put(knob, value)
        except CourseError as error:
            self.message = f"Not changed: {error}"
        if not self.playing:
            self.show()

    def _put(self, name: str, value) -> None:
        known, before = self._known(), dict(self.graph.values)
        if self.view == BATCH or name == "lr":
            self.batch.set(name, value)
        else:
            self.graph.set(name, value)
        self.batch.compute()
        after = self.graph.values
        changed = scene.differences(before, after) & (known | set(self.graph.editable()))
        base, _, number = name.partition(":")
        of = f" of sample {number}" if number else ""
        words = f"{symbol(base)}{of} is now {show(after[name])}."
        if known:
            words += f" {len(changed & known)} of {len(known)} computed numbers followed."
        self._moved(changed, words)

    def _look(self, view) -> None:
        views = [*range(1, len(self.batch.traces) + 1), BATCH]
        check_choice("view", view, views, "the samples, and all of them at once")
        self.view = view
        self._moved()

    def _read(self, reading: str | None) -> None:
        check_choice("reading", reading, (None, *READINGS))
        self.reading = reading
        self.batch.reading = reading or "twice"
        self.batch.compute()
        self._moved()

    # ---- reading ----------------------------------------------------------------------------

    def numbers(self) -> dict[str, float]:
        """Return the numbers known so far, by name: the given ones, and what has been computed."""
        return self.runner.ask(self._numbers)

    def _numbers(self) -> dict[str, float]:
        known = self._known() | set(self.graph.editable())
        return {name: self.graph.values[name] for name in self.graph.names() if name in known}

    def formula(self, name: str, digits: int = 4) -> str:
        """Return how a number comes about, in symbols until it is computed.

        As 'z₁⁽²⁾ = w₁₁⁽²⁾a₁⁽¹⁾ + b₁⁽²⁾ = 0.5·1.2 + 0.1 = 0.7'.
        """
        return str(self.graph.formula(name, scene.shown(self.graph, self._known()), digits))

    def _known(self) -> set[str]:
        return {n for op in self.graph.operations[: self.position] for n in op.names}

    def _knows_loss(self) -> bool:
        return "loss" in self._known()

    def knob_values(self) -> dict[str, object]:
        """Return where the knobs stand; only the thread that steps may call it."""
        return {
            "lr": self.batch.lr,
            "reading": self.reading or HIDDEN,
            "view": self.view,
            "change": "",
        }

    def describe(self) -> dict:
        return scene.describe(self, self._known(), self._changed, self._losses)

    def speak(self) -> str:
        return scene.speak(self, self._known())

    def heads(self) -> list[tuple[str, str]]:
        return scene.heads(self, self._known())
