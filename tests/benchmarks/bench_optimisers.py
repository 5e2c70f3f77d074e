"""One optimiser step, ours on a flat vector and torch's fused: `python …/bench_optimisers.py`.

Torch gets the same numbers as four matrices and four biases, as a network has them.
"""

from report import interleaved, microseconds, one_core, publish, ratio, verdict

one_core()
import torch  # noqa: E402

from course import Adam, ClipByNorm, Descend, HeavyBall, chain  # noqa: E402

CASES = [  # name, weights, target
    ("momentum, clip by norm", 10**4, 0.2),
    ("momentum, clip by norm", 10**5, 0.4),
    ("momentum, clip by norm", 10**6, 1.05),
    ("Adam", 10**4, 0.6),
    ("Adam", 10**5, 1.2),
    ("Adam", 10**6, None),
]


def ours(name, n):
    steps = [Adam()] if name == "Adam" else [ClipByNorm(1.0), HeavyBall(0.9)]
    c, theta, grad = chain(*steps, Descend(1e-3)), torch.randn(n), torch.randn(n)
    c.init(theta)

    @torch.inference_mode()
    def step():
        c(grad, theta)

    return step


def fused(name, n):
    side = int((n / 4) ** 0.5)
    shapes = [(side, side - 1), (side,)] * 4
    params = [torch.randn(shape, requires_grad=True) for shape in shapes]
    for p in params:
        p.grad = torch.randn_like(p)
    if name == "Adam":
        return torch.optim.Adam(params, lr=1e-3, fused=True).step
    sgd = torch.optim.SGD(params, lr=1e-3, momentum=0.9, fused=True)

    def step():
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        sgd.step()

    return step


def main():
    torch.set_num_threads(1)
    rows = []
    for name, n, target in CASES:
        times = interleaved({"ours": ours(name, n), "fused": fused(name, n)})
        value = ratio(times["ours"], times["fused"])
        shown = f"{value:.2f}" if target is None else verdict(value, target)
        columns = [microseconds(times["ours"]), microseconds(times["fused"]), shown]
        rows.append([name, f"{n:,}", *columns])
    text = "Our time divided by that of torch.optim with fused=True; target in brackets."
    publish("One optimiser step", text, ["step", "weights", "ours µs", "fused µs", "÷ fused"], rows)


if __name__ == "__main__":
    main()
