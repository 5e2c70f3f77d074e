"""PlannerLab in JupyterLab: devices dragged and walked by keys, a search that follows, widths."""

import json

import pytest
from lab_page import LabPage
from test_start import shot, wait

import widgets.planner.lab  # noqa: F401  what these tests are about: see tests/lanes.py

pytestmark = pytest.mark.browser

GPT = "'GPT 175 B full (A100 Megatron 2022)'"
CELL = "from widgets import PlannerLab\nlab = PlannerLab({}); lab"
CUT = """(face) => [...face.querySelectorAll(".face-knob .widget-label")]
  .filter((e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"""
LISTEN = """() => {
  const { prototype } = CanvasRenderingContext2D;
  const { fillText } = prototype;
  window.written = new Map();
  prototype.fillText = function (words, x, y) {
    const wide = this.measureText(words).width;
    const shift = { left: 0, start: 0, center: wide / 2, right: wide, end: wide };
    const left = x - shift[this.textAlign];
    const all = window.written.get(this.canvas) ?? [];
    window.written.set(this.canvas, [...all, { words, left, right: left + wide, y }]);
    fillText.apply(this, arguments);
  };
}"""
OVERLAPPING = """() => [...window.written].flatMap(([canvas, all]) => {
  const edge = canvas.getBoundingClientRect().width + 1;
  const beyond = all.filter((a) => a.left < -1 || a.right > edge).map((a) => [a.words, "outside"]);
  const meets = (a, b) => a.left < b.right && b.left < a.right && Math.abs(a.y - b.y) < 9;
  return [...beyond, ...all.flatMap((a, i) => all.slice(i + 1)
    .filter((b) => meets(a, b) && (a.words !== b.words || a.left !== b.left))
    .map((b) => [a.words, b.words]))];
})"""


def grip(lab):
    return lab.slider("devices: drag")


def middle(lab) -> tuple[float, float]:
    box = grip(lab).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def devices(lab) -> int:
    return lab.ask("lab.knobs()['devices']")


def test_devices_by_keys_and_by_hand(page, jupyter, tmp_path):
    lab = LabPage(page, jupyter, "planner", CELL.format(GPT))
    assert "64 × A100-80GB" in lab.sentence() and "It fits" in lab.sentence()
    assert "18.13" in lab.root.locator(".face-published").inner_text()
    counts = lab.ask("lab.session.counts()")

    # The handle on the curve, by keys: from one possible number to the next, to both ends.
    grip(lab).focus()
    page.keyboard.press("ArrowRight")
    lab.until("lab.knobs()['devices'] == 128")
    wait(lambda: "128 devices" in (grip(lab).get_attribute("aria-valuetext") or ""))
    page.keyboard.press("Shift+ArrowRight")
    lab.until(f"lab.knobs()['devices'] == {counts[-1]}")
    page.keyboard.press("Shift+ArrowLeft")
    lab.until(f"lab.knobs()['devices'] == {counts[0]}")
    lab.do("lab.set('devices', 64)")
    lab.catch_up()
    assert lab.is_true()

    # By hand: it stays on the curve, and the bars follow.
    x, y = middle(lab)
    lab.drag((x, y), (x + 40, y + 10), (x + 70, y - 60))
    wait(lambda: devices(lab) > 64)
    lab.catch_up()
    assert lab.is_true() and devices(lab) in counts
    assert abs(middle(lab)[0] - x) > 20 and "before" in json.dumps(lab.face("face.picture.side"))

    # A number that cannot be is told, and nothing is lost.
    now = devices(lab)
    field = lab.root.get_by_label("devices as a number")
    field.fill("1000")
    field.press("Enter")
    wait(lambda: "Not changed" in lab.sentence() and "Nearest that can be" in lab.sentence())
    assert devices(lab) == now
    wait(lambda: field.input_value() == str(now))

    # Out of memory, by a list.
    lab.do("lab.reset()")
    lab.root.get_by_label("recompute", exact=True).select_option(label="none")
    wait(lambda: "Out of memory" in lab.sentence())
    assert lab.face("face.picture.side[0].note") == "out of memory"

    lab.tab("Save")
    file = lab.root.get_by_label("file", exact=True)
    file.fill(str(tmp_path / "plan.json"))
    file.press("Tab")
    lab.root.get_by_role("button", name="Save the plan").click()
    wait((tmp_path / "plan.json").exists)
    assert json.loads((tmp_path / "plan.json").read_text())["layout"]["recompute"] == "none"
    wait(lambda: "course plan" in lab.sentence())


def test_the_search_follows_the_hand(page, jupyter):
    lab = LabPage(page, jupyter, "planner_search", CELL.format(GPT))
    lab.root.get_by_label("layout", exact=True).select_option(label="search")
    lab.until("lab.session.searches")
    lab.catch_up()
    before = lab.ask("len(lab.session.curve())")
    x, y = middle(lab)
    lab.drag((x, y), *[(x + step, y) for step in (20, 60, 100, 140)])
    # The handle ends where the hand left it, however many answers it took.
    lab.until("lab.knobs()['devices'] > 500")
    lab.catch_up()
    wait(lambda: abs(middle(lab)[0] - (x + 140)) < 14)
    lab.until("lab.runner.pending == 0")
    assert "the planner chooses" in lab.sentence()
    assert 1 < lab.ask("len(lab.session.curve())") - before + 1 < 12, "not each pixel is a search"
    assert lab.ask("lab.plan.layout.devices") == devices(lab)
    lab.press("Play")
    now = devices(lab)
    lab.until(f"lab.knobs()['devices'] > {now}")
    lab.press("Pause")
    lab.until("not lab.playing")
    stage = lab.ask("(lab.plan.layout.zero + 1) % 4")
    lab.root.get_by_label("ZeRO", exact=True).select_option(label=str(stage))
    wait(lambda: lab.root.get_by_label("layout", exact=True).input_value() == "by hand")


def test_widths_themes_and_axe(page, jupyter):
    lab = LabPage(page, jupyter, "planner_widths", CELL.format(GPT))
    page.evaluate(LISTEN)
    lab.do("lab.set('recompute', 'none')")
    lab.catch_up()
    tabs = "Model", "Precision, software, price", "In words", "Save"
    for title, theme, width in lab.in_every_look(*tabs, widths=(1180, 760, 560), height=1500):
        page.evaluate("() => window.written.clear()")
        lab.do("lab.refresh()")
        lab.catch_up()
        assert page.evaluate("() => window.written.size") >= 3
        assert page.evaluate(OVERLAPPING) == [], width
        if width >= 760:
            assert lab.root.evaluate(CUT) == []
        else:
            shot(page, f"planner {title} {theme}")
