"""What chapter 3_04_momentum asks to watch is there, on other seeds too: its own cells are run."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course import Descend, HeavyBall, Momentum, Nesterov, chain
from course.lessons.exercises.momentum import ravine_limit, ravine_steps
from widgets import DescentLab, TrainingLab, plot

NOTEBOOK = Path(__file__).parents[2] / "notebooks/3_04_momentum.ipynb"
SOURCE = {c.id: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
BETAS = (0.0, 0.45, 0.7, 0.91, 0.95)


@pytest.fixture(params=[0, 1])
def names(request) -> dict:
    """The parameters and imports of the chapter, with a seed."""
    found: dict = {}
    exec(SOURCE["cell-2"], found)
    found["seed"] = request.param
    exec(SOURCE["cell-3"], found)
    return found


def run(names: dict, *cells: str) -> dict:
    for cell in cells:
        exec(SOURCE[cell], names)
    return names


def flips(values) -> int:
    """How often a weight changes side."""
    return int(np.count_nonzero(np.diff(np.sign(values))))


# ---- the average of points --------------------------------------------------------------------


def test_the_average_cancels_lags_and_starts_too_low(names):
    run(names, "explore-average")
    wave, points = names["wave"], names["points"].numpy()
    rough, late = [], []
    for beta in (0.0, 0.6, 0.85):
        rule = Momentum(beta)
        rule.init(torch.zeros(1, dtype=torch.float64))
        noise = [float(rule(torch.tensor([x]), None)) for x in points - wave]
        rough.append(np.std(np.diff(noise)))
        rule.init(torch.zeros(1, dtype=torch.float64))
        clean = np.array([float(rule(torch.tensor([x]), None)) for x in wave])
        half = slice(50, 75)  # the wave rises there
        late.append((wave - clean)[half].mean())
        assert clean[0] == pytest.approx((1 - beta) * wave[0])
    assert rough == sorted(rough, reverse=True) and late == sorted(late)


# ---- the ravine -------------------------------------------------------------------------------


@pytest.fixture
def ravine() -> DescentLab:
    return run({"DescentLab": DescentLab}, "cell-49")["ravine"]


def at(lab: DescentLab, lr: float, beta: float):
    lab.set("point", (lr, beta))
    return lab.race.racers["momentum"]


def best_point(lab: DescentLab) -> tuple[float, float]:
    """Where the diagram writes `fastest`."""
    panel = next(p for p in lab.describe()["side"] if p["kind"] == "diagram")
    return tuple(panel["best"])


def test_the_lab_does_not_start_at_the_bets_answer(ravine):
    assert ravine.race.knobs["beta"] != 0.9 and "0.38" not in ravine.summary()


def test_on_the_fastest_spot_the_height_rises_first_and_the_steep_weight_flips(ravine):
    fastest = best_point(ravine)
    racer = at(ravine, *fastest)
    assert max(racer.values[1:10]) > 2 * racer.values[0] and racer.arrived < 100
    steep = np.array(racer.path)[: racer.arrived, 1]
    assert flips(steep) > 0.8 * racer.arrived
    for lr in np.geomspace(0.02, 0.3, 6):
        for beta in (0.0, 0.3, 0.5, 0.8, 0.9, 0.95):
            other = at(ravine, float(lr), beta)
            assert other.arrived is None or other.arrived > racer.arrived


@pytest.mark.parametrize("share", [0.96, 0.98, 0.995])
def test_just_left_of_the_limit_the_steep_weight_flips_at_almost_every_step(ravine, share):
    racer = at(ravine, share * ravine_limit(0.9), 0.9)
    assert racer.diverged is None and flips(np.array(racer.path)[:, 1]) >= 80


def test_with_much_memory_the_flat_weight_swings_long(ravine):
    racer = at(ravine, 1.0, 0.98)
    flat = np.array(racer.path)[:, 0]
    assert racer.diverged is None and 3 <= racer.swings()[0] <= 6 and flat.min() < -0.5


def test_heavy_ball_with_a_tenth_of_the_rate_covers_the_other_trail(ravine):
    at(ravine, 0.1, 0.9)
    ravine.set("racers", ["momentum", "heavy ball"])
    ravine.set("lr", {"heavy ball": 0.01})
    paths = ravine.paths
    assert len(paths["momentum"]) == 101
    assert paths["heavy ball"] == pytest.approx(paths["momentum"], abs=1e-9)


def steps_to_a_millionth(form, lr: float) -> int:
    curvature, w = torch.tensor([1.0, 100.0]), torch.ones(2)
    rule = chain(form(0.9), Descend(lr))
    rule.init(w)
    for n in range(1, 3000):
        rule(curvature * w, w)
        if float(w.norm()) <= 1e-6 * 2**0.5:
            return n
    return 3000


@pytest.mark.parametrize("lr", [0.005, 0.01, 0.0198])
def test_at_the_same_rate_the_average_gains_little_and_heavy_ball_much(lr):
    plain = ravine_steps(lr, 0.0, 3000)
    average = steps_to_a_millionth(Momentum, lr)
    assert average < plain < 1.5 * average
    assert plain > 2 * steps_to_a_millionth(HeavyBall, lr)


def test_at_its_best_rate_more_memory_is_fewer_steps_up_to_a_point_and_then_overshoots(names):
    texts = []
    names["plot"] = lambda curves, **words: texts.append((curves, words)) or plot(curves, **words)
    names["bet"] = type("Bet", (), {"then": lambda *_: None})
    run(names, "cell-8", "cell-35")
    for beta in BETAS:
        names["at_its_best"](beta)
    counts = [int(words["caption"].split(": ")[1].split()[0]) for _, words in texts]
    lowest = [float(curves["flat weight w₁"].min()) for curves, _ in texts]
    far = [float(curves["steep weight w₂"].abs().max()) for curves, _ in texts]
    assert counts[0] > counts[1] > counts[2] < counts[3] < counts[4]
    assert lowest[4] < lowest[3] < -0.2 < -0.02 < min(lowest[:2])
    assert far[2] > 2 > 1.01 > far[0]


def test_nesterov_calms_the_steep_direction_and_has_the_lower_limit(names):
    ride = run(names, "cell-8")["ride"]

    def steep(lr, form):
        return abs(float(ride(lr, 0.9, 30, form)[-1, 1]))

    for lr in (0.005, 0.012):
        assert steep(lr, Nesterov) < 1e-3 * steep(lr, HeavyBall)
    assert steep(0.02, HeavyBall) < 1 < steep(0.02, Nesterov)


# ---- networks ---------------------------------------------------------------------------------


@pytest.fixture
def lab(names) -> TrainingLab:
    return run(names, "forbidden-lab")["lab"].run(150)


def test_the_lab_on_the_digits_starts_below_the_dashed_line_and_stays_there(lab):
    assert len(lab.evaluations) > 5
    assert all(look.edge > lab.trainer.knobs()["lr"] for look in lab.evaluations)


def recent(lab: TrainingLab) -> float:
    return float(np.mean(lab.trainer.history.loss[-10:]))


def test_a_forbidden_rate_crosses_the_dashed_line_and_the_loss_leaps(lab):
    edge, before = lab.evaluations[-1].edge, recent(lab)
    assert lab.trainer.knobs()["lr"] < edge < 3.0
    lab.set("lr", 3.0)
    lab.run(60)
    assert max(lab.trainer.history.loss[150:]) > 20 * before and recent(lab) > 5 * before


def test_with_memory_the_dashed_line_jumps_and_the_same_rate_trains(lab):
    edge, before = lab.evaluations[-1].edge, recent(lab)
    lab.set("lr", 3.0)
    lab.run(60)
    without = recent(lab)
    lab.go_to(150)
    lab.set("momentum", 0.9)
    lab.run(1)
    lab.set("lr", 3.0)
    lab.run(99)
    assert lab.evaluations[-1].edge > 5 * edge
    assert recent(lab) < before < without


def test_when_beta_rises_heavy_ball_breaks_away_and_the_average_does_not(names, capsys):
    names["seeds"] = range(names["seed"], names["seed"] + 5)
    run(names, "cell-54", "cell-61")
    rows = [line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:]]
    ball, average = (np.array(row, dtype=float) for row in rows)
    assert len(ball) == 5 and not (ball < 1).any() and (average < 0.4).all()
