"""The lab and the figures of 2_2_scale, and what it says: it is so, with other seeds too."""

import math
import re

import nbformat
import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import course
from course import MLP, Adam, Descend, chain
from course.lessons import Marks
from course.parallel import Costs, InTurn, holdings, make_strategy, timeline
from widgets import ClusterLab

CHAPTER = "2_2_scale"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return [c for c in nbformat.read(path, as_version=4).cells]


def source(cells, words: str) -> str:
    """The one cell with these words."""
    (found,) = [c.source for c in cells if words in c.source]
    return found


def names(seed: int = 0) -> dict:
    return {name: getattr(course, name) for name in ("MLP", "Trainer", "compare", "load_data")} | {
        "Adam": Adam, "Descend": Descend, "chain": chain, "torch": torch, "np": np, "seed": seed,
        "device": "cpu", "holdings": holdings, "InTurn": InTurn, "make_strategy": make_strategy,
        "Costs": Costs, "timeline": timeline,
    }  # fmt: skip


# ---- the bet -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7])
def test_a_quarter_of_everything_is_enough(cells, seed, capsys):
    space = names(seed)
    exec(source(cells, "ways = {").partition("ways =")[0], space)
    exec(source(cells, "def quarters("), space)
    exec(source(cells, "def same_step(").partition("bet.then")[0], space)
    held = holdings(space["net"], "zero3", 4, 64)
    assert 'lambda: holdings(net, "zero3", 4, 64)' in source(cells, "bet = Bet(")
    space["same_step"](held)
    assert "one: equal to rounding of float64" in capsys.readouterr().out
    fields = space["quarters"](held, 2)
    rows = (*space["kinds"], "activations")
    assert fields == [(kind, "quarter 2") for kind in rows]
    Marks(rows, tuple(f"quarter {k}" for k in range(4))).result(fields)
    data = space["quarters"](holdings(space["net"], "data", 4, 64), 2)
    assert len(data) == 13 and ("activations", "quarter 1") not in data
    alone = space["quarters"](holdings(space["net"], "data", 1, 64), 0)
    assert len(alone) == 16


# ---- what is large ---------------------------------------------------------------------------


def test_training_takes_six_flops_a_parameter_and_sample(cells, capsys):
    space = names() | {"FlopCounterMode": FlopCounterMode}
    exec(source(cells, "6 P N is {6"), space)
    found = re.findall(r"([\d.]+) million FLOPs, 6 P N is +([\d.]+)", capsys.readouterr().out)
    assert len(found) == 3
    assert all(float(a) == pytest.approx(float(b), rel=0.03) for a, b in found)


@pytest.mark.parametrize("seed", [0, 20])
@pytest.mark.full
def test_points_follow_the_law_with_64_units_and_leave_it_with_4(cells, seed):
    text = source(cells, "Draw it with logarithmic axes")
    assert "*Watch\nthe last points with 64 units: do they stay on it?" in text
    assert "Then 4 units: how steep is the line?*" in text
    space = names(seed)
    exec(source(cells, "def wrong("), space)
    exec(source(cells, "def slope_of(").partition("explore(")[0], space)
    samples, found = space["samples"], space["found"]
    slope, end = {}, {}
    for width in (4, 64):
        slope[width], height = space["slope_of"](found[width])
        end[width] = np.exp(height + slope[width] * np.log(samples[-1]))
    assert slope[64] < -0.45 and slope[4] > slope[64] + 0.2, "a line, and one much less steep"
    assert found[64][-1] > 1.15 * end[64], "the last point lies above the line"
    assert found[4][-1] > 4 * found[64][-1], "so few parameters are the limit"


# ---- the lab -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(cells):
    space = {"ClusterLab": ClusterLab, "seed": 3}
    exec(source(cells, "lab = ClusterLab("), space)
    return space["lab"]


def watched(lab, **knobs):
    """Turn knobs and make a step: (share of the time that ranks compute, memory of each rank)."""
    for knob, value in knobs.items():
        lab.set(knob, value)
    lab.run(1)
    step = lab.shown()
    busy = sum(step.timeline.share(r, "compute") for r in range(4))
    return busy, step


def test_what_the_lab_shows(lab, cells):
    text = source(cells, "## The lab: a small cluster")
    busy, one = watched(lab)
    assert "*Watch one rank work while the others wait.*" in text and busy < 1.01
    more, eight = watched(lab, micro_batches=8)
    assert "*Watch the gaps shrink, and the activations of a rank, too.*" in text
    assert more > 1.5 * busy
    for before, after in zip(one.memory, eight.memory, strict=True):
        assert after.activations < before.activations
    all_, tensor = watched(lab, strategy="tensor")
    assert "*Watch all ranks work at the same time, and more bytes travel.*" in text
    shares = [tensor.timeline.share(r, "compute") for r in range(4)]
    assert min(shares) > 0.9 * max(shares) and all_ > more
    assert total(tensor) > total(eight)
    _, data = watched(lab, strategy="data")
    assert "*Watch each rank keep all weights.*" in text
    whole = 4 * len(MLP([64, 64, 64, 64, 10]).theta)
    assert all(abs(m.weights - whole) < 100 for m in data.memory)
    assert all(m.weights < 0.4 * whole for m in tensor.memory)
    assert max(m.activations for m in data.memory) < min(m.activations for m in tensor.memory)


def total(step) -> float:
    return sum(step.timeline.bytes_sent.values())


# ---- what the text says -----------------------------------------------------------------------


def test_stages_cut_what_their_table_says(cells):
    for stage, whole in enumerate(({"weights", "gradient", "optimiser"}, {"weights", "gradient"},
                                   {"weights"}, set())):  # fmt: skip
        held = holdings(MLP([8, 8, 8, 8, 4]), "data" if stage == 0 else f"zero{stage}", 4, 16)
        found = {k for k in ("weights", "gradient", "optimiser") if held.owners(k)[2].all()}
        assert found == whole
        rest = {"weights", "gradient", "optimiser"} - whole
        assert all(held.owners(k).sum(0).max() == 1 for k in rest)


def test_who_holds_a_weight_twice_and_who_keeps_the_fewest_activations():
    small = MLP([8, 8, 8, 8, 4])
    options = {"pipeline": {"micro_batches": 4}}
    found = {way: holdings(small, way, 4, 16, **options.get(way, {}))
             for way in ("data", "tensor", "pipeline", "data_tensor", "data_pipeline")}  # fmt: skip
    copies = {way: int(held.owners("weights").sum(0).max()) for way, held in found.items()}
    assert copies == {"data": 4, "tensor": 1, "pipeline": 1, "data_tensor": 2, "data_pipeline": 2}


def test_each_way_makes_the_steps_of_one_process(cells, capsys):
    space = names(5)
    exec(source(cells, "ways = {").partition("def owned")[0], space)
    exec(source(cells, "alone = InTurn(1)"), space)
    said = capsys.readouterr().out
    differences = [float(x) for x in re.findall(r"difference ([\d.e-]+)\)", said)]
    assert len(differences) == 5 and max(differences) < 1e-11
    assert re.findall(r"a step: (.*)", said)[2].startswith("send")


def test_micro_batches_put_stages_to_work_and_parts_work_anyway(cells, capsys):
    space = names(1)
    space["data"] = course.load_data("digits", 1)
    space["net"] = MLP([64, 64, 64, 64, 10], seed=1)
    exec(source(cells, '(("one micro-batch"'), space)
    busy = [float(x) for x in re.findall(r"([\d.]+) of 4 ranks at work", capsys.readouterr().out)]
    assert busy[0] == 1.0 and 2 < busy[1] < 3 and busy[2] > 3.8


def test_few_rows_leave_little_of_the_peak(cells, capsys):
    exec(source(cells, "n, peak, bandwidth = "), {})
    shares = [int(x) for x in re.findall(r"(\d+)% of the peak", capsys.readouterr().out)]
    assert shares == sorted(shares) and shares[0] <= 1 and shares[-1] == 100


def test_the_published_bytes(cells, capsys):
    text = source(cells, "def published(")
    space = {}
    exec(text.partition("bet.then")[0], space)
    space["published"](None)
    exec(source(cells, "6 * 175e9 * 300e9"), {})
    said = capsys.readouterr().out
    assert re.findall(r"([\d.]+) GB", said) == ["120.0", "31.4", "16.6", "1.9"]
    assert math.isclose(float(re.search(r"= ([\d.e+]+) FLOPs", said)[1]), 3.14e23, rel_tol=0.005)
