"""A part of a form that nobody sees: it keeps the notebook's shortcuts from the form's keys."""

from pathlib import Path

import anywidget
import ipywidgets as ipw


class Keys(anywidget.AnyWidget):
    """Works for the box with the class `face` that it stands in."""

    _esm = Path(__file__).with_name("keys.js")

    def __init__(self) -> None:
        super().__init__(layout=ipw.Layout(width="0", height="0", margin="0"))
