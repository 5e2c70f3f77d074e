"""Judges for chapter 3_01_forward.

The forward pass is judged on a network whose widths and batch are all equal: there no wrong
product complains about shapes, so the numbers alone must tell.
"""

import torch
from torch import Tensor

from ..checking import Exercise, first_match, same, unfinished

# ---- 1. log-softmax that cannot overflow ----------------------------------------------------


def judge_log_softmax(answer) -> str | None:
    """Judge answer(z): logits (C,) → log of the softmax, (C,), for any finite logits."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_log_softmax."
    z = torch.tensor([1.0, 2.0, 4.0])
    given = z.clone()
    got = answer(given)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return."
    got = torch.as_tensor(got)
    if got.shape != z.shape:
        return f"For 3 logits give 3 numbers; yours have shape {tuple(got.shape)}."
    if not torch.equal(given, z):
        return "The function changed the logits it was handed: write z - m, not z -= m."
    right, m = z.log_softmax(0), z.max()
    if same(got, right):
        return judge_far_logits(answer)
    lost = "The m that you took out inside the sum is lost: subtract it from z as well."
    mistakes = [
        (right.exp(), "Those are the probabilities. Their logarithm is wanted."),
        (-right, "The sign: probabilities are below 1, so their logarithms are negative."),
        (z - m, "That is z - m alone: the logarithm of the sum is missing."),
        (z - (z - m).exp().sum().log(), lost),
        (z - z.exp().sum(), "The logarithm of the sum is missing: you subtracted the sum."),
        (z - m - (z - m).exp().sum(), "The logarithm of the sum is missing."),
        (z - z.exp().mean().log(), "A mean stands where the *sum* of the e^z belongs."),
        (right / torch.tensor(10.0).log(), "That is log10. The natural logarithm is wanted."),
        (right / torch.tensor(2.0).log(), "That is log2. The natural logarithm is wanted."),
    ]
    return first_match(got, mistakes) or (
        f"For the logits (1, 2, 4) it gives {shown(got)}, but the logarithms of the softmax are "
        f"{shown(right)}."
    )


def judge_far_logits(answer) -> str | None:
    """Judge a right formula in float32, where it may overflow."""
    far = torch.as_tensor(answer(torch.tensor([0.0, 200.0])))
    if far.isnan().any():
        return "Right for small logits; (0, 200) gives NaN: e²⁰⁰ overflows to ∞, and ∞/∞ is NaN."
    if far[0] == -torch.inf:
        return "Right for small logits; (0, 200) gives −∞: the probability was rounded to 0 first."
    if not same(far, torch.tensor([-200.0, 0.0])):
        return (
            f"(0, 200) gives {shown(far)}, not (-200, 0). A small number inside the logarithm "
            "hides the −∞, it does not compute the answer; nor does cutting large values off."
        )
    for z in ([-1000.0, -1001.0], [-300.0, 100.0]):
        low = torch.tensor(z)
        if not same(torch.as_tensor(answer(low)), low.log_softmax(0)):
            return f"(0, 200) is right, {tuple(z)} is not: subtract the *largest* logit, always."
    return None


def shown(x: Tensor) -> str:
    return "(" + ", ".join(f"{v:.3g}" for v in x.tolist()) + ")"


log_softmax = Exercise(
    "Exercise 1",
    judge_log_softmax,
    [
        "The logarithm of a quotient is a difference: log(e^z / S) = z - log S. No division left.",
        "S = Σ e^z still overflows. Take out the largest logit: S = e^m · Σ e^(z - m).",
        "log S = m + log Σ e^(z - m). Return z - m - torch.exp(z - m).sum().log().",
    ],
)


# ---- 2. the whole forward pass --------------------------------------------------------------


def run(x, layers, product=lambda W, a: W @ a, add=lambda z, b: z + b[:, None]) -> Tensor:
    """Return the logits (C, B); parts can be replaced, which gives the mistakes."""
    a = x
    for W, b in layers[:-1]:
        a = add(product(W, a), b).relu()
    return add(product(layers[-1][0], a), layers[-1][1])


def bias_last(x, layers) -> Tensor:
    """Return the logits by f(W a) + b instead of f(W a + b)."""
    a = x
    for W, b in layers[:-1]:
        a = (W @ a).relu() + b[:, None]
    return layers[-1][0] @ a + layers[-1][1][:, None]


def network(sizes: list[int], B: int) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return columns x: (n_0, B) and [(W, b), …], drawn from a fixed seed."""
    g = torch.Generator().manual_seed(5)
    layers = [
        (torch.randn(n, m, generator=g), torch.randn(n, generator=g))
        for m, n in zip(sizes, sizes[1:], strict=False)
    ]
    return torch.randn(sizes[0], B, generator=g), layers


def judge_forward(answer) -> str | None:
    """Judge answer(x, layers): x (n_0, B) columns, layers [(W, b), …] → logits (C, B)."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_forward."
    x, layers = network([4, 4, 4, 4], B=4)
    given = x.clone()
    got = answer(given, layers)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return."
    if not torch.equal(given, x):
        return "The function changed the x it was handed: a later call would get another input."
    right, along = run(x, layers), "b was added along the batch: it needs a column, b[:, None]."
    if got.shape != right.shape:
        return f"The logits should be (4, 4) here, yours are {tuple(got.shape)}."
    elementwise, turned = (lambda W, a: W * a), (lambda W, a: W.t() @ a)
    linear = [(W @ x, b) for W, b in layers[-1:]][0]
    mistakes = [
        (run(x, layers, elementwise), "`*` multiplies entry by entry; use the product `@`."),
        (run(x, layers, elementwise, torch.add), "`*` multiplies entry by entry; use `@`."),
        (run(x, layers, add=torch.add), along),
        (run(x, layers, turned), "W is transposed: row i of W holds the weights *into* neuron i."),
        (run(x.t(), layers), "x is transposed: each *column* of x is a sample already."),
        (right.t(), "Transposed at the end: one column a sample, (C, B)."),
        (right.relu(), "f was applied to the output layer too; that layer has its own activation."),
        (right.softmax(0), "Softmax comes later, inside the loss. Return the logits."),
        (run(x, layers, add=lambda z, b: z), "The bias b is forgotten."),
        (run(x.relu(), layers), "f was applied to x: a₀ is x itself."),
        (bias_last(x, layers), "The bias comes inside: f(W a + b), not f(W a) + b."),
        (chained(x, layers), "Between the layers f is missing."),
        (linear[0] + linear[1][:, None], "Each layer takes the *last* layer's a, not x."),
    ]
    if not same(got, right):
        return first_match(got, mistakes) or "The logits are not those. Go through the formula."
    x, layers = network([3, 5, 2], B=7)
    if not same(answer(x, layers), run(x, layers)):
        return "Right for three layers of 4, wrong for 3-5-2: is something fixed that should not?"
    return None


def chained(x, layers) -> Tensor:
    """Return the output without any activation."""
    for W, b in layers:
        x = W @ x + b[:, None]
    return x


forward = Exercise(
    "Exercise 2",
    judge_forward,
    [
        "Start with a = x. A loop over the layers does the rest: z = W a + b, a = f(z).",
        "`W @ a` is the product. b has shape (n,); as a column it is b[:, None], (n, 1).",
        "For all but the last: a = torch.relu(W @ a + b[:, None]). The last one without relu.",
    ],
)


# ---- 3. without f, two layers are one -------------------------------------------------------


def judge_collapse(answer) -> str | None:
    """Judge answer(W1, b1, W2, b2) → (W, b) with W x + b = W2 (W1 x + b1) + b2."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_collapse."
    _, ((W1, b1), (W2, b2)) = network([3, 3, 3], B=1)
    got = answer(W1, b1, W2, b2)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return W, b."
    if words := unfinished(got, 2, "Return two things: W and b.", "things"):
        return words
    W, b = (torch.as_tensor(part) for part in got)
    if same(b, W2 @ W1) and same(W, W2 @ b1 + b2):
        return "The order is swapped: return W first, then b."
    products = [
        (W1 @ W2, "The order of the product: W1 touches x first, so it stands on the right."),
        (W2 * W1, "`*` multiplies entry by entry; use the product `@`."),
        (W1 + W2, "Weights of layers in a row multiply; they add for layers side by side."),
    ]
    if not same(W, W2 @ W1):
        return first_match(W, products) or "W is not that: expand W2 (W1 x + b1) + b2."
    biases = [
        (b1 + b2, "b1 passes through the second layer too: it is multiplied by W2."),
        (b2, "b1 is forgotten: it passes through the second layer too."),
        (W2 @ b1, "b2 is forgotten."),
        (W1 @ b1 + b2, "b1 was multiplied by W1; it passes through the *second* layer."),
    ]
    if not same(b, W2 @ b1 + b2):
        return first_match(b, biases) or "W is right; b is not. Expand W2 (W1 x + b1) + b2."
    return None


collapse = Exercise(
    "Exercise 3",
    judge_collapse,
    [
        "Write the two layers as one line and multiply out: W2 (W1 x + b1) + b2.",
        "Collect what multiplies x, and what does not.",
        "W = W2 @ W1 and b = W2 @ b1 + b2.",
    ],
)
