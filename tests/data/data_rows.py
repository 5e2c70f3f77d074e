"""What the tests of the data sets share: rows made here, and when two sets are the same."""

import torch
from hypothesis import settings

from course.data.dataset import Dataset

examples = settings(derandomize=True, deadline=None, max_examples=40)
DTYPE = torch.float64
X, LABELS, TARGETS = torch.zeros(4, 6), torch.tensor([0, 1, 2, 1]), torch.zeros(4, 2)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=20, width=3, classes=3, seed=0, **options):
    x = torch.randn(n, width, generator=generator(seed), dtype=DTYPE)
    y = torch.arange(n) % classes
    return Dataset("mine", x, y, x[:4], y[:4], classes=classes, **options)


def same(a: Dataset, b: Dataset) -> bool:
    pairs = zip(a.splits(), b.splits(), strict=True)
    return all(torch.equal(x, u) and torch.equal(y, v) for (_, x, y), (_, u, v) in pairs)
