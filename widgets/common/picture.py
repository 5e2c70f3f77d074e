"""What a lab shows: a picture, described once and drawn by two painters.

`widgets/js` draws it on canvases in the browser, `stills` as a PNG. Labs describe, the kit draws.
A picture is a dict of plain JSON values; "array" below is the name of an entry in its `arrays`:
uint8, or numbers. `x` may also be [first, distance], for points that are equally spaced.

    step, horizon, end    now; the right edge of the step axis; the last step this run knows
    stride                steps that a key moves the crosshair, and with Shift: [30, 150]
    axis                  what the step axis counts; "step" without it
    playing, words        whether it goes on by itself; the state in a sentence
    strips                plots on one step axis, the first usually the loss
    turns                 [[step, words], …]: what a hand turned
    side, below           panels beside the strips, and under everything
    arrays                {name: numpy array}

Plot: {kind: "plot", id, title, height, y: Axis, layers, lane, hint}. In a panel also `x: Axis`,
`alt` (a text that describes it), `quiet` (read-outs at the crosshair only), `equal` (a unit is
as long upwards as across, whatever the height) and `drag` {knob, x, y, at: [x, y], hue, name,
words}: a handle that goes from sample to sample of the arrays x and y, NaN where y is not known.
Axis: {scale, low, high, label}; scale: "linear", "log", "share" (in %), "memory" (of momentum:
0, .9 and .99 stand equally far apart). Layers are drawn in their order:

    curve   {name, x, y, hue, look, fade?, label?, read?, mark?}   NaN breaks it; label: at its end;
            read: in the heading; mark: turns sit on it; look: one of `LOOKS`
    band    {x, low, high, hue, fade}       between two arrays or numbers
    shade   {x, share, hue}                 vertical stripes
    level   {y, hue, look, label?}          a horizontal line
    points  {x, y, marker, hue, size?}      marker: dot, square, cross, diamond
    text    {x, y, words, hue, align}
    arrows  {x, y, dx, dy, hue, width?}

Hue: which run it is ("run", "run2", … "run8"), "hand" for what was drawn by hand, "limit", "ink",
"dim", "pos", "neg". Lane: {knob, name, symbol, value, low, high, off, hue, plan: [[step, value],
…], fill, score}: the plot's knob can be dragged now, and drawn in the future.

Panels have kind and title, and perhaps a note:

    network {sizes, activation, weights, extent, points, wrong, inputs, classes}
            weights: layer by layer W (out, in) by rows, then b; the painters evaluate it
    map     {values, shape, extent, colours, points?, wrong?, path?, contour?, low?, high?}
    tiles   {pixels, shape, colours, captions?, largest?} images, 128 is 0 when signed; largest: px
    bars    {names, values, labels?}
    samples {pixels, shape, probabilities, truth, guess, classes}
    ridges  {counts, rows: [[name, low, high, note], …]} a histogram a row
    layers  {rows: [{name, shape, weights, grad, ratio, counts, low, high}, …]}
    trace   {cards, edges, tall, flows, numbers, running, legend, step, errors, room}
            cards: [{column, title, top, width, height, heads: [[x, words, align], …],
            cells: [[name, x, y, width, label], …]}, …], in columns `tall` pixels high if they have
            room, else (or if `flows`) in rows; edges: [{name, from: [card, y], to: [card, y]}, …];
            numbers: {name: {text, level: −1 … 1, words, edit, active, changed, formula, uses}};
            running: edges in use; legend: [[sign, words], …]; step: {title, way, symbols, lines,
            next}; errors: rows of words; room: the most words that may stand below the cards
    surface {values, shape, extent, minima: [[x, y], …], start: [x, y], first, racers: [{name, hue,
            look, path, at: [x, y], outside, state, others?}, …]}: trails on a map of heights, from
            step `first` on; others: where other seeds stand; the start can be dragged
    diagram {x: Axis, y: Axis, x_label, y_label, values, shape, betas, limit, swings: [array, …],
            regions: [[words, x, y], …], best: [x, y], point: [x, y], hue, words}
            speeds over (α, β), 128 stands still, less runs away; the point can be dragged
    spans   {rows: [[name, note], …], unit, high, lanes, hues: [[words, hue, lane], …], row, from,
            to, hue, name, names: [[short, long], …], empty, alt, limit?: [place, words]}
            stretches in rows, on an axis from 0 to `high`: arrays of each one's row, ends, number
            in `hues` and number in `names`; lane 1 lies below lane 0; empty: words for a gap
    note    {words}                                      why there is nothing to see
    plot    as above

The browser answers with messages {kind, view, …}: see {seq or null}, ack {seq}, calm {on},
play {on}, turn {knob, value or [x, y]}, plan {knob, points}, guess {points}, go_to {step},
edit {name, value}.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

LOOKS = ("solid", "line", "thin", "dotted", "dashed", "stairs", "stairs-dashed")
HUES = ("run", "run2", "run3", "run4", "run5", "run6", "run7", "run8", "hand", "limit", "ink",
        "dim", "pos", "neg")  # fmt: skip
SCALES = ("linear", "log", "share", "memory")
LAYERS = {
    "curve": ("x", "y"), "band": ("x", "low", "high"), "shade": ("x", "share"), "level": (),
    "points": ("x", "y"), "text": (), "arrows": ("x", "y", "dx", "dy"),
}  # fmt: skip
PANELS = {
    "network": ("weights", "points", "wrong"), "map": ("values", "points", "wrong", "path"),
    "tiles": ("pixels",), "bars": (), "samples": ("pixels", "probabilities"),
    "ridges": ("counts",), "layers": (), "note": (), "plot": (), "trace": (),
    "surface": ("values",), "diagram": ("values", "betas", "limit"),
    "spans": ("row", "from", "to", "hue", "name"),
}  # fmt: skip
"""Kinds, and the fields of each that name arrays."""


def faults(picture: dict) -> list[str]:
    """Return what a painter could not draw; an empty list for a sound picture."""
    return [*_faults(picture)]


def _faults(picture: dict) -> Iterator[str]:
    arrays = picture["arrays"]
    for plot in picture["strips"]:
        yield from _plot_faults(plot, arrays, ("y",))
    for panel in [*picture["side"], *picture["below"]]:
        kind, title = panel.get("kind"), panel.get("title")
        if kind not in PANELS or not title:
            yield f"panel {title!r}: kind {kind!r} is not one of {', '.join(PANELS)}"
        elif kind == "plot":
            yield from _plot_faults(panel, arrays, ("x", "y"))
            yield from _drag_faults(panel, arrays)
        else:
            yield from _panel_faults(panel, arrays)
    for key, value in picture.items():
        if key != "arrays" and not _is_finite(value):
            yield f"{key!r} holds a number that is not finite: JSON has none"


def _is_finite(value) -> bool:
    """Return whether all numbers in nested dicts and lists are finite."""
    if isinstance(value, dict | list):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _panel_faults(panel: dict, arrays: dict) -> Iterator[str]:
    kind, where = panel["kind"], f"panel {panel['title']!r}"
    first, names = PANELS[kind][:1], [panel[f] for f in PANELS[kind] if f in panel]
    yield from (f"{where}: no {field!r}" for field in first if field not in panel)
    names += [row["counts"] for row in panel["rows"]] if kind == "layers" else []
    names += [*panel["swings"]] if kind == "diagram" else []
    racers = panel["racers"] if kind == "surface" else []
    names += [racer[f] for racer in racers for f in ("path", "others") if f in racer]
    yield from (f"{where}: the hue {r['hue']!r} is unknown" for r in racers if r["hue"] not in HUES)
    yield from (f"{where}: no array {name!r}" for name in names if name not in arrays)
    if kind == "spans":
        yield from _span_faults(panel, arrays, where)
    if kind == "network":
        size = sum(m * (n + 1) for n, m in pairwise(panel["sizes"]))
    else:
        size = math.prod(panel.get("shape", ()))
    if (kind == "network" or "shape" in panel) and size != np.size(arrays.get(names[0], ())):
        yield f"{where}: the array {names[0]!r} does not have {size} numbers"


def _span_faults(panel: dict, arrays: dict, where: str) -> Iterator[str]:
    yield from (f"{where}: no {f!r}" for f in PANELS["spans"][1:] if f not in panel)
    yield from (f"{where}: the hue {h!r} is unknown" for _, h, _ in panel["hues"] if h not in HUES)
    if not panel["high"] > 0:
        yield f"{where}: the axis ends at {panel['high']!r}; it must end above 0"
    fields = {"row": "rows", "hue": "hues", "name": "names"}
    counts = {len(arrays.get(panel.get(f), ())) for f in PANELS["spans"]}
    if len(counts) > 1:
        yield f"{where}: its arrays differ in length"
    for field, of in fields.items():
        most = max(arrays.get(panel.get(field), ()), default=0)
        if most >= max(len(panel[of]), 1):
            yield f"{where}: {field} {most:g} is not one of its {len(panel[of])} {of}"


def _drag_faults(panel: dict, arrays: dict) -> Iterator[str]:
    where, drag = f"plot {panel['title']!r}", panel.get("drag")
    if not drag:
        return
    sizes = [len(arrays[drag[f]]) for f in ("x", "y") if drag[f] in arrays]
    yield from (f"{where}: no array {drag[f]!r}" for f in ("x", "y") if drag[f] not in arrays)
    if len({*sizes}) > 1 or 0 in sizes:
        yield f"{where}: its handle has {sizes} places"


def _plot_faults(plot: dict, arrays: dict, axes: tuple) -> Iterator[str]:
    where = f"plot {plot['title']!r}"
    for axis in (plot.get(name) for name in axes):
        lowest = 0 if axis and axis["scale"] == "log" else -math.inf
        if not axis or axis["scale"] not in SCALES or not lowest < axis["low"] < axis["high"]:
            yield f"{where}: the axis {axis} is not one of {', '.join(SCALES)} from low to high"
    for layer in plot["layers"]:
        kind = layer.get("kind")
        if kind not in LAYERS or layer.get("hue") not in HUES:
            yield f"{where}: the layer {layer} has an unknown kind or hue"
            continue
        if layer.get("look", "line") not in LOOKS:
            yield f"{where}: the look {layer['look']!r} is not one of {', '.join(LOOKS)}"
        yield from (f"{where}: a {kind} has no {f!r}" for f in LAYERS[kind] if f not in layer)
        names = [name for f in LAYERS[kind] if isinstance(name := layer.get(f), str)]
        yield from (f"{where}: no array {name!r}" for name in names if name not in arrays)
        sizes = {len(arrays[name]) for name in names if name in arrays}
        if len(sizes) > 1:
            yield f"{where}: the arrays of {kind} {layer.get('name', '')!r} differ in length"
