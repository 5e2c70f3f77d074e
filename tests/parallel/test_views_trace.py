"""Counts of a traced step: against formulas, torch's own counters, and what was published."""

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import parallelize_module
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course import CourseError
from course.parallel.views import Sizes, Traffic, Transformer, trace_step
from course.parallel.views.groups import fake_group
from course.parallel.views.trace import plan

SMALL = Sizes(layers=4, hidden=48, heads=8, ffn=88, vocab=51, sequence=10, batch=3)
SEVEN = Sizes()  # 6.74 B parameters, 2048 tokens on a rank


def padded(sizes: Sizes, data: int, tensor: int) -> tuple[int, int]:
    """Return the weights of a layer and of the rest, dimension 0 padded to the ranks: FSDP2's."""

    def rows(o, i=1):
        return -(-o // data) * data * i

    h, V = sizes.hidden, sizes.vocab
    layer = sum(rows(o // tensor, i) for o, i in sizes.columns)
    layer += sum(rows(o, i // tensor) for o, i in sizes.rows) + 2 * rows(h)
    return layer, 2 * rows(V, h) + rows(h)


SLOW = [pytest.param(*sizes, marks=pytest.mark.full) for sizes in [(2, 1), (24, 8), (256, 4)]]


@pytest.mark.parametrize(("world", "tensor"), [(4, 2), (56, 8), *SLOW])
def test_every_collective_with_its_bytes_follows_from_the_rules(world, tensor):
    found, L = trace_step(SMALL, world, tensor), SMALL.layers
    data, (layer, rest) = world // tensor, padded(SMALL, world // tensor, tensor)
    expected = {
        "all_gather": Traffic("all_gather", data, 2 * L + 1, 2 * (2 * L * layer + rest)),
        "reduce_scatter": Traffic("reduce_scatter", data, L + 1, 4 * (L * layer + rest)),
    }
    if tensor > 1:
        expected["all_reduce"] = Traffic("all_reduce", tensor, 7 * L, 7 * L * 3 * 10 * 48 * 2)
    assert found.program.traffic == expected
    assert found.ours.traffic.get("all_reduce") == expected.get("all_reduce")
    assert found.program.flops == found.ours.flops > found.fused_flops


@pytest.mark.parametrize(("world", "tensor"), [(6, 2), pytest.param(16, 4, marks=pytest.mark.full)])
def test_the_layers_that_are_not_traced_follow_from_those_that_are(world, tensor):
    some, every = (trace_step(SMALL, world, tensor, every_layer=all_) for all_ in (False, True))
    assert (some.layers, every.layers) == (2, 4)
    assert some.program == every.program and some.fused_flops == every.fused_flops


def test_flops_equal_those_that_torch_counts_on_real_numbers():
    model, tokens = Transformer(SMALL), torch.zeros(3, 10, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
    assert sum(p.numel() for p in model.parameters()) == SMALL.parameters
    assert trace_step(SMALL, 2).program.flops == counter.get_total_flops()


@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module")  # the counter makes the logits a view
@pytest.mark.filterwarnings("ignore:Full backward hook")  # the counter's own
def test_calls_equal_those_that_torch_counts():
    found = trace_step(SMALL, 8, 2).program.traffic
    model, tokens = Transformer(SMALL), torch.zeros(3, 10, dtype=torch.long)
    with fake_group(8):
        mesh = init_device_mesh("cpu", (4, 2), mesh_dim_names=("data", "tensor"))
        for block in model.blocks:
            parallelize_module(block, mesh["tensor"], plan())
            fully_shard(block, mesh=mesh["data"])
        fully_shard(model, mesh=mesh["data"])
        with CommDebugMode() as counter:
            model(tokens).sum().backward()
    assert {str(call): n for call, n in counter.get_comm_counts().items()} == {
        "c10d._allgather_base_": found["all_gather"].calls,
        "c10d._reduce_scatter_base_": found["reduce_scatter"].calls,
        "c10d_functional.all_reduce": found["all_reduce"].calls,
    }


def test_the_textbook_and_the_program_on_64_ranks():
    found = trace_step(SEVEN, 64, 8)
    assert SEVEN.parameters == 6_738_415_616  # Llama 7 B, table 2 of Touvron et al.: 6.7 B
    program, textbook = found.program.traffic, found.textbook.traffic
    published = {"all_gather": (65, 3.76), "reduce_scatter": (33, 4.29), "all_reduce": (224, 3.76)}
    for kind, (calls, gigabytes) in published.items():
        assert (program[kind].calls, round(program[kind].n_bytes / 1e9, 2)) == (calls, gigabytes)
    assert (program["all_reduce"].calls, textbook["all_reduce"].calls) == (7 * 32, 4 * 32)


def test_attention_is_missed_unless_it_is_written_out():
    found = trace_step(SEVEN, 64)
    assert round(found.fused_flops / found.textbook.flops, 3) == 0.925
    assert round(found.program.flops / found.textbook.flops, 5) == 0.99996


@pytest.mark.full
@pytest.mark.parametrize(("world", "gigabytes"), [(1024, 3.80), (10_000, 6.33)])
def test_padding_of_gathered_weights_on_many_ranks(world, gigabytes):
    found = trace_step(SEVEN, world, 8)
    layer, rest = padded(SEVEN, world // 8, 8)
    gathered = found.program.traffic["all_gather"]
    assert gathered.n_bytes == 2 * (64 * layer + rest)
    assert (gathered.calls, round(gathered.n_bytes / 1e9, 2)) == (65, gigabytes)


@pytest.mark.full
@pytest.mark.parametrize("world", [64, 1024, 10_000])
def test_all_32_layers_traced_are_the_two_extrapolated(world):
    some, every = (trace_step(SEVEN, world, 8, every_layer=all_) for all_ in (False, True))
    assert every.layers == 32 and some.program == every.program


def test_a_trace_prints_as_a_table():
    lines = repr(trace_step(SMALL, 16, 4)).splitlines()
    assert "16 ranks: 4 data × 4 tensor; 2 of 4 layers traced" in lines[0]
    assert lines[1].split("  ")[-1].strip() == "the textbook"
    assert next(line for line in lines if line.startswith("all_reduce, 4 ranks")).count("28 c") == 2
    assert len(set(map(len, lines[1:]))) == 1 and max(map(len, lines)) < 110


def test_why_the_three_differ():
    sentences = trace_step(SEVEN, 10_000, 8).why().splitlines()
    assert len(sentences) == 5 and sentences[0].endswith("less than ours, 524.30 MB.")
    assert "a multiple of 1,250 ranks: 2.57 GB more" in sentences[1]  # 6.33 - 3.76
    assert "7.5% of the FLOPs are missed" in trace_step(SEVEN, 1).why()


def test_one_rank_sends_nothing():
    found = trace_step(SMALL, 1)
    assert found.program.traffic == found.ours.traffic == found.textbook.traffic == {}
    assert "gather" not in repr(found)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: trace_step(SMALL, 0), "world_size = 0"),
        (lambda: trace_step(SMALL, 16_385), r"world_size = 16385 is out of range.*16384"),
        (lambda: trace_step(SMALL, 8, 9), "tensor = 9 is out of range"),
        (lambda: trace_step(SMALL, 6, 4), "tensor = 4 does not divide world_size = 6"),
        (lambda: trace_step(SMALL, 12, 3), "tensor = 3 does not divide heads = 8"),
        (lambda: trace_step(Sizes(1, 8, 4, 6, 8, 8), 4, 4), "tensor = 4 does not divide ffn = 6"),
        (lambda: Sizes(hidden=10, heads=4), "hidden = 10 cannot be shared by 4 heads"),
        (lambda: Sizes(layers=0), "layers = 0"),
        (lambda: Sizes(layers=1001), "layers = 1001"),
        (lambda: Sizes(vocab="many"), "vocab = 'many' is not a number"),
        (lambda: Sizes(ffn=True), "ffn = True is not a number"),
        (lambda: Sizes(batch=2.5), "batch = 2.5 is not a whole number"),
        (lambda: Sizes(sequence=float("nan")), "sequence = nan is out of range"),
        (lambda: Sizes(sequence=10**6, batch=10**6), r"3.2e\+19 numbers.*allowed: 5.8e\+17; take"),
        (lambda: trace_step({"layers": 2}, 4), r"sizes = .*; allowed: Sizes\(…\)"),
        (lambda: trace_step(SMALL, 4, every_layer="no"), "every_layer = 'no' is unknown"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(make, words):
    with pytest.raises(CourseError, match=words):
        make()
    assert not dist.is_initialized()


def test_whole_floats_are_whole_sizes():
    sizes = Sizes(2.0, 64.0, 8.0, 96.0, 50.0, 16.0, 1.0)
    assert repr(sizes) == repr(Sizes(2, 64, 8, 96, 50, 16, 1))


def test_a_group_that_is_there_already_is_refused_and_an_exception_leaves_none(monkeypatch):
    with fake_group(3), pytest.raises(CourseError, match="another view runs"):
        trace_step(SMALL, 4)

    def fails(*_, **__):
        raise ArithmeticError

    monkeypatch.setattr("course.parallel.views.trace.step", fails)
    with pytest.raises(ArithmeticError):
        trace_step(SMALL, 4)
    assert not dist.is_initialized()
    monkeypatch.undo()
    assert trace_step(SMALL, 4).program.traffic["all_gather"].calls == 9
