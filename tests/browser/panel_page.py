"""A page that draws panels from the ES modules of `widgets/js`, without a server."""

import base64
from pathlib import Path

import numpy as np
import torch

import widgets.training.controls  # noqa: F401  what these tests are about: see tests/lanes.py
from course import MLP, Network
from course.nn.layers import Linear
from widgets.common.frames import decode, encode

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


def open_page(browser_page):
    """Yield the page; an error on it fails the test."""
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
    """Return the k-th canvas on white, with its opacity in the last channel: (height, width, 4)."""
    height, width, text = face.evaluate("(k) => pixels(k)", k)
    image = np.frombuffer(base64.b64decode(text), "u1").reshape(height, width, 4).astype(float)
    opacity = image[..., 3:] / 255
    image[..., :3] = image[..., :3] * opacity + 255 * (1 - opacity)
    return image


def build_network(sizes, activation, seed=0):
    """Return a network of the library with random weights, biases too."""
    if activation == "identity":
        net = Network([Linear(n) for n in sizes[1:]], sizes[0], loss="mse")
    else:
        net = MLP(sizes, activation, loss="mse")
    net.theta.copy_(torch.randn(net.theta.shape, generator=torch.Generator().manual_seed(seed)))
    return net


def panel_of(net, sizes, activation, extent=(-1.2, 1.2, -1.2, 1.2), points=(), wrong=()):
    """Return the panel and the arrays of a network, as the contract orders the weights.

    The network's own weights are rounded as a frame rounds them.
    """
    parts = [part for m in net.views(net.theta) for part in (m[:, :-1], m[:, -1])]
    weights = torch.cat([part.flatten() for part in parts]).numpy()
    rounded = decode(encode({"arrays": {"weights": weights}}))["arrays"]["weights"]
    for part, values in zip(
        parts, np.split(rounded, np.cumsum([p.numel() for p in parts])[:-1]), strict=True
    ):
        part.copy_(torch.tensor(values).view(part.shape))
    panel = {
        "kind": "network", "title": "network", "sizes": sizes, "activation": activation,
        "weights": "weights", "extent": list(extent), "points": "points", "wrong": "wrong",
        "inputs": ["x₁", "x₂"], "classes": ["class 0", "class 1"],
    }  # fmt: skip
    return panel, {
        "weights": weights,
        "points": np.array(points, "u1").ravel(),
        "wrong": np.array(wrong, "u1"),
    }
