"""A page without Jupyter: the built bundle, a model that only remembers, frames made in Python."""

import base64
import json
import struct
from pathlib import Path

import numpy as np

import widgets.training.controls  # noqa: F401  what these tests are about: see tests/lanes.py
from widgets.common.frames import encode

WIDGETS = Path(__file__).parents[2] / "widgets"
STEPS, HORIZON = 600, 1000
EVERY = 30
LOSS = 2 * np.exp(-np.arange(0, STEPS + 1, EVERY) / 200)  # evaluated every 30 steps
NORMS = 0.5 + 0.4 * np.sin(np.arange(STEPS // 5))  # means of five steps

DARK = """--jp-layout-color1: #1c1c1c; --jp-layout-color2: #333; --jp-border-color2: #3d3d3d;
--jp-ui-font-color1: rgba(255, 255, 255, .92); --jp-ui-font-color2: rgba(255, 255, 255, .66);"""
PAGE = """<!doctype html><meta charset="utf-8"><title>A lab</title><html lang="en">
<style>body { margin: 12px; background: var(--jp-layout-color1, #fff); }
[data-jp-theme-light="false"] { %s } %s</style>
<body data-jp-theme-light="true"><main class="face">%s</main></body>"""
MOUNT = """async ([source, frame]) => {
    const { default: lab } = await import(
        URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    const heard = new Set();
    window.sent = [];
    window.model = {
        frame: null,
        get: (name) => window.model[name],
        on: (name, act) => heard.add(act),
        off: (name, act) => heard.delete(act),
        send: (message) => window.sent.push({ ...message, at: performance.now() }),
        show(frame) {
            const bytes = Uint8Array.from(atob(frame), (c) => c.charCodeAt(0));
            window.model.frame = new DataView(bytes.buffer);
            for (const act of heard) act();
        },
    };
    window.heard = heard;
    window.model.show(frame);
    window.stops = [...document.querySelectorAll(".view")].map((el) =>
        lab.render({ model: window.model, el }));
}"""


def picture(**changes) -> dict:
    """A run of 600 steps in three strips: loss, gradient norm with a threshold, learning rate."""
    rates = np.array([0.1, 0.4, 0.4])
    arrays = {"loss": LOSS, "norm": NORMS, "rate_x": np.array([0, 300, STEPS]), "rate": rates}
    curve = {"kind": "curve", "hue": "run", "read": True}
    loss = curve | {"name": "test", "x": [0, EVERY], "y": "loss", "look": "solid", "mark": True}
    norm = curve | {"name": "before", "x": [2.5, 5], "y": "norm", "look": "thin"}
    past = curve | {"name": "α", "x": "rate_x", "y": "rate", "look": "stairs", "read": False}
    strips = [
        plot("loss", 160, {"scale": "log", "low": 0.05, "high": 2}, [loss])
        | {"lane": lane("guess", "your guess of the loss", "", None, 0.05, 2)},
        plot("norm", 90, {"scale": "log", "low": 0.01, "high": 10}, [norm])
        | {"lane": lane("threshold", "clip threshold", "c", 0.5, 0.01, 10, hue="limit")},
        plot("lr", 80, {"scale": "log", "low": 0.01, "high": 100}, [past])
        | {"lane": lane("lr", "learning rate", "α", 0.4, 0.01, 100, fill=True)},
    ]
    return {
        "step": STEPS, "horizon": HORIZON, "end": STEPS, "playing": False, "words": "Step 600.",
        "strips": strips, "turns": [[300, "α 0.4"]], "side": [], "below": [], "arrays": arrays,
    } | changes  # fmt: skip


def plot(name: str, height: int, y: dict, layers: list) -> dict:
    return {"kind": "plot", "id": name, "title": name, "height": height, "y": y, "layers": layers}


def lane(knob, name, symbol, value, low, high, hue="run", fill=False) -> dict:
    return {
        "knob": knob, "name": name, "symbol": symbol, "value": value, "low": low, "high": high,
        "off": False, "hue": hue, "plan": [], "fill": fill, "score": "",
    }  # fmt: skip


def quantised(picture: dict, seq: int, name: str, scale: str, low: float, high: float) -> bytes:
    """A frame whose array `name` is of type 2: uint16 between low and high of its scale."""
    values = np.asarray(picture["arrays"][name])
    places = np.log10(values) if scale == "log" else values
    q = np.round((places - low) / (high - low) * 65534)
    q = np.where(np.isnan(q), 65535, q).astype("<u2")
    frame = encode(picture | {"arrays": picture["arrays"] | {name: q.view("u1")}}, seq)
    size = struct.unpack_from("<I", frame)[0]
    header = json.loads(frame[4 : 4 + size])
    header["arrays"][name] = [header["arrays"][name][0], q.size, 2, scale, low, high]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + frame[4 + size :]


class Lab:
    """A view of the built bundle in a page; `views` of one model, each `width` pixels wide."""

    def __init__(self, page, shown: dict | bytes | None = None, views: int = 1, width: int = 900):
        self.page = page
        boxes = f'<div class="view" style="width: {width}px"></div>' * views
        style = (WIDGETS / "common/face.css").read_text()
        page.set_content(PAGE % (DARK, style, boxes))
        source = (WIDGETS / "training/face.js").read_text()
        page.evaluate(MOUNT, [source, self.base64(shown or picture(), 1)])
        page.wait_for_function("document.querySelector('.view').face.paints > 0")

    @staticmethod
    def base64(shown: dict | bytes, seq: int) -> str:
        frame = shown if isinstance(shown, bytes) else encode(shown, seq)
        return base64.b64encode(frame).decode()

    def show(self, shown: dict | bytes, seq: int) -> None:
        """Hand in a frame and wait until it is painted."""
        self.page.evaluate("(frame) => model.show(frame)", self.base64(shown, seq))
        self.page.wait_for_function(f"document.querySelector('.view').face.lastSeq === {seq}")

    def face(self, expression: str):
        """Evaluate with `face`, the first view's window for tests, in scope."""
        code = (
            f"() => {{ const {{ face }} = document.querySelector('.view'); return {expression}; }}"
        )
        return self.page.evaluate(code)

    def frames(self, count: int = 3) -> None:
        """Wait for some frames of the screen: what a hand does goes out with the next."""
        for _ in range(count):
            self.page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")

    def sent(self, *kinds: str) -> list[dict]:
        """Return the messages of these kinds, in order."""
        self.frames()
        return [m for m in self.page.evaluate("window.sent") if m["kind"] in kinds]

    def at(self, row: int, step: float, value: float) -> tuple[float, float]:
        """Return where a step and a value of a strip lie on the page."""
        box = self.page.locator(".face-time canvas").first.bounding_box()
        x = self.face(f"face.geometry.x.at({step})")
        y = self.face(f"face.geometry.rows[{row}].y.at({value})")
        return box["x"] + x, box["y"] + y

    def y_of(self, row: int, value: float) -> float:
        return self.face(f"face.geometry.rows[{row}].y.at({value})")

    def slider(self, name: str):
        """Return the slider whose name begins so."""
        return self.page.locator(f'.face-handle[aria-label^="{name}"]').first

    def drag(self, start: tuple, *places: tuple, drop: bool = True) -> None:
        """Press at a place of the page, move through others, and lift."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        for place in places:
            mouse.move(*place, steps=4)
        self.frames()
        if drop:
            mouse.up()

    def pixel(self, x: float, y: float) -> list[int]:
        """Return the colour of the strips' canvas at a place of the page."""
        return self.page.evaluate(
            """([x, y]) => {
                const canvas = document.querySelector(".face-time canvas");
                const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
                const place = [x - box.left, y - box.top].map((v) => Math.floor(v * ratio));
                return [...canvas.getContext("2d").getImageData(...place, 1, 1).data];
            }""",
            [x, y],
        )
