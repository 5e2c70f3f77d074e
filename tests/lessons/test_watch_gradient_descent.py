"""3_03: its labs keep what each "watch" promises, its sentences hold for other parameters."""

import html
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course.lessons.exercises.gradient_descent import bowl, lowest, stop_rule
from widgets import DescentLab, Patient, Slider

PATH = Path(__file__).parents[2] / "notebooks" / "3_03_gradient_descent.ipynb"
CELLS = {cell.id: cell for cell in nbformat.read(PATH, as_version=4).cells}
NAME = "gradient descent"


def lab_of(cell: str) -> DescentLab:
    """The lab as the chapter makes it, without a front end."""
    return eval(CELLS[cell].source, {"DescentLab": DescentLab})


def watched(cell: str) -> list[str]:
    """The numbered sentences above a lab."""
    found = re.findall(r"(?m)^\d\. (.*(?:\n {3}.*)*)", CELLS[cell].source)
    assert all("*Watch" in sentence for sentence in found)
    return found


# ---- the first lab: one rate for two curvatures ----


@pytest.mark.parametrize("start", [None, (-0.4, 1.3), (1.5, -0.2)])
def test_the_first_lab_keeps_what_its_sentences_promise(start):
    lab = lab_of("gd-lab")
    rates = [float(re.search(r"α = (\d+\.\d+)", words)[1]) for words in watched("gd-touch")]
    assert rates == [0.1, 0.19, 0.21]
    assert lab.knobs()["lr"][NAME] == 0.19, "the second is the one that is shown"
    if start is not None:
        lab.set("start", start)
    paths = {}
    for rate in rates:
        lab.set("lr", {NAME: rate})
        paths[rate] = lab.paths[NAME]
        assert len(paths[rate]) == 41, "40 steps are drawn, whatever is turned"
    sizes = {rate: abs(path) for rate, path in paths.items()}
    x, y = sizes[0.1].T
    assert y[1] < 1e-12 * y[0], "one step brings y to 0"
    assert (np.diff(x) < 0).all() and 0.01 * x[0] < x[-1], "x creeps"
    for rate, direction in ((0.19, -1), (0.21, 1)):
        y = paths[rate][:, 1]
        assert (y[1:] * y[:-1] < 0).all(), "y jumps across 0 at every step"
        change = np.diff(sizes[rate][:, 1]) * direction
        assert (change > 0).all() and change[0] < 0.2 * sizes[rate][0, 1], "a little each time"


# ---- the second lab: a saddle ----


def test_from_the_line_the_second_lab_comes_to_rest_at_the_saddle():
    assert "rest: at the saddle" in watched("gd-saddle-words")[0]
    lab = lab_of("gd-saddle")
    lab.headless()
    assert "rests at a saddle" in lab.summary()
    assert np.abs(lab.paths[NAME][-1]).max() < 1e-6


@pytest.mark.parametrize("up", [0.02, 0.04, 0.06])  # one press of the key, two, three
@pytest.mark.parametrize("side", [1, -1])
def test_beside_the_line_it_loses_time_near_the_saddle_and_finds_a_minimum(up, side):
    assert len(watched("gd-saddle-words")) == 3
    lab = lab_of("gd-saddle")
    lab.set("start", (1.2, side * up))
    lab.run(100)
    heights = lab.race.heights(NAME, range(101))[0]
    change = -np.diff(heights) / heights[0]
    slow = np.flatnonzero(change < 0.02)
    first = slow[0]
    rest = 0.25  # of the saddle above the minima
    assert 0.8 * rest < heights[first] < 1.3 * rest, "the slow steps begin near the saddle"
    again = first + np.flatnonzero(change[first:] > 1.2 * change[first])
    assert again[0] - first >= 1 and heights[-1] < 1e-3, "then the height falls again"
    assert lab.paths[NAME][-1] == pytest.approx([0, side], abs=0.01)


# ---- the patient ----


def test_the_patients_rate_was_far_beyond_the_edge_when_it_began():
    assert "Press *Reset*" in CELLS["gd-patient-words"].source
    lab = Patient("A", chapter=PATH.stem, interactive=False).lab
    last = int(re.search(r"(\d+)% of the edge", lab.summary())[1])
    lab.reset()
    first = int(re.search(r"(\d+)% of the edge", lab.summary())[1])
    assert lab.trainer.step_count == 0 and first > 400 > 100 > last


# ---- sentences of the text ----


def test_the_questions_about_the_slider_can_be_tried_on_it():
    (call,) = re.findall(r"Slider\(.*?\)", CELLS["gd-explore"].source)
    asked = re.search(r"what happens at (.*)\?", CELLS["gd-one-words"].source)[1]
    for product in re.findall(r"[\d.]+", asked):
        assert float(product) in eval(call, {"Slider": Slider}).values


def test_the_smallest_network_has_a_saddle_where_both_weights_are_0():
    def loss(w):
        return (1 - w[0] * w[1]) ** 2 / 2

    at = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.grad(loss(at), at)[0].abs().max() == 0
    H = torch.autograd.functional.hessian(loss, at.detach())
    assert torch.linalg.eigvalsh(H).tolist() == pytest.approx([-1, 1])


@pytest.mark.parametrize("size", [2, 5])
def test_the_best_single_rate_is_the_one_that_a_search_finds(size):
    curvatures = torch.linalg.eigvalsh(bowl(size, size)).numpy()
    rates = np.linspace(0, 2.2 / curvatures[-1], 20_001)
    keeps = abs(1 - rates[:, None] * curvatures).max(axis=1)
    low, high = curvatures[[0, -1]]
    assert rates[keeps.argmin()] == pytest.approx(2 / (low + high), rel=1e-3)
    assert keeps.min() == pytest.approx((high - low) / (high + low), rel=1e-2)
    assert rates[keeps < 1].max() == pytest.approx(2 / high, rel=1e-3)


def test_the_rule_with_patience_by_hand():
    losses = [5.0, 3.0, 4.0, 3.0, 2.0, 2.5, 2.1, 2.0, 1.0]
    assert stop_rule(losses, 1) == (2, 1)
    assert stop_rule(losses, 2) == (3, 1), "3.0 again is not lower than 3.0"
    assert stop_rule(losses, 3) == (7, 4)
    assert stop_rule(losses, 4) == (8, 8), "never over: the last look"
    assert lowest(losses) == 8


# ---- other parameters ----

SKIPPED = ("gd-colab", "gd-parameters", "gd-lab", "gd-saddle", "gd-settle", "gd-patient")


def outputs(capsys, **parameters) -> dict[str, str]:
    """What each code cell of the chapter prints, the reveals of its bet included."""
    names = {"seed": 0, "device": "cpu", "steps": 200, "dataset": "digits", **parameters}
    printed = {}
    for name, cell in CELLS.items():
        if cell.cell_type == "code" and name not in SKIPPED:
            exec(cell.source, names)
            printed[name] = capsys.readouterr().out
    for reveal, _ in names["bet"]._later:
        text = re.findall(r"<pre>(.*?)</pre>", reveal.stored, re.S)
        printed[reveal.title] = html.unescape("\n".join(text))
    return printed


@pytest.mark.full
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("dataset", "steps"), [("digits", 200), ("digits", 20), ("moons", 200), ("spirals", 50)]
)
def test_its_sentences_hold_for_other_parameters(dataset, steps, seed, shell, capsys):
    printed = outputs(capsys, dataset=dataset, steps=steps, seed=seed)
    assert printed["gd-referee"].count("equal to rounding of float64") == 4
    rows = re.findall(r"α = ([\d.]+) × edge: squared error ([\d.]+) → (\S+)", printed["gd-shares"])
    for share, first, last in rows:
        assert (float(last) > float(first)) == (float(share) > 1), "the loss turns at the edge"
    assert len(rows) == 5
    alone = printed["Three trials"].splitlines()[-1]
    assert "no hidden layer" in alone and "5 of 5 runs" in alone, "on one bowl the gradient shrinks"
    ends = re.findall(r"ends at w = +(\S+), L = (\S+)", printed["gd-start"])
    assert [w for w, _ in ends] == ["-1.07", "-1.07", "0.91"] and float(ends[0][1]) < float(
        ends[2][1]
    )
    check_rules(printed["gd-rules"], steps)
    check_short(printed["The bet's runs, stopped by a short gradient"], steps)


def check_rules(text: str, steps: int) -> None:
    """The four rules, and what patience goes back to."""
    lines = text.splitlines()
    assert [line[:13].strip() for line in lines[:4]] == [
        f"{steps} steps", "loss < 0.1", "‖∇L‖ < 0.05", "patience 5",
    ]  # fmt: skip
    for line in lines[:4]:
        assert re.search(r"step +[\d,]+ +training [\d.]+ +validation [\d.]+$|never in", line), line
    best, back = (int(re.search(r"step ([\d,]+)", s)[1].replace(",", "")) for s in lines[4:])
    stop = re.search(r"step +([\d,]+)", lines[3])
    if stop and int(stop[1].replace(",", "")) >= best:
        assert back == best, "patience that lasts to the lowest validation loss goes back to it"


def check_short(text: str, steps: int) -> None:
    """A rule that stops where the gradient is first as short as at the end."""
    found = re.findall(r"first at step +(\d+), loss ([\d.]+); +at step (\d+) loss", text)
    assert len(found) == 5 and all(int(last) == steps - 1 for _, _, last in found)
    assert all(int(first) <= steps - 1 for first, _, _ in found)
