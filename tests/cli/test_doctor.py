"""`course doctor` reads what the package itself says that it needs."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from course.cli import doctor, main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Install packages that are nothing but metadata; the first on the path wins."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, version, *needs):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {need}" for need in needs]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")

    return install


def line_of(out, name):
    (line,) = [line for line in out.splitlines() if line.split()[0] == name]
    return line


def test_what_is_missing_or_too_old_is_named_with_the_remedy(plant, capsys):
    plant("training-at-scale", "9", "planted-missing", "planted-old>=2,!=3", "planted-new<2")
    plant("planted-old", "1.9")
    plant("planted-new", "2.0.1")
    assert main.main(["doctor"]) == 1
    out = capsys.readouterr().out
    install = "mend: python -m pip install -c "
    assert (ROOT / "binder/constraints.txt").exists() and str(ROOT) in line_of(out, "planted-old")
    for name, finding, wanted in [
        ("planted-missing", "MISSING", "planted-missing"),
        ("planted-old", "1.9 UNFIT, needs !=3,>=2", "'planted-old!=3,>=2'"),
        ("planted-new", "2.0.1 UNFIT, needs <2", "'planted-new<2'"),
    ]:
        line = line_of(out, name)
        assert finding in line and install in line and line.endswith(f" {wanted}")
    assert out.endswith("Missing or unfit: planted-missing, planted-old, planted-new\n")


def test_what_another_system_or_an_extra_needs_is_left_out(plant, capsys):
    plant(
        "training-at-scale", "9", "planted-fine>=1.0; python_version > '3'", "planted-early>=2",
        "planted-elsewhere; sys_platform == 'nowhere'", "planted-extra; extra == 'test'",
    )  # fmt: skip
    plant("planted-fine", "1.0+cpu")
    plant("planted-early", "2.1rc1")
    assert doctor.report() == 0
    out = capsys.readouterr().out
    assert line_of(out, "planted-fine").split() == ["planted-fine", "1.0+cpu"]
    assert line_of(out, "planted-early").split() == ["planted-early", "2.1rc1"]
    assert "elsewhere" not in out and "extra" not in out and out.endswith("All is well.\n")


def test_a_course_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "PACKAGE", "no-such-package")
    assert doctor.package_problems() == ["no-such-package"]
    assert line_of(capsys.readouterr().out, "no-such-package").endswith(str(ROOT))


def test_the_package_says_that_it_needs_a_kernel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "ipykernel" in project["dependencies"]


def test_missing_chapters_and_a_missing_kernel_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("course.cli.folders.CLONED", tmp_path)
    monkeypatch.setattr("course.cli.folders.OWN", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "jupyter_client.kernelspec.KernelSpecManager.find_kernel_specs", lambda _: {}
    )
    assert doctor.report() == 1
    out = capsys.readouterr().out
    assert "mend: python -m ipykernel install" in out and "`course lab` brings" in out
    assert out.endswith("Missing or unfit: kernel python3, notebooks\n")


@pytest.mark.parametrize("error", ["ImportError('no _C')", "OSError('libgomp.so.1: cannot open')"])
def test_a_torch_that_does_not_start_is_named_and_nothing_else_fails(error, tmp_path):
    (tmp_path / "torch.py").write_text(f"raise {error}")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
    code += "from course.cli.main import main; sys.exit(main(['doctor']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and not done.stderr, done.stderr
    assert "torch does not start" in done.stdout and "pip install" in done.stdout
    assert "Notebooks: " in done.stdout and "unfit: torch" in done.stdout
