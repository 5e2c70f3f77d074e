"""What 3_03b_batches promises: each "watch …", and each result that its prose states."""

import re
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from widgets import TrainingLab

PATH = Path(__file__).parents[2] / "notebooks" / "3_03b_batches.ipynb"
CELLS = [c for c in nbformat.read(PATH, as_version=4).cells if c.cell_type == "code"]
ASIDE = re.compile(r"%pip|\w+Lab\(|Bet\(|^bet\.tell|Patient\(|check\(|tune\(B|for B, used|in_steps")
RUNS = [(d, s) for d in ("digits", "moons", "spirals") for s in (0, 1)]
each_run = pytest.mark.parametrize(("dataset", "seed"), RUNS)


class Opened:
    """A bet that nobody sees: what waits for it is not run."""

    def then(self, function, title):
        return None


@cache
def chapter(dataset: str, seed: int) -> dict:
    """Return the names that the chapter's cells leave, labs, bets, race and exercises aside."""
    explored: list = []
    names: dict = {"bet": Opened(), "explored": explored}

    def keep(function, knob):
        explored.append((function, knob))

    for cell in CELLS:
        if ASIDE.search(cell.source):
            continue
        exec(cell.source, names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= {"dataset": dataset, "seed": seed}
        if "check_parameters" in cell.source:
            names["explore"] = keep
    return names


# ---- the first lab ------------------------------------------------------------------------------


@each_run
def test_the_jumps_of_the_loss_shrink_with_the_batch_and_return(dataset, seed):
    (source,) = [c.source for c in CELLS if "TrainingLab(" in c.source]
    lab = eval(source.replace("steps=steps", "steps=150, interactive=False, name='jumps'"), {
        "TrainingLab": TrainingLab, "dataset": dataset, "seed": seed, "device": "cpu",
    })  # fmt: skip
    jumps = []
    for size in (1, 64, 1):
        lab.set("batch_size", size)
        lab.run(150)
        losses = np.log(np.maximum(lab.trainer.history.loss[-100:], 1e-9))  # the axis is a log one
        jumps.append(np.abs(np.diff(losses)).mean())
    lab.close()
    assert jumps[0] > 2 * jumps[1] and jumps[2] > 2 * jumps[1]


# ---- the error ----------------------------------------------------------------------------------


@each_run
def test_the_error_is_autograds_and_halves_with_four_times_the_samples(dataset, seed):
    names = chapter(dataset, seed)
    data, module = names["data"], names["model"].to_module()
    F.cross_entropy(module(data.x_train[:1]), data.y_train[:1]).backward()
    theirs = torch.cat([torch.cat([layer.weight.grad, layer.bias.grad[:, None]], 1).flatten()
                        for layer in module if hasattr(layer, "weight")])  # fmt: skip
    torch.testing.assert_close(names["singles"][0], theirs, rtol=1e-4, atol=1e-6)
    errors = [names["error"](B) for B in (1, 4, 16, 64)]
    spread = (names["singles"] - names["full"]).norm(dim=1).square().mean().sqrt()
    assert errors[0] == pytest.approx(float(spread / names["full"].norm()), rel=0.15)
    for few, many in zip(errors, errors[1:], strict=False):
        assert few / many == pytest.approx(2, rel=0.2)
    assert errors[0] / errors[-1] == pytest.approx(8, rel=0.2)


@each_run
def test_one_sample_changes_all_outputs_and_a_weight_stays_for_the_two_reasons_given(dataset, seed):
    names = chapter(dataset, seed)
    assert int(names["noticed"].sum()) == names["N"]
    model, x = names["model"], names["data"].x_train
    first, second = model.views(model.theta)
    z = x @ first[:, :-1].t() + first[:, -1]
    a = torch.cat([z.clamp(min=0), torch.ones(len(z), 1)], 1)
    for row in range(0, names["N"], 40):
        ours_1, ours_2 = model.views(names["singles"][row])
        stays = (z[row] <= 0)[:, None] | (torch.cat([x[row], torch.ones(1)]) == 0)
        assert torch.equal(ours_1 == 0, stays)
        assert torch.equal(ours_2 == 0, (a[row] == 0).expand_as(second))


@each_run
def test_the_referee_and_accumulation_agree(dataset, seed):
    names = chapter(dataset, seed)
    module = names["theirs"].state_dict()
    for name, weights in names["ours"].named_views(names["ours"].theta).items():
        torch.testing.assert_close(weights, module[name], rtol=1e-9, atol=1e-12)
    for parts in (4, 100):
        theta = names["accumulated"](parts)
        torch.testing.assert_close(theta, names["whole_batch"], rtol=1e-9, atol=1e-12)
    assert float(names["off"]) > 0.05


# ---- hovering -----------------------------------------------------------------------------------


@each_run
def test_each_curve_stops_at_a_height_and_a_larger_rate_stops_sooner_and_higher(dataset, seed):
    names = chapter(dataset, seed)
    (_, knob), _ = names["explored"]
    before: dict = {}
    for alpha in knob.values:
        heights = []
        for B in (1, 16, 256):
            far = names["walk"](alpha, B).square().mean(0).sqrt().numpy()
            height = far[-100:].mean()
            assert far[200:300].mean() < 1.7 * height, "it still falls"
            sooner = int((far < 2 * height).argmax())
            if B in before:
                assert height > before[B][0] and sooner <= before[B][1]
            before[B] = height, sooner
            heights.append(height)
        assert heights[0] > 2 * heights[1] > 4 * heights[2]


@each_run
def test_it_hovers_where_the_formula_says(dataset, seed):
    names = chapter(dataset, seed)
    for alpha, B in ((0.1, 1), (0.1, 4), (0.4, 4), (0.4, 16)):
        found = float(names["walk"](alpha, B, 2000)[:, 1000:].square().mean().sqrt())
        formula = (alpha / (2 - alpha) * names["V"] / B) ** 0.5
        assert found == pytest.approx(formula, rel=0.15)


def test_with_one_over_t_the_weights_are_the_mean_of_what_they_have_seen(capsys):
    names = chapter("digits", 0)
    names["against_the_formula"](None)
    last = capsys.readouterr().out.splitlines()[-1]
    seen = torch.randint(names["N"], (2000,), generator=torch.Generator().manual_seed(0))
    distance = (names["x"][seen].mean(0) - names["mean"]).norm()
    assert last.endswith(f"{distance:.3f}")


# ---- the clock, and the loop --------------------------------------------------------------------


def test_time_counts_samples_at_one_and_steps_from_N_on():
    names = chapter("digits", 0)
    draw = np.random.default_rng(0)
    sizes = names["batch_sizes"]
    names["samples"] = {B: B * draw.integers(5, 900, 5) for B in sizes}
    (clock, knob) = names["explored"][1]
    for p, counts in ((knob.values[0], 1), (knob.values[-1], np.array(sizes))):
        ((curve, *_),) = clock(p).panels[0].layers
        expected = [np.median(names["samples"][B]) for B in sizes] / np.asarray(counts)
        np.testing.assert_allclose(curve.y, expected)
        first = sizes[int(np.argmin(expected))]
        assert f"B = {first} is first" in clock(p).caption
    assert knob.values[-1] >= names["N"]


def test_greedy_text_repeats_itself_for_any_context():
    names = chapter("digits", 0)
    for k in range(2, 11):
        loop = names["greedy"](k)
        context, counts = (3 * loop)[:k], names["text"]
        followers = {counts[i + k] for i in range(len(counts) - k) if counts.startswith(context, i)}
        assert loop and (3 * loop)[k] in followers
