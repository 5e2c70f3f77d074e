"""The live lab in a real browser: the painter alone, then the lab in JupyterLab."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.request

import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from test_start import kernel, look, matches_kernel, painted, shot, wait

from widgets import TrainingLab
from widgets.backprop.controls import Drawing
from widgets.common.canvas import Canvas, encode
from widgets.descent.controls import DescentCanvas
from widgets.training.instruments import INSTRUMENTS

pytestmark = pytest.mark.browser

# ---- the painter alone, with frames recorded from a lab --------------------------------------

PAINTER = """async ([code, frames]) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const view = (await import(url)).default;
  const bytes = (s) => new DataView(Uint8Array.from(atob(s), (c) => c.charCodeAt(0)).buffer);
  const state = { frame: bytes(frames[0]) }, on = {};
  const model = {
    get: (k) => state[k], set: (k, v) => { state[k] = v; }, save_changes: () => {},
    send: (message) => { state.ack = message.ack; },
    on: (k, f) => { on[k] = f; }, off: (k) => { delete on[k]; },
  };
  const el = document.body.appendChild(document.createElement("div"));
  const stop = view.render({ model, el });
  const seen = [], before = new Set(Object.keys(window));
  const next = () => new Promise((done) => requestAnimationFrame(done));
  for (const f of frames) {
    state.frame = bytes(f);
    on["change:frame"]();
    await next();
    await next();
    const c = el.querySelector("canvas"), g = c.getContext("2d");
    if (f === frames.at(-1)) await new Promise((done) => setTimeout(done, 300));
    seen.push({ ack: state.ack, label: c.getAttribute("aria-label"), ...c.painted,
                url: c.toDataURL(), size: [c.width, c.height] });
  }
  on["comm_live_update"]?.();
  const lost = el.querySelector(".course-lost");
  stop();
  return { seen, lost: [lost.hidden, lost.textContent], left: Object.keys(on),
           globals: Object.keys(window).filter((k) => !before.has(k)) };
}"""


def frames_of(data, instruments=tuple(INSTRUMENTS)):
    lab = TrainingLab(data, interactive=False, instruments=instruments, name="recorded")
    made = []
    for seq in range(1, 5):
        lab.run(15)
        made.append(base64.b64encode(encode(lab.picture(), seq)).decode())
    return lab, made


@pytest.mark.parametrize("data", ["digits", "moons", "sine"])
def test_recorded_frames_are_painted(browser_page, data):
    lab, frames = frames_of(data)
    browser_page.set_content("<body></body>")
    result = browser_page.evaluate(PAINTER, [Canvas._esm, frames])
    seen = result["seen"]
    assert [s["ack"] for s in seen] == [1, 1, 1, 4] and len({s["url"] for s in seen}) == 4
    assert [s["step"] for s in seen] == [15, 30, 45, 60]
    assert seen[-1]["loss"] == pytest.approx(lab.trainer.history.loss[-1], rel=1e-6)
    assert seen[-1]["label"].startswith("Step 60, training loss")
    assert result["lost"][0] is False and "Run its cell again" in result["lost"][1]
    assert result["left"] == [] and result["globals"] == []


def test_a_curve_is_painted_where_its_numbers_are(browser_page):
    """The blue pixels of a straight line lie on that line."""
    y = np.linspace(0, 1, 120, dtype="f4")
    panel = {"kind": "curves", "title": "line", "log": False, "curves": [["y", [0, 1], "y", 0]]}
    picture = {"step": 1, "loss": 1.0, "text": "x", "panels": [panel], "arrays": {"y": y}}
    browser_page.set_content("<body></body>")
    frame = base64.b64encode(encode(picture, 1)).decode()
    seen = browser_page.evaluate(PAINTER, [Canvas._esm, [frame]])["seen"][0]
    import io

    from PIL import Image

    png = base64.b64decode(seen["url"].split(",")[1])
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    blue = np.abs(image - [0, 0x72, 0xB2]).sum(2) < 40
    rows, columns = np.nonzero(blue[45:195])
    assert len(rows) > 200
    slope, offset = np.polyfit(columns, rows, 1)
    assert slope < 0 and np.abs(rows - (slope * columns + offset)).max() < 3


# ---- in JupyterLab -----------------------------------------------------------------------------

IMPORT = """async (source) => {
  const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return Object.keys(module.default);
}"""


@pytest.mark.parametrize("widget", [Canvas, DescentCanvas, Drawing], ids=lambda w: w.__name__)
def test_a_module_is_whole(browser_page, widget):
    assert browser_page.evaluate(IMPORT, widget._esm) == ["render"]


CELL = "from widgets import TrainingLab\nlab = TrainingLab({}); lab"


def put_notebook(jupyter, name, *cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    body = json.dumps({"type": "notebook", "format": "json", "content": notebook}).encode()
    request = urllib.request.Request(
        f"{jupyter}/api/contents/{name}?token=test", body, method="PUT",
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    urllib.request.urlopen(request, timeout=20).close()


def open_lab(page, jupyter, name, *cells):
    put_notebook(jupyter, name, *cells)
    workspace = f"{name.split('.')[0]}-{time.monotonic_ns()}"  # else JupyterLab opens old tabs too
    page.goto(f"{jupyter}/lab/workspaces/{workspace}/tree/{name}?token=test")
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
        "?.status === 'idle'"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector("canvas.course-canvas[data-step]", state="attached", timeout=120_000)
    kernel(page, "pass")  # all cells are done
    page.locator("canvas.course-canvas").first.scroll_into_view_if_needed()


def press(page, name):
    page.locator("button.jupyter-button", has_text=name).first.click()


def test_turn_rewind_branch_and_take_home(page, jupyter):
    open_lab(page, jupyter, "lab.ipynb", CELL.format("'digits', lr=0.3, momentum=0.77"))
    kernel(page, "import os, tempfile; os.environ['TRAINING_AT_SCALE_HOME'] = tempfile.mkdtemp()")
    assert kernel(page, "print(lab.trainer.history.knobs)") == "[]", "nobody touched a knob"
    press(page, "Play")
    _, step, first = look(page, after=50)
    assert look(page, after=step)[2] != first and matches_kernel(page)
    press(page, "Pause")
    wait(lambda: kernel(page, "print(lab.runner.running)") == "False")
    end = int(kernel(page, "print(lab.trainer.step_count)"))

    # Back to the middle by the step field, by keyboard; exactly.
    field = page.get_by_label("step as a number")
    field.fill(str(end // 2))
    field.press("Enter")
    wait(lambda: painted(page)[1] == end // 2)
    assert matches_kernel(page)
    again = "from course.training.replay import run_recipe, history_digest as digest; "
    again += "t = run_recipe(lab.recipe()); "
    assert kernel(page, again + "print(digest(t) == digest(lab.trainer))") == "True"

    # Another way from here: the old run stays in the picture.
    rate = page.get_by_label("learning rate as a number")
    rate.fill("0.05")
    rate.press("Enter")
    press(page, "Step")
    wait(lambda: painted(page)[1] == end // 2 + 1)
    assert kernel(page, "print(len(lab.timeline.branches))") == "2"
    shot(page, "branched")

    # The recipe and the code, to copy.
    page.get_by_text("Recipe and code", exact=True).click()
    press(page, "Show recipe")
    text = page.get_by_label("to copy")
    wait(lambda: text.input_value().startswith("{"))
    recipe = json.loads(text.input_value())
    assert [k[1] for k in recipe["knobs"]] == ["lr"] and recipe["steps"] == end // 2 + 1
    press(page, "Show as code")
    wait(lambda: "Trainer(model" in text.input_value())

    # Reset, draw a guess with the mouse, train over it, be scored.
    press(page, "Reset")
    wait(lambda: painted(page)[1] == 0)
    page.get_by_text("Draw it first", exact=True).click()
    page.locator("button.jupyter-button", has_text="Draw").last.click()
    wait(lambda: kernel(page, "print(lab.controls.canvas.drawing)") == "True")
    canvas = page.locator("canvas.course-canvas")
    canvas.scroll_into_view_if_needed()
    wait(lambda: page.evaluate("() => new Promise(d => setTimeout(() => d(true), 300))"))
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    for i in range(1, 20):
        page.mouse.move(box["x"] + 60 + 12 * i, box["y"] + 60 + 4 * i)
    page.mouse.up()
    wait(lambda: kernel(page, "print(len(lab.bets))") == "1")
    kernel(page, "lab.run(300)")
    assert "off by a factor" in kernel(page, "print(lab.message)")
    shot(page, "guessed")

    # The kernel goes: the view says what to do.
    restart = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    page.evaluate(restart)
    page.wait_for_selector(".course-lost:not([hidden])")
    assert "Run its cell again" in page.locator(".course-lost").inner_text()


def test_slow_hidden_and_two_at_once(page, jupyter):
    cells = CELL.format("'digits'"), "other = TrainingLab('moons'); other"
    open_lab(page, jupyter, "two.ipynb", *cells)
    page.wait_for_function("() => document.querySelectorAll('canvas.course-canvas').length == 2")
    kernel(page, "lab.play(); other.play()")
    wait(
        lambda: (
            int(kernel(page, "print(min(lab.trainer.step_count, other.trainer.step_count))")) > 300
        )
    )
    kernel(page, "lab.pause(); other.pause()")
    counts = json.loads(kernel(page, "print([lab.trainer.step_count, other.trainer.step_count])"))
    assert min(counts) > 0.4 * max(counts), counts
    kernel(page, "other.close()")

    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 20})
    kernel(page, "lab.play()")
    behind = []
    for _ in range(15):
        behind.append(int(kernel(page, "print(lab.controls.canvas.seq - lab.controls.canvas.ack)")))
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    assert max(behind) <= Canvas.window, behind

    hide = """(state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, "hidden")
    wait(lambda: kernel(page, "print(lab.controls.canvas.visible)") == "False")
    before = kernel(page, "import time; time.sleep(.2); print(lab.controls.canvas.seq)")
    step = int(kernel(page, "print(lab.trainer.step_count)"))
    wait(lambda: int(kernel(page, "print(lab.trainer.step_count)")) > step + 500)
    assert kernel(page, "print(lab.controls.canvas.seq)") == before
    page.evaluate(hide, "visible")
    wait(lambda: painted(page)[1] > step + 500)
    kernel(page, "lab.close()")

    # The cell five times over: one thread.
    for _ in range(5):
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        time.sleep(0.3)
    wait(lambda: kernel(page, "print(lab.trainer.step_count)") == "0")
    kernel(page, "lab.play(); other.play()")
    threads = "import threading; print(sum(t.name == 'course-lab' for t in threading.enumerate()))"
    assert kernel(page, threads) == "2"
    kernel(page, "lab.close(); other.close()")
    assert kernel(page, threads) == "0"


def serious(page):
    """What axe-core finds in the labs on the page that is serious or worse."""
    found = Axe().run(page, context=".course-lab").response["violations"]
    return [
        (v["id"], [n["html"][:200] for n in v["nodes"]][:3])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(page, jupyter, theme):
    others = "from widgets import *\nd = DescentLab(); b = BackpropLab(); b.all()"
    cells = CELL.format("'digits', steps=50"), others, "d", "b"
    open_lab(page, jupyter, "axe.ipynb", *cells)
    page.evaluate(THEME, theme)
    kernel(page, "lab.run(50); d.run(20)")
    assert page.locator(".course-lab").count() == 3
    titles = page.locator(".course-lab .jupyter-widget-Collapse-header")
    for i in range(titles.count()):
        titles.nth(i).click()
        time.sleep(0.4)
        assert serious(page) == [], i
    kernel(page, "lab.close(); d.close()")
    page.evaluate(THEME, "JupyterLab Light")


def test_every_knob_is_reached_by_keyboard(page, jupyter):
    open_lab(page, jupyter, "keys.ipynb", CELL.format("'moons'"))
    page.locator("button.jupyter-button", has_text="Play").first.focus()
    names = []
    for _ in range(30):
        names.append(page.evaluate(
            "() => { const e = document.activeElement; return e.getAttribute('aria-label') ||"
            " e.labels?.[0]?.textContent || e.textContent; }").strip())  # fmt: skip
        page.keyboard.press("Tab")
    for wanted in ("Play", "Pause", "Step", "Reset", "Go back", "learning rate",
                   "learning rate as a number", "momentum", "momentum as a number", "threshold",
                   "clipping", "batch size", "device", "step", "step as a number"):  # fmt: skip
        assert wanted in names, (wanted, names)
    kernel(page, "lab.close()")


def test_an_older_ipykernel_works_as_well(tmp_path):
    """ipykernel 6.31, beside everything else as it is."""
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target",
               str(tmp_path / "old"), "ipykernel==6.31.0"]  # fmt: skip
    subprocess.run(install, check=True, timeout=120)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
               f"{__file__}::test_turn_rewind_branch_and_take_home"]  # fmt: skip
    paths = filter(None, [str(tmp_path / "old"), os.environ.get("PYTHONPATH")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
