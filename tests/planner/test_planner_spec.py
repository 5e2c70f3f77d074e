"""What a plan's file may say: everything else is refused in a sentence that helps."""

import json
import math

import pytest
from hostile_values import HOSTILE, only_course_errors

from course import CourseError
from course.planner import DEVICES, Spec, load_spec, plan, spec_of
from course.planner.devices import device_of

MODEL = {"layers": 4, "hidden": 64, "heads": 4, "vocab": 100, "sequence": 32}
PLAIN = {
    "model": MODEL, "devices": 8, "device": "A100-80GB", "precision": "bf16", "optimiser": "adam",
    "batch": 16, "tokens": 1e6,
    "layout": {"data": 2, "tensor": 2, "pipeline": 2, "context": 1, "chunks": 1, "micro_batch": 1,
               "zero": 0, "recompute": "none", "sequence_parallel": False, "schedule": "1f1b"},
}  # fmt: skip
OWN = {"peak_tflops": 312, "memory_gb": 80, "memory_gb_per_second": 2039,
       "link_gb_per_second": 300, "network_gb_per_second": 25}  # fmt: skip
PLACES = [
    *((name,) for name in (*PLAIN, "stack", "price")),
    *(("model", name) for name in (*MODEL, "kv_heads", "ffn", "gated", "tied", "experts",
                                   "experts_per_token", "shared_experts", "biases")),
    *(("layout", name) for name in PLAIN["layout"]),
    *(("device", name) for name in (*OWN, "name", "price", "node", "multiprocessors", "fp8")),
]  # fmt: skip


def changed(place, value):
    spec = json.loads(json.dumps(PLAIN)) | ({"device": dict(OWN)} if place[0] == "device" else {})
    if len(place) == 1:
        return spec | {place[0]: value}
    spec[place[0]][place[1]] = value
    return spec


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_each_field_takes_what_is_possible_and_refuses_everything_else(place):
    for value in HOSTILE:
        found = only_course_errors(lambda value=value: plan(spec_of(changed(place, value))))
        if found is not None:
            assert found.step_seconds > 0 and math.isfinite(found.memory_total)


@pytest.mark.parametrize("place", [p for p in PLACES if p != ("layout", "sequence_parallel")
                                   and p[-1] not in ("gated", "tied", "biases", "fp8")],
                         ids=".".join)  # fmt: skip
def test_true_is_no_number_and_no_name(place):
    with pytest.raises(CourseError):
        spec_of(changed(place, True))


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("depth",), 1, "unexpected keyword argument 'depth'); allowed: model, devices, device"),
        (("model", "depth"), 1, "allowed: layers, hidden, heads, vocab, sequence, kv_heads"),
        (("layout", "tensors"), 1, "allowed: data, tensor, pipeline, context, chunks"),
        (("device", "watts"), 1, "allowed: name, peak_tflops, memory_gb"),
        (("device",), "A100", "Allowed: A100-40GB, A100-80GB, H100-SXM"),
        (("precision",), "fp32", "Allowed: 'fp16', 'bf16', 'fp8'"),
        (("precision",), "fp8", "multiplies in 8 bits, as H100-SXM does and A100-80GB does not"),
        (("optimiser",), "adagrad", "Allowed: 'adam', 'adamw', 'momentum', 'sgd'"),
        (("batch",), 0, "batch = 0 is out of range"),
        (("batch",), 15, "batch = 15 cannot be divided by data × micro_batch = 2"),
        (("devices",), -1, "devices = -1 is out of range"),
        (("devices",), 16, "2 data × 2 tensor × 2 pipeline × 1 context are 8 devices, and there"),
        (("tokens",), float("nan"), "tokens = nan is out of range"),
        (("tokens",), 10**400, "tokens = 10**400 or so is out of range"),
        (("layout",), "fast", "neither an object nor 'search'"),
        (("layout", "pipeline"), 3, "are 12 devices"),
        (("layout", "schedule"), "dualpipe", "Allowed: 'gpipe', '1f1b', 'interleaved', 'zero_bub"),
        (("layout", "chunks"), 2, "take chunks above 1 with 'interleaved'"),
        (("layout", "recompute"), "some", "Allowed: 'none', 'selective', 'full'"),
        (("layout", "zero"), 4, "zero = 4 is out of range"),
        (("model", "heads"), 5, "hidden = 64 cannot be shared by 5 heads"),
        (("model", "kv_heads"), 3, "kv_heads = 3 does not divide heads = 4"),
        (("model", "kv_heads"), 1, "kv_heads = 1 cannot be divided by tensor = 2"),
        (("model", "layers"), 3, "layers = 3 cannot be divided by pipeline × chunks = 2"),
        (("model", "layers"), 2.5, "layers = 2.5 is not a whole number"),
        (("model", "gated"), "yes", "gated = 'yes' is neither true nor false"),
        (("model",), [], "model = [] is no object"),
        (("stack",), "jax", "Allowed: 'megatron-2021'"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(place, value, says):
    with pytest.raises(CourseError) as refusal:
        spec_of(changed(place, value))
    assert says in str(refusal.value) and "\n" not in str(refusal.value)


def test_data_is_what_the_other_factors_leave():
    layout = spec_of(changed(("layout",), {"tensor": 2, "pipeline": 2})).layout
    assert layout.data == 2 and layout.schedule == "1f1b"
    assert spec_of(changed(("layout",), {"pipeline": 2, "chunks": 2})).layout.schedule == (
        "interleaved"
    )


def test_numbers_of_a_known_device_can_be_replaced():
    mine = device_of({"name": "H100-SXM", "memory_gb": 94})
    assert mine.memory_gb == 94 and mine.peak_tflops == DEVICES["H100-SXM"].peak_tflops
    assert device_of(OWN).price is None
    assert spec_of(changed(("device",), OWN)).device.peak == 312e12


def test_days_and_cost_follow_from_tokens_and_price():
    found = plan(spec_of(PLAIN | {"price": 5}))
    steps = 1e6 / (16 * 32)
    assert found.days == pytest.approx(steps * found.step_seconds / 86_400)
    assert found.cost == pytest.approx(found.days * 24 * 8 * 5)
    unknown = {name: value for name, value in PLAIN.items() if name != "tokens"}
    assert plan(spec_of(unknown)).days is None
    no_price = plan(spec_of(PLAIN | {"device": OWN}))
    assert no_price.cost is None and no_price.days is not None


def test_utilisation_is_of_the_peak_in_the_precision():
    h100 = PLAIN | {"device": "H100-SXM"}
    sixteen, eight = (plan(spec_of(h100 | {"precision": name})) for name in ("bf16", "fp8"))
    assert eight.step_seconds < sixteen.step_seconds and eight.peak_tflops == 2 * 989.4
    assert sixteen.mfu == pytest.approx(
        sixteen.flops_per_step / sixteen.step_seconds / 8 / 989.4e12
    )
    assert Spec(**PLAIN).model == spec_of(PLAIN).model


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no JSON"), (b"{", "is no JSON"), (b"\xff\xfe", "is no JSON"),
        (b"[1, 2]", "no object"), (b"null", "holds None"), (b'{"model": {}}', "missing"),
        (b'{"model": {"layers": 1, "layers": 2}}', "'layers' twice"),
        (b'{"a":' * 100_000, "is no JSON"), (b"9" * 5000, "is no JSON"),
        (b" " * 1_000_001, "more than 1,000,000 bytes"),
        (b'{"model": {}, "devices": 1, "device": "A100-80GB", "batch": 1}', "allowed: layers"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path, content, says):
    path = tmp_path / "spec.json"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=says):
        load_spec(path)


def test_a_file_that_is_none_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing.json", "\0"):
        with pytest.raises(CourseError, match="cannot be read"):
            load_spec(path)
