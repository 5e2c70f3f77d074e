"""What the strips of a still show is what the picture says."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from still_pictures import (
    assert_words_are_apart_and_inside,
    axis,
    boxes_of_words,
    curve,
    drawn,
    lane,
    picture,
    pixel,
    plot,
    strip_axes,
    typical,
    words_of,
)

from widgets.common.stills import figure_of
from widgets.common.stills.sheet import HUES
from widgets.common.stills.words import pushed_apart

FALL = np.exp(-np.arange(11) / 3)


def corners(collection) -> np.ndarray:
    return np.concatenate([path.vertices for path in collection.get_paths()])


@pytest.mark.parametrize("x", ["x", [5, 10]])
def test_a_curve_has_the_values_of_its_arrays_cut_to_the_plot(x):
    strip = plot(curve(x=x), y=axis("log", 0.1, 0.8))
    figure = figure_of(picture([strip], step=110, x=5 + 10 * np.arange(11), y=FALL))
    (line,) = drawn(figure, "curve test")
    assert line.get_xdata() == pytest.approx(5 + 10 * np.arange(11))
    assert line.get_ydata() == pytest.approx(np.clip(FALL, 0.1, 0.8))
    assert line.get_color() == HUES["run"] and line.get_linewidth() == 2.2


def test_a_value_lies_on_the_rule_that_is_labelled_so():
    for scale, values in ("log", [0.01, 1, 100]), ("memory", [0, 0.9, 0.99]):
        strip = plot(y=axis(scale, values[0], values[-1]), height=80)
        figure = figure_of(picture([strip]))
        axes = strip_axes(figure, "loss")
        assert [t.get_text() for t in axes.get_yticklabels()] == [f"{v:g}" for v in values]
        heights = [pixel(figure, axes, 0, v)[1] for v in axes.get_yticks()]
        assert np.diff(heights) == pytest.approx([-40, -40])


LOOKS = {"thin": (1, 0.42), "dotted": (1.5, 1), "dashed": (1.8, 1), "stairs": (2, 1)}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_is_width_opacity_and_dash(look):
    strip = plot(curve(look=look, fade=0.5, hue="limit"))
    (line,) = drawn(figure_of(picture([strip], x=[0, 1], y=[0, 1])), "curve test")
    assert (line.get_linewidth(), line.get_alpha()) == (LOOKS[look][0], 0.5 * LOOKS[look][1])
    assert (line.get_linestyle() == "--") == (look in ("dotted", "dashed"))
    assert (line.get_drawstyle() == "steps-post") == (look == "stairs")
    assert line.get_color() == HUES["limit"]


def test_nan_breaks_a_line_infinity_and_zero_go_to_the_edge():
    strip = plot(curve(), y=axis("log", 0.1, 10))
    values = [1, np.nan, np.inf, -np.inf, 0, -3]
    (line,) = drawn(figure_of(picture([strip], x=np.arange(6), y=values)), "curve test")
    assert line.get_ydata() == pytest.approx([1, np.nan, 10, 0.1, 0.1, 0.1], nan_ok=True)


def test_what_lies_far_outside_keeps_its_slope_and_stays_a_number():
    x, y = [-50, 150, 1e30], [0, 1, 1]
    (line,) = drawn(figure_of(picture([plot(curve())], x=x, y=y)), "curve test")
    assert line.get_xdata()[:2] == pytest.approx([-50, 150])
    assert 150 < line.get_xdata()[2] < 1e6
    own = plot(curve(), id="own", x=axis("log", 1, 100))
    (line,) = drawn(figure_of(picture(below=[own], x=[0, 10, 1e9], y=y)), "curve test")
    assert line.get_xdata() == pytest.approx([1, 10, 100]), "a log axis has no 0"


def test_a_band_fills_between_its_arrays_and_leaves_out_nan():
    band = {"kind": "band", "x": "x", "low": 0.2, "high": "y", "hue": "limit", "fade": 0.4}
    y = [0.5, 0.6, np.nan, 0.9, 0.7]
    (fill,) = drawn(figure_of(picture([plot(band)], x=np.arange(5), y=y)), "band")
    assert len(fill.get_paths()) == 2 and fill.get_alpha() == 0.4
    heights = np.unique(np.round(corners(fill)[:, 1], 6))
    assert heights == pytest.approx([0.2, 0.5, 0.6, 0.7, 0.9])


def test_clipped_samples_are_shaded_by_their_share():
    shade = {"kind": "shade", "x": [5, 10], "share": "cut", "hue": "limit"}
    (stripes,) = drawn(figure_of(picture([plot(shade)], cut=[0, 1, 0.5, 0])), "shade")
    assert stripes.get_facecolor()[:, 3] == pytest.approx([0.15, 0.075])
    edges = [sorted({x for x, _ in path.vertices}) for path in stripes.get_paths()]
    assert edges == [[10, 20], [20, 30]]


def test_points_arrows_levels_and_words_lie_where_they_belong():
    layers = [
        {"kind": "points", "x": "x", "y": "y", "marker": "cross", "hue": "ink", "size": 2},
        {"kind": "arrows", "x": "x", "y": "y", "dx": "d", "dy": "d", "hue": "run"},
        {"kind": "level", "y": 0.25, "hue": "limit", "look": "dashed", "label": "limit"},
        {"kind": "text", "x": 50, "y": 0.5, "words": "here", "hue": "ink", "align": "center"},
    ]
    figure = figure_of(picture([plot(*layers)], x=[1, 2], y=[0.1, 0.2], d=[0.1, np.nan]))
    axes = strip_axes(figure, "loss")
    (points,) = drawn(figure, "points")
    assert points.get_xydata() == pytest.approx(np.array([[1, 0.1], [2, 0.2]]))
    (arrow,) = drawn(figure, "arrow")
    assert arrow.xy == pytest.approx((1.1, 0.2))
    (level,) = drawn(figure, "level")
    assert set(level.get_ydata()) == {0.25} and words_of(figure, "label") == ["limit"]
    (words,) = drawn(figure, "words")
    assert words.get_position() == pytest.approx(np.add(pixel(figure, axes, 50, 0.5), (0, 4)))


# ---- time: past, present, future, turns ---------------------------------------------------------


def test_the_future_lies_on_a_wash_from_now_to_the_planned_end():
    figure = figure_of(picture([plot(), plot(id="b")], step=30, horizon=120))
    for wash in drawn(figure, "future"):
        assert (wash.get_x(), wash.get_x() + wash.get_width()) == (30, 120)
    (now,) = drawn(figure, "now")
    top, bottom = strip_axes(figure, "loss"), strip_axes(figure, "b")
    assert now.get_xydata() == pytest.approx(
        np.array([pixel(figure, top, 30, 1), pixel(figure, bottom, 30, 0)])
    )
    assert words_of(figure, "pill in words") == ["30"]
    assert words_of(figure, "step") == ["0", "20", "40", "60", "80", "100"]


def test_a_turn_is_a_hairline_a_diamond_on_the_curve_and_words():
    strip = plot(curve(mark=True, hue="run2"), y=axis("log", 0.01, 1))
    arrays = {"x": 10 * np.arange(11), "y": FALL}
    figure = figure_of(picture([strip], step=60, turns=[[20, "α 1"], [80, "α 2"]], **arrays))
    axes = strip_axes(figure, "loss")
    marks = zip(drawn(figure, "turned"), drawn(figure, "turn"), (20, 80), strict=True)
    for diamond, line, step in marks:
        (spot,) = diamond.get_xydata()
        assert spot == pytest.approx(pixel(figure, axes, step, FALL[step // 10]))
        assert line.get_xdata() == pytest.approx([spot[0]] * 2)
        assert diamond.get_markeredgecolor() == HUES["run2"]
    assert words_of(figure, "turn in words") == ["α 1", "α 2"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 100), max_size=9, unique=True))
@example([97, 99, 100])
def test_words_of_turns_never_overlap_and_stay_inside(steps):
    turns = [[step, f"momentum {step}"] for step in sorted(steps)]
    figure = figure_of(picture([plot(height=40)], step=50, turns=turns))
    assert_words_are_apart_and_inside(figure)
    assert len(drawn(figure, "turn")) == len(steps)
    assert len(drawn(figure, "turn in words")) >= min(len(steps), 1)


# ---- words --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=8))
def test_labels_are_pushed_apart_and_stay_inside(heights):
    apart = pushed_apart(sorted(heights), 6, 94)
    assert all(b - a >= 12 - 1e-9 for a, b in zip(apart, apart[1:], strict=False))
    assert all(6 <= y <= 94 for y in apart)


@given(st.lists(st.floats(12, 20), max_size=6))
def test_labels_that_are_apart_stay_where_they_are(gaps):
    heights = [6, *np.cumsum([6, *gaps])[1:]]
    assert pushed_apart(heights, 6, 200) == pytest.approx(heights)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.integers(1, 100))
def test_the_names_at_the_ends_are_seen_whole(ends, last):
    layers = [curve(f"c{i}", y=f"y{i}", label=f"curve {i}") for i in range(len(ends))]
    arrays = {f"y{i}": [0.5, end] for i, end in enumerate(ends)}
    figure = figure_of(picture([plot(*layers)], x=[0, last], step=last, **arrays))
    assert sorted(words_of(figure, "label")) == [f"curve {i}" for i in range(len(ends))]
    assert_words_are_apart_and_inside(figure)
    axes = strip_axes(figure, "loss")
    (left, bottom), (right, top) = pixel(figure, axes, 0, 0), pixel(figure, axes, 100, 1)
    for (words, _), (x0, y0, x1, y1) in boxes_of_words(figure).items():
        if words.startswith("curve"):
            assert left <= x0 and x1 <= right and top - 1 <= y0 and y1 <= bottom + 1


def test_of_too_many_names_the_first_ones_are_written():
    layers = [curve(f"c{i}", label=f"curve {i}") for i in range(9)]
    figure = figure_of(picture([plot(*layers, height=44)], x=[0, 9], y=[0, 1], step=9))
    assert words_of(figure, "label") == ["curve 0", "curve 1", "curve 2"]


def test_the_heading_reads_the_values_of_now_not_the_last_ones():
    layers = [curve(read=True), curve("batch", [5, 10], "y", read=True), curve("quiet")]
    strip = plot(*layers, lane=lane(value=0.3))
    figure = figure_of(picture([strip], x=10 * np.arange(11), y=FALL, step=34))
    assert words_of(figure, "value of test") == [f"{FALL[3]:.3g}"]
    assert words_of(figure, "value of batch") == [f"{FALL[2]:.3g}"]
    assert words_of(figure, "value of α") == ["0.3"] and not drawn(figure, "value of quiet")


@pytest.mark.parametrize("first, read", [(5.5, ["0.75"]), (15.5, [])])
def test_a_bin_that_has_begun_is_read_before_its_middle(first, read):
    strip = plot(curve(x=[first, 10], read=True))
    for y in ([0.75], [0.75, 0.5]):
        assert words_of(figure_of(picture([strip], step=2, y=y)), "value of test") == read


def test_words_over_lines_have_an_edge_of_paper_and_no_others():
    layers = [curve(read=True, label="end")]
    strip = plot(*layers, lane=lane(value=0.3))
    figure = figure_of(picture([strip], x=[0, 9], y=[0, 1], step=9, words="A sentence."))
    over = {role: words_of(figure, role) for role in ("title", "label", "name")}
    over["value"] = words_of(figure, "value of test") + words_of(figure, "value of α")
    assert sorted(words_of(figure, "halo")) == sorted(sum(over.values(), []))
    (edge,) = {text.get_path_effects()[0]._gc["foreground"] for text in drawn(figure, "halo")}
    assert edge == HUES["paper"]


def test_read_outs_without_room_are_left_out_from_the_left():
    layers = [curve(f"a long name of a curve {i}", read=True) for i in range(8)]
    figure = figure_of(picture([plot(*layers)], x=[0, 1], y=[1, 0.5], step=1))
    names = words_of(figure, "name")
    assert 1 < len(names) < 8 and names[0].endswith("7")
    assert_words_are_apart_and_inside(figure)


@pytest.mark.parametrize("step, plan, seen", [(0, [], 1), (1, [], 0), (0, [[5, 0.1]], 0)])
def test_a_hint_stands_there_only_before_the_run_begins(step, plan, seen):
    strip = plot(hint="draw a schedule", lane=lane(plan=plan))
    assert len(drawn(figure_of(picture([strip], step=step)), "hint")) == seen


def test_all_words_of_a_busy_picture_are_readable():
    figure = figure_of(typical())
    assert_words_are_apart_and_inside(figure)
    assert "".join(words_of(figure, "sentence")).replace(" ", "") == typical()["words"].replace(
        " ", ""
    )
