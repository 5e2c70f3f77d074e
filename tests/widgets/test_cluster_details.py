"""What a ClusterLab says of each moment, how far its knobs reach, and which of them are shown."""

import re

import pytest

from course import CourseError
from course.parallel import Setup
from widgets.cluster.lab import ClusterLab
from widgets.cluster.session import Session
from widgets.cluster.walks import DOES, CollectiveWalk, ScheduleWalk

SMALL = {"hidden": (12, 12, 12), "batch": 24}


def lab(**options) -> ClusterLab:
    return ClusterLab("data", 2, **SMALL, interactive=False, **options)


def test_a_step_that_was_made_takes_the_place_of_the_one_to_come():
    run = Session(Setup("data", 2), **SMALL)
    run.step()
    assert run.latest is run.steps[1]
    run.turn("ranks", 3)
    assert run.latest.setup.ranks == 3, "the next one again, as it will be"


def test_a_head_line_is_of_the_step_on_show():
    one = lab().run(3)
    one.go_to(2)
    shown = dict(one.heads())
    assert shown["step"] == "2" and float(shown["loss"]) == pytest.approx(one.losses[1], rel=5e-3)
    assert len(set(one.losses)) == 3


def test_a_curve_is_fitted_on_the_cluster_as_in_one_process():
    run = Session(Setup("data", 3), data="sine", **SMALL)
    run.step()
    assert run.records[0].loss == pytest.approx(run.records[0].alone, rel=1e-4)
    assert run.gap < 1e-5 and run.cluster.network.outputs == 1


@pytest.mark.parametrize(
    ("knob", "low", "high"),
    [("latency", 0, 1e6), ("bandwidth", 1e-3, 1e9), ("flops", 1e-3, 1e9)],
)
def test_a_cost_reaches_as_far_as_its_range_says(knob, low, high):
    run = Session(Setup("data", 2), **SMALL)
    for value in (low, low or 0.1, high):
        run.turn(knob, value)
        assert run.knobs()[knob] == value, "in the units of the knob"
    for value in (low - 1e-6, high * 1.01):
        with pytest.raises(CourseError, match=f"{knob} = .* out of range"):
            run.turn(knob, value)
    assert run.knobs()[knob] == high


# ---- walks --------------------------------------------------------------------------------------


def test_an_all_reduce_counts_its_rounds_and_what_was_sent():
    assert "2 messages in 2 rounds" in CollectiveWalk("tree", 2).words()
    for name, each, places in (("ring", 1, r"place \d to rank"), ("tree", 4, "place 0 to 3 to")):
        walk = CollectiveWalk(name, 4)
        for position in range(walk.last + 1):
            walk.go(position)
            assert re.search(rf"Sent so far: {each * position} numbers?;", walk.words())
            assert not position or re.search(f"of {places}", walk.words())


@pytest.mark.parametrize("setup", [Setup("pipeline", 3, 4), Setup("pipeline", 2, 4, "zero_bubble")])
def test_each_unit_says_of_each_rank_what_it_does_and_keeps(setup):
    walk = ScheduleWalk(setup)
    for unit in range(walk.last + 1):
        walk.go(unit)
        does, _, keeps = walk.words().partition("In flight: ")
        for rank in range(setup.ranks):
            now = walk.table.at(rank, unit)
            says = f"{DOES[now.action.kind]} {now.action.micro}" if now else "waits"
            assert re.search(rf"rank {rank} {says}[;.]", does)
            kept = ", ".join(str(micro) for micro, _ in walk.table.in_flight(rank, unit)) or "none"
            assert f"rank {rank}: {kept} (at most {walk.table.most[rank]})" in keeps


def test_a_table_marks_the_present_and_what_comes_later():
    walk = ScheduleWalk(Setup("pipeline", 2, 4))
    walk.go(4)
    page, later = walk.html(), 0
    for rank in range(2):
        cells = {walk.table.at(rank, unit) or unit for unit in range(walk.last + 1)}
        later += sum((cell if isinstance(cell, int) else cell.start) > 4 for cell in cells)
    assert page.count("face-later") == later > 0
    assert page.startswith("<div") and "aria-label='the schedule'><table>" in page


def test_eight_ranks_are_told_one_by_one_and_nine_in_sum():
    assert "rank 7 waits" in ScheduleWalk(Setup("data", 8)).words()
    nine = ScheduleWalk(Setup("data", 9)).words()
    assert "1 rank at work, 8 waiting" in nine and "rank 7" not in nine


# ---- widgets ------------------------------------------------------------------------------------


def test_stages_a_rank_is_a_knob_of_interleaved_pipelines_alone():
    shown = []
    one = ClusterLab("pipeline", 2, **SMALL, micro_batches=4, interactive=True)
    for knob, value in [("schedule", "gpipe"), ("schedule", "interleaved"), ("strategy", "data")]:
        one.set(knob, value)
        shown.append(one.panel.knobs["chunks"].box.layout.display != "none")
    assert shown == [False, True, False]


def test_back_goes_back_one_moment():
    one = ClusterLab("data", 2, **SMALL, interactive=True)
    keys = {key.description: key for key in one.panel.message.box.children[0].children[2].children}
    one.panel.message.slider.value = 5
    keys["Back"].click()
    assert one.collective.position == one.panel.message.slider.value == 4
