"""The command as torchrun starts it: real processes, one of them killed, others told otherwise."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from runs import alone, command, gap, outcome, recipe_of

HERE = Path(__file__).parent
ROUNDING = 1e-12
LAUNCHER = (sys.executable, "-m", "torch.distributed.run", "--nnodes=1", "--local-addr=127.0.0.1",
            "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0")  # fmt: skip


def torchrun(*words, ranks=2, fault=None, code=0, **environment) -> str:
    """Run the command on so many processes; return what they printed."""
    what = ["-m", "course.parallel"] if fault is None else [str(HERE / "on_faulty_ranks.py")]
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment |= {
        "PYTHONPATH": os.pathsep.join(paths),
        "FAULT": fault or "",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [*LAUNCHER, f"--nproc-per-node={ranks}", *map(str, environment.pop("launcher", "").split()),
         *what, "run", *map(str, words)],
        capture_output=True, text=True, timeout=200, env=os.environ | environment,
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert (done.returncode == 0) == (code == 0), printed[-3000:]
    assert code == 0 or "course/parallel/__main__.py" not in printed, (
        printed
    )  # no traceback of ours
    return printed


def test_two_processes_make_the_run_of_one_and_others_go_on_from_their_shards(recipe, tmp_path):
    words = (recipe, "--strategy", "zero3", "--out")
    printed = torchrun(*words, tmp_path / "whole")
    assert "24 steps on 2 ranks, test loss" in printed
    one = alone(recipe)
    assert gap(outcome(tmp_path / "whole"), one) < ROUNDING
    torchrun(*words, tmp_path / "cut", "--steps", 12, "--checkpoint-every", 6)
    shards = {path.name for path in (tmp_path / "cut/checkpoints/step-12").glob("*.distcp")}
    assert shards == {"__0_0.distcp", "__1_0.distcp"}
    for ranks in (1, 3):  # in one process
        copy = tmp_path / str(ranks)
        subprocess.run(["cp", "-r", tmp_path / "cut", copy], check=True)
        assert command(recipe, "--ranks", ranks, "--out", copy, "--resume") == 0
        assert gap(outcome(copy), one) < ROUNDING
    torchrun(*words, tmp_path / "cut", "--resume")
    assert gap(outcome(tmp_path / "cut"), outcome(tmp_path / "whole")) == 0  # the same bits


@pytest.mark.parametrize(("strategy", "options"), [
    ("data", ()), ("zero3", ()), ("pipeline", ("--micro-batches", 6, "--schedule", "gpipe"))
])  # fmt: skip
def test_the_same_recipe_goes_on_on_pytorchs_own_engine(strategy, options, tmp_path):
    recipe = recipe_of(dropout=None)
    recipe.save(tmp_path / "run.json")
    words = (tmp_path / "run.json", "--strategy", strategy, *options, "--engine", "torch")
    printed = torchrun(*words, "--out", tmp_path / "whole")
    assert f"{strategy} by PyTorch, ranks: 2, steps: 24" in printed
    assert gap(outcome(tmp_path / "whole"), alone(recipe)) < ROUNDING


def test_what_pytorchs_engine_cannot_run_is_refused_on_all_ranks(recipe, tmp_path):
    words = (recipe, "--engine", "torch", "--out", tmp_path, "--strategy")
    assert "dropout" in torchrun(*words, "data", code=1)
    assert "local_sgd" in torchrun(*words, "local_sgd", "--local-steps", 2, code=1)


def test_a_killed_rank_is_started_again_and_the_run_has_the_same_bits(recipe, tmp_path):
    words = (recipe, "--strategy", "tensor", "--resume", "--checkpoint-every", 6, "--out")
    torchrun(*words, tmp_path / "whole")
    killed = torchrun(*words, tmp_path / "killed", fault="kill", launcher="--max-restarts=1")
    assert "goes on from step 12, saved by 2 ranks" in killed
    assert gap(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == 0


def test_a_killed_rank_without_restart_ends_the_others_and_other_ranks_go_on(recipe, tmp_path):
    words = (recipe, "--strategy", "data", "--out", tmp_path)
    printed = torchrun(*words, "--checkpoint-every", 6, fault="kill", code=1)
    assert "SIGKILL" in printed and not (tmp_path / "result.json").exists()
    torchrun(*words, "--resume", ranks=3)
    assert gap(outcome(tmp_path), alone(recipe)) < ROUNDING


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("torch", "ranks have different versions of torch"),
        ("recipe", "ranks were given different recipes: that of rank 1 is not that of rank 0"),
        ("steps", "ranks were given different options"),
    ],
)
def test_ranks_that_differ_are_told_before_the_first_step(recipe, tmp_path, fault, said):
    recipe_of(seed=4).save(tmp_path / "other.json")
    other = str(tmp_path / "other.json")
    printed = torchrun(recipe, "--out", tmp_path, fault=fault, code=2, OTHER_RECIPE=other)
    assert said in printed and "step 3 of" not in printed


def test_what_one_rank_cannot_read_is_told_by_one_for_all(recipe, tmp_path):
    gone = str(tmp_path / "gone.json")
    printed = torchrun(recipe, "--out", tmp_path, fault="recipe", code=2, OTHER_RECIPE=gone)
    said = [line for line in printed.splitlines() if line.startswith("course.parallel: ")]
    assert len(said) == 1 and "gone.json" in said[0] and "(on rank 1 of 2)" in said[0]


def test_a_port_in_use_is_told_in_one_sentence(recipe, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment = {
            "RANK": "0",
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-m", "course.parallel", "run", str(recipe), "--out", str(tmp_path)],
            capture_output=True, text=True, timeout=100,
            env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
    assert done.returncode == 2
    assert f"cannot meet the other ranks at 127.0.0.1:{port}" in done.stderr
    assert "address already in use" in done.stderr and "take a free MASTER_PORT" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_ranks_whose_collectives_differ_are_told_in_the_same_words_on_each():
    done = subprocess.run(
        [*LAUNCHER, "--nproc-per-node=2", str(HERE / "on_unlike_ranks.py")],
        capture_output=True, text=True, timeout=100,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    for name, words in {
        "dtype": "rank 1 calls all_reduce of [3] float64, rank 0 all_reduce of [3] float32, as",
        "shape": "rank 1 calls reduce_scatter of [5, 2] float32, rank 0 reduce_scatter of [4, 2]",
        "rows": "rank 1 calls all_gather of [4, 2] float32, rank 0 all_gather of [4, 1] float32",
        "root": "rank 1 calls broadcast of [3] float32 from 1, rank 0 broadcast of [3]",
        "kind": "rank 1 calls broadcast of [3] float32 from 0, rank 0 all_reduce of [3] float32",
    }.items():
        assert said[f"{name} on 0"] == said[f"{name} on 1"]
        assert said[f"{name} on 0"].startswith(words)
