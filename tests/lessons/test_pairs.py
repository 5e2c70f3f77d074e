"""Pairs of digits: their labels, their splits, and what is trained."""

import pytest
import torch

from course import load_data
from course.lessons.pairs import (
    PIXELS,
    ROWS,
    Joined,
    alone,
    draw_pairs,
    joiner,
    sub_network,
    together,
    without_output,
)


@pytest.mark.parametrize("seed", [0, 5])
def test_a_pair_has_the_label_of_its_two_digits(seed):
    whole, left, right = draw_pairs(seed)
    digits = load_data("digits", seed)
    known = {tuple(x.tolist()): int(y) for split, x_all, y_all in digits.splits()
             for x, y in zip(x_all, y_all, strict=True)}  # fmt: skip
    for x, y in zip(whole.x_test[:50], whole.y_test[:50], strict=True):
        a, b = (known[tuple(half.tolist())] for half in x.split(PIXELS))
        assert int(y) == (a >= 5) + (b >= 5) - 2 * (a >= 5) * (b >= 5)
    assert torch.equal(torch.cat([left.x_train, right.x_train], 1), whole.x_train)
    assert torch.equal(left.y_test ^ right.y_test, whole.y_test)
    assert whole.x_train.shape == (ROWS, 2 * PIXELS) and 0.45 < whole.y_train.float().mean() < 0.55


def test_no_test_pair_holds_a_training_digit():
    whole, left, right = draw_pairs(0)
    seen = {tuple(x.tolist()) for half in (left, right) for x in half.x_train}
    unseen = {tuple(x.tolist()) for half in (left, right) for x in half.x_test}
    assert len(seen) > 1000 and len(seen & unseen) <= 2  # the digits hold a few images twice


def test_the_same_seed_draws_the_same_pairs_and_another_seed_others():
    assert torch.equal(draw_pairs(1)[0].x_train, draw_pairs(1)[0].x_train)
    assert not torch.equal(draw_pairs(1)[0].x_train, draw_pairs(2)[0].x_train)


def test_joined_is_its_three_parts_in_a_row():
    left, right = (without_output(sub_network(s)) for s in (0, 1))
    join = joiner(0).to_module()
    joined, x = Joined(left, right, join), torch.rand(7, 2 * PIXELS, dtype=torch.float64)
    answers = torch.cat([left(x[:, :PIXELS]), right(x[:, PIXELS:])], 1)
    assert torch.equal(joined.answers(x), answers) and answers.shape == (7, 8)
    assert torch.equal(joined(x), join(answers))


@pytest.mark.parametrize("make", [together, alone])
def test_the_accuracy_is_that_of_the_network_that_is_returned(make):
    joined, accuracy = make(0)
    whole = draw_pairs(0)[0]
    with torch.no_grad():
        right = joined(whole.x_test).argmax(1) == whole.y_test
    assert accuracy == pytest.approx(float(right.float().mean()), abs=1e-3)
    part = [(32, 64), (32,), (4, 32), (4,)]
    shapes = [tuple(p.shape) for p in joined.parameters()]
    assert shapes == [*part, *part, (16, 8), (16,), (2, 16), (2,)]


def test_trained_alone_the_parts_differ_from_each_other_and_from_their_start():
    joined, _ = alone(0)
    start = without_output(sub_network(0))
    first = [next(iter(part.parameters())) for part in (joined.left, joined.right, start)]
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])
