"""PyTorch's own tensor parallel and FSDP2 in one process: parts that add up, and one process."""

import _thread
import sys

import pytest
import torch
import torch.distributed as dist
from ranks import DATA

from course import (
    GELU,
    MLP,
    CourseError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Tanh,
    adopt,
)  # fmt: skip
from course.parallel import InTurn, Sharded, TensorParallel
from course.parallel.views import view_fully_sharded, view_tensor_parallel
from course.parallel.views.fully_sharded import train
from course.parallel.views.groups import alone, run_on_threads
from course.parallel.views.view import descent

ROUNDING = 1e-12
VIEWS = [view_tensor_parallel, view_fully_sharded]
X, Y = DATA.x_train[:34], DATA.y_train[:34]


def odd() -> Network:
    """Return a network whose widths no world size divides, with every kind of layer."""
    inner = Residual(LayerNorm(), Linear(23), Tanh(), Linear(33))
    layers = [Linear(33), GELU(), inner, Linear(19), ReLU(), Dropout(0), Linear(10)]
    return Network(layers, 64, dtype=torch.float64)


def even(loss="cross_entropy") -> MLP:
    return MLP([64, 16, 12, 8, 12], loss=loss, dtype=torch.float64)


def adam(parameters):
    return torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1)


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("view", VIEWS)
def test_steps_equal_one_process_with_odd_widths_and_unequal_rows(view, world_size):
    network = odd()
    before = network.theta.clone()
    seen = view(network, X, Y, world_size, steps=3, make_optimizer=adam)
    assert seen.gap < ROUNDING and len(seen.losses) == 3
    assert all(len(parts) == world_size for parts in seen.shards.values())
    assert torch.equal(network.theta, before)


@pytest.mark.parametrize("view", VIEWS)
def test_gradients_equal_the_hand_written_ones(view):
    network = odd()
    seen = view(network, X, Y, 2, make_optimizer=descent)
    loss = network.loss_and_grad(*network.encode(X, Y))
    torch.testing.assert_close(torch.tensor(seen.losses[0]).double(), loss.cpu(), rtol=1e-6, atol=0)
    start = network.named_views(network.theta)
    for name, gradient in network.named_views(network.grad).items():
        torch.testing.assert_close(seen.whole[name], start[name] - 0.1 * gradient)


def test_parts_of_tensor_parallel_are_columns_rows_and_copies():
    seen = view_tensor_parallel(even(), X, Y, 4, make_optimizer=adam)
    for name, dim in (("0.weight", 0), ("0.bias", 0), ("2.weight", 1), ("4.weight", 0)):
        assert torch.equal(torch.cat(seen.shards[name], dim), seen.whole[name])
    for part in seen.shards["2.bias"]:
        assert torch.equal(part, seen.whole["2.bias"])  # added once, kept by all
    assert seen.gradients["2.weight"][3].shape == (12, 4)
    assert seen.state["2.weight"]["exp_avg"][3].shape == (12, 4)


def test_parts_of_fully_sharded_are_rows_of_weights_gradients_and_state():
    seen = view_fully_sharded(odd(), X, Y, 4, steps=2, make_optimizer=adam)
    assert [len(part) for part in seen.shards["0.weight"]] == [9, 9, 9, 6]
    for name, parts in seen.shards.items():
        assert torch.equal(torch.cat(parts), seen.whole[name])
        for like in (seen.gradients[name], seen.state[name]["exp_avg_sq"]):
            assert [p.shape for p in like] == [p.shape for p in parts]
    assert sum(map(seen.numbers, range(4))) == len(odd().theta)


@pytest.mark.parametrize("view", VIEWS)
def test_mean_squared_error_runs_too(view):
    values = torch.randn(34, 12, dtype=torch.float64)
    assert view(even("mse"), X, values, 3, steps=2).gap < ROUNDING


@pytest.mark.parametrize("view", VIEWS)
def test_weights_that_a_switch_leaves_unused_stay(view):
    network = MLP([64, 12, 12, 10], norm=False, residual=True, dtype=torch.float64)
    seen = view(network, X, Y, 2, steps=2, make_optimizer=adam)
    assert seen.gap < ROUNDING


def calls_of_ours(make) -> list[tuple[str, int]]:
    """Return (kind, bytes sent) of a step of our own strategy on rank 0 of four."""
    ranks = InTurn(4)
    ranks.run(lambda comm: (s := make(comm)).loss_and_grad(*s.encode(X, Y)))
    return sorted((e.kind, e.size) for e in ranks.events
                  if e.rank == 0 and e.kind != "compute" and e.label != "loss")  # fmt: skip


@pytest.mark.parametrize(
    ("view", "make"),
    [(view_tensor_parallel, lambda comm: TensorParallel(comm, even())),
     (view_fully_sharded, lambda comm: Sharded(comm, even(), 3))],
)  # fmt: skip
def test_our_own_strategies_send_the_same(view, make):
    seen, ours = view(even(), X, Y, 4), calls_of_ours(make)
    assert {(t.kind, t.calls, t.sent) for t in seen.traffic} == {
        (kind, sum(k == kind for k, _ in ours), sum(size for k, size in ours if k == kind))
        for kind, _ in ours
    }


def test_the_plain_mean_of_unequal_shards_is_not_the_gradient_of_one_process():
    network = even()

    def plain(rank):
        rows = slice(0, 30) if rank == 0 else slice(30, 34)
        return train(network, X[rows].double(), Y[rows], 2, 1.0, 1, descent)["whole gradients"]

    network.loss_and_grad(*network.encode(X, Y))
    exact, found = network.named_views(network.grad), run_on_threads(2, plain)[0]
    assert max(float((found[name] - exact[name]).abs().max()) for name in exact) > 1e-3


def test_a_view_prints_as_a_table():
    lines = repr(view_tensor_parallel(even(), X, Y, 4, steps=2)).splitlines()
    assert lines[0] == "PyTorch's tensor parallel on 4 ranks, 2 steps"
    assert lines[1].split() == ["0.weight", "16×64", "=", *["4×64"] * 4]
    assert "  all_reduce: 3 calls, 9.79 kB" in lines
    wide = repr(view_fully_sharded(even(), X, Y, 12))
    assert "…" in wide and max(map(len, wide.splitlines())) < 110


# ---- what is left behind, and what is refused ----------------------------------------------------


def state_of_torch():
    return (dist.is_initialized(), sys.excepthook, torch._C._is_multithreading_enabled(),
            torch.is_grad_enabled(), torch.get_num_threads(), torch.get_rng_state().sum().item(),
            type(dist.distributed_c10d._world).__name__)  # fmt: skip


class Fault(Exception):
    pass


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_left_behind_by_an_exception_either(view):
    def fails(parameters):
        calls.append(parameters)
        if len(calls) > 1:  # the first call is a trial, before the ranks begin
            raise Fault
        return descent(parameters)

    before, found = state_of_torch(), []
    for _ in range(2):
        calls: list = []
        with pytest.raises(Fault):
            view(even(), X, Y, 3, make_optimizer=fails)
        assert state_of_torch() == before
        found.append(view(even(), X, Y, 3, steps=2).losses)
        assert state_of_torch() == before
    assert found[0] == found[1]


def test_a_rank_that_fails_is_named_and_the_others_end():
    def program(rank):
        if rank == 1:
            raise Fault
        return dist.barrier()

    with pytest.raises(Fault) as caught:
        run_on_threads(3, program)
    assert caught.value.__notes__ == ["on rank 1 of 3"]


def test_an_interrupt_ends_every_rank():
    before = state_of_torch()

    def program(rank):
        if rank == 1:
            _thread.interrupt_main()
        while True:
            dist.barrier()

    with pytest.raises(KeyboardInterrupt):
        run_on_threads(3, program)
    assert state_of_torch() == before


@pytest.mark.parametrize("view", VIEWS)
def test_what_cannot_run_is_refused_in_one_sentence(view):
    for arguments, words in (
        ((even(), X, Y, 0), "world_size = 0"),
        ((even(), X, Y, 65), r"world_size = 65 is out of range"),
        ((even(), X, Y, 2, 0), "steps = 0"),
        ((even(), X[:3], Y[:3], 4), "3 rows cannot be shared by 4 ranks"),
        ((even(), X[:, 1:], Y, 2), r"x is \(34, 63\) and y \(34,\)"),
        ((even(), X, Y[1:], 2), r"the network takes rows \(N, 64\) and N answers"),
        ((even(), X, torch.zeros(34, 12), 2), "cross_entropy got answers"),
        ((even(), X, Y.double(), 2), r"y is a tensor \(34,\) of torch.float64; allowed: class num"),
        ((even(), X, Y.int(), 2), r"y is a tensor \(34,\) of torch.int32"),
        ((even(), X, Y + 5, 2), "y holds class 1[2-4]; allowed: 0 to 11; number the classes from"),
        ((even(), X, Y - 1, 2), "y holds class -1"),
        ((even("mse"), X, torch.full((34, 12), torch.nan), 2), "y holds NaN"),
        ((even("mse"), X, torch.rand(34, 9), 2), r"y is a tensor \(34, 9\) .* values \(N, 12\)"),
        ((even(), X / 0, Y, 2), "x holds NaN or infinity"),
        ((even(), "rows", Y, 2), "x is 'rows'; allowed: a tensor, array or nested list"),
        ((even(), [[1, 2], [3]], Y, 2), r"x is \[\[1, 2\], \[3\]\]; allowed"),
        ((even(), X.to_sparse(), Y, 2), "x is a tensor .* torch.sparse_coo; allowed"),
        ((even(), X[:0], Y[:0], 1), r"N answers, N ≥ 1"),
        ((even(), X, torch.tensor(1), 2), r"and y \(\); the network takes"),
        ((even(), X, Y, True), "world_size = True is not a number"),
        ((MLP([64, 8, 10], dropout=0.5), X, Y, 2), r"take Dropout\(0\)"),
        ((adopt(torch.nn.Linear(64, 10)), X, Y, 2), "a view got Adopted; it takes a Network"),
    ):
        with pytest.raises(CourseError, match=words):
            view(*arguments)
        assert not dist.is_initialized()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("make_optimizer", "words"),
    [
        (None, "make_optimizer is of type NoneType; allowed: a function of parameters"),
        (lambda: None, "make_optimizer cannot be called .*takes 0 positional"),
        (lambda p: torch.optim.SGD(p, lr=-1), r"cannot be called \(Invalid learning rate: -1\)"),
        (
            lambda p: None,
            "an object of type NoneType; allowed: an optimiser of torch.optim",
        ),
        (torch.optim.LBFGS, "of type LBFGS; allowed: an optimiser .* whose step needs no closure"),
        (lambda p: descent([torch.nn.Parameter(X)]), "parameters that it was not given"),
        (torch.optim.Adafactor, "Adafactor cannot step on parts of weights .* as SGD or Adam"),
        (lambda p: torch.optim.SGD(p, lr=1e300), "numbers grew beyond any bound .* lower learning"),
    ],
)
def test_an_optimiser_that_cannot_step_on_parts_is_refused(view, make_optimizer, words):
    before = state_of_torch()
    with pytest.raises(CourseError, match=words) as caught:
        view(even(), X, Y, 2, steps=4, make_optimizer=make_optimizer)
    assert "\n" not in str(caught.value) and state_of_torch() == before


@pytest.mark.parametrize("view", VIEWS)
def test_whole_floats_are_whole_numbers(view):
    assert repr(view(even(), X, Y, 2.0, 2.0)) == repr(view(even(), X, Y, 2, 2))


def test_a_layer_narrower_than_the_world_is_refused_by_tensor_parallel():
    with pytest.raises(CourseError, match=r"Linear\(8\) cannot be cut for 9 ranks; take at most 8"):
        view_tensor_parallel(even(), X, Y, 9)


@pytest.mark.parametrize("view", VIEWS)
def test_a_process_group_that_is_there_already_is_refused_and_stays(view):
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        with pytest.raises(CourseError, match="process group of 1 ranks is initialised already"):
            view(even(), X, Y, 2)
        assert dist.get_world_size() == 1
    finally:
        dist.destroy_process_group()
    with alone(), pytest.raises(CourseError, match="another view runs in this process"):
        view(even(), X, Y, 2)
