"""The other panels in a real browser: the pixels of the canvas are what the picture says."""

import math

import numpy as np
import pytest
from panel_page import build_network, draw, open_page, panel_of, pixels

PAPER, INK = (255, 255, 255), (33, 33, 33)
NEGATIVE, POSITIVE, RUN, LIMIT = (230, 159, 0), (0, 114, 178), (0, 114, 178), (194, 74, 0)


@pytest.fixture
def face(browser_page):
    yield from open_page(browser_page)


def is_colour(image, colour, tolerance=2):
    return (abs(image[..., :3] - colour) <= tolerance).all(-1)


def over(colour, ground, share):
    """Return a colour painted over another with an opacity."""
    return tuple(g + share * (c - g) for c, g in zip(colour, ground, strict=True))


def runs(where):
    """Return the places that are true, in a part for each unbroken run."""
    places = np.flatnonzero(where)
    return np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)


@pytest.mark.parametrize("names", [list("abcdefgh"), [f"a long name {k}" for k in "abcdefgh"]])
def test_bars_are_as_long_as_their_values(face, names):
    values = [0.0, 0.07, 0.25, 0.5, 0.731, 0.9, 0.995, 1.0]
    draw(face, [{"kind": "bars", "title": "accuracy", "names": names, "values": values}], {})
    image = pixels(face)
    ground = over((238, 238, 238), PAPER, 0.6)
    filled = is_colour(image, over(RUN, ground, 0.6), 3)
    empty = is_colour(image, ground, 1)
    across = int(len(names[0]) > 1)  # long names stand beside bars that lie
    lines = (filled | empty).sum(across)
    slots = runs(lines > 0.9 * lines.max())
    track = max(map(len, runs(empty.take(slots[0][5], 1 - across))))
    lengths = [filled.take(slot[len(slot) // 2], 1 - across).sum() for slot in slots]
    assert lengths[-1] == pytest.approx(track, abs=1) and track > 80
    assert lengths == pytest.approx([v * lengths[-1] for v in values], abs=1)


def test_tiles_show_each_weight_in_its_place_and_colour(face):
    weights = np.random.default_rng(0).integers(0, 256, (4, 2, 3)).astype("u1")
    weights[0, 0] = [128, 1, 255]
    panels = [
        {"kind": "tiles", "title": "w", "pixels": "w", "shape": [4, 2, 3], "colours": colours}
        for colours in ("signed", "grey")
    ]
    draw(face, panels, {"w": weights})
    for k, colour in enumerate(
        [
            lambda v: over(NEGATIVE if v < 128 else POSITIVE, PAPER, 0.72 * abs(v - 128) / 127),
            lambda v: over(INK, PAPER, v / 255),
        ]
    ):
        image = pixels(face, k)
        for (tile, row, column), weight in np.ndenumerate(weights):
            for part in (0.1, 0.9):  # a tile is 61 px wide, with 3 px to the next
                x, y = tile * 64 + (column + part) * 61 / 3, 26 + (row + part) * 61 / 3
                assert is_colour(image[int(y), int(x)], colour(int(weight)), 3)


def test_a_map_has_row_0_at_the_bottom_and_points_where_they_belong(face):
    values = np.full((8, 12), 255, "u1")
    values[:4] = 0
    panel = {
        "kind": "map", "title": "classes", "values": "values", "shape": [8, 12], "contour": True,
        "extent": [0, 3, 0, 2], "colours": "two classes", "points": "points", "wrong": "wrong",
    }  # fmt: skip
    arrays = {"points": np.array([128, 230, 0], "u1"), "wrong": np.zeros(1, "u1")}
    draw(face, [panel], arrays | {"values": values}, 380)
    image = pixels(face)
    blue, orange = (is_colour(image, over(c, PAPER, 0.72)) for c in (POSITIVE, NEGATIVE))
    assert np.flatnonzero(blue.any(1)).max() < np.flatnonzero(orange.any(1)).min()
    rows, columns = np.nonzero(is_colour(image, NEGATIVE, 8))
    assert columns.mean() == pytest.approx(1 + 378 * 128 / 255, abs=2)
    assert rows.mean() == pytest.approx(26 + 252 * 25 / 255, abs=2)


def every_panel():
    """Return one panel of each kind, with words as long as they come."""
    counts = np.random.default_rng(0).integers(0, 256, (3, 20)).astype("u1")
    long = "a name that is much too long for the place it has in any of these pictures"
    network, arrays = panel_of(build_network([2, 30, 8, 1], "relu"), [2, 30, 8, 1], "relu")
    row = {"name": long, "shape": "64 × 64", "weights": 0.1, "counts": "bins", "low": -1, "high": 2}
    panels = [
        network,
        {
            "kind": "map", "values": "grid", "shape": [5, 6], "extent": [-2, 2, 1, 3],
            "colours": "height", "contour": True, "low": 0.01, "high": 30, "path": "path",
            "x_label": "first", "y_label": "second",
        },
        {
            "kind": "tiles", "pixels": "grid", "shape": [5, 2, 3], "colours": "signed",
            "captions": [long] * 5,
        },
        {"kind": "bars", "names": ["cat", long], "values": [0.5, 1]},
        {
            "kind": "samples", "pixels": "grid", "shape": [2, 3, 5], "probabilities": "shares",
            "truth": [0, 1], "guess": [0, 2], "classes": ["a", "bird", "dog"],
        },
        {
            "kind": "ridges", "counts": "counts",
            "rows": [[long, -1, 1, long], ["b", 0, 1, ""], ["c", 0, 9, "!"]],
        },
        {
            "kind": "layers",
            "rows": [row | {"grad": 1e-9, "ratio": None}, row | {"grad": 0, "ratio": 1e-3}],
        },
        {"kind": "note", "words": "Nothing to see here, and this is the reason why it is so. " * 5},
    ]  # fmt: skip
    arrays |= {
        "grid": counts.ravel()[:30], "path": counts.ravel()[:10], "shares": counts.ravel()[:6],
        "counts": counts, "bins": counts[0],
    }  # fmt: skip
    return [{"title": "title", "note": long} | panel for panel in panels], arrays


def test_samples_show_how_sure_the_network_is_in_the_colours_of_right_and_wrong(face):
    panel = {
        "kind": "samples", "title": "samples", "pixels": "pixels", "shape": [2, 4, 4],
        "probabilities": "shares", "truth": [2, 0], "guess": [2, 1], "classes": list("0123"),
    }  # fmt: skip
    shares = np.array([[0, 0, 255, 0], [102, 153, 0, 0]], "u1")
    images = np.zeros((2, 4, 4), "u1")
    images[1, 3, 0] = 255
    draw(face, [panel], {"pixels": images, "shares": shares})
    image = pixels(face)
    sure, unsure = np.array_split(image, 2, 1)  # side by side
    full = is_colour(sure, RUN).sum(0).max()
    assert np.flatnonzero(is_colour(sure, RUN).any(1)).min() == 26  # as high as the image
    assert is_colour(unsure, RUN).sum(0).max() == pytest.approx(0.4 * full, abs=1)
    assert is_colour(unsure, LIMIT).sum(0).max() == pytest.approx(0.6 * full, abs=1)
    assert not is_colour(sure, LIMIT).any()
    rows, columns = np.nonzero(is_colour(unsure[26:66, :60], INK))
    assert len(rows) > 50 and rows.mean() > 30 and np.ptp(columns) < 11  # ink at the lower left


def test_a_ridge_stands_over_its_bins(face):
    counts = np.zeros((2, 10), "u1")
    counts[0], counts[1, 7] = 255, 255
    rows = [["first", 0, 1, ""], ["second", 0, 1, ""]]
    panel = {"kind": "ridges", "title": "activations", "counts": "counts", "rows": rows}
    draw(face, [panel], {"counts": counts})
    filled = is_colour(pixels(face), over(RUN, PAPER, 0.22))
    (all_bins, one_bin) = (np.flatnonzero(filled[26 + 32 * k + 13]) for k in (0, 1))
    left, wide = all_bins.min(), np.ptp(all_bins)
    assert one_bin.min() == pytest.approx(left + 0.7 * wide, abs=2)
    assert one_bin.max() == pytest.approx(left + 0.8 * wide, abs=2)


def test_the_bars_of_layers_are_logarithms(face):
    row = {"name": "layer", "shape": "3 × 4", "counts": "counts", "low": -1, "high": 1}
    rows = [row | {"weights": v, "grad": 0, "ratio": 0.001} for v in (1, 0.1, 0.01)]
    panel = {"kind": "layers", "title": "layers", "rows": rows}
    draw(face, [panel], {"counts": np.zeros(8, "u1")})
    bars = is_colour(pixels(face), over(RUN, PAPER, 0.6))
    long, middle, short = (bars[42 + 32 * k + 22].sum() for k in range(3))
    assert long - middle == pytest.approx(middle - short, abs=1)
    assert long > middle > short > 5


def test_what_is_kept_is_painted_anew_in_another_theme_or_with_other_numbers(face):
    panels, arrays = every_panel()
    for panel in panels:
        panel |= {"title": "", "note": ""}
    draw(face, panels, arrays)
    light = [pixels(face, k) for k in range(len(panels))]
    draw(face, panels, arrays, dark=True)
    for k, panel in enumerate(panels):
        if panel["kind"] in ("map", "network", "tiles"):
            seen = light[k][30:90, 40:120][..., 3] > 0
            assert (pixels(face, k) != light[k])[30:90, 40:120].any(2)[seen].mean() > 0.8
    draw(face, panels, arrays)
    for k, panel in enumerate(panels):
        assert (pixels(face, k) == light[k]).all(), panel["kind"]
    arrays["grid"] = 255 - arrays["grid"]
    draw(face, panels, arrays)
    for k, panel in enumerate(panels):
        changed = (pixels(face, k) != light[k]).any()
        assert changed == ("grid" in panel.values()), panel["kind"]


def test_a_long_note_leaves_the_title_alone(face):
    panel = {"kind": "note", "title": "a title", "words": "words", "note": "a note " * 40}
    draw(face, [panel, panel | {"note": ""}], {})
    noted, free = pixels(face, 0), pixels(face, 1)
    assert (noted[:, :56] == free[:, :56]).all() and (noted != free).any()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [380, 560, 1000])
def test_every_panel_paints_inside_its_place_at_every_width_in_both_themes(face, width, dark):
    panels, arrays = every_panel()
    sizes = draw(face, panels, arrays, width, dark, spare=40)
    for k, (panel, size) in enumerate(zip(panels, sizes, strict=True)):
        painted = pixels(face, k)[..., 3] > 0
        height = math.ceil(size["height"])
        assert painted[:height, :width].mean() > 0.01, panel["kind"]
        assert not painted[height:].any() and not painted[:, width + 1 :].any(), panel["kind"]
