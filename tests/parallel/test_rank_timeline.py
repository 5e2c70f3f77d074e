"""The timeline shows the events that were recorded, and nothing else."""

import json

import pytest
import torch

from course import MLP, CourseError
from course.parallel.communicator import Event
from course.parallel.in_turn import Costs, InTurn
from course.parallel.pipeline import Pipeline
from course.parallel.rehearsal import rehearse
from course.parallel.setup import Setup
from course.parallel.timeline import timeline

EVENTS = [
    Event(0, "compute", "forward 0", 8, 1.0, 1.0, 3.0),
    Event(0, "send", "activations 0", 40, 3.0, 3.0, 4.0),
    Event(1, "recv", "activations 0", 0, 1.0, 4.0, 4.0),
    Event(1, "compute", "forward 0", 8, 4.0, 4.0, 6.0),
    Event(1, "compute", "weight gradient 0", 8, 6.0, 6.0, 7.0),
    Event(0, "all_reduce", "loss", 16, 3.0, 7.0, 9.0),
    Event(1, "all_reduce", "loss", 16, 7.0, 7.0, 9.0),
]  # fmt: skip


def test_each_event_is_a_span_of_its_rank():
    found = timeline(EVENTS)
    assert found.end == 8.0
    assert [(s.kind, s.start, s.end) for s in found.ranks[0]] == [
        ("compute", 0, 2), ("send", 2, 3), ("talk", 2, 8)]  # fmt: skip
    assert found.bytes_sent == {"send": 40, "all_reduce": 32}
    assert (found.share(0, "compute"), found.share(1, "talk")) == (0.25, 0.625)
    assert found.idle == pytest.approx(1 - (2 + 3) / 16)


def test_the_drawing_has_a_letter_for_each_moment():
    assert timeline(EVENTS).draw(16).splitlines() == [
        "rank 0   FFFF------------  computes  25%, talks and waits  75%",
        "rank 1   ------FFFFWW----  computes  38%, talks and waits  62%",
    ]
    assert str(timeline(EVENTS)).endswith("8 s; bytes sent: all_reduce 32, send 40")


def test_the_trace_is_what_viewers_open(tmp_path):
    """Trace Event Format: X events have ts and dur in µs, and on a line they nest or follow."""
    step = rehearse(Setup("data_pipeline", 4, 4))
    for found in (timeline(EVENTS), step.timeline):
        found.save_trace(tmp_path / "trace.json")
        saved = json.loads((tmp_path / "trace.json").read_text())
        assert saved["displayTimeUnit"] == "ns"
        drawn = [e for e in saved["traceEvents"] if e["ph"] == "X"]
        assert len(drawn) == sum(len(spans) for spans in found.ranks)
        assert all(e.keys() >= {"name", "cat", "pid", "tid", "ts", "dur"} for e in drawn)
        lines = {e["tid"]: e["args"]["name"] for e in saved["traceEvents"]
                 if e["name"] == "thread_name"}  # fmt: skip
        assert {e["tid"] for e in drawn} <= lines.keys()
        for tid in lines:
            spans = sorted((e["ts"], e["ts"] + e["dur"]) for e in drawn if e["tid"] == tid)
            pairs = zip(spans, spans[1:], strict=False)
            assert all(end <= start + 1e-6 or later <= end + 1e-6
                       for (_, end), (start, later) in pairs)  # fmt: skip


def test_the_trace_says_who_did_what_and_when():
    drawn = [e for e in timeline(EVENTS).trace()["traceEvents"] if e["ph"] == "X"]
    first, sent = drawn[0], next(e for e in drawn if e["cat"] == "send")
    assert (first["name"], first["tid"], first["ts"], first["dur"]) == ("forward 0", 0, 0.0, 2e6)
    assert (sent["name"], sent["tid"], sent["ts"], sent["dur"]) == ("activations 0", 2, 2e6, 1e6)


def test_a_trace_that_cannot_be_saved_says_so(tmp_path):
    with pytest.raises(CourseError, match="the trace cannot be saved as .*choose a file"):
        timeline(EVENTS).save_trace(tmp_path / "nowhere" / "trace.json")


def test_a_pipeline_is_drawn_as_it_ran():
    world = InTurn(2, Costs(latency=0, bandwidth=1e18, flops_per_second=1e6))

    def program(comm):
        model = Pipeline(comm, MLP([4, 8, 2], dtype=torch.float64), 4, "gpipe")
        model.loss_and_grad(torch.ones(8, 5, dtype=torch.float64),
                            torch.ones(2, 8, dtype=torch.float64) / 2)  # fmt: skip

    world.run(program)
    above = timeline(world.events).draw(200).splitlines()[1]
    assert above.split()[2].startswith("-" * 5)  # it waits for the first activations
    assert above.index("F") < above.index("I") < above.index("W")


def test_without_events_there_is_nothing_to_draw():
    with pytest.raises(CourseError, match="no events to draw; run a program first"):
        timeline([])
    with pytest.raises(CourseError, match="width = 3"):
        timeline(EVENTS).draw(3)


def test_spans_stand_by_their_start_and_are_named_by_their_kind():
    """A sum that was over before its rank waited for it stands before the work in between."""
    events = [
        Event(0, "compute", "forward 0", 8, 0.0, 0.0, 2.0),
        Event(0, "compute", "", 8, 2.0, 2.0, 4.0),
        Event(0, "all_reduce", "", 8, 0.0, 0.0, 1.0),
    ]
    found = timeline(events)
    assert [(s.kind, s.start, s.end) for s in found.ranks[0]] == [
        ("compute", 0, 2), ("talk", 1, 1), ("compute", 2, 4)]  # fmt: skip
    spans = [e for e in found.trace()["traceEvents"] if e["ph"] == "X"]
    assert [e["name"] for e in spans] == ["forward 0", "all_reduce", "compute"]
    assert found.draw().split()[2] == "F" * 36 + "#" * 36


def test_shares_of_no_time_and_of_what_is_not_there():
    found = timeline([Event(0, "barrier", "", 0, 1.0, 1.0, 1.0)])
    assert (found.end, found.share(0, "talk"), found.idle) == (0, 0, 1)
    assert found.draw(10).split()[2] == "." * 10 and str(found).endswith("bytes sent: none")
    with pytest.raises(CourseError, match="rank = 1 is out of range"):
        found.share(1, "talk")
    with pytest.raises(CourseError, match="kind = 'wait' is unknown"):
        found.share(0, "wait")
