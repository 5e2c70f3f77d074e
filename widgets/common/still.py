"""The still painter: the same picture as the canvas, drawn by matplotlib as a PNG."""

import math

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from .figure import png

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"]  # Okabe-Ito
STYLES = ["-", "--", ":", "-.", (0, (4, 4)), (0, (1, 4)), (0, (12, 4))]


def still(picture: dict) -> bytes:
    """Paint a picture (see `picture.py`); PNG bytes, the same for the same picture."""
    panels = picture["panels"]
    columns, rows = min(2, len(panels)) or 1, math.ceil(len(panels) / 2) or 1
    figure = Figure(figsize=(5 * columns, 2.5 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for panel, axes in zip(panels, grid, strict=False):
        axes.set_title(panel["title"], fontsize=10)
        PAINTERS[panel["kind"]](axes, panel, picture["arrays"])
    for axes in figure.axes[len(panels) :]:
        axes.axis("off")
    return png(figure)


def _curves(axes, panel, arrays):
    for name, x, y, style in panel["curves"]:
        ys = np.asarray(arrays[y])
        xs = x[0] + x[1] * np.arange(len(ys)) if isinstance(x, list) else arrays[x]
        if style == "dots":
            axes.plot(xs, ys, "o", color=COLOURS[1], label=name, markersize=3)
        else:
            axes.plot(xs, ys, color=COLOURS[style], linestyle=STYLES[style], label=name, lw=1.4)
    for name, value in panel.get("lines", []):
        axes.axhline(value, color="0.6", lw=1, label=name)
    if panel["log"] and any((np.asarray(arrays[c[2]]) > 0).any() for c in panel["curves"]):
        axes.set_yscale("log")
    axes.set_xlabel(panel.get("x_label", "step"), fontsize=9)
    if panel["curves"]:
        axes.legend(fontsize=8)
    axes.tick_params(labelsize=8)


def _regions(axes, panel, arrays):
    shades = LinearSegmentedColormap.from_list("two classes", [COLOURS[0], "white", COLOURS[1]])
    heat = np.reshape(arrays[panel["heat"]], panel["shape"]) / 255
    axes.imshow(heat, origin="lower", extent=(0, 1, 0, 1), cmap=shades, vmin=0, vmax=1)
    points = np.reshape(arrays[panel["points"]], (-1, 3)) / 255
    for label, marker in ((0, "o"), (1, "s")):
        chosen = points[points[:, 2] == label]
        axes.scatter(
            *chosen.T[:2], c=COLOURS[label], marker=marker, s=12, edgecolors="k", linewidths=0.4
        )
    axes.set_xticks([])
    axes.set_yticks([])


def _images(axes, panel, arrays):
    n, h, w = panel["shape"]
    images = np.reshape(arrays[panel["pixels"]], (n, h, w))
    columns = min(n, 8)
    rows = math.ceil(n / columns)
    down, right = h * 1.6, w * 1.25
    for i, image in enumerate(images):
        x, y = (i % columns) * right, (i // columns) * down
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(x, x + w, y + h, y))
        colour = COLOURS[1] if panel["wrong"][i] else "k"
        axes.text(x + w / 2, y + 1.1 * h, panel["captions"][i], ha="center", va="top",
                  fontsize=7, color=colour)  # fmt: skip
    axes.set_xlim(-1, columns * right)
    axes.set_ylim(rows * down, -1)
    axes.axis("off")


def _hist(axes, panel, arrays):
    rows = panel["rows"]
    counts = np.reshape(arrays[panel["counts"]], (len(rows), -1)) / 255
    for i, (name, low, high, note) in enumerate(rows):
        base = len(rows) - 1 - i
        edges = np.linspace(0, 0.5, counts.shape[1] + 1)
        axes.bar(edges[:-1], 0.8 * counts[i], np.diff(edges), base, align="edge", color=COLOURS[0])
        words = f"{name}\n{low:.2g} to {high:.2g}, {note}"
        axes.text(0.52, base + 0.4, words, va="center", fontsize=7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, len(rows))
    axes.axis("off")


def _slice(axes, panel, arrays):
    heat = np.reshape(arrays[panel["heat"]], panel["shape"]) / 255
    axes.imshow(heat, origin="lower", extent=(0, 1, 0, 1), cmap="Blues_r", vmin=0, vmax=1)
    path = np.reshape(arrays[panel["path"]], (-1, 2)) / 255
    axes.plot(*path.T, color=COLOURS[1], lw=1.5)
    axes.plot(*path[-1], "o", color=COLOURS[1])
    axes.set_xlabel(f"dark {panel['low']:.2g}, light {panel['high']:.2g}", fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def _note(axes, panel, arrays):
    axes.text(0.02, 0.9, panel["words"], va="top", wrap=True, fontsize=8)
    axes.axis("off")


PAINTERS = {
    "curves": _curves, "regions": _regions, "images": _images, "hist": _hist, "slice": _slice,
    "note": _note,
}  # fmt: skip
