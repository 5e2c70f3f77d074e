"""The strips of real runs: what is drawn is the history, the samples and the knobs."""

import math

import numpy as np
import pytest
import torch
from real_runs import curves, described, lab, module, strip

from course import MLP, Dataset, Descend, Trainer, chain
from course.optim.schedules import Cosine
from course.training.timeline import Branch
from widgets.common.picture import LOOKS
from widgets.common.stills import still
from widgets.training.bins import Bins
from widgets.training.scene import log_domain, memory_high, parting
from widgets.training.strips import FAR, with_share

ORDER = ("loss", "gradient norm", "learning rate", "momentum")


def clipped(kind: str, order: str = "before", steps: int = 300):
    run = lab(clip=kind, threshold=0.02 if kind == "value" else 0.04)
    run.set("clip_order", order)
    return run.run(steps)


def gone_back():
    run = lab().run(400)
    run.go_to(170)
    return run


def branched():
    run = gone_back()
    run.set("lr", 1.0)
    return run.run(100)


def diverged():
    run = lab(lr=0.1).run(50)
    run.set("lr", 1e20)
    return run.run(100)


RUNS = {
    "new": lab, "spirals": lambda: lab().run(300), "long": lambda: lab(batch_size=4).run(700),
    "digits": lambda: lab("digits").run(20), "sine": lambda: lab("sine", lr=0.01).run(120),
    "module": lambda: lab(module()).run(60), "by value": lambda: clipped("value"),
    "by norm": lambda: clipped("norm"), "by norm, late": lambda: clipped("norm", "after", 50),
    "by value, late": lambda: clipped("value", "after"), "gone back": gone_back,
    "branched": branched, "diverged": diverged,
}  # fmt: skip


@pytest.fixture(scope="module", params=RUNS)
def pair(request):
    run = RUNS[request.param]()
    return run, described(run)


def test_a_real_run_has_four_sound_strips(pair):
    run, picture = pair
    assert tuple(p["id"] for p in picture["strips"]) == ORDER
    for plot in picture["strips"]:
        for layer, x, y in curves(picture, plot):
            assert layer["look"] in LOOKS and len(x) == len(y)
            assert (np.diff(x) >= 0).all()
            assert 0 <= x.min(initial=0) and x.max(initial=0) <= picture["horizon"] + 0.5


def test_every_curve_and_plan_lies_in_the_domain_of_its_plot(pair):
    run, picture = pair
    for plot in picture["strips"]:
        low, high = plot["y"]["low"], plot["y"]["high"]
        for layer, _, y in curves(picture, plot):
            most = FAR if layer["name"] == "edge" else 1e29
            y = y[(y > 1e-12) & (y < most)]
            assert (y >= low * (1 - 1e-9)).all() and (y <= high * (1 + 1e-9)).all(), layer


def test_the_batch_loss_and_the_norms_are_means_of_the_history(pair):
    run, picture = pair
    history = run.timeline.note().numbers
    loss, norms = strip(picture, "loss"), strip(picture, "gradient norm")
    shown = [("batch", loss, 0), ("before", norms, 3), ("gradient", norms, 1),
             ("velocity", norms, 3)]  # fmt: skip
    for name, plot, column in shown:
        for _, x, y in curves(picture, plot, name):
            width = round(x[1] - x[0]) if len(x) > 1 else 1
            for place, mean in zip(x, y, strict=True):
                begin = round(place - (width + 1) / 2)
                rows = history[begin : begin + width, column]
                np.testing.assert_allclose(mean, rows.mean(), rtol=1e-9)
            past, end = picture["step"], x[-1] + width / 2 if len(x) else 0
            assert past - width < end - 0.5 < past + width


def test_train_and_test_are_the_samples_of_the_branch(pair):
    run, picture = pair
    table = np.array(run.timeline.current.evaluations)
    past = table[table[:, 0] <= picture["step"]]
    plot = strip(picture, "loss")
    for name, column in (("train", 1), ("test", 2)):
        if np.isfinite(past[:, column]).any():
            ((_, x, y),) = curves(picture, plot, name)
            assert np.array_equal(x, past[:, 0])
            assert np.array_equal(y, past[:, column], equal_nan=True)
    (mark,) = [layer["name"] for layer in plot["layers"] if layer.get("mark")]
    assert mark == "test"


def test_the_knobs_are_drawn_up_to_now_and_end_where_they_stand(pair):
    run, picture = pair
    knobs = run.trainer.knobs()
    for name, knob in (("learning rate", "lr"), ("momentum", "momentum")):
        plot = strip(picture, name)
        ((_, x, y),) = curves(picture, plot, plot["lane"]["symbol"])
        assert (x[0], x[-1], y[-1]) == (0, picture["step"], knobs[knob])
        assert plot["lane"]["value"] == knobs[knob]
    assert strip(picture, "gradient norm")["lane"]["value"] == knobs["threshold"]


def edge_of(sample, knobs) -> float:
    return 2 * (1 + knobs["momentum"]) / ((1 - knobs["momentum"]) * sample.sharpness)


def test_the_edge_is_drawn_where_it_was_measured_and_broken_where_there_is_none():
    run = lab().run(60)
    run.set("optimiser", "adam")
    run.run(60)
    run.set("optimiser", "momentum")
    run.run(60)
    picture = described(run)
    ((_, x, y),) = curves(picture, strip(picture, "learning rate"), "edge")
    samples = run.evaluations
    assert x.tolist() == [s.step for s in samples]
    gap = (x >= 60) & (x < 120)
    assert np.isnan(y[gap]).all() and np.isfinite(y[~gap]).all()
    exact = [edge_of(s, {"momentum": 0.9}) for s in samples]
    np.testing.assert_allclose(y[~gap], np.array(exact)[~gap], rtol=1e-9)
    (band,) = [b for b in strip(picture, "learning rate")["layers"] if b["hue"] == "limit"
               and b["kind"] == "band"]  # fmt: skip
    assert np.array_equal(picture["arrays"][band["low"]], y, equal_nan=True)
    assert band["high"] == strip(picture, "learning rate")["y"]["high"], "all above it"


# ---- clipping -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["by value", "by norm", "by norm, late", "by value, late"])
def test_clipped_steps_are_shaded_by_their_share(name):
    run = RUNS[name]()
    picture, history = described(run), run.trainer.history.numbers()
    plot, arrays = strip(picture, "gradient norm"), picture["arrays"]
    wrong = history[:, 2] < history[:, 3] * (1 - 1e-6)
    assert 0 < wrong.mean()
    (shade,) = [layer for layer in plot["layers"] if layer["kind"] == "shade"]
    width = round(shade["x"][1])
    shares = [wrong[i : i + width].mean() for i in range(0, len(wrong), width)]
    np.testing.assert_allclose(arrays[shade["share"]], shares)
    ((_, _, after),) = curves(picture, plot, "after")
    means = [history[i : i + width, 2].mean() for i in range(0, len(wrong), width)]
    np.testing.assert_allclose(after, np.where(np.array(shares) > 0, means, np.nan))
    entered = [history[i : i + width, 3].mean() for i in range(0, len(wrong), width)]
    cut = [layer for layer in plot["layers"] if layer["kind"] == "band"][-1]
    np.testing.assert_allclose(arrays[cut["high"]], entered)
    np.testing.assert_allclose(arrays[cut["low"]], after)
    assert cut["hue"] == shade["hue"] == "limit"
    both = {name for name in ("gradient", "velocity", "before") if curves(picture, plot, name)}
    assert both == ({"gradient", "velocity"} if "late" in name else {"before"})
    assert plot["lane"]["off"] is False and plot["lane"]["hue"] == "limit"


def test_the_threshold_says_at_the_right_end_what_it_does():
    run = lab(clip="norm", threshold=0.5).run(350)

    def words() -> list:
        picture = described(run)
        plot = strip(picture, "gradient norm")
        found = [layer for layer in plot["layers"] if layer["kind"] == "text"]
        assert all((t["x"], t["align"]) == (picture["horizon"], "right") for t in found)
        return [(t["words"], t["y"]) for t in found]

    assert words() == [("clip by norm", 0.5)]
    run.plan_end(1000)
    run.set("clip", "value")
    assert words() == [("clip by value", 0.5)]
    run.go_to(20)
    run.planned = 100  # before the end of the branch
    assert words() == [("clip by norm", 0.5)]
    run.set("threshold", math.inf)
    assert words() == []
    run.set("threshold", 0.5)
    run.set("clip", "off")
    assert words() == []


def test_without_clipping_nothing_is_shaded_and_no_line_drawn():
    picture = described(lab().run(30))
    plot = strip(picture, "gradient norm")
    assert [layer["kind"] for layer in plot["layers"]] == ["curve"] and plot["lane"]["off"]


def test_the_line_of_the_threshold_is_broken_while_clipping_is_off():
    run = lab(threshold=2.0)
    for step, knob, value in [(10, "clip", "norm"), (15, "threshold", 0.5), (20, "clip", "off"),
                              (25, "threshold", 0.7), (30, "clip", "value")]:  # fmt: skip
        run.run(step - run.trainer.step_count)
        run.set(knob, value)
    picture = described(run.run(10))
    ((_, x, y),) = curves(picture, strip(picture, "gradient norm"), "c")
    expected = {5: math.nan, 12: 2.0, 17: 0.5, 22: math.nan, 27: 0.7, 35: 0.7}
    for step, value in expected.items():
        at = np.searchsorted(x, step, side="right")
        assert x[at - 1] <= step <= x[at]
        np.testing.assert_equal([y[at - 1], y[at]], [value, value])
    assert x[-1] == 40


# ---- what lies ahead, and other branches --------------------------------------------------


def test_what_lies_ahead_is_pale_and_follows_what_is_past():
    run = gone_back()
    picture = described(run)
    assert (picture["step"], picture["end"]) == (170, 400)
    history = Bins(with_share).read(run.timeline.current.numbers).means
    batch, ahead = (curves(picture, strip(picture, "loss"), n)[0] for n in ("batch", "ahead"))
    joined = np.concatenate([batch[2], ahead[2]])
    np.testing.assert_allclose(joined, history[:, 0])
    np.testing.assert_allclose(np.diff(np.concatenate([batch[1], ahead[1]])), 2)
    pale = [c for p in picture["strips"] for c in curves(picture, p) if c[0].get("fade", 1) < 1]
    assert all(x[0] >= 168 and x[-1] >= 398 for _, x, _ in pale) and len(pale) == 6
    for name, knob in (("learning rate", "lr"), ("momentum", "momentum")):
        drawn = curves(picture, strip(picture, name))
        ((x, y),) = [(x, y) for layer, x, y in drawn if layer.get("fade", 1) < 1]
        assert (x[0], x[-1]) == (170, 400) and set(y) == {run.trainer.knobs()[knob]}


def test_at_the_end_of_a_run_nothing_lies_ahead():
    picture = described(lab().run(40))
    drawn = [layer for plot in picture["strips"] for layer, *_ in curves(picture, plot)]
    assert drawn and not [layer for layer in drawn if layer.get("fade")]


def test_the_bin_of_this_step_counts_as_past():
    run = lab().run(400)
    run.go_to(171)
    picture = described(run)
    batch, ahead = (curves(picture, strip(picture, "loss"), n)[0] for n in ("batch", "ahead"))
    assert batch[1][-1] == 171.5 and ahead[1][0] == 173.5, "a bin is two steps wide"


def test_two_branches_part_at_the_first_turn_that_they_do_not_share():
    def branch(*knobs, end=90):
        return Branch(numbers=np.empty((end, 4)), knobs=[(step, "lr", lr) for step, lr in knobs])

    one, two = branch((5, 0.3), (10, 0.1), (60, 0.2)), branch((5, 0.3), (30, 0.4), end=70)
    assert parting(one, two) == parting(two, one) == 10
    assert parting(one, branch((5, 0.3))) == 10
    assert parting(branch(), branch(end=70)) == 70, "one goes on where the other ends"


def test_knobs_ahead_go_on_from_the_value_that_stands():
    run = lab().run(100)
    run.set("lr", Cosine(1.0, 300))
    run.run(100)
    run.set("lr", 0.5)
    run.run(20)
    for step in (50, 100, 150, 199, 200, 210):
        run.go_to(step)
        picture = described(run)
        drawn = curves(picture, strip(picture, "learning rate"))
        ((x, y),) = [(x, y) for layer, x, y in drawn if layer.get("fade")]
        past = run.trainer.chain.descend.setting("lr")
        standing = past if isinstance(past, float) else past.value(step)
        changed = {100: 1.0 * (1 + math.cos(math.pi / 3)) / 2, 200: 0.5}  # turned here, once more
        assert (x[0], x[-1]) == (step, 220) and y[-1] == 0.5
        assert y[0] == pytest.approx(changed.get(step, standing), rel=1e-3)


def test_other_branches_are_dashed_in_their_own_hue_from_where_they_parted():
    run = branched()
    first, current = run.timeline.branches
    picture = described(run)
    others = [c for c in curves(picture, strip(picture, "loss")) if c[0]["look"] == "dashed"]
    ((layer, x, y),) = others
    table = np.array(first.evaluations)
    table = table[table[:, 0] >= 170]
    assert np.array_equal(x, table[:, 0]) and np.array_equal(y, table[:, 2])
    assert layer["label"] == "first run" and layer["hue"] == "run"
    hues = {c[0]["hue"] for c in curves(picture, strip(picture, "loss")) if c[0] is not layer}
    assert hues == {"run2"}
    (rate,) = [c for c in curves(picture, strip(picture, "learning rate"))
               if c[0]["look"] == "dashed" and c[0]["hue"] == "run"]  # fmt: skip
    assert rate[1][-1] == 400 and set(rate[2]) == {0.1}
    run.go_to(220)
    run.set("lr", 0.01)
    picture = described(run.run(30))  # a branch off the branch, and the first run
    parted = {c[0]["label"]: c[1][0] for c in curves(picture, strip(picture, "loss"))
              if c[0]["look"] == "dashed"}  # fmt: skip
    assert parted == {"first run": 170, "α 1 at 170": 220}
    run.switch(0)
    picture = described(run)
    assert [c[0]["hue"] for c in curves(picture, strip(picture, "loss"), "test")] == ["run"]
    labels = [c[0].get("label") for c in curves(picture, strip(picture, "loss"))]
    assert "α 1 at 170" in labels


# ---- domains and edges --------------------------------------------------------------------


def test_domains_end_on_eighths_of_a_decade_around_the_data():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = 10 ** rng.uniform(-11, 28, size=rng.integers(0, 5))
        wild = np.concatenate([values, [0.0, -1.0, math.nan, math.inf]])
        low, high = log_domain(wild, 0.01, 10.0)
        inner_low = min([0.01, *(0.9 * values)])
        inner_high = max([10.0, *(1.1 * values)])
        eighth = 10 ** (1 / 8)
        assert inner_low / eighth < low <= inner_low * (1 + 1e-9)
        assert inner_high * (1 - 1e-9) <= high < inner_high * eighth
        assert round(8 * math.log10(low), 6) % 1 == round(8 * math.log10(high), 6) % 1 == 0


def test_a_new_run_has_room_for_the_loss_to_fall_and_little_to_rise():
    for data in ("spirals", "digits"):
        run = lab(data)
        picture, start = described(run), run.trainer.evaluate("train")[0]
        y = strip(picture, "loss")["y"]
        assert [y["low"], y["high"]] == log_domain(np.array([start]), start / 12, start * 1.2)
        lane = strip(picture, "loss")["lane"]
        assert (lane["low"], lane["high"]) == (y["low"], y["high"]), "a guess has all the room"


@pytest.mark.parametrize(
    ("scale", "low", "high"),
    [(1e-6, 1e-6 / 12, 1.2e-6), (0.0, 1 / 12, 1.2), (1.0, None, None), (1e6, 1e6 / 12, None)],
)
def test_a_loss_axis_has_room_around_a_start_of_any_size(scale, low, high):
    x = torch.linspace(-1, 1, 50)[:, None]
    data, model = Dataset("mine", x, x * scale, x, x * scale, None), MLP([1, 3, 1], loss="mse")
    model.theta.zero_()
    run = lab(Trainer(model, data, chain(Descend(0.0)))).run(10)
    losses = np.append(run.trainer.history.loss, run.evaluations[0].test_loss)
    low, high = low or losses[-1] / 12, high or losses[-1] * 1.2
    axis = strip(described(run), "loss")["y"]
    assert [axis["low"], axis["high"]] == log_domain(losses, low, high)


def test_an_edge_far_above_the_rates_leaves_the_picture():
    x, y = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(60).long()
    model = MLP([2, 2])
    model.theta.zero_()[2] = 12.0  # the bias: sure of class 0, and right
    picture = described(lab(Trainer(model, Dataset("mine", x, y, x, y, 2), chain(Descend(0.1)))))
    plot = strip(picture, "learning rate")
    ((_, _, edge),) = curves(picture, plot, "edge")
    assert edge > 1000
    assert [plot["y"]["low"], plot["y"]["high"]] == log_domain(np.array([100.0]), 0.01, 10.0)


def test_what_is_drawn_last_is_named_where_the_run_ends():
    run = lab()

    def labels() -> list:
        picture = described(run)
        found = [layer.get("label") for layer, *_ in curves(picture, strip(picture, "loss"))]
        return [label for label in found if label]

    assert labels() == [], "three dots on one place"
    run.run(40)
    assert labels() == ["train", "test"]
    run.go_to(20)
    assert labels() == [], "the lines go on"


def test_a_gradient_that_got_shorter_by_rounding_was_not_clipped():
    rows = np.array([[1, 2, 2.0, 2], [1, 2, 2 * (1 - 1e-7), 2], [1, 2, 2 * (1 - 1e-5), 2],
                     [1, 2, 1.0, 2], [1, 2, math.nan, math.nan]])  # fmt: skip
    assert with_share(rows)[:, 4].tolist() == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("columns", [slice(1, 4), slice(3, 4)])
def test_a_run_with_infinite_norms_keeps_its_strip(columns):
    run = lab("sine", lr=0.01).run(10)
    numbers = run.trainer.history.numbers().copy()
    numbers[5:, columns] = np.inf
    run.trainer.history.rewrite(numbers, list(run.trainer.history.knobs))
    names = {layer.get("name") for layer in strip(described(run), "gradient norm")["layers"]}
    assert names >= ({"before"} if columns.start == 1 else {"gradient", "velocity"})


@pytest.mark.parametrize(
    ("top", "high"), [(0.0, 0.99), (0.99, 0.99), (0.991, 0.999), (0.999, 0.999), (0.99951, 0.9999)]
)
def test_an_axis_of_momentum_ends_on_as_many_nines_as_it_needs(top, high):
    assert memory_high(np.array([0.5, top])) == pytest.approx(high, abs=1e-12)


def test_extreme_knobs_can_be_drawn():
    run = lab(clip="norm").run(10)
    for knob, value in (("lr", 0.0), ("momentum", 0.9995), ("threshold", math.inf)):
        run.set(knob, value)
    picture = described(run.run(10))
    assert strip(picture, "momentum")["y"]["high"] >= 0.9995
    ((_, _, y),) = curves(picture, strip(picture, "learning rate"), "α")
    assert y[-1] == strip(picture, "learning rate")["y"]["low"]
    assert still(picture).startswith(b"\x89PNG")


def test_a_run_of_your_own_that_was_turned_before_the_lab_is_drawn_from_there():
    trainer = module()
    for lr in (0.3, 0.2):
        trainer.set("lr", lr)
        for _ in range(20):
            trainer.step()
    trainer.set("clip", "norm")
    run = lab(trainer).run(20)
    picture = described(run)
    ((_, x, y),) = curves(picture, strip(picture, "learning rate"), "α")
    assert (x[0], x[-1]) == (40, 60) and set(y) == {0.2}
    ((_, x, y),) = curves(picture, strip(picture, "gradient norm"), "c")
    assert (x[0], x[-1]) == (40, 60) and set(y) == {1.0}
    ((_, x, y),) = curves(picture, strip(picture, "loss"), "batch")
    assert np.array_equal(y, trainer.history.numbers()[:, 0])


def test_samples_closer_than_a_pixel_are_drawn_once_but_the_first_the_last_and_that_of_now():
    run = lab().run(600)
    run.plan_end(100_000)
    run.go_to(330)
    every = [sample.step for sample in run.timeline.current.evaluations]

    def drawn() -> list:
        picture = described(run)
        ((_, steps, _),) = curves(picture, strip(picture, "loss"), "test")
        return steps.tolist()

    near = drawn()
    assert len(near) < 10 < len(every)
    assert near[0] == 0 and near[-1] == 330 and min(np.diff(near[:-1])) > 130  # a pixel is 143
    run.planned = 600
    assert drawn() == [s for s in every if s <= 330]
