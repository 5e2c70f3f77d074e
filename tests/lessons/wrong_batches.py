"""Wrong answers to the exercises of 3_03b_batches, and what each message must say."""

import math

import torch

from course.lessons.exercises import batches


def shuffled(n, generator, size):
    return torch.randperm(n, generator=generator).split(size)


def sgd(rows=shuffled, move=lambda w, g, lr, size, n: w - lr * g.mean(0), end=lambda w: w):
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
    parts = torch.randperm(n, generator=generator).split(batch_size)
    return w - lr * sum(gradients(w, rows).mean(0) for rows in parts)


def one_behind(w, n, gradients, lr, batch_size, generator):
    """Takes every step and returns the w before the last one."""
    for rows in torch.randperm(n, generator=generator).split(batch_size):
        before, w = w, w - lr * gradients(w, rows).mean(0)
    return before


# ---- orders -----------------------------------------------------------------------------------


def with_replacement(n, generator, size):
    return torch.randint(n, (n,), generator=generator).split(size)


def no_tail(n, generator, size):
    return torch.randperm(n, generator=generator)[: n // size * size].split(size)


def fixed_order(n, generator, size):
    return torch.randperm(n, generator=torch.Generator().manual_seed(0)).split(size)


def own_draw(n, generator, size):
    return torch.randperm(n).split(size)


def shuffled_blocks(n, generator, size):
    blocks = torch.arange(n).split(size)
    return [blocks[i] for i in torch.randperm(len(blocks), generator=generator)]


def stirred_blocks(n, generator, size):
    """Blocks in random order, each shuffled inside: neighbours still share their batch."""
    blocks = shuffled_blocks(n, generator, size)
    return [rows[torch.randperm(len(rows), generator=generator)] for rows in blocks]


def rotated(n, generator, size):
    start = int(torch.randint(1, n, (), generator=generator))
    return torch.arange(n).roll(start).split(size)


def backwards(n, generator, size):
    return [rows.flip(0) for rows in reversed(rotated(n, generator, size))]


def stride(n, generator, size):
    """Every k-th row, k drawn, so that each row comes once."""
    k = n
    while math.gcd(k, n) > 1:
        k = int(torch.randint(2, n, (), generator=generator))
    return (torch.arange(n) * k % n).split(size)


def halves(n, generator, size):
    """The first half of the file shuffled, then the second."""
    low = torch.randperm(n // 2, generator=generator)
    high = n // 2 + torch.randperm(n - n // 2, generator=generator)
    return torch.cat([low, high]).split(size)


def half_shuffled(n, generator, size):
    low = torch.randperm(n // 2, generator=generator)
    return torch.cat([low, torch.arange(n // 2, n)]).split(size)


def evens_then_odds(n, generator, size):
    """Shuffled, but every even row comes before every odd one."""
    order = torch.randperm(n, generator=generator)
    return torch.cat([order[order % 2 == 0], order[order % 2 == 1]]).split(size)


def first_row_first(n, generator, size):
    rest = 1 + torch.randperm(n - 1, generator=generator)
    return torch.cat([torch.zeros(1, dtype=torch.int64), rest]).split(size)


def same_every_epoch(n, generator, size):
    """Takes the generator's seed instead of the generator."""
    again = torch.Generator().manual_seed(generator.initial_seed())
    return torch.randperm(n, generator=again).split(size)


EPOCH = [
    (3.0, "function itself"),
    (sgd(end=lambda w: None), "returns nothing"),
    (lambda w, n, gradients, lr, batch_size, generator: w, "No gradient was asked for"),
    (in_place, "changed the w"),
    (sgd(lambda n, g, size: torch.arange(n).split(size)), "order of the file"),
    (sgd(with_replacement), "came twice"),
    (sgd(no_tail), "never looked at"),
    (sgd(lambda n, g, size: torch.randperm(n, generator=g).split(1)), "that many at a time"),
    (sgd(lambda n, g, size: [torch.randperm(n, generator=g)]), "There were 1 batches"),
    (sgd(lambda n, g, size: torch.randperm(n, generator=g).split(8)), "take that many"),
    (sgd(own_draw), "two orders"),
    (sgd(fixed_order), "same order"),
    (sgd(same_every_epoch), "same order"),
    (sgd(evens_then_odds), "come early"),
    (sgd(first_row_first), "come early"),
    (sgd(shuffled_blocks), "stay together"),
    (sgd(stirred_blocks), "stay together"),
    (sgd(rotated), "stay together"),
    (sgd(backwards), "stay together"),
    (sgd(stride), "stay together"),
    (sgd(half_shuffled), "stay together"),
    (sgd(halves), "one part of the file"),
    (old_w, "old w"),
    (one_behind, "moved nothing"),
    (sgd(move=lambda w, g, lr, size, n: w + lr * g.mean(0)), "climbs"),
    (sgd(move=lambda w, g, lr, size, n: w - lr * g.sum(0)), "take the mean"),
    (sgd(move=lambda w, g, lr, size, n: w - g.mean(0)), "learning rate is missing"),
    (sgd(move=lambda w, g, lr, size, n: w - lr * g.mean()), "over the rows alone"),
    (sgd(move=lambda w, g, lr, size, n: w - 0.21 * g.mean(0)), "differs from"),
    (sgd(move=lambda w, g, lr, size, n: w - lr * g.sum(0) / size), "over its own"),
    (sgd(move=lambda w, g, lr, size, n: w - lr * g.sum(0) / n), "rows of all batches"),
    (sgd(move=lambda w, g, lr, size, n: w - lr * g[0]), "differs from"),
    (sgd(move=lambda w, g, lr, size, n: w - lr * g[:8].mean(0)), "differs from"),
    (sgd(move=lambda w, g, lr, size, n: 1 / 0), "ZeroDivisionError"),
]


# ---- parts of unequal size ----------------------------------------------------------------------


def weighted(change=lambda means, counts: None):
    def whole(means, counts):
        change(means, counts)
        return (counts[:, None] * means).sum(0) / counts.sum()

    return whole


def in_proportion(means, counts):
    return (means / counts[:, None]).sum(0) / (1 / counts).sum()


def of_two_parts(means, counts):
    """Forgets every part after the second."""
    means, counts = means[:2], counts[:2]
    return (counts[:, None] * means).sum(0) / counts.sum()


def of_five_parts(means, counts):
    """Forgets every part after the fifth."""
    means, counts = means[:5], counts[:5]
    return (counts[:, None] * means).sum(0) / counts.sum()


def changed_late(means, counts):
    found = weighted()(means, counts)
    counts += 1
    return found


WHOLE = [
    (5.0, "function itself"),
    (lambda means, counts: None, "returns nothing"),
    (lambda means, counts: means.mean(0), "mean of the means"),
    (lambda means, counts: means.sum(0), "sum of the means"),
    (lambda means, counts: (counts[:, None] * means).sum(0), "sum over all rows"),
    (lambda means, counts: (counts[:, None] * means).mean(0), "rows in all"),
    (lambda means, counts: (counts[:, None] * means).mean(0) / counts.sum(), "parts twice"),
    (in_proportion, "Upside down"),
    (lambda means, counts: means[counts.argmax()], "largest part"),
    (lambda means, counts: means.median(0).values, "median"),
    (of_two_parts, "how much does each"),
    (of_five_parts, "how much does each"),
    (changed_late, "changed the counts"),
    (lambda means, counts: weighted()(means, counts) + 1j, "how much does each"),
    (lambda means, counts: (counts[:, None] * means).sum(0) / 49, "how much does each"),
    (lambda means, counts: 0 * means[0], "how much does each"),
    (lambda means, counts: (counts[:, None] * means).sum() / counts.sum(), "one gradient"),
    (lambda means, counts: counts[:, None] * means / counts.sum(), "one gradient"),
    (lambda means, counts: float(means.mean()), "one gradient"),
    (weighted(lambda means, counts: means.mul_(2)), "how much does each"),
    (weighted(lambda means, counts: counts.add_(1)), "how much does each"),
]

# ---- two budgets --------------------------------------------------------------------------------

BUDGETS = [
    (32, "two pairs"),
    (((8, 0.3), ...), "still open"),
    (((8, 0.3), None), "One of the two parts is still open"),
    (((8, None), (128, 1.0)), "One of the two numbers is still open"),
    ((8, 0.3), "give a pair"),
    (((0, 0.3), (128, 1.0)), "whole number"),
    (((8.5, 0.3), (128, 1.0)), "whole number"),
    (((float("nan"), 0.3), (128, 1.0)), "whole number"),
    (((8, float("nan")), (128, 1.0)), "above 0"),
    (((8, -0.3), (128, 1.0)), "above 0"),
    (((1000, 1.0), (128, 1.0)), "smaller batches"),
    (((8, 0.03), (128, 1.0)), "Raise α"),
    (((1, 0.3), (128, 1.0)), "Lower α"),
    (((64, 0.5), (128, 1.0)), "Look at the figure"),
    (((128, 1.0), (8, 0.3)), "Look at the figure"),
    (((8, 0.3), (8, 0.3)), "too noisy"),
    (((8, 0.3), (128, 0.2)), "Raise α"),
    (((8, 0.3), (128, 3.0)), "Lower α"),
]

WRONG = [
    (exercise, answer, says)
    for exercise, answers in (
        (batches.epoch, EPOCH),
        (batches.whole, WHOLE),
        (batches.budgets, BUDGETS),
    )
    for answer, says in answers
]
