"""PyTorch's own DDP, FSDP2, DTensor and pipelining make the runs of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from standard_recipes import SIZES, cases, run

from course.parallel import bytes_sent
from course.parallel.standard import train

HERE = Path(__file__).parent
ROUNDING = 1e-12
# A sum in another order differs by 6e-8 of its largest part, and 20 steps carry that on.
ROUNDING_32 = 1e-5


def save(name: str, folder: Path) -> None:
    """Write a recipe, and what came out of it in one process."""
    kind, sizes = name.split(", ")
    recipe, trainer = run(kind, SIZES[sizes])
    recipe.save(folder / f"{name}.json")
    results = {split: torch.tensor(trainer.evaluate(split), dtype=torch.float64)
               for split in ("train", "test")}  # fmt: skip
    losses = torch.as_tensor(trainer.history.numbers()[:, 0])
    torch.save(results | {"losses": losses, "theta": trainer.model.theta}, folder / f"{name}.pt")


def on_processes(world: int, todo: list, folder: Path) -> list[dict]:
    """Run what is to do on so many processes; return what each found."""
    for name in {case[1] for case in todo}:
        save(name, folder)
    (folder / "todo.json").write_text(json.dumps(todo))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={world}", str(HERE / "on_standard_engine.py"), str(folder)]
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=560, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"rank {rank}.json").read_text()) for rank in range(world)]


@pytest.mark.full
@pytest.mark.parametrize("world", [2, 3])
def test_every_strategy_of_pytorch_equals_one_process(world, tmp_path):
    todo = cases(world)
    found = on_processes(world, todo, tmp_path)
    for rank in found:
        assert rank.keys() == {case[0] for case in todo}
        for name, result in rank.items():
            limit = ROUNDING_32 if "float32" in name else ROUNDING
            assert max(result["gaps"].values()) < limit, (name, result["gaps"])
            assert result["same"], name  # the same bits on each rank
    check_bytes(found, world)


def close(value):
    """Equal up to the rounding of a third of a byte."""
    return pytest.approx(value, rel=1e-12)


def check_bytes(found: list[dict], world: int) -> None:
    """Count the bytes of 20 steps of 'plain', 64-33-21-7-10 in float64, by the textbook."""
    sizes, rows = [64, 33, 21, 7, 10], 31
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    n = 8 * sum((m + 1) * k for m, k in pairs)
    loss = 20 * bytes_sent("all_reduce", 8, world)
    gradient = 20 * bytes_sent("all_reduce", n, world)
    padded = 20 * sum(bytes_sent("all_gather", 8 * (m + 1) * -(-k // world) * world, world)
                      for m, k in pairs)  # fmt: skip
    buckets = bytes_sent("broadcast", 4 * (2 * len(pairs) + 2), world)  # DDP's note, int32
    outputs = 20 * sum(bytes_sent("all_reduce", 8 * rows * k, world) for k in (21, 10))
    inputs = 20 * bytes_sent("all_reduce", 8 * rows * 21, world)  # of the second pair
    for rank, bytes_of in enumerate(
        {name.split(", ")[0]: r["bytes"] for name, r in one.items() if name.endswith("plain")}
        for one in found
    ):
        assert bytes_of["data"] == close({"all_reduce": gradient + loss, "broadcast": buckets})
        assert bytes_of["zero2"] == close({
            "all_gather": padded, "reduce_scatter": padded, "all_reduce": loss
        })  # fmt: skip
        assert bytes_of["zero3"]["all_gather"] == close(2 * padded)
        assert bytes_of["tensor"] == close({"all_reduce": outputs + inputs})
        if world == 2:  # two layers a stage: 21 activations up, their gradients down
            sends = 20 * 36 * 21 * 8 + 4
            assert bytes_of["1f1b"] == close({"send": sends, "all_reduce": loss}), rank


# ---- a world of one rank, in this process -------------------------------------------------------


@pytest.fixture
def world_of_one():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("strategy", "options"),
    [(name, {}) for name in ("data", "zero1", "zero2", "zero3", "tensor")]
    + [("pipeline", {"schedule": name, "micro_batches": 6}) for name in ("gpipe", "1f1b")],
)
def test_one_rank_equals_one_process_and_sends_nothing(world_of_one, strategy, options):
    recipe, trainer = run("adam", SIZES["whole"], steps=9)
    result = train(recipe, strategy, **options)
    assert (result.theta - trainer.model.theta).abs().max() < ROUNDING
    assert result.losses == pytest.approx(trainer.history.numbers()[:, 0].tolist(), abs=ROUNDING)
    assert result.test == pytest.approx(trainer.evaluate("test"), abs=ROUNDING)
    assert not any(result.bytes_sent.values())


def test_no_step_gives_the_first_weights(world_of_one):
    recipe, trainer = run("momentum", SIZES["uneven"], steps=0)
    result = train(recipe, "data")
    assert torch.equal(result.theta, trainer.model.theta)
    assert result.losses == [] and result.test == trainer.evaluate("test")
