"""A training lab in JupyterLab: opened as a reader opens it, taken in hand by mouse and keys."""

import base64
import io
import json

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from notebook_server import RUN_ALL, open_notebook, put_notebook
from PIL import Image
from test_start import kernel, wait

import widgets.training.controls  # noqa: F401  what these tests are about: see tests/lanes.py

CELL = "from widgets import TrainingLab\nlab = TrainingLab({}); lab"
MOONS = "'moons', sizes=[2, 8, 2], activation='tanh', lr=0.2, steps=200"
THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
HUES = {"run": (0x00, 0x72, 0xB2), "run2": (0x00, 0x80, 0x5C), "hand": (0xB0, 0x50, 0x8A),
        "run in the dark": (0x56, 0xB4, 0xE9)}  # fmt: skip
OUTSIDE = """(face) => {
  const { left, right } = face.getBoundingClientRect();
  return [...face.querySelectorAll("*")].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width && !e.closest(".face-live, .face-scroll") && !e.matches(".noUi-origin")
      && (box.left < left - 1 || box.right > right + 1);
  }).map((e) => `${e.tagName} ${e.className}`);
}"""


def rgb(url: str) -> np.ndarray:
    """Return the pixels of a canvas, given as a data URL, on white: (height, width, 3)."""
    image = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    return np.array(Image.alpha_composite(paper, image).convert("RGB")).astype(int)


class LabPage:
    """A notebook in JupyterLab, its cells run, and the first lab in it.

    Args:
        page, jupyter: the fixtures.
        name: of the notebook that is made.
        cells: their code; the last of the first shows `lab`.
        app: "notebooks" opens it in Notebook 7 instead.
    """

    def __init__(self, page, jupyter, name: str, *cells: str, app: str = ""):
        self.page = page
        put_notebook(jupyter, f"{name}.ipynb", *cells)
        open_notebook(page, jupyter, name, app)
        page.evaluate(RUN_ALL)
        self.find()

    @classmethod
    def beside(cls, lab: "LabPage", index: int) -> "LabPage":
        """Return another lab of the same page; only `root` differs."""
        other = cls.__new__(cls)
        other.page, other.root = lab.page, lab.page.locator(".face").nth(index)
        return other

    def find(self) -> None:
        """Wait for the first lab, and take it."""
        self.painted()
        self.root = self.page.locator(".face").first
        self.root.scroll_into_view_if_needed()

    def reload(self) -> None:
        """Save the notebook, and load the page anew."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_timeout(1000)
        self.page.reload()
        self.find()

    def painted(self) -> None:
        """Wait for the first paint."""
        self.page.wait_for_function("document.querySelector('.face-view')?.face?.paints > 0")

    # ---- what the kernel knows --------------------------------------------------------------

    def do(self, code: str) -> str:
        """Run code in the kernel; return what it prints."""
        return kernel(self.page, code)

    def ask(self, expression: str):
        """Return what an expression is worth in the kernel."""
        return self.told(f"import json; print(json.dumps({expression}))")

    def told(self, code: str):
        """Return the JSON that code prints in the kernel."""
        printed = self.do(code)
        try:
            return json.loads(printed)
        except ValueError:
            raise AssertionError(f"{code}: {printed!r}") from None

    def until(self, expression: str, seconds: float = 40) -> None:
        """Wait until an expression is true in the kernel."""
        wait(lambda: self.ask(f"bool({expression})"), seconds)

    def sent(self) -> dict[str, list]:
        """Return the arrays of the kernel's picture of now, as a frame carries them."""
        code = "from widgets.common.frames import decode, encode; import json; print(json.dumps("
        code += "{k: v.tolist() for k, v in decode(encode(lab.picture(), 0))['arrays'].items()}))"
        return self.told(code)

    # ---- what the page shows ----------------------------------------------------------------

    def face(self, expression: str, view: int = 0):
        """Evaluate with `face`, a view's window for tests, in scope."""
        code = f"() => {{ const {{ face }} = document.querySelectorAll('.face-view')[{view}]; "
        return self.page.evaluate(code + f"return {expression}; }}")

    @property
    def step(self) -> int:
        """The step that is painted."""
        return self.face("face.picture.step")

    def at_step(self, step: int) -> None:
        """Wait until a step is painted."""
        wait(lambda: self.step == step)

    def shown(self) -> dict[str, list]:
        """Return the arrays of the picture that is painted."""
        code = "Object.fromEntries(Object.entries(face.picture.arrays).map("
        return self.face(code + "([name, values]) => [name, [...values]]))")

    def is_true(self) -> bool:
        """Return whether what is painted is what the kernel has, number by number."""
        sent, shown = self.sent(), self.shown()
        assert shown.keys() == sent.keys()
        numbers = [np.array(v, dtype=float) for v in (sum(sent.values(), []), [])]
        numbers[1] = np.array([v for name in sent for v in shown[name]], dtype=float)
        return np.allclose(*numbers, rtol=1e-6, equal_nan=True)

    def pixels(self, canvas: str = ".face-time canvas") -> np.ndarray:
        """Return the pixels of a canvas: (height, width, 3)."""
        return rgb(self.root.locator(canvas).first.evaluate("(canvas) => canvas.toDataURL()"))

    def row(self, strip: str) -> str:
        """Return the JavaScript of a strip's row."""
        return f"face.geometry.rows.find(({{ plot }}) => plot.id === '{strip}')"

    def layer(self, strip: str, name: str) -> dict:
        """Return the first layer of that name."""
        return self.face(f"{self.row(strip)}.plot.layers.find((l) => l.name === '{name}')")

    def at(self, strip: str, step: float, value: float) -> tuple[float, float]:
        """Return where a step and a value of a strip lie on the page."""
        box = self.root.locator(".face-time canvas").first.bounding_box()
        x, y = self.face(f"[face.geometry.x.at({step}), {self.row(strip)}.y.at({value})]")
        return box["x"] + x, box["y"] + y

    def value(self, strip: str, y: float) -> float:
        """Return the value of a strip at a height of the page."""
        top = self.root.locator(".face-time canvas").first.bounding_box()["y"]
        return self.face(f"{self.row(strip)}.y.back({y - top})")

    def has_hue(self, hue: str, strip: str, step: float, value: float) -> bool:
        """Return whether a hue is painted within two pixels of a step and a value."""
        place = f"face.geometry.x.at({step}), {self.row(strip)}.y.at({value})"
        canvas = "document.querySelector('.face-view .face-time canvas').toDataURL()"
        column, row, url = self.face(f"[{place}, {canvas}]")  # of one and the same paint
        near = rgb(url)[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3]
        return bool((np.abs(near - HUES[hue]).sum(2) < 60).any())

    def has_line(self, hue: str, strip: str, places) -> bool:
        """Return whether most places (step, value) have a hue: one may lie between two dashes."""
        hits = [self.has_hue(hue, strip, *place) for place in places]
        return sum(hits) > len(hits) / 2

    def catch_up(self) -> None:
        """Wait until the kernel's last frame is painted, and the page laid out around it."""
        seq = self.ask("lab.panel.face.seq")
        wait(lambda: self.face("face.lastSeq") >= seq)
        later = (
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        self.page.evaluate(later)

    # ---- what a hand does -------------------------------------------------------------------

    def slider(self, name: str):
        """Return the handle in the picture whose name begins so."""
        return self.root.locator(f'.face-handle[aria-label^="{name}"]').first

    def button(self, name: str):
        return self.root.get_by_role("button", name=name, exact=True).first

    def tab(self, name: str) -> None:
        self.root.locator(".face-tabs button", has_text=name).click()

    def press(self, name: str) -> None:
        self.button(name).click()

    def sentence(self) -> str:
        """Return the line below the picture."""
        return self.root.locator(".face-said").inner_text()

    def in_every_look(self, *titles: str, widths=(1180, 900, 560), height: int = 1300):
        """Show tabs in both themes and in some widths; yield (title, theme, width) of each.

        Nothing may reach out of the lab, and axe may find nothing in either theme.
        """
        for title in titles:
            self.tab(title)
            for theme in "Light", "Dark":
                self.page.evaluate(THEME, f"JupyterLab {theme}")
                for width in widths:
                    self.page.set_viewport_size({"width": width, "height": height})
                    self.page.wait_for_timeout(400)
                    self.root.scroll_into_view_if_needed()
                    wait(lambda: self.root.evaluate(OUTSIDE) == [])
                    yield title, theme, width
                found = Axe().run(self.page, context=".face").response["violations"]
                assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []

    def drag(self, start: tuple, *places: tuple) -> None:
        """Press at a place of the page, move through others, and lift."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        for place in places:
            mouse.move(*place, steps=6)
        self.page.wait_for_timeout(60)
        mouse.up()
