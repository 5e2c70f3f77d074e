"""The command over ranks in one process: equal to one process, and clear about what cannot be."""

import json

import pytest
import torch
from runs import STEPS, adam, alone, command, gap, outcome, recipe_of
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from course import Descend, adopt, chain, load_data
from course.parallel import RunResult
from course.parallel.__main__ import tell
from course.training.trainer import Trainer

ROUNDING = 1e-12


@pytest.fixture(scope="module")
def one(recipe):
    return alone(recipe)


@pytest.mark.parametrize(
    ("ranks", "words"),
    [
        (2, "--strategy data"),
        (3, "--strategy data --buckets 3"),
        (2, "--strategy zero1"),
        (3, "--strategy zero2"),
        (4, "--strategy zero3"),
        (2, "--strategy tensor"),
        (3, "--strategy tensor --sequence-parallel"),
        (2, "--strategy pipeline --micro-batches 4"),
        (2, "--strategy pipeline --micro-batches 4 --schedule interleaved --chunks 2"),
        (4, "--strategy data_tensor --tensor 2"),
        (4, "--strategy data_pipeline --pipeline 2 --micro-batches 3 --schedule zero_bubble"),
    ],
)
def test_every_strategy_makes_the_run_of_one_process(recipe, one, tmp_path, ranks, words):
    assert command(recipe, "--ranks", ranks, "--out", tmp_path, *words.split()) == 0
    assert gap(outcome(tmp_path), one) < ROUNDING
    result = RunResult.load(tmp_path)
    assert result.world_size == ranks and result.strategy == words.split()[1]
    assert sum(result.bytes_sent.values()) > 0
    assert len(result.seconds) == STEPS and min(result.seconds) > 0


def test_one_rank_gives_the_bits_of_one_process(recipe, one, tmp_path):
    assert command(recipe, "--ranks", 1, "--out", tmp_path) == 0
    assert gap(outcome(tmp_path), one) == 0


def test_data_parallel_sends_the_gradient_and_the_loss_once_a_step(recipe, one, tmp_path):
    command(recipe, "--ranks", 2, "--out", tmp_path)
    numbers = len(one["theta"]) + 1  # float64; 2(p - 1)/p of them on each of p = 2 ranks
    assert RunResult.load(tmp_path).bytes_sent == {"all_reduce": 2 * 8 * numbers * STEPS}


def test_local_sgd_with_one_local_step_of_plain_descent_is_data_parallel(tmp_path):
    recipe = recipe_of(lambda: chain(Descend(0.1)))
    recipe.save(tmp_path / "run.json")
    words = (tmp_path / "run.json", "--ranks", 3, "--strategy", "local_sgd", "--out", tmp_path)
    assert command(*words, "--local-steps", 1) == 0
    assert gap(outcome(tmp_path), alone(recipe)) < ROUNDING
    assert command(*words, "--local-steps", 4) == 0
    assert gap(outcome(tmp_path), alone(recipe)) > 1e-6  # another algorithm


def test_the_run_ends_where_it_is_told(recipe, one, tmp_path, capsys):
    assert command(recipe, "--ranks", 2, "--steps", 7, "--out", tmp_path) == 0
    assert outcome(tmp_path)["losses"] == pytest.approx(one["losses"][:7], abs=ROUNDING)
    assert "7 steps on 2 ranks, test loss" in capsys.readouterr().out


@pytest.mark.parametrize(("n", "ranks", "said"), [(1, 1, "1 step on 1 rank"),
                                                  (2, 3, "2 steps on 3 ranks")])  # fmt: skip
def test_what_came_out_is_counted_in_words(n, ranks, said, capsys):
    tell(RunResult(
        losses=[1.0] * n, train={"loss": 1.0, "accuracy": 0.5},
        test={"loss": None, "accuracy": 0.5}, bytes_sent={}, strategy="data", options={},
        engine="ours", device="cpu", world_size=ranks, versions={}, seconds=[], theta=torch.ones(1),
    ))  # fmt: skip
    lines = f"{said}, test loss nan, test accuracy 0.5\nbytes sent: none\n"
    assert capsys.readouterr().out == lines


def test_what_is_not_finite_is_null(tmp_path):
    recipe = recipe_of(lambda: chain(Descend(1e30)), steps=4)
    recipe.save(tmp_path / "run.json")
    assert command(tmp_path / "run.json", "--ranks", 2, "--out", tmp_path) == 0

    def refuse(word):
        raise AssertionError(word)

    result = json.loads((tmp_path / "result.json").read_text(), parse_constant=refuse)
    assert result["losses"][0] > 0 and None in result["losses"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--ranks 0", "world_size = 0 is out of range"),
        ("--ranks 2 --strategy dta", "strategy = 'dta' is unknown. Allowed: 'data'"),
        ("--ranks 2 --strategy data --chunks 2", "unexpected keyword argument 'chunks'"),
        ("--ranks 2 --strategy local_sgd", "missing a required argument: 'local_steps'"),
        ("--ranks 3 --strategy data_tensor --tensor 2", "3 ranks cannot be arranged in rows of 2"),
        ("--ranks 2 --strategy pipeline --micro-batches 5", "36 rows cannot be cut into 5 equal"),
        ("--ranks 5 --strategy pipeline --micro-batches 6", "cannot be cut into 5 stages"),
        ("--ranks 2 --strategy pipeline --micro-batches 4 --schedule x", "schedule = 'x'"),
        ("--ranks 2 --steps -1", "steps = -1 is out of range"),
        ("--ranks 2 --checkpoint-every -1", "checkpoint_every = -1 is out of range"),
        ("--ranks 2 --engine jax", "engine = 'jax' is unknown"),
        ("--ranks 2 --engine torch", "engine 'torch'"),
        ("--ranks 2 --device tpu", "device = 'tpu' is unknown"),
        ("--strategy data", "the environment has no RANK"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(recipe, tmp_path, monkeypatch, capsys, words, said):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert command(recipe, "--out", tmp_path, *words.split()) == 2
    told = capsys.readouterr()
    assert said in told.err and len(told.err.splitlines()) == 1 and not told.out
    assert not (tmp_path / "result.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_nccl_without_a_gpu_is_refused(recipe, tmp_path, capsys):
    assert command(recipe, "--out", tmp_path, "--ranks", 2, "--device", "cuda") == 2
    assert "device = 'cuda' needs a GPU, and this machine has none" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_refused(recipe, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert command(recipe, "--out", tmp_path / "file" / "out", "--ranks", 2) == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_what_only_its_own_code_can_build_is_refused(tmp_path, capsys):
    trainer = Trainer(adopt(torch.nn.Linear(64, 10)), load_data("digits"), chain(Descend(0.1)), 36)
    trainer.recipe().save(tmp_path / "run.json")
    assert command(tmp_path / "run.json", "--ranks", 2, "--out", tmp_path) == 2
    assert "only their own code can build" in capsys.readouterr().err
    assert command(tmp_path / "gone.json", "--ranks", 2, "--out", tmp_path) == 2
    assert "cannot be read as a recipe" in capsys.readouterr().err


def test_a_knob_that_the_ranks_cannot_turn_is_found_before_the_first_step(tmp_path, capsys):
    fields = recipe_of(adam).describe()
    fields["knobs"] = [[3, "lr", 0.1], [20, "batch_size", 35]]
    (tmp_path / "run.json").write_text(json.dumps(fields))
    words = ("--ranks", 2, "--strategy", "pipeline", "--micro-batches", 4, "--out", tmp_path)
    assert command(tmp_path / "run.json", *words) == 2
    told = capsys.readouterr()
    assert "35 rows cannot be cut into 4 equal micro-batches" in told.err and not told.out


def test_torchrun_ends_its_report_with_why_the_run_failed(tmp_path, monkeypatch, capsys):
    """torch itself reads the file that it asks each rank for, and words its report."""
    file = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))
    assert command(tmp_path / "gone.json", "--ranks", 2, "--out", tmp_path) == 2
    said = capsys.readouterr().err.removeprefix("course.parallel: ").strip()
    report = str(ChildFailedError("run", {0: ProcessFailure(0, 1, 2, str(file))}))
    assert said.endswith("has saved") and f"traceback : {said}\n" in report


def test_torchrun_and_ranks_in_one_process_exclude_each_other(
    recipe, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert command(recipe, "--ranks", 2, "--out", tmp_path) == 2
    assert "torchrun has started 2; leave one of the two out" in capsys.readouterr().err
