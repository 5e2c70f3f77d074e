"""Wrong answers to the exercises of 3_09_depth: (exercise, answer, what its message says)."""

import math

import torch

from course.lessons.exercises import depth

FACTOR, START = depth.factor, depth.start


def measured(change):
    """change(f(z)) for many z of size 1."""
    return lambda f: change(f(torch.randn(200_000)))


def rms(a):
    return a.square().mean().sqrt()


def right_slope(f):
    return 1 / f(torch.tensor(1.0))


def mean_slope(f):
    return 2 / (f(torch.tensor(1.0)) - f(torch.tensor(-1.0)))


def first_only():
    """Right for the first f that it meets, and the same number for all others."""
    kept = []

    def answer(f):
        kept.append(float(1 / rms(f(torch.randn(200_000)))))
        return kept[0]

    return answer


def of_two_slopes(f):
    """Right for slopes above 0; with a slope of 0 it takes the right one twice."""
    p, q = float(f(torch.tensor(1.0))), -float(f(torch.tensor(-1.0)))
    return math.sqrt(2 / (p * p + (q * q or p * p)))


def normal(size):
    """Normal weights of a size that depends on (n_out, n_in)."""
    return lambda n_out, n_in: size(n_out, n_in) * torch.randn(n_out, n_in)


def he(n_out, n_in):
    return torch.randn(n_out, n_in) * math.sqrt(2 / n_in)


def seeded(n_out, n_in):
    torch.manual_seed(0)
    return he(n_out, n_in)


def even(low, high):
    return lambda n_out, n_in: (low + (high - low) * torch.rand(n_out, n_in)) * math.sqrt(2 / n_in)


WRONG = [
    (FACTOR, 1.4, "function itself"),
    (FACTOR, lambda f: None, "returns nothing"),
    (FACTOR, lambda f: f(torch.randn(5)), "Return one number"),
    (FACTOR, lambda f: float("nan"), "not a number"),
    (FACTOR, lambda f: math.sqrt(2), "He's factor"),
    (FACTOR, lambda f: 1.0, "g = 1 suits"),
    (FACTOR, measured(lambda a: 1 / a.square().mean()), "Take the root"),
    (FACTOR, measured(rms), "Upside down"),
    (FACTOR, measured(lambda a: a.square().mean()), "mean of f(z)²"),
    (FACTOR, measured(lambda a: 1 / a.std()), "standard deviation"),
    (FACTOR, measured(lambda a: 1 / a.abs().mean()), "mean of |f(z)|"),
    (FACTOR, right_slope, "right of 0 alone"),
    (FACTOR, mean_slope, "mean the *squares*"),
    (FACTOR, measured(lambda a: 9 / rms(a)), "times as large through 20 layers"),
    (FACTOR, measured(lambda a: 0.4 / rms(a)), "of its size through 20 layers"),
    (FACTOR, measured(lambda a: -1 / rms(a)), "turned round"),
    (FACTOR, first_only(), "is a number or a size fixed?"),
    (FACTOR, of_two_slopes, "g = 1 suits"),
    (FACTOR, lambda f: 1 / 0, "ZeroDivisionError"),
    (START, torch.zeros(2, 2), "function itself"),
    (START, lambda n_out, n_in: None, "returns nothing"),
    (START, lambda n_out, n_in: torch.full((n_out, n_in), 0.1), "All weights are equal"),
    (START, lambda n_out, n_in: torch.randn(n_in) * torch.ones(n_out, 1), "All rows are equal"),
    (START, lambda n_out, n_in: torch.randn(n_out, 1) * torch.ones(n_in), "All columns are equal"),
    (START, seeded, "Two calls give the same numbers"),
    (START, lambda n_out, n_in: he(n_in, n_out), "is a number or a size fixed? Transposed"),
    (START, lambda n_out, n_in: torch.randn(n_out), "W has the shape"),
    (START, lambda n_out, n_in: he(n_out, n_in) / 0, "not finite"),
    (START, even(0, 1), "mean of the weights is not 0"),
    (START, even(-1, 1), "widen the ends by √3"),
    (START, normal(lambda n, m: 2 / m), "2/n_in is the *variance*"),
    (START, normal(lambda n, m: math.sqrt(1 / m)), "ReLU takes half"),
    (START, normal(lambda n, m: math.sqrt(1 / (3 * m))), "PyTorch's start"),
    (START, normal(lambda n, m: 1.0), "each of size 1"),
    (START, normal(lambda n, m: math.sqrt(2 / n)), "count the outputs"),
    (START, normal(lambda n, m: math.sqrt(4 / (n + m))), "equal widths only"),
    (START, normal(lambda n, m: math.sqrt(2 / (n + m))), "ReLU takes half"),
    (START, normal(lambda n, m: 0.1), "through 20 ReLU layers"),
    (START, normal(lambda n, m: 0.01), "of its size"),
    (START, lambda n_out, n_in: torch.randn(n_out, 7), "W has the shape"),
]
