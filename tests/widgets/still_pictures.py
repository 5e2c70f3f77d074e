"""Small pictures for the tests of the still painter, and how to find what it drew."""

import numpy as np
from matplotlib.text import Text


def axis(scale="linear", low=0.0, high=1.0, label="") -> dict:
    return {"scale": scale, "low": low, "high": high, "label": label}


def picture(
    strips=(), side=(), below=(), turns=(), step=0, horizon=100, words="", **arrays
) -> dict:
    return {
        "step": step, "horizon": horizon, "end": step, "playing": False, "words": words,
        "strips": list(strips), "side": list(side), "below": list(below), "turns": list(turns),
        "arrays": {name: np.asarray(values) for name, values in arrays.items()},
    }  # fmt: skip


def plot(*layers, id="loss", title="loss", height=168, y=None, lane=None, hint="", x=None) -> dict:
    panel = {
        "kind": "plot", "id": id, "title": title, "height": height, "y": y or axis(),
        "layers": list(layers), "lane": lane, "hint": hint,
    }  # fmt: skip
    return panel | ({"x": x} if x else {})


def curve(name="test", x="x", y="y", hue="run", look="solid", **more) -> dict:
    return {"kind": "curve", "name": name, "x": x, "y": y, "hue": hue, "look": look, **more}


def lane(knob="lr", name="learning rate", symbol="α", value=0.1, **more) -> dict:
    return {
        "knob": knob, "name": name, "symbol": symbol, "value": value, "low": 0, "high": 1,
        "off": False, "hue": "run", "plan": [], "fill": True, "score": "", **more,
    }  # fmt: skip


def network(sizes=(2, 8, 8, 2), activation="tanh", extent=(-1, 1, -1, 1), **more) -> dict:
    return {
        "kind": "network", "title": "network", "sizes": list(sizes), "activation": activation,
        "weights": "weights", "extent": list(extent), "points": "points", "wrong": "wrong",
        "inputs": ["x₁", "x₂"], "classes": ["class 0", "class 1"], **more,
    }  # fmt: skip


def count(sizes) -> int:
    return sum(n * (m + 1) for m, n in zip(sizes, sizes[1:], strict=False))


def typical(seed=0, step=1200) -> dict:
    """Everything at once, as a lab has it in the middle of a run on 2-D data."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, step, 60)
    fall = np.exp(-x / 500)
    sizes = [2, 8, 8, 2]
    strips = [
        plot(
            curve("batch", [5, 10], "batch", look="thin", read=True),
            curve("train", y="train", look="dotted", read=True, label="train"),
            curve("test", y="test", read=True, label="test", mark=True),
            y=axis("log", 0.03, 2),
            lane=lane(
                "guess", "your guess", "", None, plan=[[step, 0.2], [2 * step, 0.1]],
                score="off by ×1.3",
            ),
        ),
        plot(
            {"kind": "shade", "x": "x", "share": "cut", "hue": "limit"},
            curve("before", y="norm", look="line", read=True),
            id="norm", title="gradient norm", height=92, y=axis("log", 0.01, 3),
            lane=lane("threshold", "threshold", "c", 0.5, hue="limit"),
        ),
        plot(
            curve("edge", y="norm", hue="limit", look="dashed", read=True, label="edge"),
            curve("past", "turned", "rate", look="stairs"),
            id="lr", title="learning rate α", height=80, y=axis("log", 0.01, 100),
            lane=lane(value=1.0, plan=[[step + 300, 0.1]]), hint="draw a schedule",
        ),
        plot(
            curve("past", "turned", "beta", look="stairs"),
            id="momentum", title="momentum β", height=44, y=axis("memory", 0, 0.99),
            lane=lane("momentum", "momentum", "β", 0.97),
        ),
    ]  # fmt: skip
    points = np.column_stack([rng.integers(0, 256, (200, 2)), rng.integers(0, 2, 200)])
    return picture(
        strips, [network(sizes)], step=step, horizon=2700,
        words="A sentence that says it all. " * 5,
        turns=[[400, "α 1"], [430, "β 0.97"]], x=x, batch=fall[:, None].repeat(2, 1).ravel(),
        train=fall, test=1.2 * fall, norm=rng.uniform(0.1, 1, 60), cut=rng.uniform(0, 1, 60),
        turned=[0, 400, step], rate=[0.2, 1, 1], beta=[0.9, 0.97, 0.97],
        weights=rng.normal(0, 1.5, count(sizes)), points=points.astype(np.uint8),
        wrong=(rng.uniform(size=200) < 0.2).astype(np.uint8),
    )  # fmt: skip


# ---- what was drawn -----------------------------------------------------------------------------


def drawn(figure, role: str) -> list:
    """All artists with this role."""
    return figure.findobj(lambda artist: artist.get_gid() == role)


def words_of(figure, role: str) -> list[str]:
    return [text.get_text() for text in drawn(figure, role)]


def strip_axes(figure, label: str):
    (axes,) = [axes for axes in figure.axes if axes.get_label() == label]
    return axes


def pixel(figure, axes, x, y) -> tuple[float, float]:
    """A point in data units → pixels from the top left corner."""
    px, py = axes.transData.transform((x, y))
    return px, figure.bbox.height - py


def boxes_of_words(figure) -> dict[tuple[str, int], tuple]:
    """(words, number) → (left, top, right, bottom) of all words that are seen, in pixels."""
    texts = figure.findobj(lambda a: isinstance(a, Text) and a.get_text() and a.get_visible())
    shown = [text for text in texts if text.get_gid() != "halo"]
    high = figure.bbox.height
    boxes = {}
    for i, text in enumerate(shown):
        box = text.get_window_extent()
        boxes[text.get_text(), i] = (box.x0, high - box.y1, box.x1, high - box.y0)
    return boxes


def assert_words_are_apart_and_inside(figure, slack=1.0) -> None:
    boxes = boxes_of_words(figure)
    wide, high = figure.bbox.width, figure.bbox.height
    for words, (x0, y0, x1, y1) in boxes.items():
        assert x0 >= -slack and y0 >= -slack and x1 <= wide + slack and y1 <= high + slack, words
    rows = list(boxes.items())
    for i, (a, (ax0, ay0, ax1, ay1)) in enumerate(rows):
        for b, (bx0, by0, bx1, by1) in rows[:i]:
            across, down = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
            assert across < 2 or down < 4, (a, b)  # boxes include room for letters like Åg
