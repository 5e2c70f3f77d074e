"""What a `DescentLab` says: how each racer stands, and what the diagram's point means."""

import html
import math

import numpy as np

from course.lessons.race import SEEDS, Race
from course.lessons.racers import OF_FORM, Racer
from course.lessons.surfaces import Range, Surface, behaviour, limit, spectral_radius

from ..common.stills.scales import number

HUES = {
    "gradient descent": "run", "momentum": "run2", "heavy ball": "run4", "Adam": "run3",
    "Newton": "run7", "clipped descent": "run5", "Nesterov": "run6", "sign descent": "run8",
}  # fmt: skip
FEW = 3  # racers whose places are told
FLATNESS = 0.72  # height of the surface's picture by its width
COLUMNS = ("racer", "height above the minimum", "swings, flat direction", "swings, steep direction",
           "")  # fmt: skip


def window(surface: Surface) -> tuple[Range, Range]:
    """Return the x and y range that is drawn: the surface's, wider, with one scale for both."""
    (left, right), (low, high) = surface.window
    middle, half = (left + right) / 2, (high - low) / FLATNESS / 2
    return (middle - half, middle + half), (low, high)


def is_outside(racer: Racer) -> bool:
    """Return whether it stands outside the picture."""
    pairs = zip(racer.last, window(racer.surface), strict=True)
    return any(not low <= v <= high for v, (low, high) in pairs)


def state(race: Race, name: str) -> str:
    """Return how a racer stands: "arrived after 88 steps", "diverged at step 12", …"""
    racer = race.racers[name]
    if race.others.get(name) and (lost := sum(r.diverged is not None for r in race.seeds(name))):
        return f"{lost} of {SEEDS} seeds diverged"
    if racer.diverged is not None:
        return f"diverged at step {racer.diverged}"
    if racer.arrived is not None:
        return f"arrived after {racer.arrived} step{'s' * (racer.arrived != 1)}"
    if racer.at_saddle():
        return "rests at a saddle"
    return "outside the picture" if is_outside(racer) else ""


def height(race: Race, name: str) -> str:
    """Return how far above the minimum a racer is, the median of its seeds."""
    value = float(np.median(race.heights(name, [-1])))
    return brief(value, 1e-16) if math.isfinite(value) else "∞"


def brief(value: float, least: float = 1e-6) -> str:
    """Return three digits; what no picture could tell from 0 is 0."""
    return number(value) if abs(value) > least else "0"


def pair(point) -> str:
    """Return a point as (1, 0.5)."""
    return f"({', '.join(map(brief, point))})"


def title(race: Race) -> str:
    """Return the surface's name, and what was chosen about it."""
    knobs = race.knobs
    if knobs["surface"] != "quadratic":
        return knobs["surface"]
    turned = f", turned by {brief(knobs['rotation'])}°" if knobs["rotation"] else ""
    return f"quadratic, condition {knobs['condition']:g}{turned}"


def drawn(race: Race) -> str:
    """Return what the picture shows."""
    (left, right), (low, high) = window(race.surface)
    momentum = OF_FORM[race.knobs["form"]]
    diagram = f"the diagram of rate α and memory β of {momentum}; " if has_diagram(race) else ""
    return (f"Contours of the {title(race)} (x from {brief(left)} to {brief(right)}, y from "
            f"{brief(low)} to {brief(high)}) with the racers' trails; {diagram}and each racer's "
            "height above the minimum by step, on a log axis.")  # fmt: skip


def speak(race: Race) -> str:
    """Return the race in a few sentences."""
    parts = []
    for racer in race.shown():
        how = state(race, racer.name) or f"height {height(race, racer.name)} above the minimum"
        if len(race.shown()) <= FEW:
            flat, steep = racer.swings()
            where = f" at {pair(racer.last)}, {how}, swings: {flat} flat, {steep} steep"
        else:
            where = f": {how}"
        parts.append(racer.name + where)
    surface, racers = title(race), "; ".join(parts) or "no racer is shown"
    said = f"{surface[0].upper()}{surface[1:]}, step {race.step_count} from "
    said += f"{pair(race.knobs['start'])}: {racers}."
    if race.knobs["noise"]:
        said += f" Heights are medians of {SEEDS} seeds."
    return f"{said} {say_point(race)}" if has_diagram(race) else said


# ---- the diagram --------------------------------------------------------------------------------


def has_diagram(race: Race) -> bool:
    """Return whether the (α, β) diagram is there: a racer with momentum is shown."""
    return not set(OF_FORM.values()).isdisjoint(race.knobs["racers"])


def say_point(race: Race) -> str:
    """Return in a sentence what momentum with (α, β) does near the minimum."""
    beta, form = race.knobs["beta"], race.knobs["form"]
    edge = limit(beta, race.surface.curvatures()[1], form)
    rho = radius_words(radius(race))
    return (f"Near the minimum, {OF_FORM[form]} with {say_pair(race)}; in the long run each step "
            f"multiplies the distance by ρ = {rho}. Limit for this β: α {edge:.3g}.")  # fmt: skip


def say_pair(race: Race) -> str:
    """Return (α, β) and the region of the diagram that they lie in."""
    (lr, beta), form = race.point, race.knobs["form"]
    words = behaviour(lr, beta, race.surface.curvatures(), form)
    return f"α {lr:.4g}, β {beta:.4g}: {words}"


def radius(race: Race) -> float:
    """Return ρ for (α, β)."""
    lams = race.surface.curvatures()
    return float(spectral_radius(*race.point, lams, race.knobs["form"]))


def radius_words(rho: float) -> str:
    """Return ρ to four places; what is near 1 and is not 1 by its distance from it."""
    off = rho - 1
    if abs(off) >= 5e-5 or abs(off) < 1e-9:
        return f"{rho:.4f}"
    return f"1 {'+' if off > 0 else '−'} {abs(off):.1e}"


# ---- numbers ------------------------------------------------------------------------------------


def heads(race: Race) -> list[tuple[str, str]]:
    """Return the headline numbers: step, the heights of up to three racers, ρ."""
    found = [("step", f"{race.step_count:,}")]
    names = race.knobs["racers"]
    if len(names) <= FEW:
        found += [(f"height, {name}", height(race, name)) for name in names]
    if has_diagram(race):
        found.append((f"ρ of {OF_FORM[race.knobs['form']]}", radius_words(radius(race))))
    return found


def table(race: Race) -> str:
    """Return how the racers stand, as an HTML table."""
    if not race.knobs["racers"]:
        return ""
    head = "".join(f"<th scope='col'>{words}</th>" for words in COLUMNS[:-1])
    rows = ""
    for racer in race.shown():
        cells = [height(race, racer.name), *racer.swings(), state(race, racer.name)]
        row = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
        rows += f"<tr><th scope='row'>{racer.name}</th>{row}</tr>"
    return f"<table><thead><tr>{head}<td></td></tr></thead><tbody>{rows}</tbody></table>"
