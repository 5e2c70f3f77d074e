"""Each panel of a still shows the numbers it was given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from still_pictures import (
    assert_words_are_apart_and_inside,
    axis,
    curve,
    drawn,
    picture,
    plot,
    strip_axes,
    words_of,
)

from widgets.common.stills import figure_of
from widgets.common.stills.sheet import HUES, shortened, text_width, wrapped

CLASSES = [str(k) for k in range(10)]


def painted(panel, **arrays):
    return figure_of(picture(below=[panel], **arrays))


# ---- maps ---------------------------------------------------------------------------------------


def surface(**options) -> dict:
    return {
        "kind": "map", "title": "loss on a plane", "values": "values", "shape": [3, 4],
        "extent": [0, 4, 0, 3], "colours": "height", **options,
    }  # fmt: skip


def test_the_first_row_of_a_map_lies_lowest():
    values = np.arange(12, dtype=np.uint8) * 23
    (image,) = drawn(painted(surface(), values=values), "map")
    seen = np.asarray(image.get_array())
    assert seen == pytest.approx(values.reshape(3, 4)[::-1] / 127.5 - 1)
    _, _, bottom, top = image.get_extent()
    assert top < bottom, "pixels grow downwards, and row 0 of an image is its upper one"


def test_a_height_is_blue_where_it_is_low_and_a_class_blue_where_it_is_1():
    values = np.zeros(12, np.uint8)
    for colours, low, high in (("height", "blue", "paper"), ("two classes", "orange", "blue")):
        figure = painted(surface(colours=colours), values=values)
        for image in drawn(figure, "map") + drawn(figure, "bar"):
            for end, name in ((0.0, low), (1.0, high)):
                red, _, blue, _ = image.cmap(end)
                assert name == ("paper" if red == blue == 1 else "blue" if blue > red else "orange")


def test_a_path_is_seen_on_any_colour():
    path = np.uint8([[0, 0], [255, 255]])
    figure = painted(surface(path="path"), values=np.zeros(12), path=path)
    (line,) = drawn(figure, "path")
    edges = [other for other in line.axes.lines if other.get_color() == HUES["paper"]
             and np.array_equal(other.get_xydata(), line.get_xydata())]  # fmt: skip
    (edge,) = edges
    assert edge.get_linewidth() > line.get_linewidth() and edge.zorder < line.zorder


def test_a_path_and_its_end_lie_where_their_bytes_say():
    path = np.uint8([[0, 0], [255, 255], [51, 102]])
    figure = painted(surface(path="path"), values=np.zeros(12), path=path)
    (line,), (image,) = drawn(figure, "path"), drawn(figure, "map")
    bounds = image.get_clip_box()
    wide, high = figure.bbox.width, figure.bbox.height
    assert line.get_xydata()[0] == pytest.approx((bounds.x0, high - bounds.y0))
    assert line.get_xydata()[1] == pytest.approx((bounds.x1, high - bounds.y1))
    (end,) = drawn(figure, "path's end")
    share = (end.get_xydata()[0] - (bounds.x0, high - bounds.y0)) / (bounds.width, -bounds.height)
    assert share == pytest.approx([0.2, 0.4]) and wide > bounds.x1


def test_a_map_of_two_classes_has_its_border_and_its_points():
    values = np.uint8([0, 85, 170, 255]).reshape(1, 4).repeat(3, 0)
    points, wrong = np.uint8([[10, 20, 0], [200, 100, 1]]), np.uint8([0, 1])
    panel = surface(colours="two classes", contour=True, points="points", wrong="wrong")
    figure = painted(panel, values=values, points=points, wrong=wrong)
    (line,), (crosses,) = drawn(figure, "contour"), drawn(figure, "wrong")
    box = drawn(figure, "map")[0].get_clip_box()
    vertices = np.concatenate([path.vertices for path in line.get_paths()])
    assert vertices[:, 0] == pytest.approx((box.x0 + box.x1) / 2)
    assert crosses.get_xdata() == pytest.approx([box.x0 + 200 / 255 * box.width])


def test_a_map_names_its_axes_and_what_its_colours_mean():
    figure = painted(surface(low=0.02, high=4.2, x_label="a", y_label="b"), values=np.zeros(12))
    assert words_of(figure, "axis") == ["→ a   ↑ b"]
    (image,), (bar,) = drawn(figure, "map"), drawn(figure, "bar")
    plane, low = image.get_clip_box(), bar.get_clip_box()
    assert plane.height > 300 and plane.width / plane.height == pytest.approx(4 / 3)
    shades = np.asarray(bar.get_array()).ravel()
    assert shades[0] == -1 and shades[-1] == 1 and (low.x0, low.x1) == (plane.x0, plane.x1)
    for text in drawn(figure, "words"):
        assert text.get_window_extent().y1 < low.y0, "below the bar"
    assert {"0.02", "4.2"} <= set(words_of(figure, "words"))
    assert_words_are_apart_and_inside(figure)


# ---- images -------------------------------------------------------------------------------------


@pytest.mark.parametrize("colours, low, high", [("signed", -1, 1), ("grey", -1, 1)])
@pytest.mark.parametrize("n", [1, 7, 64, 100])
def test_tiles_stand_in_rows_and_show_their_pixels(colours, low, high, n):
    pixels = np.full((n, 2, 3), 128, dtype=np.uint8)
    pixels[:, 0, 0], pixels[:, 1, 2] = 255, 1 if colours == "signed" else 0
    panel = {"kind": "tiles", "title": "t", "pixels": "p", "shape": [n, 2, 3], "colours": colours}
    figure = painted(panel, p=pixels)
    tiles = drawn(figure, "tile")
    seen = np.asarray(tiles[-1].get_array())
    assert len(tiles) == n and (seen[0, 0], seen[1, 2]) == pytest.approx((high, low))
    assert seen[0, 1] == pytest.approx(0, abs=0 if colours == "signed" else 0.005)
    corners = {(round(t.get_extent()[0]), round(t.get_extent()[3])) for t in tiles}
    assert len(corners) == n, "none lies on another"
    (red, _, blue, _), dark = tiles[0].cmap(0.0), tiles[0].cmap(1.0)
    assert (red > blue and dark[2] > dark[0]) if colours == "signed" else red == blue == 1 > dark[0]
    legend = ["orange −, blue +"] if colours == "signed" else []
    assert words_of(figure, "legend") == legend
    assert_words_are_apart_and_inside(figure)


def test_captions_stand_below_their_tiles():
    panel = {"kind": "tiles", "title": "t", "pixels": "p", "shape": [3, 4, 4], "colours": "grey",
             "captions": ["one", "two", "a very long caption indeed"]}  # fmt: skip
    figure = painted(panel, p=np.zeros((3, 4, 4), np.uint8))
    words = words_of(figure, "caption")
    assert words[:2] == ["one", "two"] and words[2].endswith("…")
    assert_words_are_apart_and_inside(figure)


def test_bars_are_as_high_as_their_values():
    values = [0, 0.25, 1, None, 7]
    panel = {"kind": "bars", "title": "accuracy", "names": list("abcde"), "values": values}
    bars = drawn(painted(panel), "bar")
    heights = np.array([bar.get_height() for bar in bars])
    assert heights / heights[2] == pytest.approx([0, 0.25, 1, 0, 1])
    lefts, rights = np.transpose([(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars])
    assert (lefts[1:] > rights[:-1] + 2).all(), "apart"
    names = [text.get_position()[0] for text in drawn(painted(panel), "name")]
    assert names == pytest.approx((lefts + rights) / 2), "each above its name"


def test_many_bars_stand_beside_each_other_on_the_page():
    panel = {"kind": "bars", "title": "t", "names": ["a"] * 40, "values": [0.5] * 40}
    figure = painted(panel)
    ends = [bar.get_x() + bar.get_width() for bar in drawn(figure, "bar")]
    assert 0.9 * figure.bbox.width < max(ends) < figure.bbox.width


def test_bars_carry_their_labels():
    panel = {"kind": "bars", "title": "accuracy", "names": CLASSES, "values": [0.5] * 10,
             "labels": ["50"] * 10}  # fmt: skip
    figure = painted(panel)
    assert words_of(figure, "name") == CLASSES and words_of(figure, "words").count("50") == 10
    assert_words_are_apart_and_inside(figure)


def samples(truth, guess, classes=CLASSES) -> dict:
    return {"kind": "samples", "title": "samples", "pixels": "x", "shape": [len(truth), 8, 8],
            "probabilities": "p", "truth": truth, "guess": guess, "classes": classes}  # fmt: skip


def test_a_sample_shows_its_image_its_probabilities_and_the_verdict():
    shares = np.zeros((2, 10), np.uint8)
    shares[0, 3], shares[1, [4, 9]] = 255, (51, 204)
    pixels = np.zeros((2, 8, 8), np.uint8)
    pixels[:, 0, 0] = 255
    figure = painted(samples([3, 4], [3, 9]), x=pixels, p=shares)
    assert words_of(figure, "verdict") == ["✓ 3", "✕ 9"]
    bars = np.array([bar.get_height() for bar in drawn(figure, "probability")]).reshape(2, 10)
    assert bars[1, 4] / bars[1, 9] == pytest.approx(0.25) and bars[0].argmax() == 3
    images = [np.asarray(image.get_array()) for image in drawn(figure, "sample")]
    assert all(image[0, 0] == 1 and image[1, 1] == -1 for image in images)
    assert_words_are_apart_and_inside(figure)


def test_long_names_of_classes_are_shortened():
    names = [f"a very long name, longer than any, of class {k}" for k in range(10)]
    panel = samples([0], [1], names)
    figure = painted(panel, x=np.zeros((1, 8, 8)), p=np.zeros((1, 10), np.uint8))
    assert words_of(figure, "verdict")[0].endswith("…")
    assert_words_are_apart_and_inside(figure)


# ---- histograms, layers, words, plots -----------------------------------------------------------


def test_ridges_and_layers_have_a_histogram_a_row():
    counts = np.uint8([[0, 255, 51], [255, 0, 0]])
    rows = [["0.weight", -1, 2, "rms 0.3"], ["0.bias", 0, None, ""]]
    figure = painted({"kind": "ridges", "title": "w", "counts": "c", "rows": rows}, c=counts)
    first, second = drawn(figure, "histogram")
    heights = -np.diff(first.get_ydata()[[0, 2, 4]])
    assert heights[0] * 0.8 == pytest.approx(-heights[1])
    assert words_of(figure, "range") == ["−1 to 2, rms 0.3", "0 to –"]
    row = second.get_ydata().max() - first.get_ydata().max()
    assert 0.6 * row < np.ptp(first.get_ydata()) < row, "high, and apart"
    (zero,) = drawn(figure, "zero")
    share = (zero.get_xdata()[0] - first.get_xdata()[0]) / np.ptp(first.get_xdata())
    assert share == pytest.approx(1 / 3)
    assert_words_are_apart_and_inside(figure)


def test_layers_tell_sizes_and_leave_out_what_is_not_known():
    row = {"name": "encoder.layers.0.self_attention.out_projection.weight", "shape": "64 × 64",
           "weights": 0.351, "grad": 3e-4, "ratio": None, "counts": "c", "low": -1,
           "high": 1}  # fmt: skip
    figure = painted({"kind": "layers", "title": "layers", "rows": [row] * 3}, c=np.uint8([1, 2]))
    assert words_of(figure, "weights") == ["0.35"] * 3 and words_of(figure, "ratio") == ["–"] * 3
    assert words_of(figure, "grad") == ["3·10⁻⁴"] * 3
    assert_words_are_apart_and_inside(figure)


def test_a_note_is_written_whole():
    words = "The model was adopted from a module of your own. " * 6
    figure = painted({"kind": "note", "title": "curvature", "words": words})
    assert " ".join(words_of(figure, "note")) == words.strip()
    assert_words_are_apart_and_inside(figure)


@settings(max_examples=50, deadline=None)
@given(st.text("ab W$_^\\", max_size=60), st.floats(20, 300))
def test_words_are_broken_and_shortened_to_fit(words, room):
    assert text_width(shortened(words, room)) <= room
    lines = wrapped(words, room)
    assert all(text_width(line) <= room for line in lines)
    if all(text_width(word) <= room for word in words.split()):
        assert " ".join(lines).split() == words.split()


def test_a_plot_of_its_own_has_its_axis_and_reads_the_last_values():
    panel = plot(curve("λ", label="λ", read=True), id="s", x=axis("log", 1, 1000, "number"))
    figure = painted(panel, x=[1, 10, 100], y=[0.9, 0.5, 0.25])
    axes = strip_axes(figure, "s")
    assert axes.get_xlim() == (1, 1000) and words_of(figure, "value of λ") == ["0.25"]
    assert words_of(figure, "axis") == ["number"]
    (name,), (line,) = drawn(figure, "label"), drawn(figure, "curve λ")
    end = axes.transData.transform(line.get_xydata()[-1])[0]
    assert name.get_position()[0] > end, "beside the curve, not on it"
    assert_words_are_apart_and_inside(figure)


def test_a_plot_of_its_own_leaves_room_for_the_longest_name():
    layers = [curve("a", label="a name of a curve"), curve("b", y="z"), curve("c", label="c")]
    panel = plot(*layers, id="s", x=axis("linear", 0, 2, "number"))
    figure = painted(panel, x=[0, 1, 2], y=[0.9, 0.5, 0.25], z=[0, 0, 0.9])
    end = strip_axes(figure, "s").bbox.x1
    names = drawn(figure, "label")
    assert [text.get_text() for text in names] == ["a name of a curve", "c"]
    assert all(text.get_position()[0] > end for text in names)
    assert_words_are_apart_and_inside(figure)


def test_a_panel_below_lies_in_the_column_that_is_the_shortest_so_far():
    notes = [{"kind": "note", "title": f"{i}", "words": "words " * n}
             for i, n in enumerate([200, 1, 100, 1, 1])]  # fmt: skip
    figure = figure_of(picture(below=notes))
    titles = {text.get_text(): text.get_position() for text in drawn(figure, "title")}
    left, middle, right = (titles[name][0] for name in "012")
    assert left < middle < right and titles["0"][1] == titles["1"][1] == titles["2"][1]
    assert titles["3"][0] == titles["4"][0] == middle
    assert titles["1"][1] < titles["3"][1] < titles["4"][1]
