"""Judges for chapter 5_1_architectures."""

import math

import torch
from torch import Tensor

from ...errors import real_number
from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["attention", "longest", "weights"]

# ---- 1. how many weights a convolution has -------------------------------------------------------


def judge_weights(answer) -> str | None:
    """Judge answer(side, kernel, filters) → the weights of a convolution, with biases."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_weights."
    return on_probes(lambda draw: judge_one_weights(answer, draw))


def judge_one_weights(answer, draw: Draw) -> str | None:
    """Judge it for sides, kernels and filters that differ from each other."""
    side, filters = draw.sizes(2, 11, 40)
    (kernel,) = draw.sizes(1, 3, 9)
    got = answer(side, kernel, filters)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return count."
    number = real_number(got)
    if number is None:
        return "Return one whole number: how many weights and biases there are."
    right = filters * (kernel**2 + 1)
    if float(number) == right:
        return None
    asked = (
        f"For a side of {side}, a kernel of {kernel} and {filters} filters you return {number:g}"
    )
    mistakes = [
        (filters * kernel**2, "each filter also has one bias."),
        (filters * kernel**2 + 1, "each filter has a bias of its own, not one for all."),
        (filters * (kernel + 1), "a kernel is a square: kernel · kernel weights."),
        (kernel**2 + 1, "that is one filter."),
        (filters * side**2 * (kernel**2 + 1), "all places share the weights of a filter."),
        (filters * side**2 * kernel**2, "all places share the weights of a filter."),
        (filters * (side**2 + 1), "a filter sees its small square, not the whole image."),
    ]
    for wrong, words in mistakes:
        if float(number) == wrong:
            return f"{asked}: {words}"
    return (
        f"{asked}. One filter has {kernel**2} weights and a bias, whatever the side of the image."
    )


weights = Exercise(
    "Exercise 1",
    judge_weights,
    [
        "Think of one filter first. Which numbers does it need to answer at one place?",
        "At the next place it uses the same numbers. So does the side of the image matter?",
        "One filter: kernel · kernel weights and one bias. Now there are several filters.",
    ],
)


# ---- 2. attention that does not look ahead -------------------------------------------------------


def judge_attention(answer) -> str | None:
    """Judge answer(queries, keys, values) → the causal mean of the values (T, n)."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_attention."
    return on_probes(lambda draw: judge_one_attention(answer, draw))


def attended(queries: Tensor, keys: Tensor, values: Tensor, **other) -> Tensor:
    """Return causal attention, or with one part of it left out or done otherwise.

    Args:
        queries, keys, values: (T, n).
        other: "scale": a number instead of √n; "see": the least and the largest number of places
            that lie between a place and one that it sees, backwards; "axis": of the softmax.
    """
    T, n = queries.shape
    back = torch.arange(T)[:, None] - torch.arange(T)
    least, most = other.get("see", (0, T))
    fit = queries @ keys.T / other.get("scale", math.sqrt(n))
    fit = fit.masked_fill((back < least) | (back > most), -1e30)
    return fit.softmax(other.get("axis", 1)) @ values


def judge_one_attention(answer, draw: Draw) -> str | None:
    """Judge it on (T, n) with T ≠ n; values of another width than keys."""
    T, n, wide = draw.sizes(3)
    T = T + n + 1  # a mask of the wrong shape does not fit
    queries, keys, values = 2 * draw.normal(T, n), draw.normal(T, n), draw.normal(T, wide)
    got = answer(queries.clone(), keys.clone(), values.clone())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return mean."
    right = attended(queries, keys, values)
    if not isinstance(got, Tensor) or got.shape != right.shape:
        return f"Return a tensor {tuple(right.shape)}: for each place a mean of the values."
    if same(got, right):
        return None
    mistakes: list[tuple[dict, str]] = [
        ({"see": (-T, T)}, "A place sees later places, too: set their fit to -∞ before softmax."),
        ({"see": (-T, 0)}, "Your mask is the wrong way round: a place sees the later places only."),
        ({"see": (1, T)}, "A place may see itself: mask only what comes after it."),
        ({"scale": 1.0}, "The fit is not divided by √n, n the width of a key."),
        ({"scale": n}, "Divide the fit by √n, not by n."),
        ({"scale": math.sqrt(T)}, "Divide by √n, n the width of a key, not the number of places."),
        ({"axis": 0}, "The softmax runs over the places that are seen, the last axis."),
    ]
    for other, words in mistakes:
        if same(got, attended(queries, keys, values, **other)):
            return words
    if same(got, cut_after_softmax(queries, keys, values)):
        return "The weights of a place do not add up to 1: mask before softmax, not after it."
    if same(got[0], values[0]):
        return "The first place is right: it sees itself alone. Try the second one by hand."
    return "The first place sees itself alone, so its mean is the first value. Yours is not."


def same(got: Tensor, right: Tensor) -> bool:
    """Return whether two tensors agree, in whatever precision the answer computes."""
    return torch.allclose(got.detach().double(), right, rtol=1e-4, atol=1e-5)


def cut_after_softmax(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return attention whose weights are set to 0 after the softmax."""
    return (queries @ keys.T / math.sqrt(queries.shape[1])).softmax(1).tril() @ values


attention = Exercise(
    "Exercise 2",
    judge_attention,
    [
        "Four lines: the fit of all pairs (T, T), the mask, the softmax, the mean.",
        "fit = queries @ keys.T / √n. Where is row t of the fit about a place later than t?",
        "torch.ones(T, T, dtype=torch.bool).triu(1) is True at later places; masked_fill sets "
        "their fit to -∞. Then softmax, then the values.",
    ],
)


# ---- 3. how long a greedy text can go on without repeating itself --------------------------------


def judge_longest(answer) -> str | None:
    """Judge answer(characters, context) → the longest text in which no piece comes twice."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_longest."
    return on_probes(lambda draw: judge_one_longest(answer, draw))


def judge_one_longest(answer, draw: Draw) -> str | None:
    """Judge it for an alphabet and a context that differ, and for a context of 1."""
    context, more = draw.sizes(1, 3, 5)[0], draw.sizes(1, 2, 4)[0]
    characters = context + more
    for seen in (context, 1):
        got = answer(characters, seen)
        if got is None or got is ...:
            return "The function returns nothing yet: end it with return length."
        number = real_number(got)
        if number is None:
            return "Return one whole number of characters."
        pieces = characters**seen
        if float(number) == pieces + seen - 1:
            continue
        asked = f"With {characters} characters and a context of {seen} you return {number:g}"
        mistakes = [
            (pieces, f"that is the number of pieces. Two pieces make {seen + 1} characters."),
            (pieces + seen, "that is one too many: with it, a piece stands there again."),
            (seen**characters, "each of the places of a piece can be any of the characters."),
            (seen**characters + seen - 1, "each place of a piece can be any of the characters."),
            (
                characters * seen,
                "each place can be any of the characters: multiply, place by place.",
            ),
            (pieces * seen, "neighbouring pieces overlap: each new character begins one."),
        ]
        for wrong, words in mistakes:
            if float(number) == wrong:
                return f"{asked}: {words}"
        return f"{asked}. There are {pieces} different pieces; a text of {seen} has one of them."
    return None


longest = Exercise(
    "Exercise 3",
    judge_longest,
    [
        "How many different pieces of `context` characters are there? Try 2 characters, context 2.",
        "characters ** context. A text of `context` characters has one piece; each further "
        "character adds one.",
        "A text of n characters has n - context + 1 pieces. If none comes twice, this is at most "
        "characters ** context. Solve for n.",
    ],
)
