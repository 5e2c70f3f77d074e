"""Judges for chapter 3_08_adaptive.

Adam's averages are v (of the gradients) and s (of their squares), as in the library.
"""

import torch
from torch import Tensor

from ...optim.adaptive import Adam, Muon, RMSProp
from ...optim.chain import Transform, chain
from ...optim.first_order import ClipByNorm, Descend, HeavyBall, SignDescent
from ..checking import Exercise, first_match, same, unfinished
from ..judging import Draw, on_probes

# ---- 1. one step of Adam ------------------------------------------------------------------


class Step:
    """One step of Adam on a draw, and what wrong formulas make of it.

    Attributes:
        w, v, s, g: before the step, (n,) each.
        t: the number of the step, 1 for the first.
        lr, beta1, beta2, eps: its knobs; eps is large, so that its place shows.
    """

    def __init__(self, draw: Draw):
        (n,), (self.t,) = draw.sizes(1), draw.sizes(1, low=2)
        self.w, self.v, self.g = (draw.normal(n) for _ in range(3))
        self.s = draw.normal(n) ** 2 + 0.1
        self.lr, self.beta1, self.beta2, self.eps = draw.numbers(
            (0.02, 0.2), (0.6, 0.9), (0.75, 0.93), (0.05, 0.4)
        )
        self.new_v = self.beta1 * self.v + (1 - self.beta1) * self.g
        self.new_s = self.beta2 * self.s + (1 - self.beta2) * self.g**2
        self.v_hat = self.new_v / (1 - self.beta1**self.t)
        self.s_hat = self.new_s / (1 - self.beta2**self.t)

    def to(self, v: Tensor, s: Tensor) -> Tensor:
        """Return w after a step along v / (√s + eps)."""
        return self.w - self.lr * v / (s.sqrt() + self.eps)

    def given(self) -> tuple:
        """Return copies of what the learner's function is called with."""
        parts = (self.w, self.v, self.s, self.g)
        numbers = (self.t, self.lr, self.beta1, self.beta2, self.eps)
        return *(part.clone() for part in parts), *numbers

    def wrong_v(self) -> list[tuple[Tensor, str]]:
        b, v, g = self.beta1, self.v, self.g
        return [
            (v, "v came back unchanged: return the new v, the next step needs it."),
            ((1 - b) * v + b * g, "v: β₁ and 1 - β₁ are swapped: β₁ weighs the *old* v."),
            (b * v + g, "v: that is heavy ball's sum. In Adam g has the factor 1 - β₁."),
            (self.v_hat, "You return v̂ as v. The correction is for this step alone: keep v raw, "
             "or the next step corrects it once more."),
            (b * v + (1 - b) * g**2, "v averages the gradients themselves; the squares are s's."),
            (self.beta2 * v + (1 - self.beta2) * g, "v has the decay β₁; β₂ is that of s."),
        ]  # fmt: skip

    def wrong_s(self) -> list[tuple[Tensor, str]]:
        b, s, g = self.beta2, self.s, self.g
        return [
            (s, "s came back unchanged: return the new s, the next step needs it."),
            ((1 - b) * s + b * g**2, "s: β₂ and 1 - β₂ are swapped: β₂ weighs the *old* s."),
            (b * s + g**2, "s: g² has the factor 1 - β₂; without it s is a sum."),
            (self.s_hat, "You return ŝ as s. The correction is for this step alone: keep s raw, "
             "or the next step corrects it once more."),
            (b * s + (1 - b) * g, "s averages the *squares* of the gradients: g², entry by entry."),
            (b * s + (1 - b) * g.abs(), "s averages g², not |g|; the root comes in the step."),
            (b * s + (1 - b) * g.square().sum(), "That adds up the squares of all weights. Every "
             "weight has its own s: g², entry by entry."),
            (self.beta1 * s + (1 - self.beta1) * g**2, "s has the decay β₂; β₁ is that of v."),
            (b * s + (1 - b) * self.new_v**2, "s averages g², not v²."),
        ]  # fmt: skip

    def wrong_w(self) -> list[tuple[Tensor, str]]:
        v, s, t, lr = self.v_hat, self.s_hat, self.t, self.lr
        fresh = self.w - lr * self.g / (self.new_s.sqrt() + self.eps)

        def late(by: int) -> Tensor:
            found = (self.new_v / (1 - self.beta1 ** (t + by)),
                     self.new_s / (1 - self.beta2 ** (t + by)))  # fmt: skip
            return self.to(*found)

        return [
            (self.w, "w came back unchanged: it moves by -α v̂/(√ŝ + eps)."),
            (self.to(self.new_v, self.new_s), "The step has no bias correction: divide v by "
             "1 - β₁ᵗ and s by 1 - β₂ᵗ."),
            (self.to(v, self.new_s), "v is corrected, s is not: ŝ = s/(1 - β₂ᵗ)."),
            (self.to(self.new_v, s), "s is corrected, v is not: v̂ = v/(1 - β₁ᵗ)."),
            (self.w - lr * v / (s + self.eps), "The root is missing: divide by √ŝ + eps."),
            (self.w - lr * v / (s + self.eps).sqrt(), "eps stands outside the root: √ŝ + eps."),
            (self.w + lr * v / (s.sqrt() + self.eps), "w climbs: the step has a minus."),
            (self.w - v / (s.sqrt() + self.eps), "Where is α? The step is α v̂/(√ŝ + eps)."),
            (self.w - lr * v / s.sqrt(), "eps is missing below v̂: √ŝ + eps."),
            (self.w - lr * v, "v̂ has not been divided by √ŝ + eps: that is momentum."),
            (self.w - lr * self.g / (s.sqrt() + self.eps), "w moved along g, as in RMSProp; Adam "
             "moves along v̂."),
            (fresh, "w moved along g, and s is not corrected: that is RMSProp."),
            (self.to(self.new_v * (1 - self.beta1**t), self.new_s * (1 - self.beta2**t)),
             "You multiplied by 1 - βᵗ. Too small an average is *divided* by it."),
            (self.to(self.new_v / (1 - self.beta1), self.new_s / (1 - self.beta2)),
             f"You corrected by 1 - β. That is right at t = 1 only; here t = {t}: 1 - βᵗ."),
            (self.to(self.new_v / (1 - self.beta1 * t), (self.new_s / (1 - self.beta2 * t)).abs()),
             "βᵗ is a power, beta**t, not a product."),
            (self.to(self.new_v / (1 - self.beta2**t), self.new_s / (1 - self.beta1**t)),
             "The corrections are swapped: v has β₁, s has β₂."),
            (late(1), "t counts from 1 and is this step's number already: βᵗ, not βᵗ⁺¹."),
            (late(-1), "t counts from 1 and is this step's number already: βᵗ, not βᵗ⁻¹."),
            (self.to(self.v / (1 - self.beta1**t), s), "w moved along the old v: update v first."),
            (self.to(v, self.s / (1 - self.beta2**t)), "w moved by the old s: update s first."),
        ]  # fmt: skip


def judge_adam_step(answer) -> str | None:
    """Judge answer(w, v, s, g, t, lr, beta1, beta2, eps) → (w, v, s) after a step of Adam."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: adam_step."
    return on_probes(lambda draw: judge_one_step(answer, Step(draw)))


def judge_one_step(answer, step: Step) -> str | None:
    """Judge one call."""
    got = answer(*step.given())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with `return w, v, s`."
    if words := unfinished(got, 3, "Return three things: `return w, v, s`.", "things"):
        return words
    w, v, s = (torch.as_tensor(part) for part in got)
    if any(part.shape != step.w.shape for part in (w, v, s)):
        n = len(step.w)
        return f"For {n} weights return {n} new w, {n} new v and {n} new s."
    if same(w, step.new_v) and same(v, step.new_s):
        return "The order is swapped: return w first, then v, then s."
    right = step.to(step.v_hat, step.s_hat)
    for part, wanted, wrong, words in (
        (v, step.new_v, step.wrong_v(), "v is not that. The formula: v ← β₁v + (1 - β₁)g."),
        (s, step.new_s, step.wrong_s(), "s is not that. The formula: s ← β₂s + (1 - β₂)g²."),
        (w, right, step.wrong_w(), "v and s are right, w is not: w ← w - α v̂/(√ŝ + eps)."),
    ):
        if not same(part, wanted):
            return first_match(part, wrong) or words
    return None


adam_step = Exercise(
    "Exercise 1",
    judge_adam_step,
    [
        "Five lines: v, s, v̂, ŝ, w. Only v and s go on to the next step; the hats are for w.",
        "v = beta1 * v + (1 - beta1) * g, and s likewise with g**2. The hats divide them by "
        "1 - beta1**t and 1 - beta2**t.",
        "After v_hat = v / (1 - beta1**t) and s_hat = s / (1 - beta2**t) one line is left: w moves "
        "by α times v_hat, divided by a root plus eps.",
    ],
)


# ---- 2. the gradient times 1000 -----------------------------------------------------------

RULES: dict[str, tuple[str, list[Transform]]] = {
    "A": ("gradient descent", []),
    "B": ("heavy ball", [HeavyBall(0.9)]),
    "C": ("clipping by norm, c = 1", [ClipByNorm(1.0)]),
    "D": ("sign descent", [SignDescent()]),
    "E": ("RMSProp", [RMSProp(0.99)]),
    "F": ("Adam", [Adam()]),
    "G": ("Adam with eps = 1", [Adam(eps=1.0)]),
    "H": ("Muon", [Muon()]),
}


def path(letter: str, factor: float, steps: int = 20) -> Tensor:
    """Return where a rule leads on a bowl when each gradient is multiplied: (steps, 12).

    Twelve weights, a 4 × 3 matrix, of the curvatures 0.1 to 1, all gradients shorter than 0.5.
    """
    theta = Draw(3).normal(12) / 5
    curvature = torch.linspace(0.1, 1, 12, dtype=torch.float64)
    rule = chain(*RULES[letter][1], Descend(0.001))
    rule.init(theta, lambda flat: {"W": flat.view(4, 3)})
    found = []
    for _ in range(steps):
        rule(factor * curvature * theta, theta)
        found.append(theta.clone())
    return torch.stack(found)


def change(letter: str) -> float:
    """Return how far the paths with and without the factor 1000 part, in lengths of the first."""
    plain, scaled = path(letter, 1.0), path(letter, 1000.0)
    return float((scaled - plain).norm() / (plain - plain[0]).norm())


TOLD = {
    "A": "Its step is α times the gradient.",
    "B": "It adds up gradients, so its v is 1000 times as long, too.",
    "C": "As long as ‖g‖ stays below c = 1 nothing is clipped, and times 1000 everything is.",
    "D": "A sign has no size.",
    "E": "g and √s both become 1000 times as large.",
    "F": "v̂ and √ŝ both become 1000 times as large, and eps = 1e-8 is nothing beside them.",
    "G": "Here eps = 1 is far larger than √ŝ: until the factor comes, this Adam divides by about "
    "1, as momentum does.",
    "H": "It keeps the directions of a matrix and sets their lengths anew, to about 1.",
}


def judge_thousand(answer) -> str | None:
    """Judge the letters of `RULES` whose path changes when every gradient is times 1000."""
    if not isinstance(answer, str | tuple | list | set):
        return "Give the letters of the rules whose path changes, as 'AH'."
    given = "".join(str(part) for part in answer).upper().replace(",", "").replace(" ", "")
    if not given:
        return "That says that no path changes. Begin with A: its step is α times the gradient."
    for letter in given:
        if letter not in RULES:
            return f"{letter!r} is none of the rules; they are 'A' to 'H'."
    if len(set(given)) == len(RULES):
        return "That says that every path changes. Begin with D: what does a sign keep of a size?"
    for letter, (name, _) in RULES.items():
        parted = change(letter)
        if (parted > 0.01) != (letter in given):
            did = f"moved away by {parted:.3g} times its length" if parted > 0.01 else "stayed"
            return f"Rule {letter}, {name}: computed, its path {did}. {TOLD[letter]}"
    return None


thousand = Exercise(
    "Exercise 2",
    judge_thousand,
    [
        "Write 1000g for g in each rule. What happens to the step?",
        "A rule that divides g by something which grows as g does, such as √s, does not notice. "
        "One that compares g with a fixed number may.",
        "C compares with 1, E and F add 1e-8, G adds 1. Which of these numbers is not tiny beside "
        "the gradients, before the factor or after it? And which rules divide by nothing at all?",
    ],
)


# ---- 3. a direction that notices neither --------------------------------------------------


def judge_direction(answer) -> str | None:
    """Judge answer(g) → a direction uphill that notices neither the size of g nor a rotation."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_direction."
    return on_probes(lambda draw: judge_one_direction(answer, draw))


def judge_one_direction(answer, draw: Draw) -> str | None:
    """Judge it on one gradient, on multiples of it and turned."""
    (n,) = draw.sizes(1, low=3)
    g = draw.normal(n)
    turn = torch.linalg.qr(draw.normal(n, n)).Q
    got = answer(g.clone())
    if got is None or got is ...:
        return "The function returns nothing yet: return a direction of as many entries as g."
    d = torch.as_tensor(got)
    if d.shape != g.shape or not d.is_floating_point():
        return f"For a gradient of {n} entries return {n} real numbers."
    if not bool(d.isfinite().all()) or float(d.norm()) < 1e-12:
        return "The direction is 0, or not a number: then no step moves anything."
    small, large = (torch.as_tensor(answer(g * c)) for c in (1e-3, 1e3))
    if not same(large, d) or not same(small, d):
        grew = float(large.norm() / d.norm())
        why = ("What you divide by grows faster than g." if grew < 0.1 else
               "Divide by something which grows as g does, and add no fixed number.")  # fmt: skip
        return f"It notices the size: with 1000 g your direction is {grew:.3g} times as long. {why}"
    turned = torch.as_tensor(answer(turn @ g))
    if not same(turned, turn @ d):
        return ("It notices a rotation: turn g first, or turn your direction, the results differ. "
                "A length that a rotation keeps is √(Σ gᵢ²).")  # fmt: skip
    if float(d @ g) <= 0:
        return "It points downhill. The step will subtract it, so give the direction of g."
    return None


direction = Exercise(
    "Exercise 3",
    judge_direction,
    [
        "Divide all entries of g by one and the same number: its direction stays. Which number?",
        "It must grow with g, and a rotation of g must leave it as it is.",
        "A rotation keeps the length √(Σ gᵢ²), in torch g.norm(). By which power of it must g be "
        "divided, so that a factor 1000 cancels?",
    ],
)
