"""Bagging and boosting equal scikit-learn's with the same members, draws and weights."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, GradientBoostingRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from course import CourseError
from course.ensembles.combining import AdaBoost, Bagging, GradientBoosting
from course.ensembles.learning import bootstrap, votes


def classes(n=60, k=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=g).double()
    y = (x[:, :2].sum(1) + 0.7 * torch.randn(n, generator=g) > 0).long()
    return x, y + (k > 2) * (x[:, 2] > 0.8).long()


def tree(depth, k):
    """scikit-learn's tree as a learner."""

    def fit(x, y, weights, seed):
        t = DecisionTreeClassifier(max_depth=depth, random_state=0)
        t.fit(x.numpy(), y.numpy(), None if weights is None else weights.numpy())

        def outputs(rows):
            out = torch.zeros(len(rows), k, dtype=torch.float64)
            out[:, torch.tensor(t.classes_)] = torch.from_numpy(t.predict_proba(rows.numpy()))
            return out

        return outputs

    return fit


def regression_tree(depth):
    def fit(x, y, weights, seed):
        t = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(x.numpy(), y.numpy())
        return lambda rows: torch.from_numpy(t.predict(rows.numpy()).reshape(len(rows), -1))

    return fit


def test_bagging_votes_and_averages_as_scikit_learn_on_the_same_draws():
    x, y = classes()
    theirs = BaggingClassifier(
        DecisionTreeClassifier(max_depth=3, random_state=0), 7, random_state=5
    ).fit(x.numpy(), y.numpy())
    for member in theirs.estimators_:
        member.random_state = 0
    draws = [torch.from_numpy(np.asarray(rows)).long() for rows in theirs.estimators_samples_]
    ours = Bagging(tree(3, 3), 7).fit(x, y, draws)
    fresh = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)).double()
    again = [
        DecisionTreeClassifier(max_depth=3, random_state=0).fit(x[r].numpy(), y[r].numpy())
        for r in draws
    ]
    assert len(ours.fitted) == 7 and ours.rows is draws
    mean = torch.stack(ours.outputs(fresh)).mean(0)
    expected = np.mean([a.predict_proba(fresh.numpy()) for a in again], 0)
    assert np.allclose(mean, expected, atol=1e-12)
    theirs.estimators_ = again
    assert np.allclose(mean, theirs.predict_proba(fresh.numpy()), atol=1e-12)
    counted = sum(np.eye(3)[a.predict(fresh.numpy())] for a in again)
    assert np.array_equal(votes(ours.outputs(fresh)).numpy(), counted)


def test_each_member_has_a_draw_and_a_seed_of_its_own():
    seen = []

    def fit(x, y, weights, seed):
        seen.append((x, y, weights, seed))
        return lambda rows: rows

    x, y = torch.arange(20.0)[:, None], torch.arange(20)
    ours = Bagging(fit, 3, 4).fit(x, y)
    assert [seed for *_, seed in seen] == [4, 5, 6] and all(w is None for _, _, w, _ in seen)
    for (rows, answers, _, seed), drawn in zip(seen, ours.rows, strict=True):
        assert torch.equal(drawn, bootstrap(20, seed))
        assert torch.equal(rows[:, 0], drawn.float()) and torch.equal(answers, drawn)
    assert Bagging(fit).members == 10 and Bagging(fit).seed == 0


@settings(max_examples=10)
@given(st.integers(2, 3), st.integers(1, 2), st.sampled_from([0.3, 1.0, 1.5]), st.integers(0, 50))
def test_samme_equals_scikit_learn_round_by_round(k, depth, rate, seed):
    """The members are scikit-learn's own: of equal splits, a last digit decides which one wins."""
    x, y = classes(40, k, seed)
    assume(len(y.unique()) == k)  # scikit-learn counts the classes that it meets
    members, given_weights = [], []

    class Watched(DecisionTreeClassifier):
        def fit(self, X, labels, sample_weight=None):
            members.append(self)
            given_weights.append(np.array(sample_weight))
            return super().fit(X, labels, sample_weight)

    theirs = AdaBoostClassifier(
        Watched(max_depth=depth), n_estimators=6, learning_rate=rate, random_state=seed
    ).fit(x.numpy(), y.numpy())

    def same_member(rows, answers, weights, m):
        assert np.allclose(weights, given_weights[m], rtol=1e-9, atol=1e-15)
        guess = torch.from_numpy(members[m].predict(rows.numpy()))
        return lambda _: torch.nn.functional.one_hot(guess, k).double()

    ours = AdaBoost(same_member, k, 6, rate).fit(x, y)
    n = len(theirs.estimators_)
    assert len(ours.fitted) == len(ours.weights) == n
    assert np.allclose(ours.alphas, theirs.estimator_weights_[:n], rtol=1e-9)
    shares = ours.outputs(x) / ours.alphas.sum()
    # scikit-learn's decision: a vote counts 1 for its class, -1/(K - 1) for every other;
    # of two classes, the difference
    decision = (shares * k - 1) / (k - 1)
    decision = decision if k > 2 else decision[:, 1] - decision[:, 0]
    assert np.allclose(decision, theirs.decision_function(x.numpy()), atol=1e-9)


def fixed(*answers):
    """A learner whose members give these answers (class numbers), in turn."""
    given = iter(answers)

    def fit(x, y, weights, seed):
        z = torch.nn.functional.one_hot(torch.tensor(next(given)), 2).double()
        return lambda rows: z

    return fit


def test_boosting_by_hand():
    x, y = torch.zeros(4, 1), torch.tensor([0, 0, 1, 1])
    boost = AdaBoost(fixed([0, 0, 1, 0], [1, 1, 0, 0]), 2).fit(x, y)
    # e = 1/4, α = log 3; then the weights are 1/6, 1/6, 1/6, 1/2; the next member errs in all
    assert boost.alphas.tolist() == pytest.approx([math.log(3)])
    assert boost.members == 50 and boost.rate == 1
    assert boost.outputs(x)[0].tolist() == pytest.approx([math.log(3), 0])
    boost = AdaBoost(fixed([0, 0, 1, 0], [0, 0, 0, 1]), 2, 2).fit(x, y)
    assert boost.weights[1].tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert boost.alphas.tolist() == pytest.approx([math.log(3), math.log(5)])
    perfect = AdaBoost(fixed([0, 0, 1, 1]), 2, 9, 0.5).fit(x, y)
    assert perfect.alphas.tolist() == [1.0] and len(perfect.fitted) == 1
    with pytest.raises(CourseError, match=r"errs in 0.5 of the weight; allowed: below 0.5"):
        AdaBoost(fixed([0, 1, 0, 1]), 2).fit(x, y)


@settings(max_examples=10)
@given(st.integers(1, 3), st.sampled_from([0.1, 0.5, 1.0]), st.integers(0, 50))
def test_gradient_boosting_equals_scikit_learn_stage_by_stage(depth, rate, seed):
    g = torch.Generator().manual_seed(seed)
    x, fresh = torch.randn(40, 3, generator=g).double(), torch.randn(9, 3, generator=g).double()
    y = (x[:, :1] ** 2 + 0.1 * torch.randn(40, 1, generator=g)).double()
    theirs = GradientBoostingRegressor(
        n_estimators=6, learning_rate=rate, max_depth=depth, random_state=0,
    ).fit(x.numpy(), y[:, 0].numpy())  # fmt: skip

    def same_ties(rows, answers, weights, m):
        # its splits, with the leaves fitted to what we hand over: ties fall as they do there
        leaves = theirs.estimators_[m, 0].apply(rows.numpy().astype(np.float32))
        values = {leaf: answers.numpy()[leaves == leaf, 0].mean() for leaf in set(leaves)}

        def outputs(z):
            at = theirs.estimators_[m, 0].apply(z.numpy().astype(np.float32))
            return torch.tensor([[values[leaf]] for leaf in at], dtype=torch.float64)

        return outputs

    ours = GradientBoosting(same_ties, 6, rate).fit(x, y)
    stages = ours.staged(fresh)
    assert len(stages) == 7 and torch.allclose(stages[0], y.mean(0).expand(9, 1))
    for mine, other in zip(stages[1:], theirs.staged_predict(fresh.numpy()), strict=True):
        assert np.allclose(mine[:, 0], other, atol=1e-10)
    assert torch.equal(ours.outputs(fresh), stages[-1])


def test_stages_learn_what_is_left_over():
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0, 4.0], [3.0, 0.0]])
    seen = []

    def memory(rows, answers, weights, seed):
        seen.append((answers.clone(), weights, seed))
        return lambda z: answers

    boost = GradientBoosting(memory, 2, 0.5, 7).fit(x, y)
    assert torch.equal(seen[0][0], y - y.mean(0)) and torch.equal(seen[1][0], (y - y.mean(0)) / 2)
    assert [s[1:] for s in seen] == [(None, 7), (None, 8)]
    assert torch.equal(boost.outputs(x), y.mean(0) + 0.75 * (y - y.mean(0)))
    assert (GradientBoosting(memory).stages, GradientBoosting(memory).rate) == (100, 0.1)
    single = GradientBoosting(regression_tree(1), 1, 1.0).fit(x.double(), y.double())
    assert torch.equal(single.outputs(x.double()), y.double())


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda f: Bagging(f, 0), "members = 0"),
        (lambda f: Bagging(f, 2, -1), "seed = -1"),
        (lambda f: Bagging(f, 2).fit(torch.ones(2, 1), torch.ones(2), [torch.arange(2)]),
         "rows are 1 draws; allowed: 2"),
        (lambda f: AdaBoost(f, 1), "classes = 1"),
        (lambda f: AdaBoost(f, 2, 0), "members = 0"),
        (lambda f: AdaBoost(f, 2, rate=0), "rate = 0"),
        (lambda f: AdaBoost(f, 2, seed=-1), "seed = -1"),
        (lambda f: GradientBoosting(f, 0), "stages = 0"),
        (lambda f: GradientBoosting(f, rate=1.1), "rate = 1.1"),
        (lambda f: GradientBoosting(f, rate=0), "rate = 0"),
        (lambda f: GradientBoosting(f, seed=-2), "seed = -2"),
    ],
)  # fmt: skip
def test_bad_input_is_named_in_one_sentence(call, words):
    with pytest.raises(CourseError, match=words):
        call(tree(1, 2))
