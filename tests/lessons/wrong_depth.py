"""Wrong answers to the exercises of 3_09_depth: (exercise, answer, what its message says)."""

import math

import torch

from course.lessons.exercises import depth

N_VAR, START = depth.n_var, depth.start


def measured(change):
    """change(f(z)) for many z of size 1."""
    return lambda f: change(f(torch.randn(200_000)))


def rms(a):
    return a.square().mean().sqrt()


def right_slope(f):
    return 1 / f(torch.tensor(1.0)) ** 2


def mean_slope(f):
    return (2 / (f(torch.tensor(1.0)) - f(torch.tensor(-1.0)))) ** 2


def first_only():
    """Right for the first f that it meets, and the same number for all others."""
    kept = []

    def answer(f):
        kept.append(float(1 / rms(f(torch.randn(200_000))) ** 2))
        return kept[0]

    return answer


def of_two_slopes(f):
    """Right for slopes above 0; with a slope of 0 it takes the right one twice."""
    p, q = float(f(torch.tensor(1.0))), -float(f(torch.tensor(-1.0)))
    return 2 / (p * p + (q * q or p * p))


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
    (N_VAR, 1.4, "function itself"),
    (N_VAR, lambda f: None, "returns nothing"),
    (N_VAR, lambda f: f(torch.randn(5)), "Return one number"),
    (N_VAR, lambda f: float("nan"), "not a number"),
    (N_VAR, lambda f: 2.0, "He's"),
    (N_VAR, lambda f: 1.0, "suits an f that leaves"),
    (N_VAR, measured(lambda a: 1 / rms(a)), "root of it"),
    (N_VAR, measured(lambda a: rms(a) ** 2), "Upside down"),
    (N_VAR, measured(rms), "That is the size of f(z)"),
    (N_VAR, measured(lambda a: 1 / a.var()), "takes the mean off"),
    (N_VAR, measured(lambda a: 1 / a.abs().mean() ** 2), "mean of |f(z)|"),
    (N_VAR, right_slope, "right of 0 alone"),
    (N_VAR, lambda f: 2 * right_slope(f), "0 left of 0, as ReLU"),
    (N_VAR, measured(lambda a: 0.9 / rms(a) ** 2), "near, but not within 3 %"),
    (N_VAR, mean_slope, "mean slope"),
    (N_VAR, measured(lambda a: 81 / rms(a) ** 2), "times as large through 20 layers"),
    (N_VAR, measured(lambda a: 0.16 / rms(a) ** 2), "of its size through 20 layers"),
    (N_VAR, lambda f: 0.0, "0.0e+00 of its size through 20 layers"),
    (N_VAR, measured(lambda a: -1 / rms(a) ** 2), "above 0"),
    (N_VAR, first_only(), "is a number or a size fixed?"),
    (N_VAR, of_two_slopes, "suits an f that leaves"),
    (N_VAR, lambda f: 1 / 0, "ZeroDivisionError"),
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
