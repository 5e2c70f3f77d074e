"""A figure as HTML that needs nothing else: the still, its caption, and a script that redraws it.

The script, built from `widgets/js/figure.js`, puts canvases in place of the still: with read-outs,
in the page's own colours and, for `explore`, with the slider. Where scripts do not run, as on
GitHub or in a notebook that is not trusted, the still stays.
"""

import base64
import json
import warnings
from functools import cache
from html import escape
from pathlib import Path

import matplotlib.style
import numpy as np

from ..common.figure import png
from ..common.stills import figure_of
from ..common.stills.sheet import INCH

HERE = Path(__file__).parent
SHARP = 1.5  # pixels of the still for one of the page
MOST = 200  # points of a curve that a page has; with a slider half as many at each place
FINE = 2000  # an axis has so many places: finer digits are not sent


@cache
def built(name: str) -> str:
    return (HERE / name).read_text("utf-8").strip()


def sharp_still(picture: dict) -> tuple[bytes, int]:
    """Return a picture as PNG bytes with more pixels than the page shows, and its width there."""
    with matplotlib.style.context("default"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name in any script
        figure = figure_of(picture)
        return png(figure, SHARP * INCH), round(figure.get_figwidth() * INCH)


def figure_html(plots: list, start: int = 0, knob: str = "", values: tuple[str, ...] = ()) -> str:
    """Return a figure as HTML.

    Args:
        plots: one, or one for each place of the slider.
        start: the number of the one that is shown first.
        knob, values: the slider's name, and its places in words; none for a figure without.
    """
    first = plots[start]
    most = MOST if len(plots) == 1 else MOST // 2
    place = f"{knob} = {values[start]}" if knob else ""
    content = packed(plots, most, {"knob": knob, "values": values, "start": start})
    return framed(first.picture(), first.alt, first.caption, place, content, "figure")


def framed(picture: dict, alt: str, caption: str, place: str, content: str, script: str) -> str:
    """Return the still of a picture and a script that draws it anew, as HTML.

    Args:
        picture: as it is at first.
        alt, caption: its words.
        place: where its slider stands, in words; empty: it has none.
        content: what the script draws, as JSON.
        script: the name of the script, and of its styles.
    """
    image, width = sharp_still(picture)
    data = base64.b64encode(image).decode()
    knob = f'<p class="plot-knob">{escape(place)}</p>\n' if place else ""
    return (
        f'<figure class="face plot-figure" style="margin:0">\n{knob}'
        f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}" width="{width}" '
        f'style="max-width:100%;height:auto"/>\n'
        f"<figcaption><em>{escape(caption)}</em></figcaption>\n"
        f"<style>{built(script + '.css')}</style>\n"
        f'<script type="application/json">{content}</script>\n'
        f"<script>{built(script + '.js')}</script>\n</figure>"
    )


def packed(plots: list, most: int, content: dict) -> str:
    """Return what the script draws as JSON, an array a line, equal arrays once.

    Numbers are decimal, and as fine as the eye: so another processor gives the same, or nearly.
    """
    lines: dict[str, int] = {}
    stops = []
    for plot in plots:
        picture = plot.picture(most)
        panels = picture["side"] + picture["below"]
        ends = {name: ends for panel in panels for name, ends in _axes(panel)}
        arrays = {
            name: lines.setdefault(in_words(values, *ends[name]), len(lines))
            for name, values in picture["arrays"].items()
        }
        stops.append({"panels": panels, "arrays": arrays, "caption": plot.caption, "alt": plot.alt})
    stop_lines = [json.dumps(stop, ensure_ascii=False) for stop in stops]
    words = json.dumps(content, ensure_ascii=False)[:-1]
    quoted = [f'"{line}"' for line in lines]
    text = f'{words},\n"stops": [\n' + ",\n".join(stop_lines)
    text += '\n],\n"arrays": [\n' + ",\n".join(quoted) + "\n]}"
    return text.replace("<", "\\u003c")  # no tag ends the script


def _axes(panel: dict):
    """Yield the name of each array of a plot with its axis."""
    for layer in panel["layers"]:
        for field in ("x", "y", "low", "high"):
            if isinstance(layer.get(field), str):
                yield layer[field], (panel["x" if field == "x" else "y"],)


def in_words(values: np.ndarray, axis: dict) -> str:
    """Return numbers with blanks between them; what is not finite as nan, inf, -inf."""
    if axis["scale"] == "log":
        return " ".join(f"{float(f'{v:.4g}')}" for v in values)
    places = max(1, -int(np.floor(np.log10((axis["high"] - axis["low"]) / FINE))))
    return " ".join(f"{round(float(v), places) + 0.0}" for v in values)
