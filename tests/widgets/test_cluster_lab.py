"""ClusterLab without a browser: driving, knobs, what is shown and said, tabs, the trace."""

import json
import re
import time

import numpy as np
import pytest
import torch

from course import MLP, Adam, CourseError, Descend, Trainer, chain, load_data
from course.parallel.schedules import make_schedule, time_schedule
from widgets.cluster.lab import ClusterLab
from widgets.cluster.session import KNOBS, STRATEGY_WORDS
from widgets.cluster.walks import CollectiveWalk, ScheduleWalk
from widgets.common.frames import decode
from widgets.common.picture import faults


def wait(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def small(**options) -> ClusterLab:
    """Return a lab of a small network, without a front end unless it is asked for."""
    return ClusterLab(**{"hidden": (20, 20, 20), "batch": 48, "interactive": False, **options})


def live(**options) -> ClusterLab:
    """Return a lab as in a notebook, with a browser that looks."""
    lab = small(interactive=True, **options)
    lab.panel.face._hear({"kind": "see", "view": "v", "seq": lab.panel.face.seq})
    return lab


def alone(steps: int) -> Trainer:
    trainer = Trainer(MLP([64, 20, 20, 20, 10]), load_data("digits"),
                      chain(Adam(), Descend(0.003)), 48)  # fmt: skip
    for _ in range(steps):
        trainer.step()
    return trainer


def read(lab) -> dict[str, str]:
    return dict(lab.heads())


# ---- the run goes on ----------------------------------------------------------------------------


def test_the_loss_goes_on_as_in_one_process_whatever_is_turned():
    lab = small()
    turns = [
        ("strategy", "data"), ("ranks", 3), ("latency", 500), ("strategy", "zero3"),
        ("strategy", "tensor"), ("bandwidth", 1), ("ranks", 4), ("strategy", "pipeline"),
        ("schedule", "zero_bubble"), ("micro_batches", 4), ("strategy", "data_pipeline"),
    ]  # fmt: skip
    for knob, value in turns:
        before = lab.shown()
        lab.run(2).set(knob, value)
        assert lab.knobs()[knob] == value
        assert "Not changed" not in lab.summary()
        assert (lab.shown().seconds, lab.shown().memory) != (before.seconds, before.memory)
    lab.run(1)
    twin = alone(23)
    assert np.allclose(lab.losses, twin.history.loss, rtol=1e-3)
    ours = lab.session.cluster.trainer
    assert torch.allclose(ours.model.theta, twin.model.theta, atol=2e-3)
    assert "the weights are those of one process to" in lab.summary()
    assert lab.picture()["turns"][0] == [2, "data parallel"]
    assert len(lab.picture()["turns"]) == len(turns)


def test_local_sgd_says_that_it_is_another_algorithm():
    lab = small(strategy="local_sgd", local_steps=2)
    lab.run(5)
    assert "Local SGD, of which step 1 was the first, is another algorithm" in lab.summary()
    lab.set("strategy", "data")
    lab.run(1)
    assert "another algorithm" in lab.summary(), "its weights stay what local SGD made of them"
    assert not np.allclose(lab.losses, alone(6).history.loss, rtol=1e-3)


@pytest.mark.parametrize("strategy", [*STRATEGY_WORDS])
def test_every_strategy_is_drawn_and_said(strategy):
    lab = small(strategy=strategy, micro_batches=4)
    lab.run(2)
    picture = lab.picture()
    assert faults(picture) == []
    assert STRATEGY_WORDS[strategy] in lab.summary()
    time_, (memory, sent) = picture["below"][0], picture["side"]
    assert [name for name, _ in time_["rows"]] == [f"rank {rank}" for rank in range(4)]
    arrays, step = picture["arrays"], lab.shown()
    factor = step.seconds / time_["high"]
    for rank, use in enumerate(step.time):
        mine = (arrays["time_row"] == rank) & (
            np.array([h[2] for h in time_["hues"]])[arrays["time_hue"]] == 0
        )
        drawn = (arrays["time_to"] - arrays["time_from"])[mine].sum() * factor
        assert drawn == pytest.approx(use.compute)
    for rank, kept in enumerate(step.memory):
        end = arrays["memory_to"][arrays["memory_row"] == rank].max()
        assert end / memory["high"] == pytest.approx(kept.total / max(m.total for m in step.memory))
    assert len(sent["rows"]) == sum(n > 0 for n in step.bytes_sent.values())


def test_before_the_first_step_the_next_one_is_shown_and_nothing_has_moved():
    lab = small(ranks=2)
    first = lab.shown()
    assert read(lab)["step"] == "0" and lab.at is None
    assert lab.summary().startswith("The next step, 1, by pipeline on 2 ranks")
    lab.set("ranks", 4)
    assert lab.shown().seconds != first.seconds
    assert torch.equal(lab.session.cluster.trainer.model.theta, alone(0).model.theta)
    lab.tick()
    assert lab.summary().startswith("Step 1 by pipeline on 4 ranks") and read(lab)["step"] == "1"


def test_looking_back_leaves_the_run_at_its_end():
    lab = small(strategy="data")
    lab.run(3).set("ranks", 2)
    lab.run(2)
    lab.go_to(2)
    assert lab.picture()["step"] == 2 and lab.picture()["end"] == 5
    assert lab.shown().setup.ranks == 4 and lab.summary().startswith("Step 2 ")
    lab.run(1)
    assert lab.session.step_count == lab.at == 6
    with pytest.raises(CourseError, match="step = 9 is out of range"):
        lab.go_to(9)
    lab.reset()
    assert lab.session.step_count == 0 and lab.knobs()["ranks"] == 2
    with pytest.raises(CourseError, match="no step was made yet"):
        lab.go_to(1)


def test_another_network_begins_another_run():
    lab = small(ranks=2)
    lab.run(3).set("hidden", (32, 32, 32))
    assert lab.session.step_count == 0 and lab.knobs()["hidden"] == (32, 32, 32)


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knob", "value", "words"),
    [
        ("ranks", 5, "a network of 4 layers with weights cannot be cut into 5 stages"),
        ("ranks", 2.5, "ranks = 2.5 is not a whole number"),
        ("micro_batches", 5, "a batch of 48 rows cannot be cut into 1 × 5 equal micro-batches"),
        ("strategy", "datta", "strategy = 'datta' is unknown"),
        ("schedule", "2f2b", "schedule = '2f2b' is unknown"),
        ("chunks", 2, "1f1b has one stage a rank"),
        ("latency", -1, "latency = -1 is out of range"),
        ("bandwidth", "fast", "bandwidth = 'fast' is not a number"),
        ("hidden", 64, "hidden = 64; allowed: up to 64 widths"),
        ("hidden", (), "a network of 1 layer with weights cannot be cut into 4 stages"),
        ("colour", 1, "knob = 'colour' is unknown"),
    ],
)  # fmt: skip
def test_a_bad_knob_is_told_in_a_sentence_and_nothing_changes(knob, value, words):
    lab = small()
    lab.run(1)
    before = lab.knobs()
    lab.set(knob, value)
    assert f"Not changed: {words}" in lab.summary()
    assert lab.knobs() == before and lab.session.step_count == 1
    lab.step()
    assert "Not changed" not in lab.summary()


def test_a_lab_that_cannot_be_is_refused():
    for options, words in [({"ranks": 0}, "ranks = 0"), ({"colour": 1}, "knob = 'colour'"),
                           ({"batch": 7}, "a batch of 7 rows"), ({"steps": -1}, "steps = -1"),
                           ({"flops": 0}, "flops = 0")]:  # fmt: skip
        with pytest.raises(CourseError, match=re.escape(words)):
            small(**options)


def test_interleaved_needs_groups_and_leaves_its_chunks_behind():
    lab = small(ranks=2, micro_batches=4, schedule="interleaved", chunks=2)
    assert lab.shown().setup.chunks == 2
    lab.set("schedule", "gpipe")
    assert lab.knobs()["chunks"] == 1 and "Not changed" not in lab.summary()
    lab.set("schedule", "interleaved")
    lab.set("strategy", "data")
    lab.set("ranks", 3)  # which does not divide the micro-batches: no matter now
    assert "Not changed" not in lab.summary() and "a pipeline would have" in lab.schedule.words()


# ---- words, stills, trace -----------------------------------------------------------------------


def test_headless_it_trains_and_shows_a_still_and_words():
    lab = small(steps=4)
    bundle, metadata = lab._repr_mimebundle_()
    assert lab.session.step_count == 4 and bundle["image/png"].startswith(b"\x89PNG")
    for words in ("A timeline with a row for each rank", "Step 4 by pipeline on 4 ranks, 1f1b",
                  "efficiency", "idle", "Most memory: rank"):  # fmt: skip
        assert words in bundle["text/plain"]
    assert metadata["image/png"]["alt"] == f"{lab.drawn()} {lab.summary()}"
    assert small(steps=4)._repr_mimebundle_()[0] == bundle, "the same lab gives the same bytes"


def test_the_report_has_every_number():
    lab = small(strategy="data", ranks=2)
    lab.run(1)
    report, step = lab.report(), lab.shown()
    assert len(re.findall(r"(?m)^rank \d ", report)) == 2
    row = re.search(r"(?m)^ +1  .*$", report).group().split()
    total = step.memory[1].total
    assert float(row[-2]) == pytest.approx(total / 1e3, rel=5e-3) and row[-1] == "kB"
    assert "all_reduce" in report and "time of one rank ÷ (ranks × time of the step)" in report


def test_headline_numbers_are_those_of_the_step():
    lab = small(strategy="data", ranks=4)
    lab.run(2)
    step, found = lab.shown(), read(lab)
    assert found["efficiency"] == f"{100 * step.efficiency:.0f} %"
    assert float(found["speed-up"][1:]) == pytest.approx(4 * step.efficiency, rel=5e-3)
    assert float(found["loss"]) == pytest.approx(lab.losses[-1], rel=5e-3)
    number, unit = found["a step takes"].split()
    factor = {"ms": 1e-3, "µs": 1e-6}[unit]
    assert float(number) * factor == pytest.approx(step.seconds, rel=5e-3)


def test_the_timeline_is_saved_as_a_trace(tmp_path):
    lab = small()
    lab.run(1)
    lab.trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    ends = [e["ts"] + e["dur"] for e in events if e["ph"] == "X"]
    assert max(ends) == pytest.approx(1e6 * lab.shown().seconds)
    assert "open it at ui.perfetto.dev" in lab.summary()
    with pytest.raises(CourseError, match="the trace cannot be saved"):
        lab.trace(tmp_path / "nowhere" / "trace.json")


# ---- what is stepped through --------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ring", "tree"])
def test_a_walk_through_an_all_reduce_shows_every_number(algorithm):
    walk = CollectiveWalk(algorithm, 4)
    assert "the sum is 1111" in walk.words()
    for position in range(1, walk.last + 1):
        walk.go(position)
        message, held, whole = walk.moments[position]
        cells = re.findall(r"<td class='([^']*)'>(\d+)</td>", walk.html())
        assert [float(number) for _, number in cells] == held.flatten().tolist()
        assert [("face-sum" in style) for style, _ in cells] == whole.flatten().tolist()
        got = [k for k, (style, _) in enumerate(cells) if "face-got" in style]
        assert got == [4 * message.dst + message.first + i for i in range(len(message.values))]
        assert f"rank {message.src} sends" in walk.words()
    assert "complete: 16 of 16" in walk.words()
    with pytest.raises(CourseError, match="out of range"):
        walk.go(walk.last + 1)
    with pytest.raises(CourseError, match="ranks = 9"):
        CollectiveWalk("ring", 9)


def test_a_walk_through_a_schedule_says_what_is_in_flight():
    lab = small()
    walk = lab.schedule
    timing = time_schedule(make_schedule("1f1b", 4, 8))
    assert walk.last == timing.span - 1
    seen = set()
    for unit in range(walk.last + 1):
        walk.go(unit)
        assert walk.html().count("face-now") == 4
        seen |= set(re.findall(r">([FB]\d)<", walk.html()))
        kept = re.findall(r"rank (\d): ([\d, ]+|none) \(at most (\d)\)", walk.words())
        for rank, names, most in kept:
            held = [] if names == "none" else names.split(", ")
            assert len(held) <= int(most) == timing.in_flight[int(rank)]
    assert seen == {f"{kind}{micro}" for kind in "FB" for micro in range(8)}
    assert f"of the whole: {100 * 3 / 11:.0f} %" in walk.words()
    lab.set("micro_batches", 4)
    assert f"of the whole: {100 * 3 / 7:.0f} %" in lab.schedule.words()


def test_a_long_schedule_shows_what_lies_around_the_present():
    lab = small(strategy="data", ranks=16, micro_batches=48)
    lab.schedule.go(100)
    page = lab.schedule.html()
    assert page.count("<td") < 16 * 95 and "face-now" in page
    assert "at work" in lab.schedule.words()
    assert isinstance(lab.schedule, ScheduleWalk)


# ---- widgets ------------------------------------------------------------------------------------


def test_every_knob_of_the_panel_turns_what_it_is_named_for():
    lab = live()
    assert set(lab.panel.knobs) == set(KNOBS)
    lab.panel.knobs["strategy"].list.value = "data"
    assert lab.knobs()["strategy"] == "data"
    lab.panel.knobs["latency"].number.value = 50
    assert lab.session.setup.costs.latency == pytest.approx(5e-5)
    shown = {name for name, knob in lab.panel.knobs.items() if knob.box.layout.display != "none"}
    assert "buckets" in shown and "schedule" not in shown
    lab.panel.knobs["ranks"].list.value = 16
    lab.panel.knobs["strategy"].list.value = "pipeline"
    assert "Not changed: a network of 4 layers" in lab.panel.sentence.value
    assert lab.panel.knobs["strategy"].list.value == "data", "a refused knob goes back"


def test_tabs_are_walked_by_buttons_and_by_the_slider():
    lab = live()
    tab = lab.panel.message
    keys = {key.description: key for key in tab.box.children[0].children[2].children}
    keys["Next"].click()
    assert lab.collective.position == tab.slider.value == 1
    tab.slider.value = 5
    assert "Message 5 of 24" in tab.sentence.value and "Message 5 of 24" in lab.collective.words()
    keys["Last"].click()
    keys["Next"].click()
    assert lab.collective.position == 24
    keys["Back"].click()
    keys["First"].click()
    assert lab.collective.position == 0
    lab.panel._other_collective("tree")
    lab.panel._other_collective(2)
    assert (lab.collective.algorithm, lab.collective.ranks) == ("tree", 2)
    assert tab.slider.max == lab.collective.last == 2
    lab.set("micro_batches", 2)
    slider = lab.panel.unit.slider
    assert (slider.min, slider.value, slider.max) == (1, 1, lab.schedule.table.span)
    slider.value = 4
    assert "unit 4 of" in lab.panel.unit.sentence.value


def test_the_report_is_filled_when_its_tab_opens_and_follows():
    lab = live()
    assert lab.panel.report.value == ""
    next(title for title in lab.panel.titles if title.description == "In words").value = True
    assert "The next step" in lab.panel.report.value
    lab.step()
    assert "Step 1 by" in lab.panel.report.value


def test_it_plays_in_the_background_and_knobs_hold_from_the_next_step():
    lab = live(speed=0)
    lab.play()
    wait(lambda: lab.session.step_count > 3)
    lab.set("strategy", "data")
    wait(lambda: lab.knobs()["strategy"] == "data")
    seen = lab.session.step_count
    wait(lambda: lab.session.step_count > seen + 1)
    lab.pause()
    assert lab.shown().setup.strategy == "data" and lab.session.turns
    picture = decode(lab.panel.face.frame)
    assert picture["step"] == lab.session.step_count
    assert np.allclose(lab.losses, alone(len(lab.losses)).history.loss, rtol=1e-2)


def test_a_knob_that_is_turned_before_the_first_step_of_a_playing_lab():
    lab = small()
    lab.session.turn("ranks", 2, preview=False)
    assert lab.shown().setup.ranks == 2 and faults(lab.picture()) == []


def test_a_name_that_cannot_be_saved_is_told_in_the_lab(tmp_path):
    lab = live()
    lab.panel.file.field.value = str(tmp_path / "nowhere" / "trace.json")
    lab.panel._save()
    assert "the trace cannot be saved" in lab.panel.sentence.value
