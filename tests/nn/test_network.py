"""Networks: built, refused, described, moved and saved."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nn_problems import LOSSES, batch, stacks

from course import (
    MLP,
    CourseError,
    Linear,
    Network,
    ReLU,
    Residual,
    compare,
)
from course.nn.initialisation import INITS
from course.nn.network import build_network


@pytest.mark.parametrize(
    "build, words",
    [
        (lambda: MLP([4]), "4"),
        (lambda: MLP([4, 0]), "0"),
        (lambda: MLP([4, 2], "swish"), "swish"),
        (lambda: MLP([4, 2], init="kaiming"), "kaiming"),
        (lambda: MLP([4, 2], loss="hinge"), "hinge"),
        (lambda: MLP([4, 2], dtype=torch.int64), "int64"),
        (lambda: MLP([4, 3, 2], dropout=1.0), "Dropout.p = 1.0"),
        (lambda: Network([ReLU()], 4), "no weights"),
        (lambda: Network([Linear], 4), "not a layer"),
        (lambda: Network([Linear(2)], 0), "features"),
        (lambda: Network([Residual(Linear(3)), Linear(2)], 4), r"Linear\(4\)"),
        (lambda: Residual(), "give layers"),
        (lambda: Linear(0), "Linear.width"),
        (lambda: Linear(2, init="xaver"), "xaver"),
    ],
)
def test_bad_networks_are_refused_in_words(build, words):
    with pytest.raises(CourseError, match=words):
        build()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(stacks(), st.sampled_from(LOSSES), st.sampled_from(sorted(INITS)), st.integers(0, 100))
def test_a_described_network_is_built_again_with_the_same_start(stack, loss, init, seed):
    features, layers = stack
    model = Network(layers, features, loss, init, seed)
    again = build_network(model.describe())
    assert torch.equal(model.theta, again.theta) and repr(model) == repr(again)


def test_predict_is_the_forward_pass_and_disturbs_nothing():
    model = MLP([4, 5, 3], dtype=torch.float64)
    x, y = batch(model, 6, 6)
    model.loss_and_grad(*model.encode(x, y))
    space = model.workspace(len(x))
    before = [t.clone() for s in space for t in (s.a, s.da)] + [model.grad.clone()]
    assert compare(model.predict(x), space[-1].a.t(), rtol=1e-12)
    after = [t for s in space for t in (s.a, s.da)] + [model.grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
