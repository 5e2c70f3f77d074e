"""Every hand-derived gradient against autograd and central differences, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import MLP, CourseError, compare, gradient_check
from course.layers import ACTIVATIONS
from course.losses import CrossEntropy


def random_model(sizes, activation, seed):
    model = MLP(sizes, activation, seed, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed + 1)
    model.theta.normal_(generator=generator)  # biases too: zeros hide a wrong backward
    x = torch.randn(1 + seed % 7, sizes[0], dtype=torch.float64, generator=generator)
    return model, x, torch.randint(0, sizes[-1], (len(x),), generator=generator)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    seed=st.integers(0, 1000),
)
def test_network_gradient(sizes, activation, seed):
    model, x, y = random_model([*sizes, 3], activation, seed)
    errors = gradient_check(model, x, y)
    assert errors.autograd < 1e-12
    assert errors.differences < 1e-5


def test_gradient_check_notices_a_wrong_backward(monkeypatch):
    monkeypatch.setattr(ACTIVATIONS["tanh"], "backward", lambda self, s: s.dx.copy_(s.da))
    errors = gradient_check(*random_model([4, 5, 3], "tanh", 3))
    assert errors.autograd > 1e-3 and errors.differences > 1e-3


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_cross_entropy_matches_torch_for_large_logits(scale):
    z = scale * torch.randn(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.arange(9) % 4
    reference = z.clone().requires_grad_()
    expected = torch.nn.functional.cross_entropy(reference, y)
    expected.backward()
    out = torch.empty(4, 9, dtype=torch.float64)
    Y = CrossEntropy().encode(y, 4, 9, torch.float64)
    loss = CrossEntropy()(z.t().contiguous(), Y, out, 9)
    assert compare(loss, expected, rtol=1e-12)
    assert compare(out.t(), reference.grad, rtol=1e-12, atol=1e-15)


def test_predict_is_the_forward_pass_and_disturbs_nothing():
    model, x, y = random_model([4, 5, 3], "relu", 6)
    model.loss_and_grad(*model.encode(x, y))
    space = model.workspace(len(x))
    before = [t.clone() for s in space for t in (s.a, s.da)] + [model.grad.clone()]
    assert compare(model.predict(x), space[-1].a.t(), rtol=1e-12)
    after = [t for s in space for t in (s.a, s.da)] + [model.grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("bad", [{"sizes": [4]}, {"sizes": [4, 0]}, {"activation": "swish"}])
def test_bad_networks_are_refused_in_words(bad):
    arguments = {"sizes": [4, 2], **bad}
    with pytest.raises(CourseError, match="4|swish|0"):
        MLP(**arguments)
