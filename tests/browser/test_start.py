"""The learner's path in a real browser: open, run, watch, move the rate, pause, reload, go on."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course.lessons.contents import ROUTE

pytestmark = pytest.mark.browser

NOTEBOOK = "00_start_here.ipynb"
RUN_CODE = """async (code) => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let text = "";
  future.onIOPub = (m) => {
    if (m.header.msg_type === "stream") text += m.content.text;
    if (m.header.msg_type === "error") text += m.content.evalue;
  };
  await future.done;
  return text;
}"""


def kernel(page, code):
    return page.evaluate(RUN_CODE, code).strip()


def wait(condition, seconds=40):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.1)
    assert condition()


def shot(page, name):
    if folder := os.environ.get("COURSE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def open_notebook(page, jupyter):
    page.goto(f"{jupyter}/lab/tree/{NOTEBOOK}?token=test")
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
        "?.status === 'idle'"
    )


FILL = """(code) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = 0;
  notebook.activeCell.model.sharedModel.setSource(code);
}"""


def run_cell(page, jupyter, code):
    """Open the first chapter, put `code` into a new cell on top and run it."""
    open_notebook(page, jupyter)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:insert-cell-above')")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.ready")
    page.evaluate(FILL, code)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")


def test_the_learners_path(page, jupyter):
    from lab_hands import click, matches_kernel, picture, pixels, value, wait_painted

    open_notebook(page, jupyter)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_painted(page)
    wait(lambda: kernel(page, "print(type(lab).__name__)") == "TrainingLab")
    page.locator(".face:has(.face-view)").first.scroll_into_view_if_needed()
    first, begin = pixels(page), picture(page)["step"]
    kernel(page, "lab.planned = 10**6")  # longer than this test takes
    click(page, "Play")
    wait(lambda: picture(page)["step"] > begin + 20)
    shot(page, "training")

    # The slider, by keyboard, while it trains.
    before = value(page, "lab.trainer.knobs()['lr']")
    handle = page.locator(".widget-slider", has_text="learning rate").locator(".noUi-handle").first
    handle.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait(lambda: value(page, "lab.trainer.knobs()['lr']") > before)
    step, knob, _ = value(page, "lab.trainer.history.knobs[-1]")
    assert knob == "lr" and step > begin + 20 and value(page, "lab.runner.running")

    click(page, "Pause")
    wait(lambda: value(page, "lab.runner.running") is False)
    wait(lambda: matches_kernel(page))
    stopped = picture(page)["step"]
    assert pixels(page) != first and stopped == value(page, "lab.trainer.step_count")

    # Save, reload: the same kernel, the picture back, and it goes on.
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    time.sleep(1)
    page.reload()
    wait_painted(page)
    wait(lambda: picture(page)["step"] == stopped)
    page.locator(".face:has(.face-view)").first.scroll_into_view_if_needed()
    click(page, "Play")
    wait(lambda: picture(page)["step"] > stopped)
    shot(page, "reloaded")
    click(page, "Pause")
    kernel(page, "lab.close()")


@pytest.fixture
def lab_address(tmp_path):
    """The address that `course lab` prints, in a home without any settings."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "course.cli.main", "lab", "--no-browser", f"--port={port}"]
    environment = os.environ | {"HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "c")}
    log = tmp_path / "log"
    with open(log, "w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        address = re.compile(rf"http://127\.0\.0\.1:{port}/\S+token=\w+")
        wait(lambda: server.poll() is not None or address.search(log.read_text()), 90)
        yield address.search(log.read_text()).group()
    finally:
        server.terminate()
        server.wait(20)


def notebook_share(page):
    """How much of the window's width the notebook on the screen takes; 0 without one."""
    return page.evaluate(
        "() => Math.max(0, ...[...document.querySelectorAll('.jp-NotebookPanel')]"
        ".map(e => e.getBoundingClientRect().width / innerWidth))"
    )


def test_course_lab_opens_wide_and_asks_nothing(browser_page, lab_address):
    page, asked = browser_page, []
    page.on("request", lambda request: asked.append(request.url))
    plain = re.sub(r"/doc/workspaces/[\w-]+/tree/.*\?", "/lab?", lab_address)
    page.goto(plain)  # as for another project: the side bar stays open in that workspace
    page.wait_for_selector("#jp-left-stack >> .jp-FileBrowser")
    page.goto(lab_address)
    page.locator(".jp-NotebookPanel h1", has_text="Start here").wait_for()
    assert notebook_share(page) >= 0.85
    shot(page, "opened")

    for title in (ROUTE[1].title, ROUTE[0].title):  # to the next chapter and back
        page.locator(".jp-NotebookPanel:visible a", has_text=title).first.click()
        page.locator(".jp-NotebookPanel:visible h1", has_text=title).first.wait_for()
        assert notebook_share(page) >= 0.85
    page.wait_for_timeout(3000)  # JupyterLab asks a while after the first cells are there
    assert page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []
    assert not [url for url in asked if "/lab/api/news" in url or "/lab/api/update" in url]
