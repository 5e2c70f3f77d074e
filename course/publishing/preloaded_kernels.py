"""Fork kernels from a server that imported torch, matplotlib and ipywidgets once.

A fresh Jupyter kernel spends seconds on imports. Here one server (`forkserver.py`) imports the
modules, and each kernel is a fork of it: a process of its own that has them already. On systems
without fork, kernels start fresh.

`Preloaded` is a kernel provisioner (jupyter_client's extension point, registered in
pyproject.toml). `preloaded()` starts the server and writes a kernel specification `python3` that
names this provisioner. Each kernel has a connection of its own. When the kernel ends, the server
says so on it; when the other end closes it, the server kills the kernel with all that it started.
"""

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner
from traitlets import Unicode

NAME = "preloaded"
GROUP = "jupyter_client.kernel_provisioners"


class ForkedKernel:
    """The part of `subprocess.Popen` that `LocalProvisioner` uses.

    Args:
        address: the path of the server's socket
        request: the kernel's arguments (`argv`), environment (`env`) and folder (`cwd`)

    Raises:
        OSError: the server has no kernel to give.
    """

    stdin = stdout = stderr = None

    def __init__(self, address: str, request: dict):
        self.returncode: int | None = None
        self.peak: int | None = None  # bytes
        self.connection = socket.socket(socket.AF_UNIX)
        try:
            self.connection.connect(address)
            self.replies = self.connection.makefile("rb")
            self.connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(self.replies.readline() or b'{"error": "the server is gone"}')
            if "error" in answer:
                raise OSError(answer["error"])
        except BaseException:
            self.connection.close()
            raise
        self.pid: int = answer["pid"]

    def poll(self) -> int | None:
        """Return the exit code as `Popen` does (−9: killed by signal 9), or None while it runs."""
        if self.returncode is None:
            with selectors.DefaultSelector() as ready:
                ready.register(self.connection, selectors.EVENT_READ)
                if ready.select(0):
                    return self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait for the kernel to end; return the exit code as `poll` does."""
        if self.returncode is None:
            line = self.replies.readline() or b'{"returncode": -9, "peak": null}'  # killed server
            end = json.loads(line)
            self.returncode, self.peak = end["returncode"], end["peak"]
            self.replies.close()
            self.connection.close()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Preloaded(LocalProvisioner):
    """Start a kernel as a fork of the server at `address`, or a fresh one if that fails."""

    process: Any = None  # a ForkedKernel or a subprocess.Popen
    address = Unicode(config=True, help="path of the server's socket")

    async def launch_kernel(self, cmd: list[str], **kwargs):
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        cwd = str(kwargs.get("cwd") or Path.cwd())
        request = {"argv": arguments, "cwd": cwd, "env": kwargs.get("env", dict(os.environ))}
        try:
            self.process = ForkedKernel(self.address, request)
        except OSError as error:
            self.log.warning("no pre-loaded kernel (%s): starting a fresh one", error)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid  # the kernel leads a group of its own
        self.cwd = cwd
        return self.connection_info


def obstacle() -> str | None:
    """Say why kernels cannot be forked here; None if they can."""
    if not hasattr(os, "fork") or not hasattr(socket, "AF_UNIX"):
        return f"{sys.platform} cannot fork"
    if sys.platform == "darwin":
        return "macOS's own libraries (Metal, Accelerate) do not survive a fork"
    if not entry_points(group=GROUP, name=NAME):
        return "the package's kernel provisioner is not registered: install the package again"
    return None


@contextmanager
def preloaded() -> Iterator[Path | None]:
    """Serve kernels while the context is open.

    Yields:
        A folder; with it as JUPYTER_PATH, `python3` is a pre-loaded kernel for papermill, nbval and
        nbclient. None if kernels start fresh.
    """
    if obstacle():
        yield None
        return
    home = Path(tempfile.mkdtemp(prefix="course-kernels-"))
    (home / "kernels" / "python3").mkdir(parents=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "course.publishing.forkserver", str(home)],
        env={
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",  # otherwise its import starts threads
            "MPLBACKEND": "",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no warning about an unused debugger
        },
        stdin=subprocess.PIPE,  # stays empty: its end ends the server
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the command only, which then ends the server
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        message = server.stdout.readline().decode().strip()
        if message != "ready":
            print(f"kernels start fresh: {message or 'the server did not start'}", file=sys.stderr)
            yield None
            return
        specification = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3 (pre-loaded)",
            "language": "python",
            "metadata": {
                "kernel_provisioner": {
                    "provisioner_name": NAME,
                    "config": {"address": str(home / "socket")},
                }
            },
        }
        path = home / "kernels" / "python3" / "kernel.json"
        path.write_text(json.dumps(specification), "utf-8")
        yield home
    finally:
        server.stdin.close()
        server.stdout.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(home, ignore_errors=True)
