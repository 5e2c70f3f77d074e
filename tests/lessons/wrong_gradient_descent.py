"""Wrong answers to the exercises of 3_03_gradient_descent, and what each message must say."""

import torch

from course.lessons.exercises import gradient_descent
from course.lessons.exercises.gradient_descent import best_rate, edge, patience

BEST = 2 / 101


def rule(
    lower=lambda losses, look, best: losses[look] < losses[best],
    over=lambda worse, patience: worse >= patience,
    back=lambda worse: 0,
    end=lambda look, best, losses, patience: (look, best),
    after=lambda losses, best: (len(losses) - 1, best),
):
    """A rule with patience made of its parts, to be wrong in exactly one of them."""

    def stop(losses, patience):
        best, worse = 0, 0
        for look in range(1, len(losses)):
            if lower(losses, look, best):
                worse = back(worse)
            else:
                worse += 1
            if losses[look] < losses[best]:
                best = look
            if over(worse, patience):
                return end(look, best, losses, patience)
        return after(losses, best)

    return stop


def lowest(losses):
    return losses.index(min(losses))


def ties(losses, patience):
    best, worse = 0, 0
    for look in range(1, len(losses)):
        best, worse = (look, 0) if losses[look] <= losses[best] else (best, worse + 1)
        if worse == patience:
            return look, best
    return len(losses) - 1, best


def sorts(losses, patience):
    found = rule()(losses, patience)
    losses.sort()
    return found


def pops(losses, patience):
    found = rule()(losses, patience)
    losses.pop()
    return found


def from_ten(losses, patience):
    """Starts from a lowest loss of 10, which is low for large losses."""
    lowest, best, worse = 10.0, 0, 0
    for look, loss in enumerate(losses):
        lowest, best, worse = (loss, look, 0) if loss < lowest else (lowest, best, worse + 1)
        if worse == patience:
            return look, best
    return len(losses) - 1, best


def rates(low=lambda H: torch.linalg.eigvalsh(H)[0], high=lambda H: torch.linalg.eigvalsh(H)[-1],
          pair=lambda low, high: (2 / high, 2 / (low + high))):  # fmt: skip
    """The two rates made of their parts, to be wrong in exactly one of them."""
    return lambda H: pair(low(H), high(H))


def in_place(H):
    found = rates()(H)
    H *= 2
    return found


def two_by_two(H):
    """Right for two weights only."""
    half, d = (H[0, 0] + H[1, 1]) / 2, (H[0, 0] - H[1, 1]) / 2
    root = (d**2 + H[0, 1] ** 2) ** 0.5
    return 2 / (half + root), 1 / half


WRONG = [
    (best_rate, 0.02, "three numbers"),
    (best_rate, (0.02, BEST), "three numbers"),
    (best_rate, (0.02, BEST, ...), "still open"),
    (best_rate, (None, BEST, 0.98), "One of the three numbers is still open"),
    (best_rate, ("a", BEST, 0.98), "ValueError"),
    (best_rate, (float("nan"), BEST, 0.98), "The edge"),
    (best_rate, (BEST, 0.02, 99 / 101), "swapped"),
    (best_rate, (0.01, BEST, 99 / 101), "edge is farther"),
    (best_rate, (2, BEST, 99 / 101), "*flat* direction"),
    (best_rate, (1, BEST, 99 / 101), "*flat* direction"),
    (best_rate, (BEST, BEST, 99 / 101), "another special rate"),
    (best_rate, (50, BEST, 99 / 101), "upside down"),
    (best_rate, (200, BEST, 99 / 101), "multiplied"),
    (best_rate, (0.03, BEST, 99 / 101), "which of the two directions"),
    (best_rate, (0.02, 0.01, 0.99), "keeps 99 %"),
    (best_rate, (0.02, 0.02, 0.98), "side to side"),
    (best_rate, (0.02, 1, 0.98), "steep one diverges"),
    (best_rate, (0.02, 1 / 101, 0.98), "half of it"),
    (best_rate, (0.02, 2 / 99, 0.98), "check the sign"),
    (best_rate, (0.02, 50.5, 0.98), "upside down"),
    (best_rate, (0.02, 0.015, 0.98), "as small as it can be"),
    (best_rate, (0.02, BEST, BEST), "takes away"),
    (best_rate, (0.02, BEST, (99 / 101) ** 2), "a square"),
    (best_rate, (0.02, BEST, 0.99), "belongs to α = 1/100"),
    (best_rate, (0.02, BEST, -99 / 101), "without the sign"),
    (best_rate, (0.02, BEST, 101 / 99), "growth"),
    (best_rate, (0.02, BEST, 0.5), "factor of the flat"),
    (patience, 3.0, "function itself"),
    (patience, lambda losses, patience: None, "returns nothing yet"),
    (patience, lambda losses, patience: 3, "two numbers"),
    (patience, lambda losses, patience: (1, 2, 3), "two numbers"),
    (patience, lambda losses, patience: 1 / 0, "ZeroDivisionError"),
    (patience, sorts, "changed the losses"),
    (patience, pops, "changed the losses"),
    (patience, rule(after=lambda losses, best: None), "never over"),
    (patience, rule(end=lambda look, best, x, p: (best, look)), "swapped"),
    (patience, rule(end=lambda look, best, x, p: (look, lowest(x))), "looks ahead"),
    (patience, rule(end=lambda look, best, x, p: (look, look)), "not the best ones"),
    (patience, rule(over=lambda worse, patience: worse >= 1), "first look that is not lower"),
    (patience, rule(over=lambda worse, patience: worse > patience), "too late"),
    (patience, rule(over=lambda worse, patience: worse >= patience - 1), "too early"),
    (patience, rule(lower=lambda x, look, best: x[look] < x[look - 1]), "look before"),
    (patience, rule(back=lambda worse: worse), "back to 0"),
    (patience, ties, "equal loss"),
    (patience, from_ten, "stops at look"),
    (patience, lambda losses, patience: gradient_descent.stop_rule(losses, patience), "the judge"),
    (patience, lambda losses, patience: (lowest(losses), lowest(losses)), "without knowing"),
    (patience, rule(end=lambda look, best, x, p: (look + 1, best + 1)), "counted from 0"),
    (patience, rule(over=lambda worse, patience: False), "to its end"),
    (patience, rule(end=lambda look, best, x, p: (x[look], x[best])), "not their losses"),
    (patience, rule(after=lambda losses, best: (len(losses), best)), "stops at look"),
    (patience, rule(after=lambda losses, best: (best, best)), "without knowing"),
    (patience, lambda losses, patience: rule()(losses, 2), "too early"),
    (patience, lambda losses, patience: rule()(losses, 3), "too early"),
    (edge, (2 / 9, 0.2), "function itself"),
    (edge, lambda H: None, "returns nothing yet"),
    (edge, lambda H: 2 / torch.linalg.eigvalsh(H)[-1], "two numbers"),
    (edge, lambda H: 1 / 0, "ZeroDivisionError"),
    (edge, in_place, "changed the H"),
    (edge, lambda H: rates()(H * 1.0)[::-1], "swapped"),
    (edge, rates(low=lambda H: H.diagonal().min(), high=lambda H: H.diagonal().max()), "axes"),
    (edge, rates(pair=lambda low, high: (2 / low, 2 / (low + high))), "flattest direction"),
    (edge, rates(pair=lambda low, high: (2 / high, 1 / high)), "one creeps"),
    (edge, rates(pair=lambda low, high: (2 / high, 2 / high)), "jumps for ever"),
    (edge, rates(pair=lambda low, high: (1 / high, 2 / (low + high))), "edge is farther"),
    (edge, rates(pair=lambda low, high: (high / 2, (low + high) / 2)), "Upside down"),
    (edge, rates(pair=lambda low, high: (2 / high, 1 / (low + high))), "half of what"),
    (edge, lambda H: (2 / torch.linalg.eigvalsh(H)[-1], 2 / H.trace()), "not the sum"),
    (edge, lambda H: (2 / H.trace(), 2 / H.trace()), "trace is the sum"),
    (edge, lambda H: (2 / H.norm(), 2 / H.norm()), "norm of H"),
    (edge, lambda H: tuple(2 / torch.linalg.eigvals(H)[:2]), "complex"),
    (edge, rates(pair=lambda low, high: (2 / high, 2 / (3 * low + high))), "Fastest: the larger"),
    (edge, lambda H: (2 / 9, 2 / 10), "edge is not that"),
    (edge, two_by_two, "edge is not that"),
    (edge, rates(high=lambda H: H.abs().max()), "edge is not that"),
    (edge, rates(high=lambda H: torch.linalg.eigvalsh(H[:2, :2])[-1]), "edge is not that"),
    (edge, rates(pair=lambda low, high: (-2 / high, 2 / (low + high))), "edge is not that"),
]
