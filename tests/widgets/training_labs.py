"""Small labs, and how to compare what they are and show."""

import itertools
import json
import struct
import time

import torch

from course import Trainer
from widgets import TrainingLab
from widgets.common.frames import encode
from widgets.common.picture import faults

NAMES = map("lab {}".format, itertools.count())


def small(data="moons", interactive=False, **options) -> TrainingLab:
    """Return a lab with a name and a small network of its own."""
    if isinstance(data, str) and not data.startswith("{") and "sizes" not in options:
        sizes = {"digits": [64, 6, 10], "sine": [1, 6, 1], "steps": [1, 6, 1]}
        options["sizes"] = sizes.get(data, [2, 4, 2])
    options.setdefault("name", next(NAMES))
    return TrainingLab(data, interactive=interactive, **options)


def live(data="moons", **options) -> TrainingLab:
    """Return a lab with widgets, before a browser that paints each frame at once."""
    lab = small(data, interactive=True, **options)
    lab.panel.face.observe(lambda change: send(change["owner"], "ack"), "frame")
    answer(lab, "see")
    return lab


def answer(lab, kind, **content) -> None:
    """Send a lab a message as the browser does."""
    send(lab.panel.face, kind, **content)


def send(face, kind, **content) -> None:
    content = {"kind": kind, "view": "a", "seq": face.seq} | content
    face._handle_custom_msg(content, [])


def wait(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    assert condition()


def until_end(lab) -> None:
    """Wait until a playing lab has stopped by itself."""
    wait(lambda: not lab.runner.running)


# ---- comparing ------------------------------------------------------------------------------


def leaves(value) -> list:
    """Return everything in nested dicts and lists, in order; of tensors and arrays the bytes."""
    if isinstance(value, dict):
        return [x for key in sorted(value) for x in (key, *leaves(value[key]))]
    if isinstance(value, list | tuple):
        return [x for item in value for x in leaves(item)]
    if isinstance(value, torch.Tensor):
        value = value.cpu().numpy()
    return [value.tobytes() if hasattr(value, "tobytes") else value]


def same(mine: Trainer, other: Trainer) -> bool:
    """Return whether every step, and all that the next step depends on, is the same to the bit."""
    histories = [t.history.numbers().tobytes() for t in (mine, other)]
    return histories[0] == histories[1] and leaves(mine.snapshot()) == leaves(other.snapshot())


def samples(lab) -> str:
    """Return a lab's samples as text: NaN equals NaN there, and all digits are told."""
    return repr([tuple(sample) for sample in lab.evaluations])


def drawn(lab) -> str:
    """Return the strips and turns that a lab shows as text, array names replaced by bytes."""
    picture = lab.picture()
    arrays = picture["arrays"]

    def filled(value):
        if isinstance(value, dict):
            return {key: filled(v) for key, v in value.items()}
        if isinstance(value, list):
            return [filled(v) for v in value]
        return arrays[value].tobytes() if isinstance(value, str) and value in arrays else value

    return repr([filled(picture["strips"]), picture["turns"], picture["step"], picture["words"]])


def check_picture(lab) -> dict:
    """Return a lab's picture, after a look that every painter can read it."""
    picture = lab.picture()
    assert faults(picture) == []
    frame = encode(picture)
    header = frame[4 : 4 + struct.unpack_from("<I", frame)[0]]

    def refuse(word):
        raise AssertionError(f"{word} in a frame: no browser reads it")

    json.loads(header, parse_constant=refuse)
    return picture
