"""The checks of chapter 3_15_model_parallel against autograd and torch.optim."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn

from course.lessons.checks import model_parallel as checks
from course.lessons.checks.model_parallel import answer, as_printed, formula, placed, steps


def padded_mean(parts, places, size):
    """Each part at its place, zeros elsewhere; then the mean of the nodes."""
    return placed(parts, places, size) / len(parts)


def one_after_the_other(parts, places, size):
    """The parts in a row, whatever their places."""
    return torch.cat(list(parts))


def test_the_marks_of_the_documents_and_of_what_is_planted():
    for check, said, planted in ((steps, "✗✗|✓", "✓✓|✓"), (formula, "✗✗✗|✓", "✓✓✓|✗"),
                                 (answer, "✗✗✗", "✓✓✓")):  # fmt: skip
        assert marks(check.cases(check.document)) == said
        assert marks(check.cases(check.planted)) == planted
        assert check.verdict(check.document) == "wrong"
        assert check.verdict(check.planted) == "holds"


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"trains": "alone", "then": ("put together",)}, "✗✗|✓"),
        ({"trains": "with messages", "then": ("averaged",)}, "✓✗|✓"),
        ({"trains": "with messages", "then": ("put together", "averaged")}, "✓✓|✓"),
    ],
)
def test_each_step_has_a_case_of_its_own(says, found):
    assert marks(steps.cases(says)) == found


@pytest.mark.parametrize(
    ("says", "found"),
    [(padded_mean, "✗✗✗|✓"), (one_after_the_other, "✓✗✗|✗"), (as_printed, "✗✗✗|✓")],
)
def test_other_formulas_get_other_marks(says, found):
    assert marks(formula.cases(says)) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [("data parallelism", "✓✗✗"), ("model parallelism", "✗✓✗"), ("data distribution", "✗✗✓")],
)
def test_each_formula_of_the_answer_has_a_case_of_its_own(name, found):
    assert marks(answer.cases(answer.document | {name: answer.planted[name]})) == found


def test_one_process_is_torchs_own_descent():
    model = checks.net([64, 16, 16, 16, 10])
    module = model.to_module()
    x, y = checks.batch(64)
    descent = torch.optim.SGD(module.parameters(), lr=checks.LR)
    for _ in range(checks.STEPS):
        descent.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        descent.step()
    theirs = [torch.cat([layer.weight, layer.bias[:, None]], 1).flatten()
              for layer in module if isinstance(layer, nn.Linear)]  # fmt: skip
    assert torch.allclose(checks.in_one_process(), torch.cat(theirs).detach(), atol=1e-12)


def test_tied_weights_are_those_of_torchs_own_tied_module():
    parts, _, whole = checks.tied()
    x, y = checks.batch()
    module = nn.Sequential(*(nn.Linear(12, 12, bias=False, dtype=torch.float64) for _ in range(2)))
    with torch.no_grad():
        module[0].weight.copy_(checks.net().views(checks.net().theta)[0][:, :-1])
    module[1].weight = module[0].weight
    nn.functional.cross_entropy(module[1](torch.tanh(module[0](x))), y).backward()
    assert torch.allclose(whole, module[0].weight.grad.flatten(), atol=1e-14)
    assert torch.allclose(sum(parts), whole, atol=1e-14)
    assert not torch.allclose(parts[0], parts[1], atol=1e-3)


def test_the_numbers_are_those_that_decide():
    found = by_name(steps.cases(steps.document))
    alone = numbers(found["then the results are aggregated: the model of one process"].number)
    assert alone[:2] == [checks.STEPS, 0] and min(alone[2:]) > 0.01
    cases = by_name(formula.cases(padded_mean))
    (error,) = numbers(cases["each node has a layer (pipeline)"].number)
    assert error == pytest.approx(3 / 4, abs=0.01)  # a quarter of each part is left
    (half,) = numbers(cases["two nodes share one matrix (tied weights)"].number)
    assert half == pytest.approx(1 / 2, abs=0.01)


def test_the_data_that_the_formula_moves_are_other_data():
    x, y = checks.batch()
    module = checks.net().to_module()
    at = x.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(nn.functional.cross_entropy(module(at), y), at)
    parts = checks.moved(x, slopes)
    first = x[:16]
    mean = slopes.view(4, 16, 12).mean(0)
    assert torch.allclose(parts[3], first + 3 * mean, atol=1e-14)
    assert torch.equal(torch.cat(checks.dealt(x, slopes)), x)
