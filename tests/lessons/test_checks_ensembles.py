"""The check of 3_12_ensembles against scikit-learn's forests of votes, and PyTorch alone."""

from statistics import fmean

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from sklearn.neural_network import MLPClassifier

from course import load_data
from course.lessons.checks import ensembles
from course.lessons.checks.ensembles import BETTER, GENERALISES, MEMBERS, gain

LARGE, SMALL = ensembles.NETWORKS


def test_the_large_network_errs_in_no_training_row_and_the_small_one_does():
    for seed in ensembles.SEEDS:
        data = load_data("digits", seed).subset(ensembles.ROWS)
        for size in (LARGE, SMALL):
            wrong = [
                int((net(data.x_train).argmax(1) != data.y_train).sum())
                for net in ensembles.different(size, seed)
            ]
            assert max(wrong) == 0 if size == LARGE else min(wrong) > 10, (size, wrong)


def test_different_networks_of_scikit_learn_gain_too():
    """Others wrote these networks, and their optimiser: the gain has the same sign."""
    gains = []
    for seed in ensembles.SEEDS:
        data = load_data("digits", seed).subset(ensembles.ROWS)
        x, y, fresh = data.x_train.numpy(), data.y_train.numpy(), data.x_test.numpy()
        nets = [
            MLPClassifier((32, 32, 32), solver="sgd", learning_rate_init=0.1, momentum=0,
                          batch_size=32, max_iter=60, n_iter_no_change=60, tol=0, random_state=m)
            for m in range(MEMBERS)
        ]  # fmt: skip
        with pytest.warns(match="iterations"):
            chances = [net.fit(x, y).predict_proba(fresh) for net in nets]
        mean = sum(chances) / MEMBERS
        truth = data.y_test.numpy()
        alone = fmean((p.argmax(1) == truth).mean() for p in chances)
        gains.append((mean.argmax(1) == truth).mean() - alone)
    one, many, _ = gain("different networks", LARGE)
    assert fmean(gains) > BETTER < many - one


def test_boosting_a_network_without_errors_ends_after_one_and_a_small_one_goes_on():
    one, many, count = gain("boosting", LARGE)
    assert count == 1 and many == one
    one, many, count = gain("boosting", SMALL)
    assert count > 4 and many > one + 0.05


def test_copies_gain_nothing_at_all():
    for size in (LARGE, SMALL):
        one, many, count = gain("copies of one network", size)
        assert many == pytest.approx(one, abs=1e-12) and count == MEMBERS


def test_a_bag_is_the_mean_of_networks_that_learned_bootstrap_draws():
    seed, data = 0, load_data("digits", 0).subset(ensembles.ROWS)
    fit, Z = ensembles.learner(SMALL), []
    for m in range(MEMBERS):
        rows = torch.randint(0, ensembles.ROWS, (ensembles.ROWS,),
                             generator=torch.Generator().manual_seed(m))  # fmt: skip
        Z.append(fit(data.x_train[rows], data.y_train[rows], None, m)(data.x_test))
    mean, count = ensembles.outputs("bagging", SMALL, seed, data)
    assert torch.allclose(mean, torch.stack(Z).softmax(2).mean(0), atol=1e-6) and count == MEMBERS


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"is": "needed", "made of": "copies of one network", "better": ()}, "✗✗✗"),
        ({"is": "optional", "made of": None, "better": ("bagging",)}, "✓✓✓"),
        ({"is": "optional", "made of": None, "better": ("boosting",)}, "✓✗✓"),
        ({"is": "needed", "made of": "different networks", "better": ()}, "✗✓✓"),
    ],
)
def test_each_part_of_the_sentence_has_cases_of_its_own(says, found):
    assert marks(ensembles.ensembles.cases(says)) == found


def test_the_numbers_are_those_that_decide():
    cases = by_name(ensembles.ensembles.cases(ensembles.DOCUMENT))
    (alone,) = numbers(cases["to generalise, an ensemble is needed"].number)
    assert alone > GENERALISES and alone == pytest.approx(gain("bagging", LARGE)[0], abs=1e-3)
    for way in ("different networks", "bagging", "boosting"):
        for size in (LARGE, SMALL):
            one, count, many = numbers(cases[f"{way}: better than {size}"].number)
            assert (one, many, count) == pytest.approx(
                gain(way, size), abs=1e-3 if count > 1 else 1
            )
            assert cases[f"{way}: better than {size}"].holds == (many > one + BETTER)
