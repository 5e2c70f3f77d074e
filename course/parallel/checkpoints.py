"""Checkpoints of a run over many ranks: written together, whole or not at all.

    OUT/checkpoints/step-40/
        *.distcp, .metadata    the vectors: weights, and of the optimiser all that is like them
        state-0.pt             all else: settings, the order of the rows, generators, history
        manifest.json          what belongs to it, with digests: the last file, and then the folder
                               gets its name

A rank that dies on the way leaves a folder with another name, which nobody takes for whole.
"""

import hashlib
import io
import json
import re
import shutil
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CourseError
from ..files import write_bytes
from ..states import plain_state, refusing
from ..training.recipe import versions
from ..training.trainer import Trainer
from .agreement import agree
from .communicator import Communicator
from .job import Job, option_words, recipe_digest
from .layout import Layout
from .results import KINDS
from .strategy import Strategy

KEPT = 2  # the newest ones
MANIFEST = "manifest.json"


class Checkpoints:
    """The checkpoints of one run, as one of its ranks sees them. Every rank makes each call.

    Args:
        comm: all ranks.
        job: what is done.
        trainer: of this rank.
        model: its model.

    Raises:
        CourseError: when the folder has checkpoints, and they are not asked for.
    """

    def __init__(self, comm: Communicator, job: Job, trainer: Trainer, model: Strategy):
        self.comm, self.job, self.trainer = comm, job, trainer
        self.folder = job.out / "checkpoints"
        self.layout = Layout(comm, model)
        problem = None
        if not job.resume and steps_in(self.folder):
            problem = CourseError(
                f"{str(job.out)!r} holds checkpoints of an earlier run; add --resume to go on from "
                "the newest, or take another --out"
            )
        agree(comm, problem)

    # ---- writing ------------------------------------------------------------------------------

    def save(self, sent: dict[str, int]) -> None:
        """Write a checkpoint of this step; sent: the bytes so far, by kind."""
        from .shards import write_shards

        state = plain_state(self.trainer.state_dict())
        parts = take_vectors(state, self.trainer.model.theta)
        vectors = {name: self.layout.whole(part) for name, part in parts.items()}
        step = self.trainer.step_count
        new = self.folder / f"unfinished-{step}"
        self._together(self._clear, new)
        self._together(self._see, new)
        self._together(write_shards, self.comm, vectors, new)
        if self.layout.is_local or self.comm.rank == 0:
            self._together(self._write_state, {"state": state, "sent": sent}, new)
        else:
            self._together(lambda: None)
        self._together(self._finish, new, {name: len(v) for name, v in vectors.items()}, step)

    def _together(self, do, *args) -> None:
        """Do a part of the work on each rank; what fails on one is an error on all."""
        problem: Exception | None = None
        try:
            do(*args)
        except Exception as error:  # a full disk, as the storage of torch reports it
            words = (str(error).splitlines() or [""])[0][:300]
            problem = CourseError(
                f"the checkpoint cannot be written to {str(self.folder)!r} "
                f"({type(error).__name__}: {words}); make room, or take another --out"
            )
        agree(self.comm, problem)

    def _clear(self, new: Path) -> None:
        if self.comm.rank == 0:
            for old in self.folder.glob("unfinished-*"):
                shutil.rmtree(old)
            new.mkdir(parents=True)

    def _see(self, new: Path) -> None:
        if not new.is_dir():
            raise OSError("it must be one folder that all machines share")

    def _write_state(self, state: dict, new: Path) -> None:
        content = io.BytesIO()
        torch.save(state, content)
        write_bytes(content.getvalue(), new / f"state-{self.comm.rank}.pt")

    def _finish(self, new: Path, vectors: dict[str, int], step: int) -> None:
        """Write the manifest, give the folder its name, and let old ones go: rank 0's work."""
        if self.comm.rank:
            return
        files = {path.name: digest(path) for path in sorted(new.iterdir())}
        manifest = {
            "step": step, "recipe": recipe_digest(self.job.recipe, step),
            "strategy": self.job.strategy, "options": self.job.options,
            "world_size": self.comm.world_size, "vectors": vectors,
            "files": files, "versions": versions(),
        }  # fmt: skip
        write_bytes(json.dumps(manifest, indent=1).encode(), new / MANIFEST)
        new.rename(self.folder / f"step-{step}")
        for old in steps_in(self.folder)[:-KEPT]:
            gone = (self.folder / f"step-{old}").rename(self.folder / f"unfinished-{old}")
            shutil.rmtree(gone)

    # ---- reading ------------------------------------------------------------------------------

    def resume(self, say) -> dict[str, float] | None:
        """Go on from the newest checkpoint, if there is one.

        Returns:
            On rank 0 the bytes sent until then, by kind; else None.

        Raises:
            CourseError: on each rank, for a checkpoint that is damaged or of another run.
        """
        steps = steps_in(self.folder)
        newest = str(steps[-1]) if steps else "none"
        agree(self.comm, None, {f"checkpoints in {str(self.job.out)!r}": newest})
        if not steps:
            if self.comm.rank == 0:
                say(f"no checkpoint in {self.job.out}: from the first step")
            return None
        folder = self.folder / f"step-{newest}"
        problem, manifest, saved, name = None, {}, {}, MANIFEST
        try:
            manifest = self._checked_manifest(folder)
            name = f"state-{self.comm.rank if self.layout.is_local else 0}.pt"
            saved = torch.load(folder / name, weights_only=True, map_location="cpu")
        except CourseError as error:
            problem = error
        except Exception as error:  # a file that is gone, or damaged
            words = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            problem = damaged(folder, f"its file {name} cannot be read ({words})")
        agree(self.comm, problem)
        from .shards import read_shards

        theta = self.trainer.model.theta
        vectors = {name: torch.empty(n, dtype=theta.dtype)
                   for name, n in manifest["vectors"].items()}  # fmt: skip
        try:
            read_shards(self.comm, vectors, folder)
        except CourseError as error:
            problem = error
        agree(self.comm, problem)
        with refusing():
            self.layout.claim(saved["state"]["run"]["model"])
            put_vectors(saved["state"], {k: self.layout.part(v) for k, v in vectors.items()})
            self.trainer.load_state_dict(saved["state"])
        if self.comm.rank == 0:
            say(f"goes on from step {newest}, saved by {manifest['world_size']} ranks")
            return {kind: saved["sent"].get(kind, 0) for kind in KINDS}
        return None

    def _checked_manifest(self, folder: Path) -> dict:
        """Return the manifest of a checkpoint that is whole and of this run.

        Rank 0 also reads every file once, to compare its digest.
        """
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        job, world_size = self.job, self.comm.world_size
        if manifest["recipe"] != recipe_digest(job.recipe, manifest["step"]):
            raise CourseError(
                f"{str(folder)!r} is a checkpoint of another recipe; take its recipe, or another "
                "--out"
            )
        local = "local_sgd" in (job.strategy, manifest["strategy"])
        mine = job.strategy, job.options, world_size
        theirs = manifest["strategy"], manifest["options"], manifest["world_size"]
        if local and mine != theirs:
            said, other = (" ".join([name, *option_words(options), f"on {ranks} ranks"])
                           for name, options, ranks in (theirs, mine))  # fmt: skip
            raise CourseError(
                f"{str(folder)!r} was saved by {said}, and each rank of local SGD has weights of "
                f"its own; resume with that, not with {other}"
            )
        if manifest["step"] > (job.steps or 0):
            raise CourseError(
                f"{str(folder)!r} is of step {manifest['step']}, behind the end of this run at "
                f"{job.steps}; take --steps {manifest['step']} or more"
            )
        if self.comm.rank == 0:
            for name, wanted in manifest["files"].items():
                if not (folder / name).is_file():
                    raise damaged(folder, f"its file {name} is missing")
                if digest(folder / name) != wanted:
                    raise damaged(folder, f"its file {name} is not as it was written")
        return manifest


def damaged(folder: Path, what: str) -> CourseError:
    """Return the error for a checkpoint that cannot be used."""
    return CourseError(
        f"the checkpoint {str(folder)!r} is damaged: {what}; put back a copy of it, or delete that "
        "folder, and the one before it is taken"
    )


def steps_in(folder: Path) -> list[int]:
    """Return the steps of the checkpoints that are whole, rising."""
    found = (re.fullmatch(r"step-(\d+)", path.name) for path in folder.glob("step-*"))
    return sorted(int(match[1]) for match in found if match)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def take_vectors(state: dict, theta: Tensor) -> dict[str, Tensor]:
    """Take what is like theta out of a trainer's state, and return it by its place there."""
    run = state["run"]
    vectors = {"theta": run.pop("theta")}
    for i, buffers in enumerate(run["transforms"]):
        for name in [k for k, v in buffers.items() if v.shape == theta.shape]:
            vectors[f"{i}.{name}"] = buffers.pop(name)
    return vectors


def put_vectors(state: dict, vectors: dict[str, Tensor]) -> None:
    """Put back what `take_vectors` took."""
    for place, vector in vectors.items():
        i, _, name = place.rpartition(".")
        (state["run"]["transforms"][int(i)] if i else state["run"])[name] = vector
