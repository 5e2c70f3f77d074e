"""Make the README's picture of the training lab: `python .github/screenshot.py`.

JupyterLab opens a notebook of one cell; a story is played in it, and the cell is photographed.
"""

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests" / "benchmarks")]
from lab_page import RUN_ALL, kernel, notebook  # noqa: E402

from widgets.common.figure import with_palette  # noqa: E402

TARGET = ROOT / ".github" / "training_lab.png"
CELL = """from widgets import TrainingLab

lab = TrainingLab("spirals", sizes=[2, 8, 8, 2], activation="tanh", lr=0.3, steps=1500)
lab"""
STORY = """
lab.run(200)
lab.set("lr", 5.0)
lab.run(500)
lab.plan("lr", [[700, 5.0], [1200, 0.5], [1500, 0.05]])
lab.run(350)
print(lab.trainer.step_count)
"""


def main() -> None:
    with notebook(CELL, width=1240, height=1200) as page:
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        page.evaluate(RUN_ALL)
        page.wait_for_selector(".face canvas", timeout=120_000)
        kernel(page, STORY)
        page.wait_for_timeout(2000)  # the last frame is painted
        picture = page.locator(".jp-Cell").first.screenshot()
    small = io.BytesIO()
    with_palette(Image.open(io.BytesIO(picture))).save(small, format="png", optimize=True)
    TARGET.write_bytes(small.getvalue())
    print(f"{TARGET.relative_to(ROOT)}: {len(small.getvalue()):,} bytes")


if __name__ == "__main__":
    main()
