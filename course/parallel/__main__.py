"""Runs over many ranks: `torchrun … -m course.parallel run RECIPE.json --out DIR`."""

import argparse
import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from ..errors import CourseError
from ..training.recipe import load_recipe
from ..training.replay import threads
from .agreement import Agreed, agree
from .engines import run_engine
from .in_turn import InTurn
from .job import Job, check_job
from .processes import join
from .results import RunResult

OPTIONS = ("buckets", "local_steps", "tensor", "pipeline", "micro_batches", "schedule", "chunks",
           "sequence_parallel")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Do a recipe's run over the ranks and store its result; return the exit code."""
    job: Job | None = None
    problem = None
    try:
        job = job_of(args)
    except CourseError as error:
        problem = error
    if args.ranks is not None:
        if problem is not None:
            raise problem
        assert job is not None
        result = run_in_turn(job, args.ranks)
    else:
        device = args.device if problem is None else "cpu"
        with join(device) as comm:
            agree(comm, problem, None if job is None else job.facts())
            assert job is not None
            result = run_engine(comm, job, comm.events, say)
            if comm.rank == 0:
                result.save(job.out)
    if args.ranks is not None or os.environ["RANK"] == "0":
        tell(result)
    return 0


def run_in_turn(job: Job, ranks: int) -> RunResult:
    """Do the run on so many ranks in this process; store and return its result."""
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        raise CourseError(
            f"--ranks {ranks} is for one process, and torchrun has started "
            f"{os.environ['WORLD_SIZE']}; leave one of the two out"
        )
    world = InTurn(ranks)
    with threads(job.recipe.threads):
        results = world.run(
            lambda comm: run_engine(comm, job, world.events if comm.rank == 0 else [], say)
        )
    results[0].save(job.out)
    return results[0]


def job_of(args: argparse.Namespace) -> Job:
    """Return what the command line asks for, checked.

    Raises:
        CourseError: for what cannot be run.
    """
    options = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    return check_job(
        Job(load_recipe(args.recipe), args.strategy, options, args.out, args.steps, args.engine,
            args.device, args.checkpoint_every, args.resume)
    )  # fmt: skip


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(line, flush=True)


def tell(result: RunResult) -> None:
    """Print what came out."""
    loss, accuracy = (float("nan") if n is None else n for n in result.test.values())
    steps, ranks = (f"{n} {what}{'s' * (n != 1)}" for n, what in
                    ((len(result.losses), "step"), (result.world_size, "rank")))  # fmt: skip
    say(f"{steps} on {ranks}, test loss {loss:.6g}, test accuracy {accuracy:.4g}")
    sent = ", ".join(f"{kind} {n:,}" for kind, n in result.bytes_sent.items()) or "none"
    say(f"bytes sent: {sent}")


# ---- the command line ---------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    top = argparse.ArgumentParser(
        prog="python -m course.parallel",
        description="One training step on many devices: run a lab's recipe over ranks.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    p = commands.add_parser(
        "run",
        help="run a recipe over processes, or over ranks in one process",
        description="""Run a recipe that a lab or a Trainer saved, its knob changes included. Each
        process that torchrun starts is a rank; with --ranks all are in this one process. The
        result is the folder's result.json (losses, results, bytes sent, seconds) and theta.pt (the
        weights, in the order of one process).""",
        epilog="""Example: torchrun --nproc-per-node=2 -m course.parallel run run.json --strategy
        data --out two. Exit code: 0 if all went well, 2 for what cannot be run, with a sentence
        that says why, 130 if stopped; torchrun ends with 1 when one of its processes failed.""",
    )
    p.add_argument("recipe", help="a JSON file")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the result goes")
    p.add_argument(
        "--strategy", default="data",
        help="data, local_sgd, zero1, zero2, zero3, tensor, pipeline, data_tensor or "
        "data_pipeline; default: %(default)s",
    )  # fmt: skip
    p.add_argument("--ranks", type=int, metavar="N", help="ranks in this process; no torchrun")
    p.add_argument(
        "--engine", default="ours",
        help="ours, or torch for PyTorch's own programs; default: %(default)s",
    )  # fmt: skip
    p.add_argument("--device", default="cpu", help="cpu or cuda; default: %(default)s")
    p.add_argument("--steps", type=int, metavar="N", help="default: those of the recipe")
    p.add_argument(
        "--checkpoint-every", type=int, default=0, metavar="K",
        help="write a checkpoint every K steps into DIR/checkpoints; the newest two are kept",
    )  # fmt: skip
    p.add_argument(
        "--resume", action="store_true",
        help="go on from the newest checkpoint in DIR, also of other ranks or another strategy; "
        "from the first step if there is none. Give it with torchrun --max-restarts",
    )  # fmt: skip
    p.add_argument(
        "--until-stdin-closes", action="store_true",
        help="end when the standard input does, as a notebook needs it",
    )  # fmt: skip
    add_options(p.add_argument_group("options of a strategy"))
    p.set_defaults(run=run)
    return top


def add_options(p) -> None:
    """Add the options of the strategies."""
    whole: dict = {"type": int, "metavar": "N"}
    p.add_argument("--buckets", **whole, help="data: parts of the gradient; default: 1")
    p.add_argument("--local-steps", **whole, help="local_sgd: steps between two averages")
    p.add_argument("--tensor", **whole, help="data_tensor: ranks a replica; default: 2")
    p.add_argument("--pipeline", **whole, help="data_pipeline: ranks a replica; default: 2")
    p.add_argument("--micro-batches", **whole, help="pipeline, data_pipeline: default: 4")
    p.add_argument("--schedule", help="likewise: gpipe, 1f1b, interleaved or zero_bubble")
    p.add_argument("--chunks", type=int, metavar="N", help="likewise: stages a rank")
    p.add_argument(
        "--sequence-parallel", action="store_const", const=True,
        help="tensor, data_tensor: cut what lies between blocks by samples",
    )  # fmt: skip


def end_with_stdin() -> None:
    """End this process when its standard input closes: whoever started it is gone."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def report_to_torchrun(error: CourseError) -> None:
    """Write why this rank failed where torchrun, if it started the rank, looks for it.

    torchrun ends with a traceback of its own when a rank fails. The last lines then say why.
    """
    if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        message = {"message": str(error), "extraInfo": {"timestamp": int(time.time())}}
        with suppress(OSError):
            Path(file).write_text(json.dumps({"message": message}))


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code, 2 for a `CourseError`.

    Args:
        argv: the words after `python -m course.parallel`; default: those of this process.
    """
    args = parser().parse_args(argv)
    if args.until_stdin_closes:
        end_with_stdin()
    try:
        return args.run(args)
    except CourseError as error:
        if not isinstance(error, Agreed) or os.environ.get("RANK", "0") == "0":
            print(f"course.parallel: {error}", file=sys.stderr, flush=True)
        report_to_torchrun(error)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
