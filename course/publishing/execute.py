"""Run one notebook with papermill in a kernel of its own, and report truthfully how it went.

papermill marks every cell completed even if the kernel died. A code cell has run to its end only if
the kernel replied; `Run.problem` relies on that and on how the kernel's process ended.
"""

import ast
import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets import Instance

from .outputs import excerpt

ERROR_MARK = "papermill-error-cell-tag"  # papermill's own red notices


@dataclass
class Run:
    """One execution of one notebook: its settings, then its results."""

    path: Path
    parameters: dict[str, str] = field(default_factory=dict)
    timeout: int = 300  # seconds for one cell
    kernels: Path | None = None  # the folder that `preloaded()` yields; None: a fresh kernel
    on_cell: Callable[[], object] = lambda: None  # called after each code cell

    notebook: nbformat.NotebookNode | None = None  # with outputs, as far as it ran
    problem: str | None = None  # in words, naming the cell; None if all went well
    seconds: float = 0.0
    cells: int = 0  # code cells that ran well
    peak: int | None = None  # the most memory that the kernel held, in bytes
    pid: int | None = None  # the kernel's
    exit_code: int | None = None  # the kernel's, if it ended by itself

    def execute(self) -> "Run":
        """Run all cells and return itself; no error of a notebook or its kernel is raised."""
        start = time.perf_counter()
        try:
            papermill.execute_notebook(
                str(self.path), None, {k: literal(v) for k, v in self.parameters.items()},
                engine_name="course", kernel_name="python3", progress_bar=False,
                execution_timeout=self.timeout, run=self,
            )  # fmt: skip
            self.problem = first_problem(self)
        except PapermillExecutionError:
            self.problem = first_problem(self)
        except CellTimeoutError:
            self.problem = first_problem(self, f"it took longer than {self.timeout} s")
        except Exception as error:
            self.problem = first_problem(self, f"{type(error).__name__}: {error}")
        finally:
            ensure_event_loop().close()  # jupyter_client made one for this thread
            asyncio.set_event_loop(None)
        self.seconds = time.perf_counter() - start
        for cell in self.notebook.cells if self.notebook else []:
            if cell.cell_type == "code" and replied(cell):
                self.cells += not any(o.output_type == "error" for o in cell.outputs)
        return self

    def kill(self) -> None:
        """End the kernel, if it runs, with all that it started."""
        if self.pid is not None:
            kill_tree(self.pid, itself=True)


class Client(PapermillNotebookClient):
    """papermill's client that chooses among kernels and watches the kernel's process."""

    run = Instance(Run)

    def create_kernel_manager(self):
        specifications = KernelSpecManager()
        if self.run.kernels:
            specifications.kernel_dirs = [str(self.run.kernels / "kernels")]
        self.km = AsyncKernelManager(
            kernel_name=self.kernel_name, kernel_spec_manager=specifications
        )
        return self.km

    def papermill_execute_cells(self):
        provisioner: Any = self.km.provisioner  # a local one: it has a process
        self.run.pid = provisioner.pid
        try:
            super().papermill_execute_cells()
        finally:
            process = provisioner.process
            self.run.exit_code = process.poll()
            if self.run.exit_code is None:
                self.run.peak = peak_memory(process.pid)
                kill_tree(process.pid, itself=False)
            else:
                self.run.peak = getattr(process, "peak", None)
            self.run.pid = None


class Engine(NBClientEngine):
    """papermill's engine with the client above; papermill finds it as "course"."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, run, **settings):
        run.notebook = nb_man.nb
        client = Client(
            nb_man,
            run=run,
            kernel_name=kernel_name,
            timeout=run.timeout,
            startup_timeout=settings["start_timeout"],
            # A thread has no working directory of its own: this one is for the kernel only.
            resources={"metadata": {"path": str(run.path.parent)}},
            shutdown_kernel="immediate",  # with all that it started
            on_cell_executed=lambda **_: run.on_cell(),
        )
        return client.execute(stderr=subprocess.DEVNULL)  # the kernel's own log, not the cells'


papermill_engines.register("course", Engine)


def literal(text: str) -> object:
    """Return the value of a Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    try:
        return float(text)  # inf and nan
    except ValueError:
        return text


def kill_tree(pid: int, itself: bool) -> None:
    """Kill all that a process has started, even in another session.

    Args:
        pid: of the process
        itself: kill the process, too
    """
    try:
        root = psutil.Process(pid)
        processes = root.children(recursive=True) + ([root] if itself else [])
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            pass


def peak_memory(pid: int) -> int | None:
    """Return the most memory that a running process has held, in bytes; None if unknown."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return psutil.Process(pid).memory_info().peak_wset
    return None


def replied(cell) -> bool:
    """Tell whether the kernel replied that this cell has run."""
    return "shell.execute_reply" in cell.metadata.get("execution", {})


def first_problem(run: Run, otherwise: str | None = None) -> str | None:
    """Say which cell did not run to its end, and why.

    Cells are counted from 0 as in the source, without the parameters that papermill inserts.

    Args:
        run: what was executed
        otherwise: what to return if no cell is at fault
    """
    if run.notebook is None:
        return otherwise
    number = -1
    for cell in run.notebook.cells:
        tags = cell.metadata.get("tags", [])
        if ERROR_MARK in tags:
            continue
        is_injected = "injected-parameters" in tags
        number += not is_injected
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        where = "the parameters" if is_injected else f"cell {number} (`{excerpt(cell.source)}`)"
        for output in cell.outputs:
            if output.output_type == "error":
                return f"{where}: {output.ename}: {output.evalue}"
        if not replied(cell):
            return f"{where}: {end_in_words(run.exit_code) or otherwise or 'it did not run'}"
    return otherwise


def end_in_words(code: int | None) -> str | None:
    """Say how a kernel ended by itself, from its exit code; None if it did not."""
    if code is None:
        return None
    if code >= 0:
        return f"the kernel died with exit code {code}"
    name = signal.Signals(-code).name
    more = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the kernel died, killed by {name}{more}"
