"""Runs over many ranks in small pieces: what is asked, stored, and taken back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from gloo import on_gloo
from torch.distributed.checkpoint.api import CheckpointException

from course import MLP, Adam, CourseError, Descend, Trainer, chain, load_data
from course.parallel import InTurn, LocalSGD, RunResult, Sharded
from course.parallel.checkpoints import Checkpoints, put_vectors, steps_in, take_vectors
from course.parallel.communicator import Event
from course.parallel.engines import run_engine
from course.parallel.job import Job, check_folder, check_job, option_words, recipe_digest
from course.parallel.layout import Layout
from course.parallel.processes import Processes
from course.parallel.results import Tally, finite
from course.parallel.shards import read_shards, write_shards
from course.states import digest
from course.training.recipe import Recipe

DATA = load_data("moons")


def small() -> MLP:
    return MLP([2, 4, 3, 2], dtype=torch.float64)


def trained(steps: int = 0) -> Trainer:
    trainer = Trainer(small(), DATA, chain(Adam(), Descend(0.01)), 8, seed=3)
    for _ in range(steps):
        trainer.step()
    return trainer


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return trained(4).recipe()


def run(job: Job, ranks: int = 2, say=lambda line: None) -> RunResult:
    world = InTurn(ranks)
    return world.run(
        lambda comm: run_engine(comm, job, world.events if comm.rank == 0 else [], say)
    )[0]


# ---- what is asked ------------------------------------------------------------------------------


def test_a_job_asks_for_no_more_than_a_run(recipe, tmp_path):
    job = check_job(Job(recipe, out=tmp_path))
    assert job.steps == 4 and check_job(Job(recipe, out=tmp_path, steps=0)).steps == 0
    assert (job.strategy, job.options, job.engine, job.device) == ("data", {}, "ours", "cpu")
    result = run(job)
    assert not list(tmp_path.iterdir())
    torch.testing.assert_close(result.theta, trained(4).model.theta, rtol=0, atol=1e-12)


def test_options_are_words_of_the_command():
    options = {"micro_batches": 4, "sequence_parallel": True, "other": False, "schedule": "1f1b"}
    words = ["--micro-batches", "4", "--sequence-parallel", "--schedule", "1f1b"]
    assert option_words(options) == words


def test_the_order_of_a_files_fields_makes_no_other_recipe(recipe):
    other = replace(recipe, data=dict(reversed(recipe.data.items())),
                    model=dict(reversed(recipe.model.items())))  # fmt: skip
    assert list(other.model) != list(recipe.model)
    assert recipe_digest(other, 4) == recipe_digest(recipe, 4)


def test_whole_floats_are_counts_and_others_stay(recipe, tmp_path):
    asked = {"micro_batches": 2.0, "schedule": "gpipe", "chunks": 1}
    job = check_job(Job(recipe, "pipeline", asked, tmp_path))
    assert repr(job.options) == "{'micro_batches': 2, 'schedule': 'gpipe', 'chunks': 1}"
    job = check_job(Job(recipe, "pipeline", {"micro_batches": 2.5}, tmp_path))
    assert job.options == {"micro_batches": 2.5}  # which the strategy refuses


def test_a_folder_is_made_and_nothing_is_left_in_it(tmp_path):
    check_folder(tmp_path / "a" / "b")
    check_folder(tmp_path / "a" / "b")
    assert not list((tmp_path / "a" / "b").iterdir())


def test_a_job_that_cannot_be_is_refused_before_any_rank_begins(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    for changes, words in (
        ({"options": {"chunks": 2}}, "unexpected keyword argument 'chunks'"),
        ({"out": tmp_path / "file" / "x"}, "--out .*/file/x' cannot be written to"),
        ({"steps": -1}, "steps = -1"),
        ({"checkpoint_every": -1}, "checkpoint_every = -1"),
        ({"device": "tpu"}, "device = 'tpu' is unknown"),
    ):
        with pytest.raises(CourseError, match=words):
            check_job(replace(Job(recipe, out=tmp_path), **changes))


def test_what_only_its_own_code_can_build_is_refused_by_its_data_too(recipe):
    for own in (replace(recipe, data={"own": "mine"}), replace(recipe, model={"kind": "adopted"})):
        with pytest.raises(CourseError, match="only their own code can build"):
            check_job(Job(own))


# ---- what is stored -----------------------------------------------------------------------------


def result(recipe: Recipe) -> RunResult:
    return run(Job(recipe, steps=2))


def test_a_result_comes_back_as_it_was_and_a_person_can_read_it(recipe, tmp_path):
    found = result(recipe)
    found.save(tmp_path)
    again = RunResult.load(tmp_path)
    assert again == found and torch.equal(again.theta, found.theta)
    text = (tmp_path / "result.json").read_text()
    assert text.startswith('{\n "losses": [\n  ') and len(text.splitlines()) > 20
    assert sorted(p.name for p in tmp_path.iterdir()) == ["result.json", "theta.pt"]


def test_a_result_that_runs_code_is_not_loaded(recipe, tmp_path):
    result(recipe).save(tmp_path)
    torch.save(Path("none"), tmp_path / "theta.pt")
    with pytest.raises(CourseError, match=r"holds no result that can be read \(UnpicklingError"):
        RunResult.load(tmp_path)
    with pytest.raises(CourseError, match="holds no result that can be read .*; run again"):
        RunResult.load(tmp_path / "gone")


def test_a_result_that_cannot_be_written_says_where(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="cannot be written to .*make room, or choose another --"):
        result(recipe).save(tmp_path / "file")


def test_numbers_that_are_not_finite_are_none():
    assert [finite(x) for x in (1.5, float("nan"), float("inf"))] == [1.5, None, None]


def test_bytes_are_counted_by_kind_once_and_only_those_of_steps():
    def program(comm):
        kinds = ("send", "send", "all_reduce", "recv", "compute", "all_gather")
        labels = ("a", "a", "gradient", "a", "b", "whole")
        events = [Event(comm.rank, kind, label, 10.0, 0, 0, 0)
                  for kind, label in zip(kinds, labels, strict=True)]  # fmt: skip
        tally = Tally(events, {"send": 5.0} if comm.rank == 0 else None)
        tally.take()
        assert events == []
        events.append(Event(comm.rank, "all_reduce", "run", 99.0, 0, 0, 0))
        events.append(Event(comm.rank, "broadcast", "", 2.0, 0, 0, 0))
        return tally.total(comm), tally.total(comm)

    sent = {"all_reduce": 20, "broadcast": 4, "send": 45}
    assert InTurn(2).run(program) == [(sent, sent)] * 2


# ---- checkpoints --------------------------------------------------------------------------------


def saved(recipe: Recipe, out: Path, strategy: str = "data", **options) -> Path:
    run(Job(recipe, strategy, options, out, 3, checkpoint_every=1))
    return out / "checkpoints"


def test_what_is_left_of_an_unfinished_one_goes(recipe, tmp_path):
    for old in (1, 7):
        left = tmp_path / "checkpoints" / f"unfinished-{old}"
        left.mkdir(parents=True)
        (left / "file").write_text("")
    folder = saved(recipe, tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == ["step-2", "step-3"]
    assert steps_in(folder) == [2, 3]
    (folder / "step-10").mkdir()
    (folder / "step-x").mkdir()
    assert steps_in(folder) == [2, 3, 10]


def test_the_manifest_says_what_belongs_to_it(recipe, tmp_path):
    manifest = json.loads((saved(recipe, tmp_path, "zero3") / "step-3/manifest.json").read_text())
    assert (manifest["step"], manifest["world_size"], manifest["strategy"]) == (3, 2, "zero3")
    assert set(manifest["vectors"].values()) == {len(small().theta)}
    assert {"state-0.pt", ".metadata", "__0_0.distcp"} == set(manifest["files"])


def test_shards_that_one_rank_cannot_read_stop_all(recipe, tmp_path, monkeypatch):
    saved(recipe, tmp_path)
    job = Job(recipe, "data", {}, tmp_path, 4, resume=True)

    def read(comm, like, folder):
        if comm.rank == 1:
            raise CourseError("the shards cannot be read")

    monkeypatch.setattr("course.parallel.shards.read_shards", read)

    def program(comm):
        with pytest.raises(CourseError, match=r"the shards cannot be read \(on rank 1 of 2\)"):
            run_engine(comm, job, [], lambda line: None)
        return True

    assert all(InTurn(2).run(program))


@pytest.mark.parametrize("strategy", ["data", "zero3", "local_sgd"])
def test_a_run_that_goes_on_is_the_same_and_counts_all_bytes(recipe, tmp_path, strategy):
    options = {"local_steps": 2} if strategy == "local_sgd" else {}
    saved(recipe, tmp_path / "cut", strategy, **options)
    said: list[str] = []
    job = Job(recipe, strategy, options, tmp_path / "cut", 4, resume=True)
    again, whole = run(job, say=said.append), run(replace(job, resume=False, out=tmp_path))
    assert said[0] == "goes on from step 3, saved by 2 ranks"
    assert torch.equal(again.theta, whole.theta)
    assert again == whole


def test_vectors_are_taken_out_of_a_state_and_put_back():
    trainer = trained(2)
    state, other = trainer.state_dict(), trainer.state_dict()
    vectors = take_vectors(state, trainer.model.theta)
    assert len(vectors) > 1 and all(v.shape == trainer.model.theta.shape for v in vectors.values())
    assert "theta" not in state["run"]
    put_vectors(state, vectors)
    assert digest(state) == digest(other)


# ---- shards -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 4, 7])
def test_processes_write_their_shards_and_any_number_of_ranks_reads_them(n, tmp_path):
    """Also of a vector that has no number for each of 3 ranks."""
    vectors = {"theta": torch.arange(float(n)), "0.m": -torch.ones(n, dtype=torch.float64)}

    def write(comm: Processes):
        write_shards(comm, vectors, tmp_path / "three")

    def read(comm):
        like = {name: torch.zeros_like(vector) for name, vector in vectors.items()}
        read_shards(comm, like, tmp_path / "three")
        return all(torch.equal(like[name], vectors[name]) for name in vectors)

    on_gloo(3, write)
    assert all(on_gloo(2, read)) and all(InTurn(1).run(read))
    written = {path.name for path in (tmp_path / "three").glob("*.distcp")}
    assert written == {f"__{rank}_0.distcp" for rank in range(3)}


def test_ranks_in_turn_write_one_file(tmp_path):
    vector = torch.arange(5.0)
    InTurn(3).run(lambda comm: write_shards(comm, {"theta": vector}, tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {".metadata", "__0_0.distcp"}


@pytest.mark.parametrize("name", ["__0_0.distcp", ".metadata"])
def test_a_shard_that_is_lost_or_cannot_be_written_is_told(name, tmp_path):
    """What torch raises for it is no `Exception`."""
    vector = torch.arange(5.0)
    InTurn(1).run(lambda comm: write_shards(comm, {"theta": vector}, tmp_path / "one"))
    (tmp_path / "one" / name).unlink()
    with pytest.raises(CourseError, match="shards in .* cannot be read .*; delete that folder"):
        InTurn(1).run(lambda comm: read_shards(comm, {"theta": vector}, tmp_path / "one"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        InTurn(1).run(lambda comm: write_shards(comm, {"theta": vector}, tmp_path / "file" / "x"))


def test_a_disk_that_is_full_is_told_on_each_rank(recipe, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        failed = OSError("no space left on device"), None
        raise CheckpointException("write", {1: failed, 2: failed})

    monkeypatch.setattr("course.parallel.shards.dcp.save", full)
    with pytest.raises(
        CourseError, match=r"cannot be written .*\(OSError: no space left .*make ro"
    ):
        saved(recipe, tmp_path)


def test_local_sgds_whole_is_every_ranks_vector_in_a_row():
    def program(comm):
        model = LocalSGD(comm, small(), 2)
        layout = Layout(comm, model)
        mine = model.theta + comm.rank
        whole = layout.whole(mine)
        assert torch.equal(layout.part(whole), mine)
        return whole

    theta = small().theta
    for whole in InTurn(3).run(program):
        assert torch.equal(whole, torch.cat([theta, theta + 1, theta + 2]))


def test_the_state_of_any_rank_becomes_this_ranks_own():
    def program(comm):
        for model, own in ((Sharded(comm, small(), 3), [comm.rank, 2]), (small(), None)):
            state = small().state() | {"part": torch.tensor([7, 8])}
            Layout(comm, model).claim(state)
            assert state.keys() == model.state().keys()
            assert own is None or state["part"].tolist() == own
        return True

    assert all(InTurn(2).run(program))


def test_checkpoints_that_nobody_asked_for_are_told_to_all(recipe, tmp_path):
    saved(recipe, tmp_path)

    def program(comm):
        model = LocalSGD(comm, small(), 2)
        with pytest.raises(CourseError, match="holds checkpoints of an earlier run; add --resume"):
            Checkpoints(comm, Job(recipe, out=tmp_path), trained(), model)
        return True

    assert all(InTurn(2).run(program))
