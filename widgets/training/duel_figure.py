"""A duel as a picture: one dot a seed, a bar at the median, the hand on top."""

import numpy as np
from matplotlib.figure import Figure

from course.training.baselines import Duel

from ..common.figure import png

COLOURS = ("#0072B2", "#C24A00", "#00805C", "#8A6D00")  # as the runs of a lab, and the limit
MARKERS = "os^D"


def duel_figure(duel: Duel) -> bytes:
    """Test loss on every unseen seed, by contestant: PNG bytes, the same for the same duel."""
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    axes = figure.subplots()
    names = list(duel.losses)
    for row, name in enumerate(names):
        losses = duel.losses[name]
        finite = losses[np.isfinite(losses)]
        spread = row + np.linspace(-0.18, 0.18, len(finite))
        axes.plot(finite, spread, MARKERS[row % 4], color=COLOURS[row], markersize=5, alpha=0.8)
        if len(finite):
            axes.plot([np.median(finite)] * 2, [row - 0.32, row + 0.32], color="k", lw=2)
    labels = [f"{n}, rate {duel.rates[n]:g}" if n in duel.rates else n for n in names]
    axes.set_yticks(range(len(names)), labels, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel(f"test loss on {len(duel.seeds)} unseen seeds; bar: median", fontsize=9)
    return png(figure, dpi=80)
