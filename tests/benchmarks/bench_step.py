"""One training step, ours ÷ eager PyTorch: `python tests/benchmarks/bench_step.py`.

Both sides gather a shuffled batch, go forward and back, clip by norm, update with momentum and
record loss and gradient norm. Interleaved in one process, one thread, medians.
"""

import statistics
import time

import torch
from torch import nn

from course import MLP, ClipByNorm, Dataset, Descend, HeavyBall, Trainer, chain

CASES = [([64, 64, 10], 32, 0.30), ([784, 128, 10], 1024, 1.0)]


def ours(data, sizes, batch):
    return Trainer(
        MLP(sizes), data, chain(ClipByNorm(1), HeavyBall(0.9), Descend(0.01)), batch
    ).step


def eager(data, sizes, batch):
    layers = [
        m for i, o in zip(sizes, sizes[1:], strict=False) for m in (nn.Linear(i, o), nn.ReLU())
    ]
    net, state = nn.Sequential(*layers[:-1]), {"at": 0, "order": torch.randperm(len(data.y_train))}
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    losses, norms = [], []

    def step():
        if state["at"] + batch > len(data.y_train):
            state.update(at=0, order=torch.randperm(len(data.y_train)))
        rows = state["order"][state["at"] : state["at"] + batch]
        state["at"] += batch
        loss = nn.functional.cross_entropy(net(data.x_train[rows]), data.y_train[rows])
        sgd.zero_grad()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(net.parameters(), 1.0).detach())
        sgd.step()
        losses.append(loss.detach())

    return step


def seconds(step, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


def main():
    torch.set_num_threads(1)
    print(f"{'network':<14}{'batch':>6}{'ours µs':>10}{'eager µs':>10}{'ratio':>8}{'target':>8}")
    for sizes, batch, target in CASES:
        x, y = torch.randn(4096, sizes[0]), torch.randint(0, 10, (4096,))
        data = Dataset("random", x, y, x[:8], y[:8], classes=10)
        a, b = ours(data, sizes, batch), eager(data, sizes, batch)
        repeats = max(5, 6400 // batch)
        seconds(a, repeats), seconds(b, repeats)
        pairs = [(seconds(a, repeats), seconds(b, repeats)) for _ in range(15)]
        ratio = statistics.median(p / q for p, q in pairs)
        p, q = (statistics.median(t) * 1e6 for t in zip(*pairs, strict=True))
        name = "-".join(map(str, sizes))
        print(f"{name:<14}{batch:>6}{p:>10.0f}{q:>10.0f}{ratio:>8.2f}{target:>8.2f}")


if __name__ == "__main__":
    main()
