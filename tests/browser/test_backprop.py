"""BackpropLab in JupyterLab: step, read formulas, change a number, update; by mouse and by keys."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from face_page import Lab
from lab_page import THEME, LabPage
from test_start import shot, wait

from widgets import BackpropLab
from widgets.common.stills.trace import places

pytestmark = pytest.mark.browser

CELL = "from widgets import BackpropLab\nlab = BackpropLab({}); lab"
SHOWN = """() => Object.fromEntries([...document.querySelectorAll(".face-number")].map(
  (field) => [field.dataset.name, field.value]))"""
NAMED = """() => Object.fromEntries([...document.querySelectorAll(".face-number")].map(
  (field) => [field.dataset.name, field.ariaLabel.replace(", not computed yet", "")]))"""
BOXES = """() => [...document.querySelectorAll(
    ".face-keys > *, .face-knob, .face-number, .face-trace canvas, .face-said, .face-tabs")].map(
  (e) => { const { x, y, width, height } = e.getBoundingClientRect();
           return [x, y, width, height]; })"""
MARKED = """(mark) => [...document.querySelectorAll(`.face-number.face-${mark}`)].map(
  (field) => field.dataset.name).sort()"""
OUTSIDE = """() => {
  const pen = document.createElement("canvas").getContext("2d");
  const sheet = document.querySelector(".face-trace").getBoundingClientRect();
  return [...document.querySelectorAll(".face-number")].filter((field) => {
    const { left, right } = field.getBoundingClientRect();
    pen.font = getComputedStyle(field).font;
    const room = field.clientWidth - 2 - pen.measureText(field.value).width;
    return left < sheet.left || right > sheet.right + 1 || room < 0;
  }).map((field) => [field.dataset.name, field.value]);
}"""
PIXEL = """([x, y]) => {
  const canvas = document.querySelector(".face-trace canvas");
  return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3);
}"""
FOCUSED = "() => document.activeElement.dataset.name ?? null"


class BackpropPage(LabPage):
    """A page with one BackpropLab."""

    def number(self, name: str):
        return self.root.locator(f".face-number[data-name='{name}']")

    def shown(self) -> dict[str, str]:
        """Return what stands in the fields, by name."""
        return self.page.evaluate(SHOWN)

    def known(self) -> dict[str, str]:
        """Return what the kernel would write there."""
        return self.ask("{n: c['text'] for n, c in lab.picture()['side'][0]['numbers'].items()}")

    def follows(self) -> None:
        """Wait until the page shows what the kernel has."""
        wait(lambda: self.shown() == self.known())

    def words(self, part: str) -> str:
        return self.root.locator(f".face-{part} > :last-child").inner_text()

    def go(self, button: str, title: str) -> None:
        self.press(button)
        wait(lambda: title in self.words("step"))

    def marked(self, mark: str) -> list[str]:
        return self.page.evaluate(MARKED, mark)

    def says(self, words: str) -> None:
        wait(lambda: words in self.root.locator(".face-said").inner_text())


def test_forward_backward_edit_and_update(page, jupyter):
    lab = BackpropPage(page, jupyter, "backprop", CELL.format("x=[1, -.5], lr=.5"))
    assert lab.shown()["z1[1]"] == "·" and lab.shown()["w1[1,1]"] == "0.97"

    # By button, one operation at a time; what is drawn is what the kernel has.
    lab.go("Forward", "Step 1 of 10, forward")
    lab.follows()
    assert lab.shown()["z1[1]"] == "1.215" and lab.shown()["a1[1]"] == "·"
    assert "0.97·1 + (−0.19)·(−0.5) + 0.15 = 1.215" in lab.words("step")
    lab.press("Backward")
    lab.says("starts at the loss")
    lab.button("f′ twice").click()
    wait(lambda: "docw1[1,1]" in lab.shown())
    for k in range(2, 7):
        lab.go("Forward" if k < 6 else "Backward", f"Step {k} of 10")
        assert lab.root.locator(".face-errors:visible").count() == 0, "no gradient, no error"
    lab.go("Backward", "Step 7 of 10")
    assert lab.root.locator(".face-errors:visible tr").count() == 2
    lab.button("hidden").click()
    wait(lambda: "docw1[1,1]" not in lab.shown())

    # Each field has the name of its number.
    words = "{n: c['words'] for n, c in lab.picture()['side'][0]['numbers'].items()}"
    assert page.evaluate(NAMED) == lab.ask(words)

    # The formula of the number under the pointer, and what it uses.
    lab.number("z1[2]").hover()
    assert "z₂⁽¹⁾ = w₂₁⁽¹⁾x₁ + w₂₂⁽¹⁾x₂ + b₂⁽¹⁾" in lab.words("formula")
    assert "= −1.38·1 + 0.36·(−0.5) + (−0.13)\n= −1.69" in lab.words("formula")
    assert lab.marked("used") == ["b1[2]", "w1[2,1]", "w1[2,2]", "x[1]", "x[2]"]

    # A weight by mouse: nothing moves while one types, nor when the numbers follow.
    lab.go("All", "Step 10 of 10")
    before, boxes = lab.shown(), page.evaluate(BOXES)
    lab.number("w1[1,1]").click()
    for letter in "-1.523":
        page.keyboard.type(letter)
        assert page.evaluate(BOXES) == boxes
    assert lab.ask("lab.numbers()['w1[1,1]']") == 0.97, "not before it is finished"
    page.keyboard.press("Enter")
    lab.until("lab.numbers()['w1[1,1]'] == -1.523")
    lab.follows()
    assert page.evaluate(BOXES) == boxes and page.evaluate(FOCUSED) == "w1[1,1]"
    after = lab.shown()
    assert after["z1[2]"] == before["z1[2]"] and after["z1[1]"] != before["z1[1]"]
    assert {"w1[1,1]", "z1[1]", "loss", "dw2[1,1]"} <= set(lab.marked("changed"))
    assert "z1[2]" not in lab.marked("changed")
    lab.says("computed numbers followed")
    shot(page, "backprop_edited")

    # Update: weights and biases are marked.
    lab.go("Update", "Update")
    parameters = lab.ask("[n for n in lab.graph.editable() if n[0] in 'wb']")
    wait(lambda: lab.marked("active") == sorted(parameters))
    assert {"b1[1]", "b2[2]", "w1[3,2]"} <= set(lab.marked("changed"))
    lab.follows()
    assert page.evaluate(BOXES) == boxes
    loss = lab.ask("lab.graph.values['loss']")
    assert f"{loss:.6g} after" in lab.words("step")
    shot(page, "backprop_updated")
    lab.go("Reset", "Nothing is computed yet")
    assert lab.shown()["w1[1,1]"] == "0.97"


def test_every_number_by_keys_a_bad_value_and_a_number_in_the_tab(page, jupyter):
    lab = BackpropPage(page, jupyter, "backprop_keys", CELL.format("(2, 3, 2), x=[1, -.5]"))
    lab.button("hidden").focus()
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED):
            break
    assert page.evaluate(FOCUSED) == "x[1]" and "x₁ = 1" in lab.words("formula")
    seen, frontier = {"x[1]"}, ["x[1]"]
    while frontier:
        start = frontier.pop()
        for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
            lab.number(start).focus()
            page.keyboard.press(key)
            if page.evaluate(FOCUSED) not in seen:
                seen.add(page.evaluate(FOCUSED))
                frontier.append(page.evaluate(FOCUSED))
    assert seen == set(lab.known()), "every number can be reached"

    cells = page.locator(".jp-Notebook .jp-Cell").count()
    lab.number("w1[1,1]").focus()
    page.keyboard.type("x")  # of a reader in JupyterLab's command mode it would cut the cell
    page.keyboard.type("-1.5")
    page.keyboard.press("Enter")
    lab.until("lab.numbers()['w1[1,1]'] == -1.5")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    page.keyboard.press("Enter")
    page.keyboard.type("much")
    page.keyboard.press("Enter")
    lab.says("is not a number")
    assert lab.number("w1[1,1]").input_value() == "−1.5"
    page.keyboard.press("Enter")
    page.keyboard.type("7")
    page.keyboard.press("Escape")
    assert lab.number("w1[1,1]").input_value() == "−1.5"
    assert page.evaluate(FOCUSED) == "w1[1,1]" and lab.ask("lab.numbers()['w1[1,1]']") == -1.5
    lab.number("z1[1]").click()
    page.keyboard.type("7")
    assert lab.number("z1[1]").input_value() == "·", "what is computed cannot be typed"

    lab.number("y[2]").click()
    page.keyboard.type("1")
    page.keyboard.press("Tab")  # leaving a field is enough
    wait(lambda: lab.shown()["y[1]"] == "0")
    lab.tab("Change a number")
    field = lab.root.get_by_role("textbox", name="a number, as")
    field.fill("b1[2] = 0.75")
    field.press("Enter")
    lab.until("lab.numbers()['b1[2]'] == 0.75")
    lab.follows()


def test_the_batch_play_widths_themes_and_axe(page, jupyter):
    lab = BackpropPage(page, jupyter, "backprop_batch", CELL.format("(2, 3, 2)"))
    lab.do("lab.set_speed(5)")
    lab.press("Play")
    lab.until("lab.position >= 2")
    lab.until("lab.position == 10 and not lab.playing")
    lab.follows()
    lab.button("batch").click()
    wait(lambda: "z1[1]:3" in lab.shown())
    lab.follows()
    lab.number("x[1]:2").click()
    page.keyboard.type("0.125")
    page.keyboard.press("Enter")
    lab.until("lab.batch.traces[1].x[0] == 0.125")
    lab.follows()
    changed = {name for name in lab.marked("changed") if ":" in name}
    assert changed and {name[-1] for name in changed} == {"2"}
    lab.go("Update", "Update")
    lab.number("dw1[1,2]").hover()
    assert "(1/3) Σₖ" in lab.words("formula") and ")/3" in lab.words("formula")
    assert {"x[2]:1", "x[2]:3", "delta1[1]:2"} <= set(lab.marked("used"))
    lab.do("lab.show_wrong('printed')")
    wait(lambda: "docw1[1,1]" in lab.shown())
    for theme in "Light", "Dark":
        page.evaluate(THEME, f"JupyterLab {theme}")
        for width in 1160, 880, 540:
            page.set_viewport_size({"width": width, "height": 1300})
            for view in "1", "batch":
                lab.button(view).click()
                wait(lambda: page.evaluate(OUTSIDE) == [])
                lab.follows()
                lab.root.scroll_into_view_if_needed()
                shot(page, f"backprop {theme} {width} {view}")
        found = Axe().run(page, context=".face").response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []


def test_the_formula_comes_to_a_number_when_it_is_out_of_sight(page, jupyter):
    lab = BackpropPage(page, jupyter, "backprop_large", CELL.format("(4, 5, 5, 3), 'relu'"))
    lab.go("All", "Step 15 of 15")
    page.set_viewport_size({"width": 1300, "height": 560})
    field = lab.number("delta1[2]")
    field.hover()
    lab.root.locator(".face-near:visible").wait_for()
    near, box = lab.root.locator(".face-near").bounding_box(), field.bounding_box()
    gap = max(box["y"] - near["y"] - near["height"], near["y"] - box["y"] - box["height"])
    assert 0 < gap < 20 and "f′(z₂⁽¹⁾)" in lab.root.locator(".face-near").inner_text()
    shot(page, "backprop_near")


@pytest.mark.parametrize("view", [1, "batch"])
@pytest.mark.parametrize("width", [1000, 560])
def test_the_page_and_the_still_lay_the_cards_out_alike(browser_page, width, view):
    lab = BackpropLab((2, 3, 2), interactive=False)
    lab.look(view)
    lab.all()
    shown = lab.picture()
    Lab(browser_page, shown, width=width)
    panel = shown["side"][0]
    corners = places(panel, width).corners
    sheet = browser_page.locator(".face-trace").bounding_box()
    for card, (x, y) in zip(panel["cards"], corners, strict=True):
        for name, left, top, wide, _ in card["cells"]:
            box = browser_page.locator(f".face-number[data-name='{name}']").bounding_box()
            ends = [box["x"] + box["width"] - sheet["x"], box["y"] - sheet["y"]]
            assert ends == pytest.approx([x + left + wide, y + top], abs=0.2), name
            level = panel["numbers"][name]["level"]
            red, _, blue = browser_page.evaluate(PIXEL, [x + left + wide - 6, y + top + 3])
            if abs(level) > 0.3:
                assert (blue - red > 10) == (level > 0), (name, "blue adds, orange takes away")
