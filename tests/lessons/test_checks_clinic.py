"""The checks of chapter 6_clinic, against runs by torch.optim, scikit-learn and autograd."""

import pytest
import torch
from ledger_cases import marks
from sklearn.linear_model import LogisticRegression
from torch import nn

from course import load_data
from course.lessons.checks import clinic as checks
from course.lessons.checks.clinic import CAUSES, HIGH, LOW, REMEDIES, STEPS, by_reward, squared

# ---- D3-6.1 and D4-6 --------------------------------------------------------------------------


def broken_in_torch(rate, least=None, clip=None):
    """Train the same linear model by torch alone; return whether its weights become NaN."""
    data = load_data("digits")
    x, y = data.x_train, nn.functional.one_hot(data.y_train, 10).float()
    if least is not None:
        x = (x - x.mean(0)) / x.std(0).clamp(min=least)
    torch.manual_seed(0)
    layer = nn.Linear(64, 10)
    sgd = torch.optim.SGD(layer.parameters(), rate)
    for step in range(STEPS):
        rows = torch.arange(32 * step, 32 * step + 32) % len(x)
        sgd.zero_grad()
        (10 * nn.functional.mse_loss(layer(x[rows]), y[rows])).backward()
        if clip == "norm":
            nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        elif clip == "value":
            nn.utils.clip_grad_value_(layer.parameters(), 1.0)
        sgd.step()
    return bool(layer.weight.isnan().any())


def test_torch_finds_the_same_nan_and_the_same_finite_weights():
    assert [broken_in_torch(LOW), broken_in_torch(LOW / 10), broken_in_torch(HIGH)] == [0, 0, 1]
    assert broken_in_torch(LOW, least=0.0) and not broken_in_torch(LOW, least=0.1)
    for clip in ("norm", "value"):
        assert not broken_in_torch(HIGH, clip=clip)
        assert broken_in_torch(LOW, least=0.0, clip=clip)
    assert broken_in_torch(10 * HIGH)


@pytest.mark.parametrize(
    ("causes", "remedies", "found"),
    [
        (("division by zero",), (), "✓"),
        (("overflow",), (), "✓"),
        (("small steps",), (), "✗"),
        ((), ("clipping by norm",), "✓✗"),
        ((), ("clipping by value",), "✓✗"),
        ((), ("a lower rate",), "✓✗"),
        ((), ("a higher rate",), "✗✗"),
        ((), ("a least deviation",), "✗✓"),
    ],
)
def test_each_cause_and_each_remedy_has_cases_of_its_own(causes, remedies, found):
    assert marks(checks.examine_nan({"causes": causes, "remedies": remedies})) == found
    assert {*causes} <= {*CAUSES} and {*remedies} <= {*REMEDIES}


def test_an_answer_of_the_appendix_must_help():
    assert marks(checks.examine_appendix({"overflow": "clipping by norm"})) == "✓"
    assert marks(checks.examine_appendix({"overflow": "a least deviation"})) == "✗"
    assert marks(checks.examine_appendix({"division by zero": "a lower rate"})) == "✗"


def test_the_squared_loss_is_that_of_torch():
    outputs, y = torch.randn(7, 10), torch.arange(7)
    expected = 10 * nn.functional.mse_loss(outputs, nn.functional.one_hot(y, 10).float())
    assert torch.allclose(squared(outputs, y), expected)


# ---- D3-6.3 -----------------------------------------------------------------------------------


def test_the_gradient_by_reward_is_on_average_that_of_the_expected_reward():
    torch.manual_seed(0)
    outputs = torch.randn(1, 4, dtype=torch.float64).repeat(40_000, 1).requires_grad_()
    y = torch.full((40_000,), 2)
    (found,) = torch.autograd.grad(by_reward(outputs, y), outputs)
    one = outputs[:1].detach().requires_grad_()
    (expected,) = torch.autograd.grad(-one.softmax(1)[0, 2], one)
    assert torch.allclose(found.sum(0), expected[0], atol=0.01)


def test_the_weak_networks_are_weak_and_a_strong_one_is_not():
    data = load_data("moons", 0)
    linear = LogisticRegression().fit(data.x_train, data.y_train)
    right = checks.lifted(None, "moons, no hidden layer")
    assert right == pytest.approx(linear.score(data.x_train, data.y_train), abs=0.02)
    assert checks.lifted("more units", "digits, two hidden units") > 0.95
    assert checks.lifted(None, "digits, two hidden units") < 0.6


@pytest.mark.parametrize("name", checks.WEAK)
@pytest.mark.parametrize("seed", range(3))
def test_reinforcement_learning_lifts_on_no_seed(monkeypatch, name, seed):
    dataset, weak, *_ = checks.WEAK[name]
    monkeypatch.setattr(checks, "network", lambda sizes: checks.MLP(
        sizes, "tanh", dtype=torch.float64, seed=seed))  # fmt: skip
    data = checks.doubled(load_data(dataset, 0))
    torch.manual_seed(seed)
    base = checks.plain(data, weak)
    assert checks.plain(data, weak, by_reward) < base + checks.LIFT
