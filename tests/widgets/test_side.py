"""The panels beside the strips: what is drawn is what the model itself predicts."""

import math

import numpy as np
import pytest
import torch
from real_runs import described, lab, module, strict_header, views
from scipy.special import erf
from sklearn.metrics import confusion_matrix, recall_score
from torch import nn

from course import MLP, Dataset, Descend, Trainer, chain, load_data
from widgets.common.frames import encode
from widgets.training import side

FUNCTIONS = {
    "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "gelu": lambda z: z * (1 + erf(z / math.sqrt(2))) / 2,
}  # fmt: skip


def panels(run) -> tuple[list[dict], dict]:
    picture = described(run)
    return picture["side"], picture["arrays"]


def own(x, y, classes=2, x_test=None, y_test=None, **more) -> Dataset:
    x_test, y_test = (x if x_test is None else x_test), (y if y_test is None else y_test)
    return Dataset("mine", x, y, x_test, y_test, classes, **more)


def by_hand(panel: dict, flat: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Evaluate the network of a panel as its painters do."""
    at, sizes = 0, panel["sizes"]
    for layer, (n, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        W, b = flat[at : at + n * m].reshape(m, n), flat[at + n * m : at + n * m + m]
        at += n * m + m
        x = x @ W.T + b
        if layer < len(sizes) - 2:
            x = FUNCTIONS[panel["activation"]](x)
    assert at == len(flat)
    return x


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_the_network_evaluated_by_hand_is_the_model(activation):
    run = lab(sizes=(2, 7, 3, 2), activation=activation).run(60)
    (panel,), arrays = panels(run)
    assert (panel["kind"], panel["sizes"]) == ("network", [2, 7, 3, 2])
    x = run.trainer.data.x_test
    found = by_hand(panel, arrays["weights"], x.numpy())
    np.testing.assert_allclose(found, run.trainer.model.predict(x), rtol=1e-4, atol=1e-5)


def assert_plane(panel, arrays, run):
    """The points are the test samples, in an extent with a margin; wrong is what is wrong."""
    data, (x0, x1, y0, y1) = run.trainer.data, panel["extent"]
    x, y = data.x_test[:200].double().numpy(), data.y_test[:200].numpy()
    low, high = data.x_test.double().numpy().min(0), data.x_test.double().numpy().max(0)
    span = np.maximum(high - low, 1e-30)
    assert ((np.array([x0, y0]) < low) & (np.array([x1, y1]) > high)).all()
    if (high > low).all():
        np.testing.assert_allclose((low - [x0, y0]) / span, 0.08, atol=0.002)
        np.testing.assert_allclose(([x1, y1] - high) / span, 0.08, atol=0.002)
    points = arrays[panel["points"]]
    places = np.array([x0, y0]) + points[:, :2] / 255 * np.array([x1 - x0, y1 - y0])
    assert (abs(places - x) <= 0.003 * np.array([x1 - x0, y1 - y0])).all()
    assert points[:, 2].tolist() == y.tolist()
    outputs = run.trainer.model.predict(data.x_test[:200])
    guess = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(1)
    assert arrays[panel["wrong"]].tolist() == (guess.int().numpy() != y).astype(int).tolist()


@pytest.mark.parametrize("name", ["spirals", "moons", "xor"])
def test_points_and_what_is_wrong(name):
    run = lab(name, [2, 5, 2]).run(60)
    (panel,), arrays = panels(run)
    assert_plane(panel, arrays, run)
    assert 0 < arrays["wrong"].sum() < len(arrays["wrong"])


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1.0, 0.0), (1e5, 0.0), (1e-2, 50.0)])
def test_the_extent_fits_data_of_any_size(scale, shift):
    x = torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) * scale + shift
    run = lab(own(x, (x[:, 0] > shift + scale / 2).long()), sizes=[2, 3, 2], lr=1e-6).run(3)
    (panel,), arrays = panels(run)
    assert_plane(panel, arrays, run)


def test_no_more_than_200_points_are_drawn():
    x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
    (panel,), arrays = panels(lab(own(x, (x[:, 0] > 0.5).long()), sizes=[2, 3, 2]))
    assert arrays[panel["points"]].shape == (200, 3) and arrays[panel["wrong"]].shape == (200,)


@pytest.mark.parametrize(("features", "classes"), [(3, 2), (2, 3)])
def test_other_data_have_a_list_of_layers(features, classes):
    x = torch.rand(90, features, generator=torch.Generator().manual_seed(0))
    run = lab(own(x, torch.arange(90) % classes, classes), sizes=[features, 3, classes]).run(10)
    (panel,), _ = panels(run)
    assert panel["kind"] == "layers" and len(panel["rows"]) == 2


def test_points_on_a_line_have_an_extent():
    x = torch.stack([torch.linspace(0, 1, 40), torch.ones(40)], 1)
    run = lab(own(x, (x[:, 0] > 0.5).long()), sizes=[2, 3, 2]).run(3)
    (panel,), arrays = panels(run)
    assert_plane(panel, arrays, run)


def one_output(width: int) -> Trainer:
    net = MLP([2, width, 1], "tanh", loss="bce")
    return Trainer(net, load_data("spirals"), chain(Descend(0.5)))


def test_one_output_is_the_log_odds_of_the_second_class():
    run = lab(one_output(6)).run(40)
    (panel,), arrays = panels(run)
    assert panel["sizes"] == [2, 6, 1]
    assert_plane(panel, arrays, run)


@pytest.mark.parametrize("outputs", [1, 2])
def test_what_is_not_a_small_network_is_a_map_of_its_answers(outputs):
    run = lab(one_output(70) if outputs == 1 else module()).run(20)
    (panel,), arrays = panels(run)
    assert (panel["kind"], panel["shape"], panel["contour"]) == ("map", [32, 32], True)
    assert_plane(panel, arrays, run)
    x0, x1, y0, y1 = panel["extent"]
    values = np.reshape(arrays[panel["values"]], panel["shape"])
    for row, column in ((0, 0), (0, 31), (31, 0), (17, 5)):
        place = torch.tensor([[x0 + column / 31 * (x1 - x0), y0 + row / 31 * (y1 - y0)]])
        out = run.trainer.model.predict(place)[0]
        p = out.sigmoid()[0] if outputs == 1 else out.softmax(0)[1]
        assert abs(values[row, column] / 255 - float(p)) < 0.003


@pytest.mark.parametrize("sizes", [(2, 65, 2), (2, 4, 4, 4, 4, 4, 2)])
def test_a_network_too_large_to_be_drawn_is_a_map(sizes):
    (panel,), _ = panels(lab(sizes=sizes).run(2))
    assert panel["kind"] == "map"


@pytest.mark.parametrize("sizes", [(2, 64, 2), (2, 4, 4, 4, 4, 2)])
def test_the_largest_network_that_is_drawn_as_one(sizes):
    (panel,), _ = panels(lab(sizes=sizes).run(2))
    assert panel["kind"] == "network"
    assert panel["inputs"] == ["x₁", "x₂"] and panel["classes"] == ["class 0", "class 1"]


# ---- images -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return lab("digits", sizes=[64, 20, 10], activation="relu", lr=0.3).run(120)


def test_tiles_are_the_first_layers_weights(digits):
    (tiles, *_), arrays = panels(digits)
    W = digits.trainer.model.to_module()[0].weight.detach().numpy()
    assert tiles["shape"] == [20, 8, 8] and tiles["title"] == "first layer: 20 units"
    found = (arrays["tiles"].astype(float) - 128) / 127
    np.testing.assert_allclose(found, W / abs(W).max(), atol=0.5 / 127 + 1e-6)


def test_weights_that_are_not_finite_are_tiles_of_no_weight():
    run = lab("digits", sizes=[64, 4, 10])
    W = run.trainer.model.views(run.trainer.model.theta)[0]
    W[1, 5], W[2, 6], W[3, 7] = math.nan, math.inf, 9.0  # the bias comes last
    (tiles, *_), arrays = panels(run)
    W = W[:, :-1].numpy()
    found = (arrays["tiles"].astype(float) - 128) / 127
    np.testing.assert_allclose(found, np.where(np.isfinite(W), W, 0) / 9, atol=0.5 / 127 + 1e-6)


def tiny_images(n: int) -> Dataset:
    """Of 2 × 2 pixels in two classes; the answers after the 2000th are wrong."""
    x = torch.rand(n, 4, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > x[:, 1]).long()
    y_test = torch.where(torch.arange(n) < 2000, y, 1 - y)
    return own(x, y, y_test=y_test, image_shape=(2, 2))


def test_no_more_than_64_units_and_2000_test_images_are_looked_at():
    run = lab(tiny_images(2100), sizes=[4, 70, 2]).run(30)
    (tiles, bars, _), arrays = panels(run)
    assert tiles["title"] == "first layer: 70 units" and tiles["shape"] == [64, 2, 2]
    assert arrays["tiles"].shape == (64, 4)
    data = run.trainer.data
    guess = run.trainer.model.predict(data.x_test[:2000]).argmax(1)
    recall = recall_score(data.y_test[:2000], guess, average=None)
    np.testing.assert_allclose(bars["values"], recall, atol=6e-5)


def test_fewer_images_than_are_shown():
    (_, _, samples), arrays = panels(lab(tiny_images(5), sizes=[4, 3, 2], batch_size=4).run(2))
    assert samples["shape"] == [5, 2, 2] and arrays["pixels"].shape == (5, 4)


def test_a_first_layer_that_sees_no_whole_image_is_a_list_of_layers():
    net = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 2, 3), nn.Flatten(),
                        nn.Linear(72, 10))  # fmt: skip
    (panel, *_), _ = panels(lab(module("digits", net)).run(2))
    assert panel["kind"] == "layers"
    assert [row["shape"] for row in panel["rows"]] == ["2 × 1 × 3 × 3", "10 × 72"]


def test_bars_are_the_recall_of_each_class(digits):
    (_, bars, _), _ = panels(digits)
    data = digits.trainer.data
    guess = digits.trainer.model.predict(data.x_test[:2000]).argmax(1)
    recall = recall_score(data.y_test[:2000], guess, average=None)
    assert bars["names"] == list("0123456789")
    np.testing.assert_allclose(bars["values"], recall, atol=1e-4)
    assert len(confusion_matrix(data.y_test, guess)) == 10


def test_a_class_without_test_samples_has_a_bar_of_nothing():
    data = load_data("digits")
    some = data.y_test != 3
    cut = own(data.x_train, data.y_train, 10, data.x_test[some], data.y_test[some],
              image_shape=(8, 8))  # fmt: skip
    (_, bars, _), _ = panels(lab(cut, sizes=[64, 8, 10]).run(2))
    assert bars["values"][3] == 0.0


def test_samples_are_images_with_the_probabilities_of_the_model(digits):
    (*_, samples), arrays = panels(digits)
    data = digits.trainer.data
    x, y = data.x_test[: side.SAMPLES], data.y_test[: side.SAMPLES]
    p = digits.trainer.model.predict(x).softmax(1).numpy()
    assert samples["shape"] == [8, 8, 8] and samples["truth"] == y.tolist()
    assert samples["guess"] == p.argmax(1).tolist() and len(samples["classes"]) == 10
    np.testing.assert_allclose(arrays["probabilities"] / 255, p, atol=0.0021)
    grey = x.flatten(1).numpy()
    inked = (grey - grey.min()) / (grey.max() - grey.min())
    np.testing.assert_allclose(arrays["pixels"] / 255, inked, atol=0.0021)


# ---- curves, and any other model ----------------------------------------------------------


def test_the_fit_is_the_curve_of_the_model_over_the_test_samples():
    run = lab("sine", lr=0.01).run(60)
    (fit, layers), arrays = panels(run)
    dots, line = fit["layers"]
    data = run.trainer.data
    assert np.array_equal(arrays[dots["x"]], data.x_test[:80, 0].numpy())
    assert np.array_equal(arrays[dots["y"]], data.y_test[:80, 0].numpy())
    x = torch.tensor(arrays[line["x"]])[:, None]
    np.testing.assert_allclose(arrays[line["y"]], run.trainer.model.predict(x)[:, 0], atol=1e-5)
    assert (x.min(), x.max()) == (fit["x"]["low"], fit["x"]["high"]) and layers["kind"] == "layers"
    y = data.y_test[:80]
    assert all(row["ratio"] > 0 for row in layers["rows"]), "of the last sampled step"
    ends = y.min() - 0.1 * (y.max() - y.min()), y.max() + 0.1 * (y.max() - y.min())
    assert (fit["y"]["low"], fit["y"]["high"]) == pytest.approx(tuple(map(float, ends)))
    assert (dots["kind"], line["kind"], fit["title"]) == ("points", "curve", "the fitted curve")
    assert len(x) == 120 and np.diff(x[:, 0]) == pytest.approx(float(x[1] - x[0]), rel=1e-3)


def test_a_constant_target_has_an_axis():
    x = torch.linspace(0, 1, 40)[:, None]
    (fit, _), _ = panels(lab(own(x, torch.ones(40, 1), None), sizes=[1, 3, 1]).run(3))
    assert (fit["y"]["low"], fit["y"]["high"]) == (0, 2)


def test_layers_show_weights_gradient_update_and_histogram():
    run = lab(module("digits", nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Tanh(),
                                             nn.Linear(5, 10))))  # fmt: skip
    run.watch("layers")
    run.run(19)
    before = {n: p.detach().clone() for n, p in run.trainer.model.module.named_parameters()}
    run.run(1)
    picture = described(run)
    (panel,) = [p for p in picture["below"] if p["kind"] == "layers"]
    after = dict(run.trainer.model.module.named_parameters())
    assert [(row["name"], row["shape"]) for row in panel["rows"]] == [
        ("layer 1", "5 × 64"), ("layer 2", "10 × 5")
    ]  # fmt: skip
    grads = run.trainer.model.named_views(run.trainer.model.grad)
    names = {"layer 1": "1", "layer 2": "3"}
    for row in [row | {"name": names[row["name"]]} for row in panel["rows"]]:
        w, old = after[f"{row['name']}.weight"].detach(), before[f"{row['name']}.weight"]
        assert row["weights"] == pytest.approx(float(w.pow(2).mean().sqrt()), rel=1e-5)
        grad = grads[f"{row['name']}.weight"]
        assert row["grad"] == pytest.approx(float(grad.pow(2).mean().sqrt()), rel=1e-5)
        assert row["ratio"] == pytest.approx(float((w - old).norm() / old.norm()), rel=1e-5)
        counts, edges = np.histogram(w.numpy(), side.BINS)
        assert (row["low"], row["high"]) == pytest.approx((edges[0], edges[-1]))
        found = picture["arrays"][row["counts"]] / 255 * counts.max()
        np.testing.assert_allclose(found, counts, atol=1 + counts.max() / 255)


def test_an_update_of_a_later_step_is_not_told_after_going_back():
    run = lab(module("digits", nn.Linear(64, 10))).run(20)
    run.watch("layers")
    run.go_to(5)
    rows = [p for p in described(run)["below"] if p["kind"] == "layers"][0]["rows"]
    assert [row["ratio"] for row in rows] == [None]


def test_no_more_than_eight_layers_are_listed():
    widths = [nn.Linear(3 if i else 64, 10 if i == 9 else 3) for i in range(10)]
    run = lab(module("digits", nn.Sequential(nn.Flatten(), *widths)))
    run.watch("layers")
    (panel,) = described(run)["below"]
    assert [row["name"] for row in panel["rows"]] == [f"layer {i}" for i in range(1, 9)]


@pytest.mark.parametrize("values", [[], [math.nan], [math.nan, 2.0, 2.0], [1.0, math.inf, 3.0]])
def test_a_histogram_is_of_what_is_finite(values):
    counts, low, high = side.histogram(torch.tensor(values))
    fine = [v for v in values if math.isfinite(v)]
    assert (low, high) == ((min(fine), max(fine)) if fine else (0, 0))
    assert (counts.dtype, counts.shape) == (np.uint8, (24,))
    assert counts.max() == (255 if fine else 0)
    assert (counts > 0).sum() == len(set(fine))


NETS = [
    lab, lambda: lab(sizes=(2, 65, 2)), lambda: lab("sine", lr=0.01), lambda: lab(module()),
    lambda: lab("digits", sizes=[64, 8, 10]),
    lambda: lab(module("digits", nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))),
]  # fmt: skip


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("wrong", [math.nan, math.inf, 1e38])
def test_broken_weights_are_drawn_without_a_word_from_numpy(make, wrong):
    run = make()
    run.watch("layers")
    run.run(10)
    run.trainer.model.theta.data.fill_(wrong)
    run.watching.probe = 10, views(run).model.theta, torch.full_like(run.trainer.model.theta, wrong)
    strict_header(encode(described(run)))
