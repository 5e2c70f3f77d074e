"""A reveal: a part of a page that stays closed until its bet is placed or waived.

Live it is a box that a function's output goes into. Stored it is a closed <details> with the same
output as HTML, which needs no kernel.
"""

import base64
import html
import sys
import traceback
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
from IPython.display import display
from IPython.utils.capture import capture_output

from course import CourseError

WAITS = "Closed. It opens with the bet."


def capture(function: Callable[[], Any]) -> tuple[Any, list[dict]]:
    """Call a function; return what it returned, and what it printed and showed.

    The second are outputs as a notebook stores them: printed text first, then the displays.
    Figures of pyplot that it leaves open are among them; else the cell would show them.
    """
    before = _open_figures()
    with capture_output() as captured:
        found = function()
        for number in sorted(_open_figures() - before):
            pyplot: Any = sys.modules["matplotlib.pyplot"]
            display(pyplot.figure(number))
            pyplot.close(number)
    outputs: list[dict] = [
        {"output_type": "stream", "name": name, "text": text}
        for name, text in (("stdout", captured.stdout), ("stderr", captured.stderr))
        if text
    ]
    for shown in captured.outputs:
        outputs.append({"output_type": "display_data", "data": shown.data,
                        "metadata": shown.metadata or {}})  # fmt: skip
    return found, outputs


def _open_figures() -> set[int]:
    """Return the numbers of pyplot's figures; nothing is imported."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot else set()


def words_of(error: BaseException) -> str:
    """Return an error as a sentence."""
    if isinstance(error, CourseError):
        return str(error)
    return traceback.format_exception_only(error)[-1].strip()


def static(outputs: list[dict]) -> str:
    """Return outputs as HTML without scripts."""
    return "\n".join(_static(output) for output in outputs)


def _static(output: dict) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        return data["text/html"]
    if "text/markdown" in data:
        from nbconvert.filters.markdown import markdown2html  # only here: it takes long

        return markdown2html(data["text/markdown"])
    words = data.get("text/plain", output.get("text", ""))
    if "image/png" in data:
        png = data["image/png"]
        code = png if isinstance(png, str) else base64.b64encode(png).decode()
        alt = html.escape(output["metadata"].get("image/png", {}).get("alt", words))
        return (f'<img src="data:image/png;base64,{code.strip()}" alt="{alt}" '
                'style="max-width:100%;height:auto"/>')  # fmt: skip
    return f"<pre>{html.escape(words)}</pre>"


def details(title: str, body: str) -> str:
    """Return a closed <details>."""
    return f"<details><summary>{html.escape(title)}</summary>\n{body}\n</details>"


class Reveal:
    """A part of a page that opens later.

    Args:
        title: what it is about, without telling the result.
        live: whether it is a widget.

    Attributes:
        box: the widget; None when it is not live.
        stored: the closed <details>; empty until it is filled.
    """

    def __init__(self, title: str, live: bool):
        self.title, self.live, self.stored = title, live, ""
        self.box: ipw.VBox | None = None
        if live:
            self.words = ipw.HTML(self._note(WAITS)).add_class("face-said")
            self.output = ipw.Output()
            self.box = ipw.VBox([self.words, self.output]).add_class("face-reveal")

    def _note(self, words: str) -> str:
        return f"<b>{html.escape(self.title)}</b> {html.escape(words)}"

    def fill(self, function: Callable[[], Any]) -> Any:
        """Show what a function prints and shows; return what it returned. It may raise."""
        if self.live:
            self.words.value = self._note("Running …")
        try:
            found, outputs = capture(function)
        except BaseException:
            if self.live:
                self.words.value = self._note(WAITS)
            raise
        if self.live:
            self.words.value = self._note("")
            self.output.outputs = tuple(outputs)
            assert self.box is not None
            self.box.layout.display = None if outputs else "none"  # no title of nothing
        else:
            self.stored = details(self.title, static(outputs))
        return found

    def _repr_mimebundle_(self, include=None, exclude=None):
        return bundle(f"{self.title} [closed]", self.box, self.stored)


def bundle(words: str, box: ipw.Widget | None, stored: str) -> dict:
    """Return what a page shows: the widget if there is one, else the stored HTML."""
    if box is None:
        return {"text/plain": words, "text/html": stored}
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    return {"text/plain": words, "application/vnd.jupyter.widget-view+json": view}
