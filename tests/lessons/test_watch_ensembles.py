"""The lab of 3_12_ensembles, and what the chapter says: it is so, with other seeds too."""

import contextlib
import io
import math
import re

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

from course import MLP, Descend, Trainer, chain, load_data
from course.ensembles import AdaBoost, Bagging, average, by_trainer, soup
from course.errors import CourseError
from widgets import TrainingLab

CHAPTER = "3_12_ensembles"
SEEDS = [0, 2**31]


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module", params=SEEDS)
def names(request, cells):
    """What the cells of the chapter know up to the bet."""
    found = {"seed": request.param, "device": "cpu"}
    exec(cells["cell-3"].replace("check_parameters(seed, device)", ""), found)
    for cell in ("train", "three-ways"):
        exec(cells[cell], found)
    return found


def printed(function, *given):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        function(*given)
    return out.getvalue()


# ---- the lab ------------------------------------------------------------------------------------


def kept(names, lab):
    """(the networks in the pot, mean of outputs, mean of weights), as the chapter prints them."""
    first, second = printed(names["keep"], lab).splitlines()
    outputs, weights = map(float, re.findall(r"\d\.\d+", second))
    return [float(share) for share in re.findall(r"\d\.\d+", first)], outputs, weights


def along(a, b, model, rows):
    """The loss on rows along the straight line from the weights a to b."""
    x, y = rows
    return [
        float(nn.functional.cross_entropy(model.predict(x, (1 - t) * a + t * b), y))
        for t in np.linspace(0, 1, 9)
    ]


def test_what_the_lab_shows_step_by_step(names, cells):
    text = " ".join(cells["the-lab"].split())
    assert "*Watch the two means: how far are they from the two runs?*" in text
    assert "*Watch the two means: which of them stays with the three runs?*" in text
    for cell in ("ensemble-lab", "keep"):
        exec(cells[cell], names)
    lab, data = names["lab"], names["data"][names["seed"]]
    assert isinstance(lab, TrainingLab) and lab.steps == 400
    assert "play first" in printed(names["keep"], lab) and not names["pot"]
    lab.run(400)
    (alone,), outputs, weights = kept(names, lab)
    assert alone == outputs == weights > 0.8
    lab.go_to(200)
    lab.set("lr", 0.05)
    lab.run(200)
    runs, outputs, weights = kept(names, lab)
    assert len(runs) == 2 and abs(weights - runs[0]) < 0.025 and abs(outputs - runs[0]) < 0.025
    lab.restart(seed=names["seed"] + 1)
    lab.set("lr", 0.1)
    lab.run(400)
    runs, outputs, weights = kept(names, lab)
    assert len(runs) == 3 and min(runs) > 0.8 and outputs > min(runs)
    assert weights < min(runs) - 0.1
    first, second, stranger = names["pot"]
    rows = data.x_train, data.y_train
    flat = along(first, second, lab.trainer.model, rows)
    hill = along(first, stranger, lab.trainer.model, rows)
    assert max(flat) < max(flat[0], flat[-1]) + 0.02, "no hill"
    assert max(hill) > max(hill[0], hill[-1]) + 0.5, "a hill"


# ---- the bet, the twin, one start ---------------------------------------------------------------


def test_what_came_out(names):
    for s in list(names["seeds"])[:2]:
        data = names["data"][s]
        models = [names["train"](data, s + m, s + m) for m in range(10)]
        one, outputs, weights = names["three_ways"](models, data)
        assert 0.82 < one < 0.97 and outputs > one and weights < 0.4
        nets = [model.to_module() for model in models]  # the same by torch alone
        with torch.no_grad():
            p = torch.stack([net(data.x_test).softmax(1) for net in nets]).mean(0)
        assert outputs == pytest.approx(
            float((p.argmax(1) == data.y_test).float().mean()), abs=0.01
        )


def test_a_twin_answers_the_same_and_the_mean_with_it_is_worse(names, cells):
    data = names["data"][names["seed"]]
    model = names["train"](data, names["seed"], names["seed"])
    exec(cells["twin"], names)
    twin, z = names["twin_of"](model), model.predict(data.x_test)
    assert not torch.equal(twin, model.theta)
    assert torch.allclose(model.predict(data.x_test, twin), z, atol=1e-3)
    mean = model.predict(data.x_test, soup([model.theta, twin]))
    right = names["right"]
    assert right(mean, data) < right(z, data) - 0.2


def test_from_one_start_both_means_stay_with_the_runs(names):
    s = names["seed"]
    data = names["data"][s]
    models = [names["train"](data, s, s + m) for m in range(10)]
    one, outputs, weights = names["three_ways"](models, data)
    assert abs(outputs - one) < 0.02 and weights > one - 0.04


# ---- bias and variance --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_bagging_lowers_the_variance_and_boosting_the_bias(cells, seed):
    names = {"seed": seed}
    for cell in ("cell-3", "draws", "both"):
        exec(cells[cell].replace("check_parameters(seed, device)", ""), names)
    for depth in (1, 2, 4, 6):
        (bag_1, *_, bag), (boost_1, *_, boost) = names["both"](depth)
        assert bag.variance < 0.75 * bag_1.variance, depth
        assert abs(bag.bias_squared - bag_1.bias_squared) < 0.012, depth
        assert boost.bias_squared < 0.15 * boost_1.bias_squared, depth
        assert boost.variance > 1.5 * boost_1.variance, depth
        assert bag.error == pytest.approx(bag.bias_squared + bag.variance)
        # which trees are worth it: deep ones bagged, those of depth 1 and 2 boosted
        assert (bag.error < boost.error) == (depth > 2), depth


def test_a_tree_of_depth_1_gives_two_answers(cells):
    names = {"seed": 0}
    for cell in ("cell-3", "draws"):
        exec(cells[cell].replace("check_parameters(seed, device)", ""), names)
    x, y = names["draw"](3)
    for depth in (1, 2, 3):
        assert len(names["tree"](depth)(x, y, None, 0)(x).unique()) == 2**depth
    assert x.shape == y.shape == (60, 1)


def test_trees_disagree_and_gain_linear_models_do_neither(names, cells):
    exec(cells["bag-both"], names)
    names["my_disagreement"] = disagreement
    found = re.findall(r"(trees|linear) +one ([.\d]+), bagged ([.\d]+); disagree (\d+)%",
                       printed(names["bag_both"]))  # fmt: skip
    assert len(found) == 6
    for name, one, many, apart in found:
        gain = float(many) - float(one)
        assert gain > 0.08 and int(apart) > 25 if name == "trees" else abs(gain) < 0.025
        assert name == "trees" or int(apart) < 10


def disagreement(outputs):
    picks = torch.stack(outputs).argmax(2)
    pairs = [(i, j) for i in range(len(picks)) for j in range(i)]
    return sum(float((picks[i] != picks[j]).float().mean()) for i, j in pairs) / len(pairs)


# ---- what the texts say -------------------------------------------------------------------------


def test_the_error_of_a_mean_is_the_shared_part_and_a_share_of_the_own():
    """By drawing errors: members that share a part of variance c."""
    dice = torch.Generator().manual_seed(0)
    for c in (0.0, 0.25, 1.0):
        shared = math.sqrt(c) * torch.randn(20_000, 1, generator=dice)
        own = math.sqrt(1 - c) * torch.randn(20_000, 10, generator=dice)
        error = float((shared + own).mean(1).square().mean())
        assert error == pytest.approx(c + (1 - c) / 10, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_patient_v_bagged_guesses_and_is_no_better_boosted(seed):
    data = load_data("xor", seed)
    learner = by_trainer(lambda s: MLP([2, 2], seed=s), lambda: chain(Descend(0.3)), 600, classes=2)
    bag = Bagging(learner, 20, seed).fit(data.x_train, data.y_train).outputs(data.x_train)
    for z in (average(bag).log(), *bag[:3]):
        assert float(nn.functional.cross_entropy(z, data.y_train)) > 0.97 * math.log(2)
    with contextlib.suppress(CourseError):  # no better than chance: the first ends it
        assert len(AdaBoost(learner, 2, 20, seed=seed).fit(data.x_train, data.y_train).alphas) < 4
    trainer = Trainer(MLP([2, 8, 2], "tanh", seed), data, chain(Descend(0.3)), seed=seed)
    for _ in trainer.run(600):
        pass
    assert trainer.evaluate("train")[0] < 0.1


def test_at_scale(cells, capsys):
    exec(cells["at-scale"], {})
    said = capsys.readouterr().out
    assert "2e+11 FLOPs" in said and "200 GB" in said and "2 TB" in said and "0.84 times" in said
    assert 2e12 / 80e9 == 25
