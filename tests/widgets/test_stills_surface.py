"""The stills of a race: what is drawn where, on the surface and in the (α, β) diagram."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from still_pictures import assert_words_are_apart_and_inside, drawn, words_of

from course.lessons.racers import NAMES
from widgets.common.stills.page import figure_of
from widgets.common.stills.sheet import HUES
from widgets.common.stills.surface import DASHES
from widgets.descent import words
from widgets.descent.lab import DescentLab


def figure(n=40, **options):
    """Return a lab after n steps, and its still as a figure."""
    lab = DescentLab(interactive=False, **options).run(n)
    return lab, figure_of(lab.picture())


def corners(figure) -> tuple:
    """Return (left, right, top, bottom) of the surface's map, in pixels."""
    (image,) = drawn(figure, "map")
    box = image.get_clip_box().bounds
    return box


def on_map(figure, lab, points) -> np.ndarray:
    """Return where points of the surface must lie, in pixels from the top left."""
    left, low, wide, high = corners(figure)
    left, low, wide, high = left, figure.bbox.height - low - high, wide, high
    (x0, x1), (y0, y1) = words.window(lab.race.surface)
    points = np.asarray(points)
    x = left + (points[:, 0] - x0) / (x1 - x0) * wide
    y = low + (y1 - points[:, 1]) / (y1 - y0) * high
    return np.stack([x, y], axis=1)


def place(artist) -> np.ndarray:
    return np.stack(artist.get_data(), axis=1)


def test_trails_starts_and_heads_lie_where_the_race_has_them():
    lab, page = figure(racers=["gradient descent", "Adam"])
    for name in ("gradient descent", "Adam"):
        (trail,), (head,) = drawn(page, f"trail {name}"), drawn(page, f"head {name}")
        wanted = on_map(page, lab, lab.paths[name])
        assert np.allclose(place(trail), wanted, atol=0.5)
        assert np.allclose(place(head), wanted[-1:], atol=0.5)
        assert to_hex(trail.get_color()) == HUES[words.HUES[name]]
    (start,) = drawn(page, "start")
    assert np.allclose(place(start), on_map(page, lab, [[1, 1]]), atol=0.5)
    crosses = np.concatenate(
        [place(cross) for cross in drawn(page, "minimum") if hasattr(cross, "get_data")]
    )
    assert np.allclose(crosses.mean(axis=0), on_map(page, lab, [[0, 0]])[0], atol=0.5)
    assert words_of(page, "racer") and set(words_of(page, "racer")) == {"gradient descent", "Adam"}


def test_the_map_is_blue_where_it_is_low():
    _, page = figure()
    (image,) = drawn(page, "map")
    values = np.asarray(image.get_array())
    middle, edge = values[values.shape[0] // 2], values[0]
    assert middle.min() < -0.9 and edge.min() > 0.5
    low, high = image.cmap(0.0), image.cmap(1.0)
    assert low[2] > low[0] and high[:3] == pytest.approx((1, 1, 1))


def test_numbers_of_the_axes_stand_at_their_values():
    lab, page = figure(lr={"momentum": 0.1}, beta=0.67)
    left, low, wide, high = corners(page)
    end, texts = page.bbox.height - low, drawn(page, "tick")
    ticks = [(text.get_text().replace("−", "-"), *text.get_position()) for text in texts]
    below = {name: x for name, x, y in ticks if left <= x <= left + wide and y > end}
    beside = {name: y for name, x, y in ticks if x < left}
    assert {"-1", "0", "1"} <= below.keys() and {"-1", "0", "1"} <= beside.keys()
    for name, x in below.items():
        assert x == pytest.approx(on_map(page, lab, [[float(name), 0]])[0, 0], abs=0.5)
    for name, y in beside.items():
        assert y - 4 == pytest.approx(on_map(page, lab, [[0, float(name)]])[0, 1], abs=0.5)
    (speeds,) = drawn(page, "speeds")
    left, low, wide, high = speeds.get_clip_box().bounds
    ends = np.log10([lab.picture()["side"][1]["x"][end] for end in ("low", "high")])
    across = {name: x for name, x, y in ticks if x > left and y > page.bbox.height - low}
    assert {"0.01", "0.1", "1"} <= across.keys()
    for name, x in across.items():
        share = (np.log10(float(name)) - ends[0]) / (ends[1] - ends[0])
        assert x == pytest.approx(left + share * wide, abs=0.5)
    assert "memory β" in words_of(page, "axis") and "rate α of momentum" in words_of(page, "axis")


def test_one_that_is_outside_is_a_ring_at_the_edge():
    lab, page = figure(surface="cliff", racers=("gradient descent", "clipped descent"))
    (ring,), (disc,) = (drawn(page, f"head {n}") for n in ("gradient descent", "clipped descent"))
    left, _, wide, _ = corners(page)
    assert place(ring)[0, 0] == pytest.approx(left + wide, abs=0.5)
    assert to_hex(ring.get_markerfacecolor()) == HUES["paper"]
    assert to_hex(disc.get_markerfacecolor()) == HUES[words.HUES["clipped descent"]]
    assert "gradient descent: outside the picture" in words_of(page, "racer")
    (strip,) = [axes for axes in page.axes if axes.get_label() == "height"]
    assert strip.bbox.x0 > left + wide, "the heights stand beside the surface"


def test_with_noise_other_seeds_and_their_range_are_drawn():
    lab, page = figure(n=10, racers=["Adam"], noise=0.5)
    (others,) = drawn(page, "others Adam")
    wanted = on_map(page, lab, [other.path[-1] for other in lab.race.others["Adam"]])
    assert np.allclose(place(others), wanted, atol=0.5)
    assert drawn(page, "band")


def test_racers_differ_in_more_than_colour():
    _, page = figure(racers=NAMES, surface="quadratic", condition=10)
    looks = {name: drawn(page, f"trail {name}")[0].get_linestyle() for name in NAMES}
    assert set(looks.values()) == {"-", "--"} and len(DASHES) == 3
    assert {name.split(":")[0] for name in words_of(page, "racer")} == {*NAMES}


def test_the_diagram_shows_point_lines_and_names():
    lab, page = figure(lr={"momentum": 0.1}, beta=0.67)
    (speeds,) = drawn(page, "speeds")
    left, low, wide, high = speeds.get_clip_box().bounds
    top = page.bbox.height - low - high
    panel = lab.picture()["side"][1]
    ends = np.log([panel["x"]["low"], panel["x"]["high"]])

    def at(alpha, beta):
        share = (np.log(alpha) - ends[0]) / (ends[1] - ends[0])
        return [left + share * wide, top + high * (1 - beta / 0.995)]

    (point,), (best,) = drawn(page, "point"), drawn(page, "best")
    assert np.allclose(point.get_position(), np.add(at(0.1, 0.67), (0, 7)), atol=0.5)
    assert np.allclose(place(best)[0], at(*panel["best"]), atol=0.5)
    (limit,) = drawn(page, "line limit")
    assert np.allclose(place(limit)[0], at(0.02, 0), atol=0.5)
    texts = {text.get_text(): text for text in drawn(page, "region")}
    assert set(texts) == {name for name, _, _ in panel["regions"]}
    for name, alpha, beta in panel["regions"]:
        x, y = texts[name].get_position()
        assert x == pytest.approx(at(alpha, beta)[0], abs=0.5)
        assert y - at(alpha, beta)[1] == pytest.approx(4, abs=0.5)
    values = np.asarray(speeds.get_array())
    assert values[-1, 0] > 0 > values[-1, -1], "slow on the left, running away on the right"


@pytest.mark.parametrize("lr, side", [(0, 0), (1e9, 1)])
def test_a_point_outside_the_diagram_stands_at_its_edge(lr, side):
    _, page = figure(n=2, lr={"momentum": lr}, beta=0.5)
    left, _, wide, _ = drawn(page, "speeds")[0].get_clip_box().bounds
    (point,) = drawn(page, "point")
    assert point.get_position()[0] == pytest.approx(left + side * wide, abs=0.5)


def test_words_keep_apart_and_inside():
    for options in (
        {},
        {"surface": "quadratic", "condition": 5, "racers": NAMES[:2]},
        {"surface": "saddle", "n": 3},
        {"surface": "Rosenbrock", "form": "heavy ball"},
    ):
        _, page = figure(**{"n": 20, **options})
        for text in drawn(page, "racer") + drawn(page, "minimum") + drawn(page, "label"):
            text.set_visible(False)  # they may lie over trails, and over ticks' names
        assert_words_are_apart_and_inside(page)
