"""Stretches in rows: where a still draws them, and why some cannot be drawn."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from still_pictures import (
    assert_words_are_apart_and_inside,
    drawn,
    picture,
)

from widgets.common.picture import faults
from widgets.common.stills import figure_of
from widgets.common.stills.sheet import HUES

FIELDS = {name: name for name in ("row", "from", "to", "hue", "name")}


def spans(**options) -> dict:
    return {
        "kind": "spans", "title": "who does what", "note": "step 3", "unit": "ms", "high": 10.0,
        "rows": [["rank 0", "works 50 %"], ["rank 1", "works 20 %"]], "lanes": 2,
        "hues": [["forward", "run", 0], ["message", "run5", 1]], "empty": "idle", "alt": "",
        "names": [["F0", "forward 0"], ["", "send"]], **FIELDS, **options,
    }  # fmt: skip


def arrays(**options) -> dict:
    found = {
        "row": np.array([0, 1, 0], np.uint8), "from": np.array([0.0, 5, 5]),
        "to": np.array([5.0, 7, 6]), "hue": np.array([0, 0, 1], np.uint8),
        "name": np.array([0.0, 0, 1]),
    }  # fmt: skip
    return found | {name: np.array(values) for name, values in options.items()}


def shown(panel=None, **changed) -> dict:
    return picture(below=[panel or spans()], **arrays(**changed))


def all_words(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def box(patch) -> tuple:
    return patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()


def test_a_stretch_is_as_long_as_its_share_and_lies_in_its_row_and_lane():
    figure = figure_of(shown())
    rows = [box(patch) for patch in drawn(figure, "row")]
    left, _, wide, _ = rows[0]
    first, second = (box(patch) for patch in drawn(figure, "span"))
    (beside,) = (box(patch) for patch in drawn(figure, "lane"))
    for place, (start, end) in ((first, (0, 5)), (second, (5, 7)), (beside, (5, 6))):
        assert place[0] == pytest.approx(left + start / 10 * wide, abs=1)
        assert place[2] == pytest.approx((end - start) / 10 * wide, abs=1.1)
    assert first[1] == rows[0][1] and second[1] == rows[1][1]
    assert rows[0][1] + rows[0][3] < beside[1] < beside[1] + beside[3] < rows[1][1]
    assert to_hex(drawn(figure, "span")[0].get_facecolor()) == HUES["run"]
    assert to_hex(drawn(figure, "lane")[0].get_facecolor()) == HUES["run5"]


def test_its_words_are_there_apart_and_inside():
    figure = figure_of(shown())
    words = all_words(figure)
    for one in ("who does what", "step 3", "rank 1", "works 20 %", "forward", "message", "F0"):
        assert one in words
    assert any(word.endswith(" ms") for word in words)
    assert_words_are_apart_and_inside(figure)


def test_long_notes_and_the_key_of_a_single_colour_are_left_out():
    panel = spans(rows=[["rank 0", "a note that is too long " * 6], ["rank 1", ""]],
                  hues=[["forward", "run", 0]])  # fmt: skip
    words = all_words(figure_of(shown(panel, hue=np.zeros(3, np.uint8))))
    assert "forward" not in words and not any("too long" in word for word in words)


SPOILT = {
    "unknown hue": (lambda: spans(hues=[["a", "mauve", 0], ["b", "run", 1]]), {}, "'mauve'"),
    "no length": (lambda: spans(high=0.0), {}, "must end above 0"),
    "missing array": (lambda: spans(to="nowhere"), {}, "no array 'nowhere'"),
    "other lengths": (spans, {"to": [5.0]}, "differ in length"),
    "no such row": (spans, {"row": [0, 1, 2]}, "row 2 is not one of its 2 rows"),
    "no such colour": (spans, {"hue": [0, 1, 2]}, "hue 2 is not one of its 2 hues"),
    "no such name": (spans, {"name": [0, 1, 7]}, "name 7 is not one of its 2 names"),
}


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_what_cannot_be_drawn_is_named(case):
    make, changed, words = case
    assert faults(shown()) == []
    assert any(words in fault for fault in faults(shown(make(), **changed)))


def test_a_limit_is_a_line_through_all_rows_and_stands_in_the_key():
    figure = figure_of(shown(spans(limit=[8.0, "a device has 8 ms"])))
    rows = [box(patch) for patch in drawn(figure, "row")]
    left, top, wide, _ = rows[0]
    (line,) = drawn(figure, "limit")
    assert line.get_xdata() == pytest.approx([left + 0.8 * wide] * 2)
    low, high = sorted(line.get_ydata())
    assert low < top and high > rows[1][1] + rows[1][3]
    assert to_hex(line.get_color()) == to_hex(HUES["limit"])
    assert "a device has 8 ms" in all_words(figure)
    assert_words_are_apart_and_inside(figure)
    assert not drawn(figure_of(shown()), "limit")
