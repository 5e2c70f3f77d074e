"""Wrong answers to the exercises of 4_code_examples: (exercise, answer, what is said)."""

import torch
from torch import nn

from course.lessons.exercises import code_examples

MEMORY, REPORT = code_examples.memory, code_examples.report


def trained(net, x, y, optimiser, updates):
    for _ in range(updates):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()


def first_program(net, x, y):
    trained(net, x, y, torch.optim.SGD(net.parameters(), 0.01), 10)


def short_steps(net, x, y):
    trained(net, x, y, torch.optim.SGD(net.parameters(), 0.01), 100)


def too_long(net, x, y):
    trained(net, x, y, torch.optim.Adam(net.parameters()), 101)


def all_but_a_few(net, x, y):
    trained(net, x[:-20], y[:-20], torch.optim.Adam(net.parameters(), 0.01), 100)


def another(net, x, y):
    other = nn.Linear(x.shape[1], 10)
    trained(other, x, y, torch.optim.Adam(other.parameters()), 100)


def uphill(net, x, y):
    trained(net, x, y, torch.optim.Adam(net.parameters(), maximize=True), 100)


def broken(net, x, y):
    trained(net, x, y, torch.optim.SGD(net.parameters(), float("inf")), 5)


def few(net, x, y):
    trained(net, x, y, torch.optim.Adam(net.parameters()), 5)


def changes_x(net, x, y):
    trained(net, x, y, torch.optim.Adam(net.parameters()), 100)
    x.zero_()


def summed(losses, sizes):
    return sum(loss * n for loss, n in zip(losses, sizes, strict=True))


WRONG = [
    (MEMORY, 1.0, "Hand over the function itself"),
    (MEMORY, lambda net, x, y: None, "is as it was"),
    (MEMORY, first_program, "More updates are allowed"),
    (MEMORY, few, "More updates are allowed"),
    (MEMORY, short_steps, "too short"),
    (MEMORY, uphill, "points elsewhere"),
    (MEMORY, too_long, "101 updates; 100 are allowed"),
    (MEMORY, all_but_a_few, "Nearly"),
    (MEMORY, another, "not of this network"),
    (MEMORY, broken, "not finite"),
    (MEMORY, changes_x, "changed the x"),
    (REPORT, 1.0, "Hand over the function itself"),
    (REPORT, lambda losses, sizes: None, "returns nothing yet"),
    (REPORT, lambda losses, sizes: "low", "Return one number"),
    (REPORT, lambda losses, sizes: sum(losses) / sum(sizes), "once for each of its rows"),
    (REPORT, lambda losses, sizes: sum(losses) / len(losses), "weigh it by"),
    (REPORT, lambda losses, sizes: sizes[0] * sum(losses) / sum(sizes), "as if it were full"),
    (REPORT, lambda losses, sizes: losses[-1], "the last batch alone"),
    (REPORT, summed, "divide it by their number"),
    (REPORT, lambda losses, sizes: summed(losses, sizes) / len(losses), "number of batches"),
    (REPORT, lambda losses, sizes: sum(losses), "sum of the batches' means"),
    (REPORT, lambda losses, sizes: 0.123, "near the full batches"),
]
