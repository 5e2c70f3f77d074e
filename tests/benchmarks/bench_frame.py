"""What a picture of the training lab costs: `python tests/benchmarks/bench_frame.py`.

First without a browser, in milliseconds of the thread that steps: a frame (the picture is described
and encoded) and a sample (the run is measured), with many steps behind. Then, in a kernel, a frame
with all its messages, beside what ipympl, plotly's FigureWidget and matplotlib into an Image cost
for the same curves of the same run; each takes part where it is installed.
"""

import json
import statistics
import time
from functools import partial

from report import one_core, publish, verdict

one_core()
from widgets import TrainingLab  # noqa: E402
from widgets.common.frames import encode  # noqa: E402

STEPS, ROUNDS = 20_000, 60
LABS = {
    "spirals, 2-8-8-2": {"data": "spirals", "sizes": [2, 8, 8, 2], "activation": "tanh"},
    "digits, 64-64-10": {"data": "digits"},
}
PEERS = """
import time, json, statistics, sys, io
import numpy as np
from widgets import TrainingLab
from course.training.history import thin
lab = TrainingLab("digits", steps=10**6, interactive=True)
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
    face = lab.panel.face
    face._hear({"kind": "see", "view": "it", "seq": 0})
    show = lambda: lab.panel.show(lab.describe() | {'words': ''}, True)
    return lambda: lab.runner.ask(show)  # as while it plays
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
for name, make in (("the lab's face (default instruments)", ours),
                   ("matplotlib into an Image", mpl), ("ipympl", ipympl),
                   ("plotly FigureWidget", plotly)):
    try:
        frame = make()
    except ImportError:
        found[name] = None
        continue
    lab.run(100); frame(); frame()
    times, sizes = [], []
    for _ in range(30):
        for _ in range(5):
            lab.step_once()
        counted[0] = 0
        t = time.perf_counter(); frame(); times.append(time.perf_counter() - t)
        sizes.append(counted[0])
    found[name] = [1000 * statistics.median(times), statistics.median(sizes)]
print(json.dumps(found))
"""


def costs(name: str, arguments: dict) -> list[str]:
    """Return a row: the milliseconds of describing, encoding and sampling, and a frame's bytes."""
    lab = TrainingLab(**arguments, steps=STEPS, interactive=False, name=name).run(STEPS)
    times: dict[str, list[float]] = {"describe": [], "encode": [], "sample": []}
    frame = b""

    def timed(what, act):
        begin = time.thread_time()
        result = act()
        times[what].append(1000 * (time.thread_time() - begin))
        return result

    def measure():
        for _ in range(ROUNDS):
            for _ in range(7):
                lab.timeline.step()
            picture = timed("describe", lab.describe)
            nonlocal frame
            frame = timed("encode", partial(encode, picture, 1))
            timed("sample", lab._sample)

    lab.runner.ask(measure)
    describe, code, sample = (statistics.median(values) for values in times.values())
    return [name, f"{describe:.2f}", f"{code:.2f}", verdict(describe + code, 1.2),
            verdict(sample, 1.2), f"{len(frame):,}"]  # fmt: skip


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
    text = f"At step {STEPS:,}, default instruments; milliseconds, target in brackets."
    publish("A picture", text,
            ["lab", "describe", "encode", "a frame", "a sample", "bytes"],
            [costs(name, arguments) for name, arguments in LABS.items()])  # fmt: skip
    text = "What one frame costs the kernel, for the curves of the same run."
    publish("A frame", text, ["painter", "kernel ms", "bytes"], peers())


if __name__ == "__main__":
    main()
