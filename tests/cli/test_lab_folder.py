"""`course lab` brings the chapters to the learner's folder, or opens those of the clone."""

from pathlib import Path

import pytest

from course.cli import main as cli
from course.errors import CourseError
from course.publishing.updates import deliver

ROOT = Path(__file__).parents[2]


def test_a_clone_opens_the_learners_own_copy_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "OWN", tmp_path / "own")
    assert cli.lab_folder(None) == tmp_path / "own"
    assert capsys.readouterr().out.startswith(f"Chapters are in {tmp_path / 'own'}\n  new: ")
    assert (tmp_path / "own" / "00_start_here.ipynb").exists()
    assert cli.lab_folder(None) == tmp_path / "own" and capsys.readouterr().out == ""
    assert cli.lab_folder(tmp_path / "other") == tmp_path / "other"


def test_here_is_the_clone_itself(tmp_path, monkeypatch):
    assert cli.lab_folder(None, here=True) == ROOT / "notebooks"
    with pytest.raises(CourseError, match="--here takes no FOLDER"):
        cli.lab_folder(tmp_path, here=True)
    with pytest.raises(CourseError, match="course lab --here"):
        cli.lab_folder(ROOT / "notebooks")
    monkeypatch.setattr(cli, "CLONED", tmp_path / "none")
    with pytest.raises(CourseError, match="needs a clone.*`course lab` without it"):
        cli.lab_folder(None, here=True)


def test_an_update_says_how_it_is_taken_back(tmp_path, monkeypatch, capsys):
    home, page = tmp_path / "mine", tmp_path / "mine" / "page.md"
    for words in ("first", "second"):
        (tmp_path / words).mkdir()
        (tmp_path / words / "page.md").write_text(words)
    deliver(home, tmp_path / "first")
    monkeypatch.setattr(cli, "CLONED", tmp_path / "second")
    cli.lab_folder(home)
    assert f"`course lab {home} --undo` puts every file back" in capsys.readouterr().out
    assert page.read_text() == "second"
    assert cli.main(["lab", str(home), "--undo"]) == 0
    assert page.read_text() == "first" and "as before: page.md" in capsys.readouterr().out
    assert cli.main(["lab", str(tmp_path / "none"), "--undo"]) == 2
