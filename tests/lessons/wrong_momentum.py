"""Wrong answers to the exercises of 3_04_momentum: exercise, answer, words of its message."""

import torch

from course.lessons.exercises import momentum


def step(new_v, move=lambda w, v, new, g, lr, b: w - lr * new, order=1):
    """A one-step function made of its two lines, to be wrong in exactly one of them."""

    def answer(w, v, g, lr, beta):
        new = new_v(v, g, beta, lr)
        return (move(w, v, new, g, lr, beta), new)[::order]

    return answer


def ema(v, g, b, lr):
    return b * v + (1 - b) * g


def gradient_in_place(w, v, g, lr, beta):
    v = beta * v + g.mul_(1 - beta)
    return w - lr * v, v


def memory_in_place(w, v, g, lr, beta):
    v.mul_(beta).add_(g, alpha=1 - beta)
    return w - lr * v, v


def weight_in_place(w, v, g, lr, beta):
    v = beta * v + (1 - beta) * g
    return w.sub_(lr * v), v


def old_v(w, v, g, lr, beta):
    return w - lr * (beta * v + (1 - beta) * g), v


def only_the_first(w, v, g, lr, beta):
    v = beta * v[0] + (1 - beta) * g[0]
    return w[0] - lr * v, v


def only_three(w, v, g, lr, beta):
    new = torch.zeros_like(v)
    new[:3] = beta * v[:3] + (1 - beta) * g[:3]
    return w - lr * new, new


def mean_of_all(w, v, g, lr, beta):
    new = beta * v + (1 - beta) * g.mean()
    return w - lr * new, new


def complex_numbers(w, v, g, lr, beta):
    new = (beta * v + (1 - beta) * g).to(torch.complex128)
    return w - lr * new, new


def from_nothing(w, v, g, lr, beta):
    new = (1 - beta) * g
    return w - lr * new, new


def positive(w, v, g, lr, beta):
    """Takes every gradient for positive."""
    new = beta * v + (1 - beta) * g.abs()
    return w - lr * new, new


def only_four(w, v, g, lr, beta):
    new = v.clone()
    new[:4] = beta * v[:4] + (1 - beta) * g[:4]
    return w - lr * new, new


WRONG = [
    (momentum.ema_step, lambda w, v, g, lr, beta: ..., "returns nothing"),
    (momentum.ema_step, lambda w, v, g, lr, beta: (w, None), "One of the two things is still open"),
    (momentum.ema_step, 0.7, "function itself"),
    (momentum.ema_step, lambda w, v, g, lr, beta: w, "two things"),
    (momentum.ema_step, lambda w, v, g: (w, v), "raised TypeError"),
    (momentum.ema_step, step(ema, order=-1), "order"),
    (momentum.ema_step, step(lambda v, g, b, lr: (1 - b) * v + b * g), "β and 1 - β are swapped"),
    (momentum.ema_step, step(lambda v, g, b, lr: b * v + g), "heavy ball"),
    (momentum.ema_step, step(lambda v, g, b, lr: ema(v, g, b, lr) / (1 - b)), "divided v"),
    (momentum.ema_step, old_v, "v came back unchanged"),
    (momentum.ema_step, step(lambda v, g, b, lr: g), "your v is"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w + lr * new), "climbs"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w - lr * v), "old v"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w - lr * g), "along g"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w - new), "Where is α"),
    # cheats that fit one pair of numbers, one size, or one entry
    (momentum.ema_step, step(lambda v, g, b, lr: (1 - lr) * v + lr * g), "in the step alone"),
    (momentum.ema_step, step(lambda v, g, b, lr: lr * v + (1 - lr) * g), "α and β are swapped"),
    (momentum.ema_step, step(lambda v, g, b, lr: 0.9 * v + 0.1 * g), "your v is"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w - 0.1 * new), "your w is"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w - (1 - b) * new), "not 1 - β"),
    (momentum.ema_step, gradient_in_place, "changed the g"),
    (momentum.ema_step, memory_in_place, "changed the v"),
    (momentum.ema_step, weight_in_place, "changed the w"),
    (momentum.ema_step, only_the_first, "weights return"),
    (momentum.ema_step, only_three, "your v is"),
    (momentum.ema_step, only_four, "your v is"),
    (momentum.ema_step, positive, "not yet"),
    (momentum.ema_step, mean_of_all, "your v is"),
    (momentum.ema_step, complex_numbers, "real numbers"),
    (momentum.ema_step, from_nothing, "your v is"),
    (momentum.ema_step, lambda w, v, g, lr, beta: (w.sum(), v.sum()), "weights return"),
    (momentum.ema_step, step(lambda v, g, b, lr: b * v - (1 - b) * g), "*plus*"),
    (momentum.ema_step, step(lambda v, g, b, lr: lr * ema(v, g, b, lr)), "α is inside your v"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w), "w came back unchanged"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr, b: w - lr * (1 - b) * new), "already"),
    (momentum.ravine, 0.1, "two numbers"),
    (momentum.ravine, (None, 0.5), "One of the two numbers is still open"),
    (momentum.ravine, (0.076, 0.0), "Without memory"),
    (momentum.ravine, (1.6, 0.9), "diverges"),
    (momentum.ravine, (1.5199, 0.9), "limit"),
    (momentum.ravine, (0.2 * 5 / 9, 4 / 9), "divided by 1 - β"),
    (momentum.ravine, (0.1, 0.67), "Lower β"),  # the fastest spot of the other ravine
    (momentum.ravine, (0.3, 0.8), "Lower β"),
    (momentum.ravine, (0.04, 0.5), "creeps"),
    (momentum.ravine, (0.2, 0.443), "Lower α"),  # rounded down, past the corner
    (momentum.ravine, (-1, 0.5), "range"),
    (momentum.ravine, (0.2, 1.0), "raised"),
    (momentum.ravine, (float("nan"), 0.5), "raised"),
    (momentum.ravine, ("α", "β"), "raised"),
    (momentum.long_run, (..., ..., ...), "open"),
    (momentum.long_run, (30, 0.3, None), "One of the three parts is still open"),
    (momentum.long_run, 30, "three things"),
    (momentum.long_run, (0.3, 30, "b"), "swapped"),
    (momentum.long_run, (100, 1, "b"), "the two v"),
    (momentum.long_run, (3, 0.3, "b"), "old β"),
    (momentum.long_run, (0.3, 0.003, "b"), "first"),
    (momentum.long_run, (0.3, 0.3, "a"), "adds up"),
    (momentum.long_run, (30, 30, "b"), "average of ones"),
    (momentum.long_run, (-30, -0.3, "b"), "lengths"),
    (momentum.long_run, (7, 0.3, "b"), "heavy-ball move"),
    (momentum.long_run, (30, 7, "b"), "average's move"),
    (momentum.long_run, (30, 0.3, "a"), "same pace"),
    (momentum.long_run, (30, 0.3, "c"), "same function"),
    (momentum.long_run, (30, 0.3, "d"), "first step"),
]
