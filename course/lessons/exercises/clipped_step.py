"""The judge of exercise 1 of chapter 3_06_momentum_clipping: one step of the documents' formula."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..checking import Exercise, same, unfinished
from ..judging import Draw, on_probes


class Probe(NamedTuple):
    """The arguments of one step: three vectors and three numbers that have nothing in common."""

    w: Tensor
    v: Tensor
    g: Tensor
    lr: float
    beta: float
    eps: float

    def average(self, g: Tensor, beta: float | None = None) -> Tensor:
        """Return the new v from the old one and g."""
        beta = self.beta if beta is None else beta
        return beta * self.v + (1 - beta) * g

    @property
    def cut(self) -> Tensor:
        return self.g.clamp(-self.eps, self.eps)


def probe(draw: Draw) -> Probe:
    """Return a random probe. In g some entries are too long, to both sides, and some are not."""
    n = draw.size() + 1
    eps, lr, beta = draw.numbers((1.6, 4.0), (0.03, 0.2), (0.6, 0.75))
    edges = torch.tensor([9.0, -9.0, 1.2, -0.8], dtype=torch.float64)
    g = eps * torch.cat([edges, draw.normal(n - 4)])
    v = eps * torch.cat([0.3 * draw.normal(3), edges[:1] / 3, 2 * draw.normal(n - 4)])
    order = torch.randperm(n, generator=draw.generator)
    return Probe(draw.normal(n), v[order], g[order], lr, beta, eps)


def close(a, b: Tensor) -> bool:
    return isinstance(a, Tensor) and same(a, b)


def wrong_memory(p: Probe, v: Tensor) -> str | None:
    """Return what is wrong with the new v, or None if it is right."""
    if close(v, p.average(p.cut)):
        return None
    known = [
        (p.v, "v came back unchanged: return the new v, the next step needs it."),
        (
            p.average(p.g).clamp(-p.eps, p.eps),
            "You clipped v, after momentum, and kept the clipped one. The document clips g first.",
        ),
        (
            p.average(p.cut, 1 - p.beta),
            "β and 1 - β are swapped: β weighs the *old* v, 1 - β the clipped gradient.",
        ),
        (
            p.average(p.g.clamp(-p.beta, p.beta)),
            "You used β as the limit. β is the decay of the memory, whatever the document calls "
            "it; the limit is ε.",
        ),
        (
            p.average(p.cut).clamp(-p.eps, p.eps),
            "You clipped v as well. The formula clips g alone.",
        ),
        (p.average(p.g.clamp(-1, 1)), "You clipped at 1. The limit is ε, which is handed in."),
        (p.average(p.cut, 0.9), "You typed β = 0.9. The decay is handed in: use `beta`."),
        (p.average(p.cut, p.lr), "The roles of α and β are swapped: v decays by β."),
        (p.average(p.cut, 1 - p.lr), "You used 1 - α as the decay. The decay is β."),
        (p.beta * p.v + p.cut, "That is heavy ball: here the clipped g is multiplied by 1 - β."),
        (
            p.average(p.g * min(1.0, p.eps / float(p.g.norm()))),
            "You clipped by norm. The document's formula clips by value, each entry for itself.",
        ),
        (p.average(p.g.clamp(max=p.eps)), "Clip on both sides: a large *negative* entry stayed "
         "long."),
        (p.cut, "v is the clipped gradient alone: where has the memory βv gone?"),
    ]  # fmt: skip
    for wrong, words in known:
        if close(v, wrong):
            return words
    numbers = [[round(x, 3) for x in part.tolist()] for part in (p.g, p.v, v)]
    return (
        f"With g = {numbers[0]}, v = {numbers[1]}, β = {p.beta:.3g}, ε = {p.eps:.3g} your v is "
        f"{numbers[2]}. The formula: v ← βv + (1 - β)·clip(g, -ε, ε)."
    )


def wrong_move(p: Probe, w: Tensor) -> str | None:
    """Return what is wrong with the new w when v is right, or None."""
    new, moved = p.average(p.cut), (p.w - w) / p.lr
    known = [
        (-new, "v is right, but w climbs: the step is *minus* α times v."),
        (p.v, "v is right, but w moved along the old one. Update v first, then w."),
        (p.cut, "v is right, but w moved along the clipped gradient: use the new v."),
        (0 * new, "v is right, but w came back unchanged."),
    ]
    for wrong, words in known:
        if close(moved, wrong):
            return words
    if not close(moved, new):
        return (
            f"v is right. w should be w - {p.lr:.3g}·v; yours is "
            f"{[round(x, 3) for x in w.tolist()]}."
        )
    return None


def judge_step_once(step, p: Probe) -> str | None:
    """Judge one step from a probe."""
    got = step(p.w.clone(), p.v.clone(), p.g.clone(), p.lr, p.beta, p.eps)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with `return w, v`."
    form = "Return two things, the new w and the new v: `return w, v`."
    if words := unfinished(got, 2, form, "things"):
        return words
    w, v = got
    if not all(isinstance(part, Tensor) and part.shape == p.w.shape for part in got):
        return f"Return w and v with {len(p.w)} entries each, as they came."
    if not all(part.is_floating_point() for part in got):
        return "Return w and v as real numbers."
    if close(w, p.average(p.cut)):
        return "The order is swapped: return w first, then v."
    raw = p.average(p.g)
    if close(v, raw):
        if close((p.w - w) / p.lr, raw.clamp(-p.eps, p.eps)):
            return (
                "You clip *after* momentum: v has swallowed the whole spike, and will remember "
                "it. Clip g before it enters v."
            )
        return "Nothing was clipped: v has swallowed the long entries whole."
    return wrong_memory(p, v) or wrong_move(p, w)


def judge_clipped_step(step) -> str | None:
    """Judge step(w, v, g, lr, beta, eps) → (w, v) after one step of the documents' formula."""
    if not callable(step):
        return "Hand over the function itself, without calling it: clipped_step."
    return on_probes(lambda draw: judge_step_once(step, probe(draw)))


clipped_step = Exercise(
    "Exercise 1",
    judge_clipped_step,
    [
        "Three lines, in the order of the formula: clip, then v, then w.",
        "The clipped gradient is g.clamp(-eps, eps), a new tensor. It, not g, enters v.",
        "g = g.clamp(-eps, eps), then v = beta * v + (1 - beta) * g. The line for w is yours.",
    ],
)
