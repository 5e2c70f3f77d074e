"""Run one notebook with papermill in a kernel of its own, and tell truthfully how it went.

papermill marks every cell completed although the kernel died. A code cell has run to its end only
if the kernel replied; `Run.problem` goes by that and by how the kernel's process ended.
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
    """One execution of one notebook: its settings, then what came of it."""

    path: Path
    parameters: dict[str, str] = field(default_factory=dict)
    timeout: int = 300  # seconds for one cell
    kernels: Path | None = None  # as `kernels.preloaded` gives it; None: a fresh kernel
    on_cell: Callable[[], object] = lambda: None  # called after each code cell

    notebook: nbformat.NotebookNode | None = None  # with outputs, as far as it ran
    problem: str | None = None  # in words, naming the cell; None when all went well
    seconds: float = 0.0
    cells: int = 0  # code cells that ran well
    peak: int | None = None  # bytes that the kernel held at most
    pid: int | None = None  # the kernel's
    exit_code: int | None = None  # the kernel's, if it ended by itself

    def execute(self) -> "Run":
        """Run all cells; never raises for what a notebook or its kernel does."""
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
        """End the kernel, and what it started, at once, if it runs."""
        if self.pid is not None:
            kill_tree(self.pid, itself=True)


class Client(PapermillNotebookClient):
    """papermill's client, with a choice of kernels and an eye on the kernel's process."""

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
            # Thread by thread there is no working directory: this one reaches the kernel only.
            resources={"metadata": {"path": str(run.path.parent)}},
            shutdown_kernel="immediate",  # with all that it started
            on_cell_executed=lambda **_: run.on_cell(),
        )
        return client.execute(stderr=subprocess.DEVNULL)  # the kernel's own log, not the cells'


papermill_engines.register("course", Engine)


def literal(text: str) -> object:
    """A parameter's value from the command line: a Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    try:
        return float(text)  # inf and nan
    except ValueError:
        return text


def kill_tree(pid: int, itself: bool) -> None:
    """Kill what a process has started, in sessions of their own too, and, if asked, `itself`."""
    try:
        process = psutil.Process(pid)
        doomed = process.children(recursive=True) + ([process] if itself else [])
    except psutil.NoSuchProcess:
        return
    for each in doomed:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            pass


def peak_memory(pid: int) -> int | None:
    """The most memory, in bytes, that a running process has held; None where nobody knows."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return psutil.Process(pid).memory_info().peak_wset
    return None


def replied(cell) -> bool:
    return "shell.execute_reply" in cell.metadata.get("execution", {})


def first_problem(run: Run, otherwise: str | None = None) -> str | None:
    """Which cell did not run to its end, and why, in words; `otherwise` when no cell is at fault.

    Cells are counted from 0 as in the source, without the parameters that papermill put in.
    """
    if run.notebook is None:
        return otherwise
    number = -1
    for cell in run.notebook.cells:
        tags = cell.metadata.get("tags", [])
        if ERROR_MARK in tags:
            continue
        injected = "injected-parameters" in tags
        number += not injected
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        where = "the parameters given" if injected else f"cell {number} (`{excerpt(cell.source)}`)"
        for output in cell.outputs:
            if output.output_type == "error":
                return f"{where}: {output.ename}: {output.evalue}"
        if not replied(cell):
            return f"{where}: {end_in_words(run.exit_code) or otherwise or 'it did not run'}"
    return otherwise


def end_in_words(code: int | None) -> str | None:
    """How a kernel ended by itself; None when it did not."""
    if code is None:
        return None
    if code >= 0:
        return f"the kernel died with exit code {code}"
    name = signal.Signals(-code).name
    more = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the kernel died, killed by {name}{more}"
