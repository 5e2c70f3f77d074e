"""The strips in a real browser, without Jupyter: what is painted, and what each gesture sends."""

import math

import numpy as np
import pytest
from face_page import EVERY, HORIZON, LOSS, NORMS, STEPS, Lab, picture, quantised

pytestmark = pytest.mark.browser
BLUE = (0x00, 0x72, 0xB2)  # --run in the light theme
BLUE_PLACES = """(canvas) => {
    const { width, height } = canvas, places = [];
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    for (let i = 0; i < width * height; i++) {
        const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4);
        if (a > 200 && r < 20 && Math.abs(g - 0x72) < 20 && Math.abs(b - 0xb2) < 20)
            places.push([Math.floor(i / width), i % width]);
    }
    return places;
}"""
LOSSES, NORM, RATE = range(3)  # the strips


@pytest.fixture
def lab(browser_page):
    return Lab(browser_page)


def near_pixel(lab, row: int, value: float, y: float) -> None:
    """Assert that a value lies within a pixel of height y of the page."""
    assert abs(lab.at(row, 0, value)[1] - y) <= 1


# ---- what is painted ----


def test_the_browser_reads_every_type_of_array_as_python_wrote_it(browser_page):
    shown = picture()
    shown["arrays"]["bytes"] = np.array([0, 128, 255], "u1")
    shown["arrays"]["loss"] = np.r_[LOSS[:-1], np.nan]
    lab = Lab(browser_page, quantised(shown, 1, "loss", "log", -2.0, 0.5))
    read = {name: lab.face(f"[...face.picture.arrays.{name}]") for name in shown["arrays"]}
    assert read["bytes"] == [0, 128, 255]
    assert np.array_equal(read["rate"], shown["arrays"]["rate"].astype("f4"))
    assert math.isnan(read["loss"][-1])
    half_a_level = 10 ** (2.5 / 65534 / 2) - 1
    assert np.allclose(read["loss"][:-1], LOSS[:-1], rtol=1.01 * half_a_level + 1e-7)
    linear = quantised(picture(), 2, "norm", "linear", 0.0, 2.0)
    lab.show(linear, 2)
    found = lab.face("[...face.picture.arrays.norm]")
    assert np.allclose(found, NORMS, atol=1 / 65534 + 1e-7)


def test_the_loss_curve_runs_through_its_values(lab):
    for k in range(2, len(LOSS) - 1):
        if k * EVERY == 300:
            continue  # the diamond of the turn lies there
        assert np.allclose(lab.pixel(*lab.at(LOSSES, k * EVERY, LOSS[k]))[:3], BLUE, atol=60), k
        x, y = lab.at(LOSSES, k * EVERY, LOSS[k])
        assert not np.allclose(lab.pixel(x, y - 12)[:3], BLUE, atol=60)


def test_names_at_the_ends_of_curves_never_overlap_nor_leave_the_plot(browser_page):
    shown = picture()
    curve = shown["strips"][LOSSES]["layers"][0] | {"mark": False}
    for k, factor in enumerate((1, 1.01, 0.99, 0.9)):
        shown["arrays"][f"run {k}"] = factor * 0.055 * np.ones(4)
        shown["strips"][LOSSES]["layers"].append(curve | {"y": f"run {k}", "label": f"run {k}"})
    lab = Lab(browser_page, shown)
    labels = lab.face("face.geometry.rows[0].labels")
    low, high = lab.face("[face.geometry.rows[0].top, face.geometry.rows[0].height]")
    heights = np.array([label["y"] for label in labels])
    assert [label["words"] for label in labels] == ["run 1", "run 0", "run 2", "run 3"]
    assert min(np.diff(heights)) >= 12 and low < heights[0] and heights[-1] < low + high
    assert all(label["x"] == lab.face("face.geometry.x.at(90)") + 6 for label in labels)


def test_a_frame_repaints_and_every_tenth_is_confirmed(lab):
    for seq in range(2, 19):
        lab.show(picture(step=500, end=500), seq)
    assert lab.face("face.picture.step") == 500
    paints = lab.face("face.paints")
    lab.show(picture(), 19)
    lab.frames(5)
    assert lab.face("face.paints") == paints + 1
    assert [m["seq"] for m in lab.sent("ack")] == [10]


def test_another_width_and_another_theme_repaint(lab):
    light, paints = lab.pixel(*lab.at(LOSSES, 800, 1)), lab.face("face.paints")
    lab.page.evaluate("document.querySelector('.view').style.width = '600px'")
    lab.page.wait_for_function(f"document.querySelector('.view').face.paints > {paints}")
    assert lab.face("face.geometry.width") == 600
    lab.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    lab.frames()
    dark = lab.pixel(*lab.at(LOSSES, 800, 1))
    assert max(dark[:3]) < 100 < min(light[:3])
    colour = lab.pixel(*lab.at(LOSSES, 150, LOSS[5]))[:3]
    assert np.allclose(colour, (0x56, 0xB4, 0xE9), atol=60)  # --run in the dark theme


def test_a_plot_with_an_axis_of_its_own_is_painted_and_read(browser_page):
    x, y = np.linspace(-2, 2, 41), np.linspace(-2, 2, 41) ** 2
    curve = {"kind": "curve", "name": "loss", "x": "x", "y": "y", "hue": "run", "look": "solid"}
    panel = {
        "kind": "plot", "id": "slice", "title": "a slice", "height": 120,
        "x": {"scale": "linear", "low": -2, "high": 2, "label": "steps"},
        "y": {"scale": "linear", "low": 0, "high": 4, "label": ""},
        "layers": [curve | {"read": True}],
    }  # fmt: skip
    shown = picture(below=[panel])
    shown["arrays"] |= {"x": x, "y": y}
    lab = Lab(browser_page, shown)
    canvas = lab.page.get_by_label("a slice over steps: loss")
    blue = np.array(canvas.evaluate(BLUE_PLACES))
    blue = blue[blue[:, 0] > 21]  # below the heading
    (top, left), (low, right) = blue.min(0), blue.max(0)
    middle = blue[blue[:, 0] == low][:, 1].mean()
    assert abs(middle - (left + right) / 2) <= 2 and abs((low - top) - 120) <= 3
    canvas.hover(position={"x": float(middle), "y": 60})
    lab.frames()
    line = canvas.evaluate("(c, x) => c.getContext('2d').getImageData(x, 60, 1, 1).data[3]", middle)
    assert line > 50


# ---- knobs ----


def test_a_handle_has_a_name_a_value_and_goes_before_the_kernel(lab):
    handle = lab.slider("learning rate now")
    assert handle.get_attribute("role") == "slider"
    assert float(handle.get_attribute("aria-valuenow")) == 0.4
    assert [handle.get_attribute(f"aria-value{end}") for end in ("min", "max")] == ["0.01", "100"]
    x, y = lab.at(RATE, STEPS, 0.4)
    lab.drag((x, y), (x, y - 20), drop=False)
    turns = lab.sent("turn")
    assert all(m["knob"] == "lr" for m in turns)
    near_pixel(lab, RATE, turns[-1]["value"], y - 20)
    assert float(handle.get_attribute("aria-valuenow")) == turns[-1]["value"]  # no frame came
    lab.page.mouse.up()
    times = [m["at"] for m in turns]
    assert min(np.diff(times), default=99) > 5  # a frame of the screen lies between


def test_without_an_answer_the_kernels_value_comes_back(lab):
    handle = lab.slider("learning rate now")
    handle.evaluate("""(el) => {
      window.values = [];
      new MutationObserver(() => window.values.push(Number(el.ariaValueNow)))
        .observe(el, { attributeFilter: ["aria-valuenow"] });
    }""")
    handle.press("ArrowUp")
    lab.page.wait_for_function("() => window.values.length > 1 && window.values.at(-1) === 0.4")
    assert lab.page.evaluate("window.values[0]") > 0.4


def test_keys_turn_a_knob(lab):
    handle = lab.slider("learning rate now")
    for key, factor in {"ArrowUp": 10**0.05, "PageDown": 10**-0.2}.items():
        handle.press(key)
        assert lab.sent("turn")[-1]["value"] == pytest.approx(0.4 * factor, rel=0.01)


def test_the_clip_line_is_dragged_at_any_step(lab):
    x, y = lab.at(NORM, 150, 0.5)
    lab.drag((x, y), (x + 30, y + 15))
    last = lab.sent("turn")[-1]
    assert last["knob"] == "threshold"
    near_pixel(lab, NORM, last["value"], y + 15)


# ---- plans and guesses ----


def test_a_drag_in_the_future_draws_a_plan_sent_when_it_ends(lab):
    start, end = lab.at(RATE, 700, 1.0), lab.at(RATE, 900, 0.05)
    lab.drag(start, end, drop=False)
    assert not lab.sent("plan", "go_to", "turn")
    lab.page.mouse.up()
    (plan,) = lab.sent("plan")
    steps, values = zip(*plan["points"], strict=True)
    assert plan["knob"] == "lr" and list(steps) == sorted(set(steps)) and steps[0] > STEPS
    pixel = HORIZON / lab.face("face.geometry.x.right - face.geometry.x.left")
    assert abs(steps[0] - 700) <= 3 + pixel and abs(steps[-1] - 900) <= 3 + pixel
    near_pixel(lab, RATE, values[0], start[1])
    near_pixel(lab, RATE, values[-1], end[1])
    assert lab.slider("planned learning rate").evaluate("el => getComputedStyle(el).opacity") == "1"


def test_a_drag_in_the_future_of_the_loss_is_a_guess(lab):
    start, end = lab.at(LOSSES, 650, 0.5), lab.at(LOSSES, 950, 0.1)
    lab.drag(start, end)
    (guess,) = lab.sent("guess")
    assert min(step for step, _ in guess["points"]) > STEPS
    near_pixel(lab, LOSSES, guess["points"][0][1], start[1])
    near_pixel(lab, LOSSES, guess["points"][-1][1], end[1])
    assert np.allclose(lab.pixel(*end)[:3], (0xB0, 0x50, 0x8A), atol=60)


def test_a_stroke_stops_at_now_and_draws_over_what_it_passes(lab):
    shown = picture()
    shown["strips"][RATE]["lane"]["plan"] = [[650, 10.0], [750, 10.0], [950, 10.0]]
    lab.show(shown, 2)
    lab.drag(lab.at(RATE, 800, 0.1), lab.at(RATE, 500, 0.1))
    (plan,) = lab.sent("plan")
    steps, values = zip(*plan["points"], strict=True)
    assert steps[0] == STEPS + 1 and steps[-1] == 950 and values[-1] == 10
    assert max(values[:-1]) < 0.2  # 650 and 750 have given way


def test_a_pen_draws_by_keys_and_delete_clears(lab):
    pen = lab.slider("planned learning rate")
    pen.focus()
    place = pen.get_attribute("aria-valuetext")
    pen.press("ArrowRight")
    assert not lab.sent("plan") and pen.get_attribute("aria-valuetext") != place
    pen.press("ArrowUp")
    (plan,) = lab.sent("plan")
    assert plan["points"][0][1] == pytest.approx(0.4 * 10**0.05, rel=0.01)
    pen.press("Delete")
    assert lab.sent("plan")[-1]["points"] == []


def test_keys_faster_than_the_screen_lose_nothing(lab):
    press = """(el, keys) => keys.forEach((key) =>
        el.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))"""
    lab.slider("learning rate now").evaluate(press, ["ArrowUp"] * 4)
    assert lab.sent("turn")[-1]["value"] == pytest.approx(0.4 * 10**0.2, rel=0.02)
    pen = lab.slider("planned learning rate")
    pen.evaluate(press, ["ArrowUp", "ArrowRight", "ArrowUp", "ArrowRight"])
    assert len(lab.sent("plan")[-1]["points"]) == 3


def test_clear_takes_a_plan_back(lab):
    assert not lab.page.locator(".face-clear:visible").count()
    shown = picture()
    shown["strips"][RATE]["lane"]["plan"] = [[700, 1.0], [900, 0.1]]
    lab.show(shown, 2)
    lab.page.get_by_role("button", name="clear planned learning rate").click()
    (plan,) = lab.sent("plan")
    assert plan["points"] == [] and lab.face("face.picture.strips[2].lane.plan") == []


def test_what_the_browser_cancels_sends_nothing(chromium):
    context = chromium.new_context(has_touch=True, viewport={"width": 1000, "height": 700})
    lab = Lab(context.new_page())
    try:
        touch = context.new_cdp_session(lab.page)
        for row, step in ((RATE, 800), (LOSSES, 800), (LOSSES, 200)):
            x, y = lab.at(row, step, 0.3)
            finger = [{"x": x, "y": y}]
            touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": finger})
            finger = [{"x": x + 30, "y": y + 2}]
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": finger})
            lab.frames()
            touch.send("Input.dispatchTouchEvent", {"type": "touchCancel", "touchPoints": []})
            assert not lab.sent("plan", "guess", "go_to", "turn")
            assert lab.face("face.picture.step") == STEPS
            assert not any(lab.face("face.picture.strips.map((p) => p.lane.plan.length)"))
        lab.page.touchscreen.tap(*lab.at(NORM, 200, 5))
        assert abs(lab.sent("go_to")[-1]["step"] - 200) <= 2
        size = lab.slider("learning rate now").bounding_box()
        coarse = lab.page.evaluate("matchMedia('(pointer: coarse)').matches")
        assert size["width"] == (40 if coarse else 24)
    finally:
        context.close()


# ---- the crosshair, and going there ----


def test_a_click_in_the_past_goes_there_and_a_drag_on(lab):
    place = lab.at(NORM, 200, 5)
    lab.page.mouse.click(*place)
    pixel = HORIZON / lab.face("face.geometry.x.right - face.geometry.x.left")
    assert abs(lab.sent("go_to")[-1]["step"] - 200) <= pixel
    assert abs(lab.face("face.picture.step") - 200) <= pixel  # before any answer
    lab.show(picture(step=200), 2)
    lab.drag(lab.at(NORM, 100, 5), lab.at(NORM, 160, 5))
    assert abs(lab.sent("go_to")[-1]["step"] - 160) <= pixel


def test_the_crosshair_reads_what_the_arrays_hold_and_enter_goes_there(lab):
    cross = lab.slider("crosshair")
    cross.focus()
    words = lab.page.locator(".face-live")
    for key, step in {"ArrowLeft": 570, "Shift+ArrowLeft": 420, "ArrowRight": 450}.items():
        cross.press(key)
        lab.frames()
        loss, norm = LOSS[step // EVERY], NORMS[int((step - 2.5) // 5)]
        expected = f"step {step}. test {loss:.3g}, before {norm:.3g}, c 0.5, α 0.4"
        assert words.text_content() == expected
        assert cross.get_attribute("aria-valuenow") == str(step)
    cross.press("Enter")
    assert lab.sent("go_to")[-1]["step"] == 450
    cross.press("Home")
    assert words.text_content().endswith("α 0.1")


def test_the_pointer_paints_one_crosshair_through_all_strips(lab):
    places = [lab.at(NORM, 450, 0.02), lab.at(RATE, 450, 50)]
    before = [lab.pixel(*place)[3] for place in places]  # how opaque
    lab.page.mouse.move(*places[0])
    lab.frames()
    after = [lab.pixel(*place)[3] for place in places]
    assert before == [0, 0] and min(after) > 50
    assert not lab.sent("go_to", "turn", "plan", "guess")
