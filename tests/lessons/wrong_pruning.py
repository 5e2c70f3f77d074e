"""Wrong answers to the exercises of 3_13_pruning: (exercise, answer, what is said)."""

import torch

from course.lessons.exercises import pruning

MASK, WORTH = pruning.mask, pruning.worth


def right(W, sparsity):
    """A right answer, in a way of its own."""
    return (
        W.abs()
        > torch.cat([torch.tensor([-1.0]), W.abs().flatten().sort().values])[
            round(sparsity * W.numel())
        ]
    )


def signed(W, sparsity):
    return W >= W.flatten().sort().values[round(sparsity * W.numel())]


def per_row(W, sparsity):
    return torch.stack([right(row, sparsity) for row in W])


def shuffled(W, sparsity):
    return right(W, sparsity).flatten().roll(1).view(W.shape)


WRONG = [
    (MASK, True, "Hand over the function itself"),
    (MASK, lambda W, sparsity: None, "returns nothing yet"),
    (MASK, lambda W, sparsity: right(W, sparsity)[0], "the shape of W"),
    (MASK, lambda W, sparsity: right(W, sparsity).float(), "Return bools"),
    (MASK, lambda W, sparsity: ~right(W, sparsity), "True is a weight that stays"),
    (MASK, lambda W, sparsity: right(W, 1 - sparsity), "not the share that stays"),
    (MASK, signed, "a large negative weight matters"),
    (MASK, per_row, "the same share of each row"),
    (MASK, lambda W, sparsity: W.abs() > sparsity * W.abs().max(), "should stay"),
    (MASK, lambda W, sparsity: W.abs() > sparsity, "should stay"),
    (MASK, shuffled, "the number is right"),
    (WORTH, 0.5, "Hand over the function itself"),
    (WORTH, lambda v, i: None, "returns nothing yet"),
    (WORTH, lambda v, i: "half", "Return one number"),
    (WORTH, lambda v, i: v / (v + i), "the share that stays"),
    (WORTH, lambda v, i: i / v, "divide by both"),
    (WORTH, lambda v, i: v / i, "divide by both"),
    (WORTH, lambda v, i: 0.5, "as long as a value"),
    (WORTH, lambda v, i: 100 * i / (v + i), "a percentage"),
    (WORTH, lambda v, i: 0.123, "stay then"),
]
