"""The duel of a training lab: in the background, with progress, then one sentence and a picture."""

import base64
import html
import threading
from collections.abc import Callable

import ipywidgets as ipw

from course import CourseError
from course.training.baselines import duel

from ..common.knobs import button
from .duel_figure import duel_figure
from .tabs import words


class Stopped(Exception):
    """The learner has stopped the duel."""


class Duels:
    """The tab: your hand against autopilots, on seeds that neither has seen.

    Args:
        call: of the lab's panel.

    Attributes:
        thread: the one that computes; None before the first duel.
    """

    def __init__(self, call: Callable):
        text = ("Your turns are replayed on ten seeds you have not seen, against the best constant "
                "rate, a cosine schedule and Adam. The lab goes on meanwhile.")  # fmt: skip
        self.thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.start = button("Duel", "trophy", call(self.begin), hint="begin the duel")
        self.stop = button("Stop", "stop", self._stopping.set, hint="stop the duel")
        self.progress = ipw.IntProgress(min=0, max=1, description="runs")
        self.words, self.figure = ipw.HTML(), ipw.HTML()
        self._running(False)
        buttons = ipw.HBox([self.start, self.stop, self.progress]).add_class("face-acts")
        about = ipw.HTML(words(text))
        self.box = ipw.VBox([about, buttons, self.words, self.figure])

    def begin(self, lab) -> None:
        """Duel with the run as it is now."""
        if self.thread is not None and self.thread.is_alive():
            raise CourseError("a duel is going on; wait for it, or press Stop")
        recipe = lab.recipe()
        self._stopping.clear()
        self._running(True)
        self.thread = threading.Thread(target=self._work, args=[recipe], name="course-duel",
                                       daemon=True)  # fmt: skip
        self.thread.start()

    def _work(self, recipe) -> None:
        try:
            result = duel(recipe, progress=self._show_progress)
            self._say(result.sentence())
            picture = base64.b64encode(duel_figure(result)).decode()
            self.figure.value = (f'<img src="data:image/png;base64,{picture}" '
                                 f'alt="{html.escape(str(result))}">')  # fmt: skip
        except Stopped:
            self._say("The duel was stopped.")
        except Exception as error:  # as for a recipe on data of your own
            self._say(str(error) or type(error).__name__)
        finally:
            self._running(False)

    def _show_progress(self, done: int, total: int) -> None:
        if self._stopping.is_set():
            raise Stopped
        self.progress.max, self.progress.value = total, done

    def _running(self, on: bool) -> None:
        self.progress.layout.display = self.stop.layout.display = None if on else "none"
        self.start.disabled = on

    def _say(self, text: str) -> None:
        self.words.value = f"<p role='status'>{html.escape(text)}</p>"
