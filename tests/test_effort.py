"""Large work is announced, larger work refused before it starts; the estimates are counted."""

import json
import os

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from course import (
    MLP,
    Adam,
    CourseError,
    Descend,
    GaussNewton,
    Momentum,
    Newton,
    Trainer,
    adopt,
    chain,
    effort,
    load_data,
)
from course.cli.main import main
from course.effort import Effort, begin, in_bytes, in_time, in_units
from course.training.baselines import duel
from course.training.recipe import load_recipe
from course.training.replay import build_recipe, effort_of, run_recipe
from course.training.timeline import size_of


def make(sizes=(64, 32, 10), B=32, optimiser=None, **options):
    steps = chain(*([optimiser] if optimiser else []), Descend(0.1))
    return Trainer(MLP(list(sizes), **options), load_data("digits"), steps, batch_size=B)


# ---- what is estimated --------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(64, 32, 10), (64, 100, 100, 100, 10), (64, 10)])
@pytest.mark.parametrize("B", [1, 64])
def test_a_step_has_the_flops_that_torch_counts(sizes, B):
    trainer = make(sizes, B)
    with FlopCounterMode(display=False) as counter:
        trainer.step()
    weights = [n * m for n, m in zip(sizes, sizes[1:], strict=False)]
    exact = 4 * B * len(trainer.model.theta) + 2 * B * sum(weights[1:])  # none for the data's dx
    assert counter.get_total_flops() == exact
    estimate = effort.step_flops(len(trainer.model.theta), B, trainer.chain)
    assert exact <= estimate <= 1.5 * exact


@pytest.mark.parametrize("optimiser", [GaussNewton(1e-3, 7), Newton(1.0)])
def test_the_products_of_second_order_are_counted_too(optimiser):
    trainer = make((64, 10), 200, optimiser)
    with FlopCounterMode(display=False) as counter:
        trainer.step()
    estimate = effort.step_flops(len(trainer.model.theta), 200, trainer.chain)
    assert 1 / 4 < estimate / counter.get_total_flops() < 4


@pytest.mark.parametrize("sizes", [(64, 32, 10), (64, 1000, 1000, 10), (64, 10)])
@pytest.mark.parametrize("B, optimiser", [(8, None), (1000, Adam()), (64, Momentum())])
def test_a_run_takes_the_bytes_that_its_tensors_have(sizes, B, optimiser):
    trainer = make(sizes, B, optimiser)
    for _ in trainer.run(3):
        pass
    t, d = trainer, trainer.data
    arrays = [(s.a, s.da) for space in t.model.workspaces.values() for s in space]
    exact = size_of([
        t.model.theta, t.model.grad, t.start[2], t.chain.state(), [vars(f).get("out", []) for f in
        t.chain.transforms], d.x_train, t.batches.X, t.batches.Y, arrays,
        list(t.batches._buffers.values()),
    ])  # fmt: skip
    assert 1 / 2 < effort.training_bytes(t) / exact < 4
    assert effort.of_training(t, 1000).bytes - effort.of_training(t, 0).bytes == 72_000


def test_a_network_takes_the_bytes_of_weights_and_gradients():
    for dtype in (torch.float32, torch.float64):
        model = MLP([64, 500, 10], dtype=dtype)
        exact = model.theta.nbytes + model.grad.nbytes
        assert effort.of_network(model.shapes, "he", dtype).bytes == exact
    slow = effort.of_network([(3000, 3000)], "orthogonal", torch.float32)
    assert slow.seconds > 3 * effort.of_network([(3000, 3000)], "he", torch.float32).seconds
    assert slow.bytes == 2 * 4 * 3000**2 + 3 * 8 * 3000**2


def test_time_grows_with_steps_runs_and_size():
    one = effort.of_training(make(), 100)
    assert effort.of_training(make(), 1000).seconds == pytest.approx(10 * one.seconds)
    assert effort.of_training(make(), 100, runs=7).seconds == pytest.approx(7 * one.seconds)
    assert effort.of_training(make((64, 3000, 10)), 100).seconds > 5 * one.seconds
    adopted = Trainer(adopt(torch.nn.Linear(64, 10)), load_data("digits"), chain(Descend(0.1)))
    assert effort.of_training(adopted, 1).seconds > 0


def test_a_long_run_is_estimated_from_timed_steps(monkeypatch):
    recipe = make().recipe()
    clock = iter([0.0, 9.0, 10.0, 10.2, 20.0, 20.3, 30.0, 30.4])  # the first step is left out
    monkeypatch.setattr(effort.time, "perf_counter", lambda: next(clock))
    work, used = effort_of(recipe, 10**6)
    assert work.seconds == pytest.approx(0.3 * 10**6) and used is None
    work, fresh = effort_of(recipe, 100)
    assert (
        work.seconds < 1 and fresh.step_count == 0
    )  # short: no step was timed, the clock has run out


# ---- what is done about it ----------------------------------------------------------------


def test_small_work_says_nothing_large_work_one_line_larger_work_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(effort, "memory_limit", lambda: 4e9)
    begin(Effort("3 steps", 9, 1e9, "take fewer"))
    assert capsys.readouterr().err == ""
    for seconds, size in [(190, 1e6), (1, 3e9), (3599, 4e9)]:
        begin(Effort("3 steps", seconds, size, "take fewer"))
        assert capsys.readouterr().err.count("\n") == 1
    begin(Effort("3 steps", 190, 1.2e8, "take fewer"))
    assert capsys.readouterr() == ("", "3 steps: about 3.2 minutes, 120 MB\n")
    for seconds, size in [(3601, 1), (1, 4.1e9), (1e30, 1e30)]:
        work = Effort("3 steps", seconds, size, "take fewer")
        with pytest.raises(CourseError, match="3 steps: .*up to 1 hour and 4 GB; take fewer.*any"):
            begin(work)
        assert capsys.readouterr().err == ""
        begin(work, anyway=True)
        assert capsys.readouterr().err.startswith("3 steps: about ")


def test_the_limit_of_memory_is_half_of_what_is_there():
    assert 1e8 < effort.memory_limit() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    "number, text",
    [(0, "0 FLOP"), (999, "999 FLOP"), (4.2e6, "4.2 MFLOP"), (1.5e20, "150 EFLOP"),
     (3e22, "30,000 EFLOP"), (12_345, "12 kFLOP"), (8e12, "8 TFLOP")],
)  # fmt: skip
def test_a_number_in_words(number, text):
    assert in_units(number, "FLOP") == text


def test_times_and_bytes_in_words():
    seconds = [0.2, 12, 59, 60, 190, 3600, 7200, 86_400, 4e8]
    assert [in_time(s) for s in seconds] == [
        "a second", "12 seconds", "59 seconds", "1 minute", "3.2 minutes", "1 hour", "2 hours",
        "1 day", "13 years"]  # fmt: skip
    assert in_bytes(1.2e8) == "120 MB"


def test_a_network_beyond_the_memory_is_refused_before_it_is_made(monkeypatch):
    for sizes, words in [([10**6, 10**6], "8 TB"), ([10**5] * 5, "320 GB")]:
        with pytest.raises(CourseError, match=f"weights: .*{words}.*narrower"):
            MLP(sizes)
    monkeypatch.setattr(effort, "memory_limit", lambda: 1e4)
    with pytest.raises(CourseError, match="10 kB; make the layers narrower, or .*anyway"):
        MLP([64, 32, 10])
    assert len(MLP([64, 32, 10], anyway=True).theta) == 2410


def test_a_recipe_says_what_it_takes_and_is_refused_or_runs_anyway(monkeypatch, capsys):
    recipe = make().recipe().describe() | {"steps": 10**9}
    with pytest.raises(CourseError, match="1,000,000,000 steps of .*: about .*anyway"):
        run_recipe(recipe)
    assert capsys.readouterr().err == ""
    recipe["steps"] = 20
    monkeypatch.setattr(effort, "LONGEST", 1e-4)
    with pytest.raises(CourseError, match="20 steps of"):
        run_recipe(recipe)
    monkeypatch.setattr(effort, "ANNOUNCED", (0, 0))
    assert run_recipe(recipe, anyway=True).step_count == 20
    lines = capsys.readouterr().err.splitlines()
    assert "20 steps of 463 kFLOP: about a second, " in lines[-1]
    monkeypatch.setattr(effort, "memory_limit", lambda: 1e4)
    with pytest.raises(CourseError, match="network"):
        build_recipe(load_recipe(recipe))
    assert len(build_recipe(load_recipe(recipe), anyway=True).model.theta) == 2410


def test_a_duel_is_refused_whole_or_asked_for(monkeypatch):
    recipe = make().recipe().describe() | {"steps": 2}
    monkeypatch.setattr(effort, "LONGEST", 1e-3)
    with pytest.raises(CourseError, match="50 steps of"):  # 2 · (4 · 1 + 8 + 8 + 5)
        duel(recipe, 1)
    assert len(duel(recipe, 1, anyway=True).losses) == 4


def test_a_hessian_that_does_not_fit_is_refused_or_asked_for(monkeypatch):
    trainer, small = make(), adopt(torch.nn.Linear(64, 10))
    theirs = Trainer(small, load_data("digits"), chain(Descend(0.1)))
    monkeypatch.setattr(effort, "memory_limit", lambda: 1e6)
    for curvature, P in ((trainer.curvature(), "2,410"), (theirs.curvature(), "650")):
        with pytest.raises(CourseError, match=f"{P} x {P} numbers: .*hvp"):
            curvature.hessian()
        assert len(curvature.hessian(anyway=True)) == int(P.replace(",", ""))


def test_course_run_asks_and_anyway_goes_on(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(make().recipe().describe() | {"steps": 3}))
    monkeypatch.setattr(effort, "LONGEST", 1e-4)
    assert main(["run", str(path)]) == 2
    assert "3 steps of 463 kFLOP" in capsys.readouterr().err
    assert main(["run", str(path), "--anyway"]) == 0
    assert "3 steps, test loss" in capsys.readouterr().out
