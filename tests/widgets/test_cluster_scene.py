"""What a ClusterLab draws by step, and how it puts numbers and ways into words."""

import numpy as np
import pytest

from course.parallel import Setup
from widgets.cluster import scene, words
from widgets.cluster.session import Session
from widgets.cluster.walks import ScheduleWalk


@pytest.fixture(scope="module")
def session() -> Session:
    """A run of three steps, each made in another way."""
    run = Session(Setup("data", 2), hidden=(12, 12, 12), batch=24)
    run.step()
    for knob, value in (("latency", 400), ("ranks", 3)):
        run.turn(knob, value)
        run.step()
    return run


def test_curves_by_step_are_the_records(session):
    arrays: dict = {}
    plots = scene.strips(session, 3, arrays)
    assert arrays["steps"].tolist() == [1, 2, 3]
    factor = {"s": 1, "ms": 1e-3, "µs": 1e-6}[plots[1]["title"].partition("(")[2][:-1]]
    for k, (loss, alone, seconds, efficiency) in enumerate(session.records):
        assert (arrays["loss"][k], arrays["alone"][k]) == (loss, alone)
        assert arrays["seconds"][k] * factor == pytest.approx(seconds)
        assert arrays["efficiency"][k] == efficiency
    for plot, names in zip(plots, (["alone", "loss"], ["seconds"], ["efficiency"]), strict=True):
        assert [layer["y"] for layer in plot["layers"]] == names
        values = np.concatenate([arrays[name] for name in names])
        assert plot["y"]["low"] <= values.min() <= values.max() <= plot["y"]["high"]
    assert len({record.seconds for record in session.records}) == 3


def test_a_long_run_is_drawn_by_some_of_its_steps_and_its_last(session, monkeypatch):
    monkeypatch.setattr(session, "records", session.records * 301)
    monkeypatch.setitem(session.steps, 903, session.steps[3])
    arrays: dict = {}
    scene.strips(session, 903, arrays)
    steps = arrays["steps"].astype(int)
    assert steps[0] == 1 and steps[-1] == 903 and len(steps) <= scene.POINTS + 1
    assert arrays["loss"].tolist() == [session.records[k - 1].loss for k in steps]
    assert scene.horizon(903, 30) == 1920 and scene.horizon(3, 30) == 30


def test_one_rank_sends_nothing():
    run = Session(Setup("data", 1), hidden=(12,), batch=24)
    arrays: dict = {}
    panel = scene.sent(run.latest, arrays)
    assert panel["alt"] == "nothing" and panel["rows"] == [["nothing", ""]]
    assert len(arrays["sent_row"]) == 0
    assert run.latest.efficiency == pytest.approx(1)


def test_bytes_are_drawn_by_kind(session):
    arrays: dict = {}
    panel = scene.sent(session.latest, arrays)
    n = session.latest.bytes_sent["all_reduce"]
    factor = {"kB": 1e3, "B": 1, "MB": 1e6}[panel["unit"]]
    assert arrays["sent_to"].tolist() == [pytest.approx(n / factor)]
    assert panel["alt"] == f"all_reduce {words.size(n)}"


@pytest.mark.parametrize(
    ("label", "kind", "found"),
    [
        ("forward 3", "compute", ("forward", "F3", "forward 3")),
        ("backward 0", "compute", ("backward", "B0", "backward 0")),
        ("input gradient 12", "compute", ("input gradient", "I12", "input gradient 12")),
        ("forward 10b", "compute", ("forward", "F10b", "forward 10b")),
        ("forward 3.12", "compute", ("forward", "F3.12", "forward 3.12")),
        ("weight gradient", "compute", ("weight gradient", "W", "weight gradient")),
        ("forward, backward", "compute", ("both passes", "", "forward, backward")),
        ("", "barrier", ("message or collective", "", "barrier (barrier)")),
        ("gradient", "all_reduce", ("message or collective", "", "gradient (all-reduce)")),
    ],
)
def test_each_event_has_a_colour_and_its_names(label, kind, found):
    hue, *names = scene.named(kind, label)
    assert (scene.HUES[hue][0], *names) == found


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        (Setup("data", 1), "data parallel on 1 rank"),
        (Setup("data", 4, buckets=3), "data parallel on 4 ranks, 3 buckets"),
        (Setup("zero2", 2), "ZeRO-2 on 2 ranks"),
        (Setup("local_sgd", 2, local_steps=1),
         "local SGD on 2 ranks, weights averaged every 1 step"),
        (Setup("data_tensor", 6, per_replica=3),
         "data × tensor on 6 ranks, 3 in each of 2 replicas"),
        (Setup("data_pipeline", 4, 1, "gpipe", per_replica=4),
         "data × pipeline on 4 ranks, 4 in each of 1 replica, gpipe, 1 micro-batch"),
        (Setup("pipeline", 2, 4, "interleaved", 2),
         "pipeline on 2 ranks, interleaved, 4 micro-batches, 2 stages a rank"),
    ],
)  # fmt: skip
def test_a_way_is_said_with_what_it_uses(setup, said):
    assert words.way(setup) == said


def test_units_are_those_that_leave_few_digits():
    sizes = [words.size(n) for n in (0, 999, 1000, 98352, 2.5e6, 3e9)]
    assert sizes == ["0 B", "999 B", "1 kB", "98.4 kB", "2.5 MB", "3 GB"]
    times = [words.duration(s) for s in (2, 1, 0.00261, 1e-3, 4e-6, 1e-6, 5e-8)]
    assert times == ["2 s", "1 s", "2.61 ms", "1 ms", "4 µs", "1 µs", "50 ns"]
    assert scene.decades([np.array([0.03, 7.0])]) == {"scale": "log", "low": 0.02, "high": 10.0}
    assert scene.decades([np.array([np.nan])])["high"] == 2.0


def test_stages_of_an_interleaved_schedule_have_letters():
    walk = ScheduleWalk(Setup("pipeline", 2, 4, "interleaved", 2))
    assert (walk.name, walk.v) == ("interleaved", 2)
    walk.go(2)
    assert "F0b" in walk.html() and "rank 0 forward 0b" in walk.words()
    run = Session(Setup("pipeline", 2, 4, "interleaved", 2), hidden=(12, 12, 12), batch=24)
    drawn = {tuple(name) for name in scene.timeline(run, run.latest, None, {})["names"]}
    names = {f"{micro}{stage}" for micro in range(4) for stage in "ab"}
    assert {short[1:] for short, _ in drawn if short} == names, "as in the walk"
    unused = ScheduleWalk(Setup("data", 3, 4, "gpipe"))
    assert (unused.name, unused.p) == ("gpipe", 3)
    assert unused.words().startswith("This strategy has no schedule")
