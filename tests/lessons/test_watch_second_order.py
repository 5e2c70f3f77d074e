"""What chapter 3_07_second_order asks to watch is there, on other seeds too: its cells are run."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from ledger_cases import numbers

from widgets import TrainingLab

NOTEBOOK = Path(__file__).parents[2] / "notebooks/3_07_second_order.ipynb"
SOURCE = {c.id: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}


@pytest.fixture(params=[0, 1])
def names(request) -> dict:
    """The parameters and imports of the chapter, with a seed, and its experiment."""
    found: dict = {}
    exec(SOURCE["cell-2"], found)
    found["seed"] = request.param
    for cell in ("cell-3", "sharpest", "train", "experiment"):
        exec(SOURCE[cell], found)
    return found


def run(names: dict, *cells: str) -> dict:
    for cell in cells:
        exec(SOURCE[cell], names)
    return names


# ---- the parabola -----------------------------------------------------------------------------


def test_the_level_point_is_the_top_of_the_parabola_where_the_curvature_is_negative(names):
    run(names, "touch")
    for w in (-1.6, -0.4, 0.0, 0.4, 1.4):
        caption = names["touch"](w).caption
        slope, curvature, level, *edge = numbers(caption)[1:]
        assert slope == pytest.approx(w**3 - w, abs=0.006)
        assert (curvature < 0) == (abs(w) < 3**-0.5)
        assert level == pytest.approx(w - (w**3 - w) / (3 * w * w - 1), abs=0.006)
        assert edge == [pytest.approx(2 / (3 * w * w - 1), abs=0.006)] * (curvature > 0)
        assert caption.endswith("; no edge.") == (curvature < 0)


# ---- the bet ----------------------------------------------------------------------------------


def test_the_loss_leaps_and_comes_back_and_the_sharpness_goes_to_its_limit(names):
    seed = names["seed"]
    for s in range(seed, seed + 3):
        loss, lams = names["train"](s, every=10)
        assert names["fate"](loss) == names["FATES"][1]
        assert max(loss[600:640]) > 5 * np.median(loss[550:600])
        assert 4.6 < lams[59] < 5.7 and 2.9 < np.median(lams[64:68]) < 3.7
        assert np.median(lams[50:60]) == pytest.approx(2 / 0.4, rel=0.12)
        assert np.median(lams[69:]) == pytest.approx(2 / 0.6, rel=0.12)


def test_it_starts_beyond_the_edge_and_the_first_swings_bring_it_down_to_it(names):
    trainer = names["start"](names["seed"])
    next(trainer.run(1))
    assert names["sharpest"](trainer) > 1.2 * 2 / 0.4
    for _ in trainer.run(39):
        pass
    assert names["sharpest"](trainer) < 1.08 * 2 / 0.4


def test_below_the_edge_the_sharpness_rises(names):
    trainer, lams = names["start"](names["seed"]), []
    for step in trainer.run(700):
        if step == 100:
            trainer.set("lr", 0.2)
        if step >= 200 and step % 100 == 0:
            lams.append(names["sharpest"](trainer))
    assert lams == sorted(lams) and lams[-1] > lams[0] + 0.3


@pytest.mark.parametrize(
    ("loss", "then", "low", "high"),
    [("mse", 0.2, 5.1, 6.2), ("mse", 0.8, 2.3, 3.1), ("cross_entropy", 0.6, 0.2, 1.0)],
)
def test_other_rates_and_another_loss_end_as_the_chapter_tells(names, loss, then, low, high):
    for seed in range(names["seed"], names["seed"] + 3):
        losses, lams = names["train"](seed, then, 200, loss=loss)
        assert low < lams[-1] < high and losses[-1] < 0.05
        if then == 0.2:
            assert lams[3] > lams[2] and lams[3] < 0.7 * 2 / then
        if loss == "cross_entropy":
            assert list(lams) == sorted(lams, reverse=True) and lams[-1] < 0.3 * 2 / then


def test_at_a_rate_of_1_it_does_not_come_back(names):
    losses, _ = names["train"](names["seed"], 1.0, 400)
    assert names["fate"](losses) == names["FATES"][3]


# ---- the lab ----------------------------------------------------------------------------------


@pytest.fixture
def lab(names) -> TrainingLab:
    return run(names, "lab")["lab"].run(400)


def sharpness(lab: TrainingLab, after: int) -> np.ndarray:
    return np.array([s.sharpness for s in lab.evaluations if s.step > after])


def test_it_rises_to_the_dashed_line_and_the_edge_comes_down_to_the_handle(lab):
    at = np.array([s.step for s in lab.evaluations])
    lams = np.array([s.sharpness for s in lab.evaluations])
    edges = np.array([s.edge for s in lab.evaluations])
    early, late = (at >= 40) & (at <= 120), at >= 320
    assert lams[0] > 7 and lams[early].min() < 5.3
    assert lams[late].mean() == pytest.approx(2 / 0.4, rel=0.1)
    assert edges[late].mean() == pytest.approx(0.4, rel=0.1)
    assert np.allclose(lams * edges, 2)


def test_the_dashed_line_leads_and_the_sharpness_follows(lab):
    lab.set("lr", 0.6)
    lab.run(120)
    assert max(lab.trainer.history.loss[400:450]) > 5 * lab.trainer.history.loss[380:400].mean()
    assert np.median(sharpness(lab, 440)) == pytest.approx(2 / 0.6, rel=0.12)
    assert lab.trainer.history.loss[-20:].mean() < 2 * lab.trainer.history.loss[380:400].mean()


def test_after_a_lower_rate_the_sharpness_rises_again(lab):
    lab.set("lr", 0.2)
    lab.run(300)
    found = sharpness(lab, 450)
    assert (np.diff(found) > -0.05).all() and found[-1] > found[0] + 0.2


def test_there_is_a_rate_that_is_too_large(lab):
    lab.set("lr", 2.0)
    lab.run(100)
    assert lab.diverged is not None


# ---- the saddle -------------------------------------------------------------------------------


def newton(names: dict, damping: float, steps: int = 60):
    lab = run(names, "saddle")["race"]
    lab.set("damping", damping)
    lab.reset()
    lab.run(steps)
    return lab.race.racers["Newton"]


def test_without_damping_newton_runs_to_the_saddle_and_rests_there(names):
    racer = newton(names, 0.0)
    assert racer.at_saddle() and racer.last == pytest.approx([0, 0], abs=1e-9)


def test_with_too_little_it_arrives_there_more_slowly(names):
    def steps(damping):
        path = np.array(newton(names, damping).path)
        return int((np.hypot(*path.T) > 1e-3).sum())

    assert newton(names, 0.3).at_saddle() and steps(0.3) > 2 * steps(0.0)


def test_with_enough_it_leaves_and_reaches_a_minimum(names):
    racer = newton(names, 1.5)
    assert racer.arrived is not None and racer.last == pytest.approx([0, 1], abs=1e-3)


def test_with_just_enough_the_first_step_climbs(names):
    racer = newton(names, 1.005, 1)
    assert racer.values[1] > racer.values[0] + 10


def test_with_less_than_the_lowest_curvature_the_step_points_up_and_with_more_down(names, capsys):
    run(names, "dampings")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    found = [(float(row[2]), float(row[8]), float(row[-1])) for row in rows]
    assert all((slope < 0) == (mu > 0.9988) for mu, slope, _ in found)
    assert [change > 0 for *_, change in found] == [True, True, True, False, False, False]


# ---- what it costs ----------------------------------------------------------------------------


def test_gauss_newton_leads_for_equal_steps_and_the_heavy_ball_for_equal_gradients(names, capsys):
    run(names, "race")
    rows = {}
    for line in capsys.readouterr().out.splitlines():
        rows[line.partition(" steps")[0]] = numbers(line)[-2:]  # lowest, highest
    ends = {" ".join(name.split()): spread for name, spread in rows.items()}
    assert max(ends["Gauss-Newton 20"]) < min(ends["descent 20"] + ends["heavy ball 20"])
    assert max(ends["heavy ball 420"]) < min(ends["Gauss-Newton 20"] + ends["descent 420"])


def test_the_hessian_has_negative_eigenvalues_and_gauss_newton_has_none(names, capsys):
    run(names, "network", "referee-products", "referee-newton", "dampings")
    capsys.readouterr()
    run(names, "eigenvalues")
    hessian, gauss_newton, few = (numbers(line) for line in capsys.readouterr().out.splitlines())
    assert few[-1] == pytest.approx(hessian[-1], abs=0.0011)
    assert hessian[0] > 20 and hessian[2] < -1e-3
    assert gauss_newton[0] == 0 and abs(gauss_newton[2]) < 1e-10
