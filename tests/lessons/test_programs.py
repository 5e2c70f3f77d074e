"""The documents' programs: their holes, what they raise, and Keras where it is installed."""

import sys
import types

import pytest
import torch
from keras_blocked import needs_keras, without_keras
from torch import nn

from course.lessons import find_keras, programs
from course.lessons.keras_here import BACKEND, GET


def test_names_that_nobody_defined_are_found():
    assert programs.missing_names(programs.in_batches) == ["criterion"]
    assert programs.missing_names(programs.two_layers) == ["x_train", "y_train"]
    assert programs.missing_names(programs.three_layers) == []
    assert programs.missing_names(programs.all_rows) == []


def test_a_completed_program_leaves_the_first_one_with_its_hole():
    made = programs.completed(programs.in_batches, criterion=nn.CrossEntropyLoss())
    assert programs.missing_names(made) == []
    x, y = programs.random_rows(20, 6, 3)
    net = programs.network(6, 4, 3)
    assert programs.caught(made, net, x, y, column=False) == "no error"
    hole = "NameError: name 'criterion' is not defined"
    assert programs.caught(programs.in_batches, net, x, y) == hole
    assert made.__doc__ == programs.in_batches.__doc__


def test_a_message_is_cut_to_what_tells():
    told = "Expected shape (None, 4), but it is (2, 2)"
    assert programs.brief(f"\x1b[1mInvalid tensor([[1.]]).\n{told}\x1b[0m\nmore") == told
    assert programs.brief("one line\nanother") == "one line"
    assert programs.brief("") == ""


def test_the_report_of_batches_is_the_mean_over_rows_when_weighted():
    """Against the losses of all rows, with a rate of 0 and a short last batch."""
    x, y = programs.random_rows(50, 6, 3)
    net = programs.network(6, 4, 3)
    program = programs.completed(programs.in_batches, criterion=nn.CrossEntropyLoss())
    options = {"epochs": 1, "lr": 0.0, "batch_size": 16, "column": False}
    mean = nn.functional.cross_entropy(net(x), y).item()
    assert program(net, x, y, weighted=True, **options) == pytest.approx(mean, rel=1e-5)
    means = [nn.functional.cross_entropy(net(a), b).item()
             for a, b in zip(x.split(16), y.split(16), strict=True)]  # fmt: skip
    assert program(net, x, y, **options) == pytest.approx(sum(means) / 50, rel=1e-5)


def test_a_seed_gives_the_same_network_and_moves_no_others():
    state = torch.get_rng_state()
    a, b, c = (programs.network(5, 4, 3, seed=s) for s in (1, 1, 2))
    assert torch.equal(a[0].weight, b[0].weight) and not torch.equal(a[0].weight, c[0].weight)
    assert torch.equal(state, torch.get_rng_state())
    assert [type(layer).__name__ for layer in a] == ["Linear", "ReLU", "Linear"]


def test_code_is_shown_without_its_docstring():
    shown = programs.code_of(programs.all_rows)
    assert "fmt" not in programs.code_of(programs.two_layers)
    assert shown.startswith("def all_rows(") and '"""' not in shown and "Args" not in shown
    assert shown.endswith("return losses")


def test_without_keras_one_sentence_says_how_to_get_it(capsys):
    with without_keras():
        assert find_keras() is None
    (line,) = capsys.readouterr().out.splitlines()
    assert GET in line and "not installed" in line


def test_another_backend_is_named_with_the_remedy(monkeypatch, capsys):
    keras = types.ModuleType("keras")
    keras.backend = types.SimpleNamespace(backend=lambda: "jax")
    monkeypatch.setitem(sys.modules, "keras", keras)
    assert find_keras() is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "'jax'" in line and "allowed: 'torch'" in line and "restart the kernel" in line
    keras.backend = types.SimpleNamespace(backend=lambda: "torch")
    assert find_keras() is keras


@needs_keras
@pytest.mark.full
def test_keras_runs_on_torch(keras, monkeypatch):
    import os

    assert keras.backend.backend() == "torch" == os.environ[BACKEND]
    assert isinstance(keras.ops.ones(2), torch.Tensor)
