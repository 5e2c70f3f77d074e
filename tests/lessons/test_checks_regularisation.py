"""The checks of chapter 3_10_regularisation against PyTorch, scikit-learn and closed forms."""

from statistics import median

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from torch import nn

from course import MLP, load_data
from course.lessons.checks import regularisation as checks
from course.lessons.checks.regularisation import (
    HELPS,
    LISTED,
    REMEDIES,
    Way,
    inverted,
    middle,
    penalties,
    reduced,
    remedies,
    scale,
    shrink,
    soft_threshold,
    squared_errors,
    trained,
    tuned,
)

W = torch.tensor([1.5, -1.2, 0.4, -0.1, 0.0, 2.0], dtype=torch.float64)


def test_the_marks_of_the_documents_and_of_what_is_planted():
    assert marks(scale.cases(scale.document)) == "✓✗✗✓"
    assert scale.verdict(scale.document) == "imprecise" != scale.verdict(scale.planted) == "holds"
    found = by_name(remedies.cases(remedies.document))
    failed = {name.split(":")[0] for name, case in found.items() if not case.holds}
    assert failed == {"fewer units", "more data", "augmentation", "early stopping"}
    assert remedies.verdict(remedies.document) == "imprecise"
    assert marks(remedies.cases(remedies.planted)) == "✓" * (len(REMEDIES) + 1)
    assert penalties.verdict(penalties.document) == "missing"
    assert marks(penalties.cases(penalties.planted)) == "✓✓✓✓✓✓"


@pytest.mark.parametrize(
    ("part", "wrong", "found"),
    [
        ("L1", lambda w, lr, strength: w - lr * strength * w.sign(), "✗✓✓✗✓✓"),
        ("L1", lambda w, lr, strength: soft_threshold(w, lr, strength / 2), "✗✓✓✗✓✓"),
        ("L2", lambda w, lr, strength: (1 - 2 * lr * strength) * w, "✓✗✓✓✓✓"),
        ("L2", soft_threshold, "✓✗✓✗✓✓"),
        ("dropout", lambda a, mask, keep: a * mask, "✓✓✗✓✓✓"),
        ("dropout", lambda a, mask, keep: a * mask / (1 - keep), "✓✓✗✓✓✓"),
    ],
)
def test_another_formula_is_found_out(part, wrong, found):
    assert marks(penalties.cases(penalties.planted | {part: wrong})) == found
    assert penalties.verdict(penalties.planted | {part: wrong}) == "imprecise"


@pytest.mark.parametrize("remedy", LISTED)
def test_a_remedy_that_is_left_out_changes_its_mark_alone(remedy):
    before = by_name(remedies.cases(LISTED))
    after = remedies.cases([name for name in LISTED if name != remedy])
    changed = [case.name for case in after if case.name not in before]
    assert [name.split(":")[0] for name in changed] == [remedy]
    assert by_name(after)[changed[0]].holds != before[f"{remedy}: helps"].holds


def test_the_formulas_are_pytorchs():
    assert torch.equal(soft_threshold(W, 0.2, 2.0), nn.functional.softshrink(W, 0.4))
    w = W.clone().requires_grad_()
    w.grad = torch.zeros(6).double()
    torch.optim.SGD([w], lr=0.2, weight_decay=2.0).step()
    assert torch.allclose(shrink(W, 0.2, 2.0), w.detach())
    torch.manual_seed(0)
    theirs = nn.functional.dropout(W, p=0.4)
    assert torch.allclose(inverted(W, (theirs != 0).double(), 0.6), theirs)


@pytest.mark.parametrize(("rows", "size"), [(100, 25), (100, 100), (50, 200)])
def test_the_fit_of_random_features_is_scikit_learns(rows, size):
    data = load_data("digits", 1, dtype=torch.float64).subset(rows, 1)
    V = 0.4 * torch.randn(64, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    A, B = ((x @ V).tanh().numpy() for x in (data.x_train, data.x_test))
    Y, T = (np.eye(10)[y] for y in (data.y_train, data.y_test))
    fit = LinearRegression(fit_intercept=False).fit(A, Y)  # of the least norm, too
    expected = [np.mean((fit.predict(x) - y) ** 2) for x, y in ((A, Y), (B, T))]
    assert squared_errors(rows, size, 1) == pytest.approx(expected, rel=1e-3, abs=1e-8)


def test_a_penalty_takes_the_peak_away_as_the_figure_shows():
    data = load_data("digits", 0, dtype=torch.float64).subset(100, 0)
    V = 0.4 * torch.randn(64, 100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    A, B = ((x @ V).tanh().numpy() for x in (data.x_train, data.x_test))
    Y, T = (np.eye(10)[y] for y in (data.y_train, data.y_test))
    fit = Ridge(0.3, fit_intercept=False).fit(A, Y)
    assert np.mean((fit.predict(B) - T) ** 2) < 0.2 * squared_errors(100, 100, 0)[1]


def test_fewer_inputs_are_principal_components():
    data = load_data("digits", 0).subset(600, 0).with_validation(2 / 3, 0)
    pca = PCA(12).fit(data.x_train.numpy())
    small = reduced(data, 12)
    theirs = pca.transform(data.x_test.numpy())
    assert np.allclose(np.abs(small.x_test.numpy()), np.abs(theirs), atol=1e-3)
    assert len(small.x_val) == 400 and small.features == 12


def test_plain_training_over_fits_in_plain_torch_too_and_decay_helps():
    ends = {}
    for decay in (0.0, 0.01):
        data = load_data("digits", 0).subset(600, 0).with_validation(2 / 3, 0)
        answers = data.noisy_labels(0.2, 0)
        module = MLP([64, 64, 10], seed=0).to_module()
        order = torch.optim.SGD(module.parameters(), lr=0.3, weight_decay=decay)
        for _ in range(checks.STEPS):  # all rows at once, where the check takes batches
            order.zero_grad()
            nn.functional.cross_entropy(module(data.x_train), answers).backward()
            order.step()
        with torch.no_grad():
            ends[decay] = [
                float(nn.functional.cross_entropy(module(x), y))
                for x, y in ((data.x_train, answers), (data.x_test, data.y_test))
            ]
    (train, test), (train2, test2) = ends.values()
    assert test - train > 0.4 > test2 - train2 and test2 < HELPS * test
    ours = trained(Way(), 0)
    assert ours.test - ours.train > 0.4 and ours.train == pytest.approx(train, abs=0.15)


def test_what_is_tuned_has_the_least_validation_loss_and_reports_the_test_loss():
    ways = REMEDIES["L2"]
    ends = [trained(way, 0) for way in ways]
    best = min(ends, key=lambda end: end.validation)
    assert tuned(ways, 0) == best and min(e.test for e in ends) <= best.test
    each = [tuned(ways, seed) for seed in checks.SEEDS]
    assert middle(ways, "test") == median(end.test for end in each)
    assert middle(ways, "gap") == median(end.test - end.train for end in each)


def test_the_numbers_are_those_that_decide():
    cases = by_name(scale.cases(scale.document))
    before, after = numbers(cases["over-fitting grows with more data"].number)
    assert before == pytest.approx(checks.feature_gap(100, 50), abs=1e-3) and after < before / 2
    case = by_name(remedies.cases(LISTED))["dropout: helps"]
    assert numbers(case.number) == pytest.approx(
        [middle((Way(),), "test"), middle(REMEDIES["dropout"], "test")], abs=0.01
    )
