"""`course regenerate --resume` runs what is missing or changed, and only that."""

from publishing_helpers import run, status

from course.publishing import regenerate


def test_resume_skips_what_is_done_and_unchanged(make, tmp_path, capsys):
    path = make("one", "seed = 3", "print(seed)")
    make("two", "seed = 3", "open('wanted')")
    assert run() == 1
    (path.parent / "wanted").touch()
    capsys.readouterr()

    def again(*more):
        code = run("--resume", *more)
        out = capsys.readouterr().out
        assert code == 0
        return status(out, "one"), status(out, "two")

    assert again() == ("unchanged", "ok")
    assert again() == ("unchanged", "unchanged")
    path.write_text(path.read_text().replace("print(seed)", "print(seed, 1)"))  # another source
    assert again() == ("ok", "unchanged")
    path.write_text(path.read_text().replace("3 1", "4 1"))  # not what was stored
    assert again() == ("ok", "unchanged")
    assert again("-p", "seed", "4") == ("ok", "ok")  # another target
    assert again("-p", "seed", "4") == ("unchanged", "unchanged")
    assert again("-p", "seed", "5") == ("ok", "ok")
    (tmp_path / "regenerated" / "record.json").write_text("[1")  # lost: all is run again
    assert again() == ("ok", "ok")


def test_resume_runs_again_when_the_code_changed(make, monkeypatch, capsys):
    make("one", "seed = 3")
    assert run() == 0
    monkeypatch.setattr(regenerate, "code_digest", lambda: "other code")
    assert run("--resume") == 0
    assert status(capsys.readouterr().out.split("Summary")[1], "one") == "ok"


def test_the_outputs_of_a_run_cut_short_before_it_was_noted_are_renewed(make, tmp_path):
    make("good", "seed = 3", "print(seed)")
    assert run("good", "--output-dir", tmp_path / "out", "-p", "seed", "4") == 0
    (tmp_path / "out" / "record.json").unlink()
    assert run("good", "--output-dir", tmp_path / "out", "-p", "seed", "5") == 0
