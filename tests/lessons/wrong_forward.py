"""Wrong answers to the exercises of 3_01_forward: (exercise, answer, what its message says)."""

import torch

from course.lessons.exercises import forward


def logs(formula):
    """A log-softmax from its formula in z and m, the largest logit."""
    return lambda z: formula(z, z.max())


def in_place(z):
    z -= z.max()
    return z - z.exp().sum().log()


def clamped(z):
    return torch.softmax(z, 0).clamp(min=1e-12).log()


def away_from_zero(z):
    """Takes out the logit of the largest size, whatever its sign."""
    m = z[z.abs().argmax()]
    return z - m - (z - m).exp().sum().log()


def passes(**parts):
    """A forward pass with some part replaced."""
    return lambda x, layers: forward.run(x, layers, **parts)


def after(change):
    """The right logits, then spoilt."""
    return lambda x, layers: change(forward.run(x, layers))


def before(change):
    """The right pass over a spoilt input."""
    return lambda x, layers: forward.run(change(x), layers)


def changes_x(x, layers):
    return forward.run(x.mul_(2), layers)


def only_x(x, layers):
    """Every layer reads x."""
    for W, b in layers:
        a = W @ x + b[:, None]
    return a


def fixed(x, layers):
    """Three layers, always."""
    (W1, b1), (W2, b2), (W3, b3) = layers
    a = (W1 @ x + b1[:, None]).relu()
    return W3 @ (W2 @ a + b2[:, None]).relu() + b3[:, None]


def reads(number):
    """A pass that is right at 4-4-4-4 and wrong elsewhere."""
    return lambda x, layers: forward.run(x, layers) + (x.shape[1] != number)


LOG, RUN, ONE = forward.log_softmax, forward.forward, forward.collapse
WRONG = [
    (LOG, -200.0, "function itself"),
    (LOG, lambda z: ..., "returns nothing"),
    (LOG, lambda z: None, "returns nothing"),
    (LOG, logs(lambda z, m: m), "3 numbers"),
    (LOG, in_place, "changed the logits"),
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
    (LOG, away_from_zero, "*largest*"),
    (LOG, lambda z: 1 / 0, "ZeroDivisionError"),
    (RUN, 7, "function itself"),
    (RUN, lambda x, layers: None, "returns nothing"),
    (RUN, changes_x, "changed the x"),
    (RUN, after(lambda z: z[0]), "should be (4, 4)"),
    (RUN, passes(product=lambda W, a: W * a), "entry by entry"),
    (RUN, passes(product=lambda W, a: W * a, add=torch.add), "entry by entry"),
    (RUN, passes(add=torch.add), "along the batch"),
    (RUN, passes(product=lambda W, a: W.t() @ a), "W is transposed"),
    (RUN, before(torch.t), "x is transposed"),
    (RUN, after(torch.t), "at the end"),
    (RUN, after(torch.relu), "output layer too"),
    (RUN, after(lambda z: z.softmax(0)), "inside the loss"),
    (RUN, passes(add=lambda z, b: z), "forgotten"),
    (RUN, before(torch.relu), "a₀ is x"),
    (RUN, forward.bias_last, "inside: f(W a + b)"),
    (RUN, forward.chained, "f is missing"),
    (RUN, only_x, "not x"),
    (RUN, after(lambda z: 2 * z), "are not those"),
    (RUN, reads(4), "wrong for 3-5-2"),
    (RUN, fixed, "ValueError"),
    (ONE, 7, "function itself"),
    (ONE, lambda W1, b1, W2, b2: None, "returns nothing"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, None), "One of the two things is still open"),
    (ONE, lambda W1, b1, W2, b2: W2 @ W1, "two things"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ b1 + b2, W2 @ W1), "order is swapped"),
    (ONE, lambda W1, b1, W2, b2: (W1 @ W2, b1), "order of the product"),
    (ONE, lambda W1, b1, W2, b2: (W2 * W1, b1), "entry by entry"),
    (ONE, lambda W1, b1, W2, b2: (W2 + W1, b1), "side by side"),
    (ONE, lambda W1, b1, W2, b2: (W2, b1), "W is not that"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, b1 + b2), "multiplied by W2"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, b2), "b1 is forgotten"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, W2 @ b1), "b2 is forgotten"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, W1 @ b1 + b2), "*second* layer"),
    (ONE, lambda W1, b1, W2, b2: (W2 @ W1, b1 * b2), "b is not"),
]
