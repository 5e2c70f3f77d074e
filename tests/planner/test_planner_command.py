"""`course plan`, as a learner calls it."""

import json

import pytest

from course.cli import main as cli

SPEC = {
    "model": {"layers": 96, "hidden": 12288, "heads": 96, "vocab": 51200, "sequence": 2048},
    "devices": 64, "device": "A100-80GB", "precision": "fp16", "optimiser": "adam", "batch": 64,
    "tokens": 3e11,
    "layout": {"data": 1, "tensor": 8, "pipeline": 8, "chunks": 3, "micro_batch": 1, "zero": 0,
               "recompute": "full", "sequence_parallel": False, "context": 1,
               "schedule": "interleaved"},
}  # fmt: skip


def run(tmp_path, spec, *words):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec), "utf-8")
    return cli.main(["plan", str(path), *words])


def test_a_plan_as_json_has_what_the_paper_measured(tmp_path, capsys):
    assert run(tmp_path, SPEC, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    keys = ("parameters", "flops_per_step", "memory", "memory_total", "step_seconds",
            "tflops_per_device", "mfu", "days", "cost", "why")  # fmt: skip
    assert all(key in found for key in keys)
    assert found["parameters"] == 174_615_846_912
    assert found["step_seconds"] == pytest.approx(18.13, rel=0.03)
    assert abs(sum(found["memory"].values()) - found["memory_total"]) < 10  # each is rounded
    assert sum(found["seconds"].values()) == pytest.approx(found["step_seconds"])
    assert found["layout"] == SPEC["layout"] and found["fits"]


def test_activations_are_those_of_the_paper_also_where_they_do_not_fit(tmp_path, capsys):
    spec = SPEC | {"layout": SPEC["layout"] | {"recompute": "none"}}
    assert run(tmp_path, spec, "--json") == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert f"{found['memory']['activations'] / 2**30:.2f}" == "66.84" and not found["fits"]
    assert err.count("\n") == 1 and "35.4 GiB too much" in err and "What would fit" in err


def test_a_plan_in_words(tmp_path, capsys):
    assert run(tmp_path, SPEC | {"layout": "search"}) == 0
    out = capsys.readouterr().out
    for words in ("174.6 B parameters", "memory", "MFU", "days", "$", "Fastest of all that fit"):
        assert words in out
    assert max(map(len, out.split("\n\n")[0].splitlines())) <= 130


def test_a_bad_file_is_one_sentence_and_no_traceback(tmp_path, capsys):
    path = tmp_path / "spec.json"
    for content in (None, "{", "[]", '{"model": 1}', json.dumps(SPEC | {"devices": 63})):
        if content is not None:
            path.write_text(content, "utf-8")
        assert cli.main(["plan", str(path)]) == 2
        out, err = capsys.readouterr()
        assert not out and err.startswith("course plan: ") and err.count("\n") == 1


def test_its_help_names_every_choice(capsys):
    with pytest.raises(SystemExit):
        cli.main(["plan", "--help"])
    out = capsys.readouterr().out
    from course.planner import DEVICES, STACKS
    from course.planner.layout import RECOMPUTE, SCHEDULES
    from course.planner.memory import MOMENTS
    from course.planner.spec import PRECISIONS

    for name in (*DEVICES, *STACKS, *RECOMPUTE, *SCHEDULES, *MOMENTS, *PRECISIONS, "--json"):
        assert name in out
    assert max(map(len, out.splitlines())) <= 100
