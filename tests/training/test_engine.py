"""What a training run must hold to: batches, accumulation, stopping, memory, waiting, threads."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DistributedSampler

from course import (
    GELU,
    L2,
    MLP,
    Adam,
    AdamW,
    Augment,
    ClipByNorm,
    ClipByValue,
    Cosine,
    CourseError,
    Descend,
    Dropout,
    HeavyBall,
    LayerNorm,
    Linear,
    Momentum,
    Nesterov,
    Network,
    Noise,
    ReLU,
    Residual,
    RMSProp,
    Rotate,
    Shift,
    SignDescent,
    Trainer,
    adopt,
    chain,
    compare,
    load_data,
)
from course.data.batches import shard
from course.training.history import CHUNK


def make(device="cpu", model=None, steps=None, data="moons", dtype=torch.float32, **options):
    data = load_data(data, dtype=dtype) if isinstance(data, str) else data
    model = model or MLP([data.features, 16, data.outputs], dtype=dtype, device=device)
    steps = steps or chain(ClipByNorm(1.0), Momentum(0.9), Descend(0.3))
    return Trainer(model, data, steps, **options)


def train(trainer, steps=40, **options):
    for _ in trainer.run(steps, **options):
        pass
    return trainer


# ---- batches ------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 100))
def test_shards_are_disjoint_cover_all_and_match_torchs_sampler(n, world_size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    kept = [shard(order, k, world_size) for k in range(world_size)]
    assert sorted(torch.cat(kept).tolist()) == list(range(n))
    assert max(map(len, kept)) - min(map(len, kept)) <= 1
    for tail, drop in (("pad", False), ("drop", True)):
        if drop and n < world_size:
            continue  # torch's sampler then has a negative length
        for k in range(world_size):
            theirs = DistributedSampler(range(n), world_size, k, shuffle=False, drop_last=drop)
            ours = shard(torch.arange(n), k, world_size, tail)
            assert ours.tolist() == list(theirs), (tail, k)


@pytest.mark.parametrize("bad", [(4, 4, "keep"), (-1, 4, "keep"), (0, 0, "keep"), (0, 2, "cut")])
def test_bad_shards_are_refused(bad):
    with pytest.raises(CourseError, match="rank|world_size|tail"):
        shard(torch.arange(10), *bad)


def test_shard_gradients_weighted_by_their_rows_are_the_batch_gradient():
    model, data = MLP([64, 8, 10], dtype=torch.float64), load_data("digits", dtype=torch.float64)
    x, y = data.x_train[:50], data.y_train[:50]
    model.loss_and_grad(*model.encode(x, y))
    whole, total = model.grad.clone(), torch.zeros_like(model.grad)
    for k in range(4):
        rows = shard(torch.arange(50), k, 4)
        model.loss_and_grad(*model.encode(x[rows], y[rows]))
        total += len(rows) / 50 * model.grad
    assert compare(total, whole, rtol=1e-10, atol=1e-14)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.data())
def test_accumulated_parts_are_the_whole_batch(batch_size, data):
    parts = data.draw(st.integers(1, batch_size))
    runs = [
        train(make(dtype=torch.float64, batch_size=batch_size, accumulate=k), 10)
        for k in (1, parts)
    ]
    a, b = (run.history.numbers() for run in runs)
    assert compare(a, b, rtol=1e-9)
    assert compare(runs[0].model.theta, runs[1].model.theta, rtol=1e-9, atol=1e-12)


def test_accumulating_an_adopted_module_is_the_whole_batch_too():
    def run(parts):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        return train(make(model=adopt(net.double()), dtype=torch.float64, accumulate=parts), 10)

    assert compare(run(1).history.numbers(), run(5).history.numbers(), rtol=1e-9)


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("own_module", [False, True])
def test_ranks_that_average_in_the_gradient_hook_are_one_process(world_size, own_module):
    """Each rank has its share of the rows; the hook adds up what the ranks before it found."""
    data = load_data("moons", dtype=torch.float64).subset(60)

    def make(rows, size):
        part = replace(data, x_train=data.x_train[rows], y_train=data.y_train[rows])
        model = MLP([2, 8, 2], "tanh", dtype=torch.float64)
        model = adopt(model.to_module()) if own_module else model
        return Trainer(model, part, chain(ClipByNorm(0.1), HeavyBall(0.9), Descend(0.5)), size)

    whole = make(torch.arange(60), 60)
    ranks = [make(shard(torch.arange(60), k, world_size), 60 // world_size)
             for k in range(world_size)]  # fmt: skip
    for _ in range(5):
        whole.step()
        parts = [rank.model.loss_and_grad(*rank.batches.gather(rank.batches.order)).clone()
                 for rank in ranks]  # fmt: skip
        mean = torch.stack([rank.model.grad.clone() for rank in ranks]).mean(0)
        loss = torch.stack(parts).mean()

        def all_reduce(own, grad, loss=loss, mean=mean):
            grad.copy_(mean)
            return loss

        for rank in ranks:
            rank.gradient_hook = all_reduce
            rank.step()
    for rank in ranks:
        assert torch.allclose(rank.model.theta, whole.model.theta, rtol=0, atol=1e-12)
        assert np.allclose(rank.history.numbers(), whole.history.numbers(), rtol=0, atol=1e-12)


def test_more_parts_than_rows_are_refused():
    with pytest.raises(CourseError, match="accumulate = 9"):
        make(batch_size=8, accumulate=9)
    trainer = make(batch_size=8, accumulate=4)
    with pytest.raises(CourseError, match="cut into 4"):
        trainer.set("batch_size", 3)
    assert trainer.batch_size == 8


# ---- evaluation and stopping --------------------------------------------------------------


def test_the_cadence_of_evaluation():
    trainer = make(data=load_data("moons").with_validation())
    train(trainer, 25, evaluate_every=10)
    seen = [(step, split) for step, split, _, _ in trainer.history.evaluations]
    assert seen == [(s, split) for s in (10, 20) for split in ("train", "test", "validation")]
    loss, accuracy = trainer.evaluate("validation")
    assert 0 < accuracy <= 1 and loss > 0


def test_early_stopping_keeps_the_best_weights():
    data = load_data("moons").with_validation().subset(20)
    trainer = make(
        data=data, model=MLP([2, 64, 2]), steps=chain(Adam(), Descend(0.1)), batch_size=10
    )
    seen = []
    for _ in trainer.run(3000, evaluate_every=10, patience=3):
        if trainer.step_count % 10 == 0:
            seen.append(trainer.evaluate("validation")[0])
    assert trainer.step_count < 3000 and trainer.step_count % 10 == 0
    best = min(range(len(seen)), key=seen.__getitem__)
    assert len(seen) - 1 - best == 3  # three in a row without a lower one
    assert trainer.restore_best() == 10 * (best + 1)
    assert trainer.evaluate("validation")[0] == pytest.approx(seen[best])


@pytest.mark.parametrize(
    "options, words",
    [
        ({"patience": 2, "evaluate_every": 5}, "with_validation"),
        ({"patience": 0, "evaluate_every": 5}, "patience = 0"),
        ({"evaluate_every": -1}, "evaluate_every = -1"),
    ],
)
def test_bad_run_options_are_refused(options, words):
    trainer = make()
    with pytest.raises(CourseError, match=words):
        train(trainer, 5, **options)
    with pytest.raises(CourseError, match="no best weights"):
        trainer.restore_best()


def test_regression_has_a_loss_and_no_accuracy():
    trainer = make(
        data="sine",
        model=MLP([1, 32, 32, 1], "tanh", loss="mse"),
        steps=chain(Adam(), Descend(0.01)),
    )
    before = trainer.evaluate()[0]
    loss, accuracy = train(trainer, 2000).evaluate()
    assert loss < 0.7 * before and accuracy != accuracy


def test_one_output_is_a_yes_or_no():
    for outputs in (1, 2):  # two outputs: a yes-or-no for each class
        trainer = make(model=MLP([2, 16, outputs], loss="bce"))
        assert train(trainer, 200).evaluate()[1] > 0.85
    with pytest.raises(CourseError, match="wants 2 outputs"):
        make(model=MLP([2, 16, 1]))  # cross-entropy needs one for each class
    with pytest.raises(CourseError, match="wants 10 outputs"):
        make(model=MLP([64, 16, 1], loss="bce"), data="digits")


# ---- state --------------------------------------------------------------------------------


def rich(device="cpu", **options):
    data = load_data("digits").with_validation()
    layers = [
        Linear(24),
        LayerNorm(),
        GELU(),
        Residual(Linear(24), ReLU(), Dropout(0.3), Linear(24)),
        Linear(10),
    ]
    steps = chain(ClipByNorm(1.0), AdamW(), Descend(Cosine(0.02, steps=400, warmup=5)))
    augment = Augment(Shift(1), Rotate(10.0), Noise(0.1))
    model = Network(layers, 64, device=device)
    return Trainer(model, data, steps, batch_size=20, augment=augment, accumulate=2, **options)


def test_dropout_noise_and_schedules_go_on_to_the_bit_after_saving(tmp_path):
    whole = train(rich(), 60)
    first = train(rich(), 30)
    first.save(tmp_path / "run.pt")
    second = train(rich(), 7)
    second.load(tmp_path / "run.pt")
    train(second, 30)
    assert torch.equal(whole.model.theta, second.model.theta)
    assert (whole.history.numbers() == second.history.numbers()).all()


def test_it_learns_with_everything_switched_on(device):
    trainer = train(rich(device), 300)
    assert trainer.evaluate()[1] > 0.8
    assert trainer.check_finite() is None


def test_moving_a_run_keeps_all_its_state(device):
    stayed, moved = (train(rich(), 10) for _ in range(2))
    moved.to(device)
    for trainer in (stayed, moved):
        trainer.batches.augment = None
        trainer.set("dropout", 0.0)  # each device draws its own numbers
        train(trainer, 10)
    assert compare(moved.history.numbers(), stayed.history.numbers(), rtol=2e-2)
    assert moved.step_count == 20 and len(moved.history.loss) == 20


def test_numbers_may_be_read_by_another_thread_at_full_speed():
    trainer, lengths, stop = make(batch_size=4), [], threading.Event()

    def read():
        while not stop.wait(1e-4):
            numbers = trainer.history.numbers()
            assert (numbers[:, 1] > 0).all()
            lengths.append(len(numbers))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        train(trainer, 3 * CHUNK)
    finally:
        stop.set()
        reader.join(10)
    assert lengths == sorted(lengths) and len(lengths) > 10
    assert len(trainer.history.loss) == 3 * CHUNK
    assert (
        trainer.history.numbers() == train(make(batch_size=4), 3 * CHUNK).history.numbers()
    ).all()


# ---- memory and waiting -------------------------------------------------------------------

CHAINS = [
    lambda: chain(ClipByNorm(1.0), Momentum(0.9), Descend(0.01)),
    lambda: chain(ClipByValue(0.1), Nesterov(0.9), Descend(0.01)),
    lambda: chain(L2(1e-4), HeavyBall(0.9), SignDescent(), Descend(Cosine(0.01, steps=50))),
    lambda: chain(ClipByNorm(1.0), AdamW(), Descend(0.01)),
    lambda: chain(RMSProp(), Descend(0.01)),
]


def profiled(trainer, steps=20):
    """(largest allocation in bytes, names of the operations) of some steps after a warm-up."""
    train(trainer, 30)  # the second epoch has begun: all buffers are there
    trainer.batches.position = 0
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        for _ in range(steps):
            trainer.step()
    events = seen.profiler.kineto_results.events()
    sizes = [e.nbytes() for e in events if e.name() == "[memory]"]
    assert sizes, "the profiler saw no memory events: this check would be blind"
    return max(sizes), {e.name() for e in events}


@pytest.mark.parametrize("steps", CHAINS)
@pytest.mark.parametrize("kind", ["mlp", "rich"])
def test_no_step_allocates_or_waits(steps, kind):
    model = MLP([64, 32, 10], dropout=0.2)
    if kind == "rich":
        model = Network(
            [Linear(16), LayerNorm(), GELU(), Residual(Linear(16), ReLU()), Linear(10)], 64
        )
    largest, names = profiled(make(model=model, data="digits", steps=steps(), batch_size=32))
    assert largest <= 64
    assert not names & {"aten::item", "aten::_local_scalar_dense", "aten::nonzero"}


def test_the_profiler_would_notice():
    class Wasteful(Descend):
        def __call__(self, g, context):
            float(g.sum())
            return super().__call__(g * 1, context)

    largest, names = profiled(make(steps=chain(Wasteful(0.1))))
    assert largest > 64 and "aten::item" in names


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_no_step_waits_for_the_gpu():
    trainer = train(rich("cuda"), 30)
    torch.cuda.set_sync_debug_mode("error")
    try:
        train(trainer, 200)
    finally:
        torch.cuda.set_sync_debug_mode("default")
