"""PlannerLab without a browser: what it shows is what the planner says, whatever is turned."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError
from course.planner import Layout, Model, Spec, load_spec, plan
from course.planner.planning import known
from course.planner.published import every_row
from course.planner.searching import all_candidates
from course.planner.spec import spec_of
from widgets.common.picture import faults
from widgets.planner.answers import causes
from widgets.planner.controls import read, said
from widgets.planner.fields import OWN
from widgets.planner.lab import PlannerLab
from widgets.planner.presets import presets
from widgets.planner.scene import CAUSES, KINDS
from widgets.planner.session import KNOBS, Session

GPT = "GPT 175 B full (A100 Megatron 2022)"
SMALL = Model(8, 512, 8, 5000, 256)


def small(**knobs) -> PlannerLab:
    """Return a lab of a small model, whose searches are quick; without a front end unless asked."""
    spec = Spec(SMALL, 16, "A100-80GB", 64, Layout(4, 2, 2), tokens=1e9)
    return PlannerLab(**{"start": spec, "interactive": False, **knobs})


def bars(lab, panel: int) -> list[float]:
    """Return the lengths of the bars of the first row, in the order they are drawn."""
    picture = lab.picture()
    row, left, right = (picture["arrays"][picture["side"][panel][f]] for f in ("row", "from", "to"))
    return (right - left)[row == 0].tolist()


def agrees(lab) -> None:
    """Assert that bars, curves and headline numbers are those of `course.planner.plan`."""
    spec = spec_of(lab.recipe())
    if lab.session.now.why_not:
        with pytest.raises(CourseError, match="no layout on"):
            plan(spec)
        assert not lab.plan.fits
    else:
        true = plan(spec)
        assert (lab.plan.layout, lab.plan.memory, lab.plan.times) == (
            true.layout, true.memory, true.times,
        )  # fmt: skip
        assert (lab.plan.days, lab.plan.cost, lab.plan.mfu) == (true.days, true.cost, true.mfu)
    now, picture = lab.plan, lab.picture()
    assert faults(picture) == []
    assert bars(lab, 0) == pytest.approx([n / 2**30 for n in now.memory.values() if n])
    assert sum(bars(lab, 0)) == pytest.approx(now.memory_total / 2**30)
    unit = {"s": 1, "ms": 1e-3, "µs": 1e-6}[picture["side"][1]["unit"]]
    assert sum(bars(lab, 1)) * unit == pytest.approx(now.step_seconds)
    assert picture["side"][0]["limit"][0] * 2**30 == pytest.approx(now.memory_available)
    read_ = dict(lab.heads())
    assert float(read_["MFU"].split()[0]) == pytest.approx(100 * now.mfu, abs=0.051)
    here = picture["side"][2]["drag"]["at"]
    assert here == [now.spec.devices, now.step_seconds if now.days is None else now.days]


# ---- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [GPT, "Llama 8 B compiled on 128 (H100 torchtitan bfloat16)"])
def test_a_preset_is_planned_as_the_planner_does(name):
    lab = PlannerLab(name, interactive=False)
    agrees(lab)
    row = next(row for row in every_row() if f"{row.name} ({row.group})" in name)
    assert lab.plan.step_seconds == pytest.approx(row.planned())
    figure = next(f for f in presets()[name].figures if f.what == "seconds of a step")
    assert figure.published == row.seconds


def test_each_published_row_is_met_as_the_planner_meets_it():
    seen = 0
    for row in every_row():
        kind = "Llama " if row.model.gated else "" if row.name.startswith("GPT") else "GPT "
        preset = presets().get(f"{kind}{row.name} ({row.group})")
        if preset is None:
            assert "405 B" in row.name, "126 layers on 8 stages are not planned"
            continue
        seen += 1
        now = Session(preset.name).now.plan
        assert now.step_seconds / row.seconds - 1 == pytest.approx(row.error())
        for figure in preset.figures:
            if "TFLOP" in figure.what or "tokens a second" in figure.what:  # the faster, the more
                assert figure.ours(now) / figure.published == pytest.approx(1 / (1 + row.error()))
    assert seen == len(presets()) - 1


def test_published_figures_are_those_that_the_sources_print():
    printed = {
        "GPT 145.6 B (A100 Megatron 2021)": {"parameters, 10⁹": 145.6,
                                            "TFLOP/s a device, with recomputation": 148},
        "GPT 174.6 B on 1536 (A100 Megatron 2021)": {"days of 3·10¹¹ tokens": 23},
        "GPT 175 B selective (A100 Megatron 2022)": {"seconds of a step": 13.75,
                                                    "activations, GiB": 12.35},
        "GPT 177 B (H100 Megatron 2024)": {"model TFLOP/s a device": 432.8},
        "GPT-3 on 4608 (H100 Megatron 2024)": {"MFU, %": 42},
        "Llama 8 B (H100 torchtitan bfloat16)": {"tokens a second and device": 5762},
        "DeepSeek-V3 (H800, 2024)": {"10⁶ device hours, pre-training": 2.664,
                                    "parameters, 10⁹": 671, "of them active, 10⁹": 37},
    }  # fmt: skip
    for name, figures in printed.items():
        found = {f.what: f for f in presets()[name].figures if f.printed}
        for what, number in figures.items():
            assert found[what].published == pytest.approx(number), (name, what)


def test_the_causes_of_a_step_add_up_and_keep_the_planners_parts():
    for name in presets():
        if name.startswith("DeepSeek"):
            continue
        now = Session(name).now.plan
        found = causes(now)
        assert sum(found) == pytest.approx(now.step_seconds)
        assert min(found) >= 0
        layers = found.computation + found.recomputation + found.tensor
        assert layers == pytest.approx(now.times.layers)
        assert (found.recomputation > 0) == (now.layout.recompute != "none")
        if now.layout.tensor == 1:
            assert found.tensor == pytest.approx(0, abs=1e-9)
    assert {*CAUSES} == {*causes(now)._fields} and {*KINDS} == {*now.memory}


def test_the_table_has_the_error_and_goes_when_the_run_is_another():
    lab = PlannerLab(GPT, interactive=True)
    table = lab.panel.table.value
    row = next(r for r in every_row() if r.name == "175 B full")
    cells = ("18.13", f"{row.planned():.4g}", f"{100 * row.error():+.1f} %")
    assert "".join(f"<td>{cell}</td>" for cell in cells) in table
    assert "Korthikanti et al. (2022), table 5" in table
    for line in known(lab.plan):
        assert line in table.replace("&#x27;", "'")
    lab.set("devices", 128)
    assert "ran on 64 devices" in lab.panel.table.value and "18.13" not in lab.panel.table.value
    lab.set("devices", 64)
    assert "18.13" in lab.panel.table.value
    lab.set("zero", 1)
    assert "No published run stands beside this plan" in lab.panel.table.value
    assert lab.knobs()["preset"] == OWN and lab.panel.knobs["preset"].list.value == OWN
    lab.set("preset", "DeepSeek-V3 (H800, 2024)")
    for words in ("2.664", "671", "A mixture of experts was compared with no published step",
                  "neither its latent attention nor its dense layers"):  # fmt: skip
        assert words in lab.panel.table.value


def test_out_of_memory_is_shown_and_said():
    lab = PlannerLab(GPT, interactive=False)
    lab.set("recompute", "none")
    agrees(lab)
    assert not lab.plan.fits
    assert "Out of memory: " in lab.summary() and "too much" in lab.summary()
    assert lab.picture()["side"][0]["note"] == "out of memory"
    over = lab.picture()["arrays"]["days_over"]
    assert over[lab.session.counts().index(64)] == lab.plan.step_seconds or lab.plan.days
    lab.set("layout", "search")
    assert lab.plan.fits
    lab.set("devices", 8)
    agrees(lab)
    assert (
        "No layout on 8 × A100-80GB fits" in lab.summary() and "the smallest one" in lab.summary()
    )
    assert lab.report().startswith("no layout on 8 × A100-80GB fits")


def test_a_bar_before_shows_what_the_turn_did():
    lab = PlannerLab(GPT, interactive=False)
    assert [name for name, _ in lab.picture()["side"][0]["rows"]] == ["now"]
    first = lab.plan
    lab.set("zero", 1)
    side = lab.picture()["side"]
    assert [name for name, _ in side[1]["rows"]] == ["now", "before"]
    assert side[0]["rows"][1][1] == f"{first.memory_total / 2**30:.3g} GiB"
    lab.set("zero", 1)
    assert lab.session.before.plan == first, "nothing was turned"


# ---- knobs --------------------------------------------------------------------------------------

TURNS = st.one_of(
    st.tuples(st.just("devices"), st.integers(-1, 300)),
    st.tuples(st.just("near"), st.floats(0, 2e4)),
    st.tuples(st.sampled_from(["data", "tensor", "pipeline", "context", "chunks", "micro_batch"]),
              st.integers(0, 9)),
    st.tuples(st.just("zero"), st.integers(-1, 4)),
    st.tuples(st.just("layout"), st.sampled_from(["search", "by hand", "best"])),
    st.tuples(st.just("recompute"), st.sampled_from(["none", "selective", "full", "half"])),
    st.tuples(st.just("schedule"),
              st.sampled_from(["gpipe", "1f1b", "interleaved", "zero_bubble"])),
    st.tuples(st.sampled_from(["sequence_parallel", "gated", "tied"]),
              st.sampled_from([True, False, 1])),
    st.tuples(st.just("device"), st.sampled_from(["A100-40GB", "H100-SXM", "H200-SXM", "TPU"])),
    st.tuples(st.just("precision"), st.sampled_from(["fp16", "bf16", "fp8"])),
    st.tuples(st.just("batch"), st.sampled_from([0, 16, 60, 64, 96.0, 2.5, None])),
    st.tuples(st.just("tokens"), st.sampled_from([None, 1e9, 3e11, -1])),
    st.tuples(st.sampled_from(["kv_heads", "ffn"]), st.sampled_from([None, 1, 2, 4, 768, 1001])),
    st.tuples(st.sampled_from(["layers", "hidden", "heads", "sequence", "vocab", "experts"]),
              st.sampled_from([1, 4, 6, 8, 16, 512, 1024, "many"])),
    st.tuples(st.just("price"), st.sampled_from([None, 0, 2.5, "free"])),
    st.tuples(st.sampled_from(["colour", "stack", "optimiser"]),
              st.sampled_from(["torchtitan", "sgd", 3])),
)  # fmt: skip


@settings(max_examples=25)
@given(st.lists(TURNS, min_size=1, max_size=6))
def test_no_sequence_of_turns_loses_the_lab(turns):
    lab = small()
    for knob, value in turns:
        before = lab.session.recipe()
        lab.set(knob, value)
        if lab.message.startswith("Not changed"):
            assert lab.session.recipe() == before
            assert lab.message.count("\n") == 0 and len(lab.message) < 450
        assert spec_of(lab.recipe()) == lab.session.spec
        assert set(lab.knobs()) == set(KNOBS)
        assert lab.session.spec.devices in lab.session.counts() or lab.session.spec.devices > 10_000
    agrees(lab)
    assert PlannerLab(lab.recipe(), interactive=False).plan == lab.plan


@pytest.mark.parametrize(
    ("knob", "value", "words"),
    [
        ("devices", 100, "are 64 devices, and there are 100"),
        ("devices", 100, "Nearest that can be: 64 and 128"),
        ("devices", 0, "devices = 0 is out of range"),
        ("devices", 2.5, "devices = 2.5 is not a whole number"),
        ("devices", "many", "devices = 'many' is not a number"),
        ("tensor", 5, "take a layout whose factors have the product 64"),
        ("chunks", 5, "cannot be divided by pipeline × chunks"),
        ("micro_batch", 3, "cannot be divided by data × micro_batch = 3"),
        ("heads", 7, "model.hidden = 12288 cannot be shared by 7 heads"),
        ("precision", "fp8", "needs a device that multiplies in 8 bits"),
        ("device", "TPU", "device = 'TPU' is unknown"),
        ("preset", "GPT-9", "preset = 'GPT-9' is unknown"),
        ("layout", "best", "layout = 'best' is unknown"),
        ("colour", 1, "knob = 'colour' is unknown"),
        ("near", "far", "devices = 'far' is not a number"),
        ("near", math.nan, "devices = nan"),
    ],
)
def test_a_bad_value_is_told_in_a_sentence_and_nothing_changes(knob, value, words):
    lab = PlannerLab(GPT, interactive=False)
    before, picture = lab.knobs(), lab.picture()
    lab.set(knob, value)
    assert "Not changed: " in lab.summary() and words in lab.summary()
    assert lab.knobs() == before
    assert lab.picture()["side"] == picture["side"]
    lab.set("zero", 1)
    assert "Not changed" not in lab.summary()


def test_a_lab_that_cannot_be_is_refused():
    for start, words in ((3, "start = 3 is no plan"), ("GPT-9", "preset = 'GPT-9' is unknown"),
                         ({"devices": 4}, "a plan's file has missing")):  # fmt: skip
        with pytest.raises(CourseError, match=words):
            PlannerLab(start, interactive=False)
    with pytest.raises(CourseError, match="knob = 'colour' is unknown"):
        PlannerLab(GPT, interactive=False, colour=1)


def test_a_knob_of_the_layout_takes_over_what_the_search_has_found():
    lab = small(layout="search")
    found = lab.plan.layout
    assert found.recompute == "none"
    lab.set("recompute", "full")
    assert "Not changed" not in lab.summary()
    assert lab.knobs()["layout"] == "by hand"
    assert lab.plan.layout == replace(found, recompute="full")


def test_data_follows_the_devices_and_moves_them_itself():
    lab = small()
    lab.set("devices", 32)
    assert lab.plan.layout == Layout(8, 2, 2)
    lab.set("tensor", 4)
    assert lab.plan.layout == Layout(4, 4, 2) and lab.knobs()["devices"] == 32
    lab.set("data", 16)
    assert lab.knobs()["devices"] == 128
    lab.set("chunks", 2)
    assert lab.plan.layout.schedule == "interleaved"
    lab.set("schedule", "gpipe")
    assert lab.plan.layout.chunks == 1
    lab.set("schedule", "interleaved")
    assert lab.plan.layout.chunks == 2
    lab.set("pipeline", 1)
    assert lab.plan.layout == Layout(32, 4, 1)


# ---- numbers of devices -------------------------------------------------------------------------


def test_the_numbers_of_devices_are_those_that_can_be_planned():
    for knobs in ({}, {"schedule": "interleaved"}):
        lab = small(**knobs)
        can = []
        for n in range(1, 260):
            lab.set("devices", n)
            can += [n] if lab.knobs()["devices"] == n else []
        assert [n for n in lab.session.counts() if n < 260] == can
    session = Session(small().recipe(), sequence=240, layout="search")  # 3 and 5: context alone
    can = [n for n in range(1, 400) if any(all_candidates(replace(session.spec, devices=n), 1e18))]
    assert [n for n in session.counts() if n < 400] == can


def test_the_curve_is_what_turning_would_show():
    lab = small()
    arrays = lab.picture()["arrays"]
    for n, days, mfu in zip(arrays["counts"], arrays["days"], arrays["mfu"], strict=True):
        lab.set("devices", int(n))
        assert (lab.plan.days, lab.plan.mfu) == (days, mfu)
    searched = small(layout="search")
    seen = searched.picture()["arrays"]
    assert np.isfinite(seen["days"]).sum() == 1, "what was not searched for is not drawn"
    searched.set("devices", 32)
    assert np.isfinite(searched.picture()["arrays"]["days"]).sum() == 2


def test_the_nearest_number_of_devices_is_taken_and_said():
    lab = small()
    lab.set("near", 100)
    assert lab.knobs()["devices"] == 128
    assert "100 devices cannot be shared out evenly; 128 are nearest" in lab.summary()
    lab.set("near", 64)
    assert lab.knobs()["devices"] == 64 and "nearest" not in lab.summary()


def test_playing_walks_through_the_numbers_of_devices():
    lab = small(devices=4)
    assert [lab.step_once() for _ in range(3)] == [True, True, True]
    assert lab.session.spec.devices == 32
    while lab.step_once():
        pass
    last = lab.session.counts()[-1]
    assert lab.session.spec.devices == last
    assert lab.step_once() is False and lab.session.spec.devices == last
    lab.reset()
    assert lab.session.spec.devices == 4


def test_ten_thousand_devices_are_searched():
    lab = PlannerLab(GPT, interactive=False, layout="search")
    lab.set("batch", 10_000)
    lab.set("devices", 10_000)
    assert lab.plan.layout.devices == 10_000 and lab.plan.fits
    agrees(lab)


# ---- to take along ------------------------------------------------------------------------------


def test_the_plan_is_saved_for_the_command(tmp_path):
    lab = small(layout="search")
    path = tmp_path / "plan.json"
    lab.save(path)
    assert f"course plan {path}" in lab.summary()
    assert json.loads(path.read_text()) == lab.recipe()
    assert str(plan(load_spec(path))) == lab.report()
    done = subprocess.run([sys.executable, "-m", "course.cli.main", "plan", str(path), "--json"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.stdout:
        assert json.loads(done.stdout)["step_seconds"] == lab.plan.step_seconds
    with pytest.raises(CourseError, match="the plan cannot be saved"):
        lab.save(tmp_path / "nowhere" / "plan.json")


def test_a_device_of_ones_own_is_kept():
    own = {"name": "own", "peak_tflops": 100, "memory_gb": 24, "memory_gb_per_second": 1000,
           "link_gb_per_second": 50, "network_gb_per_second": 10}  # fmt: skip
    lab = PlannerLab(Spec(SMALL, 4, own, 16), interactive=True)
    assert lab.plan.memory_available < 24 * 2**30
    assert spec_of(lab.recipe()).device.name == "own"
    assert lab.knobs()["device"] == lab.panel.knobs["device"].list.value == "own"
    lab.set("devices", 8)
    assert spec_of(lab.recipe()).device.peak_tflops == 100


def test_without_a_front_end_it_is_a_still_and_words():
    bundle, metadata = small()._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    for words in ("memory of the fullest device by kind", "16 × A100-80GB", "It fits", "MFU"):
        assert words in bundle["text/plain"]
    assert metadata["image/png"]["alt"] in bundle["text/plain"]
    assert small()._repr_mimebundle_()[0] == bundle


# ---- widgets ------------------------------------------------------------------------------------


def test_every_knob_of_the_panel_turns_what_it_is_named_for():
    lab = small(interactive=True)
    knobs = lab.panel.knobs
    assert set(knobs) == set(KNOBS)
    knobs["devices"].slider.value = lab.session.counts().index(64)
    assert lab.knobs()["devices"] == knobs["devices"].number.value == 64
    knobs["devices"].number.value = 100
    assert lab.knobs()["devices"] == knobs["devices"].number.value == 64
    assert "Nearest that can be" in lab.panel.sentence.value
    knobs["tensor"].list.value = 4
    knobs["zero"].list.value = 2
    assert (lab.plan.layout.tensor, lab.plan.layout.zero) == (4, 2)
    knobs["hidden"].field.value = "1,024"
    knobs["tokens"].field.value = "3e11"
    assert lab.plan.spec.model.hidden == 1024 and lab.plan.spec.tokens == 3 * 10**11
    assert knobs["tokens"].field.value == "3e11" and knobs["ffn"].field.value == "4,096"
    knobs["tokens"].field.value = ""
    assert lab.plan.days is None and dict(lab.heads())["training"] == "–"
    assert lab.picture()["side"][2]["title"] == "seconds of a step"
    knobs["heads"].field.value = "seven"
    assert knobs["heads"].field.value == "8" and "Not changed" in lab.panel.sentence.value
    knobs["gated"].list.value = True
    assert lab.plan.spec.model.gated
    knobs["preset"].list.value = GPT
    assert lab.knobs()["pipeline"] == 8 and knobs["pipeline"].list.value == 8
    assert [v for _, v in knobs["tensor"].list.options] == [k for k in range(1, 97) if 96 % k == 0]


def test_a_message_of_the_handle_moves_the_devices():
    lab = small(interactive=True)
    lab.panel.act("turn", {"knob": "near", "value": 64})
    assert lab.knobs()["devices"] == 64
    lab.panel.act("turn", {"knob": "near", "value": [64, 1]})
    assert lab.knobs()["devices"] == 64 and "Not changed" in lab.panel.sentence.value


def test_the_report_is_filled_when_its_tab_opens_and_follows():
    lab = small(interactive=True)
    assert lab.panel.report.value == ""
    next(title for title in lab.panel.titles if title.description == "In words").value = True
    assert "16 × A100-80GB" in lab.panel.report.value
    lab.set("devices", 32)
    assert "32 × A100-80GB" in lab.panel.report.value


@pytest.mark.parametrize(
    "value", [None, 0, 7, 51_200, 10**7, 300_000_000_000, 2.5, 14_800_000_000_000]
)
def test_a_field_is_read_as_it_is_written(value):
    assert read(said(value)) == value


def test_a_field_of_words_is_left_to_the_planner():
    assert read("many") == "many" and read(" ") is None and read("3 e2") == 300
