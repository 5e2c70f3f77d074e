"""Knobs as widgets: a hand turns, an echo and `show` do not; the face and who looks at it."""

import math
from threading import Thread

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from real_runs import lab

from widgets.common import face as faces
from widgets.common.face import Face
from widgets.common.frames import decode
from widgets.common.knobs import Buttons, Choice, Knob, Number, Words, button, with_value

ANYTHING = st.one_of(
    st.floats(), st.integers(), st.text(max_size=5), st.none(), st.booleans(),
    st.sampled_from([10**400, -(10**400), [1.0], {"kind": "Points"}, math.inf, 1e-320]),
)  # fmt: skip
KINDS = {
    "rate": lambda turn: Number("learning rate", 0.1, turn, -4, 2, log=True),
    "penalty": lambda turn: Number("L2", 0.0, turn, -7, 0, log=True, zero=True),
    "momentum": lambda turn: Number("momentum", 0.9, turn, 0, 0.99),
    "list": lambda turn: Choice("batch", [8, 16, 32], 32, turn),
    "buttons": lambda turn: Buttons("clip", [("off", "off"), ("norm", "norm")], "off", turn),
    "words": lambda turn: Words("spike", "", turn),
}


@pytest.mark.parametrize("kind", KINDS)
def test_show_turns_nothing_whatever_is_shown(kind):
    turned = []
    knob = KINDS[kind](turned.append)

    @settings(max_examples=80, deadline=None)
    @given(ANYTHING)
    @example(10**400)
    @example(math.nan)
    def show(value):
        knob.show(value)
        assert turned == []

    show()


@settings(max_examples=150, deadline=None)
@given(st.floats(1e-5, 1e3))
def test_a_slider_stands_at_the_nearest_point_of_its_grid_and_its_echo_turns_nothing(value):
    turned = []
    for knob, place in (
        (KINDS["rate"](turned.append), math.log10),
        (KINDS["momentum"](turned.append), float),
    ):
        knob.show(value)
        low, high = (-4, 2) if knob.log else (0, 0.99)
        there, wanted = place(knob.slider.value), min(max(place(value), low), high)
        assert abs(there - wanted) <= knob.grid / 2 + 1e-9
        steps = (there - low) / knob.grid
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert knob.number.value == pytest.approx(value, rel=5e-4)
        knob.slider.value = knob.slider.value * (1 + 1e-9)  # as the browser rounds it
        assert turned == []


def test_a_hand_on_the_slider_turns_once_and_moves_the_number():
    turned = []
    rate = KINDS["rate"](turned.append)
    rate.slider.value = 10**-0.8
    assert turned == [0.1585] and rate.number.value == 0.1585
    momentum = KINDS["momentum"](turned.append)
    momentum.slider.value = 0.55
    assert turned[1:] == [0.55] and momentum.number.value == 0.55


def test_the_far_left_of_a_penalty_is_zero():
    turned = []
    penalty = KINDS["penalty"](turned.append)
    assert penalty.slider.value == pytest.approx(1e-7)
    penalty.slider.value = 1e-3
    penalty.slider.value = 1e-7
    assert turned == [0.001, 0.0] and penalty.number.value == 0.0
    rate = KINDS["rate"](turned.append)
    rate.slider.value = 1e-4
    assert turned[-1] == 1e-4


@pytest.mark.parametrize("value", [0.123456, 5e-5, 1234.0, -3.0, 0.0, math.inf, math.nan])
@pytest.mark.parametrize("kind", ["rate", "penalty", "momentum"])
def test_the_field_takes_any_number_as_it_is(kind, value):
    turned = []
    knob = KINDS[kind](turned.append)
    if value == knob.number.value:
        knob.show(0.5)
    knob.number.value = value
    assert turned == [value] or math.isnan(turned[0]) and math.isnan(value)
    low, high = knob.slider.min, knob.slider.max
    if knob.log:
        low, high = 10**low, 10**high
    assert low * 0.999 <= knob.slider.value <= high * 1.001


def test_lists_buttons_and_words_turn_when_a_hand_chooses():
    turned = []
    knobs = [KINDS[kind](turned.append) for kind in ("list", "buttons", "words")]
    knobs[0].list.value, knobs[1].row.value, knobs[2].field.value = 16, "norm", "3 × 100"
    assert turned == [16, "norm", "3 × 100"]


def test_a_list_shows_what_it_did_not_have_and_buttons_none_of_theirs():
    batch, clip = KINDS["list"](print), KINDS["buttons"](print)
    batch.show(48)
    assert batch.list.value == 48 and ("48", 48) in batch.list.options
    batch.show(8)
    assert [v for _, v in batch.list.options] == [8, 16, 32, 48]
    clip.show("own")
    assert clip.row.value is None
    clip.show("norm")
    assert clip.row.value == "norm"
    assert with_value([("a", 1)], 1) == [("a", 1)]


def test_a_knob_in_two_threads_is_quiet_for_the_one_that_shows():
    turned = []
    knob = KINDS["momentum"](turned.append)
    knob._quiet.on = True  # the runner shows, and meanwhile in another thread
    hand = Thread(target=lambda: setattr(knob.slider, "value", 0.3))
    hand.start()
    hand.join()
    assert turned == [0.3]


def test_a_button_is_explained_by_its_hint_or_its_words():
    pressed = []
    assert button("Copy", "copy", pressed.clear, hint="copy the text").tooltip == "copy the text"
    play = button("Play", "play", lambda: pressed.append(1), "face-play")
    play.click()
    assert pressed == [1] and play.tooltip == "Play" and "face-play" in play._dom_classes
    with pytest.raises(TypeError, match="Knob does not say"):
        Knob(print).show(1)


# ---- the face -----------------------------------------------------------------------------


def hear(face: Face, kind: str, view: str = "a", **content) -> None:
    face._hear({"kind": kind, "view": view, **content})


@pytest.fixture
def heard():
    return []


@pytest.fixture
def face(heard):
    return Face(lambda kind, content: heard.append((kind, content.get("value"))))


PICTURE = lab().picture()


def test_a_face_shows_its_picture_and_counts_its_frames(face):
    for seq in (1, 2, 3):
        face.show(PICTURE)
        assert decode(face.frame)["seq"] == face.seq == seq
    assert decode(face.frame)["strips"][0]["id"] == "loss"


def test_what_a_hand_did_is_passed_on(face, heard):
    hear(face, "turn", knob="lr", value=0.3)
    hear(face, "go_to", value=30)
    hear(face, "calm", on=True)
    assert heard == [("turn", 0.3), ("go_to", 30)] and face.calm and face.alive
    hear(face, "calm", on=False)
    assert not face.calm


def test_never_more_frames_are_on_their_way_than_the_window(face, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(faces.time, "monotonic", lambda: now[0])
    shown = 0
    while face.ready():
        face.show(PICTURE)
        shown += 1
    assert shown == faces.WINDOW  # before any browser has answered
    hear(face, "see", seq=shown)
    while face.ready():
        face.show(PICTURE)
    assert face.seq == shown + faces.WINDOW
    hear(face, "ack", seq=face.seq - 2)
    assert face.ready()
    for _ in range(faces.WINDOW - 2):
        face.show(PICTURE)
    assert not face.ready()
    hear(face, "ack", "b", seq=face.seq)  # the fastest view counts
    assert face.ready()
    for _ in range(faces.WINDOW):
        face.show(PICTURE)
    now[0] += faces.LOST
    assert not face.ready()
    now[0] += 0.1
    assert face.ready()  # a frame was lost, as after a reload


def test_a_hidden_view_gets_no_frames_and_one_that_looks_asks_for_the_picture(face, heard):
    assert face.visible
    hear(face, "see", seq=None)
    assert not face.visible and not face.ready()
    hear(face, "see", "b", seq=0)
    assert face.visible and face.ready()
    hear(face, "see", "b", seq=None)
    assert not face.visible and [kind for kind, _ in heard] == ["see"] * 3
    hear(face, "ack", "c", seq=0)  # its first word was lost
    assert len(heard) == 4
    hear(face, "ack", "c", seq=1)
    assert len(heard) == 4 and face.visible


def test_of_messages_that_overtook_each_other_the_older_is_dropped(face, heard):
    hear(face, "turn", knob="lr", value=1, count=1)
    hear(face, "turn", knob="lr", value=3, count=3)
    hear(face, "turn", knob="lr", value=2, count=2)
    hear(face, "turn", knob="l2", value=4, count=2)  # about something else
    hear(face, "turn", "b", knob="lr", value=5, count=1)  # another view counts for itself
    hear(face, "turn", knob="lr", value=6, count=4)
    assert [value for _, value in heard] == [1, 3, 4, 5, 6]
    hear(face, "see", seq=None, count=6)
    hear(face, "ack", seq=0, count=5)  # sent before it looked away
    assert not face.visible and [kind for kind, _ in heard[5:]] == ["see"]


def test_the_same_text_can_be_copied_twice(face):
    copied = []
    face.observe(lambda change: copied.append(change["new"]), "copied")
    face.copy("lr = 0.1")
    face.copy("lr = 0.1")
    assert [text for text in copied if text] == ["lr = 0.1"] * 2
