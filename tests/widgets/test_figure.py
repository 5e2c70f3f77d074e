"""Pictures are small, the same bytes each time, and to the eye those that matplotlib drew."""

import base64
import html
import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from course.training.baselines import Duel
from widgets import BackpropLab, DescentLab, TrainingLab
from widgets.common.figure import png, show, with_palette
from widgets.training.duel_figure import duel_figure

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def in_full_colour(figure, dpi=100) -> np.ndarray:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi)
    return pixels(out.getvalue())


def lines() -> Figure:
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for i, colour in enumerate(COLOURS):
        axes.plot(np.sin(np.arange(100) / (9 + i)), color=colour, label=f"line {i}")
        axes.fill_between(range(100), i / 9, i / 9 + 0.1, color=colour, alpha=0.2)
    axes.set(title="Title", xlabel="x", ylabel="y")
    axes.legend()
    return figure


def heat(*maps) -> Figure:
    """Heat maps beside each other, each with a line across it."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    x, y = np.meshgrid(np.linspace(0, 1, 200), np.linspace(0, 1, 80))
    for axes, name in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
        picture = axes.pcolormesh(x + y**2, cmap=name)
        figure.colorbar(picture, label="label")
        axes.plot([0, 199], [0, 79], color=COLOURS[1])
    return figure


FIGURES = {
    "lines": lines, "viridis": lambda: heat("viridis"), "PuOr": lambda: heat("PuOr"),
    "two": lambda: heat("Greys", "viridis"),
}  # fmt: skip
each_figure = pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)


@each_figure
def test_it_has_a_palette_and_is_the_same_bytes_each_time(make):
    content = png(make())
    assert content == png(make())
    assert Image.open(io.BytesIO(content)).mode == "P"


@each_figure
def test_it_looks_as_it_was_drawn(make):
    """Of 255: off by half a level in the mean; by more than 12 in few pixels, at edges."""
    off = abs(pixels(png(make())) - in_full_colour(make())).max(-1)
    assert off.mean() < 0.8 and (off > 12).mean() < 0.01 and off.max() < 110


@each_figure
def test_no_pixel_and_no_ramp_is_lost(make):
    """The full resolution; along a smooth ramp neighbours stay close, so no bands are seen."""
    ours, drawn = pixels(png(make(), dpi=120)), in_full_colour(make(), dpi=120)
    assert ours.shape == drawn.shape == (360, 840, 3)
    smooth = abs(np.diff(drawn, axis=1)).max(-1) <= 3
    steps = abs(np.diff(ours, axis=1)).max(-1)[smooth]
    assert (steps > 8).mean() < 0.004
    shades = [len(np.unique(picture[180], axis=0)) for picture in (ours, drawn)]
    assert shades[0] > 0.5 * shades[1]


colour = st.tuples(*[st.integers(0, 255)] * 3)


@settings(max_examples=25, deadline=None)
@given(st.lists(colour, min_size=1, max_size=8))
def test_a_flat_area_stays_flat(colours):
    """On a white ground, beside a heat map and rare colours: its own colour, without noise."""
    drawn = np.full((120, 200, 3), 255, np.uint8)
    drawn[:40, :180] = 255 * colormaps["viridis"](np.linspace(0, 1, 180))[:, :3]
    drawn[110] = np.random.default_rng(0).integers(0, 256, (200, 3))
    for i, shade in enumerate(colours):
        drawn[50:100, 20 * i : 20 * i + 20] = shade
    made = with_palette(Image.fromarray(drawn))
    content = np.asarray(made.convert("RGB")).astype(int)
    for i, shade in enumerate(colours):
        area = content[50:100, 20 * i : 20 * i + 20]
        assert (area == area[0, 0]).all() and abs(area[0, 0] - shade).max() <= 6
    assert made.mode == "P" and (content[45] == 255).all()


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_few_colours_stay_as_they_are(drawn):
    made = with_palette(Image.fromarray(drawn))
    assert (np.asarray(made.convert("RGB")) == drawn).all()


def test_lines_need_fewer_colours_than_heat_maps():
    line = Figure(figsize=(4, 2))
    line.subplots().plot([1, 3, 2])
    used = [len(Image.open(io.BytesIO(png(f))).getcolors()) for f in (line, heat("viridis"))]
    assert used[0] <= 64 < used[1] <= 256


@each_figure
def test_a_palette_is_smaller_than_full_colour_and_than_svg(make):
    def size(**options):
        out = io.BytesIO()
        make().savefig(out, metadata={}, **options)
        return len(out.getvalue())

    small = len(png(make(), dpi=80))
    assert small < 0.6 * size(format="png", dpi=80, pil_kwargs={"optimize": True})
    assert small < size(format="svg")


def duel() -> Duel:
    losses = {name: np.array([0.1, 0.2, np.nan]) for name in ("your hand", "constant")}
    return Duel(losses, rates={"constant": 0.5}, seeds=[1, 2, 3])


def backprop() -> bytes:
    """With little bars in blue and orange, on marked cells."""
    lab = BackpropLab((2, 3, 2), activation="tanh", seed=0, interactive=False)
    lab.all()
    lab.show_wrong("twice")
    return lab.still()


STILLS = {
    "training": lambda: TrainingLab("moons", interactive=False).run(5).still(),
    "descent": lambda: DescentLab("ravine", interactive=False).run(50).still(),
    "backprop": backprop,
    "duel": lambda: duel_figure(duel()),
}
each_still = pytest.mark.parametrize("make", STILLS.values(), ids=STILLS)


@each_still
def test_a_still_has_a_palette_and_its_full_size(make):
    content = make()
    picture = Image.open(io.BytesIO(content))
    assert picture.mode == "P" and picture.width >= 560
    assert len(content) < 50_000 and content == make()


@each_still
def test_what_is_drawn_keeps_its_colour(make, monkeypatch):
    """Whatever has more than 20 pixels of one colour; heat maps have too many for a palette."""
    images = []

    def watched(image):
        images.append(image)
        return with_palette(image)

    monkeypatch.setattr("widgets.common.figure.with_palette", watched)
    ours = pixels(make())
    drawn = np.asarray(images[-1].convert("RGB")).astype(int)
    codes = drawn @ (1 << 16, 1 << 8, 1)
    _, at, counts = np.unique(codes, return_inverse=True, return_counts=True)
    off = abs(ours - drawn).max(-1)[(counts > 20)[at].reshape(codes.shape)]
    assert (off > 12).mean() < 0.005 and off.mean() < 0.5
    if make is STILLS["backprop"]:
        assert off.max() <= 12, "no heat map: its hues tell the signs"


def shown(monkeypatch, *arguments, **options) -> dict:
    """The one bundle that `show` displays."""
    bundles = []
    monkeypatch.setattr("widgets.common.figure.display", lambda bundle, raw: bundles.append(bundle))
    show(*arguments, **options)
    (bundle,) = bundles
    return bundle


def test_show_gives_picture_caption_and_alt_and_closes_the_figure(monkeypatch):
    figure, axes = plt.subplots(figsize=(4, 2))
    axes.plot([1, 2])
    bundle = shown(monkeypatch, figure, caption="a < b", alt='a "line"')
    assert not plt.fignum_exists(figure.number)
    data = re.search(r'src="data:image/png;base64,([^"]+)"', bundle["text/html"]).group(1)
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.mode == "P" and picture.width >= 280
    assert html.escape('a "line"') in bundle["text/html"] and "a &lt; b" in bundle["text/html"]
    assert bundle["text/plain"] == 'a < b\n[a "line"]'


@pytest.mark.parametrize("words", [("", "alt"), ("caption", " ")])
def test_show_wants_words(words):
    with pytest.raises(ValueError, match="caption and an alt"):
        show(lines(), *words)
