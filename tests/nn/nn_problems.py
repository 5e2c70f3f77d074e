"""Random networks and batches, and what torch makes of them: shared by the tests of `course.nn`."""

from itertools import cycle

import torch
from hypothesis import given
from hypothesis import strategies as st

from course import (
    GELU,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Sigmoid,
    Tanh,
)
from course.nn.layers import ACTIVATIONS
from course.nn.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

LOSSES = [CrossEntropy(), CrossEntropy(0.2), MeanSquaredError(), BinaryCrossEntropy()]
widths = st.integers(1, 6)
simple = st.sampled_from([ReLU, Tanh, Sigmoid, GELU, LayerNorm, lambda: Dropout(0.0)])


@st.composite
def stacks(draw):
    """(features, layers): any order the library allows, a Residual among them."""
    layers, width = [], draw(widths)
    features = width
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["linear", "simple", "residual"]))
        if kind == "linear":
            width = draw(widths)
            layers.append(Linear(width))
        elif kind == "simple":
            layers.append(draw(simple)())
        else:
            inner = [draw(simple)(), Linear(draw(widths)), ReLU(), Linear(width)]
            layers.append(Residual(*draw(st.sampled_from([inner, [Residual(*inner)]]))))
    return features, [*layers, Linear(draw(st.integers(1, 4)))]


def batch(model, B, seed, scale=1.0):
    """Weights (biases too: zeros hide a wrong backward), rows and answers, all at random."""
    generator = torch.Generator().manual_seed(seed)
    model.theta.normal_(generator=generator).mul_(scale)
    x = torch.randn(B, model.features, dtype=torch.float64, generator=generator)
    if isinstance(model.loss, CrossEntropy):
        return x, torch.randint(0, model.outputs, (B,), generator=generator)
    return x, torch.rand(B, model.outputs, dtype=torch.float64, generator=generator)


def autograd(model, x, y):
    """(loss, gradient (P,)) through torch's own layers and loss."""
    theta = model.theta.clone().requires_grad_()
    outputs = torch.func.functional_call(model.to_module(), model.named_views(theta), (x,))
    loss = model.loss.referee(outputs, y)
    return loss.detach(), torch.autograd.grad(loss, theta)[0]


def problem(sizes, activations, loss, seed, B=5, dropout=None):
    """(model, encoded batch, L(θ) by torch, outputs(θ) by torch, answers).

    `activations` follow the hidden layers in turn, None for none.
    """
    layers = []
    for width, activation in zip(sizes[1:-1], cycle(activations)):
        layers += [Linear(width)] + [ACTIVATIONS[a]() for a in [activation] if a]
        layers += [] if dropout is None else [Dropout(dropout)]
    model = Network([*layers, Linear(sizes[-1])], sizes[0], loss, dtype=torch.float64)
    x, y = batch(model, B, seed)
    module = model.to_module().eval()

    def outputs(theta):
        return torch.func.functional_call(module, model.named_views(theta), (x,))

    return model, model.encode(x, y), lambda t: model.loss.referee(outputs(t), y), outputs, y


problems = given(
    st.lists(st.integers(1, 4), min_size=2, max_size=5),
    st.lists(st.sampled_from([None, *sorted(ACTIVATIONS)]), min_size=2, max_size=2),
    st.sampled_from(LOSSES),
    st.sampled_from([None, 0.5]),
    st.integers(0, 1000),
)
