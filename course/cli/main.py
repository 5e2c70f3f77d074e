"""The `course` command: learn, regenerate notebooks, replay a run, plan one, check the ledger."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from ..errors import CourseError
from ..version import __version__
from .doctor import report
from .folders import CLONED, OWN, PACKAGED, START, notebooks_folder
from .history_file import check_writable, write_history
from .plan_file import add_plan

WORKSPACE = "training-at-scale"  # JupyterLab's word for what is open where
DEFAULTS = Path(__file__).parent / "jupyter"  # settings of JupyterLab where the learner has none


# ---- course lab ---------------------------------------------------------------------------------


def lab(args: argparse.Namespace) -> int:
    """Replace this process by JupyterLab, opened on the first chapter."""
    if args.undo:
        return undo_update(args.folder)
    folder = lab_folder(args.folder, args.here)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    # One document over the whole width. The workspace has a name, so that it does not restore the
    # open side bar and the files of the learner's other work.
    command += [f"--LabApp.default_url=/doc/workspaces/{WORKSPACE}/tree/{START}"]
    command += ["--no-browser"] if args.no_browser else []
    command += [f"--port={args.port}"] if args.port else []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a root container: Jupyter refuses otherwise
    paths = [os.environ.get("JUPYTER_CONFIG_PATH", ""), str(DEFAULTS)]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    os.chdir(folder)
    sys.stdout.flush()  # the next line replaces this process
    os.execv(sys.executable, command)


def lab_folder(chosen: Path | None, here: bool = False) -> Path:
    """Bring the learner's folder up to date and return it.

    Args:
        chosen: the folder; None: `OWN`
        here: return the clone's own notebooks instead, as they are

    Raises:
        CourseError: the folder cannot be used or updated; the message says what to do.
    """
    from ..publishing.updates import deliver  # here, to save the other commands a second

    in_clone = (CLONED / START).exists()
    if here:
        if chosen is not None or not in_clone:
            reason = "takes no FOLDER" if in_clone else "needs a clone of the repository"
            raise CourseError(f"--here {reason}; `course lab` without it opens your own copy")
        return CLONED
    folder = (chosen or OWN).expanduser().resolve()
    source = PACKAGED if PACKAGED.exists() else CLONED
    if source in (folder, *folder.parents):
        raise CourseError(f"{str(folder)!r} is the original: work on it with course lab --here")
    lines = deliver(folder, source)
    if lines:
        print(f"Chapters are in {folder}", *lines, sep="\n  ")
    if not all(line.startswith("new: ") for line in lines):
        command = ["course", "lab", *([str(chosen)] if chosen else []), "--undo"]
        print(f"Not what you want? `{shlex.join(command)}` puts every file back as it was.")
    return folder


def undo_update(chosen: Path | None) -> int:
    """Take the last update back and print what happened; return the exit code.

    Args:
        chosen: the folder; None: `OWN`
    """
    from ..publishing.updates import undo  # here, to save the other commands a second

    folder = (chosen or OWN).expanduser().resolve()
    print(f"In {folder}", *undo(folder), "A second --undo takes this one back.", sep="\n  ")
    return 0


# ---- the other commands -------------------------------------------------------------------------


def regenerate(args: argparse.Namespace) -> int:
    """Run notebooks and store or check their outputs; return the exit code."""
    from ..publishing.regenerate import regenerate as run  # here, as the import takes a second

    return run(
        notebooks_folder(), args.notebook, dict(args.parameter), args.jobs, args.timeout,
        args.output_dir, args.html, args.resume, args.check, args.renew,
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Replay a recipe and print its result, or print it as a program; return the exit code."""
    from ..training.recipe import load_recipe  # deferred: torch takes seconds to import
    from ..training.recipe_source import as_code
    from ..training.replay import history_digest, run_recipe

    recipe = load_recipe(args.recipe)
    if args.code:
        print(as_code(recipe, args.anyway), end="")
        return 0
    if args.history is not None:
        check_writable(args.history)
    for line in recipe.differences():
        print(f"unlike the recipe, so bits may differ: {line}", file=sys.stderr)
    trainer = run_recipe(recipe, anyway=args.anyway)
    loss, accuracy = trainer.evaluate("test")
    print(f"{trainer.step_count} steps, test loss {loss:.6g}, test accuracy {accuracy:.4g}")
    print(f"history {history_digest(trainer)}")
    if args.history is not None:
        write_history(trainer.history.numbers().tolist(), args.history)
    return 0


def ledger(args: argparse.Namespace) -> int:
    """Search the documents for what the ledger calls missing; return the exit code."""
    from ..lessons.search_again import search_again  # deferred: the lessons take seconds to import

    lines, same = search_again(args.documents)
    print(*lines, sep="\n")
    return 0 if same else 1


def doctor(args: argparse.Namespace) -> int:
    """Report on the installation; return the exit code."""
    return report()


# ---- the command line ---------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="course",
        description="Training at Scale: how a neural network is trained, and how at scale.",
        epilog="Learners need `course lab` only. `course COMMAND --help` explains each command.",
    )
    top.add_argument("--version", action="version", version=f"training-at-scale {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    p = commands.add_parser(
        "lab",
        help="open JupyterLab on the first chapter",
        description="""Open JupyterLab on the first chapter, in a folder of your own. If the course
        is newer than that folder, its chapters are updated first, cell by cell: cells that you did
        not change are renewed; cells that you wrote or changed stay. If the course changed such a
        cell too, its whole notebook is put beside yours as "NAME (release X).ipynb". Files of your
        own, links and read-only files are never overwritten. Delete or rename a chapter to get a
        fresh one.""",
    )
    p.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER",
        help=f"where you work; default: {OWN}",
    )  # fmt: skip
    way = p.add_mutually_exclusive_group()
    way.add_argument(
        "--here", action="store_true",
        help="open the originals in the clone of the repository, as authors do; nothing is updated",
    )  # fmt: skip
    way.add_argument(
        "--undo", action="store_true",
        help="put every file back as it was before the last update, and open nothing; what you "
        "changed since is kept beside; a second --undo brings the update back",
    )  # fmt: skip
    p.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    p.add_argument("--port", type=int, help="the port to serve on")
    p.set_defaults(run=lab)

    p = commands.add_parser(
        "regenerate",
        help="run notebooks and store their outputs",
        description="""Run notebooks, each in a process of its own, and store their outputs. New
        outputs replace the old ones only when every cell ran; a failed run is kept beside the
        notebook as NAME.failed.ipynb. An output that means the same as the stored one keeps the
        stored bytes: other last digits, or times measured again, change nothing. A notebook that
        you edit while it runs is left alone. A summary with links is written to
        regenerated/index.html, or to the --output-dir.""",
        epilog="""Exit code: 0 if all went well, 1 if something failed or differs, 2 for a bad
        argument, 130 if stopped.""",
    )
    p.add_argument(
        "notebook", nargs="*",
        help="names such as 00_start_here or solutions/00_start_here, or paths; default: all",
    )  # fmt: skip
    p.add_argument(
        "-p", "--parameter", type=name_and_value, action="append", default=[], metavar="NAME VALUE",
        help="set a parameter; may be repeated; the originals stay, outputs go to --output-dir",
    )  # fmt: skip
    p.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="how many notebooks run at a time; default: the number of cores, here %(default)s",
    )  # fmt: skip
    p.add_argument(
        "--timeout", type=int, default=300, metavar="SECONDS",
        help="how long one cell may take; default: %(default)s",
    )  # fmt: skip
    p.add_argument(
        "--output-dir", type=Path, default=None, metavar="FOLDER",
        help="store there, not in the originals; default: in place, or regenerated/ with -p",
    )  # fmt: skip
    p.add_argument(
        "--html",
        action="store_true",
        help="also write each notebook as one HTML file that needs no network",
    )
    p.add_argument(
        "--resume", action="store_true", help="skip what ran well before and has not changed since"
    )
    p.add_argument(
        "--check", action="store_true",
        help="write nothing; fail if the outputs of a fresh run mean something else",
    )  # fmt: skip
    p.add_argument(
        "--renew", action="store_true",
        help="store every output anew, also if its meaning is unchanged",
    )  # fmt: skip
    p.set_defaults(run=regenerate)

    p = commands.add_parser(
        "run",
        help="replay a recipe",
        description="""Replay a recipe that a lab or a Trainer saved, and print the test loss, the
        accuracy and a digest of the whole history.""",
    )
    p.add_argument("recipe", help="a JSON file")
    p.add_argument("--history", metavar="FILE", help="write loss and norms of each step as CSV")
    p.add_argument("--code", action="store_true", help="print the run as a Python program instead")
    p.add_argument(
        "--anyway", action="store_true",
        help="run it even if it takes more than an hour or half of this machine's memory",
    )  # fmt: skip
    p.set_defaults(run=run)

    add_plan(commands)

    p = commands.add_parser(
        "ledger",
        help="search the documents for what the ledger calls missing",
        description="""Search the five documents again for what the ledger calls missing, and say
        what differs from what it has stored: the counts, and the SHA-256 of each document.""",
        epilog="Exit code: 0 if all is as stored, 1 if something differs, 2 for a bad folder.",
    )
    p.add_argument(
        "--documents", type=Path, required=True, metavar="FOLDER",
        help="holds the documents as text files whose names begin with 000_ to 004_",
    )  # fmt: skip
    p.set_defaults(run=ledger)

    p = commands.add_parser(
        "doctor",
        help="check the installation",
        description="""Print versions and devices, what is missing or unfit, and the command that
        mends it. Exit code: 0 if the course can run, else 1.""",
    )
    p.set_defaults(run=doctor)
    return top


def name_and_value(text: str) -> tuple[str, str]:
    """Split NAME=VALUE, as argparse calls it for a parameter."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} lacks a value; write -p NAME VALUE")
    return name, value


def join_parameters(argv: list[str]) -> list[str]:
    """Write `-p NAME VALUE` as `--parameter=NAME=VALUE`, since a value may begin with a minus."""
    words, rest = [], list(argv)
    while rest:
        word = rest.pop(0)
        if word in ("-p", "--parameter") and len(rest) > 1 and "=" not in rest[0]:
            word = f"--parameter={rest.pop(0)}={rest.pop(0)}"
        words.append(word)
    return words


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit code, 2 for a `CourseError`.

    Args:
        argv: the words after `course`; default: those of this process
    """
    args = parser().parse_args(join_parameters(sys.argv[1:] if argv is None else argv))
    try:
        return args.run(args)
    except CourseError as error:
        print(f"course {args.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
