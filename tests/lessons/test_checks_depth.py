"""The checks of chapter 3_09_depth against PyTorch's own layers and optimiser."""

import math
from statistics import median

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn

from course import MLP, load_data
from course.lessons.checks import depth
from course.lessons.checks.depth import ARRIVES, arriving, choice, gap, share, size

KINDS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def torchs_share(f: str, init: str, layers: int, width: int = 32, name: str = "digits") -> float:
    """The same by autograd on layers of torch, with the course's first weights."""
    found = []
    for seed in range(3):
        data = load_data(name, seed, dtype=torch.float64)
        sizes = [data.features, *[width] * (layers - 1), data.outputs]
        model = MLP(sizes, f, seed, dtype=torch.float64, init=init)
        a, zs = data.x_train[:128], []
        for k, W in enumerate(model.views(model.theta)):
            z = a @ W[:, :-1].t()
            z.requires_grad_() if k == 0 else z.retain_grad()
            zs.append(z)
            a = KINDS[f]()(z)
        nn.functional.cross_entropy(zs[-1], data.y_train[:128]).backward()
        first, last = (float(z.grad.square().mean().sqrt()) for z in (zs[0], zs[-1]))
        found.append(first / last)
    return median(found)


@pytest.mark.parametrize(
    "run",
    [("sigmoid", "xavier", 20), ("relu", "torch", 20), ("relu", "he", 20), ("tanh", "torch", 2),
     ("sigmoid", "xavier", 10, 16), ("tanh", "xavier", 20, 32, "moons")],
)  # fmt: skip
def test_a_share_is_autograds(run):
    assert share(*run) == pytest.approx(torchs_share(*run), rel=1e-6)


def test_a_gap_is_the_one_of_plain_torch():
    data = load_data("digits", 0).subset(200)
    model = MLP([64, 64, 10], seed=0)
    module = model.to_module()
    order = torch.optim.SGD(module.parameters(), lr=0.3)
    for _ in range(400):  # all rows at once, where the check takes batches
        order.zero_grad()
        nn.functional.cross_entropy(module(data.x_train), data.y_train).backward()
        order.step()
    with torch.no_grad():
        test = float(nn.functional.cross_entropy(module(data.x_test), data.y_test))
        train = float(nn.functional.cross_entropy(module(data.x_train), data.y_train))
    assert test / train > 2, "a wide network over-fits 200 digits however it is trained"
    assert gap(64, 200) > 2 > gap(2, 200) and gap(64, 1400) < 2


def test_the_marks_of_the_document_and_of_what_is_planted():
    assert marks(size.cases(size.document)) == "✗✓✗✓✗"
    assert size.verdict(size.document) == "imprecise"
    assert marks(size.cases(size.planted)) == "✓✓" and size.verdict(size.planted) == "holds"
    assert marks(choice.cases(choice.document)) == "✓✗✓|✗✓"
    assert marks(choice.cases(choice.planted)) == "✓✓✓|✓"
    assert choice.verdict(choice.document) == "imprecise" != choice.verdict(choice.planted)


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"vanishing": ("more width",), "over-fitting": ("more data",)}, "✗✗"),
        ({"vanishing": ("more layers",), "over-fitting": ("more width",)}, "✓✓"),
        ({"vanishing": ("more layers, ReLU with He",), "over-fitting": ()}, "✗"),
        ({"vanishing": ("smaller factors",), "over-fitting": ("fewer data",)}, "✓✓"),
    ],
)
def test_each_cause_has_a_case_of_its_own(says, found):
    assert marks(size.cases(says)) == found


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"tries": [("tanh", "xavier")], "depends on": ()}, "✓✓|✓"),
        ({"tries": [("sigmoid", "xavier")], "depends on": ("model",)}, "✓✗✓|✓"),
        ({"tries": [], "depends on": ("problem",)}, "✗✗|✗✗"),
        ({"tries": [("relu", "zeros")], "depends on": ()}, "✗✗|✓"),
    ],
)
def test_other_tries_get_other_marks(says, found):
    assert marks(choice.cases(says)) == found


def test_the_numbers_are_those_that_decide():
    cases = by_name(size.cases(size.document))
    before, after = numbers(cases["gradients vanish: more layers"].number)
    assert before == pytest.approx(share("sigmoid", "xavier", 2), rel=0.1)
    assert after == pytest.approx(share("sigmoid", "xavier", 20), rel=0.1) and after < before / 10
    found = by_name(choice.cases(choice.document))
    (best,) = numbers(found["one of those tried lets the error through: 20 layers"].number)
    assert best == pytest.approx(max(share(f, "torch", 20) for f in KINDS), rel=0.1)
    assert best < ARRIVES
    assert math.isnan(numbers_of(choice.cases({"tries": [], "depends on": ()}))[0])


def numbers_of(cases):
    return [float(case.number.split()[2]) for case in cases[:2]]


def test_who_arrives():
    usual = [(f, "xavier") for f in KINDS]
    assert arriving(usual, 2) == {"sigmoid", "tanh", "relu"}
    assert arriving(usual, 20) == {"tanh"} == arriving(usual, 20, "moons")
    assert depth.ROWS == 128
