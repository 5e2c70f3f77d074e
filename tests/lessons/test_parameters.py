"""Every chapter says what its parameters may be, refuses the rest, and runs to both ends of it."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parameter_ranges import FOLDER, PATHS, ends, own, parameters_cells, stated, stated_datasets

from course import CourseError, available_devices
from course.cli import main as cli
from course.lessons.parameters import DATASETS, SEEDS, STEPS, check_parameters

FINE = {"seed": 3, "device": "cpu", "steps": 100, "dataset": "moons"}


def each(*names: str):
    """Each of these parameters in each chapter that has it."""
    pairs = [(path, name) for path in PATHS for name in names if name in own(path)]
    ids = [f"{name}-{path.stem}" for path, name in pairs]
    return pytest.mark.parametrize(("path", "name"), pairs, ids=ids)


def check_in(path: Path, **changed) -> None:
    """Run a chapter's parameters cell, put in the changed ones, run its checking line."""
    _, following = parameters_cells(path)
    lines = [line for line in following.splitlines() if "check_parameters" in line]
    first = [line for line in following.splitlines() if not line.startswith("#")][:2]
    assert first == lines, "first of all, so that nothing is computed before"
    known = own(path)
    assert set(changed) <= set(known)
    exec("\n".join(lines), known | changed)
    called = re.fullmatch(r"check_parameters\((.*)\)", lines[1])
    given_names = [word.split("=")[0] for word in called[1].split(", ")]
    assert given_names[: len(known)] == list(known), "all, in order"


@each("seed", "steps")
def test_the_stated_range_is_the_one_that_is_checked(path, name):
    low, high = stated(path, name)
    check_in(path)
    check_in(path, **{name: low})
    check_in(path, **{name: high})
    for value in (low - 1, high + 1):
        with pytest.raises(CourseError, match=rf"{name} = {value} .*{low} to {high:,}; "):
            check_in(path, **{name: value})


@each("dataset")
def test_the_stated_data_sets_are_those_that_are_taken(path, name):
    names = stated_datasets(path)
    assert names
    for name in names:
        check_in(path, dataset=name)
    for other in {"rings", "sine", "nonsense", "mnist"} - set(names):
        with pytest.raises(CourseError, match=f"dataset = '{other}' .*{', '.join(names[:1])}"):
            check_in(path, dataset=other)


BAD = ["abc", "", 2.5, 100.0, float("nan"), float("inf"), None, [], {}, True, -1, 10**400, 10**5000]


@each("seed", "device", "steps", "dataset")
def test_what_is_no_such_value_is_refused_in_one_sentence(path, name):
    for value in [*BAD, "100", b"cpu", ["cpu"], "x" * 10_000]:
        with pytest.raises(CourseError, match=rf"^{name} = .* does not fit; allowed: .*; ") as told:
            check_in(path, **{name: value})
        assert len(str(told.value)) < 250 and "\n" not in str(told.value)


def test_each_device_here_is_taken():
    for device in available_devices():
        check_parameters(**FINE | {"device": device})
    with pytest.raises(CourseError, match="device = 'tpu' .*'cpu'"):
        check_parameters(**FINE | {"device": "tpu"})


@given(seed=st.integers(*SEEDS), steps=st.integers(*STEPS), dataset=st.sampled_from(DATASETS))
def test_all_within_the_ranges_is_taken(seed, steps, dataset):
    check_parameters(seed, "cpu", steps, dataset)


@given(value=st.one_of(st.none(), st.text(), st.floats(), st.lists(st.integers()), st.booleans()))
def test_nothing_else_is_taken_for_a_number(value):
    for name in ("seed", "steps"):
        with pytest.raises(CourseError):
            check_parameters(**FINE | {name: value})


def test_a_chapter_may_take_fewer_data_sets():
    check_parameters(**FINE, datasets=("moons",))
    with pytest.raises(CourseError, match="dataset = 'digits' does not fit; allowed: 'moons'; "):
        check_parameters(**FINE | {"dataset": "digits"}, datasets=("moons",))


def test_a_recipe_is_read_before_anything_runs(tmp_path):
    from widgets import TrainingLab

    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    lab = TrainingLab("moons", interactive=False).run(3)
    good.write_text(lab.recipe().json())
    bad.write_text('{"schema": 1}')
    path = FOLDER / "00_start_here.ipynb"
    check_in(path, recipe="")
    check_in(path, recipe=str(good))
    for value in (str(bad), str(tmp_path / "nonesuch"), "moons", None, 5, 2.5, [], {}):
        with pytest.raises(CourseError, match="^recipe = .* does not fit: .*; allowed: a file"):
            check_in(path, recipe=value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dataset", "nonsense", "dataset = 'nonsense' does not fit; allowed: 'digits', 'moons', "),
        ("steps", "1", "steps = 1 does not fit; allowed: a whole number from 20 to 1,000; "),
        ("recipe", "nonesuch", "recipe = 'nonesuch' does not fit: "),
    ],
)
def test_the_command_says_what_does_not_fit(name, value, said, tmp_path, shared_kernels, capsys):
    chapter = "00_start_here" if name == "recipe" else "3_01_forward"
    arguments = ["regenerate", chapter, "--output-dir", str(tmp_path), "-p", name, value]
    assert cli.main(arguments) == 1
    told = capsys.readouterr().out
    assert f"\n{chapter}.ipynb: cell 3 (`" in told and f"): CourseError: {said}" in told


RUNS = [
    pytest.param(path, values, id=f"{path.stem}-{'-'.join(map(str, values.values()))}")
    for path in PATHS
    for values in ends(path)[1:]  # the first is run on Colab's kernel
    if values.get("dataset") != "mnist"  # a download; test_watch_code_examples has rows as wide
]


@pytest.mark.full
@pytest.mark.parametrize(("path", "values"), RUNS)
def test_it_runs_to_the_ends_of_its_range(path, values, tmp_path, shared_kernels):
    """In a gigabyte, too; how long it takes is for `benchmarks/bench_chapters` to say."""
    arguments = ["regenerate", path.stem, "--output-dir", str(tmp_path), "--timeout", "1200"]
    for name, value in values.items():
        arguments += ["-p", name, str(value)]
    assert cli.main(arguments) == 0
    (entry,) = json.loads((tmp_path / "record.json").read_text()).values()
    assert entry["peak"] < 2**30
    for cell in nbformat.read(tmp_path / path.name, as_version=4).cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output.text
