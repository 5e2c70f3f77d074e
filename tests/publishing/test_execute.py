"""A notebook that fails is named with its cell and the reason, however it ends."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from publishing_helpers import run, status

from course.publishing.execute import literal

HANG = "import time; time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {HANG}"
MEMORY = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))\n"
FILL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"


@pytest.mark.parametrize(
    "source, reason",
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
def test_a_failure_is_named_and_the_good_output_stays(make, tmp_path, capsys, source, reason):
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
    assert f"bad.ipynb: cell 2 (`{source.splitlines()[0][:40]}" in out and reason in out
    assert path.read_bytes() == before and b"42" in good.read_bytes()
    failed = nbformat.read(path.with_suffix(".failed.ipynb"), as_version=4)
    assert not any("never" in str(c.get("outputs")) for c in failed.cells)
    assert reason in (tmp_path / "regenerated" / "index.html").read_text()

    path.write_bytes(whole)  # mended: a second run completes
    assert run("--jobs", 2, "--timeout", 20) == 0
    assert path.read_bytes() == whole
    assert not path.with_suffix(".failed.ipynb").exists()


def test_a_failing_parameter_is_named(make, capsys):
    make("good", "seed = 3", "print(1 // seed)")
    assert run("good", "-p", "seed", "0") == 1
    assert "cell 2 (`print(1 // seed)`): ZeroDivisionError" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["-1e-3", "-inf", "--5", "-p", "a=b", ""])
def test_a_parameter_may_begin_with_a_minus(make, tmp_path, value):
    make("signed", "lr = 1", "print(repr(lr))")
    assert run("signed", "-p", "lr", value, "--output-dir", tmp_path / "out") == 0
    text = nbformat.read(tmp_path / "out" / "signed.ipynb", 4).cells[-1].outputs[0].text
    assert text.strip() == repr(literal(value))
