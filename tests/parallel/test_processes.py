"""Ranks as processes: the strategies on torch.distributed, started as a learner starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course import CourseError
from course.parallel import processes
from course.parallel.processes import join

HERE = Path(__file__).parent


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_every_strategy_equals_one_process_on_torch_distributed(world, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={world}", str(HERE / "on_processes.py"), str(tmp_path)]
    paths = [str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    total = [i * world * (world + 1) / 2 for i in range(7)]
    for rank in range(world):
        result = json.loads((tmp_path / f"{rank}.json").read_text())
        assert all(gap < 1e-12 for gap in result["gaps"].values()), result["gaps"]
        assert len(result["gaps"]) >= 10
        assert result["sums"] == [total] * 4


def test_a_process_that_nobody_started_is_told_how(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(CourseError, match="no RANK, WORLD_SIZE, .*start the processes by torchrun"),
        join(),
    ):
        pass


def test_an_address_that_no_machine_has_is_told_at_once(monkeypatch):
    given = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "no.such.name.invalid",
             "MASTER_PORT": "29500"}  # fmt: skip
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(processes.dist, "rendezvous", lambda *_, **__: pytest.fail("it waits"))
    with pytest.raises(CourseError, match=r"MASTER_ADDR = 'no.such.name.invalid' is the"), join():
        pass


@pytest.mark.skipif(__import__("torch").cuda.is_available(), reason="there is a CUDA device here")
def test_nccl_without_a_gpu_is_refused(monkeypatch):
    given = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(CourseError, match="needs nccl and a GPU"), join("cuda"):
        pass
