"""A notebook in JupyterLab, in a real Chromium, for measurements and screenshots."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

RUN = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let text = "";
  future.onIOPub = (m) => {
    if (m.header.msg_type === "stream") text += m.content.text;
    if (m.header.msg_type === "error") throw new Error(m.content.traceback.join("\\n"));
  };
  await future.done;
  return text;
}"""
IDLE = """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel
  ?.status === 'idle'"""
RUN_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"


def kernel(page: Page, code: str) -> str:
    """Run code in the notebook's kernel and return what it prints."""
    return page.evaluate(RUN, code).strip()


@contextmanager
def jupyterlab(home: Path) -> Iterator[str]:
    """Serve a folder; give the address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
               f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token=test",
               f"--ServerApp.root_dir={home}", "--expose-app-in-browser",
               f"--LabApp.user_settings_dir={home / 'settings'}"]  # fmt: skip
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(home / "config")}
    nowhere = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api?token=test", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def notebook(cell: str, width: int = 1300, height: int = 1100, scale: float = 1) -> Iterator[Page]:
    """Open a notebook of one cell, not run yet; give the page.

    Args:
        cell: its code.
        width, height: of the window, CSS pixels.
        scale: device pixels a CSS pixel.
    """
    home = Path(tempfile.mkdtemp())
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content.metadata["kernelspec"] = spec
    nbformat.write(content, home / "lab.ipynb")
    try:
        with jupyterlab(home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
                args=["--no-sandbox", "--disable-background-networking"],
            )
            size = {"width": width, "height": height}
            page = browser.new_page(viewport=size, device_scale_factor=scale)
            page.goto(f"{address}/lab/tree/lab.ipynb?token=test")
            page.wait_for_function(IDLE, timeout=120_000)
            yield page
            browser.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)
