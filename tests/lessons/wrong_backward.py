"""Wrong answers to the exercises of 3_02_backward: (exercise, answer, what its message says)."""

import torch

from course.lessons.exercises import backward

torch_like: dict = {"dtype": torch.float64}


def sketch(loss, gradient, theta, shift=0.3, h=1e-5):
    """What the right check compares: ours and the referee's slope in a random direction."""
    noise = torch.Generator().manual_seed(0)
    move, v = torch.randn(2, len(theta), generator=noise, **torch_like)
    theta = theta.double() + shift * move
    ours = float(gradient(theta) @ v)
    return ours, (loss(theta + h * v) - loss(theta - h * v)) / (2 * h)


def differences(loss, theta, h=1e-6):
    """Central differences of every entry."""
    steps = h * torch.eye(len(theta), **torch_like)
    slopes = [(loss(theta + s) - loss(theta - s)) / (2 * h) for s in steps]
    return torch.tensor(slopes, **torch_like)


def away(theta):
    """A point in float64 where no bias is 0."""
    noise = torch.randn(len(theta), generator=torch.Generator().manual_seed(0), **torch_like)
    return theta.double() + 0.3 * noise


def near(ours, referee, tolerance=1e-4):
    return abs(ours - referee) <= tolerance * abs(referee)


def it_trains(loss, gradient, theta):
    return loss(theta - 1e-2 * gradient(theta)) < loss(theta)


def at_the_start(loss, gradient, theta):
    return near(*sketch(loss, gradient, theta, shift=0.0))


def fixed_tolerance(loss, gradient, theta):
    ours, referee = sketch(loss, gradient, theta)
    return abs(ours - referee) < 1e-4


def fixed_and_wide(loss, gradient, theta):
    """Relative, or so small that it does not matter: the second half lets the small ones pass."""
    ours, referee = sketch(loss, gradient, theta)
    return near(ours, referee) or abs(ours - referee) < 1e-5


def strict(loss, gradient, theta):
    """A fixed tolerance that only a loss of ordinary size meets."""
    ours, referee = sketch(loss, gradient, theta)
    return near(ours, referee) and abs(referee) > 1e-3


def wide(loss, gradient, theta):
    return near(*sketch(loss, gradient, theta), 0.1 + 1 / 7)


def rather_wide(loss, gradient, theta):
    """Every entry, by the norm, yet 5 per cent are allowed."""
    theta = away(theta)
    referee = differences(loss, theta)
    return (gradient(theta) - referee).norm() < 0.05 * referee.norm()


def in_float32(loss, gradient, theta):
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(0))
    h = 1e-5
    return near(float(gradient(theta) @ v), (loss(theta + h * v) - loss(theta - h * v)) / (2 * h))


def sizes(loss, gradient, theta):
    ours, referee = sketch(loss, gradient, theta)
    return near(abs(ours), abs(referee))


def direction(loss, gradient, theta):
    """The cosine alone."""
    theta = away(theta)
    referee, ours = differences(loss, theta), gradient(theta)
    return float(ours @ referee / (ours.norm() * referee.norm())) > 1 - 1e-6


def a_few(loss, gradient, theta, entries=slice(16, None)):
    """Some entries only: not the first layer's."""
    theta = away(theta)
    referee = differences(loss, theta)[entries]
    return bool((gradient(theta)[entries] - referee).norm() < 1e-4 * referee.norm())


def a_weight_below(loss, gradient, theta):
    """The first weight of every layer, and no bias."""
    return a_few(loss, gradient, theta, [0, 16, 36])


def by_entry(loss, gradient, theta):
    theta = away(theta)
    return (gradient(theta) - differences(loss, theta)).abs() < 1e-6


def passes_only(mistake):
    """A right check that is blind to one mistake."""

    def answer(loss, gradient, theta):
        if near(*sketch(loss, gradient, theta)):
            return True
        problem = gradient.__closure__
        return any(cell.cell_contents == mistake for cell in problem)

    return answer


def layer(part, spoilt):
    """One of the three parts replaced: spoilt(delta, da, z, W, below)."""

    def answer(da, z, W, below):
        delta = da * (1 - z.tanh() ** 2)
        got = [delta @ below.t(), delta.sum(1), W.t() @ delta]
        got[part] = spoilt(delta, da, z, W, below)
        return tuple(got)

    return answer


def other_delta(change):
    """The three lines, with another δ."""

    def answer(da, z, W, below):
        delta = change(da, z)
        return delta @ below.t(), delta.sum(1), W.t() @ delta

    return answer


def in_place(da, z, W, below):
    da *= 1 - z.tanh() ** 2
    return da @ below.t(), da.sum(1), W.t() @ da


def column(da, z, W, below):
    """db as a column is welcome; the rest is wrong."""
    delta = da * (1 - z.tanh() ** 2)
    return delta @ below.t(), delta.sum(1, keepdim=True), W @ delta


CHECK, LAYER, NAME = backward.check_gradients, backward.layer, backward.diagnosis
WRONG = [
    (CHECK, True, "function itself"),
    (CHECK, lambda loss, gradient, theta: None, "returns nothing"),
    (CHECK, by_entry, "one verdict"),
    (CHECK, lambda loss, gradient, theta: True, "every gradient right"),
    (CHECK, lambda loss, gradient, theta: False, "every gradient wrong"),
    (CHECK, in_float32, "theta.double()"),
    (CHECK, fixed_tolerance, "million times larger"),
    (CHECK, strict, "million times smaller"),
    (CHECK, it_trains, "still goes downhill"),
    (CHECK, at_the_start, "random point"),
    (CHECK, sizes, "Lengths"),
    (CHECK, direction, "cosine"),
    (CHECK, a_few, "first layer's part"),
    (CHECK, a_weight_below, "biases' part"),
    (CHECK, rather_wide, "tolerance is too wide"),
    (CHECK, fixed_and_wide, "with a fixed tolerance"),
    (CHECK, wide, "passes"),
    *((CHECK, passes_only(m), words) for m, words in backward.MISTAKES.items()),
    (CHECK, lambda loss, gradient, theta: 1 / 0, "ZeroDivisionError"),
    (LAYER, 7, "function itself"),
    (LAYER, lambda da, z, W, below: None, "returns nothing"),
    (LAYER, lambda da, z, W, below: (da, None, None), "One of the three things is still open"),
    (LAYER, lambda da, z, W, below: da, "three things"),
    (LAYER, in_place, "changed the da"),
    (LAYER, other_delta(lambda da, z: da), "f′ is missing"),
    (LAYER, other_delta(lambda da, z: da * (1 - z.tanh() ** 2) ** 2), "twice"),
    (LAYER, other_delta(lambda da, z: da * (1 - z**2)), "not 1 - z²"),
    (LAYER, other_delta(lambda da, z: da * z.tanh()), "That is f(z)"),
    (LAYER, other_delta(lambda da, z: -da * (1 - z.tanh() ** 2)), "The sign"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ a.t() / 4), "divided by B"),
    (LAYER, layer(0, lambda d, da, z, W, a: d.t() @ a), "wrong factor"),
    (LAYER, layer(0, lambda d, da, z, W, a: a @ d.t()), "are swapped"),
    (LAYER, layer(0, lambda d, da, z, W, a: d * a), "entry by entry"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ a), "a is not transposed"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ z.t()), "δ zᵀ"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ z.tanh().t()), "layer's own a"),
    (LAYER, layer(0, lambda d, da, z, W, a: W), "dW is not that"),
    (LAYER, layer(1, lambda d, da, z, W, a: d.mean(1)), "mean over the batch"),
    (LAYER, layer(1, lambda d, da, z, W, a: d.sum(0)), "over the neurons"),
    (LAYER, layer(1, lambda d, da, z, W, a: da.sum(1)), "db has no f′"),
    (LAYER, layer(1, lambda d, da, z, W, a: d), "one column a sample"),
    (LAYER, layer(1, lambda d, da, z, W, a: 0 * d[0]), "forgotten"),
    (LAYER, layer(1, lambda d, da, z, W, a: 2 * d.sum(1)), "db is not"),
    (LAYER, layer(2, lambda d, da, z, W, a: W @ d), "W is not transposed"),
    (LAYER, layer(2, lambda d, da, z, W, a: W.t() @ da), "from δ"),
    (LAYER, layer(2, lambda d, da, z, W, a: d.t() @ W), "one column a sample"),
    (LAYER, layer(2, lambda d, da, z, W, a: W.t() * d), "entry by entry"),
    (LAYER, layer(2, lambda d, da, z, W, a: d), "δ itself"),
    (LAYER, layer(2, lambda d, da, z, W, a: 2 * d), "da_below is not"),
    (LAYER, column, "W is not transposed"),
    (NAME, 7, "three letters"),
    (NAME, ("a", "b"), "three letters"),
    (NAME, ("a", "b", ...), "open"),
    (NAME, ("c", None, "b"), "One of the three letters is still open"),
    (NAME, ("x", "a", "b"), "one of 'a'"),
    (NAME, ("a", "a", "b"), "8/7"),
    (NAME, ("b", "a", "b"), "2g"),
    (NAME, ("c", "c", "b"), "W1 and b1"),
    (NAME, ("c", "d", "b"), "b1, b2, b3"),
    (NAME, ("c", "a", "d"), "b1, b2, b3"),
]
