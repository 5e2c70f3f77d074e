"""Which tests run: the lanes `fast`, default and `full`, and the groups that share a process.

fast: nothing that needs a kernel, a browser or a process of its own, and nothing in `SLOW`.
default: all but what is marked `full`; of that, the tests of changed files and an eighth, of what
    is in `HEAVY` a sixteenth.
full: everything that is marked so.

A test marked `full` is changed when its own file, its notebook, or a file that one of them imports
has changed since the branch left its upstream, or since the commit before. The eighth is every
eighth test, so that no eighth has most of a slow file, and the sixteenth likewise; where they begin
goes by the commit, without git by the day.
"""

import ast
import datetime
import re
import subprocess
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
PARTS, RARER = 8, 16
LOCK = "binder/constraints.txt"  # another version of a library changes everything
GROUPS = {  # fixture: what its tests share, in one process and one after another
    "browser_page": "browser",
    "chromium": "browser",
    "lab_address": "browser",
    "kernels": "kernels",
    "home": "kernels",
    "colab": "kernels",
}

FACES = ("__init__.py", "face.py")  # files that only pass names on

SLOW = (  # rooms, files and tests that take a second or more
    "tests/widgets/",  # labs draw their stills
    "tests/oncall/test_oncall_policies",
    "test_adopt_ddp",
    "test_a_chaotic_picture_has_more_room",
    "test_a_picture_as_an_output_of_its_own_counts",
    "test_a_planted_wrong_curve_is_found_in_each_picture",
    "test_a_recipe_replays_any_run_to_the_bit",
    "test_a_writer_that_dies_blocks_nobody_and_one_that_hangs_only_for_a_while",
    "test_going_to_any_step_is_exact_and_so_is_going_on",
    "test_each_part_takes_what_is_possible_and_refuses_everything_else",
    "test_views",  # import FSDP2 and DTensor
    "test_planner_traced",
    "test_watch_",  # labs driven as the chapters say
    "test_writers_at_once_lose_none",
)

HEAVY = (  # start processes, paint, or take seconds for a family: these tests count as `full`
    "tests/browser/test_arrows_page", "tests/browser/test_backprop", "tests/browser/test_bets_page",
    "tests/browser/test_cluster_page", "tests/browser/test_day_one_page",
    "tests/browser/test_descent", "tests/browser/test_errata_page",
    "tests/browser/test_face_network",
    "tests/browser/test_face_panels", "tests/browser/test_face_strips",
    "tests/browser/test_face_view", "tests/browser/test_notebook7",
    "tests/browser/test_oncall_page", "tests/browser/test_pages", "tests/browser/test_planner_page",
    "tests/browser/test_plots", "tests/browser/test_start.py::test_course_lab_opens_wide",
    "tests/browser/test_training_lab.py::test_an_older_ipykernel",
    "tests/browser/test_training_lab.py::test_lanes_are_turned",
    "tests/browser/test_training_lab.py::test_the_clip_line",
    "tests/browser/test_training_lab_keys", "tests/browser/test_training_lab_notebook7",
    "tests/browser/test_training_lab_page", "tests/browser/test_training_lab_story",
    "tests/browser/test_training_lab_tabs", "tests/browser/test_validation_page",
    "tests/cli/test_wheel.py::test_course_lab_from_a_wheel",
    "tests/interop/test_adopt_ddp", "tests/lessons/test_checks_memory",
    "tests/lessons/test_checks_networks_training", "tests/lessons/test_checks_regularisation",
    "tests/lessons/test_day_one",
    "tests/lessons/test_checks_data.py", "tests/lessons/test_checks_ensembles",
    "tests/browser/test_training_lab_tabs", "tests/cli/test_wheel.py::test_course_lab_from_a_wheel",
    "tests/interop/test_adopt_ddp", "tests/lessons/test_checks_ensembles",
    "tests/lessons/test_checks_code_examples", "tests/lessons/test_checks_memory",
    "tests/lessons/test_checks_networks_training", "tests/lessons/test_day_one",
    "tests/lessons/test_exercises.py::test_wrong_answers_are_recognised",
    "tests/lessons/test_ledger.py::test_each_case_of_the_document",
    "tests/lessons/test_ledger_mutations", "tests/lessons/test_patients.py",
    "tests/lessons/test_predictions", "tests/lessons/test_puzzles.py::test_a_solution",
    "tests/lessons/test_puzzles.py::test_a_wrong",
    "tests/lessons/test_puzzles.py::test_the_first_idea",
    "tests/lessons/test_race.py::test_going_to", "tests/lessons/test_time_limit",
    "tests/lessons/test_watch_", "tests/parallel/test_attacks",
    "tests/parallel/test_knobs_on_ranks", "tests/parallel/test_processes",
    "tests/parallel/test_run_checkpoints", "tests/parallel/test_run_in_turn",
    "tests/parallel/test_run_launch", "tests/parallel/test_run_processes",
    "tests/parallel/test_transforms_on_ranks", "tests/parallel/test_views",
    "tests/planner/test_planner_traced", "tests/planner/test_planner_ways",
    "tests/publishing/test_execute", "tests/publishing/test_outputs",
    "tests/publishing/test_preloaded_kernels", "tests/publishing/test_regenerate",
    "tests/publishing/test_run_cache.py::test_resume", "tests/publishing/test_updates_failures",
    "tests/test_notebooks.py::test_a_planted", "tests/test_notebooks.py::test_a_recipe_as",
    "tests/test_notebooks.py::test_nbval", "tests/training/test_checkpoint_files",
    "tests/training/test_checkpoint_refusals", "tests/training/test_hostile",
    "tests/training/test_replay", "tests/widgets/test_backprop_", "tests/widgets/test_cluster_lab",
    "tests/widgets/test_descent_lab", "tests/widgets/test_descent_scene",
    "tests/widgets/test_figure", "tests/widgets/test_planner_lab", "tests/widgets/test_plot.py",
    "tests/widgets/test_runner", "tests/widgets/test_stills", "tests/widgets/test_strips",
    "tests/widgets/test_training_absurd", "tests/widgets/test_training_again",
    "tests/widgets/test_training_duel", "tests/widgets/test_training_faults",
    "tests/widgets/test_training_guess", "tests/widgets/test_training_instruments",
    "tests/widgets/test_training_panel", "tests/widgets/test_training_plans",
    "tests/widgets/test_training_same", "tests/widgets/test_training_time",
)  # fmt: skip


def is_heavy(item) -> bool:
    """Return whether a test counts as `full` because it is slow, though it is not marked."""
    return item.nodeid.startswith(HEAVY)


def group(item) -> str | None:
    """Return the group of a test: its tests share a JupyterLab or a server of kernels.

    The labs' own tests in the browser take as long as all the others there: a group of their own.
    """
    name = next((GROUPS[name] for name in GROUPS if name in item.fixturenames), None)
    in_lab = name == "browser" and "lab" in item.nodeid.split("::")[0]
    return "browser of the labs" if in_lab else name


def is_fast(item) -> bool:
    """Return whether a test belongs to the lane of a minute."""
    if item.get_closest_marker("full") or group(item):
        return False
    code = item.function.__code__
    starts_process = {"subprocess", "Popen"} & {*code.co_names}
    return not starts_process and not any(name in item.nodeid for name in SLOW)


# ---- what has changed -----------------------------------------------------------------------


def git(*words: str, root: Path = ROOT) -> str | None:
    """Return what git says; None without git, or when it fails."""
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def head(root: Path = ROOT) -> str | None:
    """Return the commit that is checked out; None when `root` is not a repository of its own."""
    top = git("rev-parse", "--show-toplevel", root=root)
    own = top is not None and Path(top).resolve() == root.resolve()
    return git("rev-parse", "--verify", "--quiet", "HEAD", root=root) if own else None


def base(root: Path = ROOT) -> str | None:
    """Return the commit to compare with: where the branch left its upstream, or the one before."""
    here = head(root)
    if here is None:
        return None
    for upstream in ("@{upstream}", "origin/HEAD"):
        fork = git("merge-base", "HEAD", upstream, root=root)
        if fork and fork != here:
            return fork
    return git("rev-parse", "--verify", "--quiet", "HEAD~1", root=root)


def changed(since: str | None, root: Path = ROOT) -> set[Path]:
    """Return the files that differ from a commit, those that are not committed included."""
    if since is None:
        return set()
    names = git("diff", "--name-only", "-z", since, root=root) or ""
    names += "\0" + (git("ls-files", "--others", "--exclude-standard", "-z", root=root) or "")
    return {root / name for name in names.split("\0") if name}


# ---- what a file imports --------------------------------------------------------------------


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield every statement, however deep; `ast.walk` would go through expressions too."""
    todo: list = [tree]
    while todo:
        node = todo.pop()
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, block, [])
        if isinstance(node, ast.stmt):
            yield node


@cache
def imported(path: Path) -> tuple[tuple[str, str | None], ...]:
    """Return (module, name) for each import in a file, wherever it stands; name may be None."""
    source = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(source, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        source = re.sub(r"^( *)[%!].*", r"\1pass", code, flags=re.M)  # magics are not Python
    package = path.relative_to(ROOT).parts[:-1]
    found: list[tuple[str, str | None]] = []
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            found += [(module, alias.name) for alias in node.names]
    return tuple(found)


def file_of(module: str, folder: Path) -> Path | None:
    """Return the file of one of our modules, seen from a folder; None for one of a library."""
    in_package = (folder / "__init__.py").exists()  # there, only a script sees its neighbours
    for place in (ROOT,) if in_package else (ROOT, folder):
        path = place / module.replace(".", "/")
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def origin(module: str, name: str | None, folder: Path) -> Path | None:
    """Return the file that a name comes from, not the face of the package that passes it on."""
    if name and (path := file_of(f"{module}.{name}", folder)):
        return path
    path = file_of(module, folder)
    if path is not None and path.name in FACES:
        for inner, passed in imported(path):
            if name is not None and passed in (name, "*"):
                return origin(inner, name, path.parent)
    return path


@cache
def neighbours(path: Path) -> frozenset[Path]:
    """Return our files that a file imports itself."""
    found = (origin(module, name, path.parent) for module, name in imported(path))
    return frozenset(filter(None, found))


@cache
def beside(folder: Path) -> frozenset[Path]:
    """Return the data and scripts in a folder."""
    return frozenset(f for f in folder.iterdir() if f.is_file() and f.suffix != ".py")


@cache
def needed(path: Path) -> frozenset[Path]:
    """Return a file and all of ours that it imports, with the data and scripts beside those."""
    seen: set[Path] = set()
    todo = {path}
    while todo:
        seen |= todo
        todo = {file for here in todo for file in neighbours(here)} - seen
    folders = {file.parent for file in seen - {path}}
    return frozenset(seen.union(*(beside(folder) for folder in folders)))


# ---- which of the tests marked `full` run -----------------------------------------------------


@cache
def notebooks() -> dict[str, Path]:
    """Return the chapters by the names that tests give them as parameters."""
    return {path.stem: path for path in (ROOT / "notebooks").glob("*.ipynb")}


def notebook_of(item) -> Path | None:
    """Return the notebook that a test is about, by its parameters."""
    callspec = getattr(item, "callspec", None)
    for value in callspec.params.values() if callspec else ():
        if isinstance(value, Path) and value.suffix == ".ipynb":
            return value
        if isinstance(value, str) and value in notebooks():  # others may be long sentences
            return notebooks()[value]
    return None


@cache
def choice() -> tuple[str | None, set[Path], int]:
    """Return the commit compared with, the files changed since, and the part whose turn it is."""
    commit, since = head(), base()
    turn = zlib.crc32((commit or datetime.date.today().isoformat()).encode()) % RARER
    return since, changed(since), turn


def is_chosen(item, place: int) -> bool:
    """Return whether a test marked `full` runs in the default lane too; `place` counts them."""
    _, files, turn = choice()
    notebook = notebook_of(item)
    own = {item.path} | (needed(notebook) if notebook else needed(item.path))
    parts = RARER if is_heavy(item) else PARTS
    return place % parts == turn % parts or ROOT / LOCK in files or bool(own & files)


def header() -> str:
    """Return the choice in words."""
    since, files, turn = choice()
    what = f"what needs a file changed since {since[:9]} ({len(files)})" if since else "no history"
    part = f"an eighth ({turn % PARTS + 1}), of the heavy ones a sixteenth ({turn + 1})"
    return f"slow tests: {part}, and {what}; all of them with -m full"
