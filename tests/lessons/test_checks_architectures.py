"""The checks of chapter 5_1_architectures: each part of a statement moves a case of its own."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn

from course import load_data
from course.architectures import ALPHABET, CNN, text_data
from course.lessons.checks import architectures
from course.lessons.checks.architectures import (
    Frequencies,
    accuracy,
    count,
    items_right,
    kinds,
    trained,
    trend,
)
from course.optim.first_order import Descend


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (("convolutional", "recurrent"), "✓✓✗"),
        (("convolutional", "recurrent", "Transformer"), "✓✓✓✓"),
        (("Transformer",), "✓✓"),
        ((), "✗"),
    ],
)
def test_each_kind_that_is_named_has_a_case(named, found):
    assert marks(kinds.cases(named)) == found


def test_a_kind_that_does_not_learn_is_found(monkeypatch):
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(10))

        def forward(self, x):
            return self.bias.expand(len(x), 10)

    monkeypatch.setitem(architectures.IMAGES, "blind", Blind)
    assert marks(kinds.cases(("blind",))) == "✗✗"


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"grow": "more", "such as": ("Transformer", "GPT")}, "✓✓✓✓✓"),
        ({"grow": "fewer", "such as": ("Transformer", "GPT")}, "✗✓✓✓✓"),
        ({"grow": "more", "such as": ("frequencies",)}, "✓✗✗"),
    ],
)
def test_the_trend_and_each_example_have_cases(says, found):
    assert marks(trend.cases(says)) == found


def test_the_numbers_are_those_of_the_networks():
    data = load_data("digits")
    _, module = trained(CNN, data, Descend(0.005))
    right = (module(data.x_test.float()).argmax(1) == data.y_test).double().mean()
    assert accuracy("convolutional") == pytest.approx(float(right))
    case = by_name(kinds.cases(("convolutional",)))["a convolutional network learns"]
    assert numbers(case.number)[0] == pytest.approx(float(right), abs=0.006)
    assert count("convolutional") == 8 * 10 + 16 * (8 * 9 + 1) + 10 * (64 + 1)
    assert items_right("GPT") > 0.1 > items_right("frequencies")


def test_frequencies_learn_how_frequent_each_character_is():
    data = text_data()
    _, module = trained(Frequencies, data, Descend(0.1))
    share = torch.bincount(data.y_train.flatten(), minlength=len(ALPHABET)) / data.y_train.numel()
    assert float((module.logits.detach().softmax(0) - share).abs().max()) < 0.03
