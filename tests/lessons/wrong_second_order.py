"""Wrong answers to the exercises of 3_07_second_order: exercise, answer, its message."""

import math

import torch

from course.lessons.exercises import second_order


def power(product, n, count=60, shift=0.0, seed=0):
    """The eigenvalue of H + shift·I that is largest in size, by repeated products."""
    generator = torch.Generator().manual_seed(seed)
    r = torch.randn(n, generator=generator, dtype=torch.float64)
    for _ in range(count):
        r = product(r) + shift * r
        r = r / r.norm()
    return float(r @ (product(r) + shift * r))


def shifted(product, n, count=60):
    size = abs(power(product, n, count))
    return power(product, n, count, size) - size


def never_shifted_back(product, n):
    size = abs(power(product, n))
    return power(product, n, shift=size)


def too_long(product, n):
    r = torch.ones(n, dtype=torch.float64)
    for _ in range(150):
        r = 1e9 * product(r)
    return float(r @ product(r) / (r @ r))


def by_columns(product, n):
    H = torch.stack([product(e) for e in torch.eye(n, dtype=torch.float64)])
    return float(torch.linalg.eigvalsh(H)[-1])


def direction(product, n):
    return product(torch.ones(n, dtype=torch.float64))


def one_product(product, n):
    r = torch.ones(n, dtype=torch.float64)
    return float(r @ product(r) / n)


def rayleigh_of_a_long_vector(product, n):
    r = torch.ones(n, dtype=torch.float64)
    for _ in range(5):
        r = product(r)
    return float(r @ product(r))


def of_a_fixed_size(product, n):
    """Right, but for a size that it knows."""
    return shifted(product, n) if n == KNOWN else 1.0


KNOWN = second_order.Draw(17, square=True).sizes(1, 220, 260)[0]


def newton(x, loss, slope, curvature):
    return x - slope(x) / curvature(x)


def searched(x, loss, slope, curvature):
    d = -slope(x) / curvature(x)
    while loss(x + d) > loss(x) + 0.1 * slope(x) * d:
        d = d / 2
    return x + d


def endless(x, loss, slope, curvature):
    d = -slope(x) / curvature(x)
    while loss(x + d) >= loss(x):
        d = d / 2
    return x + d


def damped(mu):
    return lambda x, loss, slope, curvature: x - slope(x) / (curvature(x) + mu)


def capped(most):
    """Newton's step, never longer than `most`: too long for a narrow curve."""
    return lambda x, loss, slope, curvature: x - max(-most, min(most, slope(x) / curvature(x)))


def by_its_slope(x, loss, slope, curvature):
    """Damped by as much as the curve is steep: too little for a narrow one."""
    return x - slope(x) / (curvature(x) + abs(slope(x)))


def share(alpha):
    return lambda x, loss, slope, curvature: x - alpha * slope(x) / curvature(x)


largest, tame = second_order.largest, second_order.tame
WRONG = [
    (largest, 9.0, "function itself"),
    (largest, lambda product, n: ..., "returns nothing"),
    (largest, direction, "one number, the eigenvalue"),
    (largest, too_long, "Divide it by its length"),
    (largest, by_columns, "do not build H"),
    (largest, lambda product, n: power(product, n, 190), "largest in *size*"),
    (largest, lambda product, n: abs(power(product, n, 190)), "largest in *size*"),
    (largest, never_shifted_back, "take s away again"),
    (largest, one_product, "One product is not enough"),
    (largest, lambda product, n: 9.5, "One product is not enough"),
    (largest, lambda product, n: shifted(product, n, 2), "how many did you take"),
    (largest, rayleigh_of_a_long_vector, "r of length 1"),
    (largest, of_a_fixed_size, "One product is not enough"),
    (largest, lambda product, n: shifted(product, n, 150), "at most 200"),
    (largest, lambda product, n: power(product, n, 190, 100.0) - 100, "largest in *size*"),
    (largest, lambda product, n: power(product, n, 190, 2000.0) - 2000, "how many did you take"),
    (tame, 0.0, "function itself"),
    (tame, lambda x, loss, slope, curvature: ..., "returns nothing"),
    (tame, lambda x, loss, slope, curvature: "0", "never asks for the curvature"),
    (tame, newton, "whole step"),
    (tame, lambda *given: newton(*given) - given[0], "the step itself"),
    (tame, lambda x, loss, slope, curvature: x, "has not moved"),
    (tame, lambda x, loss, slope, curvature: x + slope(x) / curvature(x), "uphill"),
    (tame, share(0.1), "Near the bottom"),
    (tame, share(0.7), "very long"),
    (tame, lambda x, loss, slope, curvature: x - slope(x), "never asks for the curvature"),
    (tame, lambda x, loss, slope, curvature: 0.0, "never asks for the curvature"),
    (tame, damped(0.01), "from one side to the other"),
    (tame, damped(1.0), "a fixed damping"),
    (tame, damped(30.0), "a fixed damping"),
    (tame, capped(1.0), "from one side to the other"),
    (tame, capped(5.0), "from one side to the other"),
    (tame, by_its_slope, "from one side to the other"),
    (tame, endless, "does every loop end"),
    (tame, lambda x, *functions: math.log(-1), "raised ValueError"),
    (tame, lambda x, loss, slope, curvature: math.nan, "lost after 1 steps"),
]
