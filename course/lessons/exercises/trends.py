"""Judges for chapter 5_2_trends."""

import math
from collections.abc import Callable

import numpy as np

from ...errors import real_number
from ..checking import Exercise, near
from ..judging import Draw, on_probes

__all__ = ["prediction", "share", "split"]

# ---- 1. extend a line ----------------------------------------------------------------------------


def line(x, y, at: float) -> float:
    """Return what the straight line of log y over log x says at another x."""
    slope, start = np.polyfit(np.log(x), np.log(y), 1)
    return math.exp(start + slope * math.log(at))


def _last_two(x, y, at: float) -> float:
    return line(x[-2:], y[-2:], at)


def _ends(x, y, at: float) -> float:
    return line([x[0], x[-1]], [y[0], y[-1]], at)


def _on_plain_axes(x, y, at: float) -> float:
    slope, start = np.polyfit(x, y, 1)
    return start + slope * at


def _half_logarithmic(x, y, at: float) -> float:
    slope, start = np.polyfit(np.log(x), y, 1)
    return start + slope * math.log(at)


def _exponential(x, y, at: float) -> float:
    slope, start = np.polyfit(x, np.log(y), 1)
    return math.exp(start + slope * at)


LINES: list[tuple[Callable[..., float], str]] = [
    (lambda x, y, at: math.log(line(x, y, at)), "That is the logarithm of the answer. Take exp of "
     "it at the end."),
    (_on_plain_axes, "That is a straight line of y over x. Take the logarithm of both."),
    (_half_logarithmic, "That is a straight line of y over log x. Take the logarithm of y, too."),
    (_exponential, "That is a straight line of log y over x. Take the logarithm of x, too."),
    (_last_two, "That is the line through the last two points. Let all points count: "
     "np.polyfit(…, 1)."),
    (_ends, "That is the line through the first and the last point. Let all points count: "
     "np.polyfit(…, 1)."),
    (lambda x, y, at: -np.polyfit(np.log(x), np.log(y), 1)[0], "That is the exponent. What is the "
     "line's height at `at`?"),
    (lambda x, y, at: y[-1], "That is the last y. The line goes on falling."),
    (lambda x, y, at: math.exp(np.polyfit(np.log(x), np.log(y), 1)[0] * math.log(at)),
     "The line's height at log x = 0 is missing: np.polyfit returns the slope, then that height."),
]  # fmt: skip


def judge_prediction(answer) -> str | None:
    """Judge answer(x, y, at) → what the line through all points says there."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_prediction."
    return on_probes(lambda draw: judge_one_line(answer, draw))


def judge_one_line(answer, draw: Draw) -> str | None:
    """Judge it on points about a power law."""
    (count,) = draw.sizes(1, 4, 7)
    scale, exponent, far = draw.numbers((0.5, 9.0), (0.2, 0.9), (2.5, 6.0))
    x = np.array([10.0 * 2**k for k in range(count)])
    y = scale * x**-exponent * np.exp(0.2 * draw.normal(count).numpy())
    at = float(x[-1] * far)
    got = answer(x.copy(), y.copy(), at)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return y."
    number = real_number(got)
    if number is None:
        return "Return one number: the height of the line at `at`."
    right = line(x, y, at)
    if near(number, right):
        return None
    for mistake, words in LINES:
        if near(number, float(mistake(x, y, at))):
            return words
    return (
        f"For {count} points from x = {x[0]:g} to {x[-1]:g} you say {number:.4g} at x = {at:.4g}; "
        f"the line says {right:.4g}. Fit log y over log x, and take exp at the end."
    )


prediction = Exercise(
    "Exercise 1",
    judge_prediction,
    [
        "A power law is a straight line between log x and log y. Fit that line first.",
        "slope, start = np.polyfit(np.log(x), np.log(y), 1) are its slope and its height at "
        "log x = 0.",
        "At `at` the line has the height start + slope · log(at). That is a logarithm still.",
    ],
)

# ---- 2. split a budget ---------------------------------------------------------------------------


def judge_split(answer) -> str | None:
    """Judge answer(flops, ratio) → (parameters, tokens): 6·P·N = flops, N = ratio·P."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_split."
    return on_probes(lambda draw: judge_one_split(answer, draw))


def judge_one_split(answer, draw: Draw) -> str | None:
    """Judge it on a large budget."""
    power, ratio = draw.numbers((15.0, 25.0), (2.0, 90.0))
    flops = 10.0**power
    got = answer(flops, ratio)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return parameters, tokens."
    pair = list(got) if isinstance(got, tuple | list) else []
    numbers = [real_number(part) for part in pair]
    if len(numbers) != 2 or None in numbers:
        return "Return two numbers: the parameters, then the tokens."
    P, N = (float(part) for part in numbers if part is not None)
    right = math.sqrt(flops / (6 * ratio))
    if near(P, right) and near(N, ratio * right):
        return None
    if near(N, right) and near(P, ratio * right):
        return (
            "The two are exchanged, or the ratio is upside down: it is tokens for each parameter, "
            "and the parameters come first."
        )
    if near(P, math.sqrt(flops / ratio)):
        return "The 6 is missing: training takes 6 FLOPs for each parameter and token."
    if near(P, flops / (6 * ratio)):
        return "P stands in both factors: 6 · P · (ratio · P). A root is missing."
    if near(P, math.sqrt(flops / (2 * ratio))):
        return "2 FLOPs for each parameter and token are the forward pass. Training takes 6."
    if near(6 * P * N, flops):
        return f"The FLOPs are right, but N / P is {N / P:.3g}, and the ratio {ratio:.3g}."
    if near(N, ratio * P):
        return f"The ratio is right, but 6·P·N is {6 * P * N:.3g}, and the budget {flops:.3g}."
    return (
        f"For {flops:.3g} FLOPs and {ratio:.3g} tokens a parameter: 6·P·N is {6 * P * N:.3g}, and "
        f"N / P is {N / P if P else math.inf:.3g}. Both should fit."
    )


split = Exercise(
    "Exercise 2",
    judge_split,
    [
        "There are two equations: 6 · P · N = flops, and N = ratio · P.",
        "Put the second into the first: 6 · P · ratio · P = flops.",
        "So P² = flops / (6 · ratio). The tokens follow from P.",
    ],
)

# ---- 3. the share of the peak --------------------------------------------------------------------


def judge_share(answer) -> str | None:
    """Judge answer(P, tokens, seconds, devices, peak) → the share of the peak (MFU)."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_share."
    return on_probes(lambda draw: judge_one_share(answer, draw))


def judge_one_share(answer, draw: Draw) -> str | None:
    """Judge it on a step of a large model."""
    P, tokens, peak = draw.numbers((1e9, 9e11), (1e5, 9e6), (1e14, 2e15))
    (devices,) = draw.sizes(1, 8, 5000)
    used = draw.numbers((0.2, 0.6))[0]
    seconds = 6 * P * tokens / (used * devices * peak)
    got = answer(P, tokens, seconds, devices, peak)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return share."
    number = real_number(got)
    if number is None:
        return "Return one number, a share between 0 and 1."
    if near(number, used):
        return None
    mistakes = [
        (used / 3, "That is the forward pass alone: training takes 6 FLOPs for each parameter and "
         "token, not 2."),
        (used * devices, "The devices are missing: together they could do devices · peak."),
        (1 / used, "The fraction is upside down: FLOPs needed over FLOPs possible."),
        (100 * used, "That is a percentage; return a share between 0 and 1."),
        (used * seconds, "The seconds are missing: in this time the devices could do seconds · "
         "devices · peak."),
        (used * 8 / 6, "8 FLOPs for each parameter and token are those that the devices do when "
         "all is computed again. This share counts what the model needs: 6."),
    ]  # fmt: skip
    for wrong, words in mistakes:
        if near(number, wrong):
            return words
    return (
        f"You say {number:.4g}. The step needs {6 * P * tokens:.3g} FLOPs; in {seconds:.3g} s "
        f"{devices} devices could do {seconds * devices * peak:.3g}."
    )


share = Exercise(
    "Exercise 3",
    judge_share,
    [
        "The share is a fraction: FLOPs that the step needs over FLOPs that were possible.",
        "The step needs 6 · P · tokens FLOPs.",
        "One device could do peak FLOPs in a second. How many could all of them do in `seconds`?",
    ],
)
