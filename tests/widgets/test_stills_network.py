"""The drawn network answers as the trained one does; its parts show what the weights say."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from still_pictures import (
    assert_words_are_apart_and_inside,
    axis,
    count,
    drawn,
    network,
    picture,
    plot,
    words_of,
)
from torch import nn

from course import MLP
from widgets.common.stills import figure_of
from widgets.common.stills.neurons import GRID, activations, grid, log_odds, maps, shades
from widgets.common.stills.sheet import HUES


def trained(sizes, activation="tanh", seed=0) -> tuple[MLP, np.ndarray]:
    """A network with random weights and biases, and these in one row: W then b, layer by layer."""
    model = MLP(sizes, activation, seed=seed, dtype=torch.float64, loss="mse")
    model.theta.copy_(torch.randn(len(model.theta), generator=torch.Generator().manual_seed(seed)))
    views = model.named_views(model.theta).values()
    return model, torch.cat([view.ravel() for view in views]).numpy()


def painted(sizes=(2, 8, 8, 2), weights=None, points=((0, 0, 0),), wrong=(0,), **options):
    weights = np.ones(count(sizes)) if weights is None else weights
    panel = network(sizes, **options)
    strips = [plot(id=str(k), height=120, y=axis()) for k in range(3)]
    return figure_of(
        picture(strips, [panel], weights=weights, points=np.uint8(points), wrong=np.uint8(wrong))
    )


# ---- the evaluation -----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu"])
@pytest.mark.parametrize("sizes", [[2, 5, 3, 2], [2, 4, 1], [2, 2], [2, 1]], ids=str)
def test_the_network_is_evaluated_as_the_trained_one(sizes, activation):
    model, weights = trained(sizes, activation)
    x = torch.randn(50, 2, dtype=torch.float64)
    ours = activations(weights, sizes, activation, x.numpy())
    assert ours[-1] == pytest.approx(model.predict(x).numpy(), abs=1e-12)
    assert [a.shape for a in ours] == [(50, n) for n in sizes]
    assert (ours[0] == x.numpy()).all()


def test_hidden_answers_come_after_the_activation_and_identity_has_none():
    layers = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)).double()
    weights = nn.utils.parameters_to_vector(layers.parameters()).detach().numpy()
    x = torch.randn(9, 2, dtype=torch.float64)
    _, hidden, outputs = activations(weights, [2, 3, 2], "identity", x.numpy())
    assert hidden == pytest.approx(layers[0](x).detach().numpy())
    assert outputs == pytest.approx(layers(x).detach().numpy())
    _, hidden, _ = activations(weights, [2, 3, 2], "gelu", x.numpy())
    assert hidden == pytest.approx(nn.functional.gelu(layers[0](x)).detach().numpy())


@pytest.mark.parametrize("n_out", [1, 2])
def test_log_odds_are_those_of_the_probability_of_class_1(n_out):
    outputs = torch.randn(20, n_out, dtype=torch.float64)
    share = outputs.softmax(1)[:, 1] if n_out == 2 else outputs[:, 0].sigmoid()
    assert log_odds(outputs.numpy()) == pytest.approx(torch.logit(share).numpy())


def test_the_grid_begins_with_the_upper_left_corner():
    plane = grid([-1, 3, 0, 5]).reshape(GRID, GRID, 2)
    corners = plane[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()
    assert corners == [[-1, 5], [3, 5], [-1, 0], [3, 0]]


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu", "identity"])
def test_shades_lie_between_minus_1_and_1_and_keep_the_sign_of_a_signed_answer(activation):
    _, weights = trained([2, 6, 2])
    below, _ = maps(network([2, 6, 2], activation), weights)
    seen = shades(below[1], activation)
    assert np.abs(seen).max() <= 1 + 1e-9
    if activation != "sigmoid":
        assert (np.sign(seen) == np.sign(below[1])).all()


# ---- the drawing --------------------------------------------------------------------------------


def frame(figure):
    """Left, right, bottom and top edge of the large output, in pixels: its points lie on them."""
    (image,) = drawn(figure, "output")
    left, right, bottom, top = image.get_extent()
    half = (right - left) / GRID / 2
    return left + half, right - half, bottom - half, top + half


@pytest.mark.parametrize("sizes", [[2, 4, 2], [2, 4, 1]], ids=str)
def test_the_large_map_is_the_output(sizes):
    model, weights = trained(sizes)
    (image,) = drawn(painted(sizes, weights, extent=[-2, 1, -1, 3]), "output")
    out = model.predict(torch.tensor([[-2.0, 3.0], [1.0, -1.0]])).numpy()
    odds = out[:, 0] if sizes[-1] == 1 else out[:, 1] - out[:, 0]
    seen = np.asarray(image.get_array())[[0, -1], [0, -1]]
    assert seen == pytest.approx(2 / (1 + np.exp(-odds)) - 1)


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-0.9, 0.9), st.sampled_from([1, 2]))
def test_the_contour_runs_where_both_classes_are_equally_likely(a, b, share, n_out):
    if abs(a) + abs(b) < 0.1:
        return
    bias = share * (abs(a) + abs(b))  # so the line crosses the plane
    weights = [a, b, bias] if n_out == 1 else [0.5, 0.1, a + 0.5, b + 0.1, 1, bias + 1]
    figure = painted([2, n_out], np.array(weights))
    (line,) = drawn(figure, "contour")
    left, right, bottom, top = frame(figure)
    px, py = np.concatenate([path.vertices for path in line.get_paths()]).T
    x, y = 2 * (px - left) / (right - left) - 1, 2 * (py - bottom) / (top - bottom) - 1
    assert a * x + b * y + bias == pytest.approx(np.zeros(len(x)), abs=1e-6)


def test_without_a_border_there_is_no_contour():
    assert not drawn(painted([2, 1], np.array([0.0, 0.0, 1.0])), "contour")


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 2, *[st.integers(0, 1)] * 2), max_size=30))
def test_each_wrong_point_has_a_cross_and_each_class_its_mark(rows):
    table = np.array(rows, dtype=int).reshape(-1, 4)
    figure = painted(points=table[:, :3], wrong=table[:, 3])
    left, right, bottom, top = frame(figure)
    place = np.array([left, bottom]) + table[:, :2] / 255 * [right - left, top - bottom]
    (crosses,) = drawn(figure, "wrong")
    assert len(crosses.get_xydata()) == table[:, 3].sum()
    assert crosses.get_xydata() == pytest.approx(place[table[:, 3] == 1])
    for label in (0, 1):
        marks = [
            m.get_xydata()
            for m in drawn(figure, f"class {label}")
            if len(m.get_xdata()) and m.get_markersize() < 6
        ]
        shown = np.concatenate(marks) if marks else np.empty((0, 2))
        assert shown == pytest.approx(place[table[:, 2] == label])
    assert words_of(figure, "note") == [f"✕ {table[:, 3].sum()} of {len(table)} wrong"]


def test_a_weight_is_a_line_blue_and_solid_or_orange_and_dashed_as_wide_as_it_is_large():
    weights = np.array([1.0, -2, 3, -4, 0, 0, 0.1, -9, 5, 9, 0, 0])  # 2 → 2 → 2
    figure = painted([2, 2, 2], weights)
    (links,) = drawn(figure, "weights")
    values = sorted([1, -2, 3, -4, 5 - 0.1, 9 + 9], key=abs)
    assert links.get_linewidths() == pytest.approx(np.clip(0.9 * np.abs(values), 0.6, 5))
    lines = zip(values, links.get_edgecolors(), links.get_linestyles(), strict=True)
    for value, colour, style in lines:
        assert tuple(colour[:3]) == to_rgb(HUES["pos" if value > 0 else "neg"])
        assert colour[3] == pytest.approx(min(0.18 + 0.22 * abs(value), 0.9))
        assert (style[1] is None) == (value > 0)


def test_a_link_runs_from_its_neuron_to_its_neuron():
    """One weight of 2 → 3 is large; the thickest line joins input 2 and neuron 3."""
    W = np.zeros((3, 2))
    W[2, 1] = 4
    weights = np.concatenate([W.ravel(), np.zeros(3 + 4)])
    figure = painted([2, 3, 1], weights)
    (links,) = drawn(figure, "weights")
    (_, start_y), *_, (_, end_y) = links.get_paths()[-1].vertices
    inputs, hidden = drawn(figure, "layer 0"), drawn(figure, "layer 1")
    middle = lambda image: np.mean(image.get_extent()[2:])  # noqa: E731
    assert (start_y, end_y) == pytest.approx((middle(inputs[1]), middle(hidden[2])), abs=0.01)


def test_tiles_show_what_the_neurons_answer():
    _, weights = trained([2, 8, 8, 2])
    figure = painted(weights=weights)
    below, _ = maps(network(), weights)
    for layer in (1, 2):
        tiles = [np.asarray(image.get_array()) for image in drawn(figure, f"layer {layer}")]
        assert np.array(tiles) == pytest.approx(below[layer])
    assert words_of(figure, "input") == ["x₁", "x₂"]


@pytest.mark.parametrize("sizes", [[2, 2], [2, 32, 2], [2, 1, 1], [2, 9, 9, 9, 9, 9, 1]], ids=str)
def test_a_network_of_any_shape_fits(sizes):
    figure = painted(sizes, activation="relu")
    assert_words_are_apart_and_inside(figure)
    assert words_of(figure, "more") == [f"+ {n - 8}" for n in sizes[1:-1] if n > 8]
    for layer, n in enumerate(sizes[:-1]):
        assert len(drawn(figure, f"layer {layer}")) == min(n, 8)


def test_in_a_column_a_legend_tells_what_the_lines_mean_and_alone_it_is_low_and_wide():
    column = painted()
    assert words_of(column, "legend") == ["weight > 0, thick = large", "weight < 0"]
    left, right, bottom, top = frame(column)
    assert all(y > bottom for _, y in [text.get_position() for text in drawn(column, "legend")])
    alone = figure_of(picture(
        side=[network()], weights=np.ones(count([2, 8, 8, 2])), points=np.uint8([[0, 0, 0]]),
        wrong=np.uint8([0]),
    ))  # fmt: skip
    assert not words_of(alone, "legend") and alone.bbox.height < 400 < column.bbox.height
    left, right, bottom, top = frame(alone)
    (head,) = [text for text in drawn(alone, "title") if text.get_text() == "output"]
    assert head.get_position()[1] < top and bottom < alone.bbox.height
    assert right - left == pytest.approx(bottom - top), "a square"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e300, 0])
def test_weights_that_overflowed_are_drawn(value):
    weights = np.full(count([2, 8, 8, 2]), value)
    weights[::2] *= -1
    for activation in ("relu", "gelu", "tanh"):
        painted(weights=weights, activation=activation)
