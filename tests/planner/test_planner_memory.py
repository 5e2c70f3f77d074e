"""Memory of the planner: against schedules that are played, and that sharding never costs any."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError
from course.parallel.schedules import make_schedule, time_schedule
from course.planner import STACKS, Layout, Model
from course.planner.layer_time import LayerTime
from course.planner.layout import check_layout
from course.planner.memory import (
    layer_activation_bytes,
    memory_bytes,
    micro_batches_in_flight,
    state_bytes,
)
from course.planner.step_time import bubble_seconds

MODEL = Model(16, 512, 16, 1000, 256)
PIPELINES = [(schedule, p, m, 1) for schedule in ("gpipe", "1f1b", "zero_bubble")
             for p, m in ((2, 4), (4, 4), (4, 8), (8, 16))]  # fmt: skip
PIPELINES += [("interleaved", p, m, v) for p, m in ((2, 4), (4, 8), (8, 16)) for v in (2, 3)]


@pytest.mark.parametrize(("schedule", "p", "m", "v"), PIPELINES)
def test_as_many_micro_batches_are_kept_as_when_the_schedule_is_played(schedule, p, m, v):
    played = time_schedule(make_schedule(schedule, p, m, v)).in_flight
    layout = Layout(1, 1, p, chunks=v, schedule=schedule)
    assert micro_batches_in_flight(layout, m) == pytest.approx(played[0] / v)
    assert micro_batches_in_flight(layout, m, last=True) == pytest.approx(played[-1] / v)


@pytest.mark.parametrize(("schedule", "p", "m", "v"), PIPELINES)
@pytest.mark.parametrize("costs", [(1, 1, 1), (4, 5, 3), (2, 6, 2)])
def test_the_bubble_is_that_of_the_played_schedule(schedule, p, m, v, costs):
    forward, inputs, weights = costs
    played = time_schedule(
        make_schedule(schedule, p, m, v), {"F": forward, "I": inputs, "W": weights,
                                           "B": inputs + weights},
    )  # fmt: skip
    layer = LayerTime(forward, inputs + weights, weights, 0)  # a chunk is a layer
    layout = Layout(1, 1, p, chunks=v, schedule=schedule)
    whole = m * v * layer.total + bubble_seconds(layer, v, 0, layout)
    if schedule == "zero_bubble" and costs != (1, 1, 1):
        assert whole <= played.span * (1 + 1e-12)  # the gaps fit only when the three are alike
    else:
        assert whole == pytest.approx(played.span)


def test_gpipes_bubble_is_the_published_share():
    p, m = 4, 8
    layer = LayerTime(1, 2, 1, 0)
    bubble = bubble_seconds(layer, 1, 0, Layout(1, 1, p, schedule="gpipe"))
    assert bubble / (bubble + m * layer.total) == pytest.approx((p - 1) / (m + p - 1))


layouts = st.builds(
    Layout, data=st.sampled_from([1, 2, 4]), tensor=st.sampled_from([1, 2, 4, 8]),
    pipeline=st.sampled_from([1, 2, 4]), context=st.sampled_from([1, 2]),
    micro_batch=st.sampled_from([1, 2, 4]), zero=st.integers(0, 3),
    recompute=st.sampled_from(["none", "selective", "full"]), sequence_parallel=st.booleans(),
    schedule=st.sampled_from(["gpipe", "1f1b"]),
)  # fmt: skip
models = st.builds(
    Model, layers=st.sampled_from([4, 8]), hidden=st.sampled_from([64, 512]), heads=st.just(16),
    vocab=st.sampled_from([50, 4000]), sequence=st.sampled_from([64, 512]),
    kv_heads=st.sampled_from([8, 16]), ffn=st.sampled_from([64, 2048]), gated=st.booleans(),
    tied=st.booleans(), experts=st.sampled_from([0, 4]),
)  # fmt: skip


@settings(max_examples=60)
@given(models, layouts, st.sampled_from(sorted(STACKS)), st.sampled_from(["adam", "sgd"]))
def test_more_sharding_never_takes_more_memory(model, layout, stack, optimiser):
    batch = 16 * layout.micro_batch

    def total(other: Layout) -> float:
        kinds = memory_bytes(model, other, STACKS[stack], batch, optimiser)
        assert all(n >= 0 for n in kinds.values())
        return sum(kinds.values())

    here = total(layout) * (1 + 1e-12)
    if layout.zero < 3:
        assert total(replace(layout, zero=layout.zero + 1)) <= here
    assert total(replace(layout, tensor=2 * layout.tensor)) <= here
    assert total(replace(layout, context=2 * layout.context)) <= here
    assert total(replace(layout, sequence_parallel=True)) <= here
    assert total(replace(layout, schedule="1f1b")) <= here
    if layout.zero:
        assert total(replace(layout, data=2 * layout.data)) <= here
    less = {"none": "selective", "selective": "full", "full": "full"}[layout.recompute]
    assert total(replace(layout, recompute=less)) <= here


@pytest.mark.parametrize("t", [1, 4])
def test_a_layer_keeps_what_the_papers_equations_say(t):
    """Korthikanti et al. (2022), equations 1, 2, 4 and 6, and full recomputation: 2sbh."""
    s, b, h, a = 256, 3, 512, 16
    for changes, expected in (
        ({}, 10 + 24 / t + 5 * a * s / (h * t)),
        ({"sequence_parallel": True}, (34 + 5 * a * s / h) / t),
        ({"recompute": "selective"}, 10 + 24 / t),
        ({"recompute": "selective", "sequence_parallel": True}, 34 / t),
        ({"recompute": "full"}, 2),
        ({"recompute": "full", "sequence_parallel": True}, 2 / t),
    ):
        layout = Layout(1, t, micro_batch=b, **changes)
        found = layer_activation_bytes(MODEL, layout, STACKS["megatron-2022"])
        assert found == s * b * h * expected


def test_a_fused_kernel_a_gate_and_grouped_queries_keep_less():
    model = replace(MODEL, kv_heads=4, ffn=1000, gated=True)
    found = layer_activation_bytes(model, Layout(), STACKS["torchtitan"])
    assert found == 256 * (8 * 512 + 4 * 512 + 4 * 128 + 6 * 1000 + 4 * 16)
    half = layer_activation_bytes(model, Layout(recompute="selective"), STACKS["torchtitan"])
    assert half == 256 * (8 * 512 + 2 * 128 + 2 * 1000 + 4 * 16)  # every second product is kept
    experts = replace(model, experts=4, experts_per_token=2, shared_experts=1)
    more = layer_activation_bytes(experts, Layout(), STACKS["torchtitan"]) - found
    assert more == 256 * (2 * 6 * 1000 + 3 * 2 * 512)  # each expert keeps its own input


def test_the_fullest_stage_counts():
    model = Model(4, 64, 4, 100_000, 64, tied=False)
    found = memory_bytes(model, Layout(1, 1, 2), STACKS["megatron-2022"], 2)
    assert found["logits"] == 6 * 64 * 100_000  # the last stage's
    small = replace(model, vocab=10)
    first = memory_bytes(small, Layout(1, 1, 2), STACKS["megatron-2022"], 2)
    layer = layer_activation_bytes(small, Layout(), STACKS["megatron-2022"])
    assert first["logits"] == 0 and first["activations"] == 2 * 2 * layer  # two in flight


def test_zero_three_gathers_two_layers_or_what_is_absent():
    one, many = Model(1, 64, 4, 10, 8), Model(8, 64, 4, 10, 8)
    for model, expected in (
        (one, 2 * one.parameters * 3 / 4), (many, 2 * 2 * many.layer_parameters()),
    ):  # fmt: skip
        layout = Layout(4, zero=3)
        assert memory_bytes(model, layout, STACKS["megatron-2022"], 4)["gathered"] == expected
    assert memory_bytes(many, Layout(1, zero=3), STACKS["megatron-2022"], 4)["gathered"] == 0


def test_what_is_computed_again_needs_room_while_it_is():
    stack = STACKS["megatron-2022"]
    full = memory_bytes(MODEL, Layout(recompute="full"), stack, 1)
    assert full["working"] == 256 * (34 * 512 + 5 * 16 * 256 - 2 * 512)
    assert memory_bytes(MODEL, Layout(), stack, 1)["working"] == 0


def test_state_is_divided_in_the_order_of_zero():
    whole = state_bytes(1000)
    assert whole == {"weights": 2000, "gradients": 4000, "optimiser": 12_000}
    for zero, kinds in enumerate(((), ("optimiser",), ("optimiser", "gradients"), whole)):
        found = state_bytes(1000, 8, zero)
        assert found == {kind: n / (8 if kind in kinds else 1) for kind, n in whole.items()}
    assert state_bytes(1000, optimiser="sgd")["optimiser"] == 4000


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        (Layout(2, 8, 4), "64 devices, and there are 32"),
        (Layout(4, 1, 8), "batch = 20 cannot be divided by data × micro_batch = 8"),
        (Layout(1, 32), "heads = 16 cannot be divided by tensor = 32"),
        (Layout(1, 1, 32), "layers = 16 cannot be divided by pipeline × chunks = 32"),
        (Layout(1, 2, 16, chunks=2), "layers = 16 cannot be divided by pipeline × chunks = 32"),
        (Layout(1, 4, 8, chunks=2), "micro-batches in groups of 8, and has 20"),
        (Layout(1, 1, 1, 32, schedule="zero_bubble"), "needs pipeline above 1"),
    ],
)
def test_an_impossible_layout_is_refused_in_one_sentence(layout, says):
    layout = replace(layout, micro_batch=2) if "batch = 20" in says else layout
    devices = 32 if "there are" in says else layout.devices
    with pytest.raises(CourseError) as refusal:
        check_layout(layout, MODEL, devices, 20)
    assert says in str(refusal.value).replace("2 data × 8 tensor × 4 pipeline × 1 context are ", "")
