"""A step's memory in nine ways: the formula, our count, and counts that are PyTorch's."""

import pytest
import torch
import torch.nn.functional as F

from course import CourseError
from course.parallel.views import Sizes, Transformer
from course.parallel.views.groups import fake_group
from course.planner.layout import Layout
from course.planner.memory import layer_activation_bytes
from course.planner.stacks import STACKS
from course.planner.traced import model_of_sizes
from course.planner.ways import (
    SMALL,
    WAYS,
    ByteCounter,
    Step,
    Way,
    compare_ways,
    expect_step,
    kept_by_layer,
    measure_step,
)  # fmt: skip

MANY_WEIGHTS = Sizes(2, 256, 8, 700, 100, 32, 4)
MANY_WORDS = Sizes(3, 64, 4, 176, 1000, 128, 4)
TINY = Sizes(2, 32, 4, 48, 40, 16, 4)


@pytest.mark.parametrize(
    "sizes",
    [SMALL, TINY, *(pytest.param(s, marks=pytest.mark.full) for s in (MANY_WEIGHTS, MANY_WORDS))],
    ids=["small", "tiny", "weights", "words"],
)
def test_the_formula_is_at_most_a_twentieth_off_in_each_way(sizes):
    table = compare_ways(sizes)
    assert [one.name for one in table] == list(WAYS)
    for one in table:
        assert abs(one.off) < (0.015 if sizes is SMALL else 0.05), f"{one}\n{one.expected}"
        assert one.measured.total == sum(one.measured.kinds.values()) == max(one.measured.history)
        kinds = one.measured.kinds  # the first step, which makes Adam's state, plays no part
        assert min(one.measured.history) >= kinds["weights"] + kinds["optimiser"]
        for kind in ("weights", "optimiser"):
            assert one.measured.kinds[kind] == pytest.approx(one.expected[kind], rel=1e-3, abs=200)
    assert str(table).count("\n") == 9 and "formula" in str(table)


def test_where_the_loss_is_worst_the_formula_is_exact_to_the_counters():
    """Adam counts its steps for each weight, 4 bytes; the loss is a number or three."""
    for name in ("plain", "bfloat16", "offload"):
        expected, measured = expect_step(WAYS[name], SMALL), measure_step(WAYS[name], SMALL)
        assert 0 <= measured.total - sum(expected.values()) < 200, name


def test_a_row_of_the_table_says_what_is_measured():
    (one,) = compare_ways(TINY, ways={"ZeRO 3": WAYS["ZeRO 3"]})
    *kinds, rest, whole, off = str(one).removeprefix("ZeRO 3").split()
    bytes_by_kind = one.measured.kinds
    names = ("weights", "gradients", "optimiser", "activations")
    rest_of_it = bytes_by_kind["gathered"] + bytes_by_kind["other"]
    told = [*(bytes_by_kind[name] for name in names), rest_of_it, one.measured.total]
    assert rest_of_it > bytes_by_kind["gathered"] > 0
    assert [float(n) for n in (*kinds, rest, whole)] == pytest.approx(
        [n / 1e6 for n in told], abs=0.0051
    )
    assert off == f"{one.off:.1%}".replace("-0.0%", "0.0%")


def test_offloading_keeps_sixteen_bytes_a_weight_on_the_host_and_no_gradient_here():
    found = measure_step(WAYS["offload"], TINY)
    sizes = [p.numel() for p in Transformer(TINY).parameters()]
    kept = 16 * sum(sizes)  # weights, gradients, and two numbers of Adam, which works on one weight
    assert kept <= found.host < kept + 4 * 4 * max(sizes)
    model, tokens = Transformer(TINY), torch.zeros(TINY.batch, TINY.sequence, dtype=torch.long)
    with torch.enable_grad():
        Step(model, WAYS["offload"])(tokens, tokens)
    assert all(p.grad is None for p in model.parameters())


def test_checkpointing_keeps_less_than_half_of_the_activations():
    plain, kept = (measure_step(WAYS[name], SMALL).kinds for name in ("plain", "checkpointing"))
    assert kept["activations"] < plain["activations"] / 2


def saved_bytes(layers: int, autocast: bool) -> int:
    """What autograd saves for the backward pass, weights and their copies left out."""
    sizes = Sizes(layers, 32, 4, 48, 40, 16, 4)
    model = Transformer(sizes)
    weights = {p.shape for p in model.parameters()} | {p.t().shape for p in model.parameters()}
    found = {}

    def pack(x):
        if x.shape not in weights:
            found[x.untyped_storage()._cdata] = (x.untyped_storage().nbytes(), x)
        return x

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):  # noqa: SIM117
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = model(torch.zeros(4, 16, dtype=torch.long))
    assert out.requires_grad
    return sum(n for n, _ in found.values())


@pytest.mark.parametrize(("autocast", "width", "casts"), [(False, 4, 0), (True, 2, 3)])
def test_what_a_layer_keeps_is_what_autograd_saves(autocast, width, casts):
    sizes = Sizes(1, 32, 4, 48, 40, 16, 4)
    one, two = saved_bytes(1, autocast), saved_bytes(2, autocast)
    assert two - one == 4 * 16 * kept_by_layer(sizes, width, casts)


def test_what_a_layer_keeps_in_16_bits_is_the_planners_and_the_traced_programs():
    sizes = SMALL
    planned = layer_activation_bytes(
        model_of_sizes(sizes), Layout(1, micro_batch=sizes.batch), STACKS["torchtitan"]
    )
    tokens = sizes.batch * sizes.sequence
    eager = tokens * (12 * sizes.hidden + 2 * sizes.ffn + 8)  # as course.planner.traced has it
    assert planned + eager == tokens * kept_by_layer(sizes, 2)


def allocator_peak(step, *batch) -> int:
    """The most bytes that PyTorch's CPU allocator has given out while a step was made."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        step(*batch)
    now = most = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


@pytest.mark.parametrize("name", ["plain", "accumulation", "checkpointing", "bfloat16"])
def test_the_count_is_that_of_the_allocator(name):
    """It has less than a tenth more: scratch memory inside operations."""
    torch.manual_seed(0)
    model, tokens = Transformer(SMALL), torch.randint(SMALL.vocab, (SMALL.batch, SMALL.sequence))
    with torch.enable_grad():
        step = Step(model, WAYS[name])
        step(tokens, tokens)
        given = allocator_peak(step, tokens, tokens)
    found = measure_step(WAYS[name], SMALL)
    there = found.kinds["weights"] + found.kinds["optimiser"] + 2 * tokens.nbytes
    assert 0.97 * (found.total - there) < given < 1.1 * (found.total - there), (given, found)


def two_steps(way: Way) -> tuple[torch.Tensor, float]:
    """How far two steps move the weights, and the second one's loss."""
    torch.manual_seed(0)
    model, dice = Transformer(TINY), torch.Generator().manual_seed(1)
    tokens = torch.randint(TINY.vocab, (TINY.batch, TINY.sequence), generator=dice)
    start = flat(model)
    with torch.enable_grad():
        step = Step(model, way)
        for _ in range(2):
            loss = float(step(tokens, tokens.roll(-1, 1)))
    return flat(model) - start, loss


def flat(model: Transformer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def by_torch() -> tuple[torch.Tensor, float]:
    """The same with a plain loop."""
    torch.manual_seed(0)
    model, dice = Transformer(TINY), torch.Generator().manual_seed(1)
    tokens = torch.randint(TINY.vocab, (TINY.batch, TINY.sequence), generator=dice)
    adam, start = torch.optim.AdamW(model.parameters(), lr=1e-3), flat(model)
    with torch.enable_grad():
        for _ in range(2):
            adam.zero_grad()
            logits = model(tokens).flatten(0, 1)
            loss = F.cross_entropy(logits, tokens.roll(-1, 1).flatten())
            loss.backward()
            adam.step()
    return flat(model) - start, float(loss.detach())


@pytest.mark.parametrize("name", [n for n in WAYS if n != "ZeRO 3"])
def test_each_way_makes_the_step_of_a_plain_loop(name):
    way = WAYS[name]
    if way.zero:
        with fake_group(1):  # of one rank: all that is sent is there
            found, loss = two_steps(way)
    else:
        found, loss = two_steps(way)
    moved, alone = by_torch()
    whole = way.precision == "float32"
    assert loss == pytest.approx(alone, rel=1e-5 if whole else 1e-2)
    assert (found - moved).norm() < (1e-3 if whole else 0.3) * moved.norm()


def test_a_counter_sees_memory_come_and_go_and_counts_views_once():
    with ByteCounter() as counter:
        x = torch.ones(1000)
        y = x.view(10, 100)[2:].t()
        z = torch.ones(500, dtype=torch.float64) + 1
        del x, y, z
        torch.ones(10)
    assert counter.peak["other"] + counter.peak["activations"] == 4000 + 2 * 4000
    counter.reset()
    with counter:
        torch.ones(10)
    assert sum(counter.peak.values()) == 40


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Way(micro_batches=0), "micro_batches = 0"),
        (lambda: Way(zero=4), "zero = 4"),
        (lambda: Way(precision="int8"), "precision"),
        (lambda: Way(recompute=1), "recompute = 1 is neither True nor False"),
        (lambda: Way(zero=1, offload=True), "zero = 1 and offload = True"),
        (lambda: Way(zero=2, micro_batches=2), "zero = 2 with micro_batches = 2"),
        (lambda: Way(zero=1, precision="float16"), "takes neither zero nor offload"),
        (lambda: measure_step(Way(micro_batches=3), SMALL), "batch = 8 cannot be cut"),
        (lambda: measure_step(WAYS["ZeRO 1"], SMALL, ranks=3), "ranks = 3 do not divide"),
        (lambda: measure_step(WAYS["ZeRO 1"], SMALL, ranks=0), "ranks = 0"),
        (lambda: measure_step(Way(), SMALL, device="tpu"), "device = 'tpu'"),
        (lambda: measure_step(Way(), SMALL, seed=-1), "seed"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_said_in_one_sentence(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device, so its "
                    "allocator was not asked")  # fmt: skip
@pytest.mark.parametrize("name", list(WAYS))
def test_the_allocator_of_a_cuda_device_agrees(name):
    found = measure_step(WAYS[name], SMALL, device="cuda")
    assert found.allocated == pytest.approx(found.total, rel=0.1)
    assert sum(expect_step(WAYS[name], SMALL).values()) == pytest.approx(found.allocated, rel=0.1)
