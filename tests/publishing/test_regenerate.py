"""`course regenerate`: byte-stable, truthful about every way a notebook can fail, and resumable."""

import errno
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import nbformat
import psutil
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.cli import main as cli
from course.publishing import outputs, regenerate
from course.publishing.execute import literal
from course.publishing.outputs import clean, differences, merge_streams
from course.publishing.report import ProgressLine, Result, save_summary, show_table


@pytest.fixture
def make(tmp_path, monkeypatch, shared_kernels):
    """Write a notebook into a folder that counts as the course's; all share one kernel server."""
    monkeypatch.setattr(cli, "notebooks_folder", lambda: tmp_path / "notebooks")
    monkeypatch.chdir(tmp_path)

    def write(name, *sources, tags=()):
        cells = [new_code_cell(s) for s in sources]
        cells[0].metadata["tags"] = ["parameters"]
        cells[-1].metadata["tags"] = [*cells[-1].metadata.get("tags", []), *tags]
        notebook = new_notebook(cells=[new_markdown_cell("# Title"), *cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3", "display_name": "Python 3", "language": "python",
        }  # fmt: skip
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return write


def run(*arguments):
    return cli.main(["regenerate", *map(str, arguments)])


def files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def status(out, name):
    return re.search(rf"^{name} .* (\S+)$", out, re.MULTILINE).group(1)


MIXED = """
import sys
for i in range(30):
    print(i, flush=True)
    print(-i, file=sys.stderr, flush=True)
"""
PLOT = "import matplotlib.pyplot as plt; plt.plot([seed, 1, 2]); plt.show()"
WIDGET = "import ipywidgets; ipywidgets.IntSlider(seed)"


# What is stored


def test_twice_gives_the_same_bytes(make, tmp_path, capsys):
    path = make("good", "seed = 3", "print(seed * 7)", MIXED, PLOT, WIDGET)
    make("more/other", "1 + 1")
    assert run("--jobs", 2) == 0
    first = files(tmp_path / "notebooks")
    assert b"21" in first[path] and b"papermill" not in first[path] and b"image/png" in first[path]
    assert run("--jobs", 1) == 0
    assert files(tmp_path / "notebooks") == first
    out = capsys.readouterr().out
    assert status(out, "good") == status(out, "more/other") == "ok"


def test_other_parameters_leave_the_original_alone(make, tmp_path):
    path = make("good", "seed = 3\nrate = 0.1\ndata = 'moons'", "print(seed * 7, rate, data)")
    before = path.read_bytes()
    given = ["-p", "seed", "5", "-p", "rate", "1e-3", "-p", "data", "digits"]
    assert run("good", *given) == 0
    assert path.read_bytes() == before
    assert "35 0.001 digits" in (tmp_path / "regenerated" / "good.ipynb").read_text()
    assert run("good", "-p", "seed", "2", "--output-dir", "apart") == 0
    assert path.read_bytes() == before
    assert "14 0.1 moons" in (tmp_path / "apart" / "good.ipynb").read_text()


def test_cells_run_in_the_folder_of_their_notebook(make):
    path = make("deep/here", "import os; print(os.getcwd())")
    assert run("deep/here") == 0
    assert str(path.parent) in path.read_text()


def stream(name, text):
    return new_output("stream", name=name, text=text)


def test_pieces_of_printed_text_are_joined_between_displays():
    picture = new_output("display_data", {"image/png": "x"})
    pieces = [("stderr", "b"), ("stdout", "1"), ("stderr", "c"), ("stdout", "2")]
    given = [stream(*p) for p in pieces] + [picture] + [stream(*p) for p in pieces]
    joined = merge_streams(given)
    assert [o.get("text") for o in joined] == ["12", "bc", None, "12", "bc"]
    assert [o.get("name") for o in joined[:2]] == ["stdout", "stderr"]


# Failures


HANG = "import time; time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {HANG}"
MEMORY = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))\n"
FILL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"


@pytest.mark.parametrize(
    "source, said",
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import os; os._exit(9)", "the kernel died with exit code 9"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory runs out"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        (HANG, "it took longer than 2 s"),
        (DEAF, "it took longer than 2 s"),
        (f"{MEMORY}x = bytearray(1 << 40)", "MemoryError"),
        (f"{FILL}open('big', 'wb').write(bytes(1 << 22))", "OSError: [Errno 27] File too large"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("def f(:", "SyntaxError"),
    ],
    ids=["error", "exit", "killed", "crash", "hang", "deaf", "memory", "disk", "leave", "syntax"],
)
def test_a_failure_is_named_and_the_good_output_stays(make, tmp_path, capsys, source, said):
    good = make("good", "print(6 * 7)")
    path = make("bad", "seed = 3", "print(seed)")
    assert run("bad") == 0
    whole = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].source = source
    notebook.cells.append(new_code_cell("print('never')"))
    nbformat.write(notebook, path)
    before = path.read_bytes()
    capsys.readouterr()

    assert run("--jobs", 2, "--timeout", 2) == 1
    out = capsys.readouterr().out
    assert status(out, "bad") == "FAILED" and status(out, "good") == "ok"
    assert f"bad.ipynb: cell 2 (`{source.splitlines()[0][:40]}" in out and said in out
    assert path.read_bytes() == before and b"42" in good.read_bytes()
    failed = nbformat.read(path.with_suffix(".failed.ipynb"), as_version=4)
    assert not any("never" in str(c.get("outputs")) for c in failed.cells)
    assert said in (tmp_path / "regenerated" / "index.html").read_text()

    path.write_bytes(whole)  # mended: a second run completes
    assert run("--jobs", 2, "--timeout", 20) == 0
    assert path.read_bytes() == whole
    assert not path.with_suffix(".failed.ipynb").exists()


def test_a_failing_parameter_is_named(make, capsys):
    make("good", "seed = 3", "print(1 // seed)")
    assert run("good", "-p", "seed", "0") == 1
    assert "cell 2 (`print(1 // seed)`): ZeroDivisionError" in capsys.readouterr().out


def test_a_full_disk_is_told_and_the_old_output_stays(make, monkeypatch, capsys):
    path = make("good", "seed = 3", "print(seed)")
    before = files(path.parent)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert run("good") == 1
    told = capsys.readouterr()
    assert "good.ipynb" in told.out and "No space left on device" in told.out
    assert "summary could not be written" in told.err
    assert files(path.parent) == before  # no half-written file either
    assert run("good") == 0


def test_a_file_that_may_not_grow_is_told_and_the_old_output_stays(make):
    path = make("good", "seed = 3", "print('x' * 200_000)")
    before = files(path.parent)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [sys.executable, "-m", "course.cli.main", "regenerate", str(path)]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "good.ipynb" in done.stdout and "File too large" in done.stdout
    assert "1 of 1 notebooks" in done.stderr and "left: good FAILED" in done.stderr
    assert files(path.parent) == before


def start(path, *arguments):
    """The command as a process of its own, once the notebook's cell has begun."""
    command = [sys.executable, "-m", "course.cli.main", "regenerate", str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pid_file, end = path.with_suffix(".pid"), time.monotonic() + 60
    while not pid_file.exists() or not pid_file.read_text():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    return process, int(pid_file.read_text())


SLOW = """
import os, pathlib, time
pathlib.Path("slow.pid").write_text(str(os.getpid()))
time.sleep(wait)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_killed_half_way_leaves_all_as_it_was(make, number):
    path = make("slow", "wait = 60", SLOW)
    before = path.read_bytes()
    process, kernel = start(path)
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        assert (
            sys.platform != "linux"
            or "course.publishing.forkserver" in psutil.Process(kernel).cmdline()
        )
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive and not psutil.pid_exists(kernel)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert "Stopped" in err and status(out, "slow") == "stopped"
    assert path.read_bytes() == before
    path.write_text(path.read_text().replace("wait = 60", "wait = 0"))
    assert run("slow", "--resume") == 0
    assert {p.suffix for p in path.parent.iterdir()} == {".ipynb", ".pid"}


# Nothing that somebody wrote is overwritten; nothing is written that says nothing new

EDIT = """
import pathlib, time
pathlib.Path("slow.pid").write_text("1")
while not pathlib.Path("edited").exists():
    time.sleep(0.05)
print("fresh")
"""


@pytest.mark.parametrize("where", ["source", "outputs"])
def test_a_notebook_edited_while_it_runs_is_left_alone(make, capsys, where):
    path = make("slow", "wait = 0", EDIT)
    edited = path.read_text().replace("# Title" if where == "source" else '"outputs": []', "# Mine")

    def edit():
        end = time.monotonic() + 60
        while not path.with_suffix(".pid").exists() and time.monotonic() < end:
            time.sleep(0.05)
        path.write_text(edited)
        (path.parent / "edited").touch()

    with ThreadPoolExecutor() as pool:
        pool.submit(edit)
        assert run("slow") == 1
    assert path.read_text() == edited
    assert "edited while it ran" in capsys.readouterr().out
    assert [p.name for p in path.parent.glob("*.ipynb")] == ["slow.ipynb"]


def test_somebodys_work_in_the_output_folder_is_left_alone(make, tmp_path, capsys):
    make("good", "seed = 3", "print(seed)")
    out = tmp_path / "out"
    assert run("good", "--output-dir", out, "-p", "seed", "4") == 0
    assert run("good", "--output-dir", out, "-p", "seed", "5") == 0  # over its own outputs
    noted = (out / "good.ipynb").read_text().replace("# Title", "# My notes")
    (out / "good.ipynb").write_text(noted)
    assert run("good", "--output-dir", out) == 2
    assert (out / "good.ipynb").read_text() == noted
    assert "choose another --output-dir" in capsys.readouterr().err
    (out / "good.ipynb").write_text("not a notebook")
    assert run("good", "--output-dir", out) == 2


def test_the_outputs_of_a_run_cut_short_before_it_was_noted_are_renewed(make, tmp_path):
    make("good", "seed = 3", "print(seed)")
    assert run("good", "--output-dir", tmp_path / "out", "-p", "seed", "4") == 0
    (tmp_path / "out" / "record.json").unlink()
    assert run("good", "--output-dir", tmp_path / "out", "-p", "seed", "5") == 0


NOISY = """
import os
print("loss 0.500001, residual", 1e-17 * int.from_bytes(os.urandom(1)))
"""


def test_an_output_that_means_the_same_keeps_its_bytes(make, capsys):
    path = make("noisy", "seed = 3", NOISY, "import time; print(time.perf_counter(), 's')",
                tags=["volatile"])  # fmt: skip
    assert run("noisy") == 0
    first, changed = path.read_bytes(), path.stat().st_mtime_ns
    for _ in range(2):
        assert run("noisy") == 0
    assert path.read_bytes() == first and path.stat().st_mtime_ns == changed
    assert run("noisy", "--renew") == 0
    assert path.read_bytes() != first


def test_only_the_output_whose_meaning_changed_is_stored(make):
    path = make("two", "seed = 3", NOISY, "print(7 * seed)")
    assert run("two") == 0
    before = nbformat.read(path, 4)
    path.write_text(path.read_text().replace('"21\\n"', '"22\\n"'))
    assert run("two") == 0
    assert nbformat.read(path, 4) == before
    path.write_text(path.read_text().replace("0.500001", "0.6"))  # source and output differ
    assert run("two") == 0
    assert nbformat.read(path, 4).cells[2].outputs[0].text.startswith("loss 0.6,")


def test_words_in_a_volatile_cell_must_hold(make, capsys):
    path = make("timed", "seed = 3", "print(17, 'ms')", tags=["volatile"])
    assert run("timed") == 0
    path.write_text(path.read_text().replace("17 ms", "99 ms"))
    assert run("timed", "--check") == 0
    path.write_text(path.read_text().replace("99 ms", "99 days"))
    assert run("timed", "--check") == 1


def test_a_chaotic_cell_has_the_room_that_it_asks_for(make, capsys):
    path = make("chaos", "seed = 3", "print('loss', 2.0)")
    assert run("chaos") == 0
    path.write_text(path.read_text().replace("loss 2.0", "loss 2.3"))
    assert run("chaos", "--check") == 1
    notebook = nbformat.read(path, 4)
    notebook.cells[-1].metadata["course"] = {"tolerance": 0.2, "reason": "a test"}
    nbformat.write(notebook, path)
    assert run("chaos", "--check") == 0
    path.write_text(path.read_text().replace("loss 2.3", "loss 2.6"))
    assert run("chaos", "--check") == 1


@pytest.mark.parametrize("value", ["-1e-3", "-inf", "--5", "-p", "a=b", ""])
def test_a_parameter_may_begin_with_a_minus(make, tmp_path, value):
    make("signed", "lr = 1", "print(repr(lr))")
    assert run("signed", "-p", "lr", value, "--output-dir", tmp_path / "out") == 0
    shown = nbformat.read(tmp_path / "out" / "signed.ipynb", 4).cells[-1].outputs[0].text
    assert shown.strip() == repr(literal(value))


# --check and --resume


def test_check_says_whether_the_outputs_hold_and_writes_nothing(make, tmp_path, capsys):
    make("good", "seed = 3", "print(seed * 7)", PLOT)
    make("timed", "seed = 3", "import time; print(time.perf_counter())", tags=["volatile"])
    make("random", "seed = 3", "import os; print(os.urandom(4).hex())")
    make("wrong", "seed = 3", "print(1)\nprint(seed)")
    make("picture", "seed = 3", PLOT)
    assert run() == 0
    for name, old, new in [("wrong", '"3\\n"', '"4\\n"'), ("picture", "iVBORw0K", "iVBORw1K")]:
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    make("never", "seed = 3")
    before = files(tmp_path)
    capsys.readouterr()
    assert run("--check") == 1
    out = capsys.readouterr().out
    assert files(tmp_path) == before
    said = {n: status(out, n) for n in ("good", "timed", "random", "wrong", "picture", "never")}
    assert said == {
        "good": "holds", "timed": "holds", "random": "DIFFERS", "wrong": "DIFFERS",
        "picture": "DIFFERS", "never": "DIFFERS",
    }  # fmt: skip
    assert "wrong.ipynb: cell 2 (`print(1)`): stdout, line 2, was '4', now '3'" in out
    assert "another picture" in out and "never run" in out
    assert run("good", "timed", "--check") == 0


def test_check_tells_a_failing_volatile_cell(make, tmp_path, capsys):
    make("timed", "1", "1 / 0", tags=["volatile"])
    before = files(tmp_path)
    assert run("--check") == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert files(tmp_path) == before


def with_outputs(*given):
    cell = new_code_cell("f()", outputs=list(given), execution_count=1)
    return new_notebook(cells=[cell])


@pytest.mark.parametrize(
    "was, now, said",
    [
        ([stream("stdout", "a")], [stream("stderr", "a")], "went to stdout"),
        ([stream("stdout", "a\nb")], [stream("stdout", "a")], "had 2 lines, now 1"),
        ([stream("stdout", "a")], [], "had 1 outputs, now has 0"),
        ([stream("stdout", "a")], [new_output("display_data", {"a/b": "x"})], "type stream"),
        (
            [new_output("display_data", {"a/b": "x"})],
            [new_output("display_data", {"a/b": "x", "c/d": "y"})],
            "c/d was not there before",
        ),
        (
            [new_output("display_data", {"a/b": "x"}, metadata={"alt": "one"})],
            [new_output("display_data", {"a/b": "x"}, metadata={"alt": "two"})],
            "metadata",
        ),
        ([stream("stdout", "a"), stream("stdout", "b")], [stream("stdout", "ab")], None),
    ],
)
def test_every_difference_is_seen(was, now, said):
    told = differences(with_outputs(*was), with_outputs(*now))
    assert told == [] if said is None else said in told[0]


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


# What is told


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nonesuch"], "nonesuch"),
        (["good", "-p", "sede", "1"], "sede"),
        (["--jobs", "0"], "--jobs"),
        (["--timeout", "0"], "--timeout"),
        (["--check", "--html"], "--check"),
        (["broken"], "broken.ipynb is not a readable notebook"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(make, tmp_path, capsys, arguments, said):
    path = make("good", "seed = 3")
    (path.parent / "broken.ipynb").write_text("{")
    before = files(tmp_path)
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err
    assert files(tmp_path) == before


def results(tmp_path):
    for name in ("good", "bad"):
        (tmp_path / f"{name}.ipynb").touch()
    good = Result(tmp_path / "good.ipynb", tmp_path / "good.ipynb", "good", "ok", 12.34, 5, 3 << 30)
    good.page = tmp_path / "html" / "good.html"
    bad = Result(tmp_path / "bad.ipynb", tmp_path / "bad.ipynb", "part/bad", "FAILED")
    bad.problem = "cell 2 (`a < b`): NameError"
    return [good, bad]


def test_the_table_aligns_and_names_the_problem(tmp_path, capsys):
    show_table(results(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["good", "12.3", "s", "5", "3,072", "MiB", "ok"]
    starts = [line.index(w) for line, w in zip(lines, ["status", "ok", "FAILED"], strict=False)]
    assert len(set(starts)) == 1
    assert lines[-1] == "part/bad.ipynb: cell 2 (`a < b`): NameError"


def test_the_summary_links_to_notebooks_and_pages(tmp_path):
    path = tmp_path / "out" / "index.html"
    save_summary(results(tmp_path), path)
    text = path.read_text()
    assert "1 of 2 went wrong" in text and "a &lt; b" in text
    links = re.findall('href="([^"]+)"', text)
    assert links == ["../good.ipynb", "../html/good.html", "../bad.ipynb"]


def test_links_lead_to_notebooks_of_any_name_and_markup_in_a_name_is_text(tmp_path):
    name = "50% #1 'a' & \"b\" <i>ü?"
    (tmp_path / f"{name}.ipynb").touch()
    result = Result(tmp_path / name, tmp_path / f"{name}.ipynb", name, "ok")
    result.page = tmp_path / "html" / f"{name}.html"
    save_summary([result], tmp_path / "out" / "index.html")
    soup = BeautifulSoup((tmp_path / "out" / "index.html").read_text(), "html.parser")
    notebook, page = soup.select("a[href]")
    assert notebook.text == name and not soup.select("i")
    for link, target in ((notebook, result.target), (page, result.page)):
        address = urlsplit(urljoin((tmp_path / "out" / "index.html").as_uri(), str(link["href"])))
        assert Path(unquote(address.path)) == target and not address.fragment + address.query


def test_progress_counts_by_the_time_of_the_last_run(tmp_path, capsys):
    short, long = tmp_path / "short", tmp_path / "long"
    line = ProgressLine({short: 2, long: 4}, {long: 60.0})
    assert str(line) == "0 of 2 notebooks, 00:00 spent, ? left"
    for _ in range(2):
        line.count_cell(long)
    line.bar.start_t -= 30  # as if this had taken thirty seconds, for 30 of 62
    assert str(line) == "0 of 2 notebooks, 00:30 spent, 00:32 left"
    for _ in range(9):
        line.count_cell(long)  # parameters add a cell of their own
    assert str(line) == "0 of 2 notebooks, 00:30 spent, 00:01 left"
    line.draw()
    assert capsys.readouterr().err == ""
    line.count_notebook(Result(long, long, "long", "FAILED"))
    line.clear()
    said = "1 of 2 notebooks, 00:30 spent, 00:01 left: long FAILED\n"
    assert capsys.readouterr().err == said


def test_on_a_terminal_progress_is_one_line_drawn_again_and_removed_at_the_end(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, path = Terminal(), Path("one")
    monkeypatch.setattr(sys, "stderr", terminal)
    line = ProgressLine({path: 4}, {})
    line.count_cell(path)
    line.draw()
    assert "0 of 1 notebooks" in terminal.getvalue().split("\r")[-1]
    line.count_notebook(Result(path, path, "one", "ok"))
    line.draw()
    assert "#" * 30 + " 1 of 1 notebooks" in terminal.getvalue().split("\r")[-1]
    line.clear()
    assert terminal.getvalue().split("\r")[-1] == "" and "\n" not in terminal.getvalue()


def test_clean_keeps_nothing_that_differs_from_run_to_run():
    notebook = with_outputs(new_output("display_data", {outputs.WIDGET: {}, "text/plain": "s"}))
    notebook.metadata.update(papermill={}, widgets={}, language_info={"version": "3.11.7"})
    notebook.cells[0].metadata.update(papermill={}, execution={}, tags=[])
    clean(notebook)
    assert "papermill" not in json.dumps(notebook) and "3.11.7" not in json.dumps(notebook)
    assert notebook.cells[0].metadata == {}
    assert notebook.cells[0].outputs[0].data == {"text/plain": "s"}


def test_help_reads_well(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    out = capsys.readouterr().out
    for option in ("--jobs", "--timeout", "--output-dir", "--html", "--resume", "--check", "-p"):
        assert option in out
    assert "Exit code" in out and max(map(len, out.splitlines())) <= 100
