"""The still painter: the same picture as the canvas, drawn by matplotlib as a PNG."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]  # Okabe-Ito
STYLES = ["-", "--", ":", "-."]


def still(picture: dict, dpi: int = 80) -> bytes:
    """Paint a picture (see `picture.py`); PNG bytes, the same for the same picture."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    arrays = picture["arrays"]
    for panel, axes in zip(picture["panels"], figure.subplots(2, 2).flat, strict=False):
        axes.set_title(panel["title"], fontsize=10)
        {"curves": _curves, "regions": _regions, "digits": _digits}[panel["kind"]](
            axes, panel, arrays
        )
    for axes in figure.axes[len(picture["panels"]) :]:
        axes.axis("off")
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(
        out, metadata={"Software": None}, pil_kwargs={"optimize": True}
    )
    return out.getvalue()


def _curves(axes, panel, arrays):
    for i, (name, x, y) in enumerate(panel["curves"]):
        axes.plot(arrays[x], arrays[y], STYLES[i], color=COLOURS[i], label=name, linewidth=1.4)
    if panel["log"] and any((np.asarray(arrays[y]) > 0).any() for _, _, y in panel["curves"]):
        axes.set_yscale("log")
    axes.set_xlabel("step", fontsize=9)
    axes.legend(fontsize=8)
    axes.tick_params(labelsize=8)


def _regions(axes, panel, arrays):
    shades = LinearSegmentedColormap.from_list("two classes", [COLOURS[0], "white", COLOURS[1]])
    heat = np.reshape(arrays[panel["heat"]], panel["shape"])
    axes.imshow(heat, origin="lower", extent=(0, 1, 0, 1), cmap=shades, vmin=0, vmax=1)
    points = np.reshape(arrays[panel["points"]], (-1, 3))
    for label, marker in ((0, "o"), (1, "s")):
        chosen = points[points[:, 2] == label]
        axes.scatter(
            *chosen.T[:2], c=COLOURS[label], marker=marker, s=12, edgecolors="k", linewidths=0.4
        )
    axes.set_xticks([])
    axes.set_yticks([])


def _digits(axes, panel, arrays):
    answers = np.reshape(arrays[panel["answers"]], (-1, 3))
    images = np.reshape(arrays[panel["pixels"]], (-1, 8, 8))
    gap = np.zeros((8, 1))
    axes.imshow(np.hstack([part for im in images for part in (im, gap)]), cmap="gray_r")
    for i, (truth, guess, sure) in enumerate(answers):
        words = f"{'✓' if truth == guess else '✗'} {guess:.0f}\n{sure:.0%}"
        colour = "k" if truth == guess else COLOURS[1]
        axes.text(9 * i + 3.5, 10, words, ha="center", va="top", fontsize=8, color=colour)
    axes.axis("off")
