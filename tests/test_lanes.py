"""Lanes: what a file imports, what has changed, whose turn it is; in clones of every kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import grimp
import lanes
import pytest

from course.lessons.contents import ROUTE

ROOT = Path(__file__).parents[1]
MOMENTUM = ROOT / "notebooks/3_04_momentum.ipynb"


def test_an_import_is_followed_to_the_file_that_has_the_name():
    assert lanes.origin("course", "Momentum", ROOT) == ROOT / "course/optim/first_order.py"
    assert lanes.origin("course.nn", "layers", ROOT) == ROOT / "course/nn/layers.py"
    assert lanes.origin("course.nn.layers", "Linear", ROOT) == ROOT / "course/nn/layers.py"
    assert lanes.origin("lanes", None, Path(__file__).parent) == ROOT / "tests/lanes.py"
    assert lanes.origin("torch", "nn", ROOT) is None


def test_a_file_needs_what_it_imports_and_what_that_imports():
    first_order = lanes.needed(ROOT / "course/optim/first_order.py")
    assert ROOT / "course/optim/chain.py" in first_order
    assert ROOT / "course/training/trainer.py" not in first_order
    assert ROOT / "course/errors.py" in lanes.needed(ROOT / "course/nn/network.py")


@pytest.mark.parametrize("chapter", [c.file for c in ROUTE])
def test_a_chapter_needs_its_libraries_scripts_and_claims(chapter):
    needed = lanes.needed(ROOT / f"notebooks/{chapter}.ipynb")
    for name in ("nn/network.py", "optim/chain.py", "lessons/claims.toml"):
        assert ROOT / "course" / name in needed
    assert ROOT / "widgets/common/face.css" in needed
    others = {ROOT / f"notebooks/{c.file}.ipynb" for c in ROUTE if c.file != chapter}
    assert not needed & (others | {ROOT / "course/publishing/merge.py"})


def test_inside_the_package_the_files_are_those_that_grimp_finds():
    def module(file):
        return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    graph = grimp.build_graph("course", cache_dir=None)
    faces = {name for name in graph.modules if (ROOT / name.replace(".", "/")).is_dir()}
    for name in graph.modules - faces:
        files = lanes.needed(ROOT / f"{name.replace('.', '/')}.py")
        found = {module(file) for file in files if file.suffix == ".py"}
        assert found - faces - {name} == graph.find_upstream_modules(name) - faces, name


# ---- clones, shallow clones, no clone -----------------------------------------------------------


def git(folder, *words):
    names = {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    command = ["git", "-c", "init.defaultBranch=main", *words]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | names, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder, name):
    (folder / name).write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", name)


@pytest.fixture
def upstream(tmp_path):
    folder = tmp_path / "upstream"
    folder.mkdir()
    git(folder, "init", "-q")
    for name in ("one", "two", "three ä"):
        commit(folder, name)
    return folder


def changes(folder):
    return {path.name for path in lanes.changed(lanes.base(folder), folder)}


def test_a_clone_is_compared_with_the_commit_before(upstream, tmp_path):
    git(tmp_path, "clone", "-q", str(upstream), "clone")
    clone = tmp_path / "clone"
    assert changes(clone) == {"three ä"}
    (clone / "new").write_text("x")
    (clone / "one").write_text("changed")
    assert changes(clone) == {"three ä", "new", "one"}


@pytest.mark.parametrize("branch", ["main", "own"])
def test_own_commits_are_compared_with_the_upstream(upstream, tmp_path, branch):
    git(tmp_path, "clone", "-q", str(upstream), "clone")
    clone = tmp_path / "clone"
    git(clone, "checkout", "-qB", branch)
    for name in ("four", "five"):
        commit(clone, name)
    commit(upstream, "six")
    git(clone, "fetch", "-q")
    assert changes(clone) == {"four", "five"}


def test_without_history_nothing_counts_as_changed(upstream, tmp_path):
    git(tmp_path, "clone", "-q", "--depth=1", upstream.as_uri(), "shallow")
    assert lanes.head(tmp_path / "shallow") == git(upstream, "rev-parse", "HEAD")
    assert changes(tmp_path / "shallow") == set()
    unpacked = upstream / "unpacked"  # a release, unpacked inside a repository of something else
    unpacked.mkdir()
    for folder in (unpacked, tmp_path):
        assert lanes.head(folder) is None and changes(folder) == set()


def test_without_git_nothing_counts_as_changed(upstream, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert shutil.which("git") is None
    assert lanes.head(upstream) is None and changes(upstream) == set()


# ---- the fast lane ----------------------------------------------------------------------------


def test_what_counts_as_slow_is_there():
    tests = "".join(f"{file}\n{file.read_text()}" for file in ROOT.glob("tests/*/*.py"))
    tests += (ROOT / "tests/test_notebooks.py").read_text()
    assert [name for name in lanes.SLOW if name not in tests] == []
    for name in lanes.HEAVY:
        file, _, test = name.partition("::")
        assert any(f"def {test}" in path.read_text() for path in ROOT.glob(f"{file}*")), name


def calls_a_process():
    subprocess.run(["true"])


@pytest.mark.parametrize(
    ("changed", "fast"),
    [
        ({}, True),
        ({"fixturenames": ["tmp_path", "shared_kernels", "kernels"]}, False),
        ({"fixturenames": ["page", "jupyter", "browser_page"]}, False),
        ({"function": calls_a_process}, False),
        ({"nodeid": "tests/widgets/test_lab.py::test_it"}, False),
        ({"get_closest_marker": {"full": 1}.get}, False),
    ],
)
def test_fast_is_what_starts_no_process_and_draws_nothing(changed, fast):
    plain = {"nodeid": "tests/nn/test_layers.py::test_it", "fixturenames": [], "function": item}
    some = SimpleNamespace(**plain | {"get_closest_marker": {}.get} | changed)
    assert lanes.is_fast(some) == fast


def test_browser_and_kernels_have_a_process_each():
    def group(*names, file="tests/browser/test_pages.py"):
        return lanes.group(SimpleNamespace(fixturenames=names, nodeid=f"{file}::test_a"))

    assert group("page", "jupyter", "kernels", "browser_page") == "browser"
    lab = "tests/browser/test_training_lab.py"
    assert group("page", "browser_page", file=lab) == "browser of the labs"
    assert group("tmp_path", file=lab) is None
    assert group("shared_kernels", "kernels") == "kernels" == group("colab")
    assert group("tmp_path", "device") is None


# ---- the choice -------------------------------------------------------------------------------


def item(name="tests/test_notebooks.py", parameter=None):
    callspec = SimpleNamespace(params={"path": parameter})
    return SimpleNamespace(nodeid=f"{name}[{parameter}]", path=ROOT / name, callspec=callspec)


def chosen(monkeypatch, some, files, turn, place=0):
    monkeypatch.setattr(lanes, "choice", lambda: ("abc", {ROOT / file for file in files}, turn))
    return lanes.is_chosen(some, place)


def test_tests_of_a_group_share_a_worker(tmp_path):
    """pytest 9.2 with pytest-xdist 3.8 loses every group and says nothing."""
    test = """
import os, pathlib, pytest
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("number", range(8))
def test_one(number):
    pathlib.Path(f"{number}").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""
    (tmp_path / "test_group.py").write_text(test)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-p",
        "no:cacheprovider",
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len({(tmp_path / str(number)).read_text() for number in range(8)}) == 1


@pytest.mark.parametrize("parameter", [MOMENTUM, MOMENTUM.stem, None])
def test_in_32_turns_each_slow_test_has_one_and_those_of_chapters_four(monkeypatch, parameter):
    def turns(some, place):
        return [turn for turn in range(32) if chosen(monkeypatch, some, [], turn, place)]

    for place in range(64):  # neighbours have other turns
        for name in ("tests/lessons/test_parameters.py", "tests/browser/test_chapters.py"):
            assert turns(item(name, parameter), place) == [*range(place % 8, 32, 8)]
        for name in ("tests/widgets/test_cluster_lab.py", "tests/test_colab.py"):
            assert turns(item(name, parameter), place) == [place % 32]


@pytest.mark.parametrize(
    ("file", "runs"),
    [
        ("notebooks/3_04_momentum.ipynb", True),
        ("tests/test_notebooks.py", True),
        ("course/optim/first_order.py", True),
        ("widgets/common/face.css", True),
        ("binder/constraints.txt", True),
        ("notebooks/3_05_clipping.ipynb", False),
        ("course/publishing/merge.py", False),
        ("tests/test_colab.py", False),
        ("README.md", False),
    ],
)
def test_a_chapters_tests_run_when_what_it_needs_has_changed(monkeypatch, file, runs):
    some = item(parameter=MOMENTUM)
    assert chosen(monkeypatch, some, [file], turn=1, place=0) == runs


def test_the_header_says_what_was_chosen(monkeypatch):
    monkeypatch.setattr(lanes, "choice", lambda: ("0123456789abc", {MOMENTUM}, 2))
    assert "of the chapters' an eighth (3), else a thirty-second (3)" in lanes.header()
    assert "since 012345678 (1);" in lanes.header()
    monkeypatch.setattr(lanes, "choice", lambda: (None, set(), 31))
    assert "an eighth (8), else a thirty-second (32), and no history;" in lanes.header()
