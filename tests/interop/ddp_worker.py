"""One process of `test_adopt_ddp.py`: `python ddp_worker.py RANK WORLD RENDEZVOUS OUT`.

Trains the same nets in every bucket mode, by `adopt` and by torch.optim, and saves what came out.
"""

import itertools
import os
import socket
import sys
import warnings
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

from course import CourseError, Descend, HeavyBall, adopt, as_optimizer, chain

STEPS = 8
MODES = [  # 1e-3 MB: many buckets
    {"gradient_as_bucket_view": view, kind: True, "bucket_cap_mb": cap}
    for view, kind, cap in itertools.product(
        (False, True), ("broadcast_buffers", "static_graph", "find_unused_parameters"), (25, 1e-3)
    )
]
OWN_LOOPS = ("as_optimizer(DDP)", "DDP(adopted.module)", "two parts of a batch")


class Net(nn.Module):
    """branches: one layer runs only for some batches, on some processes; another one never."""

    def __init__(self, branches=False):
        super().__init__()
        torch.manual_seed(7)
        sizes = 6, 40, 40, 40, 4
        self.layers = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))
        self.extra = nn.Linear(6, 4) if branches else None
        self.spare = nn.Linear(3, 3) if branches else None
        self.double()

    def forward(self, x):
        *hidden, last = self.layers
        h = x
        for layer in hidden:
            h = layer(h).tanh()
        z = last(h)
        return z + self.extra(x) if self.extra is not None and x[0, 0] > 0 else z


def shard(step, rank):
    """The rows of one process in one step; there are always 2 shards."""
    generator = torch.Generator().manual_seed(100 * step + rank)
    x = torch.randn(5, 6, generator=generator, dtype=torch.float64)
    return x, torch.randint(4, (5,), generator=generator)


def rows(step, rank, world):
    """With 2 processes each has its shard; a single one has both, one after the other."""
    parts = [shard(step, r) for r in ((0, 1) if world == 1 else (rank,))]
    return [torch.cat(t) for t in zip(*parts, strict=True)]


def flat(net):
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])


def by_adopt(ddp, batches):
    """(steps, P) gradients and the weights at the end."""
    model, gradients = adopt(ddp), []
    steps = chain(HeavyBall(0.9), Descend(0.1))
    steps.init(model.theta)
    grad = model.grad  # the one vector, filled anew by each call
    for x, y in batches:
        model.loss_and_grad(x, y)
        gradients.append(grad.clone())
        steps(grad, model.theta)
    return torch.stack(gradients), model.theta.clone()


def by_torch(ddp, batches, optimizer):
    gradients = []
    for x, y in batches:
        optimizer.zero_grad(set_to_none=False)  # torch leaves a None where it is, momentum and all
        F.cross_entropy(ddp(x), y).backward()
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in ddp.parameters()]
        gradients.append(torch.cat([g.detach().reshape(-1) for g in grads]))
        optimizer.step()
    return torch.stack(gradients), flat(ddp)


def own_loops(view, batches):
    ddp = DistributedDataParallel(Net(), gradient_as_bucket_view=view)
    optimizer = as_optimizer(chain(HeavyBall(0.9), Descend(0.1)), ddp.parameters())
    found = {"as_optimizer(DDP)": by_torch(ddp, batches, optimizer)}

    model, gradients = adopt(Net()), []  # adopted first, wrapped later: the loop runs the wrapper
    ddp = DistributedDataParallel(model.module, gradient_as_bucket_view=view)
    steps = chain(HeavyBall(0.9), Descend(0.1))
    steps.init(model.theta)
    for x, y in batches:
        ddp.zero_grad()
        F.cross_entropy(ddp(x), y).backward()
        gradients.append(model.grad.clone())
        steps(model.grad, model.theta)
    found["DDP(adopted.module)"] = torch.stack(gradients), model.theta.clone()

    model, gradients = adopt(DistributedDataParallel(Net(), gradient_as_bucket_view=view)), []
    steps.init(model.theta)
    for x, y in batches:
        total = torch.zeros_like(model.theta)
        for part in (slice(0, 2), slice(2, None)):
            model.loss_and_grad(x[part], y[part], len(x))
            total += model.grad
        gradients.append(total)
        steps(total, model.theta)
    found["two parts of a batch"] = torch.stack(gradients), model.theta.clone()
    return found


def refusals():
    """What is said about sharded parameters, and about curvature over processes."""

    def said(call):
        try:
            call()
        except CourseError as error:
            return str(error)
        return "nothing"

    net, late = fully_shard(Net()), adopt(Net())
    fully_shard(late.module)
    x, y = shard(0, 0)
    ddp = adopt(DistributedDataParallel(Net()))
    cpu = torch.device("cpu")
    old = [
        FullyShardedDataParallel(Net(), device_id=cpu, use_orig_params=original)
        for original in (False, True)
    ]
    return {
        "fully_shard": said(lambda: adopt(net)),
        "optimizer": said(lambda: as_optimizer(chain(Descend(0.1)), net.parameters())),
        "late": said(lambda: late.loss_and_grad(x, y)),
        "late, to": said(lambda: late.to("cpu")),
        "FSDP": said(lambda: adopt(old[0])),
        "FSDP, original": said(lambda: adopt(old[1])),
        "hvp": said(lambda: ddp.hvp(ddp.theta, x, y)),
        "gauss_newton": said(lambda: ddp.gauss_newton(ddp.theta, x, y)),
    }


def looking(rank):
    """Process 0 predicts alone, in the middle of training: no other needs to take part."""
    net = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)).double()
    model = adopt(DistributedDataParallel(net))
    model.loss_and_grad(*shard(0, rank))
    before = model.state()
    if rank == 0:
        plain = net.eval()(shard(1, 0)[0]).detach()
        assert torch.equal(model.predict(shard(1, 0)[0]), plain)
    model.loss_and_grad(*shard(1, rank))
    dist.barrier()
    return {k: bool((t != before[k]).any()) for k, t in model.state().items()}


def main(rank, world, rendezvous, out):
    names = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    if names:
        os.environ["GLOO_SOCKET_IFNAME"] = names[0]
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world,
        timeout=timedelta(seconds=120),
    )  # fmt: skip
    batches, found = [rows(step, rank, world) for step in range(STEPS)], {}
    for i, mode in enumerate(MODES):
        branches = "find_unused_parameters" in mode
        wrapped = [DistributedDataParallel(Net(branches), **mode) for _ in range(2)]
        sgd = torch.optim.SGD(wrapped[1].parameters(), 0.1, momentum=0.9)
        found[i] = by_adopt(wrapped[0], batches), by_torch(wrapped[1], batches, sgd)
    found["loops"] = {view: own_loops(view, batches) for view in (False, True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FullyShardedDataParallel says that it is old
        found["refusals"] = refusals()
    found["looking"] = looking(rank)
    torch.save(found, out)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
