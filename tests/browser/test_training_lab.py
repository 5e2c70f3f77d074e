"""TrainingLab in JupyterLab, with a real mouse and keyboard."""

import math
import os
import subprocess
import sys

import pytest
from lab_hands import (
    CELL,
    SPIRALS,
    click,
    drag,
    matches_kernel,
    open_lab,
    picture,
    pixels,
    rows,
    value,
)
from test_start import kernel, shot, wait

pytestmark = pytest.mark.browser

STEP = "lab.trainer.step_count"


def spirals(steps=600, speed=150):
    return CELL.format(SPIRALS.format(steps=steps, speed=speed))


def test_the_transport(page, jupyter):
    open_lab(page, jupyter, "transport.ipynb", spirals())
    first = pixels(page)
    click(page, "Play")
    wait(lambda: picture(page)["step"] > 20)
    second = pixels(page)
    click(page, "Pause")
    wait(lambda: value(page, "lab.runner.running") is False)
    wait(lambda: matches_kernel(page))
    stopped = picture(page)["step"]
    assert first != second and pixels(page) != second
    assert stopped < 600 and stopped == value(page, STEP)

    click(page, "One step")
    wait(lambda: picture(page)["step"] == stopped + 1 and matches_kernel(page))
    page.locator(".face-keys select").select_option("as fast as it goes")
    click(page, "Play")
    wait(lambda: picture(page)["step"] == 600)  # the planned end
    assert value(page, STEP) == 600 and matches_kernel(page)
    wait(lambda: page.locator(".face-play[title=Play]").count() == 1)
    shot(page, "transport")

    # Pause, pressed when the run has just ended by itself, is not Play.
    page.evaluate("document.querySelector('.face-play').lastChild.textContent = 'Pause'")
    page.locator(".face-play").click()
    kernel(page, "import time; time.sleep(0.5)")
    assert value(page, "lab.playing") is False and value(page, STEP) == 600
    page.evaluate("document.querySelector('.face-play').lastChild.textContent = 'Play'")

    number = page.locator(".face-knob input[type=number]").first
    number.fill("2")
    number.press("Enter")
    wait(lambda: value(page, "lab.trainer.knobs()['lr']") == 2)
    kernel(page, "lab.run(50)")
    click(page, "Back to the last turn")
    wait(lambda: picture(page)["step"] == 600)
    click(page, "Reset to the first step")
    wait(lambda: picture(page)["step"] == 0 and value(page, STEP) == 0)
    kernel(page, "lab.close()")


def test_lanes_are_turned_and_drawn_by_mouse(page, jupyter):
    open_lab(page, jupyter, "lanes.ipynb", spirals(steps=400, speed=0))
    kernel(page, "lab.run(200)")
    wait(lambda: picture(page)["step"] == 200)
    rate, loss = rows(page)["learning rate"], rows(page)["loss"]

    # The handle of the learning rate, now.
    handle = page.get_by_role("slider", name="learning rate now").first
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, (x, y), (x, y - 12))
    shown = picture(page)["strips"][2]["y"]
    decades = math.log10(shown["high"] / shown["low"])
    wanted = 0.3 * 10 ** (12 / rate["height"] * decades)
    wait(lambda: value(page, "lab.trainer.knobs()['lr']") == pytest.approx(wanted, rel=0.12))
    page.wait_for_timeout(500)  # no echo of the slider turns it again
    turned = value(page, "[v for s, k, v in lab.trainer.history.knobs]")
    assert turned == sorted(turned) and turned[-1] == pytest.approx(wanted, rel=0.12)

    # A schedule into its future; the run follows it.
    middle = rate["top"] + rate["height"] / 2
    begin, end = rate["now"] + 40, rate["right"] - 20
    drag(page, (begin, middle - 10), ((begin + end) / 2, middle), (end, middle + 20))
    wait(lambda: "drawn α" in str(picture(page)["turns"]))
    points = value(page, "lab.trainer.history.knobs[-1][2]['points']")
    assert points[0][0] >= 200 and points[-1][0] == pytest.approx(400 - 20, abs=40)
    drawn = kernel(page, "print(lab.recipe().knobs[-1][1])")
    assert drawn == "lr"

    # A guess into the future of the loss; it is scored when the run has passed it.
    high, low = loss["top"] + 30, loss["top"] + 60
    drag(page, (loss["now"] + 30, high), (loss["now"] + 90, low), (loss["now"] + 150, low))
    wait(lambda: len(value(page, "lab.guessed.points")) > 1)
    kernel(page, "lab.run(200)")
    wait(lambda: "guess" in picture(page)["words"])
    assert value(page, "lab.trainer.knobs()['lr']") == pytest.approx(points[-1][1], rel=1e-3)
    shot(page, "lanes")

    # Into the past; a turn there makes a branch.
    x = loss["left"] + 0.25 * (loss["right"] - loss["left"])
    page.mouse.click(x, loss["top"] + loss["height"] - 8)
    wait(lambda: 60 < picture(page)["step"] < 140)
    assert picture(page)["end"] == 400
    kernel(page, "lab.set('momentum', 0.5); lab.run(60)")
    wait(lambda: len(value(page, "[b.end for b in lab.timeline.branches]")) == 2)
    wait(lambda: matches_kernel(page))
    hues = {layer["hue"] for layer in picture(page)["strips"][0]["layers"]}
    assert {"run", "run2"} <= hues
    kernel(page, "lab.close()")


def test_the_clip_line_is_dragged_and_steps_are_shaded(page, jupyter):
    open_lab(page, jupyter, "clip.ipynb", spirals(steps=300, speed=0))
    kernel(page, "lab.run(100)")
    wait(lambda: picture(page)["step"] == 100)
    box = page.get_by_role("slider", name="clip threshold now").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, (x, y), (x, y + 40))
    wait(lambda: value(page, "lab.trainer.knobs()['clip']") == "norm")
    threshold = value(page, "lab.trainer.knobs()['threshold']")
    assert threshold < 1
    kernel(page, "lab.run(100)")
    wait(lambda: picture(page)["step"] == 200 and matches_kernel(page))
    kinds = [layer["kind"] for layer in picture(page)["strips"][1]["layers"]]
    assert "shade" in kinds and "text" in kinds
    click(page, "More knobs")
    page.get_by_role("button", name="after β").click()
    wait(lambda: value(page, "lab.trainer.knobs()['clip_order']") == "after")
    spike = page.get_by_label("spike: at step × size")
    spike.fill("220 × 50")
    spike.press("Enter")
    wait(lambda: value(page, "lab.trainer.knobs()['spike']") == {"at": 220, "factor": 50.0})
    kernel(page, "lab.run(50)")
    norms = value(page, "lab.trainer.history.grad_norm[215:226].tolist()")
    assert norms[5] > 10 * sorted(norms)[5]
    shot(page, "clip")
    kernel(page, "lab.close()")


@pytest.mark.full
def test_an_older_ipykernel_works_as_well(tmp_path):
    """ipykernel 6.31, beside everything else as it is."""
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target",
               str(tmp_path / "old"), "ipykernel==6.31.0"]  # fmt: skip
    subprocess.run(install, check=True, timeout=120)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
               f"{__file__}::test_the_transport"]  # fmt: skip
    paths = filter(None, [str(tmp_path / "old"), os.environ.get("PYTHONPATH")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
