"""Binder's files are ones that repo2docker accepts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_repo2docker_accepts_the_repository(tmp_path):
    pytest.importorskip("repo2docker", reason="needs jupyter-repo2docker, in the extra `test`")
    shutil.copytree(ROOT / "binder", tmp_path / "binder")
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Building conda environment for python=3.11" in said and "postBuild" in said


def test_post_build_is_a_valid_script_that_uses_the_lock():
    script = ROOT / "binder" / "postBuild"
    assert script.stat().st_mode & 0o111, "postBuild must be executable"
    subprocess.run(["bash", "-n", script], check=True)
    assert "binder/constraints.txt" in script.read_text()
