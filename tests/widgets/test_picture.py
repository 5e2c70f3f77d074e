"""What a painter could not draw is found before it is sent."""

import copy

import numpy as np
import pytest
from real_runs import lab

from widgets.common.picture import faults

RUN = lab(clip="norm", threshold=0.1)
RUN.watch("layers")
RUN.watch("loss slice")
RUN.watch("activations")
RUN.run(300)


@pytest.fixture
def picture():
    return copy.deepcopy(RUN.picture())


def test_a_real_picture_has_no_faults(picture):
    kinds = {layer["kind"] for plot in picture["strips"] for layer in plot["layers"]}
    assert {"curve", "band", "shade"} <= kinds
    assert {p["kind"] for p in picture["below"]} == {"layers", "map", "ridges"}
    assert faults(picture) == []


def layer_of(picture, kind: str) -> dict:
    layers = [layer for plot in picture["strips"] for layer in plot["layers"]]
    return next(layer for layer in layers if layer["kind"] == kind)


def panel_of(picture, kind: str) -> dict:
    return next(p for p in picture["side"] + picture["below"] if p["kind"] == kind)


def set_to(find, *names, value):
    def spoil(picture):
        place = find(picture)
        for name in names[:-1]:
            place = place[name]
        place[names[-1]] = value

    return spoil


def without(find, name):
    return lambda picture: find(picture).pop(name)


def curve(picture):
    return layer_of(picture, "curve")


def first(picture):
    return picture["strips"][0]


def network(picture):
    return panel_of(picture, "network")


def slice_(picture):
    return panel_of(picture, "map")


def rows(picture):
    return panel_of(picture, "layers")["rows"]


SPOILT = {
    "unknown layer": set_to(curve, "kind", value="spline"),
    "unknown hue": set_to(curve, "hue", value="mauve"),
    "unknown look": set_to(curve, "look", value="wavy"),
    "missing array": set_to(curve, "y", value="nowhere"),
    "missing field": without(curve, "y"),
    "missing x": without(lambda p: layer_of(p, "shade"), "x"),
    "band without an end": without(lambda p: layer_of(p, "band"), "low"),
    "missing hue": without(curve, "hue"),
    "unknown scale": set_to(first, "y", "scale", value="sqrt"),
    "empty axis": set_to(first, "y", "low", value=1e99),
    "axis that is not a number": set_to(first, "y", "high", value=float("nan")),
    "axis without an end": set_to(first, "y", "high", value=float("inf")),
    "logarithm of zero": set_to(first, "y", "low", value=0.0),
    "no axis": without(first, "y"),
    "no title": without(network, "title"),
    "unknown panel": set_to(network, "kind", value="globe"),
    "network without weights": set_to(network, "weights", value="nowhere"),
    "network of another size": set_to(network, "sizes", value=[2, 8, 2]),
    "map without values": set_to(slice_, "values", value="nowhere"),
    "map without a field": without(slice_, "values"),
    "map of another shape": set_to(slice_, "shape", value=[5, 5]),
    "path without an array": set_to(slice_, "path", value="nowhere"),
    "layer without counts": set_to(rows, 0, "counts", value="nowhere"),
    "ridges without counts": set_to(lambda p: panel_of(p, "ridges"), "counts", value="nowhere"),
    "NaN in the header": set_to(rows, 0, "grad", value=float("nan")),
    "infinity in a lane": set_to(first, "lane", "low", value=float("-inf")),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_each_fault_is_named(picture, spoil):
    spoil(picture)
    found = faults(picture)
    assert len(found) >= 1 and all(isinstance(fault, str) and "\n" not in fault for fault in found)


def test_arrays_of_a_layer_are_of_one_length(picture):
    shade = next(layer for p in picture["strips"] for layer in p["layers"]
                 if layer["kind"] == "curve" and isinstance(layer["x"], str))  # fmt: skip
    picture["arrays"][shade["y"]] = picture["arrays"][shade["y"]][:-1]
    (fault,) = faults(picture)
    assert "differ in length" in fault


def test_panels_that_are_plots_are_looked_at_too(picture):
    plot = picture["strips"].pop(0) | {"x": {"scale": "linear", "low": 0, "high": 1, "label": ""}}
    picture["below"].append(plot)
    assert faults(picture) == []
    plot["x"]["high"] = 0
    assert len(faults(picture)) == 1
    plot["x"]["high"] = 1
    plot["layers"].append({"kind": "level", "y": 1.0, "hue": "none of these", "look": "line"})
    assert len(faults(picture)) == 1


def test_equally_spaced_places_and_numbers_as_ends_need_no_arrays():
    layer = {"kind": "band", "x": [0, 1], "low": 0.5, "high": "b", "hue": "run", "fade": 1}
    plot = {"kind": "plot", "id": "p", "title": "p", "layers": [layer], "lane": None,
            "y": {"scale": "linear", "low": 0, "high": 1, "label": ""}}  # fmt: skip
    picture = {"strips": [plot], "side": [], "below": [], "arrays": {"b": np.ones(5)}}
    assert faults(picture) == []
    layer["kind"] = "level"
    assert faults(picture) == []


def race(**racer) -> dict:
    """A picture of a race on a surface."""
    racers = [{"name": "Adam", "hue": "run", "path": "path", **racer}]
    panel = {"kind": "surface", "title": "ravine", "values": "v", "shape": [2, 2], "racers": racers}
    arrays = {"v": np.zeros(4), "path": np.zeros((3, 2)), "others": np.zeros((5, 2))}
    return {"strips": [], "side": [panel], "below": [], "arrays": arrays}


def test_the_trails_of_a_race_are_looked_at():
    assert faults(race()) == faults(race(others="others")) == []
    for spoilt in (race(path="nowhere"), race(others="nowhere")):
        assert faults(spoilt) == ["panel 'ravine': no array 'nowhere'"]
    assert faults(race(hue="mauve")) == ["panel 'ravine': the hue 'mauve' is unknown"]
    picture = race()
    picture["side"][0]["shape"] = [2, 3]
    assert faults(picture) == ["panel 'ravine': the array 'v' does not have 6 numbers"]


def test_the_lines_of_a_diagram_are_looked_at():
    panel = {"kind": "diagram", "title": "(α, β)", "values": "v", "shape": [2, 2], "betas": "b",
             "limit": "b", "swings": ["b", "s"]}  # fmt: skip
    picture = {"strips": [], "side": [panel], "below": [], "arrays": {"v": np.zeros(4), "b": [1]}}
    assert faults(picture) == ["panel '(α, β)': no array 's'"]


def test_the_places_of_a_handle_are_looked_at():
    axis = {"scale": "log", "low": 1, "high": 9}
    plot = {"kind": "plot", "title": "days", "x": axis, "y": axis, "layers": [],
            "drag": {"x": "n", "y": "days"}}  # fmt: skip
    shown = {"strips": [], "side": [plot], "below": [], "arrays": {"n": np.array([1.0, 2])}}
    assert faults(shown) == ["plot 'days': no array 'days'"]
    shown["arrays"]["days"] = np.array([3.0])
    assert faults(shown) == ["plot 'days': its handle has [2, 1] places"]
    shown["arrays"]["days"] = np.array([3.0, np.nan])
    assert faults(shown) == []
