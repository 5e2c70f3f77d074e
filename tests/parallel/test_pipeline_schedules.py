"""Pipeline schedules against published figures and against those of torch's own pipelining."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed.pipelining import schedules as torch_schedules

from course import MLP, CourseError
from course.parallel.in_turn import InTurn
from course.parallel.pipeline import Pipeline
from course.parallel.schedules import Action, make_schedule, most_in_flight, time_schedule
from course.parallel.views import torch_1f1b

NAMES = {"FORWARD": "F", "FULL_BACKWARD": "B", "BACKWARD_INPUT": "I", "BACKWARD_WEIGHT": "W"}


@pytest.mark.parametrize(
    ("name", "v", "span", "idle", "in_flight"),
    [  # p = 4, m = 8, F = 1, B = 2, of torch's schedules on the same clock
        ("gpipe", 1, 33, 3 / 11, [8, 8, 8, 8]),
        ("1f1b", 1, 33, 3 / 11, [4, 3, 2, 1]),
        ("interleaved", 2, 57, 3 / 19, [11, 9, 7, 5]),
    ],
)
def test_span_bubble_and_micro_batches_in_flight(name, v, span, idle, in_flight):
    timing = time_schedule(make_schedule(name, 4, 8, v))
    assert (timing.span, timing.in_flight) == (span, in_flight)
    assert timing.idle == pytest.approx(idle)


@given(p=st.integers(1, 6), m=st.integers(1, 12), v=st.integers(1, 3))
def test_the_bubbles_are_those_of_the_papers(p, m, v):
    for name in ("gpipe", "1f1b"):
        assert time_schedule(make_schedule(name, p, m)).idle == pytest.approx((p - 1) / (m + p - 1))
    kept = time_schedule(make_schedule("1f1b", p, m)).in_flight
    assert kept == [min(m, p - r) for r in range(p)]
    groups = time_schedule(make_schedule("interleaved", p, m * p, v))
    assert groups.idle == pytest.approx((p - 1) / (v * m * p + p - 1))


@given(p=st.integers(1, 6), more=st.integers(0, 8))
def test_zero_bubble_is_idle_for_p_minus_one_units_and_keeps_p_micro_batches(p, more):
    m = p + more
    timing = time_schedule(make_schedule("zero_bubble", p, m))
    assert timing.span == 3 * m + p - 1  # (p - 1)(F + B - 2W) of Qi et al. (2024), F = I = W
    assert timing.in_flight == [p] * p


@pytest.mark.parametrize(("p", "m"), [(2, 3), (4, 8), (5, 7)])
def test_1f1b_is_the_order_of_torch(p, m):
    fake = SimpleNamespace(_num_stages=p, _n_microbatches=m)
    theirs = torch_schedules.Schedule1F1B._get_pipeline_order(fake)
    for r, actions in enumerate(make_schedule("1f1b", p, m)):
        order = [(NAMES[a.computation_type.name], a.microbatch_index)
                 for a in theirs[r] if a and a.computation_type.name in NAMES]  # fmt: skip
        if r == p - 1:  # torch numbers these forwards from 1
            order = [(kind, i - (kind == "F")) for kind, i in order]
        assert [(a.kind, a.micro) for a in actions] == order


@pytest.mark.parametrize(("p", "m", "v"), [(2, 4, 2), (4, 8, 2), (3, 9, 3)])
def test_interleaved_is_the_order_of_torch(p, m, v):
    kind = torch_schedules.ScheduleInterleaved1F1B
    rounds = m // p
    fake = SimpleNamespace(
        n_local_stages=v, microbatches_per_round=m // rounds, pp_group_size=p, _n_microbatches=m
    )
    for r, actions in enumerate(make_schedule("interleaved", p, m, v)):
        theirs = kind._calculate_single_rank_operations(fake, r)
        order = [(NAMES[a.computation_type.name], a.stage_index, a.microbatch_index)
                 for a in theirs if a and a.computation_type.name in NAMES]  # fmt: skip
        assert [(a.kind, a.chunk * p + r, a.micro) for a in actions] == order


@given(p=st.integers(1, 5), m=st.integers(1, 9))
def test_every_micro_batch_is_worked_on_once_by_each_rank(p, m):
    for name, kinds in (("gpipe", "FB"), ("1f1b", "FB"), ("zero_bubble", "FIW")):
        for actions in make_schedule(name, p, m):
            assert sorted(actions) == sorted(Action(k, i) for k in kinds for i in range(m))


def test_a_schedule_without_an_end_is_named():
    with pytest.raises(CourseError, match="wait for each other: rank 0 before B0$"):
        time_schedule([[Action("B", 0), Action("F", 0)]])


def test_activations_are_kept_until_backward_or_until_w():
    assert most_in_flight([Action("F", 0), Action("F", 1), Action("B", 0), Action("B", 1)]) == 2
    split = [Action(k, i) for i in (0, 1) for k in "FI"] + [Action("W", 0), Action("W", 1)]
    assert most_in_flight(split) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("1f2b", 2, 4), "schedule = '1f2b'"),
        (("1f1b", 0, 4), "ranks = 0"),
        (("1f1b", 2, 0), "micro_batches = 0"),
        (("gpipe", 2, 4, 2), "gpipe has one stage a rank, not 2"),
        (("interleaved", 4, 6, 2), "groups of 4, and got 6; take 8"),
    ],
)
def test_what_is_no_schedule_is_refused(arguments, words):
    with pytest.raises(CourseError, match=words):
        make_schedule(*arguments)


@pytest.mark.parametrize("starts", [[0, 1, 2], [0, 5, 6], [0, 3, 4]])
def test_stages_may_begin_at_any_layer_with_weights(starts):
    net = MLP([6, 5, 7, 5, 8, 9, 4, 3], "tanh", dtype=torch.float64)
    x, y = torch.randn(12, 6, dtype=torch.float64), torch.arange(12) % 3

    def program(comm):
        model = Pipeline(comm, net, 4, starts=starts)
        model.loss_and_grad(*model.encode(x, y))
        return model.whole(model.grad).clone(), len(model.theta)

    made = InTurn(3).run(program)
    module = net.to_module()
    torch.nn.functional.cross_entropy(module(x), y).backward()
    theirs = [torch.cat([layer.weight.grad, layer.bias.grad[:, None]], 1)
              for layer in module if isinstance(layer, torch.nn.Linear)]  # fmt: skip
    assert torch.allclose(made[0][0], torch.cat([g.flatten() for g in theirs]), atol=1e-14)
    ends = [*starts[1:], len(theirs)]
    for (_, size), a, b in zip(made, starts, ends, strict=True):
        assert size == sum(g.numel() for g in theirs[a:b])


@pytest.mark.parametrize(
    "starts", [[0, 1], [1, 2, 3], [0, 2, 2], [0, 3, 2], [0, 1, 3], [0, 1.5, 2], "012", [0, -1, 2]]
)
def test_starts_that_begin_no_stages_are_refused(starts):
    net = MLP([6, 5, 5, 3])
    words = r"starts = .*; allowed: 3 rising whole numbers, the first 0, the last below 3"
    with pytest.raises(CourseError, match=words):
        InTurn(3).run(lambda comm: Pipeline(comm, net, 4, starts=starts))


@pytest.mark.parametrize(("p", "m"), [(2, 2), (4, 8), (3, 7)])
def test_torchs_table_of_1f1b_is_ours_but_for_the_last_ranks_numbers(p, m):
    ours, theirs = make_schedule("1f1b", p, m), torch_1f1b(p, m)
    assert theirs[:-1] == ours[:-1]
    assert [a.micro for a in theirs[-1] if a.kind == "F"] == list(range(1, m + 1))
    assert [a.kind for a in theirs[-1]] == [a.kind for a in ours[-1]]
    assert [a for a in theirs[-1] if a.kind == "B"] == [a for a in ours[-1] if a.kind == "B"]
