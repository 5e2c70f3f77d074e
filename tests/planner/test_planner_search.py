"""The search against trying everything, and what it says."""

import itertools
from dataclasses import replace

import pytest

from course import CourseError
from course.planner import DEVICES, Layout, Model, Spec, evaluate, plan, search
from course.planner.layout import SCHEDULES, check_layout
from course.planner.searching import best_plan, divisors, order, smallest

SMALL = Model(8, 1024, 8, 32_000, 512, kv_heads=4, gated=True, tied=False)
DEVICE = replace(DEVICES["A100-80GB"], memory_gb=3.0)  # so that memory matters


def everything(spec):
    """Every layout that `check_layout` allows, with the plan of each."""
    N, model, batch = spec.devices, spec.model, spec.batch
    for d, t, p, c in itertools.product(divisors(N), repeat=4):
        if d * t * p * c != N or batch % d:
            continue
        for b, schedule, v, zero, recompute, divided in itertools.product(
            divisors(batch // d), SCHEDULES, divisors(model.layers), range(4),
            ("none", "selective", "full"), (False, True),
        ):  # fmt: skip
            if (schedule == "interleaved") != (v > 1) or (divided and t == 1):
                continue
            if zero and d * c == 1:
                continue
            try:
                layout = Layout(d, t, p, c, v, b, zero, recompute, divided, schedule)
                check_layout(layout, model, N, batch)
            except CourseError:
                continue
            yield evaluate(spec, layout)


def ranked(found):
    return order(found.step_seconds, found.memory_total, found.layout)


@pytest.mark.parametrize(
    ("devices", "batch", "device", "stack", "memory"),
    [
        (1, 4, "A100-80GB", "megatron-2022", 3), (4, 8, "A100-80GB", "megatron-2022", 4.2),
        (8, 8, "H100-SXM", "megatron-2024", 3), (6, 12, "A100-80GB", "megatron-2021", 3.5),
        (16, 16, "H100-96GB", "torchtitan-async", 2.5),
    ],
)  # fmt: skip
def test_it_finds_what_trying_everything_finds(devices, batch, device, stack, memory):
    spec = Spec(SMALL, devices, replace(DEVICES[device], memory_gb=memory), batch, stack=stack)
    every = list(everything(spec))
    fitting = sorted((one for one in every if one.fits), key=ranked)
    found = search(spec)
    assert 0 < len(fitting) < len(every)
    meshes: dict = {}
    for one in fitting:
        layout = one.layout
        meshes.setdefault((layout.data, layout.tensor, layout.pipeline, layout.context), one)
    assert [one.layout for one in found.best] == [one.layout for one in meshes.values()][:4]
    assert found.best[0].step_seconds == min(one.step_seconds for one in fitting)
    assert best_plan(spec).layout == found.best[0].layout
    least = smallest(spec)
    assert least.memory_total == min(one.memory_total for one in every)
    larger = min((one for one in every if one.memory_total <= 4 * one.memory_available),
                 key=ranked)  # fmt: skip
    assert found.too_large is None if larger.fits else found.too_large.layout == larger.layout


@pytest.mark.full
def test_it_finds_what_trying_everything_finds_on_64_devices():
    model = replace(SMALL, layers=4)
    spec = Spec(model, 64, replace(DEVICES["A100-80GB"], memory_gb=2.2), 64)
    best = min((one for one in everything(spec) if one.fits), key=ranked)
    assert search(spec).best[0].layout == best.layout


def test_it_leaves_room_for_communicators():
    spec = Spec(SMALL, 4, replace(DEVICES["A100-80GB"], memory_gb=4.2), 8)
    best = search(spec).best[0]
    tight = replace(spec, device=replace(spec.device, memory_gb=best.memory_total / 2**30 + 1.2))
    found = search(tight).best  # 1.28 GiB are reserved
    assert found and all(one.fits for one in found) and found[0].layout != best.layout


def test_ten_thousand_devices_have_a_plan():
    model = Model(layers=96, hidden=12288, heads=96, vocab=51200, sequence=2048)
    found = plan(Spec(model, 10_000, "H100-SXM", batch=10_000))
    assert found.fits and found.layout.devices == 10_000


def test_it_says_why_the_best_wins_and_the_next_ones_lose():
    model = Model(layers=96, hidden=12288, heads=96, vocab=51200, sequence=2048)
    found = plan(Spec(model, 64, "A100-80GB", batch=64))
    assert f"Fastest of all that fit: {found.layout}." in found.why
    assert found.why.count("s more a step") == 3 and "would be" in found.why
    assert "Known error: 8 published steps of megatron-2022" in found.why


def test_of_layouts_that_are_as_fast_the_one_without_context_parallelism_comes_first():
    llama = Model(32, 4096, 32, 128_256, 8192, kv_heads=8, ffn=14_336, gated=True, tied=False)
    found = plan(Spec(llama, 8, "H100-96GB", batch=16))
    second = search(found.spec).best[1]
    assert (found.layout.context, second.layout.context) == (1, 2)
    assert second.step_seconds == found.step_seconds
    assert f"{second.layout}: as fast." in found.why and "(0.0%)" not in found.why


def test_what_fits_nowhere_is_refused_with_what_it_needs():
    model = Model(layers=96, hidden=12288, heads=96, vocab=51200, sequence=2048)
    with pytest.raises(CourseError, match="no layout on 8 × A100-80GB fits: .* take more devices"):
        plan(Spec(model, 8, "A100-80GB", batch=8))
    with pytest.raises(CourseError, match="no layout divides 7 devices, batch = 64"):
        plan(Spec(model, 7, "A100-80GB", batch=64))


@pytest.mark.parametrize(
    ("layout", "devices", "would"),
    [
        (Layout(1, 8, 8, chunks=3), 64, "What would fit: recompute = 'full'"),
        (Layout(8, 8, recompute="full", sequence_parallel=True), 64, "What would fit: zero = "),
        (Layout(64), 64, "What would fit: 1 data × 8 tensor"),
        (Layout(2, 4), 8, "No layout of as many devices fits"),
    ],
)
def test_a_layout_that_does_not_fit_says_by_how_much_and_what_would(layout, devices, would):
    model = Model(layers=96, hidden=12288, heads=96, vocab=51200, sequence=2048)
    found = plan(Spec(model, devices, "A100-80GB", batch=64, layout=layout))
    assert not found.fits
    first = found.why.split("\n")[0]
    assert "It does not fit" in first and "too much" in first and would in first
    missing = (found.memory_total - found.memory_available) / 2**30
    assert f"{missing:.3g} GiB too much" in first or f"{missing:,.0f} GiB too much" in first


def test_plans_whose_time_is_known_badly_say_so():
    model = Model(32, 4096, 32, 32_000, 8192, kv_heads=8, gated=True)
    many = plan(Spec(model, 64, "A100-80GB", batch=64, layout=Layout(64, zero=3)))
    assert "ZeRO 3 across nodes depends on the software" in many.why
    long = plan(Spec(model, 64, "H100-SXM", batch=64, layout=Layout(16, context=4)))
    assert "Context parallelism is known less well: 6 published steps" in long.why
    mixed = replace(model, experts=8)
    words = plan(Spec(mixed, 64, "H100-SXM", batch=64, layout=Layout(8, 8))).why
    assert "A mixture of experts was compared with no published step" in words
    eight = plan(Spec(model, 8, "H100-SXM", batch=8, layout=Layout(8), precision="fp8"))
    assert "no published step of megatron-2024 in fp8" in eight.why
