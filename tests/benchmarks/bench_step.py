"""One training step, ours and its peers: `python tests/benchmarks/bench_step.py`.

All sides do the same work: gather a shuffled batch, go forward and back, clip by norm, update with
momentum, record loss and gradient norm. JAX takes part where it is installed.
"""

import importlib.util
import math
import warnings

from report import (
    against,
    interleaved,
    microseconds,
    one_core,
    publish,
    ratio,
    with_spread,
)

one_core()
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from course import MLP, ClipByNorm, Dataset, Descend, HeavyBall, Trainer, chain  # noqa: E402

ROWS, LR, BETA, CLIP = 4096, 0.01, 0.9, 1.0
CASES = [  # sizes, batch, target ÷ eager
    ([64, 64, 10], 32, 0.25),
    ([64, 64, 10], 128, 0.28),
    ([64, 64, 10], 1024, 0.5),
    ([784, 128, 10], 32, 0.47),
    ([784, 128, 10], 1024, 0.9),
    ([784, 256, 128, 10], 32, 0.6),
    ([784, 256, 128, 10], 1024, 0.95),
]
JAX_TARGET = 1.1  # at batches of 128 and more


class Order:
    """Shuffled row numbers, epoch by epoch."""

    def __init__(self, batch, shuffled):
        self.batch, self.shuffled, self.at, self.rows = batch, shuffled, 0, shuffled()

    def next(self):
        if self.at + self.batch > ROWS:
            self.at, self.rows = 0, self.shuffled()
        self.at += self.batch
        return self.rows[self.at - self.batch : self.at]


def ours(x, y, sizes, batch):
    data = Dataset("random", x, y, x[:8], y[:8], classes=10)
    steps = chain(ClipByNorm(CLIP), HeavyBall(BETA), Descend(LR))
    return Trainer(MLP(sizes), data, steps, batch).step


def eager(x, y, sizes, batch, compiled=False, **options):
    layers = []
    for i, o in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(i, o), nn.ReLU()]
    net, order = nn.Sequential(*layers[:-1]), Order(batch, lambda: torch.randperm(ROWS))
    sgd = torch.optim.SGD(net.parameters(), lr=LR, momentum=BETA, **options)
    losses, norms = [], []

    def forward(x, y):
        return nn.functional.cross_entropy(net(x), y)

    if compiled:
        forward = torch.compile(forward)

    def step():
        rows = order.next()
        loss = forward(x[rows], y[rows])
        sgd.zero_grad()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(net.parameters(), CLIP).detach())
        sgd.step()
        losses.append(loss.detach())

    return step


def start(sizes):
    return [
        (np.random.randn(o, i).astype("f4") * math.sqrt(2 / i), np.zeros((o, 1), "f4"))
        for i, o in zip(sizes, sizes[1:], strict=False)
    ]


def by_numpy(x, y, sizes, batch):
    x, y = x.numpy(), y.numpy()
    params = start(sizes)
    v = [[np.zeros_like(p) for p in pair] for pair in params]
    order, column, history = Order(batch, lambda: np.random.permutation(ROWS)), np.arange(batch), []

    def step():
        rows = order.next()
        A = [x[rows].T]
        for i, (W, b) in enumerate(params):
            Z = W @ A[-1] + b
            A.append(np.maximum(Z, 0, out=Z) if i + 1 < len(params) else Z)
        Z = A[-1] - A[-1].max(0)
        E = np.exp(Z)
        S = E.sum(0)
        loss = np.mean(np.log(S) - Z[y[rows], column])
        D = E / S
        D[y[rows], column] -= 1
        D /= batch
        grads = []
        for i in range(len(params) - 1, -1, -1):
            grads.insert(0, (D @ A[i].T, D.sum(1, keepdims=True)))
            if i:
                D = (params[i][0].T @ D) * (A[i] > 0)
        norm = math.sqrt(sum(float(np.vdot(g, g)) for pair in grads for g in pair))
        scale = min(1.0, CLIP / norm)
        for pair, velocity, gradient in zip(params, v, grads, strict=True):
            for p, u, g in zip(pair, velocity, gradient, strict=True):
                u *= BETA
                u += scale * g
                p -= LR * u
        history.append((loss, norm))

    return step


def by_jax(x, y, sizes, batch):
    import jax
    import jax.numpy as jnp

    x, y = jnp.asarray(x.numpy()), jnp.asarray(y.numpy())
    params = [(jnp.asarray(W), jnp.asarray(b[:, 0])) for W, b in start(sizes)]
    v = jax.tree.map(jnp.zeros_like, params)
    order, history, state = Order(batch, lambda: np.random.permutation(ROWS)), [], [params, v]

    def loss_of(params, x, y):
        for W, b in params[:-1]:
            x = jax.nn.relu(x @ W.T + b)
        W, b = params[-1]
        logp = jax.nn.log_softmax(x @ W.T + b)
        return -jnp.mean(jnp.take_along_axis(logp, y[:, None], 1))

    def update(params, v, x, y, rows):
        loss, g = jax.value_and_grad(loss_of)(params, x[rows], y[rows])
        norm = jnp.sqrt(sum(jnp.vdot(a, a) for a in jax.tree.leaves(g)))
        scale = jnp.minimum(1.0, CLIP / norm)
        v = jax.tree.map(lambda u, a: BETA * u + scale * a, v, g)
        return jax.tree.map(lambda p, u: p - LR * u, params, v), v, loss, norm

    jitted = jax.jit(update, donate_argnums=(0, 1))

    def step():
        state[0], state[1], loss, norm = jitted(*state, x, y, order.next())
        history.append((loss, norm))
        loss.block_until_ready()

    return step


def products(x, y, sizes, batch):
    """The step's matrix products alone: what no implementation can do without."""
    A = [torch.randn(n + 1, batch) for n in sizes]
    W = [torch.randn(o, i + 1) for i, o in zip(sizes, sizes[1:], strict=False)]
    dW, Z = [torch.empty_like(w) for w in W], [torch.empty(n, batch) for n in sizes]

    @torch.inference_mode()
    def step():
        for i, w in enumerate(W):
            torch.mm(w, A[i], out=Z[i + 1])
        for i in range(len(W) - 1, -1, -1):
            torch.mm(Z[i + 1], A[i].t(), out=dW[i])
            if i:
                torch.mm(W[i][:, :-1].t(), Z[i + 1], out=Z[i])

    return step


def main():
    torch.set_num_threads(1)
    has_jax = importlib.util.find_spec("jax") is not None
    rows = []
    for sizes, batch, target in CASES:
        args = torch.randn(ROWS, sizes[0]), torch.randint(0, 10, (ROWS,)), sizes, batch
        candidates = {
            "ours": ours(*args),
            "eager": eager(*args),
            "foreach": eager(*args, foreach=True),
            "fused": eager(*args, fused=True),
            "compile": eager(*args, compiled=True, fused=True),
            "numpy": by_numpy(*args),
            "products": products(*args),
        } | ({"jax": by_jax(*args)} if has_jax else {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = interleaved(candidates)
        mine, base = times["ours"], times["eager"]
        by_peer = [with_spread(mine, times[k]) for k in ("foreach", "fused", "compile", "numpy")]
        jax = "not installed"
        if has_jax:
            jax = with_spread(mine, times["jax"])
            jax += f" {against(ratio(mine, times['jax']), JAX_TARGET)}" if batch >= 128 else ""
        eagerly = f"{with_spread(mine, base)} {against(ratio(mine, base), target)}"
        rows.append([
            "-".join(map(str, sizes)), str(batch), microseconds(mine), microseconds(base),
            eagerly, *by_peer, jax,
            f"{ratio(times['products'], mine):.0%}",
        ])  # fmt: skip
    text = (
        "Our step's time divided by a peer's: the median of the rounds, the half of them in the\n"
        "middle, the target. Last column: the share of our step that is matrix products, which\n"
        "nothing can do without."
    )
    header = ["network", "batch", "ours µs", "eager µs", "÷ eager", "÷ foreach", "÷ fused",
              "÷ compile", "÷ numpy", "÷ JAX jit", "products"]  # fmt: skip
    publish("One training step", text, header, rows)


if __name__ == "__main__":
    main()
