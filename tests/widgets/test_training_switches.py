"""The training lab's switches for residual connections and normalisation, and its view by layer."""

import numpy as np
import pytest
from training_labs import check_picture, live, same, small

from course import CourseError, LayerNorm, Linear, Network, Tanh, Trainer, chain, load_data
from course.nn.depth import sizes_by_layer
from course.optim.first_order import Descend
from course.training.replay import run_recipe
from widgets.training.depth import ratio

SIZES = [2, 6, 6, 6, 2]


def deep(make=small, **options):
    options = {"residual": False, "norm": False, "instruments": ("loss", "depth")} | options
    return make(sizes=SIZES, activation="tanh", **options)


def test_the_switches_are_on_the_panel_and_turn():
    lab = deep(live)
    knobs = lab.panel.knobs
    assert knobs["residual"].row.value is False and knobs["norm"].row.value is False
    knobs["norm"].row.value = True
    lab.run(20)
    knobs["residual"].row.value = True
    lab.run(20)
    assert lab.trainer.history.knobs == [(0, "norm", True), (20, "residual", True)]
    assert lab.picture()["turns"] == [[0, "norm on"], [20, "residual on"]]
    lab.go_to(10)
    assert knobs["residual"].row.value is False and knobs["norm"].row.value is True
    lab.go_to(40)
    assert same(run_recipe(lab.recipe()), lab.trainer)
    assert "residual=False, norm=False" in lab.code()


def test_a_lab_without_them_has_no_switches():
    lab = live()
    assert not {"residual", "norm"} & {*lab.panel.knobs, *lab.trainer.knobs()}
    with pytest.raises(CourseError, match="no hidden layer as wide"):
        small(sizes=[2, 6, 5, 2], residual=False)


def test_a_new_start_keeps_them_as_they_stand():
    lab = deep(live).run(5)
    lab.set("residual", True)
    lab.restart(init="he")
    assert lab.trainer.model.describe()["residual"] is True
    assert lab.trainer.model.describe()["norm"] is False
    assert lab.trainer.step_count == 0 and lab.panel.knobs["residual"].row.value is True
    lab.reset()
    assert lab.trainer.knobs()["residual"] is True and lab.trainer.history.knobs == []


def test_a_turn_in_the_past_is_a_branch_beside_the_old_run():
    lab = deep().run(30)
    lab.go_to(10)
    lab.set("norm", True)
    lab.run(20)
    old, new = lab.timeline.branches
    assert (new.left_at, new.knobs) == (10, [(10, "norm", True)]) and old.end == 30


@pytest.mark.parametrize("switches", [{}, {"residual": True}, {"norm": True}])
def test_depth_shows_what_the_layers_have(switches):
    lab = deep(**switches).run(7)
    (panel,) = [p for p in check_picture(lab)["below"] if p.get("id") == "depth"]
    arrays = lab.picture()["arrays"]
    data = lab.trainer.data
    found = sizes_by_layer(lab.trainer.model, data.x_train[:256], data.y_train[:256])
    assert arrays["a, up"] == pytest.approx(found.signal)
    assert arrays["δ, down"] == pytest.approx(found.error)
    assert arrays["depth"].tolist() == [1, 2, 3, 4] and panel["x"]["high"] == 4
    assert [(layer["kind"], layer["look"]) for layer in panel["layers"]] == [
        ("level", "dotted"), ("curve", "solid"), ("curve", "dashed")
    ]  # fmt: skip
    assert [layer.get("label") for layer in panel["layers"]] == [None, "a, up", "δ, down"]
    assert panel["layers"][0]["y"] == 1 == panel["x"]["low"] and panel["x"]["label"] == "layer"
    assert (panel["x"]["scale"], panel["y"]["scale"]) == ("linear", "log")
    sizes = [*found.signal, *found.error]
    assert 1e-3 <= min(sizes) and max(sizes) <= 10, "these fit an axis as it is at least"
    assert [panel["y"]["low"], panel["y"]["high"]] == pytest.approx([1e-3, 10])
    share = found.error[0] / found.error[-1]
    assert panel["title"] == f"size by layer; δ in the first ÷ last: {share:.1e}"


def test_depth_of_numbers_that_a_log_axis_has_no_place_for():
    lab = deep().run(1)
    lab.trainer.model.theta.zero_()
    (panel,) = [p for p in check_picture(lab)["below"] if p.get("id") == "depth"]
    assert np.isnan(lab.picture()["arrays"]["a, up"][1:]).all()
    assert panel["y"]["low"] == pytest.approx(1e-3)
    lab.trainer.model.theta.fill_(np.nan)
    (panel,) = [p for p in check_picture(lab)["below"] if p.get("id") == "depth"]
    assert panel["title"] == "size by layer; δ is not a number"


def test_an_axis_of_depth_ends_on_a_power_of_ten_beyond_what_it_shows():
    lab = deep().run(1)
    lab.trainer.model.theta.mul_(30)
    (panel,) = [p for p in check_picture(lab)["below"] if p.get("id") == "depth"]
    arrays, axis = lab.picture()["arrays"], panel["y"]
    top = max(arrays["a, up"].max(), arrays["δ, down"].max())
    assert top <= axis["high"] < 10 * top and np.log10(axis["high"]) % 1 == 0


def test_one_layer_has_a_depth_too():
    trainer = Trainer(Network([Linear(2)], 2), load_data("moons"), chain(Descend(0.1)))
    lab = small(trainer, instruments=("loss", "depth")).run(2)
    (panel,) = [p for p in check_picture(lab)["below"] if p.get("id") == "depth"]
    assert (panel["x"]["low"], panel["x"]["high"]) == (1, 2)
    assert panel["title"] == "size by layer; δ in the first ÷ last: 1.0e+00"


def test_the_share_of_the_error_signal_that_arrives():
    assert ratio([1.0, 3.0, 4.0]) == "δ in the first ÷ last: 2.5e-01"
    for error in ([1.0, 0.0], [np.inf, 1.0], [1.0, np.nan]):
        assert ratio(error) == "δ is not a number"


def test_a_network_with_normalisation_is_measured_all_but_its_curvature():
    layers = [Linear(6), LayerNorm(), Tanh(), Linear(2)]
    trainer = Trainer(Network(layers, 2), load_data("moons"), chain(Descend(0.1)))
    lab = small(trainer, instruments=("loss", "sharpness")).run(20)
    last = lab.evaluations[-1]
    assert np.isfinite([last.train_loss, last.test_loss]).all() and np.isnan(last.sharpness)
    assert lab.message == "" and "failed" not in lab.summary()
    check_picture(lab)


def test_depth_of_a_module_says_what_it_needs():
    import torch

    from course import adopt

    torch.manual_seed(0)
    net = adopt(torch.nn.Sequential(torch.nn.Linear(2, 2)))
    trainer = Trainer(net, load_data("moons"), chain(Descend(0.1)))
    lab = small(trainer, instruments=("loss", "depth")).run(2)
    (note,) = [p for p in check_picture(lab)["below"] if p["title"] == "depth"]
    assert note["kind"] == "note" and "reads the layers of a Network" in note["words"]
