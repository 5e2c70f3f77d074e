"""The checks of chapter 3_11_data, and its tables, against scikit-learn, autograd and counting."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from course import CourseError, standardise
from course.lessons import (
    condition,
    cross_validate,
    curvatures,
    descend,
    draw_flats,
    draw_noise,
    linear_model,
    lowest_loss,
    nearest_mean,
    steps_needed,
    strongest,
)
from course.lessons.checks import data as checks
from course.lessons.checks.data import instability, merge_sort, needs, scaling, strategy

SEEDS = [0, 1, 2**31]


# ---- the tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_an_honest_accuracy_is_that_of_scikit_learns_pipeline(seed):
    x, y = draw_noise(seed)
    folds = PredefinedSplit(np.arange(50) % 5)
    honest = make_pipeline(SelectKBest(f_classif, k=20), NearestCentroid())
    theirs = cross_val_score(honest, x.numpy(), y.numpy(), cv=folds).mean()
    assert cross_validate(x, y, strongest) == pytest.approx(theirs)
    leaked = SelectKBest(f_classif, k=20).fit_transform(x.numpy(), y.numpy())
    theirs = cross_val_score(NearestCentroid(), leaked, y.numpy(), cv=folds).mean()
    assert cross_validate(x, y, strongest, on_all_rows=True) == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(10))
def test_selecting_on_all_rows_makes_noise_look_like_knowledge(seed):
    x, y = draw_noise(seed)
    assert sorted(y.tolist()) == [0] * 25 + [1] * 25
    assert cross_validate(x, y, strongest, on_all_rows=True) > 0.85
    assert 0.15 < cross_validate(x, y, strongest) < 0.8


def test_the_median_of_five_honest_ones_is_a_coins():
    for first in (0, 5, 10, 2**31):
        shares = [cross_validate(*draw_noise(s), strongest) for s in range(first, first + 5)]
        assert 0.35 < np.median(shares) < 0.65


def test_with_as_many_columns_as_are_kept_both_ways_agree():
    x, y = draw_noise(3, columns=20)
    assert cross_validate(x, y, strongest, True) == cross_validate(x, y, strongest)


def test_the_nearest_mean_is_scikit_learns():
    x, y = draw_noise(0, 60, 5)
    theirs = NearestCentroid().fit(x[:40].numpy(), y[:40].numpy()).predict(x[40:].numpy())
    assert nearest_mean(x[:40], y[:40], x[40:]).tolist() == theirs.tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_curvatures_are_autograds_and_the_lowest_loss_is_scikit_learns(seed):
    for table in (draw_flats(seed), standardise(draw_flats(seed))):
        rows = torch.cat([table.x_train, torch.ones_like(table.y_train)], 1)
        with torch.enable_grad():
            H = torch.autograd.functional.hessian(
                lambda w, X=rows, y=table.y_train: (X @ w[:, None] - y).square().mean(),
                torch.zeros(5, dtype=torch.float64),
            )
        top = torch.linalg.eigvalsh(H)[-1]
        assert torch.allclose(curvatures(table), torch.linalg.eigvalsh(H), atol=1e-12 * top)
        X, y = table.x_train.numpy(), table.y_train.numpy()
        error = LinearRegression().fit(X, y).predict(X) - y
        assert lowest_loss(table) == pytest.approx(float((error**2).mean()), rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_descent_is_torchs_sgd(seed):
    table = standardise(draw_flats(seed))
    module = linear_model(table).to_module()
    order = torch.optim.SGD(module.parameters(), lr=1 / float(curvatures(table)[-1]))
    theirs = []
    for _ in range(5):
        order.zero_grad()
        with torch.enable_grad():
            loss = torch.nn.functional.mse_loss(module(table.x_train), table.y_train)
            loss.backward()
        theirs.append(float(loss.detach()))
        order.step()
    assert descend(table, 5).tolist() == pytest.approx(theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_standardising_takes_eight_digits_off_the_condition_number_and_few_steps_are_left(seed):
    raw = draw_flats(seed)
    assert condition(raw) > 1e9 and condition(standardise(raw)) < 2
    assert steps_needed(standardise(raw)) <= 5
    assert steps_needed(raw, 2000) == 2000


def test_a_table_has_other_units_but_the_same_flats():
    table, km = draw_flats(4), draw_flats(4, units=(1, 1, 1, 1000))
    assert torch.equal(table.y_train, km.y_train) and len(table.y_train) == 160
    assert torch.allclose(table.x_train[:, 3], 1000 * km.x_train[:, 3])
    assert torch.allclose(standardise(table).x_test, standardise(km).x_test)


@pytest.mark.parametrize(
    ("call", "words"),
    [(lambda: draw_flats(0, 5), "n = 5"), (lambda: draw_flats(-1), "seed = -1"),
     (lambda: draw_noise(0, 3), "rows = 3"), (lambda: draw_noise(0, 50, 0), "columns = 0")],
)  # fmt: skip
def test_bad_input_is_named(call, words):
    with pytest.raises(CourseError, match=words):
        call()


# ---- the checks ---------------------------------------------------------------------------------


def test_the_marks_of_the_document_and_of_what_is_planted():
    assert marks(strategy.cases(strategy.document)) == "✗✗|✓"
    assert marks(strategy.cases(strategy.planted)) == "✓✓|✓"
    assert marks(scaling.cases(scaling.document)) == "✓✓✓✓"
    assert marks(scaling.cases(scaling.planted)) == "✗✗"
    assert marks(needs.cases(needs.document)) == "✓✗✓✓✓"
    assert marks(needs.cases(needs.planted)) == "✓✓✓"
    assert marks(instability.cases(instability.document)) == "✗✗✗✓"
    assert marks(instability.cases(instability.planted)) == "✓"


def test_sorting_by_halves_is_divide_and_conquer_and_sorts():
    values = torch.rand(13, generator=torch.Generator().manual_seed(1)).tolist()
    found, parts = merge_sort(values)
    assert found == sorted(values) and parts == [("sort", 6), ("sort", 7)]
    says = {"plan": "merge sort", "called": "divide and conquer"}
    assert strategy.verdict(says) == "holds"
    assert strategy.verdict(says | {"called": "workflow"}) == "wrong"


def test_normalising_is_scikit_learns_scaler():
    table = draw_flats(0)
    scaler = MinMaxScaler().fit(table.x_train.numpy())
    assert np.allclose(checks.normalise(table).x_test, scaler.transform(table.x_test.numpy()))


def test_shards_of_the_gradient_add_up_as_autograd_has_it():
    most, same = checks.parts_add_up(4)
    assert same and most == math.ceil(1438 / 4)
    assert not checks.examine_needs({"compute": ("parallel work",)})[0].number.endswith("False")


def test_the_numbers_are_those_that_are_measured():
    cases = by_name(needs.cases(needs.document))
    (rows, found, seeds) = numbers(cases["large data: augmentation"].number)
    assert rows == 1400 and seeds == len(checks.SEEDS)
    assert found == pytest.approx(checks.gain(1400), abs=6e-4)
    wrong = by_name(instability.cases(instability.document))
    few = numbers(wrong["it grows: the share of wrong labels, one source"].number)
    assert few[1] == pytest.approx(0.2, abs=0.03) == few[3]


def test_half_the_weights_are_zero_when_half_are_pruned():
    before, after = checks.pruned(0.5, 256)
    assert after > before - 0.01
    _, nothing_left = checks.pruned(1.0, 256)
    assert nothing_left < 0.3
