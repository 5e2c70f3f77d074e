"""Hessian-vector products and full Hessians, ours and torch.func's: `python …/bench_curvature.py`.

Ours has forward and backward behind it, as in conjugate gradients, which takes many products of one
batch; torch.func has no way to keep them.
"""

import warnings

from report import interleaved, microseconds, one_core, publish, ratio, verdict

one_core()
import torch  # noqa: E402

from course import MLP, compare  # noqa: E402

CASES = [  # sizes, batch, what, at least so many times faster
    ([64, 16, 10], 128, "H·v", 3),
    ([784, 128, 10], 128, "H·v", 3),
    ([784, 128, 10], 1024, "H·v", 3),
    ([64, 16, 10], 128, "H", 10),
]


def sides(sizes, batch, what):
    model = MLP(sizes, "tanh")
    x, y = torch.rand(batch, sizes[0]), torch.randint(0, sizes[-1], (batch,))
    module, curvature = model.to_module(), model.curvature(*model.encode(x, y))
    v = torch.randn_like(model.theta)

    def loss(theta):
        outputs = torch.func.functional_call(module, model.named_views(theta), (x,))
        return model.loss.referee(outputs, y)

    if what == "H":
        hessian = torch.func.hessian(loss)
        return curvature.hessian, lambda: hessian(model.theta)
    gradient = torch.func.grad(loss)
    return lambda: curvature.hvp(v), lambda: torch.func.jvp(gradient, (model.theta,), (v,))[1]


def main():
    torch.set_num_threads(1)
    rows = []
    for sizes, batch, what, target in CASES:
        ours, theirs = sides(sizes, batch, what)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert compare(ours(), theirs(), rtol=1e-3, atol=1e-5)
            times = interleaved({"ours": ours, "torch.func": theirs})
        faster = verdict(ratio(times["torch.func"], times["ours"]), target, at_most=False)
        columns = [microseconds(times["ours"]), microseconds(times["torch.func"]), faster]
        rows.append([what, "-".join(map(str, sizes)), str(batch), *columns])
    text = "How many times faster than `torch.func` (jvp∘grad, hessian); target in brackets."
    header = ["what", "network", "batch", "ours µs", "torch.func µs", "times faster"]
    publish("Curvature", text, header, rows)


if __name__ == "__main__":
    main()
