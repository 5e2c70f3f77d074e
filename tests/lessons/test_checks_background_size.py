"""What data and parameters cost and buy: against sums written out, torch.nn and scikit-learn."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from sklearn.linear_model import LogisticRegression

from course.data.loading import load_data
from course.lessons.checks.background_size import (
    alike,
    capacity,
    examine_capacity,
    memorised,
    plain,
    random_labels,
    reasons,
    run_flops,
    size_of,
    split_step,
    step_flops,
    therefore,
    two_kinds,
    unseen_right,
    without_activation,
)
from course.nn.network import MLP


@pytest.mark.parametrize(("data", "width", "passes"), [(64, 8, 1), (96, 8, 2), (64, 20, 1)])
def test_the_arithmetic_of_a_run_is_that_of_its_layers(data, width, passes):
    weights = [64 * width, width * 10]
    each = 2 * (3 * sum(weights) - weights[0])  # no gradient by the images
    assert run_flops(data, width, passes) == passes * data * each
    assert run_flops(data, width, passes, seed=9) == run_flops(data, width, passes)


def test_a_step_and_its_bytes():
    model = MLP([64, 16, 16, 10])
    weights = [64 * 16, 16 * 16, 16 * 10]
    assert step_flops(model) == 32 * 2 * (3 * sum(weights) - weights[0])
    assert size_of(model) == 4 * (sum(weights) + 42)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (("data",), "✓✗✗"), (("data", "width"), "✓✓✗"), (("data", "width", "passes"), "✓✓✓"),
        (("seed",), "✗✗✗✗"), (("seed", "data"), "✗✓✗✗"), ((), "✗✗✗"),
    ],
)  # fmt: skip
def test_a_reason_must_count_and_be_the_only_one(named, found):
    cases = reasons.cases(named)
    assert marks(cases) == found
    assert all(numbers(c.number)[0] == pytest.approx(1 if "seed" in c.name else 2) for c in cases)


def test_twice_the_width_is_told_of_the_one_hidden_layer():
    told = by_name(reasons.cases(reasons.document))
    assert "twice the width of the one hidden layer: no more arithmetic" in told


# ---- capacity -----------------------------------------------------------------------------------


def test_random_labels_are_spread_evenly_and_have_nothing_to_do_with_the_images():
    x, y = random_labels(0)
    assert x.shape == (300, 64) and set(y.tolist()) == set(range(10))
    true = load_data("digits", 0).y_train[:300]
    assert float((true == y).double().mean()) < 0.16
    assert not torch.equal(y, random_labels(1)[1])


def test_without_an_activation_the_layers_are_one_and_know_no_more_than_a_linear_model():
    model = without_activation(64, 0)
    x, y = random_labels(0)
    first, second = model.views(model.theta)
    whole = second[:, :-1] @ first[:, :-1]
    bias = second[:, :-1] @ first[:, -1] + second[:, -1]
    torch.testing.assert_close(model.predict(x), x @ whole.t() + bias)
    best = LogisticRegression(C=1e4, max_iter=2000).fit(x.numpy(), y.numpy()).score(x, y)
    assert memorised(without_activation, 64)[0] <= best + 0.02 < 1


def test_units_that_start_alike_stay_alike():
    x, y = random_labels(0)
    model = alike(8, 0)
    for _ in range(3):
        model.loss_and_grad(*model.encode(x, y))
        model.theta -= 0.1 * model.grad
    first = model.views(model.theta)[0]
    torch.testing.assert_close(first, first[:1].expand_as(first))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_wider_layer_knows_more_labels(seed):
    known = [memorised(plain, width, seed)[0] for width in (2, 8, 64)]
    assert known[0] < 0.4 < 0.6 < known[1] < 0.9 and known[2] == 1
    assert memorised(plain, 8)[1] == sum(p.numel() for p in plain(8, 0).to_module().parameters())


def test_each_place_for_parameters_is_tried():
    one = "in units of a hidden layer"
    assert marks(examine_capacity((one,))) == "✓|✗"
    cases = by_name(capacity.cases(capacity.document))
    assert len(cases) == 4
    small, large, before, after = numbers(cases[f"added {one}"].number)
    assert (small, large) == (160, 4810) and after > 1.5 * before
    assert marks(examine_capacity(tuple(reversed(capacity.document)))) == "✗✗✓|✗"


# ---- D2-1, D2-2d --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "needs", "found"),
    [
        ("larger", "less", "✗✗|✗✓"), ("larger", "more", "✓✓|✗✓"), ("smaller", "less", "✓✓|✗✗"),
        ("smaller", "more", "✗✗|✗✗"),
    ],
)  # fmt: skip
def test_a_larger_network_needs_more_and_a_smaller_one_less(size, needs, found):
    cases = therefore.cases({"size": size, "needs": needs})
    assert marks(cases) == found
    ordinary, other = numbers(cases[0].number)
    assert ordinary == 4 * 8970 and (other > ordinary) == (size == "larger")


def test_a_step_in_parts_is_the_step_of_one():
    whole = split_step(1)
    module = plain(32, 0).to_module()
    data = load_data("digits", 0, dtype=torch.float64)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    loss = torch.nn.functional.cross_entropy(module(data.x_train[:32]), data.y_train[:32])
    loss.backward()
    optimizer.step()
    theirs = torch.cat([torch.cat([part.weight, part.bias[:, None]], 1).flatten()
                        for part in module if hasattr(part, "weight")])  # fmt: skip
    torch.testing.assert_close(whole, theirs.detach(), rtol=1e-9, atol=1e-12)
    for parts in (2, 4, 32):
        torch.testing.assert_close(split_step(parts), whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "✓✓✓✗✗"), ({"ordinary": ("data",)}, "✓✓✗✗"), ({"compute": "less"}, "✓✓✗✗✗"),
        ({"algorithm": "the same"}, "✓✓✓✓✗"), ({"arithmetic": "as much"}, "✓✓✓✗✓"),
    ],
)  # fmt: skip
def test_each_clause_of_the_two_kinds_is_tried(change, found):
    assert marks(two_kinds.cases(two_kinds.document | change)) == found


def test_more_samples_and_more_steps_help_on_unseen_digits():
    assert unseen_right(50, 300) < unseen_right(1000, 300) > unseen_right(1000, 3)
