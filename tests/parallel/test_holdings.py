"""What each rank holds: against closed forms, the schedules, and the whole vectors themselves."""

import pytest
import torch
from ranks import DATA, network

from course import (
    MLP,
    Adam,
    CourseError,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Momentum,
    Network,
    ReLU,
    Trainer,
    chain,
)
from course.parallel import InTurn, holdings, make_schedule, make_strategy, time_schedule
from course.parallel.holdings import KINDS
from course.parallel.strategies import STRATEGIES

SIZES = [64, 64, 64, 64, 12]
PSI = 3 * 65 * 64 + 65 * 12  # of these sizes; four divide each layer
WHOLE = {("zero1", "weights"), ("zero1", "gradient"), ("zero2", "weights")}
OPTIONS = {"local_sgd": {"local_steps": 2}, "data_pipeline": {"micro_batches": 3}}


def net() -> MLP:
    return MLP(SIZES)


def bytes_of(strategy: str, world_size: int = 4, **options) -> list[dict[str, int]]:
    held = holdings(net(), strategy, world_size, **options)
    return [{kind: rank[kind].bytes for kind in KINDS} for rank in held.ranks]


@pytest.mark.parametrize(
    ("strategy", "weights", "gradient", "adam"),
    [
        ("data", 4, 4, 8),
        ("zero1", 4, 4, 8 / 4),
        ("zero2", 4, 4 / 4, 8 / 4),
        ("zero3", 4 / 4, 4 / 4, 8 / 4),
        ("local_sgd", 4, 4, 8),
    ],
)
def test_sharding_leaves_the_bytes_of_the_paper(strategy, weights, gradient, adam):
    """Ψ numbers take 4 + 4 + 8 bytes each, and a quarter of what four ranks share."""
    for rank in bytes_of(strategy, **OPTIONS.get(strategy, {})):
        found = rank["weights"], rank["gradient"], rank["optimiser"]
        assert found == (weights * PSI, gradient * PSI, adam * PSI)


@pytest.mark.parametrize(
    ("optimiser", "vectors"),
    [(chain(Descend(0.1)), 0), (chain(Momentum(0.9), Descend(0.1)), 1), (None, 2)],
)
def test_an_optimiser_keeps_so_many_vectors(optimiser, vectors):
    for strategy, share in (("data", 1), ("zero1", 4), ("zero3", 4)):
        held = holdings(net(), strategy, chain=optimiser)
        assert held.bytes("optimiser") == [4 * vectors * PSI // share] * 4
        assert bool(held.owners("optimiser").any()) == (vectors > 0)


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
@pytest.mark.parametrize("strategy", [*STRATEGIES])
def test_all_ranks_together_have_everything(strategy, world_size):
    if strategy.startswith("data_"):
        world_size = 2 * world_size if world_size < 3 else 4
    held = holdings(network(), strategy, world_size, 36, **OPTIONS.get(strategy, {}))
    for kind in KINDS[:3]:
        assert held.owners(kind).any(0).all(), kind
    copies = {"tensor": 1, "pipeline": 1, "zero3": 1, "data_tensor": world_size // 2,
              "data_pipeline": world_size // 2}.get(strategy, world_size)  # fmt: skip
    shared = held.owners("weights").sum(0)
    assert shared.min() == copies
    if "tensor" not in strategy:  # which leaves LayerNorm and a bias after it on each rank
        assert shared.max() == copies


@pytest.mark.parametrize("strategy", [*STRATEGIES])
def test_the_places_are_those_of_the_whole_vectors(strategy):
    """Train for real: the numbers at the places of a rank are the numbers that the rank has."""
    options = OPTIONS.get(strategy, {})
    held = holdings(network(), strategy, 4, 36, **options)

    def program(comm):
        model = make_strategy(strategy, comm, network(), **options)
        trainer = Trainer(model, DATA, chain(Adam(), Descend(0.01)), 36)
        trainer.step()
        vectors = {"weights": model.theta, "gradient": model.grad,
                   "optimiser": trainer.chain.transforms[0].state()["s"]}  # fmt: skip
        return {kind: (v.clone(), model.whole(v)) for kind, v in vectors.items()}

    if strategy == "local_sgd":  # where each rank has a vector of its own, and no whole
        assert held.owners("weights").all()
        return
    for r, found in enumerate(InTurn(4).run(program)):
        for kind, (mine, whole) in found.items():
            places = held.ranks[r][kind].places
            if len(places) == len(mine):
                assert torch.equal(whole[places].sort().values, mine.sort().values), kind
            else:  # of ZeRO, what is not sharded is whole
                assert (strategy, kind) in WHOLE and len(places) == len(whole)


def test_activations_are_one_number_a_unit_and_a_row():
    rows, units = 64 // 4, sum(SIZES)
    for strategy in ("data", "zero1", "zero2", "zero3", "local_sgd"):
        for rank in bytes_of(strategy, **OPTIONS.get(strategy, {})):
            assert rank["activations"] == 4 * rows * units, strategy
    # a column layer leaves a quarter of its units, a row layer all
    for rank in bytes_of("tensor"):
        assert rank["activations"] == 4 * 64 * (64 + 16 + 64 + 16 + 12)


def test_activations_of_other_layers_count_what_they_keep():
    x, norm = 20 * 30, 20 * 30 * 2 + 2 * 30  # x and its product; a mean and a scale a row
    layers = [Linear(20), LayerNorm(), ReLU(), Dropout(0.5), Linear(3)]
    held = holdings(Network(layers, 7), "data", 1, 30)
    # the norm's output, which ReLU overwrites; dropout's mask and output
    assert held.bytes("activations") == [4 * (7 * 30 + x + x + norm + 2 * x + 3 * 30)]


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b", "zero_bubble"])
def test_a_stage_keeps_the_micro_batches_that_are_in_flight(schedule):
    m, rows = 8, 64 // 8
    in_flight = time_schedule(make_schedule(schedule, 4, m)).in_flight
    held = holdings(net(), "pipeline", micro_batches=m, schedule=schedule)
    units = [64 + 64, 64 + 64, 64 + 64, 64 + 12]  # of each stage: its input and its output
    expected = [4 * n * rows * u for n, u in zip(in_flight, units, strict=True)]
    assert held.bytes("activations") == expected


def test_working_memory_is_what_a_strategy_keeps_besides():
    layer = 65 * 64
    expected = {
        "data": 0, "tensor": 0,
        "zero1": 2 * PSI / 4,  # the sharded weights and gradient, beside whole ones
        "zero2": PSI / 4 + layer,  # and one layer's whole gradient
        "zero3": 2 * layer,  # one layer's weights and gradient
    }  # fmt: skip
    for strategy, numbers in expected.items():
        assert [rank["working"] for rank in bytes_of(strategy)] == [4 * numbers] * 4, strategy
    for rank in bytes_of("pipeline"):  # the gradient of one micro-batch
        assert rank["working"] == rank["gradient"]


def test_bytes_are_those_of_the_type():
    held = holdings(MLP([64, 8, 10], dtype=torch.float64), "zero3", 2)
    for rank in held.ranks:
        assert all(part.bytes == 8 * part.elements for part in rank.values())


def test_the_network_is_left_alone():
    model = net()
    before = model.theta.clone(), model.grad.clone()
    holdings(model, "zero2")
    assert torch.equal(model.theta, before[0]) and torch.equal(model.grad, before[1])


def test_it_prints_a_row_a_rank():
    lines = str(holdings(net(), "zero3", 2)).splitlines()
    assert lines[0].split() == ["bytes", *KINDS]
    assert [line.split()[:2] for line in lines[1:]] == [["rank", str(r)] for r in range(2)]
    assert lines[1].split()[2] == f"{4 * PSI // 2:,}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": "magic"}, "strategy"),
        ({"world_size": 0}, "world_size"),
        ({"batch": 2.5}, "batch"),
        ({"network": "MLP"}, "allowed: a Network or MLP"),
        ({"chain": 3}, "chain = 3; allowed"),
        ({"micro_batches": 3, "strategy": "pipeline"}, "takes? a number of micro-batches"),
        ({"buckets": 99}, "buckets"),
        ({"world_size": 256, "network": MLP([600, 600])}, "take a smaller network or fewer ranks"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change, words):
    settings = {"network": net(), "strategy": "data", "world_size": 4, "batch": 64} | change
    with pytest.raises(CourseError, match=words):
        holdings(**settings)


def test_other_kinds_are_refused():
    held = holdings(net())
    with pytest.raises(CourseError, match="kind"):
        held.owners("activations")
    with pytest.raises(CourseError, match="kind"):
        held.bytes("grad")
