"""Serve pre-loaded kernels: `python -m course.publishing.forkserver FOLDER`.

The server imports the modules, listens on the socket FOLDER/socket and forks a kernel for each
connection. It has one thread and never computes, so that a fork copies no lock that is held and no
thread pool at work; if an import breaks this rule, the server says so and does not serve. Between
server and kernel stands a keeper, a process that ends the kernel with all that it started. The
server ends, with all its kernels, when its standard input ends. So nothing is left behind even if
the process that started it is killed.
"""

import ctypes
import gc
import importlib
import json
import os
import random
import selectors
import shutil
import signal
import socket
import sys
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h
MODULES = [
    "torch", "matplotlib.pyplot", "ipywidgets", "anywidget", "ipykernel.kernelapp",
    "ipykernel.debugger", "course", "widgets",
]  # fmt: skip


def thread_count() -> int:
    """Return the number of threads of this process, if the system tells it, else 1."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def serve(address: str) -> dict | None:
    """Fork a kernel for each connection until standard input ends.

    Args:
        address: the path of the socket

    Returns:
        In each kernel its request; in the server None, at its end.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    lifeline, server_end = os.pipe()  # its end tells the keepers that this process has ended
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system removes ended keepers itself
    print("ready", flush=True)
    with selectors.DefaultSelector() as events:
        for source in (listener, sys.stdin):
            events.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is sys.stdin:
                    os.close(server_end)
                    wait_for_all()
                    return None
                connection, _ = listener.accept()
                request = json.loads(connection.makefile("rb").readline() or b"null")
                if request and fork(connection) == 0:
                    listener.close()
                    os.close(server_end)
                    keep(connection, lifeline)
                    return request
                connection.close()


def wait_for_all() -> None:
    """Wait until all keepers have ended; each does when its kernel is gone."""
    try:
        os.wait()  # as SIGCHLD is ignored, it returns when none is left
    except ChildProcessError:
        pass


def fork(connection: socket.socket) -> int | None:
    """Return `os.fork()`; None, and the error over the connection, if the system refuses."""
    try:
        return os.fork()
    except OSError as error:
        send(connection, {"error": str(error)})
        return None


def send(connection: socket.socket, message: dict) -> None:
    """Send a line of JSON, if the other end still listens."""
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        pass


def keep(connection: socket.socket, lifeline: int) -> None:
    """Fork one kernel and kill what it leaves behind. Returns in the kernel only.

    The keeper ends the kernel when the connection or the lifeline ends. When the kernel has ended,
    the keeper kills all that the kernel started and reports how the kernel ended and the most
    memory that it held. On Linux the keeper inherits orphans, even those in another session; other
    systems find the kernel's process group only.

    Args:
        connection: to the process that asked for the kernel
        lifeline: a pipe that ends when the server ends
    """
    adopt_orphans()
    wake_up, signal_end = socket.socketpair()
    signal_end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the wake-up below is written
    signal.set_wakeup_fd(signal_end.fileno(), warn_on_full_buffer=False)
    kernel = fork(connection)
    if kernel == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)  # a group of its own, with all that it starts
        for channel in (wake_up, signal_end, connection):
            channel.close()
        os.close(lifeline)
        return
    if kernel is None:
        os._exit(1)
    send(connection, {"pid": kernel})
    with selectors.DefaultSelector() as events:
        for source in (wake_up, connection, lifeline):
            events.register(source, selectors.EVENT_READ)
        end: dict | None = None
        while end is None:
            if all(key.fileobj is wake_up for key, _ in events.select()):
                wake_up.recv(4096)
                end = exit_of(kernel)
            else:
                kill_descendants(kernel)
                end = exit_of(kernel, block=True)
    kill_descendants(kernel)
    send(connection, end)
    os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of each descendant whose own parent ends, if the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def exit_of(kernel: int, block: bool = False) -> dict | None:
    """Return how the kernel ended and its peak memory in bytes; None while it runs.

    Args:
        kernel: its process id
        block: wait until it has ended
    """
    while True:
        pid, status, usage = os.wait4(-1, 0 if block else os.WNOHANG)
        if pid == 0:
            return None
        if pid == kernel:
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            return {"returncode": os.waitstatus_to_exitcode(status), "peak": peak}


def kill_descendants(kernel: int) -> None:
    """Kill the kernel's group and all processes below this one, until none is left."""
    for kill in (os.killpg, os.kill):
        try:
            kill(kernel, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for _ in range(100):  # a process may have started another just before it was killed
        processes = [p for p in psutil.Process().children(recursive=True) if p.pid != kernel]
        if not processes:
            return
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        psutil.wait_procs(processes, timeout=1)


def become_kernel(request: dict) -> None:
    """Run an IPython kernel in this process, a fork, as if it were a fresh one.

    Args:
        request: the kernel's arguments (`argv`), environment (`env`) and folder (`cwd`)
    """
    from ipykernel.kernelapp import IPKernelApp

    server = os.getppid()
    null_device = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null_device, number)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["ipykernel_launcher", *request["argv"]]
    random.seed()
    sys.modules["numpy"].random.seed()  # otherwise all forks draw the same numbers
    restore_threads()
    app = IPKernelApp.instance()
    app.initialize([*request["argv"], f"--IPKernelApp.parent_handle={server}"])
    backend = os.environ.get("MPLBACKEND")  # set by the line above, and read on import only
    if backend:
        sys.modules["matplotlib"].rcParams["backend"] = backend
    sys.modules["ipywidgets"].load_ipython_extension(app.shell)  # there was no shell on import
    app.start()


def restore_threads() -> None:
    """Give OpenBLAS the threads that the server did without."""
    from threadpoolctl import threadpool_limits

    count = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    threadpool_limits(int(count) if count else len(os.sched_getaffinity(0)), user_api="blas")


def main(home: str) -> None:
    """Import the modules and serve on the socket in the folder `home`."""
    if sys.path[0] in ("", os.getcwd()):
        del sys.path[0]  # the kernels add their own folder
    os.environ.pop("MPLBACKEND", None)
    for name in MODULES:
        importlib.import_module(name)
    if thread_count() > 1 or sys.modules["torch"].cuda.is_initialized():
        print("an imported library started threads or took the GPU")
        return
    gc.collect()
    gc.freeze()  # so that a collection in a fork copies no memory that it shares
    request = serve(f"{home}/socket")
    if request is None:
        shutil.rmtree(home, ignore_errors=True)
    else:
        become_kernel(request)


if __name__ == "__main__":
    main(sys.argv[1])
