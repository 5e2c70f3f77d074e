"""`plot`: what a chapter hands in is what the picture, the page and the still hold."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course import CourseError
from widgets import plot
from widgets.common.picture import faults
from widgets.common.stills import figure_of
from widgets.plots.curves import domain, read_curve, thinned

WORDS = {"x": "step", "y": "loss", "caption": "A caption.", "alt": "Loss against step."}
RUNS = np.array([[4.0, 3, 1], [2, 9, 5], [8, 1, 3]])


def layers(figure, kind, panel=0):
    picture = figure.picture()
    plots = picture["side"] + picture["below"]
    return [layer for layer in plots[panel]["layers"] if layer["kind"] == kind], picture["arrays"]


def content(figure):
    """Return what the page's script is given."""
    html = figure._repr_mimebundle_()["text/html"]
    return json.loads(re.search(r'(?s)<script type="application/json">(.*?)</script>', html)[1])


# ---- curves and their spread --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, lambda runs: runs.tolist()])
def test_runs_become_their_median_with_a_band_from_lowest_to_highest(kind):
    curve = read_curve("a", kind(RUNS))
    assert curve.x.tolist() == [0, 1, 2]
    assert curve.y.tolist() == [4, 3, 3]
    assert curve.low.tolist() == [2, 1, 1] and curve.high.tolist() == [8, 9, 5]


@settings(max_examples=40, deadline=None)
@given(arrays(float, st.tuples(st.integers(2, 6), st.integers(1, 9)),
              elements=st.floats(-1e6, 1e6)))  # fmt: skip
def test_the_spread_is_numpys(runs):
    curve = read_curve("a", runs)
    np.testing.assert_array_equal(curve.y, np.median(runs, axis=0))
    np.testing.assert_array_equal(curve.low, runs.min(0))
    np.testing.assert_array_equal(curve.high, runs.max(0))


def test_a_run_that_diverged_counts_as_infinitely_high():
    curve = read_curve("a", [[1.0, 2, np.nan], [1.0, 3, np.nan], [1.0, np.inf, 4]])
    assert curve.y[:2].tolist() == [1, 3] and np.isnan(curve.y[2])
    assert curve.high[0] == 1 and np.isinf(curve.high[1:]).all()
    assert curve.low.tolist() == [1, 2, 4]


def test_one_run_ends_where_it_is_no_longer_finite():
    curve = read_curve("a", [1.0, np.inf, np.nan])
    assert np.isnan(curve.y[1:]).all() and curve.low is None


def test_a_tuple_brings_its_own_places():
    curve = read_curve("a", ([1, 10, 100], RUNS), at=[7, 8, 9])
    assert curve.x.tolist() == [1, 10, 100] and curve.y.tolist() == [4, 3, 3]
    assert read_curve("a", RUNS, at=[7, 8, 9]).x.tolist() == [7, 8, 9]


@settings(max_examples=40, deadline=None)
@given(arrays(float, st.tuples(st.integers(2, 4), st.integers(50, 900)),
              elements=st.floats(-1e6, 1e6)))  # fmt: skip
def test_a_thinned_curve_keeps_its_extremes_and_its_points_are_points_of_the_curve(runs):
    curve = read_curve("a", runs)
    few = thinned(curve, 40)
    assert len(few.x) <= 42
    assert (curve.y[few.x.astype(int)] == few.y).all()
    assert (np.diff(few.x) > 0).all() and few.x[0] == 0 and few.x[-1] == curve.x[-1]
    for part in ("y", "low", "high"):
        whole, some = getattr(curve, part), getattr(few, part)
        if part != "high":
            assert some.min() == whole.min()
        if part != "low":
            assert some.max() == whole.max()


def test_a_break_stays_a_break_when_the_curve_is_thinned():
    y = np.sin(np.arange(500.0))
    y[300:320] = np.nan
    few = thinned(read_curve("a", y), 60)
    assert np.isnan(few.y).any() and np.isfinite(few.y[-1])


# ---- axes ---------------------------------------------------------------------------------------


def test_an_axis_shows_all_values_and_zero_where_it_is_near():
    assert domain(np.array([1.0, 10, np.nan, np.inf]), "linear", 0.05) == (0, 10.45)
    low, high = domain(np.array([9.0, 10]), "linear", 0.05)
    assert 8.9 < low < 9 and 10 < high < 10.1
    low, high = domain(np.array([0.01, 100]), "log", 0.05)
    assert np.isclose(low, 10**-2.2) and np.isclose(high, 10**2.2)
    assert domain(np.array([3.0, 3]), "log", 0)[0] < 3 < domain(np.array([3.0, 3]), "log", 0)[1]
    assert domain(np.array([np.nan]), "linear", 0.05) == (0, 1)


def test_an_axis_leaves_a_twentieth_free_at_each_end():
    (x, y) = plot({"a": [3.0, 5.0]}, **WORDS).panels[0].ends
    assert x == pytest.approx((0, 1.05)) and y == pytest.approx((2.9, 5.1))
    log = plot({"a": [10.0, 1000.0]}, **WORDS, log="y")
    assert log.panels[0].ends[1] == pytest.approx((10**0.9, 10**3.1))


def test_a_curve_that_is_short_enough_is_not_thinned():
    curve = read_curve("a", np.arange(9.0))
    assert thinned(curve, 9) is curve and thinned(curve, 8) is not curve


def test_given_ends_hold_and_none_is_found():
    figure = plot([1.0, 2, 30], **WORDS, ylim=(0.5, None), xlim=(-1, 4))
    (panel,) = figure.picture()["side"]
    assert (panel["x"]["low"], panel["x"]["high"], panel["y"]["low"]) == (-1, 4, 0.5)
    assert panel["y"]["high"] > 30
    assert panel["x"]["label"] == "step" and panel["title"] == "loss"


@pytest.mark.parametrize("log", ["", "x", "y", "xy"])
def test_axes_are_linear_or_logarithmic(log):
    figure = plot(([1.0, 10], [2.0, 30]), **WORDS, log=log)
    (panel,) = figure.picture()["side"]
    assert [name for name in "xy" if panel[name]["scale"] == "log"] == list(log)


# ---- what is drawn ------------------------------------------------------------------------------


def test_each_curve_has_its_name_at_its_end_and_a_hue_and_a_look_of_its_own():
    curves = {f"run {i}": np.arange(40.0) + i for i in range(6)}
    figure = plot(curves, **WORDS)
    lines, values = layers(figure, "curve")
    assert [line["label"] for line in lines] == list(curves)
    assert len({(line["hue"], line["look"]) for line in lines}) == 6
    assert faults(figure.picture()) == []
    for line in lines:
        assert values[line["y"]].tolist() == curves[line["name"]].tolist()
    assert not layers(figure, "points")[0]


def test_marks_levels_events_and_notes_stand_where_they_were_put():
    figure = plot(
        {"a": RUNS}, **WORDS, marks={"a": RUNS, "seen": ([0.5], [3.0])}, levels={"even": 2.3},
        events={"β rises": 1}, notes=[(2, 4, "here")],
    )  # fmt: skip
    assert faults(figure.picture()) == []
    assert [(lv["y"], lv["label"]) for lv in layers(figure, "level")[0]] == [(2.3, "even")]
    words = [(t["x"], t["words"].strip()) for t in layers(figure, "text")[0]]
    assert words == [(1, "β rises"), (2, "here")]
    points, values = layers(figure, "points")
    of_curve, of_runs, seen = points
    assert values[of_curve["y"]].tolist() == [4, 3, 3]
    assert values[of_runs["y"]].tolist() == RUNS.ravel().tolist()
    assert of_runs["hue"] == of_curve["hue"] != seen["hue"]
    lines = {line["name"]: line for line in layers(figure, "curve")[0]}
    assert values[lines["β rises"]["x"]].tolist() == [1, 1]
    assert "label" not in lines["β rises"] and lines["seen"]["label"] == "seen"
    (band,) = layers(figure, "band")[0]
    assert values[band["low"]].tolist() == [2, 1, 1] and values[band["high"]].tolist() == [8, 9, 5]


def test_points_alone_have_their_name_at_the_last_one_that_is_a_number():
    dots = ([0.0, 1, 2], [3.0, 5, np.nan])
    figure = plot({"a": RUNS}, **WORDS, marks={"seen": dots})
    lines, values = layers(figure, "curve")
    (name,) = [line for line in lines if line["name"] == "seen"]
    assert (values[name["x"]].tolist(), values[name["y"]].tolist()) == ([1], [5])


def test_a_single_curve_needs_no_name():
    lines, _ = layers(plot([3.0, 2, 1], **WORDS), "curve")
    assert lines[0]["label"] == "" and lines[0]["read"]


def test_the_still_holds_the_curve_its_name_and_the_axes():
    figure = figure_of(plot({"a": [3.0, 2, 1]}, **WORDS, levels={"even": 2}).picture())
    (axes,) = [a for a in figure.axes if a.get_label() == "p0"]
    (line,) = [drawn for drawn in axes.lines if drawn.get_gid() == "curve a"]
    assert line.get_ydata().tolist() == [3, 2, 1]
    words = {text.get_text(): text.get_gid() for a in figure.axes for text in a.texts}
    assert words["a"] == "label" and words["loss"] == "title" and words["step"] == "axis"
    assert words["even"] == "label"
    assert not any(str(role).startswith("value") for role in words.values())  # at rest


def test_two_plots_stand_beside_each_other_with_both_texts():
    figure = plot([1.0, 2], **WORDS) | plot([2.0, 1], **WORDS | {"caption": "Another."})
    assert len(figure.picture()["below"]) == 2 and faults(figure.picture()) == []
    assert figure.caption == "A caption. Another."
    three = figure | plot([1.0, 2], **WORDS | {"caption": "Another.", "alt": "A third."})
    assert three.caption == "A caption. Another.", "what all panels share is said once"
    assert three.alt.endswith("A third.")
    part = figure | plot([1.0, 2], **WORDS | {"caption": "caption."})
    assert part.caption == "A caption. Another. caption.", "a part of a caption is another one"
    with pytest.raises(CourseError, match=r"4 plots .* 1 to 3"):
        figure | figure


# ---- the page -----------------------------------------------------------------------------------


def test_the_page_has_the_still_both_texts_and_no_address():
    odd = WORDS | {"caption": "β < 1 & more", "alt": 'a "quoted" </script>'}
    bundle = plot([1.0, 2], **odd)._repr_mimebundle_()
    html = bundle["text/html"]
    assert "β &lt; 1 &amp; more" in html and 'alt="a &quot;quoted&quot; &lt;/script&gt;"' in html
    assert html.count("<script") == html.count("</script>") == 2
    assert not re.search(r"(src|href)=.(https?:)?//|@import|url\(", html)
    assert bundle["text/plain"] == 'β < 1 & more\n[a "quoted" </script>]'


def test_the_page_of_two_plots_draws_both():
    pair = [plot([1.0, 2], **WORDS | {"y": name}) for name in "uv"]
    (stop,) = content(pair[0] | pair[1])["stops"]
    assert [panel["title"] for panel in stop["panels"]] == ["u", "v"]


def test_marks_reach_the_script():
    found = content(plot({"a": [1.0, 2, 4]}, **WORDS, marks={"a": [1.0, 3, 4], "seen": [2.0, 2]}))
    (stop,) = found["stops"]
    dots = [layer for layer in stop["panels"][0]["layers"] if layer["kind"] == "points"]
    seen = [[float(v) for v in found["arrays"][stop["arrays"][layer["y"]]].split()]
            for layer in dots]  # fmt: skip
    assert [1.0, 3, 4] in seen and [2.0, 2] in seen


def test_words_in_any_script_may_stand_in_a_figure():
    figure = plot({"学习率": [1.0, 2]}, **WORDS | {"x": "步"})
    assert "学习率" in figure._repr_mimebundle_()["text/html"]  # and no warning


def test_the_page_stays_small():
    runs = np.exp(np.random.default_rng(0).standard_normal((5, 5000)).cumsum(1) / 40)
    html = plot({"a": runs, "b": runs + 1}, **WORDS, log="y")._repr_mimebundle_()["text/html"]
    assert len(re.search('base64,([^"]+)', html)[1]) < 40_000
    assert len(html) < 70_000


@settings(max_examples=30, deadline=None)
@given(arrays(float, st.integers(2, 60), elements=st.floats(1e-6, 1e6)), st.sampled_from(["", "y"]))
def test_the_script_gets_the_values_to_what_the_eye_sees(y, log):
    figure = plot({"a": y}, **WORDS, log=log)
    data = content(figure)
    stop = data["stops"][0]
    (panel,) = stop["panels"]
    line = next(layer for layer in panel["layers"] if layer["kind"] == "curve")
    shown = np.array(data["arrays"][stop["arrays"][line["y"]]].split(), dtype=float)
    if log:
        np.testing.assert_allclose(shown, y, rtol=1e-3)
    else:
        np.testing.assert_allclose(shown, y, atol=(panel["y"]["high"] - panel["y"]["low"]) / 2000)


def test_what_is_not_finite_reaches_the_script():
    data = content(plot({"a": [[1.0, 2], [1.0, np.nan]]}, **WORDS))
    assert any("inf" in line for line in data["arrays"])


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"caption": " "}, r"caption = ' ' is empty, allowed: words"),
        ({"alt": ""}, r"alt = '' is empty"),
        ({"y": None}, r"y = None is empty"),
        ({"log": "z"}, r"log = 'z' is unknown"),
        ({"log": "y"}, r"loss reaches 0, allowed on a log axis: above 0; leave 'y' out"),
        ({"log": "x"}, r"step reaches 0"),
        ({"curves": {}}, r"0 curves, allowed: 1 to 6"),
        ({"curves": {str(i): [1] for i in range(7)}}, r"7 curves, allowed: 1 to 6 .* split"),
        ({"curves": {3: [1]}}, r"a name in curves is 3, allowed: words"),
        ({"curves": "high"}, r"'high', which is not an array of numbers"),
        ({"curves": [[1, 2], [3]]}, r"not an array of numbers; give a list"),
        ({"curves": np.ones((2, 2, 2))}, r"shape \(2, 2, 2\), allowed: \(n,\) or \(runs, n\)"),
        ({"curves": []}, r"shape \(0,\)"),
        ({"at": [1, 2]}, r"3 values in a run, but its x has shape \(2,\), allowed: \(3,\)"),
        ({"at": [3, 2, 1]}, r"numbers that do not fall; sort"),
        ({"at": [1, 2, np.inf]}, r"finite numbers"),
        ({"curves": np.ones((2, 3)), "at": [1, 2]}, r"put the runs first: values\.T"),
        ({"ylim": (2, 1)}, r"ylim = \(2, 1\) is not a range, allowed: \(low, high\)"),
        ({"ylim": 3}, r"ylim = 3 is not a range"),
        ({"xlim": ("a", 1)}, r"xlim = \('a', 1\) is not a range"),
        ({"curves": [1, 2], "log": "y", "ylim": (0, 1)}, r"two rising numbers above 0"),
        ({"levels": {"a": "b"}}, r"levels\['a'\] = 'b' is not a number"),
        ({"notes": [(1, 2)]}, r"notes has \(1, 2\), allowed: \(x, y, words\)"),
    ],
)
def test_bad_input_is_named_with_what_is_allowed(changes, words):
    with pytest.raises(CourseError, match=words):
        plot(**{"curves": [2.0, 1, 0], **WORDS, **changes})
