"""What a PlannerLab says: the plan in sentences, its numbers, and published ones beside them."""

import html

from course.planner.planning import known
from course.planner.plans import Plan, in_gib, many

from ..common.stills.scales import number
from .presets import Preset
from .session import Answer, Causes, Session, causes

KINDS = {
    "weights": "weights", "gradients": "gradients", "optimiser": "optimiser state",
    "activations": "activations", "logits": "logits", "working": "one layer, computed again",
    "gathered": "gathered weights",
}  # fmt: skip
CAUSES = {
    "computation": "computation", "recomputation": "recomputation",
    "tensor": "tensor-parallel traffic", "head": "logits and loss",
    "messages": "messages between stages", "bubble": "bubble",
    "data": "data-parallel traffic", "optimiser": "update of the weights",
}  # fmt: skip
STEP_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


def seconds(value: float) -> str:
    """Return seconds as 18.6 s."""
    for unit, factor in STEP_UNITS:
        if value >= factor:
            return f"{whole(value / factor)} {unit}"
    return f"{number(value / 1e-6)} µs"


def whole(value: float) -> str:
    """Return three digits, or all of those before the point: 18.6, 1,482."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else number(value)


def days(value: float | None) -> str:
    """Return days as 84.1 days, or years from a thousand days on."""
    if value is None:
        return "–"
    if value >= 1000:
        return f"{whole(value / 365.25)} years"
    return f"{number(value)} days" if value >= 1 else f"{number(24 * value)} hours"


def money(value: float | None) -> str:
    """Return dollars as $4.45 M."""
    if value is None:
        return "–"
    for unit, factor in ((" T", 1e12), (" B", 1e9), (" M", 1e6), (" k", 1e3)):
        if value >= factor:
            return f"${number(value / factor)}{unit}"
    return f"${number(value)}"


def share(part: float) -> str:
    return f"{100 * part:.1f} %"


def of_memory(plan: Plan) -> str:
    """Return what is needed of what there is, as '45.6 GiB of 78.7 GiB'."""
    return f"{in_gib(plan.memory_total)} of {in_gib(plan.memory_available)}"


# ---- sentences ----------------------------------------------------------------------------------


def speak(session: Session) -> str:
    """Return the plan in a few sentences."""
    plan, spec = session.now.plan, session.spec
    active = plan.active_parameters
    model = f"{many(plan.parameters)} parameters"
    model += f", {many(active)} active," if active != plan.parameters else ""
    chosen = "the planner chooses" if session.searches else "the layout is"
    said = [f"{model} on {spec.devices:,} × {spec.device.name}: {chosen} {plan.layout}."]
    said += [memory_words(session.now), time_words(plan)]
    if plan.days is not None:
        cost = f", {money(plan.cost)}" if plan.cost is not None else ""
        said.append(f"{spec.tokens:.3g} tokens take {days(plan.days)}{cost}.")
    return " ".join(said)


def memory_words(answer: Answer) -> str:
    """Return whether a plan fits; else by how much it misses."""
    plan = answer.plan
    if answer.why_not:
        return f"{answer.why_not[0].upper()}{answer.why_not[1:]}; shown is the smallest one."
    if plan.fits:
        return f"It fits: {of_memory(plan)} a device."
    over = in_gib(plan.memory_total - plan.memory_available)
    return f"Out of memory: {of_memory(plan)} a device, {over} too much."


def time_words(plan: Plan) -> str:
    """Return the seconds of a step, and its largest parts."""
    parts = sorted(causes(plan)._asdict().items(), key=lambda item: -item[1])
    named = [f"{CAUSES[name]} {share(part / plan.step_seconds)}" for name, part in parts[:3]
             if part >= 0.001 * plan.step_seconds]  # fmt: skip
    return (f"A step takes {seconds(plan.step_seconds)}, MFU {share(plan.mfu)}: "
            f"{', '.join(named)}.")  # fmt: skip


def drawn() -> str:
    """Return what the picture shows."""
    return (
        "Bars: the memory of the fullest device by kind, against what a device has; the time of a "
        "step by cause; each now and before the last turn. Below, over the number of devices, "
        "both ways from 1 to 10,000: how long the training takes, and the MFU."
    )


def heads(session: Session) -> list[tuple[str, str]]:
    """Return the headline numbers."""
    plan = session.now.plan
    return [
        ("parameters", many(plan.parameters)), ("memory of a device", of_memory(plan)),
        ("a step takes", seconds(plan.step_seconds)),
        ("TFLOP/s a device", whole(plan.tflops_per_device)), ("MFU", share(plan.mfu)),
        ("training", days(plan.days)), ("cost", money(plan.cost)),
    ]  # fmt: skip


def parts_of(seconds_by_cause: Causes, total: float) -> str:
    """Return all causes with their shares, for a reader who cannot see the bar."""
    return ", ".join(f"{CAUSES[name]} {seconds(part)} ({share(part / total)})"
                     for name, part in seconds_by_cause._asdict().items() if part)  # fmt: skip


def kinds_of(plan: Plan) -> str:
    """Return all kinds of memory, for a reader who cannot see the bar."""
    kinds = ", ".join(f"{KINDS[kind]} {in_gib(n)}" for kind, n in plan.memory.items() if n)
    return f"{kinds}; {of_memory(plan)}"


# ---- published figures --------------------------------------------------------------------------


def published(session: Session, preset: Preset | None) -> str:
    """Return the table of published figures beside ours, and how well such plans are known."""
    doubts = [html.escape(line) for line in known(session.now.plan)]
    if preset is None:
        lines = ["No published run stands beside this plan."]
        return paragraphs(lines + doubts)
    if session.spec.devices != preset.fields["devices"]:
        lines = [f"{preset.name} ran on {preset.fields['devices']:,} devices; there its published "
                 "figures stand beside ours."]  # fmt: skip
        return paragraphs([html.escape(line) for line in lines] + doubts)
    rows = "".join(figure_row(figure, session.now.plan) for figure in preset.figures)
    columns = (html.escape(preset.name), "published", "here", "error")
    head = "".join(f"<th scope='col'>{name}</th>" for name in columns)
    table = f"<table><thead><tr>{head}</tr></thead>{rows}</table>"
    notes = [html.escape(f"Source: {preset.source}. {preset.note}".strip())]
    return table + paragraphs(notes + doubts)


def figure_row(figure, plan: Plan) -> str:
    ours = figure.ours(plan)
    error = f"{100 * (ours / figure.published - 1):+.1f} %".replace("-", "−")
    said = f"{figure.published:,.{figure.digits}g}" + ("" if figure.printed else " (follows)")
    cells = [said, f"{ours:,.{figure.digits}g}", error]
    cells = [f"<td>{html.escape(cell)}</td>" for cell in cells]
    return f"<tr><th scope='row'>{html.escape(figure.what)}</th>{''.join(cells)}</tr>"


def paragraphs(lines: list[str]) -> str:
    return "".join(f"<p>{line}</p>" for line in lines)
