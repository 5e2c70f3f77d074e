"""A lane shows the value of its knob now, what is planned, and what was guessed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from still_pictures import axis, curve, drawn, lane, picture, pixel, plot, strip_axes, words_of

from widgets.common.stills import figure_of
from widgets.common.stills.lanes import planned
from widgets.common.stills.sheet import HUES


def painted(step=40, **options):
    strip = plot(
        curve("past", "x", "y", look="stairs"), y=axis("log", 0.01, 1), lane=lane(**options)
    )
    return figure_of(picture([strip], x=[0, 20, 40], y=[0.1, 0.5, 0.5], step=step))


def test_without_a_plan_the_value_goes_on_dotted_to_the_end():
    (line,) = drawn(painted(value=0.5), "as it is")
    assert line.get_xydata() == pytest.approx(np.array([[40, 0.5], [100, 0.5]]))
    assert line.get_color() == HUES["run"] and line.get_linestyle() == "--"


def test_a_plan_is_purple_from_now_through_its_points_to_the_end():
    figure = painted(value=0.5, plan=[[60, 0.1], [80, 0.05]])
    (line,) = drawn(figure, "plan")
    assert line.get_xydata() == pytest.approx(
        np.array([[40, 0.5], [60, 0.5], [60, 0.1], [80, 0.05], [100, 0.05]])
    )
    assert line.get_color() == HUES["hand"] and not drawn(figure, "as it is")
    assert drawn(figure, "planned area")


def test_of_a_plan_that_runs_only_what_comes_is_painted():
    (line,) = drawn(painted(value=0.3, plan=[[30, 0.4], [50, 0.1]]), "plan")
    assert line.get_xdata() == pytest.approx([40, 50, 50, 100])
    assert line.get_ydata()[0] == pytest.approx(0.2)  # the middle of 0.4 and 0.1 on a log axis


def test_the_past_of_the_knob_is_filled_below():
    (fill,) = drawn(painted(value=0.5), "past area")
    (path,) = fill.get_paths()
    assert path.vertices[:, 0].max() == 40
    assert set(np.round(path.vertices[:, 1], 6)) == {0.01, 0.1, 0.5}
    assert not drawn(painted(value=0.5, fill=False), "past area")


def test_a_handle_marks_the_value_now():
    figure = painted(value=0.5)
    (handle,) = drawn(figure, "handle")
    (spot,) = handle.get_xydata()
    assert spot == pytest.approx(pixel(figure, strip_axes(figure, "loss"), 40, 0.5))


def test_a_threshold_that_is_off_is_a_dotted_line_and_reads_off():
    figure = painted(off=True, hue="limit", symbol="c", value=0.2, fill=False)
    (line,) = drawn(figure, "off")
    assert line.get_xydata() == pytest.approx(np.array([[0, 0.2], [100, 0.2]]))
    assert line.get_color() == HUES["limit"] and words_of(figure, "value of c") == ["off"]
    assert not words_of(figure, "label")
    begun = painted(step=0, off=True, value=0.2, fill=False)
    assert words_of(begun, "label") == ["drag down to clip"]


def test_a_guess_is_a_thick_purple_line_with_its_score():
    points = [[10, 0.4], [70, 0.02]]
    figure = painted(
        knob="guess", name="your guess", symbol="", value=None, plan=points, score="off by ×1.31"
    )
    (line,) = drawn(figure, "guess")
    assert line.get_xydata() == pytest.approx(np.array(points)) and line.get_linewidth() == 4
    assert words_of(figure, "label") == ["your guess: off by ×1.31"]
    assert not drawn(figure, "handle")


@given(st.floats(0.001, 1), st.floats(0.001, 1), st.floats(0, 1))
def test_between_two_points_a_plan_is_straight_on_its_axis(a, b, share):
    plan = [[10, a], [20, b]]
    step = 10 + 10 * share
    assert planned(plan, step, "log") == pytest.approx(a ** (1 - share) * b**share)
    assert planned(plan, step, "linear") == pytest.approx(a + share * (b - a))
    assert np.isnan(planned(plan, 9.9, "log")) and planned(plan, 99, "log") == pytest.approx(b)
