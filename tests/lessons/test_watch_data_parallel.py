"""The labs of 3_14_data_parallel, and what the chapter says: it is so, with other seeds too."""

import math

import nbformat
import numpy as np
import pytest
import torch

from course import CourseError
from course.lessons.exercises import data_parallel as exercises
from course.parallel import Costs, InTurn, ring_all_reduce, tree_all_reduce

CHAPTER = "3_14_data_parallel"
SEEDS = [0, 7, 2**31]


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


def play(cells, seed, *ids) -> dict:
    """Run cells of the chapter, its imports first; return their names."""
    names = {"seed": seed, "device": "cpu", "display": lambda *shown: None}
    for cell in ("imports", *ids):
        exec(cells[cell], names)
    return names


# ---- the cluster lab ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=SEEDS)
def cluster(request, cells):
    """The chapter's first lab, after its planned steps."""
    lab = play(cells, request.param, "cluster-lab")["cluster"]
    lab.run(10)
    assert lab.session.step_count == lab.steps
    return lab


def turned(lab, **knobs):
    """Turn knobs, make one step, and return it."""
    for knob, value in knobs.items():
        lab.set(knob, value)
        assert not lab.message
    lab.run(1)
    return lab.shown()


def talk(step) -> float:
    """The seconds that rank 0 spends in the all-reduce, whether it computes then or not."""
    found = [e.end - e.start for e in step.events if (e.kind, e.rank) == ("all_reduce", 0)]
    return sum(found)


def computing(step) -> float:
    return step.timeline.share(0, "compute") * step.seconds


def test_more_ranks_shorten_the_computing_alone(cluster, cells):
    assert (
        "*Watch the timeline: computing gets shorter, the all-reduce does not.*" in cells["touch"]
    )
    four, eight = turned(cluster, ranks=4), turned(cluster, ranks=8)
    assert computing(eight) == pytest.approx(computing(four) / 2, rel=0.01)
    assert talk(eight) > talk(four)
    assert cluster.losses[-1] == pytest.approx(cluster.session.records[-1].alone, rel=1e-3)


def test_on_a_slow_link_four_ranks_are_slower_than_one(cluster):
    assert turned(cluster, ranks=4, bandwidth=4000).speed_up > 2
    assert turned(cluster, bandwidth=400).speed_up < 1
    assert turned(cluster, bandwidth=4000).speed_up > 2


def test_buckets_travel_while_the_ranks_compute(cluster):
    one, two, four = (turned(cluster, ranks=4, bandwidth=4000, buckets=n) for n in (1, 2, 4))
    begin = {n: min(e.start for e in step.events if e.kind == "all_reduce")
             for n, step in enumerate((one, two))}  # fmt: skip
    last = max(e.end for e in two.events if e.kind == "compute")
    assert begin[1] < last <= begin[0] + 1e-9
    assert two.seconds < 0.95 * one.seconds and four.seconds > two.seconds
    turned(cluster, buckets=1)


# ---- averaging models and gradients -------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bet(cells, seed):
    names = play(cells, seed, "train", "experiment")
    exec(cells["bet"].partition("names = ")[0], names)
    found = names["experiment"]()
    assert names["same_for"](found) == "plain descent, momentum"
    assert found["plain descent"] < 1e-14 > found["momentum"] and found["Adam"] > 0.1
    assert names["same_for"]({"plain descent": 1.0}) == "none of them"


@pytest.mark.parametrize("seed", SEEDS)
def test_unequal_parts_and_batch_normalisation(cells, seed, capsys):
    names = play(cells, seed, "train", "referee", "unweighted", "batch-norm-code")
    said = capsys.readouterr().out
    assert said.count("equal to rounding of float64") == 2
    assert names["off"] > 0.05
    gap = (names["halves"] - names["whole"]).norm() / names["whole"].norm()
    assert gap > 0.1


# ---- the ring -----------------------------------------------------------------------------------


def test_the_ring_sends_less_than_twice_the_vector_and_suits_long_ones(cells):
    walk = play(cells, 0, "ring-run")["walk"]
    for p in (4, 16):
        for n in (160, 320_000):
            (ring, fast), (tree, slow) = (walk(f, p, n) for f in (ring_all_reduce, tree_all_reduce))
            assert ring == pytest.approx(4 * n * 2 * (p - 1) / p) and ring < 8 * n
            assert tree >= 8 * n
            assert (fast < slow) == (n == 320_000)
            assert fast == pytest.approx(Costs().collective("all_reduce", 4 * n, p))


def test_a_ring_takes_what_the_exercise_asks_for():
    """The judge's formula, against recorded messages."""

    def seconds(size, ranks, latency, bandwidth):
        world = InTurn(ranks, Costs(latency, bandwidth))
        world.run(lambda comm: ring_all_reduce(comm, torch.ones(ranks * 100)))
        per_message = {e.size for e in world.events if e.kind == "send"}
        (sent,) = per_message
        assert sent == 400
        rounds = max(e.end for e in world.events) / (latency + sent / bandwidth)
        return rounds * (latency + size / ranks / bandwidth)

    assert exercises.ring.check(seconds)


# ---- local steps --------------------------------------------------------------------------------


def mixed(labels, ranks, generator):
    return torch.randperm(len(labels), generator=generator).tensor_split(ranks)


@pytest.mark.parametrize("seed", SEEDS)
def test_sorted_shards_drift_apart_and_mixed_ones_do_not(cells, seed):
    names = play(cells, seed, "local-code", "sorted")
    ends = {h: np.median(names["outcome"](names["by_label"], h)[:, -1], 0) for h in (1, 100)}
    assert ends[1][0] > 0.85 and ends[100][0] < 0.7, ends
    assert ends[100][1] < 0.3, "rank 0 knows little but its own digit"
    assert np.median(names["outcome"](mixed, 100)[:, -1, 0]) > 0.85
    first = names["by_label"](names["data"][seed].y_train, 10, None)[0]
    zeros = (names["data"][seed].y_train[first] == 0).float().mean()
    assert zeros > 0.9, "nearly alone"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("trained", [0, 200])
def test_the_documents_formula_makes_the_loss_rise(cells, seed, trained):
    names = play(cells, seed, "train", "formula")
    losses = names["as_it_stands"](trained)
    assert losses[-1] > 2 * losses[0] and np.mean(np.diff(losses) > 0) > 0.9


# ---- how many ranks pay -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_ranks_measure_the_noise_scale_and_it_grows(cells, seed, capsys):
    names = play(cells, seed, "local-code", "noise")
    capsys.readouterr()
    exec(cells["noise-run"], names)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    found = [[float(row[6]), float(row[9])] for row in rows]
    assert all(0.6 < estimate / exact < 1.7 for estimate, exact in found)
    assert found[-1][0] > found[0][0] and found[-1][1] > found[0][1]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_critical_batch_size_is_that_of_the_noise_within_a_factor_of_a_few(cells, seed):
    names = play(cells, seed, "local-code", "noise", "race-code")
    critical = names["slope"] / names["fewest"]
    assert np.isfinite(names["steps"]).all() and names["fewest"] > 5
    net = names["MLP"]([64, 64, 10], seed=seed)
    scales = [names["noise_scale"](net, seed)[0]]
    for _ in names["Trainer"](net, names["data"][seed], names["chain"](names["Descend"](0.3)), 64,
                              seed).run(20):  # fmt: skip
        pass
    scales.append(names["noise_scale"](net, seed)[0])
    assert min(scales) / 5 < critical < 5 * max(scales), (critical, scales)
    assert names["rates"][4] <= names["rates"][256], "a larger batch may take longer steps"


# ---- the lab of the batch and the rate ----------------------------------------------------------


@pytest.fixture(scope="module", params=SEEDS)
def scaling(request, cells):
    return play(cells, request.param, "scaling-lab")["lab"].run(100)


def jumps(lab, steps=60) -> float:
    """How far the loss of a batch lies from the one before, as a median share."""
    lab.run(steps)
    losses = np.array(lab.trainer.history.loss[-steps:])
    return float(np.median(np.abs(np.diff(losses)) / losses[1:]))


def back(lab, **knobs):
    lab.go_to(100)
    for knob, value in knobs.items():
        lab.set(knob, value)
    return lab


def test_a_larger_batch_jumps_less_and_falls_no_faster_at_the_same_rate(scaling, cells):
    assert "*Watch the jumps of the loss.*" in cells["the-lab"]
    few = jumps(back(scaling, batch_size=8, lr=0.05))
    end = scaling.evaluations[-1].test_loss
    assert jumps(back(scaling, batch_size=128, lr=0.05)) < few / 2
    assert scaling.evaluations[-1].test_loss == pytest.approx(end, rel=0.25), "no faster"
    assert jumps(back(scaling, batch_size=128, lr=0.8)) < few
    fast = scaling.evaluations[-1].test_loss
    assert fast < 0.5 * end
    back(scaling, batch_size=8, lr=0.8).run(60)
    assert scaling.evaluations[-1].test_loss > 2 * fast or math.isnan(fast)


# ---- two processes ------------------------------------------------------------------------------


def test_where_no_process_starts_the_chapter_says_so_and_goes_on(cells, capsys):
    names = play(cells, 0)

    def launch(*args, **options):
        raise CourseError("no process can be started here")

    names["launch"] = launch
    for cell in ("launch", "one-process", "launch-figure"):
        exec(cells[cell], names)
    assert names["seconds"] is None and names["race"]() is None
    assert "Two processes are not measured here: no process" in capsys.readouterr().out


def test_the_recipe_of_two_processes_is_the_run_of_one(cells):
    names = play(cells, 0)
    names["launch"] = lambda recipe, *args, **options: type("R", (), {"seconds": [1.0] * 60})
    for cell in ("launch", "one-process"):
        exec(cells[cell], names)
    recipe, sizes = names["recipe"], names["sizes"]
    assert recipe.steps == 60 and [turn[2] for turn in recipe.knobs] == sizes[1:]
    assert len(names["in_this_process"]()) == 60 and list(names["middle"]([1.0] * 60)) == [1000] * 4
