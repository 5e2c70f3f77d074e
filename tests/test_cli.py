"""The `course` command, on small notebooks made here."""

import os
import re
import subprocess
import sys
import threading

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course import cli, doctor


@pytest.fixture
def make(tmp_path, monkeypatch):
    (tmp_path / "00_start_here.ipynb").write_text("")  # so that the folder counts as the course's
    monkeypatch.setattr(cli, "notebooks_folder", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)

    def write(name, *sources):
        cells = [new_code_cell(s) for s in sources]
        if cells:
            cells[0].metadata["tags"] = ["parameters"]
        notebook = new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {
            "name": "python3", "display_name": "Python 3", "language": "python",
        }  # fmt: skip
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def test_regenerate_runs_in_place_and_twice_gives_the_same_bytes(make, capsys):
    path = make("good", "seed = 3", "print(seed * 7)")
    assert cli.main(["regenerate", "good", "--jobs", "2"]) == 0
    first = path.read_bytes()
    assert b"21" in first and b"papermill" not in first
    assert cli.main(["regenerate", "good"]) == 0
    assert path.read_bytes() == first
    assert "ok" in capsys.readouterr().out


def test_other_parameters_leave_the_original_alone(make, tmp_path):
    path = make("good", "seed = 3", "print(seed * 7)")
    before = path.read_bytes()
    assert cli.main(["regenerate", "good", "-p", "seed", "5"]) == 0
    assert path.read_bytes() == before
    assert "35" in (tmp_path / "regenerated" / "good.ipynb").read_text()


@pytest.mark.parametrize(
    "source, said",
    [("1 / 0", "ZeroDivisionError"), ("import os; os._exit(9)", "kernel died")],
    ids=["error", "dead kernel"],
)
def test_a_failure_is_named_and_the_good_output_stays(make, capsys, source, said):
    path = make("bad", "seed = 3", source)
    before = path.read_bytes()
    assert cli.main(["regenerate", "bad"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out and "bad.ipynb" in out and said in out and "cell 1" in out
    assert path.read_bytes() == before
    assert path.with_suffix(".failed.ipynb").exists()


def test_unknown_names_are_refused(make, capsys):
    make("good", "seed = 3")
    assert cli.main(["regenerate", "nonesuch"]) == 2
    assert "nonesuch" in capsys.readouterr().err
    assert cli.main(["regenerate", "good", "-p", "sede", "1"]) == 2
    assert "sede" in capsys.readouterr().err
    assert cli.main(["regenerate", "good", "--jobs", "0"]) == 2


def test_doctor_names_what_is_missing(capsys):
    assert doctor.missing_packages(["torch", "no-such-package"]) == ["no-such-package"]
    assert "pip install" in capsys.readouterr().out


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = capsys.readouterr().out
    assert all(name in out for name in ("lab", "regenerate", "doctor"))


def test_lab_opens_jupyterlab_on_the_first_chapter(tmp_path):
    command = [sys.executable, "-m", "course.cli", "lab", "--no-browser"]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    stop = threading.Timer(60, server.kill)  # ends the reading below, whatever happens
    stop.start()
    try:
        address = r"http://127\.0\.0\.1:\d+/lab/tree/00_start_here\.ipynb\?token=\w+"
        assert any(re.search(address, line) for line in server.stderr)
    finally:
        stop.cancel()
        server.terminate()
        server.wait(20)
        server.stderr.close()
