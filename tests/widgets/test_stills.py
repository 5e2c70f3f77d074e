"""A still is small, the same bytes each time, and paints whatever a picture may hold."""

import io

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image
from still_pictures import (
    assert_words_are_apart_and_inside,
    axis,
    count,
    curve,
    drawn,
    lane,
    network,
    picture,
    plot,
    strip_axes,
    typical,
)

from widgets.common.stills import figure_of, still

SCALES = ["linear", "share", "log", "memory"]
LOOKS = ["solid", "line", "thin", "dotted", "dashed", "stairs", "stairs-dashed"]
HUES = ["run", "run2", "run3", "hand", "limit", "ink", "dim", "pos", "neg"]


@pytest.fixture(scope="module")
def content():
    return still(typical())


def test_a_still_is_a_small_png_with_a_palette(content):
    image = Image.open(io.BytesIO(content))
    assert image.mode == "P" and 980 <= image.width <= 1040 and 500 <= image.height <= 700
    assert len(content) < 90_000


def test_the_same_picture_gives_the_same_bytes_and_another_one_others(content):
    assert content == still(typical()) != still(typical(step=1210))


def test_a_learners_own_style_changes_nothing(content):
    with matplotlib.style.context(["dark_background", {"savefig.bbox": "tight", "font.size": 30}]):
        assert still(typical()) == content
        assert matplotlib.rcParams["font.size"] == 30


def digits() -> dict:
    """All panels of a run on images, and all instruments below."""
    rng = np.random.default_rng(0)
    bytes_of = lambda *shape: rng.integers(0, 256, shape).astype(np.uint8)  # noqa: E731
    names = [str(k) for k in range(10)]
    row = {"name": "0.weight", "shape": "64 × 64", "weights": 1.0, "grad": 1e-3, "ratio": 1e-3,
           "counts": "c", "low": -1, "high": 1}  # fmt: skip
    side = [
        {"kind": "tiles", "title": "first layer", "pixels": "w", "shape": [64, 8, 8],
         "colours": "signed"},
        {"kind": "bars", "title": "accuracy by digit, %", "names": names, "values": [0.9] * 10},
        {"kind": "samples", "title": "samples", "pixels": "x", "shape": [8, 8, 8],
         "probabilities": "p", "truth": [1] * 8, "guess": [1, 2] * 4, "classes": names},
    ]  # fmt: skip
    below = [
        {"kind": "map", "title": "loss", "values": "m", "shape": [48, 48], "extent": [0, 1, 0, 1],
         "colours": "height", "contour": True},
        {"kind": "ridges", "title": "weights", "counts": "c", "rows": [["0", -1, 1, ""]]},
        {"kind": "layers", "title": "layers", "rows": [row]},
        plot(curve(), id="own", x=axis()), {"kind": "note", "title": "note", "words": "nothing"},
    ]  # fmt: skip
    x, y = np.meshgrid(np.linspace(-1, 1, 48), np.linspace(-1, 1, 48))
    plane = (255 * (x**2 + y**2) / 2).astype(np.uint8)
    base = typical()
    arrays = base["arrays"] | {"w": bytes_of(64, 8, 8), "x": bytes_of(8, 8, 8), "m": plane,
                               "p": bytes_of(8, 10), "c": bytes_of(24),
                               "y": np.zeros(512)}  # fmt: skip
    return base | {"strips": base["strips"][2:], "side": side, "below": below, "arrays": arrays}


def test_images_and_all_instruments_fit_on_one_page():
    figure = figure_of(digits())
    assert_words_are_apart_and_inside(figure)
    assert len(still(digits())) < 120_000


def test_each_panel_keeps_to_its_place():
    """No two panels overlap: neither the column at the side, nor the grid below."""
    figure = figure_of(digits())
    areas = [image.get_window_extent() for image in figure.findobj(matplotlib.image.AxesImage)]
    areas += [axes.get_window_extent() for axes in figure.axes if axes.get_label() != "page"]
    for i, a in enumerate(areas):
        assert a.x0 >= 0 and a.x1 <= figure.bbox.width and a.y0 >= 0, "inside the page"
        for b in areas[:i]:
            across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            assert across <= 0.5 or down <= 0.5


ALONE = {
    "nothing": picture(),
    "only words": picture(words="Step 0. Nothing has happened."),
    "one plot": picture(below=[plot(curve(), x=axis())], x=[0, 1], y=[0, 1]),
    "a strip without steps": picture(
        [plot(curve(read=True, mark=True, label="test"), lane=lane())], turns=[[0, "α 1"]],
        x=[], y=[],
    ),
    "a plan of nothing": picture([plot()], horizon=0),
    "only a network": picture(
        side=[network()], weights=np.ones(count([2, 8, 8, 2])),
        points=np.empty((0, 3), np.uint8), wrong=np.empty(0, np.uint8),
    ),
    "only samples": picture(
        side=[{"kind": "samples", "title": "samples", "pixels": "x", "shape": [2, 8, 8],
               "probabilities": "p", "truth": [0, 1], "guess": [0, 0], "classes": ["a", "b"]}],
        x=np.zeros((2, 8, 8)), p=np.full((2, 2), 128),
    ),
    "the past of the last step": picture([plot()], step=300, horizon=100),
}  # fmt: skip


@pytest.mark.parametrize("description", ALONE.values(), ids=ALONE)
def test_a_picture_may_be_nearly_empty(description):
    assert_words_are_apart_and_inside(figure_of(description))
    image = Image.open(io.BytesIO(still(description)))
    assert 600 <= image.width <= 660 and image.height < 660


def test_an_unknown_script_is_no_reason_to_fail():
    description = picture(words="學習率 🎉 $x_1$ \\frac")
    assert still(description)
    (words,) = drawn(figure_of(description), "sentence")
    assert words.get_text() == description["words"] and not words.get_parse_math()


number = st.floats() | st.sampled_from([0.0, 1.0, -1.0, 1e300, -1e300, 1e-300])


def test_an_arrow_to_beyond_all_numbers_is_left_out():
    arrow = {"kind": "arrows", "x": "x", "y": "y", "dx": "y", "dy": "y", "hue": "run"}
    figure = figure_of(picture([plot(arrow)], x=[0, 1], y=[0.1, 9e307]))
    assert len([text for text in figure.findobj(Text) if text.get_gid() == "arrow"]) == 1


NARROW = [(0, 5.6e-21), (-1e-21, 1e-21), (0, 1e-300), (1, 1 + 1e-16), (1e300, -1e300)]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("ends", NARROW, ids=str)
def test_an_axis_that_spans_next_to_nothing_is_painted(scale, ends):
    y = {"scale": scale, "low": ends[0], "high": ends[1], "label": ""}
    figure = figure_of(picture([plot(curve(), y=y)], step=3, x=[0, 1], y=[0, 1]))
    low, high = strip_axes(figure, "loss").get_ylim()
    assert low < high
    FigureCanvasAgg(figure).draw()


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_numbers_on_any_axes_are_painted(data):
    """NaN, infinity, zeros on a log axis, constant curves, empty arrays, reversed domains."""
    length = data.draw(st.integers(0, 5))
    values = data.draw(st.lists(number, min_size=length, max_size=length))
    y = {"scale": data.draw(st.sampled_from(SCALES)), "low": data.draw(number),
         "high": data.draw(number), "label": ""}  # fmt: skip
    hue = data.draw(st.sampled_from(HUES))
    layers = [
        curve(look=data.draw(st.sampled_from(LOOKS)), hue=hue, read=True, label="end", mark=True),
        {"kind": "band", "x": "x", "low": "y", "high": data.draw(number), "hue": hue},
        {"kind": "shade", "x": "x", "share": "share", "hue": hue},
        {"kind": "level", "y": data.draw(number), "hue": hue, "look": "line", "label": "level"},
        {"kind": "points", "x": "x", "y": "y", "marker": "diamond", "hue": hue},
        {"kind": "arrows", "x": "x", "y": "y", "dx": "y", "dy": "y", "hue": hue},
        {"kind": "text", "x": 5, "y": data.draw(number), "words": "here", "hue": hue},
    ]
    plan = [[60, data.draw(number)]] if data.draw(st.booleans()) else []
    strip = plot(*layers, y=y, lane=lane(value=data.draw(number), plan=plan))
    own = plot(*layers, id="own", y=y, x={**y, "high": data.draw(number)})
    arrays = {"x": np.arange(length), "y": values, "share": np.linspace(0, 1, length)}
    description = picture([strip], below=[own], step=3, turns=[[2, "α 1"]], **arrays)
    figure = figure_of(description)
    low, high = strip_axes(figure, "loss").get_ylim()
    ticks = strip_axes(figure, "loss").get_yticks()
    slack = 1e-5 * max(abs(low), abs(high))
    assert low < high and all(low - slack <= v <= high + slack for v in ticks)
    for text in figure.findobj(Text):
        assert np.isfinite(text.get_position()).all(), text
    FigureCanvasAgg(figure).draw()
