"""No step allocates memory or waits for the device."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from training_runs import on_moons, rich, train

from course import (
    GELU,
    L2,
    MLP,
    AdamW,
    ClipByNorm,
    ClipByValue,
    Cosine,
    Descend,
    HeavyBall,
    LayerNorm,
    Linear,
    Momentum,
    Nesterov,
    Network,
    ReLU,
    Residual,
    RMSProp,
    SignDescent,
    chain,
)

CHAINS = [
    lambda: chain(ClipByNorm(1.0), Momentum(0.9), Descend(0.01)),
    lambda: chain(ClipByValue(0.1), Nesterov(0.9), Descend(0.01)),
    lambda: chain(L2(1e-4), HeavyBall(0.9), SignDescent(), Descend(Cosine(0.01, steps=50))),
    lambda: chain(ClipByNorm(1.0), AdamW(), Descend(0.01)),
    lambda: chain(RMSProp(), Descend(0.01)),
]


def profiled(trainer, steps=20):
    """(largest allocation in bytes, names of the operations) of some steps after a warm-up."""
    train(trainer, 30)  # the second epoch has begun: all buffers are there
    trainer.batches.position = 0
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        for _ in range(steps):
            trainer.step()
    events = seen.profiler.kineto_results.events()
    sizes = [e.nbytes() for e in events if e.name() == "[memory]"]
    assert sizes, "the profiler saw no memory events: this check would be blind"
    return max(sizes), {e.name() for e in events}


@pytest.mark.parametrize("steps", CHAINS)
@pytest.mark.parametrize("kind", ["mlp", "rich"])
def test_no_step_allocates_or_waits(steps, kind):
    model = MLP([64, 32, 10], dropout=0.2)
    if kind == "rich":
        model = Network(
            [Linear(16), LayerNorm(), GELU(), Residual(Linear(16), ReLU()), Linear(10)], 64
        )
    largest, names = profiled(on_moons(model=model, data="digits", steps=steps(), batch_size=32))
    assert largest <= 64
    assert not names & {"aten::item", "aten::_local_scalar_dense", "aten::nonzero"}


def test_the_profiler_would_notice():
    class Wasteful(Descend):
        def __call__(self, g, context):
            float(g.sum())
            return super().__call__(g * 1, context)

    largest, names = profiled(on_moons(steps=chain(Wasteful(0.1))))
    assert largest > 64 and "aten::item" in names


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_no_step_waits_for_the_gpu():
    trainer = train(rich("cuda"), 30)
    torch.cuda.set_sync_debug_mode("error")
    try:
        train(trainer, 200)
    finally:
        torch.cuda.set_sync_debug_mode("default")
