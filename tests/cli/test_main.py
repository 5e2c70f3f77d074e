"""The `course` command: its help, and JupyterLab."""

import os
import re
import subprocess
import sys
import threading

import pytest

from course.cli import main as cli


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = capsys.readouterr().out
    assert all(name in out for name in ("lab", "regenerate", "doctor"))


def test_help_reads_well(capsys):
    with pytest.raises(SystemExit):
        cli.main(["regenerate", "--help"])
    out = capsys.readouterr().out
    for option in ("--jobs", "--timeout", "--output-dir", "--html", "--resume", "--check", "-p"):
        assert option in out
    assert "Exit code" in out and max(map(len, out.splitlines())) <= 100


def test_lab_opens_jupyterlab_on_the_first_chapter(tmp_path):
    command = [sys.executable, "-m", "course.cli.main", "lab", "--no-browser"]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "HOME": str(tmp_path)}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    stop = threading.Timer(60, server.kill)  # ends the reading below, whatever happens
    stop.start()
    try:
        address = (
            r"http://127\.0\.0\.1:\d+/doc/workspaces/[\w-]+/tree/00_start_here\.ipynb\?token=\w+"
        )
        assert any(re.search(address, line) for line in server.stderr)
    finally:
        stop.cancel()
        server.terminate()
        server.wait(20)
        server.stderr.close()
