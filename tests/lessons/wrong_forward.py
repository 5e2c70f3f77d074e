"""Wrong answers to the exercises of 3_01_forward: (exercise, answer, what its message says)."""

import torch

from course.lessons.exercises import forward

# ---- logarithms of the softmax --------------------------------------------------------------


def logs(formula):
    """Return a log-softmax by its formula in z and m, the largest logit."""
    return lambda z: formula(z, z.max())


def changes_z(z):
    z -= z.max()
    return z - z.exp().sum().log()


def changes_z_late(z):
    """A right result, and the logits left shifted."""
    right = torch.log_softmax(z, 0)
    z -= z.max()
    return right


def clamped(z):
    return torch.softmax(z, 0).clamp(min=1e-12).log()


def away_from_zero(z):
    """Takes out the logit of the largest size, whatever its sign."""
    m = z[z.abs().argmax()]
    return z - m - (z - m).exp().sum().log()


def only_where_far(z):
    """Right while nothing overflows, and z - m beyond that."""
    return z - z.max() if z.abs().max() > 80 else (z.exp() / z.exp().sum()).log()


def of_two(z):
    """Knows two logits only."""
    m = torch.maximum(z[0], z[1])
    return z - m - ((z[0] - m).exp() + (z[1] - m).exp()).log()


def less_the_mean(z):
    """Takes out the mean, in float64, which is enough for logits up to 700 from it."""
    s = z.double() - z.double().mean()
    return (s - s.exp().sum().log()).float()


def of_the_first_five(z):
    """Takes out the largest of the first five logits."""
    m = z[:5].max()
    return z - m - (z - m).exp().sum().log()


# ---- forward --------------------------------------------------------------------------------


def run(x, layers, product=lambda W, a: W @ a, add=lambda z, b: z + b[:, None], f=torch.relu):
    """A right forward pass with parts to replace."""
    a = x
    for W, b in layers[:-1]:
        a = f(add(product(W, a), b))
    return add(product(layers[-1][0], a), layers[-1][1])


def bias_last(x, layers):
    """f(W a) + b instead of f(W a + b)."""
    a = x
    for W, b in layers[:-1]:
        a = (W @ a).relu() + b[:, None]
    return layers[-1][0] @ a + layers[-1][1][:, None]


def first_four(x, layers):
    """Knows four layers."""
    return run(x, layers[:4])


def squeezed(x, layers):
    """One sample loses its column."""
    return run(x, layers).squeeze()


def passes(**parts):
    """Return a forward pass with some part replaced."""
    return lambda x, layers: run(x, layers, **parts)


def after(change):
    """Return a pass whose logits are changed at the end."""
    return lambda x, layers: change(run(x, layers))


def before(change):
    """Return a pass whose input is changed first."""
    return lambda x, layers: run(change(x), layers)


def rows_for_samples(x, layers):
    """Right for rows where the exercise has columns."""
    return run(x.t(), layers).t()


def changes_x(x, layers):
    return run(x.mul_(2), layers)


def changes_x_late(x, layers):
    right = run(x, layers)
    x.zero_()
    return right


def zeroes_weights(x, layers):
    """Sets every weight to 0, so that a judge that looks there afterwards finds 0 right."""
    for W, b in layers:
        W.zero_(), b.zero_()
    return torch.zeros(len(layers[-1][1]), x.shape[1])


def scales_biases(x, layers):
    right = run(x, layers)
    for _, b in layers:
        b.mul_(3)
    return right


def only_x(x, layers):
    """Every layer reads x."""
    for W, b in layers:
        a = W @ x + b[:, None]
    return a


def of_three(x, layers):
    (W1, b1), (W2, b2), (W3, b3) = layers
    a = (W1 @ x + b1[:, None]).relu()
    return W3 @ (W2 @ a + b2[:, None]).relu() + b3[:, None]


def of_three_at_most(x, layers):
    """The first three layers, the last of them without f."""
    return run(x, layers[:3])


def of_two_or_three(x, layers):
    if len(layers) not in (2, 3):
        return torch.zeros(len(layers[-1][1]), x.shape[1])
    return run(x, layers)


def of_width(x, layers):
    """Takes the width of the first layer for that of all."""
    a, n = x, len(layers[0][1])
    for W, b in layers[:-1]:
        a = (W[:n] @ a + b[:n, None]).relu()
    return (layers[-1][0] @ a + layers[-1][1][:, None])[:n]


def first_sample(x, layers):
    """The first sample's logits in every column."""
    return run(x, layers)[:, :1].expand(-1, x.shape[1])


# ---- collapse -------------------------------------------------------------------------------


def changes_W1(W1, b1, W2, b2):
    right = W2 @ W1, W2 @ b1 + b2
    W1.zero_()
    return right


def square(W1, b1, W2, b2):
    """Takes every width for that of the first layer."""
    n = len(b1)
    return (W2 @ W1)[:n, :n], (W2 @ b1 + b2)[:n]


LOG, RUN, ONE = forward.log_softmax, forward.forward, forward.collapse
WRONG = [
    (LOG, -200.0, "function itself"),
    (LOG, lambda z: ..., "returns nothing"),
    (LOG, lambda z: None, "returns nothing"),
    (LOG, logs(lambda z, m: m), "should have shape"),
    (LOG, lambda z: torch.log_softmax(z[:3], 0), "should have shape"),
    (LOG, lambda z: z - z[:3].exp().sum().log(), "not over the first three"),
    (LOG, lambda z: torch.log_softmax(z, 0) + 0j, "real numbers"),
    (LOG, lambda z: torch.log_softmax(z, 0).round().int(), "real numbers"),
    (LOG, lambda z: torch.log_softmax(z, 0).round(decimals=2), "For the logits"),
    (LOG, lambda z: torch.log_softmax(z, 0).sort().values, "For the logits"),
    (LOG, changes_z, "changed the z"),
    (LOG, changes_z_late, "changed the z"),
    (LOG, of_two, "For the logits"),
    (LOG, less_the_mean, "*largest*"),
    (LOG, of_the_first_five, "*largest*"),
    (LOG, lambda z: forward.judge_log_softmax(z), "belongs to the judge"),
    (LOG, lambda z: torch.softmax(z, 0), "are the probabilities"),
    (LOG, lambda z: -torch.log_softmax(z, 0), "The sign"),
    (LOG, logs(lambda z, m: z - m), "z - m alone"),
    (LOG, logs(lambda z, m: z - (z - m).exp().sum().log()), "is lost"),
    (LOG, logs(lambda z, m: z - z.exp().sum()), "subtracted the sum"),
    (LOG, logs(lambda z, m: z - m - (z - m).exp().sum()), "logarithm of the sum"),
    (LOG, logs(lambda z, m: z - z.exp().mean().log()), "*sum* of the e^z"),
    (LOG, logs(lambda z, m: z - m - (z - m).exp().mean().log()), "*sum* of the e^z"),
    (LOG, lambda z: torch.softmax(z, 0).log10(), "log10"),
    (LOG, lambda z: torch.softmax(z, 0).log2(), "log2"),
    (LOG, lambda z: z * 0, "For the logits"),
    (LOG, lambda z: (z.exp() / z.exp().sum()).log(), "overflows"),
    (LOG, lambda z: torch.softmax(z, 0).log(), "rounded to 0"),
    (LOG, lambda z: (torch.softmax(z, 0) + 1e-12).log(), "hides"),
    (LOG, clamped, "hides"),
    (LOG, lambda z: torch.log_softmax(z.clamp(-80, 80), 0), "hides"),
    (LOG, away_from_zero, "*largest*"),
    (LOG, only_where_far, "*largest*"),
    (LOG, lambda z: (z.double() - z.double().exp().sum().log()).float(), "*largest*"),
    (LOG, lambda z: z - z[0] - (z - z[0]).exp().sum().log(), "no other"),
    (LOG, logs(lambda z, m: z - z.min() - (z - z.min()).exp().sum().log()), "no other"),
    (LOG, lambda z: 1 / 0, "ZeroDivisionError"),
    (RUN, 7, "function itself"),
    (RUN, lambda x, layers: None, "returns nothing"),
    (RUN, changes_x, "not those"),
    (RUN, changes_x_late, "changed the x"),
    (RUN, zeroes_weights, "not those"),
    (RUN, scales_biases, "changed the layers"),
    (RUN, lambda x, layers: torch.zeros_like(x), "not those"),
    (RUN, after(lambda z: z[0]), "should have shape"),
    (RUN, after(lambda z: z + 0j), "real numbers"),
    (RUN, passes(product=lambda W, a: W * a), "entry by entry"),
    (RUN, passes(product=lambda W, a: W * a, add=torch.add), "entry by entry"),
    (RUN, passes(add=torch.add), "along the batch"),
    (RUN, passes(product=lambda W, a: W.t() @ a), "W is transposed"),
    (RUN, before(torch.t), "x is transposed"),
    (RUN, after(torch.t), "at the end"),
    (RUN, rows_for_samples, "each *row* of x"),
    (RUN, after(torch.relu), "output layer too"),
    (RUN, after(lambda z: z.softmax(0)), "inside the loss"),
    (RUN, passes(add=lambda z, b: z), "forgotten"),
    (RUN, before(torch.relu), "a₀ is x"),
    (RUN, bias_last, "inside: f(W a + b)"),
    (RUN, passes(f=lambda z: z), "f is missing"),
    (RUN, passes(f=torch.tanh), "That is tanh"),
    (RUN, passes(f=torch.sigmoid), "sigmoid"),
    (RUN, passes(f=torch.abs), "answers 0"),
    (RUN, passes(f=lambda z: z.clamp(0, 1)), "not those"),
    (RUN, only_x, "not x"),
    (RUN, lambda x, layers: run(x, layers[::-1]), "order of the list"),
    (RUN, after(lambda z: 2 * z), "not those"),
    (RUN, first_sample, "not those"),
    (RUN, of_three, "ValueError"),
    (RUN, of_three_at_most, "is a number of layers"),
    (RUN, of_two_or_three, "is a number of layers"),
    (RUN, of_width, "not yet"),
    (RUN, first_four, "is a number of layers"),
    (RUN, squeezed, "is a number of layers"),
    (RUN, passes(f=torch.nn.functional.relu6), "not yet"),
    (RUN, forward.run, "belongs to the judge"),
    (RUN, lambda x, layers: forward.run(x, layers), "belongs to the judge"),
    (ONE, 7, "function itself"),
    (ONE, lambda W1, b1, W2, b2: None, "returns nothing"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, None), "One of the two things is still open"),
    (ONE, lambda W1, b1, W2, b2: W2 @ W1, "two things"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ b1 + b2, W2 @ W1), "order is swapped"),
    (ONE, lambda W1, b1, W2, b2: (W1 @ W2, b1), "order of the product"),
    (ONE, lambda W1, b1, W2, b2: (W2 * W1, b1), "entry by entry"),
    (ONE, lambda W1, b1, W2, b2: (W2 + W1, b1), "side by side"),
    (ONE, lambda W1, b1, W2, b2: ((W2 @ W1).t(), W2 @ b1 + b2), "a row for each unit"),
    (ONE, lambda W1, b1, W2, b2: (W2, b1), "W is not that"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1 + 0j, W2 @ b1 + b2), "W: Give real numbers"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, b1 + b2), "multiplied by W2"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, b2), "b1 is forgotten"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, W2 @ b1), "b2 is forgotten"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, W1 @ b1 + b2), "*second* layer"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, b1 * b2), "b is not"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, (W2 @ b1 + b2)[:, None]), "b: The result should"),
    (ONE, changes_W1, "changed the W1"),
    (ONE, square, "W: The result should have shape"),
    (ONE, lambda W1, b1, W2, b2: (torch.zeros_like(W2 @ W1), torch.zeros_like(b2)), "W is not"),
]
