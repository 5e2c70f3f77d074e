"""What the project promises about itself: layout, lock, light imports."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from course import CourseError
from course.lessons.contents import BRANCH, REPOSITORY, ROUTE, hub_link

ROOT = Path(__file__).parents[1]
TOP = {"pyproject.toml", "README.md", "course", "notebooks", "widgets", "tests", "binder"}
TOP |= {"LICENSE", "CHANGELOG.md"}


def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("no clone, so nothing says which files belong to the project")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_top_level_is_as_promised():
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_importing_course_pulls_in_no_screen():
    code = "import sys; from course import *; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    assert not loaded & {"ipywidgets", "anywidget", "matplotlib", "IPython", "sklearn", "papermill"}


def test_ranks_load_no_compiler():
    """torch's pipelining, DTensor and checkpoints do, which is seconds of each process."""
    code = "import sys, course.parallel.__main__, widgets.cluster; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "torch.distributed" in loaded
    late = {"torch._dynamo", "torch.distributed.tensor", "torch.distributed.checkpoint"}
    assert not loaded & late


def test_no_file_outgrows_a_reader():
    patterns = ("course/**/*.py", "widgets/**/*.py", "widgets/**/*.js", "tests/**/*.py")
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        if "node_modules" in path.parts:
            continue
        if path.parent not in (ROOT / "tests/widgets", ROOT / "tests/browser"):  # rebuilt next
            assert len(path.read_text().splitlines()) <= 320, path.name


def lock() -> list[str]:
    lines = (ROOT / "binder/constraints.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_lock_pins_cpu_torch_first_and_nothing_local():
    assert lock()[0] == "torch==2.13.0"
    for line in lock():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line
        assert not line.startswith(("nvidia", "triton", "cuda")), line


def test_the_lock_of_the_scripts_names_no_registry():
    text = (ROOT / "widgets/js/package-lock.json").read_text()
    assert "integrity" in text and "resolved" not in text and "://" not in text


def test_what_is_installed_is_what_the_lock_says():
    from importlib.metadata import PackageNotFoundError, version

    wrong = []
    for line in lock():
        name, pinned = line.split("==")
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            continue  # for another platform or an extra that is not installed
        if found != pinned:
            wrong.append(f"{name} {found}, lock {pinned}")
    if wrong:
        pytest.fail(f"install with `-c binder/constraints.txt`: {wrong}")


def test_readme_has_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^pip install .* && course lab$", readme, re.M)
    assert re.search(r"^pip install .* && pytest$", readme, re.M)


@pytest.mark.parametrize("page", ["README.md", "notebooks/for_instructors.md"])
def test_the_code_on_the_page_runs(page):
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout, done.stderr


def test_the_readme_lists_the_chapters_of_the_route():
    found = re.findall(r"\[([^]]*)\]\(notebooks/(\w*)\.ipynb\)", (ROOT / "README.md").read_text())
    assert found == [(c.title, c.file) for c in ROUTE]


def test_every_command_of_the_guide_is_one_we_have(tmp_path):
    from course.cli.main import join_parameters, parser

    text = (ROOT / "notebooks/for_instructors.md").read_text()
    commands = set(re.findall(r"`(course (?:regenerate|run|lab|doctor)[^`\n]*)`", text))
    commands |= set(re.findall(r"^course .*$", text, re.M))
    assert len(commands) >= 8
    for command in commands:
        parser().parse_args(join_parameters(command.split()[1:]))  # ends the process on a wrong one


def test_every_path_and_command_of_the_page_for_contributors_exists():
    from course.cli.main import join_parameters, parser

    page = (ROOT / ".github/CONTRIBUTING.md").read_text()
    quoted = re.findall(r"`([^`\n]+)`", page)
    quoted += re.findall(r"^(?:pip|pre-commit) .*$", page, re.M)
    tasks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
    paths, commands = set(), set()
    for text in quoted:
        program, *words = text.split()
        if program == "course" and words:
            parser().parse_args(join_parameters(words))  # ends the process on a wrong one
        elif program == "poe":
            assert words[0] in tasks, text
        else:
            paths |= {word for word in (program, *words) if re.search(r"\w/\w|\.(md|txt)$", word)}
        if words:
            commands.add(program)
            assert "=" in program or program == "import" or shutil.which(program)
    assert len(paths) > 30 and {"poe", "pytest", "course", "pip", "pre-commit"} <= commands
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_the_dev_container_installs_from_the_lock():
    import json

    made = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert made["image"].endswith("python:3.11")
    assert "pip install -c binder/constraints.txt -e '.[test]'" in made["postCreateCommand"]


def test_hub_links_follow_nbgitpuller_and_bad_addresses_are_refused():
    from urllib.parse import parse_qs, urlsplit

    link = urlsplit(hub_link("https://hub.example.org/", "3_04_momentum"))
    assert link.path == "/hub/user-redirect/git-pull"
    asked = parse_qs(link.query)
    assert asked["urlpath"] == ["lab/tree/training-at-scale/notebooks/3_04_momentum.ipynb"]
    assert asked["repo"] == [f"https://github.com/{REPOSITORY}"] and asked["branch"] == [BRANCH]
    for bad in ("hub.example.org", "", "ftp://hub", "https://hub.example.org?x=1"):
        with pytest.raises(CourseError, match="is not an address"):
            hub_link(bad)


def test_the_readme_quotes_the_measurements_as_they_are():
    def tables(path):
        for line in path.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if re.fullmatch(r"\d+(-\d+)+", cells[0]):
                yield tuple(cells[:2]), [cell.partition(" (")[0] for cell in cells[2:]]

    results = ROOT / "tests/benchmarks/results.md"
    steps = {key: cells for key, cells in tables(results) if len(cells) == 9}
    quoted = dict(tables(ROOT / "README.md"))
    assert quoted.keys() == steps.keys() and len(quoted) == 7
    for key, cells in quoted.items():
        assert cells == [steps[key][i] for i in (2, 5, 7)], key
        assert all(re.fullmatch(r"\d\.\d\d \[\d\.\d\d–\d\.\d\d\]", cell) for cell in cells)
    section = re.search(r"## One training step\n.*?(?=\n## |\Z)", results.read_text(), re.S)
    (machine,) = [line for line in section.group().splitlines() if "cores of which" in line]
    for word in ("model", "torch", "numpy", "jax"):
        assert re.search(rf"{word} \d", machine)
    assert machine in (ROOT / "README.md").read_text().replace("\n", " ")


def test_every_layer_loss_transform_and_schedule_can_be_read_on_one_screen():
    import inspect

    from course.data.preprocess import STEPS as augmentations
    from course.nn.losses import LOSSES
    from course.nn.stack import LAYERS as layers
    from course.nn.stack import Residual
    from course.optim.chain import TRANSFORMS as transforms
    from course.optim.schedules import SCHEDULES as schedules

    registries = (layers, LOSSES, transforms, schedules, augmentations)
    kinds = [kind for registry in registries for kind in registry.builders.values()]
    kinds = [Residual, *(kind for kind in kinds if isinstance(kind, type))]
    kinds = [kind for kind in kinds if kind.__module__.startswith("course.")]
    assert len(kinds) > 30
    for kind in kinds:
        assert len(inspect.getsource(kind).splitlines()) <= 52, kind.__name__
        assert not kind.__doc__.startswith(f"{kind.__name__}("), f"{kind.__name__}: no docstring"
