"""One step on many ranks: `python tests/benchmarks/bench_parallel.py`. Two cores, two processes.

Data parallel against PyTorch's own DDP in the same two processes; two processes against one; ranks
in turn against what they compute. All times are of forward, backward and the sum over the ranks.
"""

import json
import os
import subprocess
import sys
import time

from report import against, interleaved, microseconds, publish, ratio, with_spread

os.environ["OMP_NUM_THREADS"] = "1"
import torch  # noqa: E402
from torch import nn  # noqa: E402

from course import MLP  # noqa: E402
from course.parallel import DataParallel, InTurn  # noqa: E402
from course.parallel.processes import join  # noqa: E402

AGAINST_DDP = [([64, 64, 10], 32, 0.9), ([784, 128, 10], 1024, 1.15)]  # sizes, batch, target
LARGE, LARGE_BATCH, SPEEDUP = [784, 512, 512, 10], 4096, 1.6
IN_TURN = 3.0
ROUNDS, CALLS = 25, {32: 60, 1024: 6, 4096: 1}  # the same on each rank, so that no one waits


def batch_of(sizes, rows):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, sizes[0], generator=generator)
    return x, torch.randint(0, sizes[-1], (rows,), generator=generator)


def step_of(model, sizes, rows):
    """Return our step on a whole batch, of a network or of a strategy."""
    X, Y = model.encode(*batch_of(sizes, rows))

    def step():
        with model.grad_mode():
            model.loss_and_grad(X, Y)

    return step


def ddp_step(sizes, rows, rank, world_size):
    layers = []
    for i, o in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(i, o), nn.ReLU()]
    net = nn.parallel.DistributedDataParallel(nn.Sequential(*layers[:-1]))
    x, y = (part.tensor_split(world_size)[rank].clone() for part in batch_of(sizes, rows))

    def step():
        net.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()

    return step


def in_step(candidates, calls):
    """Seconds a call of each, one number a round; every rank makes the same number of calls."""
    times = {name: [] for name in candidates}
    for round_ in range(ROUNDS + 2):
        for name, call in candidates.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            if round_ >= 2:
                times[name].append((time.perf_counter() - start) / calls)
    return times


def on_two_processes():
    torch.set_num_threads(1)
    found = []
    with join() as comm:
        for sizes, rows, _ in AGAINST_DDP:
            ours = step_of(DataParallel(comm, MLP(sizes)), sizes, rows)
            theirs = ddp_step(sizes, rows, comm.rank, comm.world_size)
            found.append(in_step({"ours": ours, "ddp": theirs}, CALLS[rows]))
        two = step_of(DataParallel(comm, MLP(LARGE)), LARGE, LARGE_BATCH)
        one = step_of(MLP(LARGE), LARGE, LARGE_BATCH)

        def alone():  # the other core has nothing to do
            comm.barrier()
            if comm.rank == 0:
                one()
            comm.barrier()

        found.append(in_step({"two": two, "one": alone}, CALLS[LARGE_BATCH]))
        if comm.rank == 0:
            print("RESULT", json.dumps(found))


def ranks_in_turn():
    """Four ranks of data parallel in one process ÷ four steps on a quarter of the rows."""
    torch.set_num_threads(1)
    sizes, rows, steps = [64, 64, 10], 128, 300  # so many that building the networks is little
    quarter = step_of(MLP(sizes), sizes, rows // 4)

    def four_steps():
        for _ in range(4 * steps):
            quarter()

    def program(comm):
        step = step_of(DataParallel(comm, MLP(sizes)), sizes, rows)
        for _ in range(steps):
            step()

    return interleaved({"in turn": lambda: InTurn(4).run(program), "local": four_steps})


def main():
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*command, __file__, "two"], capture_output=True, text=True, timeout=1200)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    *pairs, large = json.loads(done.stdout.split("RESULT ")[1])
    rows = []

    def add(what, sizes, batch, first, second, target, at_most=True):
        held = against(ratio(first, second), target, at_most)
        rows.append([what, "-".join(map(str, sizes)), str(batch), microseconds(first),
                     microseconds(second), f"{with_spread(first, second)} {held}"])  # fmt: skip

    for (sizes, batch, target), times in zip(AGAINST_DDP, pairs, strict=True):
        add("data parallel ÷ DDP", sizes, batch, times["ours"], times["ddp"], target)
    add("1 process ÷ 2", LARGE, LARGE_BATCH, large["one"], large["two"], SPEEDUP, at_most=False)
    times = ranks_in_turn()
    what = "4 ranks in turn ÷ 4 steps of one, 300 times"
    add(what, [64, 64, 10], 128, times["in turn"], times["local"], IN_TURN)
    text = (
        "Medians of interleaved rounds, the half of them in the middle, the target. Forward,\n"
        "backward and the sum over the ranks: float32, gloo, one thread a process."
    )
    header = ["what", "network", "batch", "first µs", "second µs", "ratio"]
    publish("One step on many ranks", text, header, rows)


if __name__ == "__main__":
    on_two_processes() if sys.argv[1:] == ["two"] else main()
