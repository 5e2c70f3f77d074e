"""Nets, weights and training loops that the tests of a chain as an optimizer share."""

import torch
import torch.nn.functional as F
from torch import nn

from course import compare
from course.interop.torch_optimizer import as_optimizer


def net(device="cpu", dtype=torch.float64):
    torch.manual_seed(1)
    layers = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)
    return nn.Sequential(*layers).to(device, dtype)


def batches(steps=50, device="cpu", dtype=torch.float64):
    generator = torch.Generator().manual_seed(2)
    for _ in range(steps):
        x = torch.randn(8, 1, 6, 6, generator=generator, dtype=dtype)
        yield x.to(device), torch.randint(4, (8,), generator=generator).to(device)


def train(model, optimizer, data, scheduler=None, clip=None):
    """An ordinary training loop; returns its losses."""
    losses = []
    for x, y in data:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_value_(model.parameters(), clip)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def same(a, b, rtol=1e-9):
    pairs = zip(a.state_dict().items(), b.state_dict().values(), strict=True)
    return all(compare(p, q, rtol=rtol, atol=1e-11) for (_, p), q in pairs)


def pair(steps, device="cpu", **sgd):
    """(net, optimizer by chain), (net, torch.optim.SGD) from the same start."""
    a, b = net(device), net(device)
    return (a, as_optimizer(steps, a.parameters())), (b, torch.optim.SGD(b.parameters(), **sgd))


def weights(seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = (3, 2), (3,), (2, 4)
    return [nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64)) for s in shapes]


def steps(optimizer, seed, n=25):
    """n steps on gradients that depend on the weights and on chance."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n):
        for group in optimizer.param_groups:
            for p in group["params"]:
                noise = torch.randn(p.shape, generator=generator, dtype=p.dtype)
                p.grad = 0.3 * p.detach() + noise
        optimizer.step()


def shown(optimizer, keys):
    return [{k: group[k] for k in keys} for group in optimizer.param_groups]
