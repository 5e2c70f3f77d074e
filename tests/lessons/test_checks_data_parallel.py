"""The checks of chapter 3_14_data_parallel on steps of many nodes, against plain PyTorch."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn

from course import MLP, load_data
from course.lessons.checks import data_parallel as checks
from course.lessons.checks.data_parallel import (
    aggregate,
    aggregated,
    formula,
    gradient,
    network,
    normalised_apart,
    on_nodes,
    part_of_work,
    principle,
    seconds,
    weighted_sum,
)

DATA = load_data("moons", 0, dtype=torch.float64)
RULES = {
    "plain descent": lambda p: torch.optim.SGD(p, lr=0.3),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01),
}


def flat(module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def by_torch(rule: str, counts: tuple, models: bool, shares) -> float:
    """The same with modules, autograd and torch's optimisers, each node with its own."""
    nodes = [network().to_module() for _ in range(len(counts) + 1)]
    steppers = [RULES[rule](module.parameters()) for module in nodes]
    n = sum(counts)
    for start in range(0, 20 * n, n):
        ends = [start + sum(counts[:k]) for k in range(len(counts) + 1)]
        for k, module in enumerate(nodes):
            rows = slice(ends[k], ends[k + 1]) if k < len(counts) else slice(start, start + n)
            module.zero_grad()
            loss = nn.functional.cross_entropy(module(DATA.x_train[rows]), DATA.y_train[rows])
            loss.backward()
        every = [[*module.parameters()] for module in nodes[:-1]]
        if not models:
            for same in zip(*every, strict=True):
                mean = sum(s * p.grad for s, p in zip(shares, same, strict=True))
                for p in same:
                    p.grad = mean.clone()
        for stepper in steppers:
            stepper.step()
        if models:
            for same in zip(*every, strict=True):
                mean = sum(s * p.detach() for s, p in zip(shares, same, strict=True))
                for p in same:
                    p.data = mean.clone()
    return float((flat(nodes[0]) - flat(nodes[-1])).abs().max())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("counts", [(5, 5), (7, 3)])
@pytest.mark.parametrize(("results", "by_rows"), [("models", False), ("gradients", True)])
def test_what_is_aggregated_is_torchs(rule, counts, results, by_rows):
    shares = [c / 10 for c in counts] if by_rows else [0.5, 0.5]
    theirs = by_torch(rule, counts, results == "models", shares)
    ours = aggregated(results, by_rows, rule, counts)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_one_process_is_plain_training():
    model = network()
    for start in range(0, 200, 10):
        rows = slice(start, start + 10)
        model.theta -= 0.3 * gradient(model, model.theta.clone(), rows)
    assert aggregated("gradients", True, "plain descent", (5, 5)) < 1e-14
    assert aggregated("none", True, "plain descent", (5, 5)) > 1e-3
    whole = on_nodes("data parallelism", 1)[0]
    assert (on_nodes("model parallelism", 2)[0] - whole).abs().max() < 1e-14
    assert (whole - model.theta).abs().max() > 1e-3, "there the rows come in another order"


def test_the_gradient_of_parts_is_autograds():
    module = network().to_module()
    nn.functional.cross_entropy(module(DATA.x_train[:10]), DATA.y_train[:10]).backward()
    (W, b, V, c) = (p.grad for p in module.parameters())
    whole = torch.cat([torch.cat([W, b[:, None]], 1).flatten(),
                       torch.cat([V, c[:, None]], 1).flatten()])  # fmt: skip
    for parts in ([slice(0, 7), slice(7, 10)], [slice(0, 10)]):
        assert (weighted_sum(network(), parts) - whole).abs().max() < 1e-15


def test_batch_normalisation_sees_its_own_rows():
    x, dice = DATA.x_train, torch.Generator().manual_seed(0)
    W, V = (torch.randn(8, 2, generator=dice, dtype=torch.float64) for _ in range(2))

    def grad(rows):
        leaf = W.clone().requires_grad_()
        z = x[rows] @ leaf.t()
        z = (z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt()
        nn.functional.cross_entropy(z.tanh() @ V, DATA.y_train[rows]).backward()
        return leaf.grad

    halves, whole = grad(slice(0, 5)) / 2 + grad(slice(5, 10)) / 2, grad(slice(0, 10))
    assert normalised_apart() == pytest.approx(float((halves - whole).norm() / whole.norm()))


def test_work_and_time():
    assert part_of_work("data parallelism", 0) == part_of_work("data parallelism", 1) == 0.5
    assert 0.5 < part_of_work("model parallelism", 0) < 0.6 and part_of_work("descent", 0) == 1
    one = seconds("data parallelism", 1, "computing takes long")
    flops = 20 * 10 * (4 * 42 + 2 * 16)  # forward and by weights; by inputs above the first layer
    assert one == pytest.approx(flops / 1e7, rel=0.01)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "✓✓✓✗✗|✗"),
        ({"results": "gradients"}, "✓✓✓✓✗|✗"),
        ({"weights": "by rows"}, "✓✓✓✗✓|✗"),
        ({"each takes": "all"}, "✗✓✓✗✗|✗"),
        ({"results": "none"}, "✓✗✗✗✗|✗"),
    ],
)
def test_each_clause_of_the_aggregate_has_a_case(change, found):
    assert marks(aggregate.cases(aggregate.document | change)) == found


def test_the_numbers_are_those_that_decide():
    found = by_name(aggregate.cases(aggregate.document))
    (_, gap) = numbers(found["Adam, parts of 5 and 5 rows: one process's steps"].number)
    assert gap == pytest.approx(aggregated("models", False, "Adam", (5, 5)), rel=0.5) and gap > 1e-3
    found = by_name(principle.cases(principle.document))
    assert numbers(found["the algorithm depends on data parallelism"].number)[0] < 1e-12
    assert numbers(found["model parallelism spreads the computing"].number) == [52]


def test_the_forward_pass_has_no_gradient_in_it():
    found = formula.cases(formula.document)
    assert "20 outputs" in found[0].number and "42" in found[0].number
    assert len(network().theta) == 42 == len(MLP([2, 8, 2]).theta) and checks.ROWS == 10
