"""The check of the forward formula against NumPy."""

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.forward import (
    as_printed,
    build,
    examine,
    examine_node,
    formula,
    made_precise,
    node,
    outcome,
)


def relu(z):
    return np.maximum(z, 0)


def test_the_network_is_three_layers_of_one_width_without_f_at_the_end():
    Ws, bs, module = build()
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(9))
    assert [W.shape for W in Ws] == 3 * [(64, 64)] and [b.shape for b in bs] == 3 * [(64,)]
    W1, W2, W3, b1, b2, b3 = (p.numpy() for p in (*Ws, *bs))
    hidden = relu(relu(x.numpy() @ W1.T + b1) @ W2.T + b2)
    with torch.no_grad():
        assert module(x).numpy() == pytest.approx(hidden @ W3.T + b3, rel=1e-4, abs=1e-5)
    for W, b in zip(Ws, bs, strict=True):
        assert W.std().item() == pytest.approx(1 / 8, rel=0.1)
        assert b.std().item() == pytest.approx(1, rel=0.3)
    assert all(map(torch.equal, build()[0], Ws)) and not torch.equal(build(1)[0][0], Ws[0])


def test_building_draws_nothing_from_the_readers_generator():
    before = torch.get_rng_state()
    build()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_document_gives_relus_which_are_no_probabilities():
    (W1, W2, W3), (b1, b2, b3), _ = build()
    x = torch.randn(64, generator=torch.Generator().manual_seed(1))
    total = (W3 @ (W2 @ (W1 @ x + b1).relu() + b2).relu() + b3).relu().sum().item()
    cases = by_name(formula.cases(formula.document))
    assert numbers(cases["y as probabilities of the classes"].number) == [
        pytest.approx(total, abs=2e-3)
    ]
    said = cases["the hidden layers, * as in code"].number
    assert said == "no error, but an output of shape (64, 64), not (64,)"
    planted = by_name(formula.cases(formula.planted))
    assert numbers(planted["y as probabilities of the classes"].number) == [1]


def test_a_statement_is_tried_on_these_layers():
    calls = []

    def spy(times, Ws, bs, x, f):
        calls.append((times, len(Ws), tuple(bs[0].shape), tuple(x.shape)))
        assert f is torch.relu
        return made_precise(times, Ws, bs, x, f)

    examine(spy)
    assert calls == [
        (torch.matmul, 3, (64,), (64,)), (torch.matmul, 2, (64,), (64,)),
        (torch.matmul, 2, (64, 1), (64, 10)), (torch.mul, 2, (64,), (64,)),
    ]  # fmt: skip


def without_bias(times, Ws, bs, x, f):
    return made_precise(times, Ws, [0 * b for b in bs], x, f)


def transposed(times, Ws, bs, x, f):
    return made_precise(times, [W.t() for W in Ws], bs, x, f)


def linear_end(times, Ws, bs, x, f):
    """No f in the last layer that it gets, whichever that is."""
    a = x
    for W, b in zip(Ws[:-1], bs[:-1], strict=True):
        a = f(W @ a + b)
    return Ws[-1] @ a + bs[-1]


def rows_only(times, Ws, bs, x, f):
    return made_precise(times, Ws, [b.reshape(-1) for b in bs], x, f)


@pytest.mark.parametrize(
    "statement, found",
    [(without_bias, "✗✗✗|✗"), (transposed, "✗✗✗|✗"), (linear_end, "✗✗✗|✗"), (rows_only, "✓✗✓|✓")],
)
def test_another_statement_gets_other_marks(statement, found):
    assert marks(examine(statement)) == found


def test_an_outcome_in_words():
    right = torch.tensor([3.0, 4.0])

    def given(y):
        return outcome(lambda *trial: y, torch.matmul, [], [], right, right)

    assert given(right + 1e-6) == (True, "equal to rounding")
    assert given(right * (1 + 0.95e-5))[0] and not given(right * (1 + 1.05e-5))[0]
    assert given(1.5 * right) == (False, "relative error 0.5")
    assert given(right[:1])[0] is False

    def fails(times, Ws, bs, x, f):
        return x @ torch.ones(3)

    holds, words = outcome(fails, torch.matmul, [], [], right, right)
    assert not holds and words.startswith("an error: ")


@pytest.mark.parametrize("statement", [as_printed, made_precise])
def test_a_layer_without_its_bias_is_an_error(statement):
    Ws, bs, _ = build()
    with pytest.raises(ValueError):
        statement(torch.matmul, Ws, bs[:-1], torch.ones(64), torch.relu)


# ---- D1-1d: what a node computes --------------------------------------------------------------


def test_the_nodes_are_numpys_with_and_without_the_bias():
    g = torch.Generator().manual_seed(0)
    x, W, b = (torch.randn(*shape, generator=g).numpy() for shape in ((8,), (5, 8), (5,)))
    functions = {"ReLU": relu, "Tanh": np.tanh, "Sigmoid": lambda z: 1 / (1 + np.exp(-z))}
    cases = by_name(node.cases(node.document))
    assert [name for name, case in cases.items() if not case.aside] == list(functions)
    assert all(numbers(cases[name].number) == [0] for name in functions)
    off = np.abs(functions["Sigmoid"](W @ x) - functions["Sigmoid"](W @ x + b)).max()
    assert numbers(cases["without the bias"].number) == [pytest.approx(off, abs=0.006)]
    planted = by_name(node.cases(node.planted))
    for name, f in functions.items():
        rows, ones = np.concatenate([W, b[:, None]], 1), np.concatenate([x, [1.0]])
        off = np.abs(f(rows * ones).sum(1) - f(W @ x + b)).max()
        assert numbers(planted[name].number) == [pytest.approx(off, abs=0.006)]


@pytest.mark.parametrize(
    "statement, found",
    [
        (lambda w, x, f: torch.relu((w * x).sum()), "✓✗✗|✗"),
        (lambda w, x, f: f((w * x)[:8].sum()), "✗✗✗|✗"),
        (lambda w, x, f: f((w * x).sum() + (0.1 if len(w) == 9 else 0)), "✗✗✗|✗"),
    ],
)
def test_another_node_gets_other_marks(statement, found):
    assert marks(examine_node(statement)) == found
