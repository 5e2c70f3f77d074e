"""The facts of 1_background, and the brain, against sums written out and torch.nn."""

import math
import re

import pytest
import torch
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.background import (
    brain,
    first_units,
    memory,
    network,
    pulses,
    results,
    sums,
    year_2006,
    year_2012,
)
from course.lessons.milestones import ALEXNET, MILESTONES, PAPERS, RESULTS, WINNERS

BY_NAME = {m.name: m for m in MILESTONES}


# ---- dated facts --------------------------------------------------------------------------------


def test_milestones_rise_and_each_has_a_source_with_its_year_and_place():
    years = [m.year for m in MILESTONES]
    assert years == sorted(years) and len(set(years)) == len(years)
    for m in MILESTONES:
        assert f" {m.year}, " in m.source and ("section" in m.source or "table" in m.source)
        assert m.how and m.parameters > 0
    flops = [m.flops for m in MILESTONES]
    assert flops == sorted(flops)


def test_alexnets_arithmetic_is_that_of_its_layers_in_torch():
    """Its own two groups in layers 2, 4 and 5; biases do not count."""
    conv = torch.nn.Conv2d
    layers = [
        (conv(3, 96, 11, 4), 55), (conv(96, 256, 5, groups=2), 27), (conv(256, 384, 3), 13),
        (conv(384, 384, 3, groups=2), 13), (conv(384, 256, 3, groups=2), 13),
    ]  # fmt: skip
    multiplied = sum(layer.weight.numel() * side**2 for layer, side in layers)
    full = [(9216, 4096), (4096, 4096), (4096, 1000)]
    assert multiplied + sum(a * b for a, b in full) == ALEXNET
    weights = sum(sum(p.numel() for p in layer.parameters()) for layer, _ in layers)
    weights += sum(a * b + b for a, b in full)
    assert weights == pytest.approx(BY_NAME["AlexNet"].parameters, rel=0.02)
    assert round(ALEXNET / 1e9, 2) == 0.72


@pytest.mark.parametrize(
    ("name", "flops"), [("GPT-3", 3.14e23), ("PaLM", 2.53e24), ("AlexNet", 4.7e17)]
)
def test_what_is_computed_agrees_with_what_others_published(name, flops):
    """Brown et al. table D.1; Chowdhery et al. and OpenAI's *AI and compute*, within 5 %."""
    assert BY_NAME[name].flops == pytest.approx(flops, rel=0.05)


def test_llama_3_is_six_times_parameters_times_tokens():
    llama = BY_NAME["Llama 3"]
    assert llama.flops == pytest.approx(6 * llama.parameters * llama.samples, rel=0.01)


def test_alexnet_is_told_with_the_images_of_the_contest_alone():
    assert (2012, "SuperVision", RESULTS[0].reached, True) in WINNERS
    assert RESULTS[0].rest > RESULTS[0].reached + 0.5


def test_the_winners_errors_fall_from_year_to_year():
    errors = [error for _, _, error, _ in WINNERS]
    assert errors == sorted(errors, reverse=True) and len(WINNERS) == 6
    assert [year for year, *_ in WINNERS] == list(range(2010, 2016))


# ---- D0-1, D4-1a, D4-1b -------------------------------------------------------------------------


def test_each_field_is_looked_up_by_itself():
    cases = results.cases({"language": "worse", "images": "better"})
    assert marks(cases) == "✗✓"
    assert numbers(cases[1].number)[2:4] == [16.4, 26.2]
    for result in RESULTS:
        (published,) = re.findall(r"\b(?:19|20)\d\d\b", result.source)
        assert int(published) >= result.year


def test_an_error_is_better_low_and_a_score_high():
    assert [r.lower for r in RESULTS] == [True, False]
    assert RESULTS[0].reached < RESULTS[0].rest and RESULTS[1].reached > RESULTS[1].rest


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "✓✗✗|✗"), ({"called": "deep belief nets"}, "✓✓✗|✓"), ({"new": False}, "✓✗✓|✗"),
        ({"year": 1986}, "✓✗✓|✓"), ({"year": 2012}, "✓✗✗|✗"), ({"who": "Dechter"}, "✗✗✗|✗"),
        ({"year": 1986, "called": "back-propagation"}, "✓✓✓|✓"),
    ],
)  # fmt: skip
def test_each_clause_of_2006_is_looked_up(change, found):
    cases = year_2006.cases(year_2006.document | change)
    assert marks(cases) == found
    assert len(by_name(cases)) == 4


def test_the_papers_are_in_order_and_the_name_is_older_than_2006():
    years = [p.year for p in PAPERS]
    assert years == sorted(years)
    assert [p.year for p in PAPERS if p.says == "deep learning"] == [1986, 2000]


@pytest.mark.parametrize(
    ("year", "found"), [(2012, "✓✓✓"), (2011, "✗✗✗"), (2013, "✓✗✗"), (2020, "✗✗✗")]
)
def test_another_year_than_2012_is_found(year, found):
    assert marks(year_2012.cases(year)) == found


# ---- D1-1a --------------------------------------------------------------------------------------


def test_what_enters_the_units_is_what_torch_computes():
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    module = network(3).to_module()
    torch.testing.assert_close(first_units(x).t(), module[0](x))
    assert sums(x)[0] and not pulses(x)[0] and not memory(x)[0]
    assert pulses(x)[1].startswith("5 different answers") and pulses(x[:1])[0]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "✓✓✗✗"), ({"as the brain": ("sums",)}, "✓✓"), ({"layers": 1}, "✗✓✗✗"),
        ({"layers": 5, "as the brain": ()}, "✓"), ({"as the brain": ("memory",)}, "✓✗"),
    ],
)  # fmt: skip
def test_each_likeness_to_the_brain_is_tried(change, found):
    assert marks(brain.cases(brain.document | change)) == found


def test_a_unit_with_memory_would_be_found(monkeypatch):
    from course.lessons.checks import background

    class Tired(torch.nn.Module):
        seen = 0

        def forward(self, x):
            self.seen += len(x)
            return x / self.seen

    class Fake:
        def to_module(self):
            return Tired()

    monkeypatch.setattr(background, "network", lambda layers: Fake())
    holds, words = memory(torch.ones(4, 3))
    assert holds and words == "another answer"


def test_a_unit_that_does_not_add_up_would_be_found(monkeypatch):
    from course.lessons.checks import background

    monkeypatch.setattr(background, "first_units", lambda x: x.square().t())
    holds, words = sums(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    assert not holds and numbers(words) == [math.prod((2, 2, 5))]
