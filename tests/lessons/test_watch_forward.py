"""The labs and figures of 3_01_forward do what its "watch …" sentences promise."""

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from scipy.special import softmax

from course.cli import main as cli
from widgets import BackpropLab, Slider, plot

PATH = Path(__file__).parents[2] / "notebooks" / "3_01_forward.ipynb"
SEEDS = [0, 1, 7, 2**31]


def source(words: str) -> str:
    """Return the one cell of the chapter that holds these words."""
    (found,) = (c.source for c in nbformat.read(PATH, as_version=4).cells if words in c.source)
    return found


def lab_of(words: str, seed: int) -> BackpropLab:
    """Return a lab as the chapter's cell builds it, without a front end."""
    names = {"BackpropLab": BackpropLab, "seed": seed}
    exec(source(words), names)
    return next(value for value in names.values() if isinstance(value, BackpropLab))


def moved(lab, name: str, value: float) -> set[str]:
    """Change a number; return what the lab marks as changed."""
    before = lab.numbers()
    lab.set(name, value)
    after = lab.numbers()
    marked = {n for n, cell in lab.describe()["side"][0]["numbers"].items() if cell["changed"]}
    assert marked == {n for n in before if before[n] != after[n]}
    return marked


@pytest.mark.parametrize("seed", SEEDS)
def test_the_formula_of_z_has_its_numbers_filled_in(seed):
    lab = lab_of("touch = BackpropLab", seed)
    numbers, words = lab.numbers(), lab.formula("z1[1]")
    assert words.startswith("z₁⁽¹⁾ = w₁₁⁽¹⁾x₁ + w₁₂⁽¹⁾x₂ + b₁⁽¹⁾ = ")
    value = numbers["w1[1,1]"] * 1.0 - numbers["w1[1,2]"] * 0.5 + numbers["b1[1]"]
    printed = float(re.search(r"= (−?[\d.]+)$", words)[1].replace("−", "-"))
    assert printed == pytest.approx(value, abs=1e-3)
    assert numbers["z1[1]"] == pytest.approx(value)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_weight_moves_its_own_unit_in_its_layer_and_then_everything(seed):
    lab = lab_of("touch = BackpropLab", seed)
    later = {"z2[1]", "z2[2]", "yhat[1]", "yhat[2]", "loss"}
    assert moved(lab, "w1[1,2]", 2.0) == {"w1[1,2]", "z1[1]", "a1[1]"} | later


@pytest.mark.parametrize("seed", SEEDS)
def test_forward_computes_layer_after_layer_until_the_loss_is_there(seed):
    lab = lab_of('name="forward"', seed)
    lab.reset()
    kinds = []
    while "loss" not in lab.numbers():
        known = set(lab.numbers())
        lab.forward()
        kinds.append({name.partition("[")[0] for name in set(lab.numbers()) - known})
    assert kinds == [{"z1"}, {"a1"}, {"z2"}, {"yhat"}, {"loss"}]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_silent_unit_keeps_a_change_to_itself(seed):
    lab = lab_of('name="forward"', seed)
    lab.reset()
    for _ in range(5):
        lab.forward()
    lab.set("b1[1]", -5.0)
    numbers = lab.numbers()
    assert numbers["z1[1]"] < 0 == numbers["a1[1]"]
    for change in (0.1, -0.1):
        at = lab.numbers()["w1[1,2]"]
        assert moved(lab, "w1[1,2]", at + change) == {"w1[1,2]", "z1[1]"}


def test_one_logit_moves_and_all_probabilities_follow():
    caught = []
    names = {"torch": torch, "plot": plot, "Slider": Slider, "explore": lambda *a: caught.append(a)}
    exec(source("def three_classes"), names)
    ((figure, knob),) = caught
    earlier = [0.0, 1.0, 1.0]
    for z1 in knob.values:
        left, right = figure(z1).panels
        logits, chances = (
            np.array([curve.y[-1] for curve, *_ in panel.layers]) for panel in (left, right)
        )
        assert logits == pytest.approx([z1, 1, 0])
        assert chances == pytest.approx(softmax([z1, 1.0, 0.0]))
        assert (chances > 0).all() and (chances < 1).all(), "nothing ever reaches 0"
        labels = [curve.name for curve, *_ in right.layers]
        assert not any(re.search(r": [01](\.0+)?$", label) for label in labels), "nor by rounding"
        assert chances[0] > earlier[0] and (chances[1:] < earlier[1:]).all()
        assert f"−ln ŷ₁ is {-np.log(chances[0]):.3f}" in figure(z1).caption
        earlier = chances
    assert chances[0] > 0.99, "class 1 is nearly certain at the end"


# ---- what the chapter says, with its own parameters -----------------------------------------


def test_what_is_said_of_certain_and_wrong():
    names = {"torch": torch, "print": lambda *words: None}
    exec(source("def naive(z)"), names)
    z = torch.tensor([0.0, 200.0])
    assert names["naive"](z)[0] == -torch.inf and names["naive"](z)[1].isnan()
    assert torch.softmax(z, 0)[0] == 0 and torch.softmax(z, 0).log()[0] == -torch.inf
    assert torch.log_softmax(z, 0).tolist() == [-200, 0]
    assert torch.tensor(float(torch.finfo(torch.float16).max)).log() == pytest.approx(11.1, 0.01)


@pytest.mark.full
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("dataset", ["digits", "moons", "spirals"])
def test_every_result_holds_with_other_parameters(dataset, seed, tmp_path, shared_kernels):
    arguments = ["regenerate", PATH.stem, "--output-dir", str(tmp_path), "-p", "seed", str(seed)]
    assert cli.main([*arguments, "-p", "dataset", dataset, "-p", "steps", "100"]) == 0
    cells = nbformat.read(tmp_path / PATH.name, as_version=4).cells
    said = {
        cell.source: "".join(
            output.get("text", "") or output.get("data", {}).get("text/html", "")
            for output in cell.outputs
        )
        for cell in cells
        if cell.cell_type == "code"
    }
    compared = [text for code, text in said.items() if "compare(" in code]
    assert len(compared) == 6 and all("equal to rounding" in text for text in compared)
    assert not any("DIFFERENT" in text for text in compared)
    (rows,) = (text for text in said.values() if text.startswith("ReLU ["))
    relu, softmax_row = re.findall(r"sum ([\d.]+)", rows)
    assert softmax_row == "1.00" != relu, "only one row sums to 1"
    (far,) = (text for text in said.values() if text.startswith("naive:"))
    assert far.split()[1:3] == ["[-inf,", "nan]"] and far.rstrip().endswith("[-200.0, 0.0]")


def names_bound(code: str) -> set[str]:
    """Return the names that a cell gives a value at its top level."""
    found = set()
    for node in ast.parse(re.sub(r"(?m)^( *)%.*", r"\1pass", code)).body:
        inner = [] if isinstance(node, ast.FunctionDef) else ast.walk(node)
        found |= {n.id for n in inner if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return found


def test_what_waits_for_the_bet_finds_its_values_also_after_run_all():
    codes = [c.source for c in nbformat.read(PATH, as_version=4).cells if c.cell_type == "code"]
    waiting = [c for c in codes if "def experiment" in c or "bet.then(" in c]
    read = {
        n.id
        for code in waiting
        for function in ast.walk(ast.parse(code))
        if isinstance(function, ast.FunctionDef | ast.Lambda)
        for n in ast.walk(function)
        if isinstance(n, ast.Name)
    }
    bound = [name for code in codes for name in names_bound(code)]
    assert {"W", "a", "x", "layers"} <= read
    assert {name for name in read if bound.count(name) > 1} == set()
