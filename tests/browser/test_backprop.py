"""BackpropLab in a real browser: step, read formulas, change a weight; by keyboard too."""

import json

import pytest
from test_start import kernel, run_cell, shot, wait

pytestmark = pytest.mark.browser

CELL = """from widgets.backprop.lab import BackpropLab
lab = BackpropLab((2, 3, 2), interactive=True)
lab"""
SHOWN = """() => Object.fromEntries([...document.querySelectorAll(".course-backprop .number")].map(
  (g) => [g.dataset.name, g.querySelector(".value").textContent]))"""
OVERLAPS = """() => {
  const groups = [...document.querySelectorAll(".course-backprop .number")];
  const bad = [];
  for (const g of groups) {
    const field = g.querySelector(".field").getBoundingClientRect();
    const label = g.querySelector(".label")?.getBoundingClientRect();
    const value = g.querySelector(".value").getBoundingClientRect();
    if (value.left < (label ? label.right : field.left) || value.right > field.right)
      bad.push([g.dataset.name, g.textContent]);
  }
  return bad;
}"""


def show_lab(page, jupyter, cell=CELL):
    run_cell(page, jupyter, cell)
    page.wait_for_selector(".course-backprop[data-seq]", state="attached", timeout=120_000)
    page.locator(".course-backprop").scroll_into_view_if_needed()


def known(page):
    """What the kernel would write into each number of the drawing."""
    code = "import json; print(json.dumps({n: c['text'] for n, c in lab.frame()['cells'].items()}))"
    return json.loads(kernel(page, code))


def number(page, name):
    return page.locator(f".course-backprop .number[data-name='{name}']")


def panel(page, which):
    return page.locator(f".course-backprop .{which}").inner_text()


def press(page, button, title):
    page.get_by_role("button", name=button, exact=True).click()
    wait(lambda: title in panel(page, "step"))


def focused(page):
    return page.evaluate("() => document.activeElement.dataset.name ?? null")


def theme(page, name):
    page.evaluate("(n) => window.jupyterapp.commands.execute('apputils:change-theme', {theme: n})",
                  name)  # fmt: skip
    light = str(name == "JupyterLab Light").lower()
    page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")


def test_forward_backward_formulas_and_edits(page, jupyter):
    show_lab(page, jupyter)
    assert page.evaluate(SHOWN)["z1[1]"] == "·" and page.evaluate(SHOWN)["w1[1,1]"] == "0.97"

    # By button, one operation at a time; what is drawn is what the kernel has.
    press(page, "Forward ▸", "Step 1 of 10, forward")
    assert page.evaluate(SHOWN) == known(page)
    assert page.evaluate(SHOWN)["z1[1]"] == "1.215" and page.evaluate(SHOWN)["a1[1]"] == "·"
    assert "0.97·1 + (−0.19)·(−0.5) + 0.15 = 1.215" in panel(page, "step")
    press(page, "◂ Backward", "starts at the loss")
    for k in range(2, 6):
        press(page, "Forward ▸", f"Step {k} of 10")
    press(page, "◂ Backward", "Step 6 of 10, backward")
    assert page.evaluate(SHOWN) == known(page)
    shot(page, "backprop_loss")

    # The formula on hover.
    number(page, "z1[2]").hover()
    assert "z₂⁽¹⁾ = w₂₁⁽¹⁾x₁ + w₂₂⁽¹⁾x₂ + b₂⁽¹⁾" in panel(page, "formula")
    assert "= −1.38·1 + 0.36·(−0.5) + (−0.13)\n= −1.69" in panel(page, "formula")
    used = page.locator(".course-backprop .number.used").evaluate_all(
        "(all) => all.map((g) => g.dataset.name)"
    )
    assert set(used) == {"w1[2,1]", "w1[2,2]", "x[1]", "x[2]", "b1[2]"}
    page.mouse.move(5, 5)

    # By keyboard: Tab comes in at one number, arrows reach every other; formulas follow the focus.
    page.get_by_role("combobox", name="the document's gradient").focus()
    page.keyboard.press("Tab")
    seen = {focused(page)}
    assert seen == {"x[1]"} and "x₁ = 1" in panel(page, "formula")
    edges = page.evaluate("() => getComputedStyle(document.activeElement.firstChild).strokeWidth")
    assert float(edges.removesuffix("px")) > 2, "the focus is seen"
    frontier = ["x[1]"]
    while frontier:
        start = frontier.pop()
        for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
            number(page, start).focus()
            page.keyboard.press(key)
            if focused(page) not in seen:
                seen.add(focused(page))
                frontier.append(focused(page))
    assert seen == set(known(page)), "every number can be reached"

    # A weight, by keyboard: the kernel's number changes, the drawing follows, the focus stays.
    before, loss = page.evaluate(SHOWN), kernel(page, "print(lab.graph.values['loss'])")
    stroke = "() => document.querySelector('.course-backprop .edge').style.strokeDasharray"
    assert page.evaluate(stroke) == "none"
    number(page, "w1[1,1]").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("-1.5")
    page.keyboard.press("Enter")
    wait(lambda: kernel(page, "print(lab.numbers()['w1[1,1]'])") == "-1.5")
    wait(lambda: page.evaluate(SHOWN)["w1[1,1]"] == "−1.5")
    assert focused(page) == "w1[1,1]"
    after = page.evaluate(SHOWN)
    assert after == known(page) and after["z1[1]"] != before["z1[1]"]
    assert after["z1[2]"] == before["z1[2]"] and after["dw2[1,1]"] == "·"
    assert kernel(page, "print(lab.graph.values['loss'])") != loss
    assert page.evaluate(stroke) == "8, 4" and "computed numbers followed" in panel(page, "step")
    shot(page, "backprop_edited")

    # A bad value says what is allowed and changes nothing; Escape changes nothing and says nothing.
    page.keyboard.press("Enter")
    page.keyboard.type("much")
    page.keyboard.press("Enter")
    wait(lambda: "is not a number" in panel(page, "step"))
    assert "[-1000, 1000]" in panel(page, "step")
    page.keyboard.press("Enter")
    page.keyboard.type("7")
    page.keyboard.press("Escape")
    assert focused(page) == "w1[1,1]" and page.locator(".course-backprop input").count() == 0
    assert kernel(page, "print(lab.numbers()['w1[1,1]'])") == "-1.5"

    # The target, with the mouse; then all, one update, and the document's gradient.
    number(page, "y[2]").click()
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    wait(lambda: page.evaluate(SHOWN)["y[1]"] == "0")
    press(page, "All", "Step 10 of 10")
    press(page, "Update", "before")
    lower = kernel(page, "print(lab.graph.values['loss'])")
    assert f"{float(lower):.6g} after" in panel(page, "step")
    page.get_by_role("combobox", name="the document's gradient").select_option("f′ twice")
    wait(lambda: "docw1[1,1]" in page.evaluate(SHOWN))
    wait(lambda: page.evaluate(SHOWN) == known(page))
    assert page.evaluate(SHOWN)["docw1[1,1]"].startswith("≠")
    assert "layer 1" in panel(page, "errors")
    shot(page, "backprop_wrong")
    press(page, "Reset", "Nothing is computed yet")
    assert page.evaluate(SHOWN)["w1[1,1]"] == "0.97"


def test_the_largest_network_in_both_themes_and_a_small_window(page, jupyter):
    cell = CELL.replace("(2, 3, 2)", "(4, 5, 5, 3), 'relu'")
    show_lab(page, jupyter, cell)
    press(page, "All", "Step 15 of 15")
    assert page.evaluate(OVERLAPS) == []
    shot(page, "backprop_large")

    # With the panel scrolled away, the formula comes to the number.
    page.set_viewport_size({"width": 1300, "height": 560})
    number(page, "delta1[5]").hover()
    page.wait_for_selector(".course-backprop .near:not([hidden])")
    floating, hovered = (
        page.locator(f".course-backprop {which}").bounding_box()
        for which in (".near", ".number[data-name='delta1[5]']")
    )
    assert 0 < hovered["y"] - floating["y"] - floating["height"] < 20
    shot(page, "backprop_near")
    page.set_viewport_size({"width": 1300, "height": 1100})

    kernel(page, "lab.show_wrong('printed')")
    wait(lambda: "docw1[1,1]" in page.evaluate(SHOWN))
    assert page.evaluate(OVERLAPS) == []
    theme(page, "JupyterLab Dark")
    try:
        number(page, "delta1[1]").hover()
        shot(page, "backprop_large_dark")
    finally:
        theme(page, "JupyterLab Light")
