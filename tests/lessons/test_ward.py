"""Patients drawn at random: each shows its own disease; the cure helps, wrong cures do not."""

import math
import random
from dataclasses import replace

import pytest
import torch
from torch import nn

from course import CourseError, load_data
from course.lessons.clinic.diseases import DISEASES, draw
from course.lessons.clinic.plans import Plan
from course.lessons.clinic.ward import READINGS, WELL, Patient, Treatment, examine

NAMES = [disease.name for disease in DISEASES]
of_each = pytest.mark.parametrize("disease", DISEASES, ids=NAMES)


def patient_with(disease, seed):
    chance = random.Random(seed)
    return Patient(Plan(**disease.numbers(chance), seed=chance.randrange(1000)), disease)


@of_each
def test_its_readings_tell_it_from_all_others(disease):
    found = examine(patient_with(disease, 0).plan)
    assert not found["use"] > WELL, "it is sick in use"
    assert set(found) == set(READINGS)
    assert [d.name for d in DISEASES if d.fits(found)] == [disease.name], found


@pytest.mark.full
@of_each
def test_its_readings_tell_it_from_all_others_with_many_numbers(disease):
    for seed in range(1, 25):
        found = examine(patient_with(disease, seed).plan)
        assert [d.name for d in DISEASES if d.fits(found)] == [disease.name], (seed, found)


@pytest.mark.full
@of_each
def test_its_cure_helps_and_wrong_cures_do_not_with_room(disease):
    for seed in range(3):
        patient = patient_with(disease, seed)
        assert min(patient.check(**disease.cure).right) > 0.84
        for changes in disease.wrong:
            assert min(patient.check(**changes).right) < 0.7, changes


def test_a_well_run_has_no_disease():
    for seed in range(3):
        found = examine(Plan(seed=seed))
        assert not [d.name for d in DISEASES if d.fits(found)] and found["use"] > 0.9


def test_a_draw_is_one_of_thirteen_and_does_not_tell_which():
    drawn = [draw(seed) for seed in range(150)]
    assert {patient.disease.name for patient in drawn} == set(NAMES) and len(NAMES) == 13
    assert draw(5) == drawn[5] and len({patient.plan for patient in drawn}) == 150
    assert not any(name in repr(patient) for patient in drawn for name in NAMES)


@pytest.mark.parametrize(("offset", "lr"), [(0.0, 0.2), (4.0, 0.001)])
def test_the_readings_agree_with_a_run_by_torch(offset, lr):
    plan = Plan(lr=lr, offset=offset, seed=3, steps=40)
    draws = torch.Generator().manual_seed(3)
    data = load_data("digits", 0)
    at = torch.randperm(len(data.x_train), generator=draws)
    x, y = data.x_train[at].double(), data.y_train[at]
    mean, deviation = x.mean(), x.std()
    x, use = (x - mean) / deviation + offset, (data.x_test.double() - mean) / deviation + offset
    aside = x[1000:], y[1000:]
    x, y = x[:1000], y[:1000]
    torch.randperm(1000, generator=draws)  # the rows that would be bad
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).double()
    for layer in (net[0], net[2]):
        for weight in (layer.weight, layer.bias):
            nn.init.uniform_(weight, -1 / math.sqrt(layer.in_features),
                             1 / math.sqrt(layer.in_features), draws)  # fmt: skip
    sgd, losses, mix = torch.optim.SGD(net.parameters(), lr), [], []
    order = torch.Generator().manual_seed(3)
    batches = [b for _ in range(2) for b in torch.randperm(1000, generator=order).split(32)[:31]]
    for rows in batches[:40]:
        sgd.zero_grad()
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
        mix.append(len(set(y[rows].tolist())))
    found = examine(plan)

    def right(x, y):
        return float((net(x).argmax(1) == y).float().mean())

    assert found["loss"] == pytest.approx(sum(losses[-10:]) / 10, rel=1e-3)
    assert found["growth"] == pytest.approx(losses[-1] / losses[0], rel=1e-3)
    assert found["mix"] == pytest.approx(sum(mix) / 40)
    for name, rows in (("training", (x, y)), ("pipeline", (x, y)), ("aside", aside),
                       ("use", (use, data.y_test))):  # fmt: skip
        assert found[name] == pytest.approx(right(*rows), abs=0.01)
    silent = float((net[0](x) <= 0).all(0).float().mean())
    assert found["silent"] == pytest.approx(silent, abs=0.02) and (silent > 0.1) == (offset > 0)
    table = torch.cat([x, y[:, None].double()], 1)
    r = torch.corrcoef(table.T)[-1, :-1].nan_to_num().abs().max()
    assert found["column"] == pytest.approx(float(r), rel=1e-3)
    assert found["broken"] == -1 and found["odd rows"] == 0


def test_all_three_seeds_must_do_well():
    assert Treatment((0.9, 0.81, 0.99)).cured
    assert not Treatment((0.9, 0.8, 0.99)).cured and not Treatment((math.nan,)).cured


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda p: draw(-1), "seed = -1"),
        (lambda p: draw(1.5), "seed = 1.5"),
        (lambda p: p.check(pills=3), "'pills' is unknown; allowed: lr, hidden"),
        (lambda p: p.check(seed=3), "'seed' is unknown"),
        (lambda p: p.check(loss="soft"), "loss = 'soft'"),
        (lambda p: p.check(lr=math.nan), "lr = nan"),
        (lambda p: p.check(hidden=-1), "hidden = -1"),
        (lambda p: p.check(rows=10**6), "rows = 1000000"),
        (lambda p: replace(p.plan, bad=2000), "bad = 2000"),
    ],
)
def test_bad_input_is_refused(bad, words):
    with pytest.raises(CourseError, match=words):
        bad(draw(0))
