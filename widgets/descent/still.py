"""What `DescentLab` shows, as small named arrays, and the painter that needs no browser.

scene: what stays while a race runs: the surface's heights and the (α, β) diagram. frame: what
moves: paths, points, values. `descent.js` paints the same two.
"""

import numpy as np
import torch
from matplotlib.figure import Figure

from course.lessons.race import NAMES, OF_FORM, Race, Racer
from course.lessons.surfaces import behaviour, first_swing, limit, spectral_radius

from ..common.figure import png

HEIGHTS = 80  # cells of the surface along each axis
ALPHAS, BETAS = 90, 60  # cells of the diagram
TOP_BETA = 0.995
TRAIL = 300  # steps of a path that are drawn
SAMPLES = 150  # of the values
COLOURS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#6E4B00",
    "#666666",
]  # Okabe-Ito, a brown and a grey
DASHES = ["-", "--", ":", "-.", (0, (8, 2, 1, 2, 1, 2)), (0, (1, 1)), (0, (5, 1)), (0, (3, 4))]
MARKERS = ["o", "s", "^", "D", "P", "v", "h", "p"]  # canvas: circle, square, triangle, …
LINES = ("flat", "steep")  # directions, in the order of their curvatures
WIDTHS = {"exponential average": (0.04, 200), "heavy ball": (0.02, 8)}  # α, in units of 1/λ_max


# ---- words --------------------------------------------------------------------------------


def state(racer: Racer) -> str:
    """How one racer stands: "arrived after 88 steps", "diverged at step 12", "outside", …"""
    if racer.diverged is not None:
        return f"diverged at step {racer.diverged}"
    if racer.arrived is not None:
        return f"arrived after {racer.arrived} step{'s' * (racer.arrived != 1)}"
    if racer.at_saddle():
        return "rests at a saddle"
    return "outside the picture" if outside(racer) else ""


def outside(racer: Racer) -> bool:
    pairs = zip(last(racer), racer.surface.window, strict=True)
    return any(not low <= v <= high for v, (low, high) in pairs)


def last(racer: Racer) -> list[float]:
    """The last point (x, y) before it diverged, if it did."""
    return racer.path[-1] if racer.diverged is None else racer.path[racer.diverged - 1]


def phase_words(race: Race) -> str:
    """Where (α, β) lies in the diagram: what momentum does near the minimum."""
    (lr, beta), form = race.point, race.knobs["form"]
    lams = race.surface.curvatures()
    rho = float(spectral_radius(lr, beta, lams, form))
    return f"α {lr:.4g}, β {beta:.4g}: {behaviour(lr, beta, lams, form)}, ρ {radius_words(rho)}"


def radius_words(rho: float) -> str:
    """ρ to four places; what is near 1 and is not 1 by its distance: growth is told from decay."""
    off = rho - 1
    if abs(off) >= 5e-5 or abs(off) < 1e-9:
        return f"{rho:.4f}"
    return f"1 {'+' if off > 0 else '-'} {abs(off):.1e}"


def swing_words(racer: Racer) -> str:
    """How often it turned round, by direction: "swings: 0 flat, 41 steep"."""
    flat, steep = racer.swings()
    return f"swings: {flat} flat, {steep} steep"


def brief(v: float) -> str:
    """Three digits; what no picture could tell from 0 is 0."""
    return f"{v:.3g}" if abs(v) > 1e-9 else "0"


def summary(race: Race) -> str:
    """The race in a few words."""
    parts = []
    for racer in race.shown():
        x, y = last(racer)
        words = state(racer) or f"J {racer.values[-1] - race.surface.lowest:.3g} above the minimum"
        parts.append(f"{racer.name} at ({brief(x)}, {brief(y)}), {words}, {swing_words(racer)}")
    x, y = race.knobs["start"]
    runners = "; ".join(parts) or "nobody is shown"
    phase = f" {phase_words(race)}." if has_diagram(race) else ""
    return f"Step {race.step_count} from ({brief(x)}, {brief(y)}): {runners}.{phase}"


def describe(race: Race) -> str:
    """What is drawn."""
    (left, right), (low, high) = race.surface.window
    words = f"the diagram of learning rate α and memory β for {race.knobs['form']} momentum; "
    return (
        f"Contours of the {title(race)} (x from {left:g} to {right:g}, y from {low:g} to {high:g}) "
        f"with the paths of the racers; {words if has_diagram(race) else ''}"
        "and each racer's value above the minimum by step."
    )


def has_diagram(race: Race) -> bool:
    """The (α, β) diagram is there when somebody who has momentum races."""
    return not set(OF_FORM.values()).isdisjoint(race.knobs["racers"])


def title(race: Race) -> str:
    """The surface's name, and what was chosen about it."""
    k = race.knobs
    if k["surface"] != "quadratic":
        return k["surface"]
    turned = f", turned by {k['rotation']:g}°" if k["rotation"] else ""
    return f"quadratic, condition {k['condition']:g}{turned}"


# ---- arrays -------------------------------------------------------------------------------


def scene(race: Race) -> dict:
    """Heights on a log scale in [0, 1], (HEIGHTS, HEIGHTS) from the lower left; ρ likewise."""
    xs, ys = (
        torch.linspace(low, high, HEIGHTS, dtype=torch.float64) for low, high in race.surface.window
    )
    above = race.surface.value(xs[None, :], ys[:, None]).numpy() - race.surface.lowest
    z = np.log10(np.maximum(above, 0) + 1e-5 * above.max())
    heat = (z - z.min()) / (z.max() - z.min())
    lams, form = race.surface.curvatures(), race.knobs["form"]
    ends = [factor / lams[1] for factor in WIDTHS[form]]
    alphas, betas = np.geomspace(ends[0], ends[1], ALPHAS), np.linspace(0, TOP_BETA, BETAS)
    rho = spectral_radius(alphas[None, :], betas[:, None], lams, form)
    end = limit(betas, lams[1], form)
    swings = {name: first_swing(betas, lam, form) for name, lam in zip(LINES, lams, strict=True)}
    # beyond the limit nothing swings, it runs away: no line there
    lines = {n: np.where(v < end, v, np.nan) for n, v in swings.items()} | {"limit": end}
    root = np.sqrt(lams[1] / lams[0])
    return {
        "title": title(race), "window": race.surface.window, "minima": race.surface.minima,
        "side": HEIGHTS, "names": NAMES, "form": form, "alphas": ends, "top_beta": TOP_BETA,
        "shape": [BETAS, ALPHAS], "best": float((root - 1) / (root + 1)),
        "labels": _labels(ends, betas, {**swings, "limit": end}), "of": OF_FORM[form],
        "arrays": {"heat": heat, "rho": rho, "betas": betas, **lines},
    }  # fmt: skip


def _labels(ends, betas, lines) -> list[tuple[str, float, float]]:
    """(words, x, y): each region's name where it is widest, x and y in [0, 1]."""

    def place(alpha):
        return np.clip(np.log(alpha / ends[0]) / np.log(ends[1] / ends[0]), 0, 1)

    edges = [np.zeros_like(betas), place(np.minimum(lines["steep"], lines["limit"])),
             place(np.minimum(lines["flat"], lines["limit"])), place(lines["limit"]),
             np.ones_like(betas)]  # fmt: skip
    found = []
    for i, words in enumerate(("monotone", "one oscillates", "both oscillate", "diverges")):
        width = np.where((betas > 0.1) & (betas < 0.93), edges[i + 1] - edges[i], 0)
        at = int(width.argmax())
        if width[at] > 0.2:
            middle = float(edges[i][at] + edges[i + 1][at]) / 2
            found.append((words, middle, float(betas[at]) / TOP_BETA))
    return found


def frame(race: Race) -> dict:
    """Paths (the last TRAIL steps), values above the minimum as log₁₀, points and words."""
    every = max(1, -(-len(race.racers[NAMES[0]].values) // SAMPLES))
    arrays, racers = {}, []
    for racer in race.shown():
        i = NAMES.index(racer.name)
        arrays[f"path{i}"] = np.array(racer.path[-TRAIL:])
        above = np.array(racer.values[::every]) - race.surface.lowest
        arrays[f"value{i}"] = np.log10(np.maximum(above, 1e-16))
        racers.append({
            "name": racer.name, "index": i, "at": last(racer), "state": state(racer),
            "outside": outside(racer),
        })  # fmt: skip
    return {
        "step": race.step_count, "every": every, "start": race.knobs["start"], "racers": racers,
        "point": race.point, "phase": phase_words(race), "diagram": has_diagram(race),
        "text": f"{describe(race)} {summary(race)}", "arrays": arrays,
    }  # fmt: skip


# ---- the still picture --------------------------------------------------------------------


def still(race: Race) -> bytes:
    """Scene and frame as a PNG; the same bytes for the same race."""
    ground, moving = scene(race), frame(race)
    figure = Figure(figsize=(10, 5), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    _surface(figure.add_subplot(grid[:, 0]), ground, moving)
    if moving["diagram"]:
        _phase(figure, figure.add_subplot(grid[0, 1]), ground, moving)
    _values(figure.add_subplot(grid[1 if moving["diagram"] else slice(None), 1]), moving)
    return png(figure)


def _surface(axes, ground, moving):
    (left, right), (low, high) = ground["window"]
    heat, side = ground["arrays"]["heat"], ground["side"]
    xs, ys = np.linspace(left, right, side), np.linspace(low, high, side)
    axes.imshow(
        heat, origin="lower", extent=(left, right, low, high), cmap="Greys", vmin=-0.1, vmax=2.2
    )
    axes.contour(xs, ys, heat, np.linspace(0.05, 0.95, 13), colors="0.6", linewidths=0.6)
    axes.scatter(*np.transpose(ground["minima"]), marker="x", c="k", s=40, zorder=4)
    axes.scatter(*moving["start"], marker="o", s=90, facecolors="none", edgecolors="k", zorder=4)
    for racer in moving["racers"]:
        i, (x, y) = racer["index"], racer["at"]
        path = moving["arrays"][f"path{i}"]
        axes.plot(*path.T, linestyle=DASHES[i], color=COLOURS[i], linewidth=1.4)
        label = f"{racer['name']}: {racer['state']}" if racer["state"] else racer["name"]
        axes.plot(
            np.clip(x, left, right), np.clip(y, low, high), MARKERS[i], color=COLOURS[i],
            markersize=9, markeredgecolor="k", linestyle=DASHES[i], label=label, clip_on=False,
            zorder=5, fillstyle="none" if racer["outside"] else "full",
        )  # fmt: skip
    axes.set(xlim=(left, right), ylim=(low, high), xlabel="x", ylabel="y", title=ground["title"])
    if moving["racers"]:
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)


def _phase(figure, axes, ground, moving):
    arrays = ground["arrays"]
    alphas = np.geomspace(*ground["alphas"], ground["shape"][1])
    rho = np.where(arrays["rho"] < 1, arrays["rho"], np.nan)
    mesh = axes.pcolormesh(
        alphas, arrays["betas"], rho, cmap="viridis", vmin=ground["best"] - 1e-3, vmax=1
    )
    for name, line in (("steep", "--"), ("flat", ":"), ("limit", "-")):
        axes.plot(arrays[name], arrays["betas"], line, color="k", linewidth=1)
    axes.set(xscale="log", xlim=ground["alphas"], ylim=(0, ground["top_beta"]), facecolor="0.85")
    axes.set(xlabel=f"α of {ground['of']}", ylabel="β")
    axes.set_title(f"near the minimum, {ground['form']}", fontsize=10)
    alpha, beta = moving["point"]
    inside = np.clip(alpha, *ground["alphas"]), min(beta, ground["top_beta"])
    axes.plot(*inside, "*", color=COLOURS[1], markersize=15, markeredgecolor="k", clip_on=False)
    box = {"facecolor": "white", "alpha": 0.75, "pad": 1, "edgecolor": "none"}
    star = axes.transAxes.inverted().transform(axes.transData.transform(inside))
    for words, x, y in ground["labels"]:
        if abs(star[0] - x) < 0.2 and abs(star[1] - y) < 0.12:
            continue  # under the point
        at = {"transform": axes.transAxes, "ha": "center", "va": "center", "bbox": box}
        axes.text(x, y, words, fontsize=8, **at)
    figure.colorbar(mesh, ax=axes, label="spectral radius ρ")


def _values(axes, moving):
    for racer in moving["racers"]:
        i = racer["index"]
        values = 10.0 ** moving["arrays"][f"value{i}"]
        steps = moving["every"] * np.arange(len(values))
        axes.plot(steps, values, linestyle=DASHES[i], color=COLOURS[i], linewidth=1.4)
    axes.set(yscale="log", xlabel="step", ylabel="J above the minimum")
    axes.tick_params(labelsize=8)
