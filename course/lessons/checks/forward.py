"""Chapter 3_01_forward: z = W * a + b, a = f(z), y = a_L. D0 3.1; the referee is `torch.nn`."""

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
    trials = {
        "the hidden layers, * a matrix product": (torch.matmul, Ws[:-1], bs[:-1], x, hidden),
        "the same, ten samples as columns": (torch.matmul, Ws[:-1], columns[:-1], X, batch),
        "the hidden layers, * as in code": (torch.mul, Ws[:-1], bs[:-1], x, hidden),
    }
    found = {name: outcome(statement, *trial) for name, trial in trials.items()}
    cases = [Case(name, *result) for name, result in found.items()]
    words = f"they sum to {total:.3f}"
    return [*cases, Case("y as probabilities of the classes", same(out, right), words)]


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
