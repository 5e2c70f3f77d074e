"""`course run`: a recipe from a file, its history into another."""

import json
import os

import pytest
from recipe_runs import GOOD, play, small_digits

from course.cli.main import main
from course.training.replay import history_digest


def test_course_run_replays_a_file(tmp_path, capsys):
    trainer = play(small_digits(), {10: [("lr", 0.05)]})
    path = tmp_path / "run.json"
    path.write_text(trainer.recipe().json())
    assert main(["run", str(path), "--history", str(tmp_path / "h.csv")]) == 0
    out = capsys.readouterr().out
    assert history_digest(trainer) in out and "40 steps" in out
    table = (tmp_path / "h.csv").read_text().splitlines()
    assert table[0] == "step,loss,grad_norm,clipped_norm,unclipped_norm"
    assert len(table) == 41 and {line.count(",") for line in table} == {4}
    assert float(table[-1].split(",")[1]) == trainer.history.loss[-1]
    assert main(["run", str(path), "--code"]) == 0
    assert "Trainer(model" in capsys.readouterr().out
    path.write_text("{}")
    assert main(["run", str(path)]) == 2
    assert "lacks the field" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content, words",
    [(b"", "not JSON"), (b"\x80\x81PNG", "cannot be read"), (b"[1]", "not a list"),
     (b'{"a": 1} x', "not JSON"), (b" " * (2**26 + 1), "larger than"), (None, "cannot be read")],
)  # fmt: skip
def test_course_run_says_why_a_file_is_no_recipe(tmp_path, capsys, content, words):
    path = tmp_path / "run.json"
    path.mkdir() if content is None else path.write_bytes(content)
    for more in ([], ["--code"]):
        assert main(["run", str(path), *more]) == 2
        out, err = capsys.readouterr()
        assert words in err and out == "" and err.count("\n") == 1


@pytest.mark.parametrize("bad", ["", ".", "nowhere/h.csv", "run.json/h.csv", "a\0b", "x" * 300])
def test_a_history_that_cannot_be_written_is_found_before_the_run(
    tmp_path, capsys, monkeypatch, bad
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(GOOD))
    assert main(["run", "run.json", "--history", bad]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "--history" in err and "choose a file" in err
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_a_history_is_neither_put_over_a_device_nor_over_a_protected_file(tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(GOOD))
    kept = tmp_path / "kept.csv"
    kept.write_text("mine")
    kept.chmod(0o444)
    os.mkfifo(tmp_path / "pipe")
    for path in (kept, tmp_path / "pipe"):
        assert main(["run", str(tmp_path / "run.json"), "--history", str(path)]) == 2
    assert kept.read_text() == "mine" and (tmp_path / "pipe").is_fifo()


def test_a_history_replaces_the_old_one_whole_or_not_at_all(tmp_path, capsys, monkeypatch):
    (tmp_path / "run.json").write_text(json.dumps(GOOD))
    table = tmp_path / "h.csv"
    table.write_text("old")
    command = ["run", str(tmp_path / "run.json"), "--history", str(table)]

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full_disk)
        assert main(command) == 2
    out, err = capsys.readouterr()
    assert "3 steps" in out and "No space left" in err and table.read_text() == "old"
    assert main(command) == 0 and len(table.read_text().splitlines()) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.csv", "run.json"]


@pytest.mark.parametrize("value", ["-1e-3", "-2", "-.5", "-1.", "-inf", "-1E+5", "x y", " a"])
def test_a_parameter_may_be_negative(monkeypatch, value):
    seen = []
    monkeypatch.setattr("course.cli.main.notebooks_folder", lambda: None)
    monkeypatch.setattr(
        "course.publishing.regenerate.regenerate", lambda *args: seen.append(args[2]) or 0
    )
    assert main(["regenerate", "00_start_here", "-p", "lr", value, "--jobs", "1"]) == 0
    assert seen == [{"lr": value}]
