"""Pre-loaded kernels: like fresh ones, each a process of its own, and gone when they should be."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbformat.v4 import new_code_cell, new_notebook

from course.publishing import preloaded_kernels as kernels
from course.publishing.execute import Run
from course.publishing.outputs import clean

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture(scope="module")
def home():
    with kernels.preloaded() as home:
        assert home is not None
        yield home


def ask(home, cwd=None):
    """A request as the provisioner makes it, with a connection file of its own."""
    connection = home / f"test-{time.monotonic_ns()}.json"
    return {"argv": ["-f", str(connection)], "cwd": str(cwd or home), "env": dict(os.environ)}


def notebook(path, *sources):
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def gone(pid, seconds=10.0):
    """Whether the process ends within this time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def text(run):
    assert run.problem is None, run.problem
    return "".join(o.get("text", "") for c in run.notebook.cells for o in c.outputs)


LIKE_FRESH = [
    "import os, sys, warnings",
    "[sys.path, os.getcwd(), sys.stdin.isatty(), __name__, sorted(globals())[-3:]]",
    "import matplotlib; print(matplotlib.get_backend(), matplotlib.rcParams['figure.dpi'])",
    "import matplotlib.pyplot as plt; plt.plot([1, 3, 2]); plt.title('$x^2$')",
    "import numpy as np; a = np.random.default_rng(0).random((300, 300)); (a @ a).sum().hex()",
    "import torch; torch.manual_seed(3); print(torch.randn(2), torch.get_num_threads())",
    "torch.randn(500, 500).matmul(torch.randn(500, 500)).sum().item().hex()",
    "import ipywidgets; ipywidgets.IntSlider(3)",
    "print('out'); print('err', file=sys.stderr); os.system('echo from a child')",
    "!echo shell",
    "warnings.warn('said')",
    "%timeit -n1 -r1 -q pass",
    "get_ipython().kernel.comm_manager.targets.keys()",
    "{k: os.environ.get(k) for k in ('MPLBACKEND', 'OPENBLAS_NUM_THREADS', 'HOME')}",
    "from threadpoolctl import threadpool_info; {p['num_threads'] for p in threadpool_info()}",
]


def test_a_notebook_has_the_same_outputs_as_in_a_fresh_kernel(home, tmp_path):
    path = notebook(tmp_path / "like.ipynb", *LIKE_FRESH)
    forked, fresh = Run(path, kernels=home).execute(), Run(path).execute()
    for run in (forked, fresh):
        assert run.problem is None, run.problem
        clean(run.notebook)
    for ours, theirs in zip(forked.notebook.cells, fresh.notebook.cells, strict=True):
        ours, theirs = json.dumps(ours.outputs), json.dumps(theirs.outputs)
        pid = r"ipykernel_\d+"
        assert re.sub(pid, "", ours) == re.sub(pid, "", theirs)


def test_each_notebook_has_a_process_and_random_numbers_of_its_own(home, tmp_path):
    show = "import numpy, random, os; print(os.getpid(), numpy.random.rand(), random.random())"
    path = notebook(tmp_path / "own.ipynb", "'left' in globals()", "left = 1", show)
    one, two = Run(path, kernels=home).execute(), Run(path, kernels=home).execute()
    assert not set(text(one).split()) & set(text(two).split())
    assert two.notebook.cells[0].outputs[0].data["text/plain"] == "False"
    assert one.peak is not None and 50 << 20 < one.peak < 4 << 30


def test_the_exit_code_and_the_memory_are_told(home):
    kernel = kernels.ForkedKernel(str(home / "socket"), ask(home))
    assert kernel.poll() is None
    kernel.kill()
    assert kernel.wait() == -signal.SIGKILL == kernel.poll()
    assert kernel.peak is not None and kernel.peak > 10 << 20
    kernel.send_signal(signal.SIGTERM)  # nothing receives it: no error


def test_a_kernel_ends_with_the_process_that_asked_for_it(home):
    kernel = kernels.ForkedKernel(str(home / "socket"), ask(home))
    assert psutil.pid_exists(kernel.pid)
    kernel.replies.close()
    kernel.connection.close()
    assert gone(kernel.pid)


def test_what_a_dead_kernel_had_started_ends_too(home, tmp_path):
    start = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    path = notebook(tmp_path / "child.ipynb", start, "import os; os._exit(9)")
    run = Run(path, kernels=home).execute()
    assert run.exit_code == 9
    assert gone(int(run.notebook.cells[0].outputs[0].text))


STARTED = """
import os, subprocess, sys, time
def note(pid):
    with open("pids", "a") as file:
        file.write(f"{pid}\\n")
note(subprocess.Popen(["sleep", "60"], start_new_session=True).pid)
if os.fork() == 0:
    os.setsid()  # a daemon, as fork, setsid, fork makes it
    if os.fork() == 0:
        note(os.getpid())
        time.sleep(60)
    os._exit(0)
os.wait()
while len(open("pids").readlines()) < 2:
    time.sleep(0.02)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to their keeper")
@pytest.mark.parametrize("end", ["pass", "os._exit(9)", "os.kill(os.getpid(), 9)", "1 / 0"])
def test_nothing_that_a_kernel_started_outlives_it(home, tmp_path, end):
    path = notebook(tmp_path / "daemons.ipynb", STARTED, end)
    Run(path, kernels=home).execute()
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2 and all(gone(pid) for pid in pids)


def test_a_child_in_a_session_of_its_own_ends_with_a_fresh_kernel_too(tmp_path):
    start = "import subprocess as s; print(s.Popen(['sleep', '60'], start_new_session=True).pid)"
    run = Run(notebook(tmp_path / "child.ipynb", start)).execute()
    assert gone(int(text(run)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to their keeper")
def test_what_was_started_ends_when_the_server_is_killed(tmp_path):
    path = notebook(tmp_path / "daemons.ipynb", STARTED, "import time; time.sleep(60)")
    source = f"""
from pathlib import Path
from course.publishing import preloaded_kernels as kernels
from course.publishing.execute import Run
with kernels.preloaded() as home:
    Run(Path({str(path)!r}), kernels=home).execute()
"""
    owner = subprocess.Popen([sys.executable, "-c", source])
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        owner.kill()
        owner.wait()
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    source = f"""
import psutil, time
from course.publishing import preloaded_kernels as kernels
with kernels.preloaded() as home:
    request = {{"argv": ["-f", str(home / "k.json")], "cwd": {str(tmp_path)!r}, "env": {{}}}}
    kernel = kernels.ForkedKernel(str(home / "socket"), request)
    print(home, kernel.pid, *[p.pid for p in psutil.Process().children(recursive=True)], flush=True)
    time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    try:
        folder, *words = owner.stdout.readline().split()
        pids = {int(word) for word in words}  # of the kernel, its keeper and the server
        assert len(pids) == 3 and Path(folder).exists()
    finally:
        owner.kill()  # no chance to tidy up
        owner.wait()
        owner.stdout.close()
    assert all(gone(pid) for pid in pids)
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    "where, name, value, reason",
    [
        (sys, "platform", "darwin", "macOS"),
        (kernels, "entry_points", lambda **_: (), "install the package again"),
    ],
)
def test_on_systems_without_fork_kernels_start_fresh(monkeypatch, where, name, value, reason):
    monkeypatch.setattr(where, name, value)
    assert reason in kernels.obstacle()
    with kernels.preloaded() as home:
        assert home is None


def test_without_fork_kernels_start_fresh(monkeypatch):
    monkeypatch.delattr(os, "fork")
    assert "cannot fork" in kernels.obstacle()


def test_a_server_with_threads_does_not_fork(tmp_path):
    source = "import course.publishing.forkserver as f; f.thread_count = lambda: 2; "
    source += "f.MODULES[:] = ['torch']; "
    source += f"f.main({str(tmp_path)!r})"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "threads" in done.stdout and "ready" not in done.stdout


def test_a_provisioner_without_server_starts_a_fresh_kernel(home, tmp_path):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    specification = json.loads((home / "kernels" / "python3" / "kernel.json").read_text())
    provisioner = specification["metadata"]["kernel_provisioner"]
    provisioner["config"]["address"] = str(tmp_path / "none")
    (folder / "kernel.json").write_text(json.dumps(specification))
    manager = KernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")]),
    )
    manager.start_kernel(stderr=subprocess.DEVNULL)
    try:
        assert isinstance(manager.provisioner, kernels.Preloaded)
        assert isinstance(manager.provisioner.process, subprocess.Popen)
    finally:
        manager.shutdown_kernel(now=True)


def test_nbval_runs_on_them(home, tmp_path):
    sources = ["print(6 * 7)", "b'forkserver' in open('/proc/self/cmdline', 'rb').read()"]
    path = notebook(tmp_path / "small.ipynb", *sources)
    stored = Run(path, kernels=home).execute().notebook
    clean(stored)
    stored.metadata["kernelspec"] = {"name": "python3", "display_name": "P", "language": "python"}
    nbformat.write(stored, path)
    assert stored.cells[1].outputs[0].data["text/plain"] == "True"
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-cell-timeout=20", "-q"]
    command += ["-p", "no:cacheprovider", "-W", "default", str(path)]
    environment = {**os.environ, "JUPYTER_PATH": str(home)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stdout[-3000:]
