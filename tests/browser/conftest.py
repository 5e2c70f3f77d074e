"""JupyterLab on the loopback interface, and a real Chromium."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from notebook_server import ask

ROOT = Path(__file__).parents[2]
THEMES = "@jupyterlab/apputils-extension:themes"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory, kernels):
    """Address of a JupyterLab that serves a copy of the notebooks, on pre-loaded kernels."""
    if CHROMIUM is None:
        reason = "no Chromium here: apt-get install chromium"
        if os.environ.get("COURSE_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("jupyter")
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token=test"]
    command += [f"--ServerApp.root_dir={home / 'notebooks'}", "--expose-app-in-browser"]
    command += [f"--LabApp.user_settings_dir={home / 'settings'}"]
    command += ["--JupyterNotebookApp.expose_app_in_browser=True"]  # Notebook 7, same server
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(home / "config")}
    environment |= {"JUPYTER_PATH": str(kernels)} if kernels else {}
    with open(home / "log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=home)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api?token=test", timeout=1).close()
                break
            except OSError:
                if server.poll() is not None:
                    pytest.fail((home / "log").read_text()[-2000:])
                time.sleep(0.25)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium. Not for the whole session: its event loop runs as long as it does."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium):
    """A fresh page, in a profile of its own."""
    page = chromium.new_page(viewport={"width": 1300, "height": 1100})
    page.set_default_timeout(60_000)
    yield page
    page.close()


@pytest.fixture
def page(jupyter, browser_page):
    """The same, with JupyterLab running; the test's kernels end and its theme goes with it."""
    yield browser_page
    browser_page.goto("about:blank")  # else the page starts its kernel again
    for one in json.loads(ask(jupyter, "api/kernels")):
        ask(jupyter, f"api/kernels/{one['id']}", "DELETE")
    ask(jupyter, f"lab/api/settings/{THEMES}", "PUT", b'{"raw": "{}"}')
