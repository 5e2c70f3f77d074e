"""Runs of a chain and of torch.optim over the same gradients, for the tests of `course.optim`."""

import torch
from hypothesis import strategies as st

betas = st.floats(0, 0.999)
small = st.floats(1e-12, 1e-2)
rates = st.floats(1e-4, 1.0)
seeds = st.integers(0, 10_000)


def gradients(steps=20, size=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(steps, size, dtype=torch.float64, generator=generator)


def run(c, grads):
    theta = torch.ones(grads.shape[1], dtype=grads.dtype)
    c.init(theta)
    for g in grads:
        kept = g.clone()
        c(g, theta)
        assert torch.equal(g, kept), "a transform wrote into the gradient it was handed"
    return theta


def run_torch(grads, kind=torch.optim.SGD, schedule=None, **options):
    theta = torch.ones(grads.shape[1], dtype=grads.dtype, requires_grad=True)
    optimizer = kind([theta], **options)
    schedule = schedule and schedule(optimizer)
    for g in grads:
        theta.grad = g.clone()
        optimizer.step()
        if schedule:
            schedule.step()
    return theta.detach()
