"""What 3_08_adaptive says and tells a learner to watch is there: its own cells are run."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course.lessons.texts_after_bets import read_text
from widgets import DescentLab, Patient, plot

NOTEBOOK = Path(__file__).parents[2] / "notebooks/3_08_adaptive.ipynb"
SOURCE = {c.id: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
RACERS = ("gradient descent", "Adam", "sign descent")


@pytest.fixture(params=[0, 1])
def names(request) -> dict:
    """The parameters and imports of the chapter, with a seed."""
    found: dict = {}
    exec(SOURCE["parameters"], found)
    found["seed"] = request.param
    exec(SOURCE["imports"], found)
    return found


def run(names: dict, *cells: str) -> dict:
    for cell in cells:
        exec(SOURCE[cell], names)
    return names


def lab_of(names: dict, cell: str):
    """The lab that a cell shows, without a screen."""
    source = SOURCE[cell].removeprefix("lab = ").removesuffix("\nlab")
    return eval(source.replace("device=device)", "device=device, interactive=False)"), names)


def recent(lab, n: int = 10) -> float:
    return float(np.mean(lab.trainer.history.loss[-n:]))


# ---- the first screen -------------------------------------------------------------------------


def test_the_same_rate_creeps_falls_and_leaps(names):
    lab = lab_of(names, "touch-the-lab").run(80)
    losses = lab.trainer.history.loss
    crept = recent(lab)
    assert crept > 0.75 * np.mean(losses[:10]), "descent creeps"
    lab.set("optimiser", "adam")
    lab.run(80)
    assert lab.trainer.knobs()["lr"] == 0.003
    low = recent(lab)
    assert low < 0.4 * crept, "adam falls at the same rate"
    lab.set("lr", 0.3)
    lab.run(20)
    assert max(lab.trainer.history.loss[160:]) > 5 * low, "and leaps at a rate of 0.3"


# ---- the ravine -------------------------------------------------------------------------------


@pytest.fixture
def ravine() -> dict:
    names = {"np": np, "torch": torch, "plot": plot}
    exec("from course import *\nfrom course import SignDescent, chain", names)
    return run(names, "turned", "ride")


def test_the_ravine_has_the_curvatures_1_and_100_at_every_angle(ravine):
    for degrees in (0, 30, 45, 90):
        H, start = ravine["turned"](degrees)
        assert torch.linalg.eigvalsh(H).tolist() == pytest.approx([1, 100])
        assert float(start @ H @ start / 2) == pytest.approx(50.5)


def test_what_came_out_is_so(ravine):
    text = read_text("3_08_adaptive", "What came out, and why")
    assert "**hundreds of times higher**" in text and "Descent does not notice" in text
    along, turned = ({n: ravine["ride"](n, angle)[-1] for n in RACERS} for angle in (0, 45))
    assert along["Adam"] == pytest.approx(4.4e-4, rel=0.02)
    assert turned["Adam"] == pytest.approx(0.188, rel=0.02)
    assert 200 < turned["Adam"] / along["Adam"] < 999
    assert turned["gradient descent"] == pytest.approx(along["gradient descent"], rel=1e-6)
    assert turned["sign descent"] > 10 * along["sign descent"]
    crests = [ravine["ride"]("Adam", angle)[-20:].max() for angle in (45, 0)]
    assert crests[0] > 20 * crests[1], "and it is not the swing's doing"


def test_the_table_of_the_ravine_says_what_the_rides_are(ravine, capsys):
    found = run(ravine, "along-the-axes")["losses_at"](45)
    said = capsys.readouterr().out
    assert said.count("at the start 50.5") == 2
    assert [float(line.split()[-2]) for line in said.splitlines()[-3:]] == pytest.approx(
        list(found.values()), rel=0.1
    )


def test_turned_by_45_both_weights_get_nearly_the_same_divisor(ravine):
    from course import Adam

    for degrees, low, high in ((0, 20, 1e9), (45, 1, 1.1)):
        (H, w), rule = ravine["turned"](degrees), Adam()
        rule.init(w)
        for _ in range(100):
            w = w - 0.1 * rule(H @ w, None)
        a, b = sorted(rule.s.sqrt().tolist())
        assert low <= b / a < high, "one rate for all"


def test_adam_equals_that_of_torch_in_both_ravines(ravine):
    for degrees in (0, 45):
        H, w = ravine["turned"](degrees)
        optimizer = torch.optim.Adam([w], lr=0.1)
        for _ in range(100):
            w.grad = H @ w
            optimizer.step()
        ours = ravine["ride"]("Adam", degrees)[-1]
        assert ours == pytest.approx(float(w @ H @ w / 2), rel=1e-6)


@pytest.fixture
def lab() -> DescentLab:
    source = SOURCE["descent-lab"].replace("replay=True", "replay=True, interactive=False")
    return eval(source, {"DescentLab": DescentLab})


def shape(path: np.ndarray, degrees: float) -> np.ndarray:
    """A trail turned back."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return path @ np.array([[c, -s], [s, c]])


def test_descents_trail_turns_with_the_ravine_and_the_others_bend(lab):
    before = lab.paths
    for degrees in (15, 30, 45):
        lab.set("rotation", degrees)
        after = lab.paths
        off = {n: np.abs(shape(after[n], degrees) - before[n]).max() for n in RACERS}
        assert off["gradient descent"] < 1e-9 < 0.1 < min(off["Adam"], off["sign descent"])


def test_turned_by_90_all_heights_are_back(lab):
    assert "all are back" in read_text("3_08_adaptive", "More to try in the lab")
    before = {n: lab.race.racers[n].values[-1] for n in RACERS}
    lab.set("rotation", 45)
    turned = {n: lab.race.racers[n].values[-1] for n in RACERS}
    assert turned["Adam"] > 100 * before["Adam"]
    lab.set("rotation", 90)
    for name in RACERS:
        assert lab.race.racers[name].values[-1] == pytest.approx(before[name], rel=1e-3)


def test_a_larger_rate_helps_adam_in_the_turned_ravine(lab):
    lab.set("rotation", 45)
    before = lab.race.racers["Adam"].values[-1]
    lab.set("lr", {"Adam": 1.0})
    assert lab.race.racers["Adam"].values[-1] < 0.05 * before
    assert "0.1 was too low" in read_text("3_08_adaptive", "More to try in the lab")


# ---- the hats ---------------------------------------------------------------------------------


def test_without_hats_the_first_step_goes_from_too_short_to_too_long():
    drawn = []
    names = {"np": np, "explore": lambda *_: 0, "Slider": lambda *_, **__: None}
    captions = []
    names["plot"] = lambda curves, **words: (drawn.append(curves), captions.append(words))
    run(names, "first-steps")
    for beta2 in (0.9, 0.95, 0.999):
        names["first_steps"](beta2)
    assert "√s is 0.32 |g|" in captions[0]["caption"]
    assert "√s is 0.032 |g|" in captions[2]["caption"]
    first = [float(curves["without hats"][1][0]) for curves in drawn]
    assert first[0] < first[1] < 1 < first[2]
    v = s = 0.0
    for t, length in zip(*drawn[2]["without hats"], strict=True):  # by the recurrences
        v, s = 0.9 * v + 0.1, 0.999 * s + 0.001
        assert length == pytest.approx(v / s**0.5)
        assert (v / (1 - 0.9**t)) / (s / (1 - 0.999**t)) ** 0.5 == pytest.approx(1)


def test_every_referee_agrees(names, capsys):
    run(names, "follow", "referee", "sign-is-adam", "cosine-referee")
    said = capsys.readouterr().out
    assert said.count("equal to rounding of float64") == 5 and "DIFFERENT" not in said


def test_along_the_axes_both_weights_take_the_same_steps(lab):
    for name in ("Adam", "sign descent"):
        x, y = lab.paths[name].T
        assert x == pytest.approx(y, abs=1e-6)


def test_muon_sets_the_singular_values_that_are_not_tiny_to_about_1(names, capsys):
    run(names, "singular-values")
    lines = capsys.readouterr().out.splitlines()
    before, after = ([float(v) for v in re.findall(r"\d\S*\d", line)] for line in lines)
    assert before[0] > 3 * before[1] > 0 and all(0.6 < v < 1.3 for v in after[:2])
    assert before[2] == after[2] == 0 and len(after) == 3
    assert names["G"].sum(0).abs().max() < 1e-6, "the errors of the classes sum to 0"


def test_muon_notices_a_turn_of_all_weights_and_not_one_of_the_outputs(names, capsys):
    names["bet"] = type("Bet", (), {"then": lambda self, show, title: show({})})()
    run(names, "singular-values", "turned-matrix")
    lines = capsys.readouterr().out.splitlines()[2:]
    assert ["another" in line for line in lines[1:4]] == [False, True, False]
    assert ["another" in line for line in lines[5:8]] == [True, True, False]


# ---- the rate over time -----------------------------------------------------------------------


def test_without_warm_up_the_loss_leaps_and_with_it_it_does_not(names):
    lab = lab_of(names, "rate-lab").run(300)
    losses = lab.trainer.history.loss
    assert max(losses[1:20]) > 1.4 * losses[0], "it leaps above its start"
    late = np.mean(losses[100:])
    lab.reset()
    lab.set("lr", 0.0004)
    lab.plan("lr", [[0, 0.0004], [50, 0.04]])
    lab.run(300)
    losses = lab.trainer.history.loss
    assert max(losses[:20]) < 1.2 * losses[0] and np.mean(losses[100:]) < 0.8 * late
    before, jumps = recent(lab, 30), np.std(losses[-30:])
    lab.go_to(150)
    assert lab.planned >= 300, "there is a lane to draw in"
    lab.plan("lr", [[150, 0.04], [300, 0.0004]])
    lab.run(150)
    losses = lab.trainer.history.loss
    assert len(losses) == 300 and lab.trainer.knobs()["lr"] == pytest.approx(0.0004, rel=0.1)
    assert recent(lab, 30) < 0.4 * before and np.std(losses[-30:]) < 0.7 * jumps


def test_adams_first_step_has_the_full_length_in_every_weight():
    from course import Adam

    for size in (1e-3, 1.0, 1e4):
        rule, g = Adam(), size * torch.linspace(1, 2, 20, dtype=torch.float64)
        rule.init(g)
        assert rule(g, None).abs().tolist() == pytest.approx(20 * [1.0], rel=1e-3)


# ---- the race ---------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("dataset", ["digits", "moons", "spirals"])
def test_no_seed_alone_names_the_winner(names, dataset, capsys):
    names["dataset"] = dataset
    run(names, "rules", "loss-of", "race", "table")
    said = capsys.readouterr().out.splitlines()
    assert not any("nan" in line or "inf" in line for line in said)
    by_hand = names["raced"]["Adam", "cosine"][1] < names["raced"]["descent", "cosine"][1] - 0.01
    adam = next(line for line in said if line.startswith("Adam"))
    assert adam.endswith(f"{by_hand.sum()}/5")
    marked = any("* " in line for line in said[3:9])
    assert marked == said[9].startswith("* the first or last of its five rates")
    winners = {line.split(": ")[1] for line in said[-5:]}
    if dataset == "digits":
        assert len(winners) > 1


def test_the_steps_of_gpt_3s_warm_up_are_those_of_a_batch_that_grows(names, capsys):
    run(names, "at-scale-numbers")
    said = capsys.readouterr().out.splitlines()[-2:]
    for line, growth in zip(said, (4e9, 12e9), strict=True):
        tokens, steps = 0.0, 0
        while tokens < 375e6:
            tokens += 32e3 + (3.2e6 - 32e3) * tokens / growth
            steps += 1
        assert float(line.split()[-2].replace(",", "")) == pytest.approx(steps, rel=0.01)


def test_the_patient_is_cured_by_a_rate_drawn_up_from_step_0():
    patient = Patient("L", chapter="3_08_adaptive", interactive=False)
    assert not patient.case.check(patient.prescribed()).cured
    patient.lab.run(300)
    patient.lab.reset()
    patient.lab.set("lr", 0.0004)
    patient.lab.plan("lr", [[0, 0.0004], [60, 0.02], [300, 0.0004]])
    assert patient.case.check(patient.prescribed()).cured
