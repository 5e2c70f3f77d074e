"""Networks trained as a stack of matrices, against the course's own trainer and PyTorch."""

import numpy as np
import pytest
import torch
from torch import nn

from course import MLP, Adam, Cosine, CourseError, Dataset, Descend, Trainer, chain
from course.lessons.scaling_runs import (
    BATCH,
    BUDGETS,
    LR,
    ROWS,
    TEST,
    WIDTHS,
    digit_errors,
    order,
    parameters_of,
    rows_for,
    runs_of,
    test_losses,
    train_together,
    waves,
)

test_losses.__test__ = False  # its name begins as a test's


def trained_alone(width, rows, seed):
    """The course's own model, optimiser and trainer on the same rows in the same order."""
    x, y = waves()
    model = MLP([4, width, 1], seed=seed, loss="mse", dtype=torch.float64)
    data = Dataset("waves", x[TEST:], y[TEST:], x[:TEST], y[:TEST], None)
    trainer = Trainer(model, data, chain(Adam(), Descend(Cosine(LR, rows // BATCH))), BATCH)
    batches = iter((order(seed)[:rows] - TEST).split(BATCH))
    trainer.batches.rows = lambda: next(batches)
    for _ in trainer.run(rows // BATCH):
        pass
    return trainer


@pytest.mark.parametrize(("width", "seeds"), [(1, [0]), (7, [3, 1, 2]), (20, [5, 6])])
def test_each_network_of_a_stack_is_the_one_that_the_trainer_trains(width, seeds):
    together = train_together(width, 40 * BATCH, seeds)
    losses = test_losses(together, width)
    for theta, loss, seed in zip(together, losses, seeds, strict=True):
        trainer = trained_alone(width, 40 * BATCH, seed)
        assert torch.allclose(theta, trainer.model.theta, rtol=1e-9, atol=1e-12)
        assert float(loss) == pytest.approx(trainer.evaluate("test")[0], rel=1e-9)


def test_it_is_what_pytorch_trains():
    """Its own layers, autograd, Adam and schedule."""
    width, rows, seed = 5, 30 * BATCH, 4
    x, y = waves()
    net = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1)).double()
    start = MLP([4, width, 1], seed=seed, loss="mse", dtype=torch.float64)
    net.load_state_dict(start.named_views(start.theta))
    optimiser = torch.optim.Adam(net.parameters(), LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, rows // BATCH)
    for batch in order(seed)[:rows].split(BATCH):
        optimiser.zero_grad()
        nn.functional.mse_loss(net(x[batch]), y[batch]).backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        loss = float(nn.functional.mse_loss(net(x[:TEST]), y[:TEST]))
    ours = test_losses(train_together(width, rows, [seed]), width)
    assert float(ours[0]) == pytest.approx(loss, rel=1e-8)


def test_no_row_comes_twice_and_none_of_the_test():
    for seed in (0, 1):
        rows = order(seed)
        assert len(rows.unique()) == len(rows) == ROWS - TEST and int(rows.min()) == TEST
    assert not torch.equal(order(0), order(1))
    x, y = waves()
    assert x.shape == (ROWS, 4) and y.shape == (ROWS, 1)
    assert float(y.mean()) == pytest.approx(0, abs=1e-9) and float(y.std()) == pytest.approx(1)


@pytest.mark.parametrize("budget", BUDGETS)
def test_each_width_of_a_budget_costs_the_same(budget):
    for width in WIDTHS[budget]:
        assert parameters_of(width) == len(MLP([4, width, 1]).theta)
        rows = rows_for(budget, width)
        assert rows % BATCH == 0 and rows <= ROWS - TEST
        assert 6 * parameters_of(width) * rows == pytest.approx(budget, rel=0.01)


@pytest.mark.parametrize(
    ("budget", "width", "words"),
    [(2e6, 1, None), (5.4e7, 1, "make .* rows; allowed: 16 to 126976; take more units"),
     (2e6, 10_000, "make 0 rows; .*take fewer units"), (2e6, 0, "width = 0")],
)  # fmt: skip
def test_a_width_that_has_too_few_or_too_many_rows_is_refused(budget, width, words):
    if words is None:
        assert rows_for(budget, width) == pytest.approx(budget / 6 / 7, rel=0.01)
        return
    with pytest.raises(CourseError, match=words):
        rows_for(budget, width)


def test_the_runs_of_a_budget_are_those_of_its_widths():
    found = runs_of(BUDGETS[0], [0, 1])
    assert list(found) == [parameters_of(width) for width in WIDTHS[BUDGETS[0]]]
    width = WIDTHS[BUDGETS[0]][-1]
    again = test_losses(train_together(width, rows_for(BUDGETS[0], width), [0, 1]), width)
    assert np.allclose(found[parameters_of(width)], again)
    with pytest.raises(CourseError, match="budget = 3.*allowed: 2e"):
        runs_of(3, [0])


def test_errors_of_digits_are_shares_of_the_test_rows():
    errors = digit_errors((25, 400), [0, 1])
    assert errors.shape == (2, 2) and (errors[:, 0] > errors[:, 1]).all()
    assert np.allclose(errors * 359, np.round(errors * 359))
