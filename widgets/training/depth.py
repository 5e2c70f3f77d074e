"""The instrument "depth": how large signal and error signal are, layer by layer."""

import numpy as np

from course import CourseError, Network
from course.nn.depth import sizes_by_layer

from .scene import LARGEST, axis

ROWS = 256  # training rows
SMALLEST = 1e-30


def depth(view, arrays: dict) -> list[dict]:
    """Return the panel of both sizes against the layer, on a log axis."""
    if not isinstance(view.source, Network):
        raise CourseError("depth reads the layers of a Network; give the lab one instead")
    found = sizes_by_layer(view.source, *view.rows(ROWS))
    sizes = np.array(found)
    drawn = np.where(np.isfinite(sizes) & (sizes > 0), sizes.clip(SMALLEST, LARGEST), np.nan)
    arrays["depth"] = np.arange(1.0, sizes.shape[1] + 1)
    layers: list[dict] = [{"kind": "level", "y": 1.0, "hue": "dim", "look": "dotted"}]
    names = ("a, up", "run", "solid"), ("δ, down", "limit", "dashed")
    for (name, hue, look), values in zip(names, drawn, strict=True):
        arrays[name] = values
        layers.append({"kind": "curve", "name": name, "x": "depth", "y": name, "hue": hue,
                       "look": look, "label": name})  # fmt: skip
    fine = np.log10([*drawn[np.isfinite(drawn)], 1e-3, 10.0])
    low, high = 10.0 ** np.floor(fine.min()), 10.0 ** np.ceil(fine.max())
    return [{"kind": "plot", "id": "depth", "title": f"size by layer; {ratio(found.error)}",
             "height": 200, "lane": None, "hint": "", "layers": layers,
             "x": axis("linear", 1.0, max(len(found.error), 2)) | {"label": "layer"},
             "y": axis("log", float(low), float(high))}]  # fmt: skip


def ratio(error: list[float]) -> str:
    """Return in words what share of the last layer's error signal arrives in the first."""
    first, last = error[0], error[-1]
    if not (np.isfinite(first) and np.isfinite(last) and last > 0):
        return "δ is not a number"
    return f"δ in the first ÷ last: {first / last:.1e}"
