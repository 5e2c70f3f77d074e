"""The whole way from a spec to a plan with its reasons."""

from dataclasses import replace
from functools import cache

from ..errors import CourseError
from .layout import RECOMPUTE, Layout, check_layout
from .memory import reserved_bytes
from .plans import Plan, evaluate, in_gib
from .published import context_parallel, every_row, zero_3
from .searching import Found, least_bytes, search
from .spec import Spec
from .stacks import STACKS
from .step_time import StepTime

PARTS = {  # in words
    "layers": "the layers", "head": "the head", "messages": "messages between stages",
    "bubble": "the bubble", "data_parallel": "data-parallel traffic",
    "optimiser": "the optimiser's update",
}  # fmt: skip


def plan(spec: Spec) -> Plan:
    """Return the plan of a spec: of its layout, or of the fastest one that fits.

        print(plan(Spec(
            model=Model(layers=96, hidden=12288, heads=96, vocab=51200, sequence=2048),
            devices=64, device="A100-80GB", batch=64, precision="fp16",
        )))

    Raises:
        CourseError: when no layout fits. A given layout that does not fit has `fits` False, and
            `why` says what would fit.
    """
    if isinstance(spec.layout, Layout):
        found = evaluate(spec, spec.layout)
        return replace(found, why="\n".join([in_memory(found), in_time(found), *known(found)]))
    result = search(spec)
    if not result.best:
        raise CourseError(nothing_fits(spec, result))
    best = result.best[0]
    words = [in_memory(best), in_time(best), *comparison(result), *known(best)]
    return replace(best, why="\n".join(words))


# ---- memory and time ----------------------------------------------------------------------------


def in_memory(found: Plan) -> str:
    """Return whether a plan fits; if not, by how much it misses, and what would fit."""
    kind, n_bytes = max(found.memory.items(), key=lambda item: item[1])
    kind = "optimiser's state" if kind == "optimiser" else kind
    of = f"{in_gib(found.memory_total)} of {in_gib(found.memory_available)}"
    largest = f"most for {kind}, {in_gib(n_bytes)}"
    if found.fits:
        return f"It fits: {of} on a device; {largest}."
    missing = in_gib(found.memory_total - found.memory_available)
    return (
        f"It does not fit: {in_gib(found.memory_total)} on a device that has "
        f"{in_gib(found.memory_available)}, {missing} too much; {largest}. {what_fits(found)}"
    )


def what_fits(found: Plan) -> str:
    """Return the smallest change of a layout that makes it fit; else what a search finds."""
    spec, layout = found.spec, found.layout
    fitting = [evaluate(spec, other) for other in neighbours(spec, layout)]
    fitting = [other for other in fitting if other.fits]
    if fitting:
        best = min(fitting, key=lambda other: other.step_seconds)
        fields = vars(best.layout).items()
        changed = ", ".join(
            f"{name} = {value!r}" for name, value in fields if value != getattr(layout, name)
        )
        return (
            f"What would fit: {changed}, {in_gib(best.memory_total)}, {best.step_seconds:.4g} s a "
            "step."
        )
    result = search(spec)
    if not result.best:
        return "No layout of as many devices fits; take more of them, or larger ones."
    best = result.best[0]
    return f"What would fit: {best.layout}; {best.step_seconds:.4g} s a step."


def neighbours(spec: Spec, layout: Layout) -> list[Layout]:
    """Return the layouts that differ from one in a single field, where that can be."""
    changes: list[dict] = [{"recompute": value} for value in RECOMPUTE]
    changes += [{"zero": value} for value in range(4)]
    changes += [{"micro_batch": value} for value in range(1, layout.micro_batch)]
    changes += [{"sequence_parallel": True}]
    found = []
    for change in changes:
        other = replace(layout, **change)
        try:
            check_layout(other, spec.model, spec.devices, spec.batch)
        except CourseError:
            continue
        found += [other] if other != layout else []
    return found


def nothing_fits(spec: Spec, result: Found) -> str:
    """Return why there is no plan."""
    if result.too_large is not None:
        least, of = result.too_large.memory_total, f"the fastest one, {result.too_large.layout},"
    else:
        least, of = least_bytes(spec), "each"
    if not least:
        return (
            f"no layout divides {spec.devices:,} devices, batch = {spec.batch:,} and this model; "
            "take a batch and a number of devices with more common divisors"
        )
    available = spec.device.memory_bytes - reserved_bytes(spec.devices)
    return (
        f"no layout on {spec.devices:,} × {spec.device.name} fits: {of} needs {in_gib(least)} or "
        f"more of {in_gib(available)}; take more devices, or larger ones"
    )


def in_time(found: Plan) -> str:
    """Return where the time of a step goes."""
    seconds, times = found.step_seconds, vars(found.times)
    shares = sorted(((n / seconds, PARTS[part]) for part, n in times.items()), reverse=True)
    words = [f"{name} {share:.1%}" for share, name in shares if share >= 0.001]
    return f"A step takes {seconds:.4g} s: {', '.join(words)}."


# ---- why this layout ----------------------------------------------------------------------------


def comparison(result: Found) -> list[str]:
    """Return why the best layout wins and the next ones lose, a sentence each."""
    best, *others = result.best
    words = [f"Fastest of all that fit: {best.layout}."]
    for other in others:
        more = other.step_seconds - best.step_seconds
        if more < 1e-9 * best.step_seconds:
            words.append(f"{other.layout}: as fast.")
            continue
        words.append(
            f"{other.layout}: {more:.3g} s more a step ({more / best.step_seconds:.1%}), most of "
            f"it {largest_difference(best.times, other.times)}."
        )
    fast = result.too_large
    less = 1 - fast.step_seconds / best.step_seconds if fast else 0.0
    if fast is not None and less >= 0.005:
        words.append(
            f"{fast.layout} would be {less:.1%} faster, but needs {in_gib(fast.memory_total)} of "
            f"{in_gib(fast.memory_available)}: "
            f"{in_gib(fast.memory_total - fast.memory_available)} too much."
        )
    return words


def largest_difference(best: StepTime, other: StepTime) -> str:
    """Return the part of a step in which another one loses most."""
    lost = {part: getattr(other, part) - seconds for part, seconds in vars(best).items()}
    part = max(lost, key=lambda name: lost[name])
    return f"{PARTS[part]} (+{max(0.0, lost[part]):.3g} s)"


# ---- how well it is known -----------------------------------------------------------------------


@cache
def errors_of(stack: str, precision: str) -> tuple[int, float, float]:
    """Return how many published steps of a stack there are, the mean error and the largest."""
    family = stack.removesuffix("-eager").removesuffix("-async")
    errors = [
        abs(row.error()) for row in every_row()
        if row.stack.startswith(family) and (row.precision == "fp8") == (precision == "fp8")
        and row.layout.context == 1
    ]  # fmt: skip
    return len(errors), sum(errors) / max(1, len(errors)), max(errors, default=0.0)


def known(found: Plan) -> list[str]:
    """Return how far the times of such a plan were from published ones."""
    spec, layout = found.spec, found.layout
    stack = str(spec.stack)
    n, mean, worst = errors_of(stack, spec.precision)
    words = [
        f"Known error: {n} published steps of {stack} are met to {mean:.1%} in the mean, "
        f"{worst:.1%} at worst."
        if n
        else f"Known error: no published step of {stack} in {spec.precision} was compared."
    ]
    if layout.context > 1:
        off = [row.error() for row in context_parallel() if row.layout.context > 1]
        words.append(
            f"Context parallelism is known less well: {len(off)} published steps took "
            f"{-max(off):.0%} to {-min(off):.0%} longer than planned."
        )
    across = spec.devices > spec.device.node and layout.zero == 3
    if across and stack.startswith("megatron"):
        off = [1 / (1 + row.error(STACKS[stack])) for row in zero_3()]
        words.append(
            f"ZeRO 3 across nodes depends on the software: {len(off)} published steps of 2021 took "
            f"{min(off):.1f} to {max(off):.1f} times as long as this one would."
        )
    if spec.model.is_mixture:
        words.append(
            "A mixture of experts was compared with no published step, and traffic between "
            "experts is not counted."
        )
    return words
