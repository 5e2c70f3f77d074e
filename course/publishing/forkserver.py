"""The server of pre-loaded kernels: `python -m course.publishing.forkserver FOLDER`.

It imports the modules, listens on the socket FOLDER/socket and forks a kernel for each connection.
It has one thread and never computes, so that a fork catches no lock and no thread pool half-way;
where it finds otherwise it says so and does not serve. Between server and kernel stands a keeper, a
process that ends the kernel with all that it started. The server ends, with all its kernels, when
its standard input does: even killed, whoever started it leaves nothing behind.
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
    "torch", "matplotlib.pyplot", "ipywidgets", "anywidget", "sklearn.datasets",
    "ipykernel.kernelapp", "ipykernel.debugger", "course", "widgets",
]  # fmt: skip


def threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def serve(address: str) -> dict | None:
    """Fork a kernel for each connection until standard input ends.

    Returns twice: the request in every kernel, None in the server at its end.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    lifeline, held = os.pipe()  # the keepers see its end when this process ends, killed or not
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system takes note of ended keepers itself
    print("ready", flush=True)
    with selectors.DefaultSelector() as events:
        for source in (listener, sys.stdin):
            events.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is sys.stdin:
                    os.close(held)
                    wait_for_all()
                    return None
                connection, _ = listener.accept()
                request = json.loads(connection.makefile("rb").readline() or b"null")
                if request and fork(connection) == 0:
                    listener.close()
                    os.close(held)
                    keep(connection, lifeline)
                    return request
                connection.close()


def wait_for_all() -> None:
    """Wait until all keepers have ended, which they do once their kernels are gone."""
    try:
        os.wait()  # with SIGCHLD ignored it returns only when none is left
    except ChildProcessError:
        pass


def fork(connection: socket.socket) -> int | None:
    """`os.fork`; None, told over the connection, when there is no process to be had."""
    try:
        return os.fork()
    except OSError as error:
        tell(connection, {"error": str(error)})
        return None


def tell(connection: socket.socket, message: dict) -> None:
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        pass  # nobody listens any more


def keep(connection: socket.socket, lifeline: int) -> None:
    """Fork one kernel and see that nothing it started outlives it. Returns in the kernel only.

    The keeper ends the kernel when the connection or the lifeline ends. When the kernel has ended,
    it kills all that is left of what the kernel had started, then tells how the kernel ended and
    how much memory it held at most. On Linux orphans come to the keeper, those in sessions of their
    own too; elsewhere only the kernel's process group is found.
    """
    adopt_orphans()
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the wake-up below is written
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    kernel = fork(connection)
    if kernel == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)  # a group of its own, with all that it starts
        for inherited in (woken, wake, connection):
            inherited.close()
        os.close(lifeline)
        return
    if kernel is None:
        os._exit(1)
    tell(connection, {"pid": kernel})
    with selectors.DefaultSelector() as events:
        for source in (woken, connection, lifeline):
            events.register(source, selectors.EVENT_READ)
        end: dict | None = None
        while end is None:
            if all(key.fileobj is woken for key, _ in events.select()):
                woken.recv(4096)
                end = ended(kernel)
            else:
                kill_descendants(kernel)
                end = ended(kernel, block=True)
    kill_descendants(kernel)
    tell(connection, end)
    os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def ended(kernel: int, block: bool = False) -> dict | None:
    """How the kernel ended and its peak memory in bytes; None while it runs."""
    while True:
        pid, status, usage = os.wait4(-1, 0 if block else os.WNOHANG)
        if pid == 0:
            return None
        if pid == kernel:
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            return {"returncode": os.waitstatus_to_exitcode(status), "peak": peak}


def kill_descendants(kernel: int) -> None:
    """Kill the kernel's group and all processes below this one, until there is none."""
    for send in (
        lambda: os.killpg(kernel, signal.SIGKILL),
        lambda: os.kill(kernel, signal.SIGKILL),
    ):
        try:
            send()
        except ProcessLookupError:
            pass
    for _ in range(100):  # what is killed may just have started something
        below = [p for p in psutil.Process().children(recursive=True) if p.pid != kernel]
        if not below:
            return
        for process in below:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        psutil.wait_procs(below, timeout=1)


def become_kernel(request: dict) -> None:
    """Run an IPython kernel in this process, which is a fork, as a fresh one would."""
    from ipykernel.kernelapp import IPKernelApp

    server = os.getppid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["ipykernel_launcher", *request["argv"]]
    random.seed()
    sys.modules["numpy"].random.seed()  # else all forks would draw the same "random" numbers
    restore_threads()
    app = IPKernelApp.instance()
    app.initialize([*request["argv"], f"--IPKernelApp.parent_handle={server}"])
    backend = os.environ.get("MPLBACKEND")  # set by the line above, and read only on import
    if backend:
        sys.modules["matplotlib"].rcParams["backend"] = backend
    sys.modules["ipywidgets"].load_ipython_extension(app.shell)  # found no shell when imported
    app.start()


def restore_threads() -> None:
    """Give OpenBLAS back the threads that the server went without."""
    from threadpoolctl import threadpool_limits

    given = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    threadpool_limits(int(given) if given else len(os.sched_getaffinity(0)), user_api="blas")


def main(home: str) -> None:
    if sys.path[0] in ("", os.getcwd()):
        del sys.path[0]  # the kernels add their own folder
    os.environ.pop("MPLBACKEND", None)
    for name in MODULES:
        importlib.import_module(name)
    if threads() > 1 or sys.modules["torch"].cuda.is_initialized():
        print("an imported library started threads or took the GPU")
        return
    gc.collect()
    gc.freeze()  # so that collecting in a child does not copy the pages that it shares
    request = serve(f"{home}/socket")
    if request is None:
        shutil.rmtree(home, ignore_errors=True)
    else:
        become_kernel(request)


if __name__ == "__main__":
    main(sys.argv[1])
