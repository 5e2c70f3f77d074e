"""A view of a lab in a real browser, without Jupyter: sight, theme, kernel, keys, clean-up."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from face_page import Lab, picture

pytestmark = pytest.mark.browser


@pytest.fixture
def lab(browser_page):
    return Lab(browser_page)


def test_two_views_of_one_model_each_speak_for_themselves(browser_page):
    lab = Lab(browser_page, views=2, width=500)
    lab.frames()
    both = "[...document.querySelectorAll('.view')].every((v) => v.face.paints)"
    browser_page.wait_for_function(both)
    views = {m["view"] for m in lab.sent("see")}
    assert len(views) == 2
    lab.slider("learning rate now").press("ArrowUp")
    (turn,) = lab.sent("turn")
    assert turn["view"] in views
    second = "document.querySelectorAll('.view')[1].face"
    assert lab.page.evaluate(f"{second}.picture.strips[2].lane.value") == 0.4
    lab.show(picture(step=300), 2)
    lab.page.wait_for_function(f"{second}.lastSeq === 2")


def test_a_view_out_of_sight_says_so_and_paints_nothing(lab):
    lab.page.evaluate("document.querySelector('main').style.marginTop = '5000px'")
    lab.page.wait_for_function("sent.at(-1).kind === 'see' && sent.at(-1).seq === null")
    paints = lab.face("face.paints")
    lab.page.evaluate("(frame) => model.show(frame)", lab.base64(picture(step=100), 2))
    lab.frames(5)
    assert lab.face("face.paints") == paints
    lab.page.evaluate("document.querySelector('main').style.marginTop = '0'")
    lab.page.wait_for_function("document.querySelector('.view').face.lastSeq === 2")
    assert lab.sent("see")[-1]["seq"] is not None


def test_nothing_is_left_after_the_clean_up(lab):
    lab.slider("learning rate now").press("ArrowUp")  # patience with the kernel lasts a second
    lab.page.evaluate("stops.forEach((stop) => stop())")
    assert lab.sent("see")[-1]["seq"] is None
    assert lab.page.evaluate("heard.size") == 0
    paints, messages = lab.face("face.paints"), lab.page.evaluate("sent.length")
    lab.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    lab.page.evaluate("document.querySelector('.view').style.width = '400px'")
    lab.page.wait_for_timeout(1100)
    assert lab.face("face.paints") == paints and lab.page.evaluate("sent.length") == messages


def test_words_stand_on_the_paper_that_is_behind_the_lab(lab):
    paper = "getComputedStyle(document.querySelector('.face-handle')).getPropertyValue('--paper')"
    assert lab.page.evaluate(paper) == "rgb(255, 255, 255)"
    lab.page.evaluate("document.body.style.background = 'rgb(17, 34, 51)'")
    lab.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    lab.frames()
    assert lab.page.evaluate(paper) == "rgb(17, 34, 51)"


def test_a_kernel_that_is_gone_is_said(lab):
    lab.page.evaluate("() => { model.send = () => { throw new Error('comm is closed'); }; }")
    lab.slider("learning rate now").press("ArrowUp")
    lab.page.get_by_text("The kernel no longer answers").wait_for()


def test_the_labs_keys_stay_in_the_lab(lab):
    """Lumino looks for shortcuts from the target upwards, unless it is marked, in either phase."""
    listen = """() => {
      window.keys = [];
      const look = (event) =>
        event.target.hasAttribute("data-lm-suppress-shortcuts") || keys.push(event.key);
      for (const capture of [true, false]) document.addEventListener("keydown", look, capture);
    }"""
    lab.page.evaluate(listen)
    handle = lab.slider("learning rate now")
    for key in ("x", "d", "m", "ArrowUp"):
        handle.press(key)
    assert lab.page.evaluate("keys") == []
    handle.press("Shift+Enter")  # this still runs the cell
    assert lab.page.evaluate("keys") == ["Enter", "Enter"]
    handle.press("Control+s")  # and this still saves
    assert lab.page.evaluate("keys").count("s") == 2


def test_the_wish_for_less_motion_is_passed_on(browser_page):
    browser_page.emulate_media(reduced_motion="reduce")
    lab = Lab(browser_page)
    assert [m["on"] for m in lab.sent("calm")] == [True]
    browser_page.emulate_media(reduced_motion="no-preference")
    lab.page.wait_for_function("sent.some((m) => m.kind === 'calm' && !m.on)")


@pytest.mark.parametrize("light", ["true", "false"])
def test_axe_finds_nothing_in_either_theme(lab, light):
    lab.page.evaluate(f"document.body.dataset.jpThemeLight = '{light}'")
    lab.slider("learning rate now").focus()
    found = Axe().run(lab.page, context=".face").response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"]) for one in found]
