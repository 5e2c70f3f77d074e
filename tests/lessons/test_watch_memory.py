"""The lab and the figures of 3_16_memory: what the chapter says of them is so."""

from dataclasses import replace

import nbformat
import pytest
import torch

from course import MLP, Adam, Descend, Trainer, chain, load_data
from course.lessons.texts_after_bets import read_text
from course.planner.ways import SMALL, WAYS, Way, compare_ways, kept_by_layer, measure_step
from widgets import PlannerLab

CHAPTER = "3_16_memory"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture
def lab(cells):
    names = {"PlannerLab": PlannerLab}
    exec(cells["planner-lab"], names)
    return names["lab"]


def after(lab, **knobs):
    """Turn knobs; return the plan."""
    for knob, value in knobs.items():
        lab.set(knob, value)
    assert not lab.message, lab.message
    return lab.plan


def test_the_watch_sentences_hold(lab, cells):
    text = " ".join(cells["the-lab"].split())
    for words in ("more than twice as many, and the run no longer fits.*", "less, and more.*",
                  "one more of them becomes small each time.*",
                  "*Watch activations and logits: half.*",
                  "it is more than a device has.*"):  # fmt: skip
        assert words in text
    assert "Llama 8 B on 8 devices of 96 GB, fully sharded" in text
    start = lab.plan
    assert start.spec.devices == 8 and start.layout.zero == 3 and start.fits
    every = after(lab, recompute="none")
    assert every.memory["activations"] > 2 * start.memory["activations"] and not every.fits
    full = after(lab, recompute="full")
    assert full.memory_total < start.memory_total and full.step_seconds > start.step_seconds
    zero = [after(lab, zero=n).memory for n in range(4)]
    for stage, kind in ((1, "optimiser"), (2, "gradients"), (3, "weights")):
        assert zero[stage][kind] < zero[stage - 1][kind] / 2
    half = after(lab, micro_batch=1)
    for kind in ("activations", "logits"):
        assert half.memory[kind] == pytest.approx(zero[3][kind] / 2)
    alone = after(lab, devices=1)
    state = sum(alone.memory[kind] for kind in ("weights", "gradients", "optimiser"))
    assert state > alone.memory_available


def test_the_bet_is_exactly_one_and_the_neighbours_are_those_told():
    w = torch.ones((), dtype=torch.bfloat16)
    for _ in range(1000):
        w = w + 0.001
    assert float(w) == 1.0
    one = torch.ones((), dtype=torch.bfloat16)
    up, down = (float(torch.nextafter(one, end * one)) for end in (2, 0))
    told = read_text(CHAPTER, "What came out")
    assert (up, down) == (1 + 1 / 128, 1 - 1 / 256)
    assert "1 + 1/128 above and 1 − 1/256 below" in told and "Exactly 1:" in told


def test_the_activations_cross_the_weights_earlier_in_a_narrow_model(cells):
    assert "where the line of the activations crosses" in cells["touch"]
    crossing = []
    for width in (64, 128, 192, 256):
        sizes = replace(SMALL, hidden=width, ffn=width * 11 // 4, batch=1)
        kept = sizes.layers * sizes.sequence * kept_by_layer(sizes, 4)
        crossing.append(-(-4 * sizes.parameters // kept))
    assert crossing == sorted(crossing) and crossing[0] < crossing[-1] <= 16


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_training_makes_the_share_of_zeros_in_float16_larger(seed, cells):
    assert "training makes it larger.*" in " ".join(cells["loss-scaling"].split())
    names = {"MLP": MLP, "load_data": load_data, "Trainer": Trainer, "chain": chain, "Adam": Adam,
             "Descend": Descend, "torch": torch, "seed": seed}  # fmt: skip
    exec(cells["lost"].partition("def lost")[0], names)
    trained = names["gradients_after"]
    shares = [float((trained(n).half() == 0).float().mean()) for n in (0, 200, 400)]
    assert shares[0] < shares[1] < shares[2]


def test_what_is_said_of_the_nine_ways(cells):
    said = " ".join(cells["film"].split())
    assert "ZeRO 2 no more than ZeRO 1" in said and "Most of the peak is activations" in said
    found = {one.name: one for one in compare_ways()}
    plain = found["plain"].measured
    assert plain.kinds["activations"] > plain.total / 2 and plain.kinds["gradients"] == 0
    assert found["ZeRO 1"].measured.total == found["ZeRO 2"].measured.total
    lowest = sorted(found, key=lambda name: found[name].measured.total)[:2]
    assert sorted(lowest) == ["accumulation", "checkpointing"]
    history = plain.history
    assert 0.1 < history.index(max(history)) / len(history) < 0.6
    assert all(abs(one.off) < 0.02 for one in found.values())


def test_three_moves_are_needed(cells):
    deeper = replace(SMALL, layers=8)
    assert round(measure_step(WAYS["plain"], deeper).total / 1e6) == 66
    for way in (Way(8, True), Way(8, offload=True), Way(1, True, offload=True)):
        assert measure_step(way, deeper).total > 10e6
    assert measure_step(Way(4, True, offload=True), deeper).total < 10e6
