"""Wrong answers to the exercises of 3_05_clipping: exercise, answer, words of its message."""

import torch

from course.lessons.exercises import clipping


def norm_of(gradients):
    return sum((g**2).sum() for g in gradients) ** 0.5


def by(factor):
    """A clip that multiplies every entry by factor(gradients, c)."""
    return lambda gradients, c: [g * factor(gradients, c) for g in gradients]


def in_place(gradients, c):
    factor = c / max(float(norm_of(gradients)), c)
    return [g.mul_(factor) for g in gradients]


def per_layer(gradients, c):
    return [g * min(1.0, c / float(g.norm())) for g in gradients]


def largest(gradients, c):
    return c / max(g.abs().max() for g in gradients)


def root_mean_square(gradients, c):
    return c / (norm_of(gradients) / sum(g.numel() for g in gradients) ** 0.5)


def right_but_at_zero(gradients, c):
    factor = min(1.0, c / torch.sqrt(norm_of(gradients) ** 2))
    return [g / g.abs().clamp(max=0) * 0 if not g.any() else g * factor for g in gradients]


def first(count):
    """A clip by the norm of the first `count` layers only."""
    return by(lambda gradients, c: c / max(float(norm_of(gradients[:count])), c))


def two_layers(gradients, c):
    factor = min(1.0, c / float(norm_of(gradients)))
    return [gradients[0] * factor, gradients[1] * factor]


def value_then_norm(gradients, c):
    gradients = [g.clamp(-c, c) for g in gradients]
    return [g * (0.9 * c / norm_of(gradients)) for g in gradients]


def one_vector(gradients, c):
    return torch.cat([g.flatten() for g in gradients]) * (c / norm_of(gradients))


def remembered(gradients, c):
    """The answer to a problem of the chapter, whatever is asked."""
    return [torch.tensor([0.8, -2.4]), torch.tensor([[1.2, 0.0, 0.0]])]


def transposed(gradients, c):
    factor = min(1.0, c / float(norm_of(gradients)))
    return [(g * factor).mT if g.dim() == 2 else g * factor for g in gradients]


def turned_round(gradients, c):
    factor = min(1.0, c / float(norm_of(gradients)))
    return [g * factor for g in gradients][::-1]


def only_from_twice(gradients, c):
    """Leaves alone what is longer than c, but not twice as long."""
    norm = float(norm_of(gradients))
    return [g * (c / norm if norm > 2 * c else 1.0) for g in gradients]


def of_four_layers(gradients, c):
    factor = min(1.0, c / float(norm_of(gradients)))
    return [g * factor for g in gradients[:4]] + gradients[4:]


exercise = clipping.clip_by_norm
mean = clipping.mean_sign
quartic = clipping.quartic
WRONG = [
    (exercise, 0.5, "function itself"),
    (exercise, lambda gradients, c: ..., "returns nothing"),
    (exercise, lambda gradients, c: None, "returns nothing"),
    (exercise, lambda gradients, c: [*gradients[1:], None], "One of the tensors is still open"),
    (exercise, in_place, "changed the gradients"),
    (exercise, lambda gradients, c: gradients[0], "one tensor for each layer"),
    (exercise, lambda gradients, c: [g.flatten()[:1] for g in gradients], "shapes"),
    (exercise, by(lambda gs, c: 1.0), "Nothing was clipped"),
    (exercise, lambda gs, c: [g.clamp(-c, c) for g in gs], "by value"),
    (exercise, per_layer, "on its own"),
    (exercise, by(lambda gs, c: min(1.0, c / norm_of(gs) ** 2)), "squared"),
    (exercise, by(lambda gs, c: c / sum(g.norm() for g in gs)), "added up the norms"),
    (exercise, by(lambda gs, c: 1 / norm_of(gs)), "c is missing"),
    (exercise, by(lambda gs, c: norm_of(gs) / c), "upside down"),
    (exercise, by(lambda gs, c: c), "multiplied by c"),
    (exercise, by(largest), "largest entry"),
    (exercise, by(lambda gs, c: c / sum(g.abs().sum() for g in gs)), "sum of the sizes"),
    (exercise, by(root_mean_square), "mean"),
    (exercise, by(lambda gs, c: -c / norm_of(gs)), "sign"),
    (exercise, by(lambda gs, c: 0.7), "has norm"),
    (exercise, by(lambda gs, c: c / norm_of(gs)), "never lengthens"),
    (exercise, right_but_at_zero, "At g = 0"),
    (exercise, lambda gs, c: [c / 0 for g in gs], "ZeroDivisionError"),
    (exercise, by(lambda gs, c: c / 7), "has norm"),
    (exercise, by(lambda gs, c: 2.8 / norm_of(gs)), "has norm"),
    (exercise, by(lambda gs, c: 0.4), "has norm"),
    (exercise, first(1), "first layer only"),
    (exercise, first(2), "first two layers only"),
    (exercise, first(3), "has norm"),
    (exercise, first(5), "has norm"),
    (exercise, only_from_twice, "only a little longer"),
    (exercise, of_four_layers, "has norm"),
    (exercise, by(lambda gs, c: min(1.0, c / norm_of(gs)) + 0j), "has norm"),
    (exercise, by(lambda gs, c: c / max(g.norm() for g in gs)), "longest layer"),
    (exercise, by(lambda gs, c: c / (norm_of(gs) + 1)), "added 1"),
    (exercise, by(lambda gs, c: 0.0), "Everything became 0"),
    (exercise, two_layers, "one tensor for each layer"),
    (exercise, value_then_norm, "has norm"),
    (exercise, one_vector, "one tensor for each layer"),
    (exercise, remembered, "one tensor for each layer"),
    (exercise, transposed, "shapes changed"),
    (exercise, turned_round, "shapes changed"),
    (exercise, lambda gs, c: [float(g.sum()) for g in gs], "one tensor for each layer"),
    (mean, 0.4, "two numbers"),
    (mean, (..., ...), "open"),
    (mean, (-0.4, None), "One of the two numbers is still open"),
    (mean, (1.2, 4), "without clipping"),
    (mean, (-0.6, 4), "belongs to c = 1"),
    (mean, (0.5, 4), "equally frequent"),
    (mean, (-1.2, 4), "short enough"),
    (mean, (0.4, 4), "sign is not"),
    (mean, (7, 4), "mean is not that"),
    (mean, (-0.4, 10), "nothing is clipped any more"),
    (mean, (-0.4, 1), "mean was -0.6"),
    (mean, (-0.4, 5), "already +0.2"),
    (mean, (-0.4, 7), "the c is not"),
    (quartic, 0.4, "two numbers"),
    (quartic, (0.4, ...), "open"),
    (quartic, (None, 4.0), "One of the two numbers is still open"),
    (quartic, (0.4, 1e6), "diverges"),
    (quartic, (0.003, 1e6), "nothing is clipped"),
    (quartic, (0.01, 4.0), "length α·c"),
    (quartic, (0.6, 6.0), "side to side"),
    (quartic, (0.05, 40.0), "creeps"),
    (quartic, (-1, 4.0), "range"),
]
