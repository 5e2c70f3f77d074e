"""Judges for chapter 3_01_forward.

The forward pass is judged first on a network whose widths and batch are all equal: there no wrong
product complains about shapes, so the numbers alone must tell.
"""

import torch
from torch import Tensor

from ..checking import Exercise, first_match, same, unfinished
from ..judging import Draw, on_probes

FUNCTION = "Hand over the function itself, without calling it: {}."
NOTHING = "The function returns nothing yet: end it with return."


def unlike(got, right: Tensor) -> str | None:
    """Say what keeps a result from being compared with the right one; None if nothing does."""
    if got is None or got is ...:
        return NOTHING
    got = torch.as_tensor(got)
    if not got.is_floating_point():
        return f"Give real numbers with digits after the point; yours are {got.dtype}."
    if got.shape != right.shape:
        return (
            f"The result should have shape {tuple(right.shape)} here, yours has {tuple(got.shape)}."
        )
    return None


# ---- 1. the whole forward pass --------------------------------------------------------------


def network(sizes, B: int, draw: Draw | None = None) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return columns x: (n_0, B) and [(W, b), …] of a network; always the same without a draw."""
    draw = draw or Draw(5)
    layers = [
        (draw.normal(n, m, dtype=torch.float32), draw.normal(n, dtype=torch.float32))
        for m, n in zip(sizes, sizes[1:], strict=False)
    ]
    return draw.normal(sizes[0], B, dtype=torch.float32), layers


def copies(layers) -> list[tuple[Tensor, Tensor]]:
    """Return weights and biases for the answer, which keeps the judge's own out of its reach."""
    return [(W.clone(), b.clone()) for W, b in layers]


def run(x, layers, product=lambda W, a: W @ a, add=lambda z, b: z + b[:, None], f=torch.relu):
    """Return the last z: (C, B); parts can be replaced, which gives the mistakes."""
    a = x
    for W, b in layers[:-1]:
        a = f(add(product(W, a), b))
    return add(product(layers[-1][0], a), layers[-1][1])


def bias_last(x, layers) -> Tensor:
    """Return the last z by f(W a) + b instead of f(W a + b)."""
    a = x
    for W, b in layers[:-1]:
        a = (W @ a).relu() + b[:, None]
    return layers[-1][0] @ a + layers[-1][1][:, None]


def judge_equal_widths(answer, draw: Draw) -> str | None:
    """Judge answer(x, layers) on three layers that are all as wide as the batch."""
    n = draw.size() + 1
    x, layers = network([n] * 4, n, draw)
    got, right = answer(x.clone(), copies(layers)), run(x, layers)
    if words := unlike(got, right):
        return words
    got = torch.as_tensor(got)
    if same(got, right):
        return None
    elementwise, turned = (lambda W, a: W * a), (lambda W, a: W.t() @ a)
    along = "b was added along the batch: it needs a column, b[:, None]."
    mistakes = [
        (run(x, layers, elementwise), "`*` multiplies entry by entry; use the product `@`."),
        (run(x, layers, elementwise, torch.add), "`*` multiplies entry by entry; use `@`."),
        (run(x, layers, add=torch.add), along),
        (run(x, layers, turned), "W is transposed: row i of W holds the weights *into* unit i."),
        (run(x.t(), layers), "x is transposed: each *column* of x is a sample already."),
        (run(x.t(), layers).t(), "It takes each *row* of x for a sample; each *column* is one."),
        (right.t(), "Transposed at the end: one column a sample, (C, B)."),
        (right.relu(), "f was applied to the output layer too; that layer has its own activation."),
        (right.softmax(0), "Softmax comes later, inside the loss. Return the logits."),
        (run(x, layers, add=lambda z, b: z), "The bias b is forgotten."),
        (run(x.relu(), layers), "f was applied to x: a₀ is x itself."),
        (bias_last(x, layers), "The bias comes inside: f(W a + b), not f(W a) + b."),
        (run(x, layers, f=lambda z: z), "Between the layers f is missing."),
        (run(x, layers, f=torch.tanh), "That is tanh in the hidden layers; ReLU is wanted."),
        (run(x, layers, f=torch.sigmoid), "That is the sigmoid in the hidden layers; use ReLU."),
        (run(x, layers, f=torch.abs), "ReLU does not turn a negative z around, it answers 0."),
        (run(x, layers[-1:]), "Each layer takes the a of the layer *before* it, not x."),
        (run(x, layers[::-1]), "The layers come in the order of the list, the first one first."),
    ]  # fmt: skip
    return first_match(got, mistakes) or "The numbers are not those. Go through the formula."


def judge_other_depths(answer, draw: Draw) -> str | None:
    """Judge answer(x, layers) on one, two and more layers of different widths."""
    for depth in (2, 1, 4 if draw.square else 6):
        *sizes, B = draw.sizes(depth + 2, 2, 9)
        sizes = sorted(sizes) if depth == 2 else sizes  # the first width is no bound for all
        B = B if depth > 1 else 1
        x, layers = network(sizes, B, draw)
        got, right = answer(x.clone(), copies(layers)), run(x, layers)
        if unlike(got, right) or not same(torch.as_tensor(got), right):
            name = "-".join(map(str, sizes))
            return (
                f"Right for three layers of equal width, wrong for {name} and B = {B}: is a "
                "number of layers or a size fixed that should not be?"
            )
    return None


def judge_forward(answer) -> str | None:
    """Judge answer(x, layers): x (n_0, B) columns, layers [(W, b), …] → logits (C, B)."""
    if not callable(answer):
        return FUNCTION.format("my_forward")
    return on_probes(lambda draw: judge_equal_widths(answer, draw)) or on_probes(
        lambda draw: judge_other_depths(answer, draw)
    )


forward = Exercise(
    "Exercise 1",
    judge_forward,
    [
        "Start with a = x. Then a loop over the layers: z = W a + b, a = f(z).",
        "`W @ a` is the product. b has shape (n,); as a column it is b[:, None], (n, 1).",
        "`for W, b in layers[:-1]` is the loop over the hidden layers. The last layer comes after "
        "it: what does it do otherwise?",
    ],
)


# ---- 2. log-softmax that cannot overflow ----------------------------------------------------

FAR = [  # the largest logit at the end, at the front, in the middle; all low; two near each other
    (0.0, 200.0), (100.0, -300.0), (-1000.0, -1001.0), (5.0, 300.0, 299.0, -300.0, 0.0),
    (-700.0, -701.0, -700.5), (7.0,),
]  # fmt: skip


def judge_log_softmax(answer) -> str | None:
    """Judge answer(z): logits (C,) → log of the softmax, (C,), for any finite logits."""
    if not callable(answer):
        return FUNCTION.format("my_log_softmax")
    return on_probes(lambda draw: judge_near_logits(answer, draw)) or judge_far_logits(
        answer, Draw()
    )


def judge_near_logits(answer, draw: Draw) -> str | None:
    """Judge the formula, where nothing overflows."""
    C = draw.size() + 1
    z = 2 * draw.normal(C, dtype=torch.float32)
    got, right, m = answer(z.clone()), z.log_softmax(0), z.max()
    if words := unlike(got, right):
        return words
    got = torch.as_tensor(got)
    if same(got, right):
        return None
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
        (z - z[:3].exp().sum().log(), "The sum runs over all logits, not over the first three."),
    ]
    return first_match(got, mistakes) or (
        f"For the logits {words_for(z)} it gives {words_for(got)}, but the logarithms of the "
        f"softmax are {words_for(right)}."
    )


def judge_far_logits(answer, draw: Draw) -> str | None:
    """Judge a right formula in float32, where it may overflow."""
    far = [torch.tensor(logits) for logits in FAR]
    for place in range(9):  # the largest at each place
        z = 300 * draw.normal(9, dtype=torch.float32)
        z[place] = 3000
        far.append(z)
    for number, z in enumerate(far):
        got, right = answer(z.clone()), z.log_softmax(0)
        if words := unlike(got, right):
            return words
        got = torch.as_tensor(got)
        if same(got, right):
            continue
        if number:
            return (
                f"(0, 200) is right, {words_for(z)} is not: it gives {words_for(got)}. Subtract "
                "the *largest* logit, always."
            )
        if got.isnan().any():
            return "Right for small logits; (0, 200) gives NaN: e²⁰⁰ overflows to ∞, ∞/∞ is NaN."
        if (got == -torch.inf).all():
            return (
                "Right for small logits; (0, 200) gives −∞ twice: e²⁰⁰ overflows. Take out the "
                "largest logit and no other."
            )
        if got[0] == -torch.inf:
            return "Right for small logits; (0, 200) gives −∞: the probability was rounded to 0."
        return (
            f"(0, 200) gives {words_for(got)}, not (-200, 0). A small number inside the logarithm "
            "hides the −∞, it does not compute the answer; nor does cutting large values off."
        )
    return None


def words_for(x: Tensor) -> str:
    return "(" + ", ".join(f"{v:.3g}" for v in x.tolist()) + ")"


log_softmax = Exercise(
    "Exercise 2",
    judge_log_softmax,
    [
        "The logarithm of a quotient is a difference: log(e^z / S) = z - log S. No division left.",
        "S = Σ e^z still overflows. Take out the largest logit m: S = e^m · Σ e^(z - m).",
        "So log S = m + log Σ e^(z - m), where no exponent is above 0. Put this into z - log S.",
    ],
)


# ---- 3. without f, two layers are one -------------------------------------------------------


def judge_collapse(answer) -> str | None:
    """Judge answer(W1, b1, W2, b2) → (W, b) with W x + b = W2 (W1 x + b1) + b2."""
    if not callable(answer):
        return FUNCTION.format("my_collapse")
    return on_probes(lambda draw: judge_product(answer, draw, draw.sizes(1) * 3)) or on_probes(
        lambda draw: judge_product(answer, draw, draw.sizes(3))
    )


def judge_product(answer, draw: Draw, sizes: list[int]) -> str | None:
    """Judge the two layers of a network without f, of which the hidden one is the smallest."""
    hidden, *ends = sorted(sizes)
    _, ((W1, b1), (W2, b2)) = network([ends[0], hidden, ends[1]], 1, draw)
    got = answer(W1.clone(), b1.clone(), W2.clone(), b2.clone())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return W, b."
    if words := unfinished(got, 2, "Return two things: W and b.", "things"):
        return words
    W, b = (torch.as_tensor(part) for part in got)
    right = W2 @ W1, W2 @ b1 + b2
    if same(b, right[0]) and same(W, right[1]):
        return "The order is swapped: return W first, then b."
    if words := unlike(W, right[0]):
        return f"W: {words}"
    if not same(W, right[0]):
        products = []
        if len({*sizes}) == 1:
            products = [
                (W1 @ W2, "The order of the product: W1 touches x first, so it stands right."),
                (W2 * W1, "`*` multiplies entry by entry; use the product `@`."),
                (W1 + W2, "Weights of layers in a row multiply; they add for layers side by side."),
                (right[0].t(), "The product is transposed: W has a row for each unit of layer 2."),
            ]  # fmt: skip
        return first_match(W, products) or "W is not that: expand W2 (W1 x + b1) + b2."
    if words := unlike(b, right[1]):
        return f"b: {words}"
    if same(b, right[1]):
        return None
    biases = [
        (b2, "b1 is forgotten: it passes through the second layer too."),
        (W2 @ b1, "b2 is forgotten."),
    ]
    if len({*sizes}) == 1:
        biases += [
            (b1 + b2, "b1 passes through the second layer too: it is multiplied by W2."),
            (W1 @ b1 + b2, "b1 was multiplied by W1; it passes through the *second* layer."),
        ]
    return first_match(b, biases) or "W is right; b is not. Expand W2 (W1 x + b1) + b2."


collapse = Exercise(
    "Exercise 3",
    judge_collapse,
    [
        "Write the two layers as one line and multiply out: W2 (W1 x + b1) + b2.",
        "W1 touches x first, so in the product it stands on the right. b1 still has to pass the "
        "second layer.",
        "Three summands: one with x, one with b1, and b2. What multiplies x is W; what is b?",
    ],
)
