"""What 6_clinic says of flat losses, NaN and its patients: it is so, with other seeds too."""

import random
import re

import nbformat
import pytest
import torch

from course import MLP, Dataset, Descend, Trainer, chain, load_data
from course.lessons import DISEASES, READINGS, examine
from course.lessons.clinic.diseases import draw
from course.lessons.texts_after_bets import read_text
from widgets import TrainingLab

CHAPTER = "6_clinic"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c for c in nbformat.read(path, as_version=4).cells}


def names_of(cells, seed, *ids):
    """What these cells define, for a seed; nothing is drawn."""
    found = {"seed": seed, "display": lambda shown: None}
    exec(next(c.source for c in cells.values() if "check_parameters(" in c.source), found)
    for name in ids:
        exec(re.sub(r"(?m)^explore\(.*", "", cells[name].source), found)
    return found


def test_a_tiny_rate_keeps_the_loss_flat_and_a_larger_one_does_not():
    lab = TrainingLab("digits", [64, 32, 10], lr=1e-4, momentum=0.0, steps=300, init="torch",
                      seed=0, interactive=False)  # fmt: skip
    lab.run(300)
    assert 2.2 < lab.evaluations[-1].test_loss < 2.4
    lab.go_to(0)
    lab.set("lr", 0.3)
    lab.run(300)
    assert lab.evaluations[-1].test_loss < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_three_flat_losses_have_three_gradients(cells, seed):
    found = names_of(cells, seed, "experiment")["experiment"]()
    losses, slopes = zip(*found.values(), strict=True)
    assert all(2.2 < loss < 2.4 for loss in losses)
    tiny, dead, mixed = slopes
    assert dead == 0 and 0.01 < mixed < 0.1 < tiny < 0.5
    told = " ".join(read_text(CHAPTER, "What came out").split())
    assert "the second is 0, exactly" in told and "Its rate is 0.0001" in told


def test_no_rate_wakes_the_dead_and_a_rate_wakes_the_flat():
    data = load_data("digits", 0)
    for bias, rate, learns in ((0, 0.3, True), (-20, 0.3, False), (-20, 3.0, False)):
        net = MLP([64, 32, 10], init="torch", seed=0, dtype=torch.float64)
        net.views(net.theta)[0][:, -1] += bias
        trainer = Trainer(net, data, chain(Descend(rate)), 32, 0)
        for _ in trainer.run(300):
            pass
        assert (trainer.evaluate("train")[1] > 0.9) == learns


def test_labels_in_random_order_teach_nothing_about_other_rows():
    data = load_data("digits", 0)
    mixed = data.y_train[torch.randperm(len(data.y_train), generator=torch.Generator())]
    rows = Dataset("digits", data.x_train, mixed, data.x_test, data.y_test, 10)
    for rate in (0.1, 0.5):
        trainer = Trainer(MLP([64, 32, 10], seed=0), rows, chain(Descend(rate)), 32, 0)
        for _ in trainer.run(600):
            pass
        assert trainer.evaluate("test")[1] < 0.25


@pytest.mark.parametrize("seed", [0, 1])
def test_above_some_rate_the_loss_grows_by_the_same_factor(cells, seed):
    names = names_of(cells, seed, "experiment", "growth")
    caught = {}
    names["plot"] = lambda values, **words: caught.update(values=values, words=words["caption"])
    rates = [0.005 * 200 ** (k / 7) for k in range(8)]
    for rate in rates:
        names["growth"](rate)
        losses = caught["values"]
        if rate < 0.03:
            assert len(losses) == 60 and losses[-1] < losses[0], rate
        else:
            factors = [b / a for a, b in zip(losses[2:], losses[3:], strict=False)]
            assert min(factors) > 1 and max(factors) / min(factors) < 1.3, (rate, factors)
            assert "no finite number" in caught["words"] or losses[-1] > 1e6


def test_each_disease_shows_its_symptoms_in_the_figure(cells):
    names = names_of(cells, 0, "sick")
    caught = {}
    names["plot"] = lambda values, **words: caught.update(values=values, words=words["caption"])
    for number, disease in enumerate(DISEASES, 1):
        names["sick"](number)
        assert caught["words"].startswith(disease.name) and caught["values"]
        for name in disease.symptoms:
            assert f"{name} " in caught["words"] and name in READINGS


@pytest.mark.parametrize("seed", range(3))
def test_only_use_shows_a_leak_and_stale_statistics(seed):
    for disease in DISEASES:
        if disease.name in ("label leak", "stale statistics"):
            found = examine(disease.patient(random.Random(seed)).plan)
            assert found["training"] > 0.9 and found["aside"] > 0.85 > 0.8 > found["use"]


def test_the_patient_of_the_page_is_sick(cells):
    seed = int(re.search(r"seed=(\d+)", cells["ward"].source)[1])
    patient = draw(seed)
    assert patient.disease.fits(examine(patient.plan))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_sigmoid_needs_a_rate_of_its_own(cells, seed):
    names = names_of(cells, seed, "experiment")
    exec(cells["activations"].source.partition("\n\n\nfor ")[0], names)
    right = names["right"]
    for other in range(3):
        assert right("sigmoid", 0.03, other) < 0.4 < right("sigmoid", 0.3, other)
        assert right("sigmoid", 0.3, other) < min(right("tanh", 0.3, other), 0.9)
        assert min(right(f, 0.03, other) for f in ("tanh", "relu")) > 0.75


def test_more_devices_take_fewer_days_and_more_dollars(cells):
    names = names_of(cells, 0)
    caught = []
    names["plot"] = lambda values, **words: caught.append(words["caption"])
    names["explore"] = lambda draw, slider: [draw(2**k) for k in range(6)]
    exec(cells["estimate"].source, names)
    days, dollars = zip(
        *((float(d.replace(",", "")), float(c.replace(",", ""))) for d, c in (
            re.search(r"([\d,]+) days, \$([\d,]+)", words).groups() for words in caught)),
        strict=True,
    )  # fmt: skip
    assert sorted(days, reverse=True) == list(days) and sorted(dollars) == list(dollars)
    assert days[4] == pytest.approx(34, rel=0.1)  # SC21: 1,024 A100, 34 days


@pytest.mark.parametrize("seed", [0, 28, 44])  # 28, 44: sorted rows whose last loss is above 0.5
def test_the_worked_doctor_names_all_thirteen(request, seed):
    path = request.config.rootpath / "notebooks" / "solutions" / f"{CHAPTER}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    source = next(c.source for c in cells if "def my_doctor(" in c.source)
    names, chance = {}, random.Random(seed)
    exec(source.split("\n_ = ")[0], names)
    for disease in DISEASES:
        found = examine(disease.patient(chance).plan)
        assert names["my_doctor"](found.__getitem__) == disease.name, found
        assert disease.name != "unshuffled data" or (found["loss"] > 0.5) == (seed > 0)
