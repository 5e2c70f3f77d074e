"""Slider message to kernel while a lab trains: `python tests/benchmarks/bench_slider.py`.

A real kernel trains at full speed; a client sends the message that JupyterLab sends when the
slider moves. Measured: from sending it to the knob's turn between two steps, one clock.
"""

import re
import statistics
import time

from jupyter_client.manager import start_new_kernel

SETUP = """
import time
from widgets import TrainingLab
lab = TrainingLab(interactive=True)
turned, apply = [], lab.runner._apply
def timed(knob, value):
    apply(knob, value)
    turned.append(time.time())
lab.runner._apply = timed
lab.play()
print(lab.controls.lr.model_id)
"""


def run(client, code: str) -> str:
    """Execute code; what it printed."""
    printed = []

    def hook(message):
        if message["msg_type"] in ("stream", "error"):
            printed.append(message["content"].get("text") or message["content"]["evalue"])

    client.execute_interactive(code, output_hook=hook, timeout=60)
    return "".join(printed).strip()


def main(messages: int = 40) -> None:
    manager, client = start_new_kernel()
    try:
        slider = run(client, SETUP)
        sent = []
        for i in range(messages):
            time.sleep(0.1)
            data = {"method": "update", "state": {"value": 0.2 + i / 1000}, "buffer_paths": []}
            content = {"comm_id": slider, "data": data}
            sent.append(time.time())
            client.shell_channel.send(client.session.msg("comm_msg", content))
        time.sleep(0.5)
        turned = run(client, "print(turned, lab.runner.running)")
        assert turned.endswith("True"), "the lab must train throughout"
        times = [float(t) for t in re.findall(r"\d+\.\d+", turned)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    lags = sorted(1000 * (b - a) for a, b in zip(sent, times, strict=True))
    print(f"{len(times)} of {messages} messages arrived")
    print(f"median {statistics.median(lags):.1f} ms (target 50), longest {lags[-1]:.1f} ms")


if __name__ == "__main__":
    main()
