"""The lab of 3_09_depth, and what the chapter says: it is so, with other seeds too."""

import inspect
import math
import re

import nbformat
import numpy as np
import pytest
import torch

from course import ACTIVATIONS, MLP, Descend, LayerNorm, Residual, Trainer, chain, load_data
from course.lessons.exercises import depth as exercises
from course.nn.depth import sizes_by_layer
from widgets import TrainingLab

CHAPTER = "3_09_depth"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module", params=[0, 1, 2])
def lab(request, cells):
    """The chapter's lab as its cell builds it, at its planned end."""
    names = {"TrainingLab": TrainingLab, "seed": request.param, "device": "cpu"}
    exec(cells["depth-lab"], names)
    assert names["lab"].steps == 100
    return names["lab"].run(100)


def he(n_out, n_in):
    return torch.randn(n_out, n_in) * math.sqrt(2 / n_in)


def curves(lab):
    """(signal, error signal) of the layers as the lab draws them."""
    arrays = lab.picture()["arrays"]
    return arrays["a, up"], arrays["δ, down"]


def after(lab, **switches):
    """Go back to step 100, turn switches, play 200 steps; return the test loss."""
    lab.go_to(100)
    for knob, on in switches.items():
        lab.set(knob, on)
    lab.run(200)
    return lab.evaluations[-1].test_loss


def test_alone_the_loss_stays_and_the_error_is_lost_on_the_way(lab, cells):
    assert "*Watch the loss, and where δ is lost.*" in cells["the-lab"]
    lab.go_to(100)
    assert abs(lab.evaluations[-1].test_loss - math.log(10)) < 0.02
    a, delta = curves(lab)
    assert delta[0] < 1e-3 * delta[-1] and a[-1] < 0.1 * a[1]
    assert (np.diff(np.log(delta)) > 0).mean() > 0.9, "at every layer a little"


def test_residual_connections_bring_it_down_and_the_loss_follows(lab):
    lab.go_to(100)
    lab.set("residual", True)
    a, delta = curves(lab)
    assert delta[0] > 0.1 * delta[-1] and a[-1] > 0.5 * a[1], "at once"
    lab.run(200)
    assert lab.evaluations[-1].test_loss < 1.0


def test_normalisation_alone_works_too_and_the_old_run_stays(lab):
    branches, end = len(lab.timeline.branches), lab.timeline.current.end
    lab.go_to(100)
    assert lab.trainer.knobs()["residual"] is False, "the switch of the other branch is not there"
    lab.set("norm", True)
    a, delta = curves(lab)
    assert delta[0] > 0.1 * delta[-1] and a[-1] > 0.3
    lab.run(200)
    assert lab.evaluations[-1].test_loss < 1.9
    assert len(lab.timeline.branches) == min(branches + (end > 100), 4)


def test_both_learn_and_without_the_connections_again_it_forgets(lab):
    learned = after(lab, residual=True, norm=True)
    assert learned < 0.8
    lab.set("residual", False)
    lab.run(20)
    assert lab.evaluations[-1].test_loss > 2 * learned + 0.5


def test_with_relu_and_he_the_signal_explodes_until_it_is_normalised(lab):
    lab.restart(activation="relu", init="he")
    lab.set("residual", True)
    lab.set("norm", False)
    a, _ = curves(lab)
    assert a[-1] > 300 * a[1]
    lab.set("norm", True)
    a, _ = curves(lab)
    assert a[-1] < 30 * a[1]


# ---- what the text says -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_normalisation_does_not_cure_sigmoid_and_residual_connections_do(seed):
    data = load_data("digits", seed)
    x, y = data.x_train[:256], data.y_train[:256]
    shares = []
    for residual, norm in ((False, True), (True, False)):
        model = MLP([64, *[32] * 19, 10], "sigmoid", seed=seed, residual=residual, norm=norm)
        error = sizes_by_layer(model, x, y).error
        shares.append(error[0] / error[-1])
    assert shares[0] < 1e-5 and shares[1] > 0.03


def test_the_code_that_is_shown_adds_x_and_can_be_switched(cells, capsys):
    names = {"inspect": inspect, "Residual": Residual, "LayerNorm": LayerNorm}
    exec(cells["cell-38"], names)
    shown = capsys.readouterr().out
    assert shown.count("self._add(") == 2 and "torch.add(" in shown and "self.on" in shown
    assert all(name in shown for name in ("self.beta", "self.gamma", "self.eps"))


@pytest.fixture
def learn(cells, capsys, request):
    """learn(start, units) of the chapter: (units unlike the first, test accuracy)."""
    names = {
        "torch": torch, "math": math, "MLP": MLP, "Trainer": Trainer, "chain": chain,
        "Descend": Descend, "seed": request.param, "device": "cpu",
        "data": {request.param: load_data("digits", request.param)},
    }  # fmt: skip
    exec(cells["cell-34"], names)
    capsys.readouterr()

    def read(start, **options):
        names["learn"](start, **options)
        _, unlike, right = re.findall(r"[\d.]+", capsys.readouterr().out)
        return int(unlike), float(right)

    return read


@pytest.mark.parametrize("learn", [0, 1, 2**31], indirect=True)
def test_equal_units_do_the_work_of_one_and_different_ones_more(learn):
    unlike, right = learn(lambda *shape: torch.full(shape, 0.1))
    alone = learn(lambda *shape: torch.full(shape, 0.1 * math.sqrt(32)), units=1)
    assert unlike == 0 and alone == (0, pytest.approx(right, abs=1.0)) and 15 < right < 45
    unlike, right = learn(he)
    assert unlike == 31 and right > 88


@pytest.mark.parametrize("learn", [0], indirect=True)
def test_different_weights_out_are_enough_to_part_them(learn):
    def start(n_out, n_in):
        return torch.full((n_out, n_in), 0.1) if n_in == 64 else torch.randn(n_out, n_in) / 8

    assert learn(start)[0] == 31


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_what_is_said_of_the_best_starts(cells, seed):
    names = {
        "torch": torch, "np": np, "math": math, "ACTIVATIONS": ACTIVATIONS,
        "size": lambda values: float(values.double().square().mean().sqrt()),
        "seeds": range(seed, seed + 5),
    }  # fmt: skip
    exec(cells["cell-24"], names)
    exec(cells["cell-27"].partition("def best_starts")[0], names)
    ends = names["ends"]
    level = {f: {k / 3: np.abs(np.log(ends(f, k / 3))).max() for k in range(1, 8)}
             for f in ("relu", "tanh")}  # fmt: skip
    assert min(level["relu"], key=level["relu"].get) == 2.0, "He's"
    assert 1 < min(level["tanh"], key=level["tanh"].get) < 2, "a little more than Xavier's"
    assert ends("sigmoid", 7 / 3)[1] < 1e-8 and ends("sigmoid", 16)[1] < 0.01
    assert ends("sigmoid", 100)[1] > 0.1


@pytest.mark.parametrize("seed", [0, 7, 2**31])
def test_with_biases_0_no_gradient_is_long(seed):
    data = load_data("digits", seed)
    rows = data.x_train[:256], data.y_train[:256]
    model = MLP([64, *[32] * 19, 10], "relu", seed=seed, init="torch")
    model.loss_and_grad(*model.encode(*rows))
    assert all(float(dW[:, :-1].abs().max()) < 1e-6 for dW in model.views(model.grad))
    a, delta = sizes_by_layer(model, *rows)
    assert a[-1] < 1e-6 < 0.1 < delta[-1] and delta[0] < 1e-6 < 0.1 < a[0]


def test_far_from_zero_two_saturate_on_both_sides_and_relu_is_dead_on_one():
    z = torch.randn(2000, generator=torch.Generator().manual_seed(0))
    for name, sides in {"sigmoid": (0, 0), "tanh": (0, 0), "relu": (0, 1), "gelu": (0, 1)}.items():
        f = ACTIVATIONS[name]()
        for mean, wanted in zip((-6, 6), sides, strict=True):
            slopes = f.slopes(mean + z, f.module(1)(mean + z))[0]
            assert abs(float((slopes > 0.05).float().mean()) - wanted) < 0.05, (name, mean)


@pytest.mark.parametrize("seed", [0, 7])
def test_the_formula_of_a_relu_layer(seed):
    dice = torch.Generator().manual_seed(seed)
    a = torch.randn(400, 300, generator=dice).double()
    for variance in (1 / 1200, 2 / 400):
        W = torch.randn(400, 400, generator=dice).double() * math.sqrt(variance)
        z = W @ a
        grown = float(z.square().mean() / a.square().mean())
        assert grown == pytest.approx(400 * variance, rel=0.05)
        assert float(z.relu().square().mean() / z.square().mean()) == pytest.approx(0.5, rel=0.1)


def test_a_sigmoids_slope_is_at_most_a_quarter():
    z = torch.linspace(-9, 9, 1001)
    f = ACTIVATIONS["sigmoid"]()
    assert float(f.slopes(z, z.sigmoid())[0].max()) == pytest.approx(0.25)


def test_the_judge_of_first_weights_tells_rows_from_columns():
    shapes = []
    for _ in range(20):
        exercises.start.check(lambda *shape: shapes.append(shape) or he(*shape))
    assert any(n_out == n_in for n_out, n_in in shapes)
    assert all(n_out == n_in or n_in > 1.4 * n_out for n_out, n_in in shapes)
