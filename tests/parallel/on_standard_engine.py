"""What each process of `test_standard_engine` does: run recipes on PyTorch's engine."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from course.parallel.processes import join
from course.parallel.standard import train


def gaps(result, alone: dict) -> dict:
    """Return the largest difference of each number to those of one process."""
    pairs = {name: (torch.tensor(getattr(result, name), dtype=torch.float64), alone[name])
             for name in ("losses", "train", "test")}  # fmt: skip
    pairs["theta"] = result.theta, alone["theta"]
    return {name: float((a - b).abs().max()) for name, (a, b) in pairs.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    todo = json.loads((folder / "todo.json").read_text())
    found = {}
    with join() as comm:
        for name, recipe, strategy, options in todo:
            result = train(folder / f"{recipe}.json", strategy, **options)
            alone = torch.load(folder / f"{recipe}.pt")
            copy = result.theta.clone()
            dist.broadcast(copy, 0)
            same = torch.equal(copy, result.theta)
            found[name] = {"gaps": gaps(result, alone), "bytes": result.bytes_sent, "same": same}
    (folder / f"rank {comm.rank}.json").write_text(json.dumps(found))
