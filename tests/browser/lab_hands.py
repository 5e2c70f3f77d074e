"""A training lab on a page of JupyterLab: open it, read its picture, take it in hand."""

import json
import time

import numpy as np
from notebook_server import put_notebook
from test_start import kernel, wait

CELL = "from widgets import TrainingLab\nlab = TrainingLab({}); lab"
SPIRALS = "'spirals', sizes=[2, 8, 8, 2], activation='tanh', lr=0.3, steps={steps}, speed={speed}"
FACE = """(index) => {
  const { face } = document.querySelectorAll(".face-view")[index];
  const { step, end, turns, strips, side, words } = face.picture;
  const arrays = Object.fromEntries(
    Object.entries(face.picture.arrays).map(([k, v]) => [k, Array.from(v)]));
  return { step, end, turns, strips, side, words, arrays, paints: face.paints };
}"""
ROWS = """(index) => {
  const view = document.querySelectorAll(".face-view")[index];
  const canvas = view.querySelector("canvas").getBoundingClientRect();
  const { rows } = view.face.geometry;
  return Object.fromEntries(rows.map((row) => [row.plot.id, {
    left: canvas.x + row.x.at(0), right: canvas.x + row.x.at(view.face.picture.horizon),
    now: canvas.x + row.x.at(view.face.picture.step), top: canvas.y + row.top,
    height: row.height }]));
}"""
PIXELS = "(i) => document.querySelectorAll('.face-view')[i].querySelector('canvas').toDataURL()"


def open_lab(page, jupyter, name, *cells):
    """Open a notebook of these cells, run them all, and wait for the first picture."""
    put_notebook(jupyter, name, *cells)
    workspace = f"{name.split('.')[0]}-{time.monotonic_ns()}"  # else JupyterLab opens old tabs too
    page.goto(f"{jupyter}/lab/workspaces/{workspace}/tree/{name}?token=test")
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
        "?.status === 'idle'"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_painted(page)
    kernel(page, "pass")  # all cells are done
    page.locator(".face:has(.face-view)").first.scroll_into_view_if_needed()


def wait_painted(page):
    page.wait_for_selector(".face-view canvas", state="attached", timeout=120_000)
    page.locator(
        ".face:has(.face-view)"
    ).first.scroll_into_view_if_needed()  # else it does not paint
    wait(lambda: page.evaluate("() => !!document.querySelector('.face-view').face?.picture"))


def picture(page, index=0):
    """What a view shows."""
    return page.evaluate(FACE, index)


def pixels(page, index=0):
    return page.evaluate(PIXELS, index)


def rows(page):
    """{strip: {left, right, now, top, height}} in pixels of the window."""
    return page.evaluate(ROWS, 0)


def value(page, expression):
    """What an expression is in the kernel, as JSON has it."""
    return json.loads(kernel(page, f"import json; print(json.dumps({expression}))"))


def matches_kernel(page):
    """Compare each curve on the page with the kernel's picture of the same step."""
    shown = picture(page)
    code = ("p = lab.runner.ask(lab.take); print(json.dumps([p['step'], {k: [None if x != x else x "
            "for x in v.ravel().tolist()] for k, v in p['arrays'].items()}]))")  # fmt: skip
    step, arrays = json.loads(kernel(page, f"import json; {code}"))
    if step != shown["step"]:
        return False
    for name, numbers in arrays.items():
        seen = np.array(shown["arrays"][name], dtype=float)
        true = np.array(numbers, dtype=float)
        assert seen.shape == true.shape, name
        span = np.nanmax(np.abs(true), initial=0.0)
        np.testing.assert_allclose(seen, true, rtol=2e-3, atol=1e-4 * max(span, 1e-6), err_msg=name)
    return True


def click(page, name):
    """Click a button of the lab by its name."""
    page.locator(".face:has(.face-view)").first.get_by_role("button", name=name).first.click()


def drag(page, *points):
    """Press at the first point, move through the others, let go."""
    page.mouse.move(*points[0])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(x, y, steps=4)
        page.wait_for_timeout(40)
    page.mouse.up()
