"""Wrong answers to the exercises of 3_03_gradient_descent, and what each message must say."""

import torch

from course.lessons.exercises import gradient_descent


def sgd(
    rows=lambda n, generator, size: torch.randperm(n, generator=generator).split(size),
    move=lambda w, g, lr, size, n: w - lr * g.mean(0),
    end=lambda w: w,
):
    """An epoch made of its three parts, to be wrong in exactly one of them."""

    def epoch(w, n, gradients, lr, batch_size, generator):
        for batch in rows(n, generator, batch_size):
            w = move(w, gradients(w, batch), lr, batch_size, n)
        return end(w)

    return epoch


def in_place(w, n, gradients, lr, batch_size, generator):
    for rows in torch.randperm(n, generator=generator).split(batch_size):
        w -= lr * gradients(w, rows).mean(0)
    return w


def old_w(w, n, gradients, lr, batch_size, generator):
    batches = torch.randperm(n, generator=generator).split(batch_size)
    return w - lr * sum(gradients(w, rows).mean(0) for rows in batches)


def with_replacement(n, generator, size):
    return torch.randint(n, (n,), generator=generator).split(size)


def no_tail(n, generator, size):
    return torch.randperm(n, generator=generator)[: n // size * size].split(size)


def fixed_order(n, generator, size):
    return torch.randperm(n, generator=torch.Generator().manual_seed(0)).split(size)


def own_draw(n, generator, size):
    return torch.randperm(n).split(size)


EPOCH, EDGE, BUDGETS = gradient_descent.epoch, gradient_descent.edge, gradient_descent.budgets

WRONG = [
    (EPOCH, 3.0, "function itself"),
    (EPOCH, sgd(end=lambda w: None), "returns nothing"),
    (EPOCH, lambda w, n, gradients, lr, batch_size, generator: w, "No gradient was asked for"),
    (EPOCH, in_place, "handed over has changed"),
    (EPOCH, sgd(lambda n, g, size: torch.arange(n).split(size)), "order of the file"),
    (EPOCH, sgd(with_replacement), "came twice"),
    (EPOCH, sgd(no_tail), "never looked at"),
    (EPOCH, sgd(lambda n, g, size: torch.randperm(n, generator=g).split(1)), "that many at a time"),
    (EPOCH, sgd(lambda n, g, size: [torch.randperm(n, generator=g)]), "A batch had 10 rows"),
    (EPOCH, sgd(own_draw), "two orders"),
    (EPOCH, sgd(fixed_order), "same order"),
    (EPOCH, old_w, "old w"),
    (EPOCH, sgd(move=lambda w, g, lr, size, n: w + lr * g.mean(0)), "climbs"),
    (EPOCH, sgd(move=lambda w, g, lr, size, n: w - lr * g.sum(0)), "take the mean"),
    (EPOCH, sgd(move=lambda w, g, lr, size, n: w - g.mean(0)), "learning rate is missing"),
    (EPOCH, sgd(move=lambda w, g, lr, size, n: w - lr * g.sum(0) / size), "over its own 2"),
    (EPOCH, sgd(move=lambda w, g, lr, size, n: w - lr * g.sum(0) / n), "Divided by all"),
    (EPOCH, sgd(move=lambda w, g, lr, size, n: w - lr * g[0]), "differs from"),
    (EPOCH, sgd(move=lambda w, g, lr, size, n: 1 / 0), "ZeroDivisionError"),
    (EDGE, 0.2, "two numbers"),
    (EDGE, (2 / 9, ...), "still open"),
    (EDGE, (None, 0.2), "One of the two parts is still open"),
    (EDGE, (0.2, 2 / 9), "swapped"),
    (EDGE, (2 / 5, 0.2), "along w₁ only"),
    (EDGE, (1 / 9, 0.2), "in one step"),
    (EDGE, (2.0, 0.2), "flattest"),
    (EDGE, (0.2, 0.1), "another special rate"),
    (EDGE, (4.5, 0.2), "Upside down"),
    (EDGE, (9, 0.2), "λ_max itself"),
    (EDGE, (0.3, 0.2), "edge is not that"),
    (EDGE, (2 / 9, 1 / 9), "flat one creeps"),
    (EDGE, (2 / 9, 2 / 9), "flips for ever"),
    (EDGE, (2 / 9, 1), "steep one diverges"),
    (EDGE, (2 / 9, 0.15), "Fastest: the larger"),
    (BUDGETS, 32, "two pairs"),
    (BUDGETS, ((8, 0.3), ...), "still open"),
    (BUDGETS, ((8, 0.3), None), "One of the two parts is still open"),
    (BUDGETS, ((8, None), (128, 1.0)), "One of the two numbers is still open"),
    (BUDGETS, (8, 0.3), "give a pair"),
    (BUDGETS, ((0, 0.3), (128, 1.0)), "whole number"),
    (BUDGETS, ((1000, 1.0), (128, 1.0)), "smaller batches"),
    (BUDGETS, ((8, 0.03), (128, 1.0)), "Raise α"),
    (BUDGETS, ((1, 0.3), (128, 1.0)), "Lower α"),
    (BUDGETS, ((64, 0.5), (128, 1.0)), "Look at the picture"),
    (BUDGETS, ((8, 0.3), (8, 0.3)), "too noisy"),
    (BUDGETS, ((8, 0.3), (128, 0.2)), "Raise α"),
    (BUDGETS, ((8, 0.3), (128, 3.0)), "Lower α"),
]
