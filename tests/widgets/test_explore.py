"""`explore`: a slider's places, figures computed when needed, and a page that holds them all."""

import json
import re

import ipywidgets as ipw
import numpy as np
import pytest

from course import CourseError
from widgets import Slider, explore, plot
from widgets.common.frames import decode
from widgets.plots.explore import WIDGET, Explore

TIME = np.arange(30)


def decay(rate):
    return plot(
        {"w": rate**TIME}, x="step", y="w", caption=f"Rate {rate}.", alt=f"w at rate {rate}."
    )


def content(bundle):
    found = re.search(r'(?s)<script type="application/json">(.*?)</script>', bundle["text/html"])
    return json.loads(found[1])


# ---- the slider ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slider", "values"),
    [
        (Slider("β", 0, 1, steps=5), [0, 0.25, 0.5, 0.75, 1]),
        (Slider("β", 0, 0.99), [round(0.09 * i, 2) for i in range(12)]),
        (Slider("B", 1, 64, steps=7, scale="log"), [1, 2, 4, 8, 16, 32, 64]),
        (Slider("α", 0.001, 1, steps=4, scale="log"), [0.001, 0.01, 0.1, 1]),
        (Slider("β", 0, 0.99, steps=3, scale="memory"), [0, 0.9, 0.99]),
        (Slider("x", 1000, 1001, steps=3), [1000, 1000.5, 1001]),
        (Slider("n", 2, 8, steps=4), [2, 4, 6, 8]),
    ],
)
def test_a_slider_has_even_places_on_its_scale(slider, values):
    assert slider.values == values
    assert slider.first == 0 and len(set(slider.words())) == len(values)


def test_whole_places_are_whole_numbers():
    assert all(type(v) is int for v in Slider("B", 1, 64, steps=7, scale="log").values)
    assert all(type(v) is float for v in Slider("B", 1.0, 64, steps=7, scale="log").values)


def test_a_slider_starts_at_the_nearest_place():
    assert Slider("β", 0, 1, steps=5, start=0.6).first == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "name = '' is empty"),
        ({"low": 1}, r"high = 1 is out of range"),
        ({"low": None}, "low = None is not a number"),
        ({"scale": "log"}, r"low = 0 is out of range"),
        ({"scale": "memory"}, r"high = 1 is out of range"),
        ({"scale": "cubic"}, "scale = 'cubic' is unknown"),
        ({"steps": 1}, r"steps = 1 is out of range.*\[2, 24\]"),
        ({"steps": 25}, r"steps = 25 is out of range"),
        ({"start": 2}, r"start = 2 is out of range"),
    ],
)
def test_a_bad_slider_is_refused(wrong, words):
    with pytest.raises(CourseError, match=words):
        Slider(**{"name": "β", "low": 0, "high": 1, **wrong})


# ---- without a front end ------------------------------------------------------------------------


def test_without_a_front_end_the_page_holds_a_figure_for_each_place():
    knob = Slider("rate", 0, 0.8, steps=5, start=0.4)
    bundle = explore(decay, knob)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == "rate = 0.4\nRate 0.4.\n[w at rate 0.4.]"
    assert "rate = 0.4</p>" in bundle["text/html"]  # where no script runs
    data = content(bundle)
    assert data["values"] == ["0", "0.2", "0.4", "0.6", "0.8"] and data["start"] == 2
    for stop, rate in zip(data["stops"], knob.values, strict=True):
        assert stop["caption"] == f"Rate {rate}." and stop["alt"] == f"w at rate {rate}."
        line = data["arrays"][stop["arrays"]["p00y"]].split()
        np.testing.assert_allclose([*map(float, line)], rate**TIME, atol=1e-3)
    assert len({json.dumps(s["panels"][0]["y"]) for s in data["stops"]}) == 1  # one axis for all
    assert len({s["arrays"]["p00x"] for s in data["stops"]}) == 1  # equal arrays are stored once


def test_twelve_places_stay_small():
    def noisy(beta):
        runs = np.random.default_rng(0).standard_normal((5, 2000)).cumsum(1)
        curves = {name: runs * (1 + beta) + i for i, name in enumerate(("a", "b"))}
        return plot(curves, x="step", y="w", caption="c", alt="a")

    html = explore(noisy, Slider("β", 0, 0.99))._repr_mimebundle_()["text/html"]
    assert len(html) < 120_000


def test_the_function_must_return_plots_of_equally_many_panels():
    with pytest.raises(CourseError, match=r"returned None for β = 0.0, allowed: a plot"):
        explore(lambda beta: None, Slider("β", 0.0, 1))
    figure = explore(lambda n: decay(0.5) | decay(0.6) if n else decay(0.5), Slider("n", 0, 1))
    with pytest.raises(CourseError, match="returned 1 plots for one value and 2 for another"):
        figure.at(1)
    assert [*figure.plots] == [0]


def test_an_error_of_the_function_names_the_place():
    with pytest.raises(ZeroDivisionError) as caught:
        explore(lambda beta: 1 / beta, Slider("β", 0, 1))
    assert "for β = 0" in caught.value.__notes__[0]


def test_what_is_not_a_function_or_a_slider_is_refused():
    with pytest.raises(CourseError, match=r"knob = 3 is not a slider, allowed: Slider"):
        explore(decay, 3)
    with pytest.raises(CourseError, match=r"function = 3 cannot be called"):
        explore(3, Slider("β", 0, 1))


# ---- live ---------------------------------------------------------------------------------------


@pytest.fixture
def live():
    asked = []

    def function(rate):
        asked.append(rate)
        if rate == 1:
            raise ValueError("too <fast>")
        return decay(rate)

    figure = Explore(function, Slider("rate", 0, 1, steps=5), interactive=True)
    figure.asked = asked
    yield figure
    ipw.Widget.close_all()


def painted(live):
    picture = decode(live.face.frame)
    return picture["arrays"][picture["side"][0]["layers"][0]["y"]]


def test_a_live_figure_is_computed_when_the_slider_gets_there_and_only_once(live):
    assert live.asked == [0]
    for place in (2, 0, 2):
        live.slider.value = place
    assert live.asked == [0, 0.5]
    np.testing.assert_allclose(painted(live), 0.5**TIME, atol=1e-3)
    assert "Rate 0.5." in live.caption.value


def test_the_live_axes_go_on_showing_what_was_there():
    figure = Explore(
        lambda top: plot([0.0, top], x="x", y="y", caption="c", alt="a"),
        Slider("top", 1, 3, steps=3, start=2), interactive=True,
    )  # fmt: skip
    ends = []
    for place in (1, 2, 0):
        figure.slider.value = place
        ends.append(decode(figure.face.frame)["side"][0]["y"]["high"])
    assert ends[0] < ends[1] == ends[2]
    ipw.Widget.close_all()


def test_a_live_error_is_told_and_the_figure_before_stays(live):
    live.slider.value = 2
    live.slider.value = 4
    assert "rate = 1.0 cannot be shown: ValueError" in live.caption.value
    assert "&lt;fast&gt;" in live.caption.value
    np.testing.assert_allclose(painted(live), 0.5**TIME, atol=1e-3)
    live.slider.value = 0
    assert "Rate 0.0." in live.caption.value


def test_a_live_figure_is_a_widget_with_the_still_beside_it(live):
    live.slider.value = 2
    bundle = live._repr_mimebundle_()
    assert bundle[WIDGET]["model_id"] == live.box.model_id
    data = content(bundle)
    assert data["values"] == ["0", "0.5"] and data["start"] == 0  # what was computed
    assert live.asked == [0, 0.5]


def test_a_front_end_without_custom_widgets_gets_stills(live):
    live._asked_at -= 10
    live.slider.value = 1
    assert bytes(live.image.value).startswith(b"\x89PNG") and live.image.layout.display is None
    assert live.face.layout.display == "none"
    live.face.alive = True
    live.slider.value = 2
    assert live.face.layout.display is None and live.image.layout.display == "none"
