"""Instruments against weights before and after, hooks, and direct evaluations of the loss."""

import numpy as np
import pytest
import torch
from real_runs import below, curves, described, lab, module, strip, two_layers, views, watched
from torch import nn

from course import Descend, LinearRamp, Trainer, chain, load_data
from widgets.training import instruments, side
from widgets.training.instruments import DEFAULT, INSTRUMENTS
from widgets.training.scene import log_domain


def test_the_strips_of_accuracy_and_sharpness_are_samples():
    run = watched("accuracy")
    run.watch("sharpness")
    picture, table = described(run), np.array(run.evaluations)
    share = strip(picture, "accuracy")
    for name, column in (("train", 3), ("test", 4)):
        ((_, x, y),) = curves(picture, share, name)
        assert np.array_equal(x, table[:, 0]) and np.array_equal(y, table[:, column])
    lowest = table[:, 3:5].min()
    assert lowest - 0.1 <= share["y"]["low"] <= lowest and share["y"]["high"] == 1.0
    ((_, _, y),) = curves(picture, strip(picture, "sharpness"), "λ")
    assert np.array_equal(y, table[:, 5])
    axis = strip(picture, "sharpness")["y"]
    (_, _, limit), *_ = curves(picture, strip(picture, "sharpness"), "limit")
    assert [axis["low"], axis["high"]] == log_domain(np.append(table[:, 5], limit), 1.0, 10.0)


def limits(run, *steps) -> list[float]:
    """What the strip says that the knobs bear: just after each of the steps."""
    picture = described(run)
    ((_, x, y),) = curves(picture, strip(picture, "sharpness"), "limit")
    assert (np.diff(x) >= 0).all() and x[-1] == run.trainer.step_count
    return [float(y[np.searchsorted(x, step, side="right")]) for step in steps]


def test_the_sharpness_that_the_knobs_bear_is_2_over_the_rate_and_turns_with_it():
    run = lab(optimiser="gradient descent", instruments=("sharpness",), lr=0.5).run(35)
    run.set("lr", 0.2)
    run.run(30)
    assert limits(run, 0, 22, 34, 35, 41, 60) == pytest.approx([4, 4, 4, 10, 10, 10], rel=1e-6)
    run.go_to(20)
    run.set("lr", 0.8)
    run.run(20)
    assert limits(run, 12, 20, 30) == pytest.approx([4, 2.5, 2.5], rel=1e-6)


@pytest.mark.parametrize(("optimiser", "gain"), [("heavy ball", 1 + 0.6), ("momentum", 1.6 / 0.4)])
def test_memory_bears_more_sharpness_and_other_rules_have_no_limit(optimiser, gain):
    run = lab(optimiser=optimiser, momentum=0.6, instruments=("sharpness",), lr=0.5).run(25)
    assert limits(run, 0, 20) == pytest.approx([gain * 4] * 2, rel=1e-6)
    run.set("optimiser", "adam")
    picture = described(run.run(20))
    ((_, x, y),) = curves(picture, strip(picture, "sharpness"), "limit")
    assert np.isnan(y[x > 25]).all() and np.isfinite(y[x < 25]).all()
    never = described(lab(optimiser="adam", instruments=("sharpness",)).run(20))
    assert curves(never, strip(never, "sharpness"), "limit") == []


def test_a_schedule_bears_another_sharpness_at_each_sample():
    run = lab(optimiser="gradient descent", instruments=("sharpness",), lr=0.5)
    run.set("lr", LinearRamp(0.5, 0.1, 40))
    found = limits(run.run(40), 10, 30)
    assert found == pytest.approx([2 / 0.4, 2 / 0.2], rel=0.02)


def test_a_rate_of_0_has_no_limit():
    run = lab(optimiser="gradient descent", instruments=("sharpness",), lr=0.0).run(15)
    plot = strip(described(run), "sharpness")
    assert curves(described(run), plot, "limit") == [] and plot["y"]["high"] == 10
    run.set("lr", 0.5)
    run.run(15)
    found = limits(run, 0, 20)
    assert np.isnan(found[0]) and found[1] == pytest.approx(4)


def test_a_regression_has_no_accuracy_and_a_module_no_sharpness():
    picture = described(watched("accuracy", lambda: lab("sine", lr=0.01)))
    assert "accuracy" not in [plot["id"] for plot in picture["strips"]]
    picture = described(watched("sharpness", two_layers))
    assert curves(picture, strip(picture, "sharpness")) == []


@pytest.mark.parametrize("make", [two_layers, lambda: lab(sizes=[2, 5, 5, 2])])
def test_the_update_ratio_is_that_of_the_weights_before_and_after_a_sampled_step(make):
    run, expected = make(), {}
    run.watch("update ratio")
    matrices = [n for n, v in run.trainer.model.named_views(run.trainer.model.theta).items()
                if v.ndim > 1]  # fmt: skip
    for step in range(1, 41):
        old = run.trainer.model.theta.clone()
        run.run(1)
        if step % 10 == 0:
            views_of = run.trainer.model.named_views
            old, new = views_of(old), views_of(run.trainer.model.theta)
            expected[step] = [float((new[n] - old[n]).norm() / old[n].norm()) for n in matrices]
    picture = described(run)
    plot = strip(picture, "update ratio")
    drawn = curves(picture, plot)
    assert [layer["name"] for layer, *_ in drawn] == [
        f"layer {i + 1}" for i in range(len(matrices))
    ]
    for i, (_, x, y) in enumerate(drawn):
        assert x.tolist() == [10, 20, 30, 40]
        np.testing.assert_allclose(y, [expected[step][i] for step in x], rtol=1e-5)
        assert (y >= plot["y"]["low"]).all() and (y <= plot["y"]["high"]).all()
    assert len({layer["hue"] for layer, *_ in drawn}) == len(drawn)
    run.go_to(25)
    picture = described(run)
    assert {x[-1] for _, x, _ in curves(picture, strip(picture, "update ratio"))} == {20}


def test_no_more_than_six_layers_are_told_apart_by_hue():
    run = lab(sizes=[2, *[4] * 7, 2], instruments=("update ratio", "gradients", "activations"))
    picture = described(run.run(10))
    drawn = curves(picture, strip(picture, "update ratio"))
    assert [layer["label"] for layer, *_ in drawn] == [f"layer {i}" for i in range(1, 7)]
    assert len({layer["hue"] for layer, *_ in drawn}) == 6
    assert [len(panel["rows"]) for panel in below(picture, "ridges")] == [6, 6]


def test_a_healthy_update_has_a_line_and_a_range_around_it():
    picture = described(lab(instruments=("update ratio",)))
    plot = strip(picture, "update ratio")
    (level,) = plot["layers"]
    assert (level["kind"], level["y"]) == ("level", 1e-3)
    assert [plot["y"]["low"], plot["y"]["high"]] == pytest.approx([1e-4, 1e-2])


# ---- histograms ---------------------------------------------------------------------------


def hooked(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """What each activation puts out, by torch's own hooks."""
    found: list[torch.Tensor] = []
    kinds = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU)
    for layer in net.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(lambda module, inputs, out: found.append(out.flatten(1)))
    with torch.no_grad():
        net.eval()(x)
    return found


def assert_ridge(panel, arrays, row: int, values: torch.Tensor) -> None:
    counts, edges = np.histogram(values.numpy(), side.BINS)
    name, low, high, note = panel["rows"][row]
    assert (low, high) == pytest.approx((edges[0], edges[-1]), rel=1e-5)
    found = arrays[panel["counts"]][row] / 255 * counts.max()
    np.testing.assert_allclose(found, counts, atol=2 + counts.max() / 200)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_activations_are_what_hooks_on_the_module_see(activation):
    run = watched("activations", lambda: lab(sizes=[2, 8, 4, 2], activation=activation))
    picture = described(run)
    (panel,) = below(picture, "ridges")
    x = run.trainer.data.x_train[:256]
    found = hooked(run.trainer.model.to_module(), x)
    assert len(panel["rows"]) == len(found) == 2
    for i, values in enumerate(found):
        assert_ridge(panel, picture["arrays"], i, values)
        dead = sum(len(np.unique(column)) == 1 for column in values.numpy().T)
        assert panel["rows"][i][3] == f"{dead / values.shape[1]:.0%} of {values.shape[1]} dead"


def test_dead_units_are_counted():
    layers = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    run = lab(module(layers=layers))
    with torch.no_grad():
        weight, bias = run.trainer.model.module[0].weight, run.trainer.model.module[0].bias
        weight.fill_(1e-3)
        bias.copy_(torch.tensor([-9.0, -9.0, 9.0, -9.0]))
    run.watch("activations")
    (panel,) = below(described(run), "ridges")
    assert panel["rows"][0][3] == "75% of 4 dead"


def test_a_model_without_known_activations_says_so():
    picture = described(watched("activations", lambda: lab(module(layers=nn.Linear(2, 2)))))
    (note,) = below(picture, "note")
    assert "no activation" in note["words"]


@pytest.mark.parametrize("make", [lab, two_layers])
def test_gradients_are_those_of_the_last_step(make):
    run = watched("gradients", make, 20)  # a sampled step: measuring must not replace them
    picture = described(run)
    (panel,) = below(picture, "ridges")
    grads = run.trainer.model.named_views(run.trainer.model.grad)
    matrices = [(n, g) for n, g in grads.items() if g.ndim > 1]
    assert [row[0] for row in panel["rows"]] == [f"layer {i + 1}" for i in range(len(matrices))]
    for i, (_, grad) in enumerate(matrices):
        assert_ridge(panel, picture["arrays"], i, grad)
        assert panel["rows"][i][3] == f"rms {float(grad.square().mean().sqrt()):.1e}"


def test_weights_are_images_of_images_only():
    picture = described(watched("weights", lambda: lab("digits", sizes=[64, 5, 10]), 2))
    (panel,) = below(picture, "tiles")
    assert panel["shape"] == [5, 8, 8]
    (note,) = below(described(watched("weights", steps=2)), "note")
    assert "images" in note["words"]


# ---- all together -------------------------------------------------------------------------

RUNS = {
    "spirals": lab, "digits": lambda: lab("digits"), "sine": lambda: lab("sine", lr=0.01),
    "module": two_layers, "diverging": lambda: lab(lr=1e20),
    "adam": lambda: lab(optimiser="adam", batch_size=1),
}  # fmt: skip


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_looking_with_every_instrument_changes_no_bit_and_can_be_drawn(make):
    alone, seen = make(), make()
    for name in INSTRUMENTS:
        seen.watch(name)
    for steps in (0, 1, 29, 1, 9):
        alone.run(steps)
        seen.run(steps)
        described(seen)
    assert torch.equal(alone.trainer.model.theta, seen.trainer.model.theta) or alone.diverged == 0
    pair = [run.trainer.history.numbers() for run in (alone, seen)]
    assert np.array_equal(*pair, equal_nan=True)
    assert set(DEFAULT) <= set(INSTRUMENTS) == set(seen.watching.instruments)
    for name in INSTRUMENTS:
        seen.watch(name, False)
    empty = described(seen)
    assert (empty["strips"], empty["side"], empty["below"]) == ([], [], [])


def test_an_instrument_that_fails_leaves_a_note_and_the_run_goes_on(monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("no way")

    monkeypatch.setattr(instruments.side, "layer_sizes", fail)
    run = watched("update ratio", steps=10)
    run.watch("gradients")
    picture = described(run.run(10))
    words = " ".join(note["words"] for note in below(picture, "note"))
    assert "ZeroDivisionError: no way" in words and "update ratio" in run.message


def test_a_view_is_made_of_copies():
    run = lab().run(5)
    view = views(run)
    assert view.model is not run.trainer.model
    assert torch.equal(view.model.grad, run.trainer.model.grad)
    view.model.theta.zero_()
    view.rows(9)[0].zero_()
    with pytest.raises(ValueError, match="read-only"):
        view.numbers[0, 0] = 7
    assert run.trainer.model.theta.any() and run.trainer.data.x_train[:9].any()
    assert views(run).evaluate("test") == run.trainer.evaluate("test")


class Noisy(nn.Module):
    """Draws from the global generators, also when it only predicts."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        self.last = self.linear(x) + 0.1 * torch.rand(1) + 0.1 * float(np.random.rand())
        return self.last


def test_a_module_that_draws_is_given_its_random_numbers_back():
    def thetas(look: bool) -> torch.Tensor:
        torch.manual_seed(0)
        trainer = module(layers=Noisy())
        torch.manual_seed(1)
        np.random.seed(1)
        run = lab(trainer, instruments=["loss"])
        for _ in range(30):
            run.run(1)
            if look:
                described(run)
        return trainer.model.theta.clone()

    assert torch.equal(thetas(False), thetas(True))


def test_headlines_and_words_say_what_the_trainer_says():
    run = lab(Trainer(two_layers().trainer.model, load_data("spirals"), chain(Descend(0.5))))
    assert dict(run.heads())["batch loss"] == "–"
    run.run(30)
    heads, (loss, accuracy) = dict(run.heads()), run.trainer.evaluate("test")
    assert heads["step"] == "30" and heads["test loss"] == f"{loss:.3f}"
    assert heads["test accuracy"] == f"{accuracy:.1%}"
    words = run.summary()
    assert f"Test loss {loss:.3f}, {accuracy:.1%} right." in words and "Step 30." in words
    assert "Learning rate 0.5; momentum 0; no clipping." in words


def test_the_share_of_clipped_steps_is_that_of_the_last_100():
    run = lab(clip="norm", threshold=1e-6).run(60)
    clipped = [dict(run.heads())["clipped, last 100"]]
    for clip, steps in (("off", 90), ("off", 10), ("norm", 7)):
        run.set("clip", clip)
        run.run(steps)
        clipped.append(dict(run.heads())["clipped, last 100"])
    assert clipped == ["100%", "10%", "0%", "7%"]


def test_what_was_measured_on_one_branch_is_not_shown_on_another():
    run = lab(instruments=("update ratio", "loss slice")).run(60)
    ratios, path = (run.watching.instruments[n] for n in ("update ratio", "loss slice"))
    before = dict(ratios.rows)
    run.go_to(30)
    assert ratios.rows == before, "the same branch"
    run.set("lr", 0.7)
    run.run(20)
    assert sorted(ratios.rows) == [10, 20, 30, 40, 50] and ratios.rows[20] == before[20]
    assert ratios.rows[40] != before[40] and [s for s, _ in path.path] == [0, 10, 20, 30, 40, 50]
    assert torch.equal(path.path[-1][1], run.trainer.model.theta)
    run.switch(0)
    described(run)
    assert sorted(ratios.rows) == [10, 20, 30], "from there on it was another run"
    run.run(10)
    assert sorted(ratios.rows) == [10, 20, 30, 70]
