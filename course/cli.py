"""The `course` command: open the lab, regenerate the notebooks, look at the installation."""

import argparse
import os
import sys
from pathlib import Path

from .errors import CourseError

START = "00_start_here.ipynb"


def notebooks_folder() -> Path:
    """The chapters: beside the package in a clone, else `notebooks` in the current folder."""
    for folder in (Path(__file__).parents[1] / "notebooks", Path.cwd() / "notebooks"):
        if (folder / START).exists():
            return folder
    raise CourseError(f"no notebooks/{START} beside the package or here; run this in a clone")


def lab(args) -> int:
    """Replace this process by JupyterLab, opened on the first chapter."""
    folder = notebooks_folder()
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += [f"--LabApp.default_url=/lab/tree/{START}"]
    command += ["--no-browser"] if args.no_browser else []
    command += [f"--port={args.port}"] if args.port else []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a root container: Jupyter refuses otherwise
    os.chdir(folder)
    os.execv(sys.executable, command)


def regenerate(args) -> int:
    from .regenerate import regenerate as run

    parameters = {name: value for name, value in args.parameter}
    return run(
        notebooks_folder(), args.notebook, parameters, args.jobs, args.timeout, args.output_dir
    )


def doctor(args) -> int:
    from .doctor import report

    return report()


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="course", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    p = commands.add_parser("lab", help="open JupyterLab on the first chapter")
    p.add_argument("--no-browser", action="store_true", help="print the address only")
    p.add_argument("--port", type=int, help="the port to serve on")
    p.set_defaults(run=lab)

    p = commands.add_parser("regenerate", help="run notebooks and store their outputs")
    p.add_argument("notebook", nargs="*", help="names or paths; default: all of them")
    p.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("name", "value"),
        help="change a parameter; outputs then go to --output-dir, the originals stay",
    )  # fmt: skip
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    p.add_argument("--timeout", type=int, default=300, help="seconds a cell may take")
    p.add_argument(
        "--output-dir", type=Path, default=None, help="default: in place; `regenerated` with -p"
    )
    p.set_defaults(run=regenerate)

    p = commands.add_parser("doctor", help="versions, devices, what is missing and how to mend it")
    p.set_defaults(run=doctor)
    return top


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        return args.run(args)
    except CourseError as error:
        print(f"course {args.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
