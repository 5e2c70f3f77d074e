"""The lab of 3_06_momentum_clipping: what a reader does there shows what the chapter promises."""

import nbformat
import numpy as np
import pytest
import torch

from course import ClipByValue, Descend, Momentum, chain
from widgets import TrainingLab

CHAPTER = "3_06_momentum_clipping"


def build(path, seed):
    """Build the chapter's lab as its cell does, before its first step."""
    cells = nbformat.read(path, as_version=4).cells
    (source,) = [c.source for c in cells if c.id == "spike-lab"]
    names = {"TrainingLab": TrainingLab, "seed": seed, "device": "cpu"}
    exec(source, names)
    return names["lab"]


@pytest.fixture(scope="module", params=[0, 1])
def lab(request):
    """The lab at its planned end."""
    lab = build(request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb", request.param)
    return lab.run(lab.steps)


def after_the_spike(lab, **knobs):
    """Go back to the spike, turn knobs, play 200 steps; return (peak, its height, loss before)."""
    lab.go_to(100)
    for knob, value in knobs.items():
        lab.set(knob, value)
    lab.run(200)
    losses = lab.trainer.history.loss
    smooth = np.convolve(losses[100:300], np.ones(5) / 5, "valid")
    return int(smooth.argmax()), float(smooth.max()), float(np.mean(losses[90:100]))


def test_the_gradient_of_step_100_stands_out(lab):
    norms = lab.trainer.history.grad_norm
    assert norms[:101].argmax() == 100 and norms[100] > 100 * np.median(norms[:100])


def test_the_loss_rises_long_after_the_spike_in_one_order_and_not_in_the_other(lab):
    peak, height, before = after_the_spike(lab, clip_order="after", momentum=0.9)
    assert 10 < peak < 60 and height > 4 * before
    _, height, _ = after_the_spike(lab, clip_order="before")
    assert height < 1.5 * before


def test_with_more_memory_the_loss_rises_longer(lab):
    short, low, _ = after_the_spike(lab, clip_order="after", momentum=0.9)
    long, high, _ = after_the_spike(lab, momentum=0.97)
    assert long > short + 3 and high > low


# ---- what the text says -------------------------------------------------------------------------


def mean_move(stream, *transforms):
    """Return the mean of what moves w."""
    w, rule = torch.zeros(1, dtype=torch.float64), chain(*transforms, Descend(1.0))
    rule.init(w)
    for g in stream:
        rule(g[None], w)
    return -float(w) / len(stream)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_memory_brings_back_what_was_clipped_first(seed):
    dice = torch.Generator().manual_seed(seed)
    stream = torch.tensor([-1.0, -1.0, -1.0, -1.0, 10.0]).repeat(800).double()
    stream = stream[torch.randperm(len(stream), generator=dice)]
    limit, memories = ClipByValue(1.0), (0.0, 0.9, 0.99)
    first = [mean_move(stream, limit, Momentum(beta)) for beta in memories]
    after = [mean_move(stream, Momentum(beta), limit) for beta in memories]
    assert first == pytest.approx([-0.6] * 3, abs=0.05)
    assert after[0] == pytest.approx(-0.6) and 0.4 < after[1] < after[2] < 1.2
