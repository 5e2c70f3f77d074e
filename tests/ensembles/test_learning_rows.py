"""Draws, learners of course models, and outputs of many as one."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course import MLP, CourseError, Descend, HeavyBall, Trainer, adopt, chain
from course.data.dataset import Dataset
from course.ensembles.combining import AdaBoost, Bagging, GradientBoosting
from course.ensembles.learning import average, bootstrap, by_trainer, votes


def make_chain():
    return chain(HeavyBall(0.9), Descend(0.1))


def rows(n=24, seed=0):
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] * x[:, 1] > 0).long()


@given(st.integers(1, 200), st.integers(0, 99))
def test_a_bootstrap_draws_as_many_rows_as_there_are(n, seed):
    drawn = bootstrap(n, seed)
    assert drawn.shape == (n,) and drawn.dtype == torch.int64
    assert 0 <= drawn.min() and drawn.max() < n and torch.equal(drawn, bootstrap(n, seed))


def test_the_draws_follow_the_weights():
    n = 20_000
    share = len(bootstrap(n, 1).unique()) / n
    assert abs(share - (1 - math.exp(-1))) < 0.01
    w = torch.arange(n) % 3.0  # 0, 1, 2, and no sum of 1
    drawn = w[bootstrap(n, 1, w)]
    assert (drawn == 0).sum() == 0 and abs(float((drawn == 2).double().mean()) - 2 / 3) < 0.015
    assert len(drawn.unique()) == 2 and not torch.equal(bootstrap(9, 1), bootstrap(9, 2))


@pytest.mark.parametrize("adopted", [False, True])
def test_a_course_model_learns_as_in_a_trainer(adopted):
    x, y = rows()

    def build(seed):
        net = MLP([2, 5, 2], seed=seed)
        return adopt(net.to_module()) if adopted else net

    outputs = by_trainer(build, make_chain, 7, 8, 2)(x, y, None, 3)(x)
    model = build(3)
    trainer = Trainer(model, Dataset("rows", x, y, x, y, 2), make_chain(), 8, 3)
    for _ in trainer.run(7):
        pass
    assert torch.equal(outputs, model.predict(x))
    weights = torch.rand(len(y), generator=torch.Generator().manual_seed(4))
    drawn = bootstrap(len(y), 3, weights)
    learner = by_trainer(build, make_chain, 7, 8, 2)
    assert torch.equal(learner(x, y, weights, 3)(x), learner(x[drawn], y[drawn], None, 3)(x))
    equal = torch.full((len(y),), 1 / len(y), dtype=torch.float64)
    assert torch.equal(learner(x, y, equal, 3)(x), outputs), "equal weights are none"


def test_course_models_are_bagged_and_boosted():
    x, y = rows(80)
    learner = by_trainer(lambda s: MLP([2, 6, 2], seed=s), make_chain, 60, classes=2)
    bag = Bagging(learner, 3).fit(x, y)
    boost = AdaBoost(learner, 2, 3).fit(x, y)
    for z in (average(bag.outputs(x)), votes(bag.outputs(x)), boost.outputs(x)):
        assert (z.argmax(1) == y).double().mean() > 0.8
    t = (x[:, :1] ** 2).contiguous()
    learner = by_trainer(lambda s: MLP([2, 4, 1], seed=s, loss="mse"), make_chain, 40, 200)
    boost = GradientBoosting(learner, 3, 0.5).fit(x, t)
    errors = [float((F - t).square().mean()) for F in boost.staged(x)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.5 * errors[0]


def test_rows_may_be_fewer_than_a_batch_and_training_may_be_none():
    x, y = rows(5)
    learner = by_trainer(lambda s: MLP([2, 3, 2], seed=s), make_chain, 0, classes=2)
    assert torch.equal(learner(x, y, None, 1)(x), MLP([2, 3, 2], seed=1).predict(x))


outputs = st.lists(
    st.integers(0, 999).map(
        lambda s: torch.randn(4, 3, generator=torch.Generator().manual_seed(s)).double()
    ), min_size=1, max_size=5,
)  # fmt: skip


@given(outputs)
def test_averages_lie_within_and_lose_no_more_than_the_mean_member(Z):
    p = average(Z)
    assert torch.allclose(p.sum(1), torch.ones(4).double())
    assert torch.equal(average(Z, "probabilities"), p)
    assert torch.allclose(average(Z, "outputs"), sum(Z) / len(Z))
    y = torch.tensor([0, 1, 2, 0])
    mean = sum(nn.functional.cross_entropy(z, y) for z in Z) / len(Z)
    assert nn.functional.nll_loss(p.log(), y) <= mean + 1e-12  # Jensen
    assert torch.allclose(p, sum(torch.softmax(z, 1) for z in Z) / len(Z))


@given(outputs, st.data())
def test_votes_count_the_largest_outputs(Z, data):
    w = data.draw(st.lists(st.floats(0, 9), min_size=len(Z), max_size=len(Z)))
    expected = torch.zeros(4, 3).double()
    for z, weight in zip(Z, w, strict=True):
        for b in range(4):
            expected[b, z[b].argmax()] += weight
    assert torch.allclose(votes(Z, torch.tensor(w).double()), expected)
    assert torch.equal(votes(Z), votes(Z, torch.ones(len(Z))))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: average([]), "at least one, all"),
        (lambda: average([torch.ones(2, 3), torch.ones(2, 2)]), "give every member the same rows"),
        (lambda: average([torch.ones(3)]), r"the members' outputs are \[\(3,\)\]"),
        (lambda: average([torch.ones(1, 2)], "mean"), "kind = 'mean' is unknown"),
        (lambda: votes([torch.ones(1, 2)], torch.ones(2)), r"weights are \(2,\); allowed: \(1,\)"),
        (lambda: bootstrap(0, 1), "n = 0"),
        (lambda: bootstrap(3, -1), "seed = -1"),
        (lambda: by_trainer(MLP, chain, -1), "steps = -1"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, words):
    with pytest.raises(CourseError, match=words):
        call()
