"""The wheel and the sdist carry the whole course, and `course lab` opens it from a wheel."""

import os
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder


def test_wheel_and_sdist_carry_chapters_labs_and_ledger(built):
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    chapters = {p.name for p in (ROOT / "notebooks").glob("*.ipynb")}
    inside = zipfile.ZipFile(wheel).namelist()
    assert {f"course/notebooks/{name}" for name in chapters} <= set(inside)
    assert {
        "widgets/common/face.css",
        "widgets/training/face.js",
        "course/lessons/claims.toml",
    } <= set(inside)
    assert "course/cli/jupyter/labconfig/default_setting_overrides.json" in inside
    assert not [name for name in inside if "tests" in name or ".failed" in name]
    assert not [name for name in inside if name.startswith("widgets/js/")]  # bundled
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"notebooks/{name}" for name in chapters} <= packed
    assert {"widgets/training/face.js", "binder/constraints.txt", "pyproject.toml"} <= packed


def test_course_lab_from_a_wheel_copies_the_chapters_and_opens_them(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    site, home = tmp_path / "site", tmp_path / "home"
    zipfile.ZipFile(wheel).extractall(site)
    environment = os.environ | {
        "PYTHONPATH": str(site), "HOME": str(home), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }  # fmt: skip
    command = [sys.executable, "-m", "course.cli.main", "lab", "--no-browser"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        cwd=tmp_path,
    )  # fmt: skip
    assert server.stdout is not None
    stop = threading.Timer(60, server.kill)  # ends the reading below, whatever happens
    stop.start()
    try:
        output = []
        for line in server.stdout:
            output.append(line)
            if re.search(
                r"http://127\.0\.0\.1:\d+/doc/workspaces/[\w-]+/tree/00_start_here\.ipynb", line
            ):
                break
        else:
            pytest.fail("".join(output))
    finally:
        stop.cancel()
        server.terminate()
        server.wait(20)
        server.stdout.close()
    assert f"Chapters are in {home / 'training-at-scale'}\n" in output
    assert (home / "training-at-scale" / "00_start_here.ipynb").exists()
