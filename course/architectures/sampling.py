"""Writing with a GPT: one character after the other, each from the logits of those before it.

    p ∝ exp(logits / temperature)      temperature 0: always the likeliest, which is called greedy

Greedy writing from a finite context must repeat itself: what comes next depends on the last
characters alone, and there are only V^context different ones. `loop` finds where.
Source: Holtzman et al. (2020) on greedy text; Welleck et al. (2020) for the share of repeats.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CourseError, check_count, check_number, check_seed, shown
from .gpt import GPT, Cache
from .text import decode, encode


def probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Return what a character is drawn from: softmax(logits / temperature), of the same shape.

    Args:
        logits: (…, V).
        temperature: 0 or more; 0 gives all to the likeliest, the first of equals.

    Raises:
        CourseError: for a temperature below 0, infinite or no number.
    """
    temperature = check_temperature(temperature)
    if temperature == 0:
        return torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1)
    # a small temperature would overflow, were the largest logit not 0
    return ((logits - logits.amax(-1, keepdim=True)).double() / temperature).softmax(-1)


def check_temperature(temperature: object) -> float:
    """Return it as a float, or raise `CourseError`."""
    remedy = "0 is greedy, 1 is as the model says"
    return check_number("temperature", temperature, 0, math.inf, remedy, open_high=True)


@torch.no_grad()
def write(
    model: GPT, prompt: str = ";", length: int = 100, temperature: float = 0.0, seed: int = 0,
    context: int | None = None, cache: bool = False,
) -> str:  # fmt: skip
    """Return the `length` characters that a model writes after a prompt.

    Args:
        model: a `GPT`; it stays as it is.
        prompt: what stands before; at least one character.
        length: how many characters to write.
        temperature: as in `probabilities`.
        seed: of the draw.
        context: how many of the last characters the model sees; None: as many as it can.
        cache: keep the keys and values of what was read, and read each character once. The text
            must fit into the context: when it moves on, every place gets another number.

    Raises:
        CourseError: for a bad prompt, number or temperature, and a cached text that does not fit.
    """
    length = check_count("length", length, 0, 10**6, "characters to write")
    temperature = check_temperature(temperature)
    most = model.context
    sees = most if context is None else check_count("context", context, 1, most, "the model's own")
    if not isinstance(prompt, str) or not prompt:
        raise CourseError(f"prompt = {shown(prompt)}; allowed: at least 1 character; take ';'")
    if cache and len(prompt) + length - 1 > sees:
        raise CourseError(
            f"{len(prompt)} + {length} characters do not fit into a context of {sees}, which a "
            "cache cannot leave; write fewer, or without the cache"
        )
    device = model.last.weight.device
    dice = torch.Generator().manual_seed(check_seed(seed))
    tokens, past = encode(prompt).to(device)[None], None
    for _ in range(length):
        logits, past = next_logits(model, tokens, sees, past, cache)
        chosen = draw(logits.cpu(), temperature, dice)
        tokens = torch.cat([tokens, chosen.to(device)[None]], 1)
    return decode(tokens[0, len(prompt) :])


def next_logits(
    model: GPT, tokens: Tensor, sees: int, past: Cache | None, cache: bool
) -> tuple[Tensor, Cache | None]:
    """Return (logits (V,) of what follows tokens (1, T), the cache with all of them in it)."""
    if not cache:
        return model.read(tokens[:, -sees:])[0][0, -1], None
    known = past[0].shape[-2] if past else 0
    logits, past = model.read(tokens[:, known:], past)
    return logits[0, -1], past


def draw(logits: Tensor, temperature: float, dice: torch.Generator) -> Tensor:
    """Return the place of one character, int64 (1,), drawn from logits (V,)."""
    if not bool(torch.isfinite(logits).all()):
        raise CourseError("the logits are not finite: the run has diverged; lower the rate")
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    return torch.multinomial(probabilities(logits, temperature), 1, generator=dice)


# ---- repetition ---------------------------------------------------------------------------------


def share_of_repeats(text: str, n: int = 8) -> float:
    """Return the share of pieces of n characters that stood there before; NaN for a short text.

    1 - different pieces / pieces (Welleck et al. 2020, there for words).

    Args:
        text: at least n characters for a number.
        n: characters a piece.
    """
    n = check_count("n", n, 1, 10**6, "8 is longer than most items")
    pieces = [text[i : i + n] for i in range(len(text) - n + 1)]
    return 1 - len(set(pieces)) / len(pieces) if pieces else math.nan


class Loop(NamedTuple):
    """Where a text begins to repeat itself."""

    start: int
    """The place of its first character, from 0."""
    period: int
    """Characters a round."""


def loop(text: str) -> Loop | None:
    """Return the first loop that lasts to the end, at least two rounds; None if there is none.

    Of all (start, period) with text[i] = text[i + period] from start to the end, the least start,
    then the least period.
    """
    best: Loop | None = None
    for period in range(1, len(text) // 2 + 1):
        start = len(text) - period
        while start and text[start - 1] == text[start - 1 + period]:
            start -= 1
        if len(text) - start >= 2 * period and (best is None or start < best.start):
            best = Loop(start, period)
    return best


def longest_text(characters: int, context: int) -> int:
    """Return the most characters in which no piece of `context` characters comes twice.

    There are characters ** context pieces, and each place but the last context - 1 begins one. A
    de Bruijn sequence is that long. A greedy text that is longer has met a piece again: from there
    on it repeats.

    Args:
        characters: how many different ones there are, 1 or more.
        context: how many of them decide the next one, 1 or more.
    """
    characters = check_count("characters", characters, 1, 10**6, "different ones")
    context = check_count("context", context, 1, 10**3, "characters")
    return characters**context + context - 1
