"""Wrong answers to the exercises of 3_02_backward: (exercise, answer, what its message says)."""

import blind_checks as blind

from course.lessons.exercises import backward


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


def right(da, z, W, below):
    delta = da * (1 - z.tanh() ** 2)
    return delta @ below.t(), delta.sum(1), W.t() @ delta


def writes_into(change):
    """The right three numbers, and one of the inputs changed."""

    def answer(da, z, W, a_below):
        got = right(da, z, W, a_below)
        change(da, z, W, a_below)
        return got

    return answer


def all_zero(da, z, W, a_below):
    """Zeros that are right for the inputs as it leaves them."""
    da.zero_()
    return right(da, z, W, a_below)


def in_one_size(da, z, W, below):
    """Right where all sizes are equal."""
    got = right(da, z, W, below)
    return got if W.shape == da.shape else tuple(0 * part for part in got)


def of_two(da, z, W, below):
    """Its sums know two samples."""
    dW, db, da_below = right(da[:, :2], z[:, :2], W, below[:, :2])
    return dW, db, da_below


def on_a_diet(da, z, W, below):
    """f′ from a_below where the shapes allow it, which is right nowhere."""
    slope = 1 - below**2 if below.shape == z.shape else 1 - z.tanh() ** 2
    return (da * slope) @ below.t(), (da * slope).sum(1), W.t() @ (da * slope)


def column(da, z, W, below):
    """db as a column is welcome; the rest is wrong."""
    delta = da * (1 - z.tanh() ** 2)
    return delta @ below.t(), delta.sum(1, keepdim=True), W @ delta


def with_imaginary_parts(*given):
    return tuple(part + 1j for part in right(*given))


CHECK, LAYER, NAME = backward.check_gradients, backward.layer, backward.diagnosis
WRONG = [
    (CHECK, True, "function itself"),
    (CHECK, lambda loss, gradient, theta: None, "returns nothing"),
    (CHECK, blind.by_entry, "one verdict"),
    (CHECK, lambda loss, gradient, theta: True, "every gradient right"),
    (CHECK, lambda loss, gradient, theta: False, "every gradient wrong"),
    (CHECK, blind.in_float32, "theta.double()"),
    (CHECK, blind.fixed_tolerance, "million times larger"),
    (CHECK, blind.strict, "million times smaller"),
    (CHECK, blind.it_trains, "still goes downhill"),
    (CHECK, blind.at_the_start, "random point"),
    (CHECK, blind.sizes, "Lengths"),
    (CHECK, blind.direction, "cosine"),
    (CHECK, blind.a_few, "first layer's part"),
    (CHECK, blind.a_weight_below, "biases' part"),
    (CHECK, blind.rather_wide, "tolerance is too wide"),
    (CHECK, blind.fixed_and_wide, "with a fixed tolerance"),
    (CHECK, blind.wide, "passes"),
    (CHECK, blind.along_itself, "biases' part"),
    (CHECK, blind.signs, "passes"),
    (CHECK, blind.length, "Lengths"),
    (CHECK, blind.one_sided, "passes"),
    (CHECK, blind.by_count(), "It calls a right gradient wrong"),
    (CHECK, blind.by_length, "passes"),
    (CHECK, lambda loss, gradient, theta: blind.a_few(loss, gradient, theta, [0]), "passes"),
    (
        CHECK,
        lambda loss, gradient, theta: blind.a_few(loss, gradient, theta, [-1]),
        "passes",
    ),
    (CHECK, blind.moves_theta, "changed the theta it was handed"),
    (CHECK, blind.exits, "raised SystemExit"),
    (CHECK, blind.along_ones, "column by column"),
    (CHECK, blind.asks_the_loss, "belongs to the judge"),
    (CHECK, blind.reads_the_mistake, "belongs to the judge"),
    (CHECK, lambda loss, gradient, theta: 1 / 0, "ZeroDivisionError"),
    (LAYER, 7, "function itself"),
    (LAYER, lambda da, z, W, below: None, "returns nothing"),
    (LAYER, lambda da, z, W, below: (da, None, None), "One of the three things is still open"),
    (LAYER, lambda da, z, W, below: da, "three things"),
    (LAYER, writes_into(lambda da, z, W, a: da.zero_()), "changed the da it was handed"),
    (LAYER, writes_into(lambda da, z, W, a: z.tanh_()), "changed the z it was handed"),
    (LAYER, writes_into(lambda da, z, W, a: W.t_()), "changed the W it was handed"),
    (LAYER, writes_into(lambda da, z, W, a: a.mul_(2)), "changed the a_below it was handed"),
    (LAYER, all_zero, "dW is not that"),
    (LAYER, in_one_size, "is a number or a size fixed? dW is not that"),
    (LAYER, of_two, "dW is not that"),
    (LAYER, with_imaginary_parts, "dW is not that"),
    (LAYER, on_a_diet, "dW is not that"),
    (LAYER, lambda *given: right(*given)[:2], "three things"),
    (LAYER, lambda *given: (*right(*given)[:2], ...), "still open"),
    (LAYER, lambda *given: [part.round() for part in right(*given)], "dW is not that"),
    (LAYER, lambda *given: [part.abs() for part in right(*given)], "dW is not that"),
    (LAYER, other_delta(lambda da, z: da), "f′ is missing"),
    (LAYER, other_delta(lambda da, z: da * (1 - z.tanh() ** 2) ** 2), "twice"),
    (LAYER, other_delta(lambda da, z: da * (1 - z**2)), "not 1 - z²"),
    (LAYER, other_delta(lambda da, z: da * z.tanh()), "That is f(z)"),
    (LAYER, other_delta(lambda da, z: -da * (1 - z.tanh() ** 2)), "The sign"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ a.t() / a.shape[1]), "divided by B"),
    (LAYER, layer(0, lambda d, da, z, W, a: d.t() @ a), "wrong factor"),
    (LAYER, layer(0, lambda d, da, z, W, a: a @ d.t()), "are swapped"),
    (LAYER, layer(0, lambda d, da, z, W, a: d * a), "entry by entry"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ a), "a is not transposed"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ z.t()), "δ zᵀ"),
    (LAYER, layer(0, lambda d, da, z, W, a: d @ z.tanh().t()), "layer's own a"),
    (LAYER, layer(0, lambda d, da, z, W, a: W), "dW is not that"),
    (LAYER, layer(1, lambda d, da, z, W, a: d.mean(1)), "mean over the batch"),
    (LAYER, layer(1, lambda d, da, z, W, a: d.sum(0)), "over the units"),
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
    (NAME, "abc", "8/7"),
    (NAME, ["c", "a", 2], "one of 'a'"),
    (NAME, ("c", ("a",), "b"), "one of 'a'"),
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
