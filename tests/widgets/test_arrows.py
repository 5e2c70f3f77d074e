"""`drag`: the clipped arrow's numbers are PyTorch's, its axes are equal, and its page holds all."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError
from widgets import drag
from widgets.common.picture import faults
from widgets.common.stills import figure_of
from widgets.plots.arrows import PLACES

WORDS = {"caption": "A caption.", "alt": "Two planes."}
entries = st.integers(-20, 20).map(lambda n: n / 4)


def theirs(g, threshold):
    """Return what PyTorch's two clippings leave of g: [(x, y), (x, y)]."""
    found = []
    for clip in (torch.nn.utils.clip_grad_value_, torch.nn.utils.clip_grad_norm_):
        w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        w.grad = torch.tensor(g, dtype=torch.float64)
        clip([w], threshold)
        found.append(w.grad.tolist())
    return found


@settings(max_examples=60, deadline=None)
@given(entries, entries, st.sampled_from(PLACES))
def test_it_clips_as_pytorch_does(x, y, threshold):
    figure = drag((x, y), threshold, **WORDS)
    np.testing.assert_allclose([*figure.clipped.values()], theirs((x, y), threshold), atol=1e-5)
    assert faults(figure.picture()) == []
    assert "turned by 0°" in figure.titles[1]


@pytest.mark.parametrize(
    ("g", "threshold", "words"),
    [((4, 1), 1, "(1, 1), turned by 31°"), ((0, -3), 1, "(0, −1), turned by 0°"),
     ((0, 0), 1, "(0, 0), turned by 0°"), ((-2, 2), 0.25, "(−0.25, 0.25), turned by 0°")],
)  # fmt: skip
def test_its_title_says_what_by_value_leaves_and_how_far_it_turns(g, threshold, words):
    assert drag(g, threshold, **WORDS).titles[0] == f"by value, ε: {words}"


def test_a_unit_is_as_long_upwards_as_across_in_the_still():
    figure = figure_of(drag((4, 1), **WORDS).picture())
    planes = [axes for axes in figure.axes if axes.get_label() in ("v", "n")]
    assert len(planes) == 2
    for axes in planes:
        (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
        assert x1 - x0 == pytest.approx(y1 - y0)
        heads = [t for t in axes.texts if t.get_gid() == "arrow"]
        assert [tuple(t.xy) for t in heads][0] == (4, 1) and len(heads) == 2
        assert all(t.arrow_patch.get_arrowstyle().fillend for t in heads)


def test_its_page_holds_what_the_script_draws_and_nothing_to_fetch():
    html = drag((4, 1), 1.6, **WORDS)._repr_mimebundle_()["text/html"]
    found = re.search(r'(?s)<script type="application/json">(.*?)</script>', html)
    content = json.loads(found[1])
    assert content["g"] == [4, 1] and content["values"][content["start"]] == "1.5"
    assert [panel["equal"] for panel in content["stops"][0]["panels"]] == [True, True]
    assert "threshold, ε and c = 1.5" in html and "A caption." in html and "<img" in html
    assert not re.search(r"https?://(?!www\.w3\.org)", html)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"g": (1, 2, 3)}, r"g = \(1, 2, 3\) is not a vector of the plane"),
        ({"g": (9, 1)}, r"g = 9 is out of range.*\[-5, 5\]"),
        ({"g": ("a", 1)}, "g = 'a' is not a number"),
        ({"threshold": 0}, "threshold = 0 is out of range"),
        ({"caption": " "}, "caption = ' ' is empty"),
        ({"alt": None}, "alt = None is empty"),
    ],
)
def test_bad_values_are_refused(wrong, words):
    with pytest.raises(CourseError, match=words):
        drag(**{"g": (4, 1), **WORDS, **wrong})
