"""The live lab, in JupyterLab with a real Chromium: `python tests/benchmarks/bench_live.py`.

Measured while it trains at full speed: from a key on the slider to the knob's turn between two
steps, paints a second, steps a second live and without a picture, bytes a frame. Beside it what
ipympl, plotly's FigureWidget and matplotlib into an Image cost the kernel for the same curves of
the same run; each takes part where it is installed.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat
from report import publish, verdict

CELL = "from widgets import TrainingLab\nlab = TrainingLab('digits'); lab"
SETUP = """
import time
turned, apply = [], lab.apply
def timed(knob, value):
    apply(knob, value)
    turned.append(time.time())
lab.apply = timed
lab.runner._methods[1] = lambda: timed
ready = lab.controls.ready
pictures, between = [0.0], lab.between
def weighed():
    begin = time.thread_time()
    between()
    pictures[0] += time.thread_time() - begin
lab.between = weighed
lab.runner._methods[2] = lambda: weighed
def trained():
    "Processor seconds that the lab's thread has had, without those for pictures."
    thread = lab.runner.thread.native_id
    with open(f"/proc/self/task/{thread}/schedstat") as stat:
        return int(stat.read().split()[0]) / 1e9 - pictures[0]
"""
LOOK = """
import json, time
c = lab.controls.canvas
print(json.dumps([lab.trainer.step_count, time.monotonic(), c.ack, len(c.frame), trained()]))
"""
OWN_CORE = """
import os
for task in os.listdir('/proc/self/task'):
    os.sched_setaffinity(int(task), {0})
"""
RUN = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let text = "";
  future.onIOPub = (m) => {
    if (m.header.msg_type === "stream") text += m.content.text;
    if (m.header.msg_type === "error") text += m.content.traceback.join("\\n");
  };
  await future.done;
  return text;
}"""
PEERS = """
import time, json, statistics, sys, io
import numpy as np
from widgets import TrainingLab
from course.training.history import thin
lab = TrainingLab("digits", interactive=True)
session, counted = get_ipython().kernel.session, [0]
send = session.send
def counting(stream, msg_or_type, content=None, *a, **k):
    buffers = k.get("buffers") or []
    counted[0] += len(json.dumps(content, default=str)) + sum(memoryview(b).nbytes for b in buffers)
    return send(stream, msg_or_type, content, *a, **k)
session.send = counting
def data():
    n = lab.trainer.history.numbers()
    return [thin(n[:, 0], 120)[1], thin(n[:, 1], 120)[1]]
def ours():
    def frame():
        lab.controls.canvas.ack = lab.controls.canvas.seq
        lab.controls.show()
    return frame
def mpl():
    import ipywidgets as ipw
    from matplotlib.figure import Figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    image = ipw.Image(format="png")
    figure = Figure(figsize=(9, 2.5)); canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2)
    lines = [a.plot([1])[0] for a in axes]
    def frame():
        for a, l, y in zip(axes, lines, data()):
            l.set_data(np.arange(len(y)), y); a.relim(); a.autoscale_view()
        out = io.BytesIO(); canvas.print_png(out, pil_kwargs={"compress_level": 1})
        image.value = out.getvalue()
    return frame
def ipympl():
    import ipympl, matplotlib
    matplotlib.use("module://ipympl.backend_nbagg")
    import matplotlib.pyplot as plt
    plt.ioff()
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.5))
    lines = [a.plot([1])[0] for a in axes]
    manager = figure.canvas.manager
    def frame():
        for a, l, y in zip(axes, lines, data()):
            l.set_data(np.arange(len(y)), y); a.relim(); a.autoscale_view()
        figure.canvas.draw()
        figure.canvas._handle_message(figure.canvas, {"type": "draw"}, []) \\
            if hasattr(figure.canvas, "_handle_message") else manager.refresh_all()
    return frame
def plotly():
    import plotly.graph_objects as go
    figure = go.FigureWidget([go.Scatter(y=[1]), go.Scatter(y=[1])])
    def frame():
        with figure.batch_update():
            for trace, y in zip(figure.data, data()):
                trace.y = y
    return frame
found = {}
for name, make in (("the lab's canvas (4 panels)", ours), ("matplotlib into an Image", mpl),
                   ("ipympl", ipympl), ("plotly FigureWidget", plotly)):
    try:
        frame = make()
    except ImportError:
        found[name] = None
        continue
    lab.run(100); frame(); frame()
    times, sizes = [], []
    for _ in range(30):
        for _ in range(5):
            lab.tick()
        counted[0] = 0
        t = time.perf_counter(); frame(); times.append(time.perf_counter() - t)
        sizes.append(counted[0])
    found[name] = [1000 * statistics.median(times), statistics.median(sizes)]
print(json.dumps(found))
"""


def kernel(page, code: str) -> str:
    return page.evaluate(RUN, code).strip()


def rate(page, seconds: float = 1.5) -> tuple[float, float, int, float]:
    """(steps a second, paints a second, bytes of the last frame, processor seconds a second that
    went into training)."""
    page.wait_for_timeout(300)
    before = json.loads(kernel(page, LOOK))
    page.wait_for_timeout(1000 * seconds)
    after = json.loads(kernel(page, LOOK))
    spent = after[1] - before[1]
    steps, painted, trained = ((after[i] - before[i]) / spent for i in (0, 2, 4))
    return steps, painted, after[3], trained


def in_turns(page) -> dict[str, float]:
    """By turns with pictures and, the same thread, without: medians."""
    rows = []
    for _ in range(12):
        kernel(page, "lab.controls.ready = ready")
        live, painted, size, trained = rate(page)
        kernel(page, "lab.controls.ready = lambda: False")
        alone, _, _, undisturbed = rate(page)
        rows.append((live / alone, painted, live, alone, size, trained / undisturbed))
    names = ("ratio", "painted", "live", "alone", "size", "share")
    return dict(zip(names, map(statistics.median, zip(*rows, strict=True)), strict=True))


def in_the_browser(page) -> list[list[str]]:
    page.get_by_role("button", name="Play").first.click()
    kernel(page, SETUP)
    handle = page.locator(".widget-slider", has_text="learning rate").locator(".noUi-handle")
    handle.focus()
    time.sleep(2)
    sent = []
    for i in range(40):
        sent.append(time.time())
        page.keyboard.press("ArrowRight" if i % 2 else "ArrowLeft")
        time.sleep(0.15)
    time.sleep(1)
    turned = json.loads(kernel(page, "import json; print(json.dumps(turned))"))
    assert len(turned) == len(sent), f"{len(turned)} of {len(sent)} moves arrived"
    lags = [1000 * (b - a) for a, b in zip(sent, turned, strict=True)]
    found = in_turns(page)
    steps = "steps a second, live ({live:,.0f}) ÷ without a picture ({alone:,.0f})"
    rows = [
        ["slider to kernel, median ms", verdict(statistics.median(lags), 50)],
        ["slider to kernel, longest ms of 40", verdict(max(lags), 200)],
        ["paints a second", verdict(found["painted"], 14, at_most=False)],
        [steps.format(**found), verdict(found["ratio"], 0.95, at_most=False)],
        ["bytes a frame", verdict(found["size"], 5120)],
    ]
    if hasattr(os, "sched_setaffinity") and len(cores := os.sched_getaffinity(0)) > 1:
        everyone_but_the_kernel(cores - {0})
        kernel(page, OWN_CORE)
        found = in_turns(page)
        words = "kernel on a core of its own: "
        rows += [
            [words + steps.format(**found), verdict(found["ratio"], 0.95, at_most=False)],
            [words + "processor time that trains, live ÷ without a picture",
             verdict(found["share"], 0.95, at_most=False)],
        ]  # fmt: skip
    return rows


def everyone_but_the_kernel(cores: set[int]) -> None:
    """Move this process and all it has started to `cores`; the kernel moves itself back."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    ours = {os.getpid()}
    while more := {p for p, parent in parents.items() if parent in ours} - ours:
        ours |= more
    for process in ours:
        for task in Path(f"/proc/{process}/task").glob("*"):
            try:
                os.sched_setaffinity(int(task.name), cores)
            except OSError:
                continue


def peers() -> list[list[str]]:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel()
    printed: list[str] = []

    def hook(message):
        if message["msg_type"] in ("stream", "error"):
            printed.append(message["content"].get("text") or message["content"]["evalue"])

    try:
        client.execute_interactive(PEERS, output_hook=hook, timeout=300)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    found = json.loads("".join(printed).strip().splitlines()[-1])
    return [
        [name, *(["not installed"] * 2 if v is None else [f"{v[0]:.1f}", f"{v[1]:,.0f}"])]
        for name, v in found.items()
    ]


def main() -> None:
    from playwright.sync_api import sync_playwright

    home = Path(tempfile.mkdtemp())
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = spec
    nbformat.write(notebook, home / "live.ipynb")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
               f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token=test",
               f"--ServerApp.root_dir={home}", "--expose-app-in-browser"]  # fmt: skip
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(home / "config")}
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api?token=test", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1300, "height": 1100})
            page.goto(f"{address}/lab/tree/live.ipynb?token=test")
            page.wait_for_function(
                "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
                "?.status === 'idle'"
            )
            page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
            page.wait_for_selector("canvas.course-canvas[data-step]", timeout=120_000)
            rows = in_the_browser(page)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(home, ignore_errors=True)
    publish("The live lab", "In JupyterLab, default lab and instruments; target in brackets.",
            ["what", "measured"], rows)  # fmt: skip
    text = "What one frame costs the kernel, for the curves of the same run."
    publish("A frame", text, ["painter", "kernel ms", "bytes"], peers())


if __name__ == "__main__":
    main()
