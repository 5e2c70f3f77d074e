"""Chapter 3_01_forward: what a node computes, and z = W * a + b, a = f(z), y = a_L.

D1 1, D0 3.1. The referee is `torch.nn`.
"""

import torch
from torch import nn

from ..checking import same
from ..verdicts import Case, Check

SIZES = (64, 64, 64, 64)  # one width: no product can complain about shapes


def build(seed: int = 0) -> tuple[list, list, nn.Sequential]:
    """Return weights (n, n), biases (n,), not zero, and the same network in `torch.nn`.

    Its last layer is without f.
    """
    g = torch.Generator().manual_seed(seed)
    Ws = [torch.randn(n, m, generator=g) / 8 for m, n in zip(SIZES, SIZES[1:], strict=False)]
    bs = [torch.randn(len(W), generator=g) for W in Ws]
    modules: list[nn.Module] = []
    for W, b in zip(Ws, bs, strict=True):
        with torch.random.fork_rng(devices=[]):  # the layer draws a start that it does not keep
            layer = nn.Linear(*W.shape)
        layer.weight.data, layer.bias.data = W, b
        modules += [layer, nn.ReLU()]
    return Ws, bs, nn.Sequential(*modules[:-1])


def outcome(statement, times, Ws, bs, x, right) -> tuple[bool, str]:
    """Return if the statement computes the right output, and in words what it computes."""
    try:
        y = statement(times, Ws, bs, x, torch.relu)
    except RuntimeError as error:
        return False, f"an error: {error}"
    if y.shape != right.shape:
        return False, f"no error, but an output of shape {tuple(y.shape)}, not {tuple(right.shape)}"
    off = float((y - right).norm() / right.norm())
    return off < 1e-5, "equal to rounding" if off < 1e-5 else f"relative error {off:.2g}"


@torch.no_grad()
def examine(statement) -> list[Case]:
    """Try one sample and a batch; `*` as a matrix product and as in code; the output layer.

    Args:
        statement: called as statement(times, Ws, bs, x, f); returns the output y. times: how the
            reader carries out `*`.
    """
    Ws, bs, module = build()
    x = torch.randn(64, generator=torch.Generator().manual_seed(1))
    X = torch.randn(64, 10, generator=torch.Generator().manual_seed(2))
    logits, columns = module(x), [b[:, None] for b in bs]
    hidden, batch = module[:-1](x), module[:-1](X.t()).t()
    out = statement(torch.matmul, Ws, bs, x, torch.relu)
    total, right = float(out.sum()), logits.softmax(0)
    product, columnwise, in_code = (
        outcome(statement, *trial)
        for trial in (
            (torch.matmul, Ws[:-1], bs[:-1], x, hidden),
            (torch.matmul, Ws[:-1], columns[:-1], X, batch),
            (torch.mul, Ws[:-1], bs[:-1], x, hidden),
        )
    )
    words = f"they sum to {total:.3f}"
    return [
        Case("the hidden layers, * a matrix product", *product),
        Case("the same, ten samples as columns", *columnwise),
        Case("y as probabilities of the classes", same(out, right), words),
        Case("the hidden layers, * as in code", *in_code, aside=True),
    ]


def as_printed(times, Ws, bs, x, f):
    """Return a_L by the same f in every layer, `*` carried out as the reader does."""
    a = x
    for W, b in zip(Ws, bs, strict=True):
        a = f(times(W, a) + b)
    return a


def made_precise(times, Ws, bs, x, f):
    """Return a_L by `@`, whatever the reader makes of `*`, and softmax in the third layer."""
    a = x
    for layer, (W, b) in enumerate(zip(Ws, bs, strict=True), 1):
        z = W @ a + b
        a = f(z) if layer < len(SIZES) - 1 else z.softmax(0)
    return a


formula = Check(examine, document=as_printed, planted=made_precise)


# ---- D1-1d: each node computes a linear combination and applies an activation ----------------


def examine_node(node) -> list[Case]:
    """Try a node: the entries of a layer of `torch.nn` with its activation.

    Args:
        node: called as node(w, x, f); returns the node's output. w, x: (n,), and the last entries
            are the bias and 1.
    """
    g, cases = torch.Generator().manual_seed(0), []
    x, W, b = (torch.randn(*shape, generator=g) for shape in ((8,), (5, 8), (5,)))
    with torch.random.fork_rng(devices=[]):
        layer = nn.Linear(8, 5)
    layer.weight.data, layer.bias.data = W, b
    for f in (nn.ReLU(), nn.Tanh(), nn.Sigmoid()):
        with torch.no_grad():
            right = f(layer(x))
            rows = torch.cat([W, b[:, None]], 1)
            ours = torch.stack([node(w, torch.cat([x, torch.ones(1)]), f) for w in rows])
            bare = torch.stack([node(w, x, f) for w in W])
        off = float((ours - right).abs().max())
        words = f"five nodes, largest difference {off:.2f}"
        cases.append(Case(type(f).__name__, same(ours, right), words))
    off = float((bare - right).abs().max())
    words = f"largest difference {off:.2f}: with a bias it is affine"
    return [*cases, Case("without the bias", same(bare, right), words, aside=True)]


node = Check(
    examine_node,
    document=lambda w, x, f: f((w * x).sum()),
    planted=lambda w, x, f: f(w * x).sum(),  # activation first
)
