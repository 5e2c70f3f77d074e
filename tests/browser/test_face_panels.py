"""The painters of panels, as ES modules in a real browser: what they draw is what Python says.

The referees are PyTorch's own modules for what a network computes, and the pixels of the canvas.
"""

import base64
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from course import MLP, Network
from course.nn.layers import Linear
from widgets.common.canvas import encode

JS = Path(__file__).parents[2] / "widgets" / "js"
PAGE = """<!doctype html><meta charset="utf-8"><style>
.face { --paper: #fff; --ink: rgba(0, 0, 0, .87); --dim: rgba(0, 0, 0, .6); --rule: #e0e0e0;
  --wash: #eee; --focus: #1976d2; --run: #0072b2; --run2: #00805c; --run3: #8a6d00;
  --hand: #b0508a; --limit: #c24a00; --neg: #e69f00; --pos: #0072b2; font-family: sans-serif; }
.dark { --paper: #1c1c1c; --ink: rgba(255, 255, 255, .92); --dim: rgba(255, 255, 255, .66);
  --rule: #3d3d3d; --wash: #333; --run: #56b4e9; --run2: #2dc79b; --run3: #e6c84f;
  --hand: #e58fc0; --limit: #ff8548; --pos: #56b4e9; }
.face { background: var(--paper) } body { margin: 0 } canvas { display: block }
</style><div class="face"></div><script type="module">
import { decode } from "./frame.js";
import { fit } from "./paint.js";
import { themeOf } from "./theme.js";
import { PANELS } from "./panels/index.js";
import { layout } from "./panels/neurons.js";
const face = document.querySelector(".face");
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const states = [];
const draw = (frame, width, dark = false, spare = 0) => { // the panels of "side", a canvas each
  face.classList.toggle("dark", dark);
  const picture = decode(new DataView(bytes(frame).buffer));
  const theme = themeOf(face);
  return picture.side.map((panel, k) => {
    const canvas = face.children[k] ?? face.appendChild(document.createElement("canvas"));
    const { height, paint } = PANELS[panel.kind];
    const tall = height(panel, width);
    const begun = performance.now();
    const g = fit(canvas, width + spare, tall + spare);
    paint(g, panel, picture.arrays, theme, width, tall, (states[k] ??= {}));
    return { height: tall, ms: performance.now() - begun };
  });
};
const text = (array) => { // as base64: lists of numbers take seconds
  const data = new Uint8Array(array.buffer);
  let letters = "";
  for (let i = 0; i < data.length; i += 8192) {
    letters += String.fromCharCode(...data.subarray(i, i + 8192));
  }
  return btoa(letters);
};
const pixels = (k) => {
  const { width, height } = face.children[k];
  const { data } = face.children[k].getContext("2d").getImageData(0, 0, width, height);
  return [height, width, text(data)];
};
const maps = () => [...states[0].maps.layers.flat(), states[0].maps.output].map(text);
const key = (name) => PANELS.network.key(states[0], name);
const point = (x, y) => PANELS.network.point(states[0], x, y);
Object.assign(window, { draw, key, layout, maps, pixels, point, states });
</script>"""
PAPER, INK = (255, 255, 255), (33, 33, 33)
NEGATIVE, POSITIVE, RUN = (230, 159, 0), (0, 114, 178), (0, 114, 178)
ACTIVATIONS = ["tanh", "relu", "sigmoid", "gelu", "identity"]
WIDTHS = [380, 560, 1000]


@pytest.fixture
def face(browser_page):
    """A page that draws; an error on it fails the test."""
    errors = []
    browser_page.on("pageerror", lambda error: errors.append(str(error)))

    def serve(route):
        name = route.request.url.removeprefix("http://face.test/")
        body = (JS / name).read_text("utf-8") if name else PAGE
        route.fulfill(body=body, content_type="text/javascript" if name else "text/html")

    browser_page.route("http://face.test/**", serve)
    browser_page.goto("http://face.test/")
    yield browser_page
    assert errors == []


def draw(face, panels, arrays, width=450, dark=False, spare=0):
    frame = base64.b64encode(encode({"side": panels, "arrays": arrays}, 1)).decode()
    return face.evaluate("(a) => draw(...a)", [frame, width, dark, spare])


def pixels(face, k=0):
    """Return the k-th canvas as (height, width, 4) bytes."""
    height, width, text = face.evaluate("(k) => pixels(k)", k)
    return np.frombuffer(base64.b64decode(text), "u1").reshape(height, width, 4).astype(int)


def build_network(sizes, activation, seed=0):
    """Return a network of the library with random weights, biases too."""
    if activation == "identity":
        net = Network([Linear(n) for n in sizes[1:]], sizes[0], loss="mse")
    else:
        net = MLP(sizes, activation, loss="mse")
    net.theta.copy_(torch.randn(net.theta.shape, generator=torch.Generator().manual_seed(seed)))
    return net


def panel_of(net, sizes, activation, extent=(-1.2, 1.2, -1.2, 1.2), points=(), wrong=()):
    """Return the panel and the arrays of a network, as the contract orders the weights."""
    parts = [part for m in net.views(net.theta) for part in (m[:, :-1].flatten(), m[:, -1])]
    panel = {
        "kind": "network", "title": "network", "sizes": sizes, "activation": activation,
        "weights": "weights", "extent": list(extent), "points": "points", "wrong": "wrong",
        "inputs": ["x₁", "x₂"], "classes": ["class 0", "class 1"],
    }  # fmt: skip
    return panel, {
        "weights": torch.cat(parts).numpy(),
        "points": np.array(points, "u1").ravel(),
        "wrong": np.array(wrong, "u1"),
    }


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
    changed = (crossed != pixels(face)).any(2)
    box = face.evaluate("(h) => layout([2, 4, 2], 450, h).large", size["height"])
    for (x, y, _), bad in zip(points, wrong, strict=True):
        row = round(box["y"] + (1 - y / 255) * box["height"])
        column = round(box["x"] + x / 255 * box["width"])
        assert changed[row - 5 : row + 6, column - 5 : column + 6].any() == bool(bad)
        changed[row - 5 : row + 6, column - 5 : column + 6] = False
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


def is_colour(image, colour, tolerance=2):
    return (abs(image[..., :3] - colour) <= tolerance).all(-1)


def over(colour, ground, share):
    """Return a colour painted over another with an opacity."""
    return tuple(g + share * (c - g) for c, g in zip(colour, ground, strict=True))


@pytest.mark.parametrize("names", [list("abcdefgh"), [f"a long name {k}" for k in "abcdefgh"]])
def test_bars_are_as_long_as_their_values(face, names):
    values = [0.0, 0.07, 0.25, 0.5, 0.731, 0.9, 0.995, 1.0]
    draw(face, [{"kind": "bars", "title": "accuracy", "names": names, "values": values}], {})
    image = pixels(face)
    ground = over((238, 238, 238), PAPER, 0.6)
    filled = is_colour(image, over(RUN, ground, 0.6), 3)
    empty = is_colour(image, ground, 1)
    across = int(len(names[0]) > 1)  # long names stand beside bars that lie
    lines = (filled | empty).sum(across)
    found = np.array_split(np.flatnonzero(lines == lines.max()), len(values))
    for line, value in zip(found, values, strict=True):
        length = filled.take(line[len(line) // 2], 1 - across).sum()
        assert length == pytest.approx(value * lines.max(), abs=1)


def test_tiles_show_each_weight_in_its_place_and_colour(face):
    weights = np.random.default_rng(0).integers(0, 256, (4, 2, 3)).astype("u1")
    weights[0, 0] = [128, 1, 255]
    panels = [
        {"kind": "tiles", "title": "w", "pixels": "w", "shape": [4, 2, 3], "colours": colours}
        for colours in ("signed", "grey")
    ]
    draw(face, panels, {"w": weights})
    for k, colour in enumerate(
        [
            lambda v: over(NEGATIVE if v < 128 else POSITIVE, PAPER, 0.72 * abs(v - 128) / 127),
            lambda v: over(INK, PAPER, v / 255),
        ]
    ):
        image = pixels(face, k)
        for (tile, row, column), weight in np.ndenumerate(weights):
            x, y = tile * 64 + (column + 0.5) * 61 / 3, 26 + (row + 0.5) * 61 / 3
            assert is_colour(image[int(y), int(x)], colour(int(weight)), 3)


def test_a_map_has_row_0_at_the_bottom_and_points_where_they_belong(face):
    values = np.full((8, 12), 255, "u1")
    values[:4] = 0
    panel = {
        "kind": "map", "title": "classes", "values": "values", "shape": [8, 12], "contour": True,
        "extent": [0, 3, 0, 2], "colours": "two classes", "points": "points", "wrong": "wrong",
    }  # fmt: skip
    arrays = {"points": np.array([128, 230, 0], "u1"), "wrong": np.zeros(1, "u1")}
    draw(face, [panel], arrays | {"values": values}, 380)
    image = pixels(face)
    blue, orange = (is_colour(image, over(c, PAPER, 0.72)) for c in (POSITIVE, NEGATIVE))
    assert np.flatnonzero(blue.any(1)).max() < np.flatnonzero(orange.any(1)).min()
    rows, columns = np.nonzero(is_colour(image, NEGATIVE, 8))
    assert columns.mean() == pytest.approx(1 + 378 * 128 / 255, abs=2)
    assert rows.mean() == pytest.approx(26 + 252 * 25 / 255, abs=2)


def every_panel():
    """Return one panel of each kind, with words as long as they come."""
    counts = np.random.default_rng(0).integers(0, 256, (3, 20)).astype("u1")
    long = "a name that is much too long for the place it has in any of these pictures"
    network, arrays = panel_of(build_network([2, 30, 8, 1], "relu"), [2, 30, 8, 1], "relu")
    rows = [{"name": long, "shape": "64 × 64", "weights": 0.1, "grad": g, "ratio": r,
             "counts": "bins", "low": -1, "high": 2} for g, r in ((1e-9, None), (0, 1e-3))]  # fmt: skip
    panels = [
        network,
        {"kind": "map", "values": "grid", "shape": [5, 6], "extent": [-2, 2, 1, 3], "path": "path",
         "colours": "height", "contour": True, "low": 0.01, "high": 30, "x_label": "first", "y_label": "second"},
        {"kind": "tiles", "pixels": "grid", "shape": [5, 2, 3], "colours": "signed", "captions": [long] * 5},
        {"kind": "bars", "names": ["cat", long], "values": [0.5, 1]},
        {"kind": "samples", "pixels": "grid", "shape": [2, 3, 5], "probabilities": "shares",
         "truth": [0, 1], "guess": [0, 2], "classes": ["a", "bird", "dog"]},
        {"kind": "ridges", "counts": "counts", "rows": [[long, -1, 1, long], ["b", 0, 1, ""], ["c", 0, 9, "!"]]},
        {"kind": "layers", "rows": rows},
        {"kind": "note", "words": "Nothing to see here, and this is the reason why it is so. " * 5},
    ]  # fmt: skip
    arrays |= {
        "grid": counts.ravel()[:30], "path": counts.ravel()[:10], "shares": counts.ravel()[:6],
        "counts": counts, "bins": counts[0],
    }  # fmt: skip
    return [{"title": "title", "note": long} | panel for panel in panels], arrays


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_panel_paints_inside_its_place_at_every_width_in_both_themes(face, width, dark):
    panels, arrays = every_panel()
    sizes = draw(face, panels, arrays, width, dark, spare=40)
    for k, (panel, size) in enumerate(zip(panels, sizes, strict=True)):
        painted = pixels(face, k)[..., 3] > 0
        height = math.ceil(size["height"])
        assert painted[:height, :width].mean() > 0.01, panel["kind"]
        assert not painted[height:].any() and not painted[:, width + 1 :].any(), panel["kind"]
