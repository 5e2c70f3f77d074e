"""The server that pre-loaded kernels are forked from: `python -m course.forkserver FOLDER`.

It imports the modules, listens on the socket FOLDER/socket and forks a kernel for each connection.
It has one thread and never computes, so that a fork catches no lock and no thread pool half-way;
where it finds otherwise it says so and does not serve. It ends, with all its kernels, when its
standard input does: even killed, whoever started it leaves nothing behind.
"""

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

MODULES = [
    "torch", "matplotlib.pyplot", "ipywidgets", "anywidget", "sklearn.datasets",
    "ipykernel.kernelapp", "ipykernel.debugger", "course", "widgets",
]  # fmt: skip


def threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def serve(address: str) -> dict | None:
    """Fork a kernel for each connection until standard input ends.

    Returns twice: the request in every child, None in the server at its end.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the wake-up below is written
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    print("ready", flush=True)
    kernels: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as events:
        for source in (listener, woken, sys.stdin):
            events.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is sys.stdin:
                    for pid in kernels:
                        kill_group(pid)
                    return None
                if key.fileobj is woken:
                    woken.recv(4096)
                    report_ends(kernels, events)
                elif key.fileobj is listener:
                    connection, _ = listener.accept()
                    request = json.loads(connection.makefile("rb").readline() or b"null")
                    child = fork(connection) if request else None
                    if child == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for held in (listener, woken, wake, connection, *kernels.values()):
                            held.close()
                        return request
                    if child is None:
                        connection.close()
                    else:
                        kernels[child] = connection
                        events.register(connection, selectors.EVENT_READ, child)
                elif kernels.get(key.data) is key.fileobj:
                    events.unregister(key.fileobj)  # its end: whoever asked has gone
                    kill_group(key.data)


def fork(connection: socket.socket) -> int | None:
    """`os.fork`, told over the connection; None when there is no process to be had."""
    try:
        pid = os.fork()
    except OSError as error:
        tell(connection, {"error": str(error)})
        return None
    if pid:
        os.setpgid(pid, pid)  # a group of its own, with all that it starts
        tell(connection, {"pid": pid})
    return pid


def tell(connection: socket.socket, message: dict) -> None:
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        pass  # nobody listens any more


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def report_ends(kernels: dict[int, socket.socket], events: selectors.BaseSelector) -> None:
    """Tell whoever asked how their kernels ended and how much memory they held at most."""
    for pid in list(kernels):
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            connection = kernels.pop(pid)
            kill_group(pid)  # what the kernel had started
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            code = os.waitstatus_to_exitcode(status)
            tell(connection, {"returncode": code, "peak": peak})
            if connection in events.get_map():
                events.unregister(connection)
            connection.close()


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
