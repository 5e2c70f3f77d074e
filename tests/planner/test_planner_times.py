"""Seconds of a step against published ones, group by group, and what each effect is worth."""

from dataclasses import replace

import pytest

from course.planner import STACKS, Layout
from course.planner.ablation import EFFECTS, ablation, fit
from course.planner.devices import DEVICES
from course.planner.layer_time import attention_times, layer_time, product_times
from course.planner.machine import Machine, ring_seconds
from course.planner.published import (
    context_parallel,
    every_row,
    gpt,
    h100,
    korthikanti,
    sc21,
    torchtitan,
    zero_3,
)
from course.planner.step_time import head_seconds, step_time


def errors(rows):
    found = [abs(row.error()) for row in rows]
    assert found
    return 100 * sum(found) / len(found), 100 * max(found)


@pytest.mark.parametrize(
    ("rows", "mean", "worst", "constants"),
    [
        (korthikanti(), 2.5, 5, 2),  # none of them fitted
        ([row for row in sc21() if not row.fitted], 3, 6, 2),
        ([row for row in h100() if row.fitted], 5, 10, 1),
        ([row for row in h100() if not row.fitted], 3, 5, 1),
        (torchtitan(), 4, 8, 4),
        (zero_3(), 6, 10, 1),
        ([row for row in context_parallel() if row.layout.context == 1], 5, 6, 4),
    ],
    ids=["A100 2022", "A100 2021", "H100", "GPT-3 on H100", "torchtitan", "ZeRO 3", "long"],
)
def test_published_times_are_met(rows, mean, worst, constants):
    found = errors(rows)
    assert found[0] <= mean and found[1] <= worst, found


def test_where_it_does_not_carry_it_is_known():
    rows = [row for row in context_parallel() if row.layout.context >= 4]
    assert 10 < errors(rows)[0] < 25 and not any(row.fitted for row in rows)


def test_rows_say_what_their_constants_were_fitted_on():
    assert [row.name for row in sc21() if row.fitted] == ["1.7 B", "18.4 B", "145.6 B"]
    assert not any(row.fitted for row in korthikanti())
    assert all(row.layout.devices % 8 == 0 for row in every_row())
    assert len({(row.group, row.name) for row in every_row()}) == len(every_row())


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([row for row in sc21() if row.fitted], ("matmul", "memory")),
        ([row for row in h100() if row.fitted], ("matmul",)),
        ([*torchtitan(), *(row for row in context_parallel() if row.fitted)],
         ("matmul", "attention", "fp8_gain")),
    ],
    ids=["A100", "H100", "torchtitan"],
)  # fmt: skip
def test_the_shares_are_those_that_a_fit_finds(rows, names):
    found = fit(rows, names)
    for name, share in found.items():
        assert getattr(STACKS[rows[0].stack], name) == pytest.approx(share, rel=0.04)


def test_each_effect_is_worth_something_or_stands_on_physics():
    found = ablation()
    whole = found.pop("nothing left out")
    assert set(found) == set(EFFECTS) and whole < 0.025
    for effect in ("elementwise", "tensor traffic", "hiding", "data parallel", "waves"):
        assert found[effect] > 1.3 * whole, effect
    assert min(found.values()) > 0.9 * whole


# ---- which way a time must move -----------------------------------------------------------------


def seconds(layout, batch=64, device="A100-80GB", stack="megatron-2022", **changes):
    machine = Machine(DEVICES[device], replace(STACKS[stack], **changes))
    return step_time(gpt(32, 4096, 32), layout, machine, batch)


def test_parts_add_up_and_move_as_they_must():
    plain = seconds(Layout(8, 8))
    assert plain.total == pytest.approx(sum(vars(plain).values()))
    assert plain.bubble == plain.messages == 0 < plain.data_parallel
    full = seconds(Layout(8, 8, recompute="full"))
    assert full.layers > 1.25 * plain.layers and full.head == plain.head
    one, many = (seconds(Layout(1, 8, 8, micro_batch=b)) for b in (8, 1))
    assert many.bubble < one.bubble / 6
    interleaved = seconds(Layout(1, 8, 8, chunks=4))
    assert interleaved.bubble < many.bubble / 3 and interleaved.messages > 3.9 * many.messages
    assert seconds(Layout(1, 8, 8, schedule="zero_bubble")).bubble < 0.7 * many.bubble
    assert seconds(Layout(8, 8, zero=1)).optimiser == pytest.approx(plain.optimiser / 8)
    hidden = seconds(Layout(8, 8), data_hidden=1.0)
    assert hidden.data_parallel < plain.data_parallel
    across = seconds(Layout(4, 16))  # twice the batch and half the matrices: the network is slow
    assert across.layers > 1.5 * plain.layers


def test_eight_bits_make_products_with_weights_faster_and_attention_not():
    plain, fast = (Machine(DEVICES["H100-SXM"], STACKS["megatron-2022"], eight) for eight in
                   (False, True))  # fmt: skip
    model, layout = gpt(32, 4096, 32), Layout()
    assert attention_times(model, layout, plain) == attention_times(model, layout, fast)
    gain = sum(product_times(model, layout, plain).forward.values())
    gain /= sum(product_times(model, layout, fast).forward.values())
    assert gain == pytest.approx(1.65, rel=0.02)  # and 5 µs to start
    assert head_seconds(model, layout, plain) == head_seconds(model, layout, fast)


def test_a_product_is_bound_by_its_tiles_or_by_memory():
    machine = Machine(DEVICES["A100-80GB"], STACKS["megatron-2022"])
    full = machine.product_seconds(256 * 9, 128 * 12, 4096)  # each multiprocessor has one tile
    one_more = machine.product_seconds(256 * 9 + 1, 128 * 12, 4096)
    assert one_more - 5e-6 == pytest.approx(2 * (full - 5e-6))  # a second wave for one row
    assert full - 5e-6 == pytest.approx(2 * 108 * 256 * 128 * 4096 / (312e12 * 0.85))
    thin = machine.product_seconds(2**20, 64, 1)
    assert thin - 5e-6 == pytest.approx(2 * (2**20 * 65 + 64) / (2039e9 * 0.64))
    assert ring_seconds(1e9, 1, 1e9) == 0
    assert ring_seconds(8e9, 8, 1e9, rounds=2) == pytest.approx(14, rel=1e-4)


def test_a_layer_goes_backward_in_twice_its_time_and_again_forward():
    machine = Machine(DEVICES["A100-80GB"], STACKS["megatron-2022"])
    found = layer_time(gpt(32, 4096, 32), Layout(recompute="full"), machine)
    assert found.again == found.forward and 1.8 < found.backward / found.forward < 2.3
    assert 0.3 < found.weights / found.backward < 0.5
    core = layer_time(gpt(32, 4096, 32), Layout(recompute="selective"), machine).again
    assert core == attention_times(gpt(32, 4096, 32), Layout(), machine)[0]


def test_the_update_moves_what_the_optimiser_keeps():
    machine = Machine(DEVICES["A100-80GB"], STACKS["megatron-2022"])
    model = gpt(32, 4096, 32)
    adam, sgd = (step_time(model, Layout(), machine, 1, name).optimiser for name in ("adam", "sgd"))
    assert adam == pytest.approx(58 * model.parameters / (2039e9 * 0.64))
    assert sgd == pytest.approx(adam * 42 / 58)  # m and v are neither read nor written


def test_zero_three_gathers_for_every_micro_batch():
    once, twice = (
        seconds(Layout(64, micro_batch=b, zero=3), batch=128).data_parallel for b in (2, 1)
    )
    assert twice == pytest.approx(2 * once)
    two, three = (seconds(Layout(64, zero=zero)).data_parallel for zero in (0, 3))
    assert three == pytest.approx(1.5 * two)
