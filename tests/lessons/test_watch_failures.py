"""What 3_17_failures says about intervals, faults and pace: it is so, with other seeds too."""

import math
import re

import nbformat
import pytest
import torch

from course.lessons.texts_after_bets import read_text
from course.planner import (
    INTERRUPTIONS,
    best_interval,
    expected_minutes,
    mean_time_between_failures,
    young,
)
from widgets import OnCallLab

CHAPTER = "3_17_failures"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module", params=[0, 1])
def names(request, cells):
    """What the cells define that begin the second sitting, figures not shown."""
    found = {"seed": request.param, "display": lambda shown: None}
    exec(next(c.source for c in cells.values() if "check_parameters(" in c.source), found)
    exec(next(c.source for c in cells.values() if "def trainer(" in c.source), found)
    for name in ("run", "flip", "pace"):
        exec(cells[name].source.partition("explore(")[0], found)
    return found


def lost(minutes, mtbf=180.0):
    """The share of the time, with the chapter's checkpoint and restart."""
    return 1 - minutes / expected_minutes(minutes, 2, 10, mtbf)


def test_the_bet_is_about_25_minutes_and_its_valley_is_flat():
    best = best_interval(2, 180)
    assert 25 < best < 26 and 26.8 < young(2, 180) < 26.9
    told = read_text(CHAPTER, "What came out")
    assert "About 25 minutes" in told and "half of this interval, or twice as long" in told
    assert max(lost(best / 2), lost(2 * best)) < lost(best) + 0.05
    assert lost(young(2, 180)) < lost(best) + 0.001
    assert "about half of the time is lost" in told and 0.4 < lost(180) < 0.6


def test_more_devices_move_the_valley_to_the_left_and_up(cells):
    assert 'Slider("devices", 1000, 256_000, 5, 16_000, "log")' in cells["at-scale"].source
    found = []
    for devices in (1000, 4000, 16_000, 64_000, 256_000):
        mtbf = mean_time_between_failures(devices)
        best = best_interval(2, mtbf)
        found.append((best, lost(best, mtbf)))
    bottoms, heights = zip(*found, strict=True)
    assert sorted(bottoms, reverse=True) == list(bottoms) and sorted(heights) == list(heights)
    assert heights[0] < 0.1 and heights[-1] > 0.5


def test_a_thousand_can_work_for_a_day_and_ten_thousand_cannot(cells):
    assert 'Slider("devices", 10, 100_000, 5, 10, "log")' in cells["touch"].source
    apart = {n: mean_time_between_failures(n) / 60 for n in (10, 100, 1000, 10_000, 100_000)}
    fine = [n for n, hours in apart.items() if math.exp(-24 / hours) >= 0.5]
    assert fine == [10, 100, 1000]
    years = 54 / 365.25 * 16_384 / 419
    assert 3 < years < 10, "one device fails about once in several years"


def test_two_totals_contradict_each_other(cells):
    (output,) = cells["shares"].outputs
    assert "148 of 419:  35.3%; printed 30.1 %" in output.text
    gpu = sum(n for cause, n in INTERRUPTIONS.items() if "GPU" in cause or "Silent" in cause)
    assert round(100 * gpu / 419, 1) == 64.0
    assert round(100 * (gpu - 22) / 419, 1) == 58.7 and round(100 * 126 / 419, 1) == 30.1


def test_it_goes_on_to_the_same_bits_and_a_flipped_bit_on_disk_is_found(names, cells, capsys):
    exec(cells["resume"].source, names)
    exec(cells["damaged"].source, names)
    said = capsys.readouterr().out
    assert "rank 2 is gone at step 50" in said and "goes on from step 40" in said
    assert "whole, and cut and resumed: equal to the last bit" in said
    assert "is not as it was written" in said
    assert torch.equal(names["again"], names["whole"])


def test_without_a_fault_the_ranks_make_the_steps_of_torch(names):
    past = names["InTurn"](4).run(names["run"], lambda net: None)
    net, dice = names["MLP"]([64, 32, 10], "tanh", names["seed"]), torch.Generator()
    module = net.to_module()
    descent = torch.optim.SGD(module.parameters(), lr=0.3)
    dice.manual_seed(names["seed"])
    for _ in range(30):
        rows = torch.randint(len(names["x"]), (64,), generator=dice)
        descent.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(names["x"][rows]), names["y"][rows])
        loss.backward()
        descent.step()
    theirs = [torch.cat([layer.weight, layer.bias[:, None]], 1).flatten()
              for layer in module if hasattr(layer, "weight")]  # fmt: skip
    assert all(torch.equal(theta, past[0]) for theta in past)
    assert torch.allclose(past[0][-1], torch.cat(theirs).detach(), atol=1e-4)


def test_a_nan_reaches_all_at_once_and_the_guard_keeps_it_out(names, cells):
    run, one_nan, ranks = names["run"], names["one_nan"], names["InTurn"](4)
    for theta in ranks.run(run, one_nan):
        count = theta.isnan().sum(1)
        assert int(count[9]) == 0 and int(count[10]) == 1 and int(count[11]) == theta.shape[1]
    kept = ranks.run(run, one_nan, True)
    assert all(torch.equal(theta, kept[0]) and theta.isfinite().all() for theta in kept)


def test_watch_the_gap_training_does_not_close_it(names, cells):
    text = next(c.source for c in cells.values() if "*Watch the gap" in c.source)
    assert "training close it?*" in text
    assert 'Slider("bit", 8, 28, 6, 24)' in cells["flip"].source
    for bit in (8, 12, 16, 20, 24, 28):
        words = said(names["flipped"](bit))
        first, last = re.search(r"gap (\S+) at first, (\S+) at", words).groups()
        assert float(first) > 0
        assert 0.5 <= float(last) / float(first) <= 2


def test_watch_where_the_lines_cross_at_one_of_n_less(names, cells):
    text = next(c.source for c in cells.values() if "*Watch where the lines cross" in c.source)
    assert "you move the ranks.*" in text
    assert 'Slider("ranks", 2, 16, 4, 4, "log")' in cells["pace"].source
    for ranks in (2, 4, 8, 16):
        (slow,) = re.findall(r"From (\S+) times on", said(names["pace"](ranks)))
        assert ranks / (ranks - 1) - 0.06 <= float(slow) <= ranks / (ranks - 1) + 0.11


def test_the_watch_sentences_of_the_lab_hold(cells):
    text = " ".join(cells["the-lab"].source.split())
    for words in ("the time of each rank: one gets slow, and each step waits for it.*",
                  "the time of a step: it falls, although three ranks share the rows of four.*",
                  "the next batch: it is an earlier one, so work is done again.*"):  # fmt: skip
        assert f"*Watch {words}" in text
    found = {"OnCallLab": OnCallLab}
    exec(cells["on-call"].source.replace("steps=90", "interactive=False"), found)
    lab = found["lab"]
    session = lab.session
    for _ in range(60):
        lab.step()
    assert not session.alarms

    def until(condition, most=100):
        for _ in range(most):
            if condition(session.readings[-1]):
                return session.readings[-1]
            lab.step()
        raise AssertionError("it never came")

    before = session.readings[-1]
    slow = until(lambda r: max(r.seconds) > 2 * sorted(r.seconds)[1])
    assert slow.took > max(slow.seconds) > 2 * before.took
    lab.act("evict", rank=slow.seconds.index(max(slow.seconds)))
    lab.step()
    lab.step()
    assert before.took < session.readings[-1].took < slow.took
    assert len(session.readings[-1].ranks) == 3
    until(lambda r: session.is_down)
    batch = session.batch
    lab.act("evict", rank=session.silent[0])
    lab.act("roll_back", batch=session.checkpoints[-1].batch)
    assert session.batch < batch and not session.is_down
    assert session.score().seconds["lost"] > 0


def said(figure) -> str:
    """The words below a figure."""
    return figure.caption
