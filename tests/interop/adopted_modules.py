"""Modules of the kinds that flattening could break, and adopted ones: what the tests share."""

import pytest
import torch
from torch import nn

from course import Dataset
from course.interop.adopt import adopt

# On CUDA, cuDNN says that an adopted GRU's weights are not one chunk of their own.
NO_CHUNK = pytest.mark.filterwarnings("ignore:RNN module weights:UserWarning")


class Last(nn.Module):
    """A GRU that answers with its last output."""

    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 4)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


class Tied(nn.Module):
    """The embedding's matrix is the head's too."""

    def __init__(self):
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(4, 6), nn.Linear(6, 6), nn.Linear(6, 4)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(self.mix(self.embed(tokens).mean(1)).tanh())


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)
    )


def frozen():
    net = mlp()
    net[0].requires_grad_(False)
    return net


def transformer():
    return nn.Sequential(
        nn.TransformerEncoderLayer(6, 2, 8, dropout=0.2, batch_first=True),
        nn.Flatten(),
        nn.Linear(18, 4),
    )


X = {
    mlp: lambda: torch.randn(12, 6),
    cnn: lambda: torch.randn(12, 1, 6, 6),
    Last: lambda: torch.randn(12, 4, 3),
    Tied: lambda: torch.randint(4, (12, 3)),
    frozen: lambda: torch.randn(12, 6),
    transformer: lambda: torch.randn(12, 3, 6),
}


KINDS = pytest.mark.parametrize("build", X)


def make(build, dtype=torch.float64, **options):
    """(adopted module, encoded batch)."""
    model = adopt(build().to(dtype), **options)
    return model, model.encode(X[build](), torch.randint(4, (12,)))


def small_data(regression=False):
    x = torch.randn(40, 6)
    y = torch.randn(40, 4) if regression else torch.randint(4, (40,))
    return Dataset("noise", x, y, x[:8], y[:8], None if regression else 4)


def losses(models, batch, steps=6):
    """Losses of models that take turns, one list a model."""
    found = [[] for _ in models]
    for _ in range(steps):
        for model, kept in zip(models, found, strict=True):
            kept.append(model.loss_and_grad(*batch).item())
            model.theta.sub_(model.grad, alpha=0.01)
    return found
