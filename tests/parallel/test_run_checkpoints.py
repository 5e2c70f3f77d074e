"""Checkpoints of a run: cut and resumed it is the same, and what is not whole is never taken."""

import json
import shutil

import pytest
from runs import STEPS, alone, command, gap, outcome, recipe_of

import course.parallel.checkpoints
from course import Descend, HeavyBall, chain
from course.parallel import RunResult
from course.training.recipe import Recipe

ROUNDING = 1e-12
CUT = 12  # where a knob is turned, too
STRATEGIES = [
    (3, "--strategy data"),
    (2, "--strategy zero3"),
    (3, "--strategy tensor --sequence-parallel"),
    (2, "--strategy pipeline --micro-batches 4 --schedule interleaved --chunks 2"),
    (4, "--strategy data_tensor --tensor 2"),
]


@pytest.fixture(scope="module")
def one(recipe):
    return alone(Recipe(**json.loads(recipe.read_text())))


@pytest.fixture
def cut(recipe, tmp_path):
    """Return a function that runs the recipe to step 12 with checkpoints every 4 steps."""

    def run(ranks, words, steps=CUT):
        made = command(recipe, "--ranks", ranks, "--out", tmp_path / "cut", *words.split(),
                       "--steps", steps, "--checkpoint-every", 4)  # fmt: skip
        assert made == 0
        return tmp_path / "cut"

    return run


def resumed(recipe, folder, ranks, words) -> dict:
    assert command(recipe, "--ranks", ranks, "--out", folder, *words.split(), "--resume") == 0
    return outcome(folder)


@pytest.mark.parametrize(("ranks", "words"), STRATEGIES)
def test_a_run_cut_and_resumed_has_the_bits_of_one_that_was_not(
    recipe, cut, tmp_path, ranks, words
):
    assert command(recipe, "--ranks", ranks, "--out", tmp_path / "whole", *words.split()) == 0
    folder = cut(ranks, words)
    assert gap(resumed(recipe, folder, ranks, words), outcome(tmp_path / "whole")) == 0
    whole, again = (RunResult.load(tmp_path / name) for name in ("whole", "cut"))
    assert again == whole  # the bytes sent, too
    assert 0 < len(again.seconds) < len(whole.seconds), "of the steps that it did itself"


@pytest.mark.parametrize(("ranks", "words"), STRATEGIES)
def test_other_ranks_and_other_strategies_take_it_over(recipe, one, cut, tmp_path, ranks, words):
    folder = cut(ranks, words)
    for i, (others, strategy) in enumerate([(1, "--strategy data"), *STRATEGIES]):
        copy = tmp_path / str(i)
        shutil.copytree(folder, copy)
        assert gap(resumed(recipe, copy, others, strategy), one) < ROUNDING


@pytest.mark.parametrize("local_steps", [1, 5])
def test_local_sgd_goes_on_between_two_averages(tmp_path, local_steps, capsys):
    recipe_of(lambda: chain(HeavyBall(0.9), Descend(0.05))).save(tmp_path / "run.json")
    words = ("--ranks", 3, "--strategy", "local_sgd", "--local-steps", local_steps)
    assert command(tmp_path / "run.json", *words, "--out", tmp_path / "whole") == 0
    cut_off = ("--out", tmp_path / "cut", "--steps", CUT, "--checkpoint-every", 4)
    assert command(tmp_path / "run.json", *words, *cut_off) == 0
    other = ("--ranks", 2, "--strategy", "local_sgd", "--local-steps", local_steps, "--resume")
    capsys.readouterr()
    assert command(tmp_path / "run.json", *other, "--out", tmp_path / "cut") == 2
    said = f"saved by local_sgd --local-steps {local_steps} on 3 ranks, and each rank"
    assert said in capsys.readouterr().err
    other = (*words[:-1], local_steps + 1, "--resume", "--out", tmp_path / "cut")
    assert command(tmp_path / "run.json", *other) == 2
    assert said in capsys.readouterr().err
    assert command(tmp_path / "run.json", *words, "--out", tmp_path / "cut", "--resume") == 0
    assert gap(outcome(tmp_path / "cut"), outcome(tmp_path / "whole")) == 0


def test_the_newest_two_are_kept(recipe, cut):
    folder = cut(2, "--strategy zero3")
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == ["step-12", "step-8"]


def refusal(recipe, folder, capsys, *words) -> str:
    capsys.readouterr()
    words = words or ("--strategy", "zero3", "--resume")
    assert command(recipe, "--ranks", 2, "--out", folder, *words) == 2
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 1 and not told.out
    return told.err


@pytest.mark.parametrize("name", ["__0_0.distcp", ".metadata", "state-0.pt", "manifest.json"])
def test_a_lost_or_damaged_file_is_named_and_the_checkpoint_before_serves(
    recipe, one, cut, capsys, name
):
    folder = cut(2, "--strategy zero3")
    file = folder / "checkpoints" / "step-12" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content if name != "manifest.json" else content[: len(content) // 2])
    told = refusal(recipe, folder, capsys)
    how = "cannot be read" if name == "manifest.json" else "is not as it was written"
    assert f"step-12' is damaged: its file {name} {how}" in told
    file.unlink()
    assert "is damaged" in refusal(recipe, folder, capsys)
    shutil.rmtree(file.parent)  # as the message says
    assert gap(resumed(recipe, folder, 2, "--strategy zero3"), one) < ROUNDING


@pytest.mark.parametrize("where", ["shards.write_shards", "checkpoints.digest"])
def test_a_checkpoint_half_written_is_never_taken_for_whole(
    recipe, one, cut, monkeypatch, capsys, where
):
    def die(*args):
        raise OSError("no space left on device")

    folder = cut(2, "--strategy zero3", steps=8)
    with monkeypatch.context() as patch:
        patch.setattr(f"course.parallel.{where}", die)
        words = ("--ranks", 2, "--out", folder, "--strategy", "zero3", "--checkpoint-every", 4)
        shutil.copytree(folder, folder.with_name("copy"))
        shutil.rmtree(folder / "checkpoints")
        assert command(recipe, *words) == 2
    assert "cannot be written to" in (said := capsys.readouterr().err)
    assert "no space left on device" in said and "make room" in said
    assert course.parallel.checkpoints.steps_in(folder / "checkpoints") == []
    shutil.copytree(folder.with_name("copy"), folder, dirs_exist_ok=True)
    assert gap(resumed(recipe, folder, 2, "--strategy zero3"), one) < ROUNDING
    assert "goes on from step 8, saved by 2 ranks" in capsys.readouterr().out


def test_checkpoints_of_another_run_are_refused(recipe, cut, tmp_path, capsys):
    folder = cut(2, "--strategy zero3")
    told = refusal(recipe, folder, capsys, "--strategy", "zero3")
    assert "holds checkpoints of an earlier run; add --resume" in told
    recipe_of(seed=4).save(tmp_path / "other.json")
    assert "of another recipe" in refusal(tmp_path / "other.json", folder, capsys)
    told = refusal(recipe, folder, capsys, "--strategy", "zero3", "--resume", "--steps", "10")
    assert "is of step 12, behind the end of this run at 10; take --steps 12 or more" in told


def test_without_a_checkpoint_resume_begins_at_the_first_step(recipe, one, tmp_path, capsys):
    assert gap(resumed(recipe, tmp_path, 2, "--strategy data"), one) < ROUNDING
    assert "from the first step" in capsys.readouterr().out
    assert len(outcome(tmp_path)["losses"]) == STEPS
