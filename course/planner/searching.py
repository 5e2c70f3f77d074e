"""The fastest layout that fits, out of all that a model on N devices can have.

Every layout has two bounds that cost little: its time is at least that of its layers, its head and
the best schedule's bubble, without messages, data-parallel traffic and update; its memory at least
that with everything divided (ZeRO 3) and the fewest micro-batches in flight. Layouts are taken in
the order of the first bound. When it reaches the time of the fourth best mesh, no later one can be
among the best four. So the search finds what trying all of them would, and 10,000 devices take a
second or so.

Of layouts with equal times the simplest wins: less ZeRO, fewer chunks, less memory. 'gpipe' is left
out: it takes as long as '1f1b' and never needs less memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import gcd, isqrt

from .layer_time import LayerTime, layer_time
from .layout import RECOMPUTE, Layout
from .memory import (
    layer_activation_bytes,
    memory_bytes,
    reserved_bytes,
    stage_parameters,
    state_bytes,
)
from .plans import Plan, evaluate
from .spec import Spec
from .step_time import head_seconds, step_time

KEPT = 4  # meshes: the best one, and those that it is compared with
LARGER = 4  # times the memory: what does not fit is looked at up to there


@dataclass(frozen=True)
class Found:
    """What a search comes to.

    Attributes:
        best: the fastest plan of each mesh (data, tensor, pipeline, context), fastest first; up to
            four; none if no layout fits.
        too_large: the fastest plan of devices with four times the memory, if it does not fit.
    """

    best: list[Plan]
    too_large: Plan | None


@dataclass(frozen=True)
class Candidate:
    """A layout without ZeRO and schedule, and its two bounds."""

    seconds: float
    n_bytes: float
    fields: dict


def search(spec: Spec) -> Found:
    """Return the best layouts of a spec; its own layout plays no part."""
    available = spec.device.memory_bytes - reserved_bytes(spec.devices)
    candidates = sorted(all_candidates(spec, LARGER * available), key=lambda one: one.seconds)
    best = fastest(spec, candidates, available, KEPT)
    anyway = fastest(spec, candidates, LARGER * available, 1)
    larger = anyway[0] if anyway and not anyway[0].fits else None
    return Found(best, larger)


def best_plan(spec: Spec) -> Plan | None:
    """Return the first of `search(spec).best` without looking for the others; None without one."""
    available = spec.device.memory_bytes - reserved_bytes(spec.devices)
    candidates = sorted(all_candidates(spec, available), key=lambda one: one.seconds)
    return next(iter(fastest(spec, candidates, available, 1)), None)


def fastest(
    spec: Spec, candidates: list[Candidate], available: float, n_meshes: int
) -> list[Plan]:  # fmt: skip
    """Return the fastest plans that need no more bytes than `available`, one a mesh."""
    meshes: dict[tuple, tuple] = {}
    slowest = float("inf")  # of those that are kept, once there are enough
    for candidate in candidates:
        if candidate.seconds > slowest:
            break
        if candidate.n_bytes > available:
            continue
        for layout in variants(spec, candidate.fields):
            n_bytes = total_bytes(spec, layout)
            if n_bytes > available:
                continue
            seconds = step_time(spec.model, layout, spec.machine, spec.batch, spec.optimiser).total
            mesh = (layout.data, layout.tensor, layout.pipeline, layout.context)
            trial = (*order(seconds, n_bytes, layout), layout)
            if mesh not in meshes or trial < meshes[mesh]:
                meshes[mesh] = trial
                if len(meshes) >= n_meshes:
                    slowest = sorted(meshes.values())[n_meshes - 1][0]
    return [evaluate(spec, trial[-1]) for trial in sorted(meshes.values())[:n_meshes]]


def total_bytes(spec: Spec, layout: Layout) -> float:
    """Return the bytes of a layout on the fullest device."""
    stack = spec.machine.stack
    return sum(memory_bytes(spec.model, layout, stack, spec.batch, spec.optimiser).values())


def order(seconds: float, n_bytes: float, layout: Layout) -> tuple:
    """Return what layouts are sorted by: time, then simplicity, then memory, then their fields."""
    simple = layout.context, layout.zero, layout.chunks
    return (seconds, *simple, n_bytes, *vars(layout).values())


def least_bytes(spec: Spec) -> float:
    """Return what each layout of a spec needs at least; 0 when there is no layout."""
    most = spec.device.memory_bytes
    for _ in range(40):
        most *= 4
        if found := [candidate.n_bytes for candidate in all_candidates(spec, most)]:
            return min(found)
    return 0.0


def smallest(spec: Spec) -> Plan | None:
    """Return the plan that needs the least memory, whether it fits or not; None without a layout.

    For a spec that no layout fits: how far off it is.
    """
    most = spec.device.memory_bytes
    for _ in range(40):
        most *= 4
        layouts = [layout for one in all_candidates(spec, most)
                   for layout in variants(spec, one.fields)]  # fmt: skip
        if layouts:
            best = min(layouts, key=lambda layout: total_bytes(spec, layout))
            if total_bytes(spec, best) <= most:  # a layout with a larger bound needs more
                return evaluate(spec, best)
    return None


def possible_counts(spec: Spec, most: int) -> list[int]:
    """Return the numbers of devices, up to `most`, that some layout of this model divides.

    data divides the batch, tensor kv_heads and the feed-forward's width, pipeline the layers,
    context the sequence; the number of devices of the spec plays no part.
    """
    model = spec.model
    found = {1}
    for whole in (spec.batch, gcd(model.kv_heads, model.ffn), model.layers, model.sequence):
        factors = divisors(whole)
        found = {n * d for n in found for d in factors if n * d <= most}
    return sorted(found)


# ---- what there is ----------------------------------------------------------------------------


def all_candidates(spec: Spec, most_bytes: float) -> Iterator[Candidate]:
    """Yield every layout that divides what it must, without ZeRO and schedule, and its bounds."""
    model, N = spec.model, spec.devices
    for t in divisors(N):
        if model.kv_heads % t or model.ffn % t:
            continue
        for c in divisors(N // t):
            if model.sequence % c:
                continue
            part = Part(spec, t, c)
            for p in divisors(N // t // c):
                d = N // t // c // p
                if model.layers % p or spec.batch % d:
                    continue
                yield from of_mesh(part, d, p, most_bytes)


def of_mesh(part: "Part", data: int, pipeline: int, most_bytes: float) -> Iterator[Candidate]:
    """Yield the candidates of one mesh: micro-batches, recomputation, sequence parallelism."""
    spec, t, c = part.spec, part.tensor, part.context
    layers = spec.model.layers // pipeline
    parameters = stage_parameters(spec.model, Layout(tensor=t, pipeline=pipeline))
    float32 = {"copy": 0, "weight": 4} if spec.machine.stack.float32_weights else {}
    state = sum(state_bytes(parameters, data * c, 3, spec.optimiser, **float32).values())
    for b in divisors(spec.batch // data):
        m, fits = spec.batch // data // b, False
        for divided in (False, True) if part.divides_tokens else (False,):
            for recompute in RECOMPUTE:
                kept = part.n_bytes(b, divided, recompute) * layers * min(pipeline, m)
                if state + kept > most_bytes:
                    continue
                fits = True
                layer, head = part.seconds(b, divided, recompute)
                bubble = (pipeline - 1) * least_bubble(layer, layers, m % pipeline == 0)
                seconds = m * (layers * layer.total + head) + bubble
                yield Candidate(
                    seconds * (1 - 1e-9), (state + kept) * (1 - 1e-9),
                    {"data": data, "tensor": t, "pipeline": pipeline, "context": c,
                     "micro_batch": b, "sequence_parallel": divided, "recompute": recompute},
                )  # fmt: skip
        if not fits:  # larger micro-batches keep as much or more
            return


def least_bubble(layer: LayerTime, layers: int, may_interleave: bool) -> float:
    """Return the seconds that a rank waits at least for each other one of its pipeline.

    That is zero_bubble's, or interleaved with a layer a chunk.
    """
    zero_bubble = max(0.0, layers * (layer.total - 2 * layer.weights))
    return min(zero_bubble, layer.total) if may_interleave and layers > 1 else zero_bubble


class Part:
    """What tensor and context ranks fix: a layer's seconds and bytes by the micro-batch."""

    def __init__(self, spec: Spec, tensor: int, context: int):
        self.spec, self.tensor, self.context = spec, tensor, context
        self.divides_tokens = tensor > 1 and spec.model.sequence % (tensor * context) == 0
        self.n_bytes = cache(self._n_bytes)
        self.seconds = cache(self._seconds)

    def _layout(self, micro_batch: int, divided: bool, recompute: str) -> Layout:
        return Layout(1, self.tensor, 1, self.context, 1, micro_batch, 0, recompute, divided)

    def _n_bytes(self, *choice) -> float:
        """Return the bytes that a layer keeps of a micro-batch."""
        stack = self.spec.machine.stack
        return layer_activation_bytes(self.spec.model, self._layout(*choice), stack)

    def _seconds(self, *choice) -> tuple[LayerTime, float]:
        """Return the seconds of a layer, and of the head, a micro-batch."""
        layout, machine = self._layout(*choice), self.spec.machine
        layer = layer_time(self.spec.model, layout, machine)
        return layer, head_seconds(self.spec.model, layout, machine)


def variants(spec: Spec, fields: dict) -> Iterator[Layout]:
    """Yield a layout with each ZeRO and each schedule that it can have."""
    p = fields["pipeline"]
    schedules: list[tuple[str, int]] = [("1f1b", 1)]
    if p > 1:
        schedules.append(("zero_bubble", 1))
        if spec.batch // fields["data"] // fields["micro_batch"] % p == 0:
            per_stage = spec.model.layers // p
            schedules += [("interleaved", v) for v in divisors(per_stage) if v > 1]
    divide = fields["data"] * fields["context"] > 1
    for schedule, chunks in schedules:
        for zero in range(4 if divide else 1):
            yield Layout(**fields, schedule=schedule, chunks=chunks, zero=zero)


def divisors(n: int) -> list[int]:
    """Return the numbers that divide n, in order."""
    small = [i for i in range(1, isqrt(n) + 1) if n % i == 0]
    return small + [n // i for i in reversed(small) if i * i != n]
