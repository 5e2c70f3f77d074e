"""What attacks on ranks found: groups of the same ranks, narrow layers, left-overs, bad input."""

import copy
from dataclasses import dataclass, replace

import pytest
import torch
from ranks import DATA, STRATEGIES, network, train

from course import MLP, Adam, CourseError, Descend, Trainer, chain, load_data
from course.optim.chain import Transform
from course.parallel import (
    Costs,
    DataParallel,
    InTurn,
    LocalSGD,
    TensorParallel,
    bytes_sent,
    cuts,
    ring_all_reduce,
    timeline,
    tree_all_reduce,
)  # fmt: skip
from course.parallel.communicator import check_groups
from course.parallel.job import Job, check_job, recipe_digest
from course.parallel.launch import check_world, launch
from course.parallel.processes import join
from course.parallel.schedules import make_schedule, time_schedule


def test_two_groups_of_the_same_ranks_are_two():
    def letters(comm):
        other, x, y = comm.split([[0, 1]]), torch.zeros(1), torch.zeros(1)
        if comm.rank == 0:
            comm.send(torch.ones(1), 1)
            other.send(torch.full((1,), 2.0), 1)
            return None
        return float(other.recv(x, 0)), float(comm.recv(y, 0))

    def sums(comm):
        other, x, y = comm.split([[0, 1]]), torch.ones(1), torch.full((1,), 10.0)
        first, second = comm.start_all_reduce(x), other.start_all_reduce(y)
        return float(first.wait()), float(second.wait())

    def crossed(comm):
        pair = [(comm, torch.ones(1)), (comm.split([[0, 1]]), torch.ones(1))]
        for one, x in pair if comm.rank else reversed(pair):
            one.all_reduce(x)

    assert InTurn(2).run(letters)[1] == (2.0, 1.0)
    assert InTurn(2).run(sums) == [(2.0, 20.0)] * 2
    with pytest.raises(CourseError, match="no rank can go on"):
        InTurn(2).run(crossed)


@pytest.mark.parametrize("width", [2, 3, 5])
def test_a_rank_with_one_unit_trains(width):
    def net():
        return MLP([2, width, 2], dtype=torch.float64)

    def run(model):
        trainer = Trainer(model, load_data("moons"), chain(Adam(), Descend(0.01)), seed=3)
        for _ in range(5):
            trainer.step()
        return trainer.model

    def on_ranks(comm):
        model = run(TensorParallel(comm, net()))
        return model.whole(model.theta)

    torch.testing.assert_close(InTurn(2).run(on_ranks)[0], run(net()).theta, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [*STRATEGIES, "local"])
def test_the_module_of_a_strategy_is_the_whole_network(name):
    make = STRATEGIES.get(name, lambda comm, net: LocalSGD(comm, net, 2))

    def on_ranks(comm):
        model = train(make(comm, MLP([64, 8, 6, 6, 10], dtype=torch.float64)), 36, 3).model
        x = DATA.x_test[:5].double()
        return float((model.to_module()(x).detach() - model.predict(x)).abs().max())

    assert max(InTurn(2).run(on_ranks)) < 1e-12


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_run_on_ranks_has_the_recipe_of_one_process(name):
    def on_ranks(comm):
        return train(STRATEGIES[name](comm, network()), 36, 2).recipe().describe()

    assert InTurn(2).run(on_ranks)[1] == train(network(), 36, 2).recipe().describe()


@pytest.mark.parametrize("name", ["data", "zero 3", "1f1b"])
def test_a_network_that_was_trained_before_has_none(name):
    used = network()
    used.theta += 0.1

    def on_ranks(comm):
        train(STRATEGIES[name](comm, used), 36, 1).recipe()

    with pytest.raises(CourseError, match="were not its own first ones"):
        InTurn(2).run(on_ranks)


@pytest.mark.parametrize("name", ["data", "zero 3", "tensor", "1f1b"])
def test_a_strategy_is_not_copied(name):
    with pytest.raises(CourseError, match="cannot be copied; build another"):
        InTurn(2).run(lambda comm: copy.deepcopy(STRATEGIES[name](comm, network())))


@dataclass
class Curious(Transform):
    def __call__(self, g, context):
        context.curvature()
        return g


def test_local_sgd_hands_out_no_curvature():
    def on_ranks(comm):
        train(LocalSGD(comm, network(), 2), 36, 1, lambda: chain(Curious(), Descend(0.1)))

    with pytest.raises(CourseError, match="the curvature of the whole batch does not belong to it"):
        InTurn(2).run(on_ranks)


# ---- left-overs, clocks -------------------------------------------------------------------------


def begun_alone(comm):
    if comm.rank == 0:
        comm.start_all_reduce(torch.ones(1))


def sent_to_nobody(comm):
    comm.send(torch.ones(1), 1 - comm.rank)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (begun_alone, r"rank 0 began all_reduce of \[1\] float32, and rank 1 never came"),
        (sent_to_nobody, "rank 0 sent to 1, which never received"),
    ],
)
def test_what_one_rank_began_alone_is_told_at_the_end(program, words):
    with pytest.raises(CourseError, match=words):
        InTurn(2).run(program)


def test_a_second_run_comes_after_the_first():
    world = InTurn(2, Costs(latency=0, bandwidth=1.0, flops_per_second=1.0))

    def program(comm):
        comm.compute("forward", 3)
        comm.all_reduce(torch.ones(1))

    world.run(program)
    world.run(program)
    found = timeline(world.events)
    assert found.end == 2 * (3 + 4)
    assert found.share(0, "compute") == pytest.approx(6 / 14)
    assert found.idle == pytest.approx(8 / 14)


def test_what_is_computed_while_a_sum_travels_is_no_wait():
    world = InTurn(2, Costs(latency=0, bandwidth=1.0, flops_per_second=1.0))

    def program(comm):
        pending = comm.start_all_reduce(torch.ones(1))
        comm.compute("backward", 3)
        pending.wait()

    world.run(program)
    found = timeline(world.events)
    assert (found.share(1, "compute"), found.share(1, "talk")) == (0.75, 0.25)


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [None, [0, 1], [[0], ["1"]], [[0, 1], []], "01"])
def test_groups_that_are_none_are_refused(groups):
    with pytest.raises(CourseError, match="each rank from 0 to 1 must be in one group"):
        check_groups(groups, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: time_schedule(s, {"F": 0}), "cost of F = 0"),
        (lambda s: time_schedule(s, {"F": "1"}), "cost of F = '1'"),
        (lambda s: time_schedule(s, {"X": 1}), "kind of action = 'X'"),
        (lambda s: time_schedule([]), "a rank without actions"),
        (lambda s: time_schedule(3), "schedule = 3; allowed: a list of actions for each rank"),
        (lambda s: time_schedule(["F"]), "allowed: a list of actions for each rank"),
        (lambda s: time_schedule(s, 3), r"costs = 3; allowed: a dict"),
        (lambda s: cuts(-1, 2), "n = -1 is out of range"),
        (lambda s: cuts(2.5, 2), "n = 2.5 is not a whole number"),
        (lambda s: cuts(True, 2), "n = True is not a number"),
        (lambda s: cuts(7, 0), "parts = 0 is out of range"),
        (lambda s: cuts(7, 10**30), "parts = .* is out of range"),
        (lambda s: cuts("7", 2), "n = '7' is not a number"),
        (lambda s: bytes_sent("all_reduce", 8, 0), "world_size = 0 is out of range"),
        (lambda s: bytes_sent("all_reduce", -8, 2), "n_bytes = -8 is out of range"),
        (lambda s: bytes_sent("all_reduce", float("nan"), 2), "n_bytes = nan is out of range"),
        (lambda s: bytes_sent("all_reduce", 8, None), "world_size = None is not a number"),
        (lambda s: timeline(3), "events = 3; allowed: a list of events"),
        (lambda s: timeline([1]), r"events = \[1\]; allowed: a list of events"),
        (lambda s: DataParallel(None, MLP([2, 2])), "data parallel got comm = None; it takes"),
        (
            lambda s: InTurn(2).run(lambda c: ring_all_reduce(c, 3)),
            "ring_all_reduce got 3; it takes",
        ),
        (lambda s: InTurn(2).run(lambda c: tree_all_reduce(c, torch.ones(2, 2))), r"\(n,\)"),
        (lambda s: InTurn(2, 3), r"costs = 3; allowed: Costs"),
        (lambda s: launch({}, out=3), "out = 3 is no path|recipe"),
    ],
)
def test_bad_numbers_are_named(call, words):
    with pytest.raises(CourseError, match=words):
        call(make_schedule("zero_bubble", 2, 4))


def test_costs_that_are_not_given_keep_their_units():
    schedule = make_schedule("zero_bubble", 4, 8)
    assert time_schedule(schedule, {"F": 1}) == time_schedule(schedule)


@pytest.mark.parametrize(
    ("name", "value"), [("RANK", "3"), ("RANK", "x"), ("WORLD_SIZE", "0"), ("MASTER_PORT", "99999")]
)
def test_an_environment_that_cannot_be_is_told_at_once(monkeypatch, name, value):
    given = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for key, text in (given | {name: value}).items():
        monkeypatch.setenv(key, text)
    with pytest.raises(CourseError, match=f"{name} = "), join():
        pass


def recipe(**options):
    trainer = Trainer(MLP([64, 8, 10]), DATA, chain(Descend(0.1)), 36, **options)
    for _ in trainer.run(3):
        pass
    trainer.set("lr", 0.2)
    trainer.step()
    return trainer.recipe()


def test_local_sgd_with_parts_is_refused_before_any_process(tmp_path):
    job = check_job(Job(recipe(accumulate=2), "local_sgd", {"local_steps": 2}, tmp_path))
    with pytest.raises(CourseError, match="cannot work a batch off in parts"):
        check_world(job, 2)


@pytest.mark.parametrize("value", ["no", 3])
def test_a_yes_or_no_is_one(tmp_path, value):
    job = check_job(Job(recipe(), "tensor", {"sequence_parallel": value}, tmp_path))
    with pytest.raises(CourseError, match="sequence_parallel = "):
        check_world(job, 2)


def test_whole_floats_reach_the_processes_as_whole_numbers(tmp_path):
    job = check_job(Job(recipe(), "pipeline", {"micro_batches": 4.0}, tmp_path))
    assert repr(job.options) == "{'micro_batches': 4}"


def test_recipes_that_agree_up_to_a_step_are_the_same_until_there():
    one = recipe()
    other = replace(one, threads=one.threads + 1, steps=99, knobs=[[3, "lr", 0.7]])
    assert recipe_digest(one, 3) == recipe_digest(other, 3)
    assert recipe_digest(one, 4) != recipe_digest(other, 4)
    assert recipe_digest(one, 3) != recipe_digest(replace(other, seed=1), 3)
