"""The network's painter in a real browser: maps, contour, pointing and keys.

The referees are PyTorch's own modules for what a network computes, and the pixels of the canvas.
"""

import base64
import math
import re

import numpy as np
import pytest
import torch
from panel_page import build_network, draw, open_page, panel_of, pixels

ACTIVATIONS = ["tanh", "relu", "sigmoid", "gelu", "identity"]


@pytest.fixture
def face(browser_page):
    yield from open_page(browser_page)


def grid(extent):
    """Return the points that the browser evaluates, row by row from the top: (4096, 2)."""
    x0, x1, y0, y1 = extent
    y, x = torch.meshgrid(torch.linspace(y1, y0, 64), torch.linspace(x0, x1, 64), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


def log_odds(net, extent):
    out = net.predict(grid(extent))
    return (out[:, -1] if out.shape[1] == 1 else out[:, 1] - out[:, 0]).numpy()


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_browser_evaluates_what_the_library_does(face, activation, outputs):
    extent = (-1.5, 1.0, -0.5, 2.0)
    for seed, hidden in enumerate([[], [3], [8, 8], [9, 2, 5]]):
        sizes = [2, *hidden, outputs]
        net = build_network(sizes, activation, seed)
        panel, arrays = panel_of(net, sizes, activation, extent)
        draw(face, [panel], arrays)
        maps = [np.frombuffer(base64.b64decode(m), "f4") for m in face.evaluate("maps()")]
        x = grid(extent)
        expected = [*x.T]  # what each neuron answers, by torch's own modules
        for module in net.to_module()[:-1]:
            x = module(x)
            if activation == "identity" or not isinstance(module, torch.nn.Linear):
                expected += [*x.detach().T]
        np.testing.assert_allclose(maps[:-1], torch.stack(expected), atol=1e-4, rtol=1e-5)
        np.testing.assert_allclose(maps[-1], log_odds(net, extent), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_contour_cuts_the_edges_where_the_librarys_output_changes_sign(face, seed):
    net = build_network([2, 6, 2], "tanh", seed)
    panel, arrays = panel_of(net, [2, 6, 2], "tanh")
    draw(face, [panel], arrays)
    cuts = np.array(face.evaluate("[...states[0].cuts]")).reshape(-1, 2)
    values = log_odds(net, panel["extent"]).reshape(64, 64)
    for x, y in cuts:  # between two neighbours, at the place of zero on the line between them
        a, b = (math.floor(y), math.floor(x)), (math.ceil(y), math.ceil(x))
        share = (y - a[0]) + (x - a[1])
        assert values[a] * values[b] < 0
        assert (1 - share) * values[a] + share * values[b] == pytest.approx(0, abs=1e-3)
    changes = (np.diff(values > 0, axis=0)).sum() + (np.diff(values > 0, axis=1)).sum()
    assert len({tuple(cut) for cut in cuts.round(6)}) == changes > 0


def test_an_unchanged_network_is_not_evaluated_again_and_new_weights_are(face):
    net = build_network([2, 4, 2], "tanh")
    panel, arrays = panel_of(net, [2, 4, 2], "tanh")
    draw(face, [panel], arrays)
    face.evaluate("states[0].maps.output[0] = 1234")
    draw(face, [panel], arrays)
    assert face.evaluate("states[0].maps.output[0]") == 1234
    arrays["weights"] = arrays["weights"] + 1
    draw(face, [panel], arrays)
    assert face.evaluate("states[0].maps.output[0]") != 1234


def test_what_is_wrong_is_crossed_out_and_nothing_else(face):
    net = build_network([2, 4, 2], "tanh")
    points = [[x, y, (x + y) % 2] for x in (40, 125, 210) for y in (40, 125, 211)]
    wrong = [0, 1, 0, 0, 1, 1, 0, 0, 1]
    panel, arrays = panel_of(net, [2, 4, 2], "tanh", points=points, wrong=wrong)
    [size] = draw(face, [panel], arrays)
    crossed = pixels(face)
    draw(face, [panel], arrays | {"wrong": np.zeros(9, "u1")})
    free = pixels(face)
    changed = (crossed != free).any(2)
    box = face.evaluate("(h) => layout([2, 4, 2], 450, h).large", size["height"])
    for (x, y, _), bad in zip(points, wrong, strict=True):
        row = round(box["y"] + (1 - y / 255) * box["height"])
        column = round(box["x"] + x / 255 * box["width"])
        place = (slice(row - 5, row + 6), slice(column - 5, column + 6))
        assert (crossed[place].mean() < free[place].mean() - 2) == bool(bad)
        changed[place] = False
    heading = changed[: round(box["y"])]
    assert heading.any() and changed.sum() == heading.sum()  # "✕ 4 of 9 wrong" and the crosses


def test_a_neuron_under_the_pointer_takes_the_large_place_until_the_pointer_leaves(face):
    sizes = [2, 12, 3, 1]
    panel, arrays = panel_of(build_network(sizes, "relu"), sizes, "relu")
    [size] = draw(face, [panel], arrays)
    nodes = face.evaluate("(h) => layout([2, 12, 3, 1], 450, h).nodes", size["height"])
    assert [n["layer"] for n in nodes] == [0] * 2 + [1] * 8 + [2] * 3
    first = pixels(face)
    for node in nodes:
        x, y = node["x"] + node["width"] / 2, node["y"] + node["height"] / 2
        assert face.evaluate("([x, y]) => point(x, y)", [x, y])
        assert not face.evaluate("([x, y]) => point(x, y)", [x + 2, y - 2])  # the same one
        pointed = face.evaluate("states[0].pointed")
        assert (pointed["layer"], pointed["index"]) == (node["layer"], node["index"])
        draw(face, [panel], arrays)
        assert (pixels(face) != first).any()
    assert face.evaluate("point(null, null)") and not face.evaluate("point(null, null)")
    draw(face, [panel], arrays)
    assert (pixels(face) == first).all()


def test_arrows_walk_through_the_network_and_say_the_weights(face):
    net = build_network([2, 3, 5, 2], "tanh", seed=3)
    panel, arrays = panel_of(net, [2, 3, 5, 2], "tanh", points=[[9, 9, 0]] * 3, wrong=[1, 0, 1])
    draw(face, [panel], arrays)

    def press(*keys):
        return [face.evaluate("(k) => key(k)", k) for k in keys][-1]

    def numbers(words):
        signed = re.findall(r"([−+(]) ?(\d+\.?\d*)(?= [xh]|\))", words.replace("(−", "−"))
        return [float(n) * (-1 if sign == "−" else 1) for sign, n in signed]

    assert press("Escape") is None and press("Enter") is None  # not ours
    assert press("ArrowDown") == "input x₁: what goes in"
    assert press("ArrowUp") == ""
    first, second = net.views(net.theta)[:2]
    words = press("ArrowRight", "ArrowDown")
    assert words.startswith("layer 1, neuron 2: tanh(")
    assert numbers(words) == pytest.approx(first[1].tolist(), rel=0.05)
    words = press("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp")
    assert words.startswith("layer 2, neuron 4: tanh(") and "…" in words
    row = second[3]
    left_out = row[:-1].abs().argmin()
    expected = [v for i, v in enumerate(row.tolist()) if i != left_out]
    assert numbers(words) == pytest.approx(expected, rel=0.05)
    assert press("ArrowRight") == "output, ✕ 2 of 3 wrong"
    assert press("ArrowLeft").startswith("layer 2, neuron 1")
    assert press("Escape") == "output, ✕ 2 of 3 wrong"
