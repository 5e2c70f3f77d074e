"""Wrong answers to the exercises of 5_1_architectures: (exercise, answer, what is said)."""

import torch

from course.lessons.exercises import architectures

WEIGHTS, ATTENTION, LONGEST = (
    architectures.weights, architectures.attention, architectures.longest
)  # fmt: skip


def attend(q, k, v, mask=None, scale=None, axis=-1):
    """Attention in a way of its own: pair by pair."""
    scale = q.shape[1] ** 0.5 if scale is None else scale
    fit = torch.einsum("tn,sn->ts", q, k) / scale
    mask = torch.ones_like(fit).tril() if mask is None else mask
    return (fit + (1 - mask) * -1e300).softmax(axis) @ v


def later(q):
    return torch.ones(len(q), len(q), dtype=q.dtype)


def before(q):
    """A place sees only what stands before it; the first, which sees nothing, all places."""
    return later(q).tril(-1)


WRONG = [
    (WEIGHTS, 5, "Hand over the function itself"),
    (WEIGHTS, lambda s, k, f: None, "returns nothing yet"),
    (WEIGHTS, lambda s, k, f: "many", "one whole number"),
    (WEIGHTS, lambda s, k, f: f * k * k, "one bias"),
    (WEIGHTS, lambda s, k, f: f * k * k + 1, "a bias of its own"),
    (WEIGHTS, lambda s, k, f: f * (k + 1), "a kernel is a square"),
    (WEIGHTS, lambda s, k, f: k * k + 1, "that is one filter"),
    (WEIGHTS, lambda s, k, f: f * s * s * (k * k + 1), "all places share"),
    (WEIGHTS, lambda s, k, f: f * s * s * k * k, "all places share"),
    (WEIGHTS, lambda s, k, f: f * (s * s + 1), "its small square"),
    (WEIGHTS, lambda s, k, f: f * f, "whatever the side"),
    (ATTENTION, 5, "Hand over the function itself"),
    (ATTENTION, lambda q, k, v: None, "returns nothing yet"),
    (ATTENTION, lambda q, k, v: attend(q, k, v).sum(0), "for each place a mean"),
    (ATTENTION, lambda q, k, v: attend(q, k, v, later(q)), "sees later places, too"),
    (ATTENTION, lambda q, k, v: attend(q, k, v, later(q).triu()), "the wrong way round"),
    (ATTENTION, lambda q, k, v: attend(q, k, v, before(q)), "may see itself"),
    (ATTENTION, lambda q, k, v: attend(q, k, v, scale=1.0), "not divided by √n"),
    (ATTENTION, lambda q, k, v: attend(q, k, v, scale=q.shape[1]), "not by n"),
    (ATTENTION, lambda q, k, v: attend(q, k, v, scale=len(q) ** 0.5), "the number of places"),
    (ATTENTION, lambda q, k, v: attend(q, k, v, axis=0), "the last axis"),
    (
        ATTENTION,
        lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).softmax(-1).tril() @ v,
        "mask before softmax",
    ),
    (ATTENTION, lambda q, k, v: v.cumsum(0) / torch.arange(1, len(v) + 1)[:, None], "the second"),
    (ATTENTION, lambda q, k, v: 2 * attend(q, k, v), "sees itself alone"),
    (LONGEST, 10, "Hand over the function itself"),
    (LONGEST, lambda c, k: None, "returns nothing yet"),
    (LONGEST, lambda c, k: "long", "one whole number"),
    (LONGEST, lambda c, k: c**k, "the number of pieces"),
    (LONGEST, lambda c, k: c**k + k, "one too many"),
    (LONGEST, lambda c, k: k**c, "any of the characters"),
    (LONGEST, lambda c, k: k**c + k - 1, "any of the characters"),
    (LONGEST, lambda c, k: c * k, "multiply, place by place"),
    (LONGEST, lambda c, k: c**k * k, "overlap"),
    (LONGEST, lambda c, k: 17, "different pieces"),
]
