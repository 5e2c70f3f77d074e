"""Notebooks on the server of the tests: put there, and opened in a page."""

import json
import time
import urllib.request

import nbformat

READY = """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel
    ?.status === 'idle'"""
RUN_ALL = """async () => {
  const { shell, commands } = window.jupyterapp, panel = shell.currentWidget;
  panel.content.notebookConfig = { ...panel.content.notebookConfig, windowingMode: "none" };
  shell.collapseLeft?.("left");
  await commands.execute("notebook:run-all-cells");
}"""


def ask(jupyter: str, place: str, method: str = "GET", body: bytes | None = None) -> bytes:
    """Return what the server answers."""
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{jupyter}/{place}?token=test", body, kind, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def put(jupyter: str, path: str, notebook: dict) -> None:
    """Put a notebook on the server."""
    body = json.dumps({"type": "notebook", "format": "json", "content": notebook}).encode()
    ask(jupyter, f"api/contents/{path}", "PUT", body)


def put_notebook(jupyter: str, path: str, *cells: str) -> None:
    """Put a notebook of these cells on the server."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    put(jupyter, path, notebook)


def open_notebook(page, jupyter: str, name: str, app: str = "") -> None:
    """Open a notebook and wait for its kernel.

    Args:
        name: without .ipynb.
        app: "notebooks" opens it in Notebook 7 instead of JupyterLab.
    """
    workspace = f"{name}-{time.monotonic_ns()}"  # else JupyterLab opens old tabs too
    place = f"{app}/{name}.ipynb" if app else f"lab/workspaces/{workspace}/tree/{name}.ipynb"
    page.goto(f"{jupyter}/{place}?token=test")
    page.wait_for_function(READY, timeout=90_000)
