"""Knobs, saved states and settings of a run on ranks: as in one process, or refused at once."""

import pytest
import torch
from ranks import DATA, STRATEGIES, adam, gap, network, outcome, train

from course import MLP, CourseError, Descend, Trainer, chain
from course.parallel.data_parallel import DataParallel
from course.parallel.in_turn import InTurn
from course.parallel.local_sgd import LocalSGD
from course.parallel.pipeline import Pipeline
from course.parallel.replicas import Replicas
from course.parallel.sharded import Sharded
from course.parallel.strategy import grid
from course.parallel.tensor_parallel import TensorParallel

TURNS = [
    ("batch_size", 24), ("lr", 0.003), ("dropout", 0.0), ("label_noise", 0.3), ("augment", "shift"),
    ("optimiser", "momentum"), ("dropout", 0.4), ("residual", False), ("clip", "off"),
    ("norm", False), ("momentum", 0.5), ("batch_size", 36), ("residual", True), ("clip", "value"),
]  # fmt: skip


def turned(model) -> Trainer:
    trainer = Trainer(model, DATA, adam(), 36, seed=3)
    for knob, value in TURNS:
        trainer.step()
        trainer.set(knob, value)
    trainer.step()
    return trainer


@pytest.mark.parametrize("name", STRATEGIES)
def test_turning_knobs_in_mid_run_equals_one_process(name):
    def on_ranks(comm):
        trainer = turned(STRATEGIES[name](comm, network()))
        return outcome(trainer, trainer.model.whole)

    assert gap(InTurn(2).run(on_ranks)[0], outcome(turned(network()))) < 1e-11


@pytest.mark.parametrize("name", ["data", "zero 3", "tensor", "1f1b", "data × tensor"])
def test_a_saved_state_goes_on_to_the_bit_and_starts_no_rank_elsewhere(name, tmp_path):
    def whole_run(comm):
        return train(STRATEGIES[name](comm, network()), 36, 8).model.theta

    def first_half(comm):
        train(STRATEGIES[name](comm, network()), 36, 4).save(tmp_path / f"{comm.rank}.pt")

    def second_half(comm):
        trainer = Trainer(STRATEGIES[name](comm, network()), DATA, adam(), 36, seed=3)
        trainer.load(tmp_path / f"{comm.rank}.pt")
        for _ in range(4):
            trainer.step()
        return trainer.model.theta

    InTurn(2).run(first_half)
    pairs = zip(InTurn(2).run(whole_run), InTurn(2).run(second_half), strict=True)
    assert all(torch.equal(uncut, cut) for uncut, cut in pairs)


@pytest.mark.parametrize("name", ["zero 1", "zero 3", "tensor", "1f1b", "data × tensor"])
def test_the_state_of_another_rank_is_refused(name):
    """Parts may have one shape: a rank must not go on with the weights of another."""
    states = InTurn(4).run(lambda c: train(STRATEGIES[name](c, network()), 36, 2).state_dict())

    def on_ranks(comm):
        trainer = train(STRATEGIES[name](comm, network()), 36, 1)
        before = trainer.model.theta.clone()
        with pytest.raises(CourseError):
            trainer.load_state_dict(states[comm.rank ^ 1])
        assert torch.equal(trainer.model.theta, before)
        trainer.load_state_dict(states[comm.rank])

    InTurn(4).run(on_ranks)


def test_whose_state_it_is_is_said():
    def on_ranks(comm):
        trainer = train(Sharded(comm, MLP([64, 8, 10], dtype=torch.float64), 3), 36, 1)
        state = trainer.state_dict()
        state["run"]["model"]["part"] = torch.tensor([1 - comm.rank, 2])
        trainer.load_state_dict(state)

    with pytest.raises(CourseError, match="of rank 1 of 2, and this is rank 0 of 2; give each"):
        InTurn(2).run(on_ranks)


@pytest.mark.parametrize("cut", [1, 5, 6])
def test_local_sgd_keeps_its_place_between_two_averages(cut):
    def small(comm):
        return LocalSGD(comm, MLP([64, 7, 10], dtype=torch.float64), 4)

    def on_ranks(comm):
        uncut = train(small(comm), 35, 10)
        first = train(small(comm), 35, cut)
        second = Trainer(small(comm), DATA, adam(), 35, seed=3)
        second.load_state_dict(first.state_dict())
        for _ in range(10 - cut):
            second.step()
        return torch.equal(uncut.model.theta, second.model.theta)

    assert all(InTurn(3).run(on_ranks))


@pytest.mark.parametrize("name", ["data", "zero 3", "tensor", "1f1b"])
def test_batches_in_parts_equal_one_process(name):
    def parts(model):
        trainer = Trainer(model, DATA, adam(), 36, seed=3, accumulate=3)
        for _ in range(5):
            trainer.step()
        return trainer

    def on_ranks(comm):
        trainer = parts(STRATEGIES[name](comm, network()))
        return outcome(trainer, trainer.model.whole)

    assert gap(InTurn(2).run(on_ranks)[0], outcome(parts(network()))) < 1e-12


@pytest.mark.parametrize("name", ["data", "zero 2", "tensor", "1f1b", "data × tensor"])
def test_masks_go_on_where_a_network_that_was_used_before_has_come(name):
    used = network()
    used.generator.manual_seed(99)

    def on_ranks(comm):
        trainer = train(STRATEGIES[name](comm, used), 36, 3)
        return outcome(trainer, trainer.model.whole)

    found = InTurn(2).run(on_ranks)[0]
    assert gap(found, outcome(train(used, 36, 3))) < 1e-12


def replicas(comm, m):
    row, column = grid(comm, 2)
    return Replicas(column, Pipeline(row, network(), m))


@pytest.mark.parametrize(
    ("make", "batch_size", "accumulate", "words"),
    [
        (lambda c: Pipeline(c, network(), 5), 36, 1, "36 rows cannot be cut into 5 equal micro"),
        (lambda c: Pipeline(c, network(), 4), 36, 5, "8 rows|7 rows cannot be cut into 4 equal"),
        (lambda c: replicas(c, 3), 35, 1, "18 rows|17 rows cannot be cut into 3 equal micro"),
        (lambda c: LocalSGD(c, network(), 1), 3, 1, "3 rows cannot be shared by 4 ranks"),
        (lambda c: Pipeline(c, network(), 2.5), 36, 1, "micro_batches = 2.5 is not a whole"),
        (lambda c: DataParallel(c, network(), "2"), 36, 1, "buckets = '2'"),
        (lambda c: grid(c, 0), 36, 1, "columns = 0"),
        (lambda c: Replicas(c, DataParallel(c, network())), 36, 1, "takes TensorParallel or Pipe"),
    ],
)
def test_what_cannot_be_cut_is_refused_before_the_first_step(make, batch_size, accumulate, words):
    def on_ranks(comm):
        Trainer(make(comm), DATA, chain(Descend(0.1)), batch_size, accumulate=accumulate)

    with pytest.raises(CourseError, match=words):
        InTurn(4).run(on_ranks)


def test_a_batch_size_that_does_not_fit_is_refused_and_the_run_goes_on():
    def on_ranks(comm):
        trainer = train(Pipeline(comm, network(), 4), 36, 2)
        with pytest.raises(CourseError, match="30 rows cannot be cut into 4 equal micro-batches"):
            trainer.set("batch_size", 30)
        trainer.step()
        return trainer.batch_size

    assert InTurn(2).run(on_ranks) == [36, 36]


def test_whole_numbers_may_come_as_floats():
    def on_ranks(comm):
        train(DataParallel(comm, network(), 2.0), 36, 1)
        train(Pipeline(comm, network(), 4.0, "interleaved", 2.0), 36, 1)

    InTurn(2).run(on_ranks)


def test_local_sgd_takes_a_batch_at_once():
    def on_ranks(comm):
        Trainer(LocalSGD(comm, network(), 2), DATA, adam(), 36, accumulate=2).step()

    with pytest.raises(CourseError, match="cannot work a batch off in parts.*accumulate = 1"):
        InTurn(2).run(on_ranks)


@pytest.mark.parametrize("make", [DataParallel, TensorParallel, lambda c, n: Sharded(c, n, 3)])
def test_a_rank_does_not_move_alone(make):
    def on_ranks(comm):
        train(make(comm, network()), 36, 1).set("device", "cpu")

    with pytest.raises(CourseError, match="cannot move to 'cpu' during a run"):
        InTurn(2).run(on_ranks)
