"""`adopt` under DistributedDataParallel in every bucket mode, on 1 and 2 processes.

Referees: one process with all rows; and torch.optim under the same DistributedDataParallel.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from ddp_worker import MODES, OWN_LOOPS, STEPS, Net, flat, rows, shard

from course import compare

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo here"
)
WORKER = Path(__file__).with_name("ddp_worker.py")


@pytest.fixture(scope="module", params=[1, 2])
def ranks(request, tmp_path_factory):
    """What each process found."""
    folder, world = tmp_path_factory.mktemp("ddp"), request.param
    outs = [folder / f"{rank}.pt" for rank in range(world)]
    started = [
        subprocess.Popen(
            [sys.executable, WORKER, str(rank), str(world), str(folder / "meet"), str(out)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank, out in enumerate(outs)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=400)[0] for process in started]
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert all(process.returncode == 0 for process in started), "\n".join(said)
    return [torch.load(out, weights_only=True) for out in outs]


def alone(world, branches=False):
    """One process with all rows: (steps, P) gradients and the weights at the end."""
    net, gradients = Net(branches), []
    sgd = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    for step in range(STEPS):
        sgd.zero_grad(set_to_none=False)
        parts = [rows(step, 0, 1)] if world == 1 else [shard(step, rank) for rank in (0, 1)]
        loss = sum(F.cross_entropy(net(x), y) for x, y in parts) / len(parts)
        loss.backward()
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]
        gradients.append(torch.cat([g.reshape(-1) for g in grads]))
        sgd.step()
    return torch.stack(gradients), flat(net)


def agree(found, expected):
    return all(compare(a, b, rtol=1e-8, atol=1e-12) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("i", range(len(MODES)))
def test_every_bucket_mode_gives_the_mean_gradient_on_every_process(ranks, i):
    print(MODES[i])  # pytest shows it where the test fails
    expected = alone(len(ranks), "find_unused_parameters" in MODES[i])
    for adopted, torchs in (rank[i] for rank in ranks):
        assert agree(torchs, expected)
        assert agree(adopted, expected)
    weights = [rank[i][0][1] for rank in ranks]
    assert all(torch.equal(w, weights[0]) for w in weights)


@pytest.mark.parametrize("view", [False, True])
@pytest.mark.parametrize("loop", OWN_LOOPS)
def test_loops_of_your_own_see_the_mean_gradient_too(ranks, loop, view):
    expected = alone(len(ranks))
    for rank in ranks:
        assert agree(rank["loops"][view][loop], expected)


def test_sharded_parameters_are_refused_by_name(ranks):
    for rank in ranks:
        said = rank["refusals"]
        for case in ("fully_shard", "optimizer", "late, to", "FSDP", "FSDP, original"):
            assert "is sharded" in said[case] and "DistributedDataParallel" in said[case], case
        assert "'layers.0.weight' is sharded" in said["fully_shard"]
        assert "'layers.0.weight' does not lie in theta" in said["late"]


def test_curvature_is_of_one_process_only(ranks):
    for rank in ranks:
        for case in ("hvp", "gauss_newton"):
            said = rank["refusals"][case]
            assert said == "nothing" if len(ranks) == 1 else "over 2 processes' rows" in said


def test_one_process_may_predict_alone(ranks):
    for rank in ranks:
        assert rank["looking"]["buffer.module.1.running_mean"]
