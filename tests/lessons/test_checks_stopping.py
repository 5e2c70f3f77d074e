"""The checks of where a run ends against SciPy, scikit-learn and `torch.optim`."""

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers
from scipy.optimize import minimize, minimize_scalar
from torch.nn import functional as F

from course.data.loading import load_data
from course.lessons.checks.stopping import (
    History,
    best_weights,
    bowl,
    counted,
    descend,
    examine_events,
    linear_model,
    never,
    saddle,
    softmax_run,
    threshold,
    two_minima,
)


def at(loss, *point: float) -> float:
    return float(loss(torch.tensor(point, dtype=torch.float64)))


def test_the_losses_have_their_lowest_where_they_say():
    for loss, start in ((two_minima, [0.3]), (saddle, [1.0, 0.8]), (bowl, [3.0, 2.0])):
        found = minimize(lambda w, loss=loss: at(loss, *w), start)
        assert found.fun == pytest.approx(0, abs=1e-9)
    worse = minimize_scalar(lambda w: at(two_minima, w), bounds=(2, 4), method="bounded")
    end = descend(two_minima, [3.5], 0.01)
    assert end.loss == pytest.approx(worse.fun, abs=1e-6) and worse.fun > 2
    assert end.gradient == pytest.approx(0, abs=1e-6)


def test_a_saddle_climbs_on_one_side_and_falls_on_the_other():
    end = descend(saddle, [1.0, 0.0], 0.05)
    assert end.loss == pytest.approx(1) and end.gradient == pytest.approx(0, abs=1e-9)
    assert at(saddle, 0.1, 0) > 1 > at(saddle, 0, 0.1)
    assert descend(saddle, [1.0, 1e-3], 0.05).loss == pytest.approx(0, abs=1e-6)


def test_the_descent_is_torchs():
    w = torch.tensor([3.0, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.001)
    for _ in range(600):
        optimizer.zero_grad()
        bowl(w).backward()
        optimizer.step()
    end = descend(bowl, [3.0, 2.0], 0.001)
    assert end.loss == pytest.approx(bowl(w).item(), rel=1e-9) and end.lowest == 0


def test_softmax_regression_is_convex_so_the_lowest_is_scipys():
    data = load_data("digits")
    x, y = data.x_train[:100].double(), data.y_train[:100]

    def loss(w):
        W = torch.from_numpy(w).view(10, 64).requires_grad_()
        value = F.cross_entropy(x @ W.t(), y) + 0.05 * (W**2).sum()
        (g,) = torch.autograd.grad(value, W)
        return value.item(), g.numpy().ravel()

    found = minimize(loss, np.zeros(640), jac=True, method="BFGS", options={"gtol": 1e-7})
    end = linear_model()
    assert end.lowest == pytest.approx(found.fun, rel=1e-6)
    assert end.loss == pytest.approx(found.fun, rel=1e-4) and end.gradient < 1e-2


def test_the_ends_of_the_document_by_their_names():
    cases = by_name(best_weights.cases(best_weights.document))
    assert [case.holds for case in cases.values()] == [name.startswith("convex") for name in cases]
    for case in cases.values():
        loss, lowest = numbers(case.number)
        assert case.holds == (abs(loss - lowest) < 0.01)


@pytest.mark.parametrize("noisy, penalty", [(False, 0.0), (True, 0.0), (False, 0.05)])
def test_a_run_with_all_data_is_torchs(noisy, penalty):
    data, generator = load_data("digits"), torch.Generator().manual_seed(0)
    x, y = data.x_train[:200], data.y_train[:200].clone()
    if noisy:
        y[::2] = torch.randint(10, (100,), generator=generator)
    W = torch.zeros(10, 64, requires_grad=True)
    optimizer, losses, moved = torch.optim.SGD([W], lr=0.5, weight_decay=2 * penalty), [], []
    for _ in range(60):
        before = W.detach().clone()
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ W.t(), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        moved.append((W.detach() - before).norm().item())
    run = softmax_run(200, noisy, penalty)
    assert len(run.loss) == len(run.moved) == 300
    assert run.loss[:60] == pytest.approx(np.array(losses), rel=1e-3)
    assert run.moved[:60] == pytest.approx(np.array(moved), rel=1e-2)


def test_batches_never_rest_and_all_data_do():
    all_data, small = softmax_run(200, penalty=0.05), softmax_run(16, penalty=0.05)
    assert all_data.moved[-1] < 1e-5 and (small.moved > 0.05).all()
    assert small.loss[-50:].mean() == pytest.approx(all_data.loss[-1], rel=0.1)


def test_noisy_labels_cannot_be_met_by_a_linear_model_in_time():
    assert softmax_run(200).loss.min() < 0.3
    assert softmax_run(200, noisy=True).loss.min() > 1


RUN = History(np.array([3.0, 2.0, 1.0]), np.array([1.0, 0.5, 0.1]))


@pytest.mark.parametrize(
    "event, mark, words",
    [
        (lambda run: run.loss <= 2, "✓", "after 2 steps"),
        (lambda run: run.loss < 1, "✗", "not in 3 steps"),
        (lambda run: run.moved <= 1, "✓", "after 1 steps"),
        (never, "✗", "not in 3 steps"),
    ],
)
def test_an_event_happens_at_its_first_step(event, mark, words):
    (case,) = examine_events({"it": event}, {"a run": RUN})
    assert (case.name, marks([case]), case.number) == ("it; a run", mark, words)


def test_the_number_of_steps_ends_a_run_that_is_long_enough():
    assert not counted(RUN).any()
    long = softmax_run(200)
    assert counted(long).argmax() + 1 == 250
    assert len(threshold.cases(threshold.document)) == 4
