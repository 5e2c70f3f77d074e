"""Bands, read-outs and hints of the strips, and the least range of their axes."""

import numpy as np
import pytest
from real_runs import curves, described, lab, strip


def layer(plot: dict, kind: str, hue: str) -> dict | None:
    found = [part for part in plot["layers"] if (part["kind"], part["hue"]) == (kind, hue)]
    return found[0] if found else None


@pytest.mark.parametrize(("steps", "width"), [(250, 1), (300, 2), (600, 4)])
def test_the_band_spans_the_norms_of_each_bin(steps, width):
    run = lab().run(steps)
    picture, norms = described(run), run.trainer.history.numbers()[:, 3]
    band = layer(strip(picture, "gradient norm"), "band", "run")
    assert (band is None) == (width == 1)  # one step has no extremes
    if band:
        parts = [norms[i : i + width] for i in range(0, steps, width)]
        for end, extreme in (("low", min), ("high", max)):
            expected = [extreme(part) for part in parts]
            np.testing.assert_array_equal(picture["arrays"][band[end]], expected)
        assert band["x"] == [(width + 1) / 2, width]


def test_after_going_back_bands_and_shades_end_now():
    run = lab(clip="norm", threshold=0.1).run(600)
    run.go_to(200)
    picture = described(run)
    plot = strip(picture, "gradient norm")
    for kind, hue, fields in (("band", "run", ("low", "high")), ("shade", "limit", ("share",)),
                              ("band", "limit", ("low", "high"))):  # fmt: skip
        found = layer(plot, kind, hue)
        assert {len(picture["arrays"][found[field]]) for field in fields} == {50}
    for name in ("train", "test"):
        ((_, x, y),) = curves(picture, strip(picture, "loss"), name)
        ahead = [c for c in curves(picture, strip(picture, "loss"), "ahead") if c[1][-1] == 600]
        assert x[-1] == 200 and all(c[1][0] == 200 for c in ahead) and len(ahead) == 2
        assert any(c[2][0] == y[-1] for c in ahead)  # no gap in the line


def test_the_headings_read_what_has_a_name_and_only_what_is_past():
    run = lab(clip="norm", threshold=0.1).run(60)
    run.go_to(40)
    picture = described(run)
    reads = {plot["id"]: [part["name"] for part in plot["layers"] if part.get("read")]
             for plot in picture["strips"]}  # fmt: skip
    assert reads == {"loss": ["batch", "train", "test"], "gradient norm": ["before", "after"],
                     "learning rate": ["edge"], "momentum": []}  # fmt: skip
    lanes = [plot["lane"] for plot in picture["strips"]]
    assert [lane["off"] for lane in lanes] == [False] * 4
    assert [lane["fill"] for lane in lanes] == [False, False, True, True]


def test_hints_say_what_can_be_drawn_until_it_is():
    run = lab()

    def hints():
        picture = described(run)
        return strip(picture, "loss")["hint"], strip(picture, "learning rate")["hint"]

    assert hints() == ("how will the loss fall? draw it, then press play", "draw a schedule")
    run.guess([[40, 0.6], [90, 0.5]])
    assert hints() == ("", "draw a schedule")
    run.guess([])
    run.run(30)
    assert hints() == ("draw what comes next", "draw a schedule")
    run.guess([[40, 0.6], [90, 0.5]])
    run.plan("lr", [[40, 0.2], [90, 0.1]])
    assert hints() == ("", "")
    run.guess([])
    run.go_to(10)
    assert hints() == ("", "draw a schedule")
    run.set("lr", 1.0)
    run.run(40)
    assert hints() == ("", "draw a schedule")  # there is another branch


def test_axes_have_a_least_range():
    axes = {plot["id"]: plot["y"] for plot in described(lab(optimiser="adam"))["strips"]}
    eighth = 10 ** (1 / 8)
    for name, low, high in (("learning rate", 0.01, 10.0), ("gradient norm", 0.05, 2.0)):
        assert low / eighth < axes[name]["low"] <= low * (1 + 1e-9)
        assert high * (1 - 1e-9) <= axes[name]["high"] < high * eighth
    assert (axes["momentum"]["low"], axes["momentum"]["high"]) == (0.0, 0.99)
