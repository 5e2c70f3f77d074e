"""Two outputs mean the same, or a reader would see the difference."""

import base64
import io
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_output
from PIL import Image

from course.publishing.meaning import Number, numbers, output_difference, same_number, same_picture
from course.publishing.meaning import text_difference as difference

EPS = 2.0**-52


def texts(text):
    return [n.text for n in numbers(text)]


def same(was, now, **options):
    return same_number(Number.parse(was), Number.parse(now), **options)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("loss 2.30 → -0.69, × 3.79.", ["2.30", "-0.69", "3.79"]),
        (
            "-1.5e-16 +0.013 1,438 of 1438, 12,34",
            ["-1.5e-16", "+0.013", "1,438", "1438", "12", "34"],
        ),
        ("97% 3.5% .25 α=.5 −3 nan -inf", ["97%", "3.5%", ".25", ".5", "−3", "nan", "-inf"]),
        ("W1 v2.13.0 a3 1.5x 35x float32", []),
        ("64-64-10 step 4.", ["64", "64", "10", "4"]),
        ("1e5 1e+05 2.5e-3", ["1e5", "1e+05", "2.5e-3"]),
    ],
)
def test_numbers_are_found_as_a_reader_finds_them(text, expected):
    dashed = {"64-64-10 step 4.": ["64", "64", "10", "4"]}
    assert [t.lstrip("-") if text in dashed else t for t in texts(text)] == expected


@given(st.floats(allow_nan=False), st.sampled_from([".3f", ".2e", "g", "+.1f", ",.0f", ".1%", "r"]))
def test_every_printed_number_is_one_number(value, form):
    text = repr(value) if form == "r" else format(value, form)
    if abs(value) < 1e300:
        (number,) = numbers(f"loss {text}, then more")
        assert number.text == text
        assert math.isclose(number.value, float(text.replace(",", "").rstrip("%")))


@pytest.mark.parametrize(
    "was, now, alike",
    [
        ("64", "64", True), ("64", "63", False), ("1,438", "1438", True), ("1,438", "1,437", False),
        ("2.30", "2.31", True), ("2.30", "2.32", False), ("0.00", "0.01", True),
        ("9.99", "10.0", True), ("0.3", "0.34", False), ("97%", "98%", True), ("97%", "99%", False),
        ("1802.296", "1802.297", True), ("1802.296", "1804.296", False), ("-0.5", "0.5", False),
        ("1.1e-16", "7.3e-16", True), ("0.0e+00", "2.1e-14", True), ("1.1e-16", "2.3e-14", False),
        ("1.1e-16", "1.1e-09", False), ("nan", "nan", True), ("nan", "1.0", False),
        ("inf", "-inf", False), ("inf", "inf", True), ("1.0", "inf", False), ("3", "3.0", True),
        ("0", "1e-17", True), ("0", "1", False), ("1e999999", "1.0", False),
    ],
)  # fmt: skip
def test_numbers_agree_as_far_as_they_are_printed(was, now, alike):
    assert same(was, now, eps=EPS) is alike
    assert same(now, was, eps=EPS) is alike


def test_a_chaotic_cell_has_more_room_and_no_more():
    assert same("100", "119", tolerance=0.2) and not same("100", "130", tolerance=0.2)
    assert same("2.17", "2.02", tolerance=0.2) and not same("2.17", "1.02", tolerance=0.2)
    assert same("1", "nan", tolerance=math.inf)


def test_float32_has_a_coarser_residual_where_the_sentence_says_so():
    was, now = "equal to rounding of {} (largest difference {})", ("3.0e-08", "9.5e-07")
    a, b = (was.format("float32", n) for n in now)
    assert difference("text", a, b) is None
    a, b = (was.format("float64", n) for n in now)
    assert "3.0e-08" in difference("text", a, b)
    broken = "equal to rounding of float32 (largest\n  difference {})"
    assert difference("text", broken.format("3.0e-08"), broken.format("9.5e-07")) is None
    assert difference("text", broken.format("3.0e-08"), broken.format("2.5e-05"))


@pytest.mark.parametrize(
    "was, now, words",
    [
        ("loss 0.50 falls", "loss 0.50 rises", "falls"),
        ("loss 0.50 falls", "loss 0.50", "falls"),
        ("loss 0.50", "loss 0.50 0.60", "had"),
        ("a\nb 1", "a\nb 2", "line 2"),
        ("a\nb", "a", "had 2 lines, now 1"),
        ("8.5 ms", "10.0 s", "8.5"),
    ],
)
def test_another_sentence_is_another_meaning(was, now, words):
    description = difference("stdout", was, now)
    assert description and (words in description or words == "had")


def test_blanks_that_align_a_column_are_no_difference():
    assert difference("stdout", "a   9.99  b", "a  10.00  b") is None
    assert difference("stdout", "  if x:\n    y", "  if x:\n  y") is not None


@given(st.lists(st.sampled_from(["loss", "1.25", " ", "64", "\n", "e-3", "-", ".", "97%"])))
def test_a_text_means_what_it_says(parts):
    text = "".join(parts)
    assert difference("stdout", text, text) is None
    assert (difference("stdout", text + " x", text) is None) is False


# ---- pictures -----------------------------------------------------------------------------


def png(scale=1.0, dx=0.0, noise=0.0, width=1.4, size=(6, 3), colour="#0072B2", extra=False):
    """A plot of two curves as base64."""
    x = np.linspace(0, 1, 200)
    fig, ax = plt.subplots(figsize=size)
    ax.plot(x, scale * np.exp(-3 * (x + dx)) + noise * np.sin(900 * x), color=colour, lw=width)
    ax.plot(x, x, "--", color="#D55E00")
    if extra:
        ax.plot(x, 0.5 + 0 * x, color="0.5")
    ax.set(xlim=(0, 1), ylim=(0, 1.3), xlabel="step", ylabel="loss")
    out = io.BytesIO()
    fig.savefig(out, dpi=80)
    plt.close(fig)
    return base64.b64encode(out.getvalue()).decode()


def palette(data):
    out = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").quantize(64).save(out, "png")
    return base64.b64encode(out.getvalue()).decode()


@pytest.fixture(scope="module")
def plain():
    return png()


@pytest.mark.parametrize("options", [{"scale": 1.003}, {"noise": 0.003}, {"dx": 0.001}])
def test_a_picture_that_looks_the_same_is_the_same(plain, options):
    other = png(**options)
    assert other != plain and same_picture(plain, other) and same_picture(other, plain)
    assert same_picture(plain, palette(other))


@pytest.mark.parametrize(
    "options",
    [
        {"scale": 1.1}, {"scale": 0.9}, {"dx": 0.03}, {"noise": 0.1}, {"extra": True},
        {"colour": "#009E73"}, {"size": (6, 3.5)}, {"width": 12},
    ],
)  # fmt: skip
def test_another_curve_is_another_picture(plain, options):
    other = png(**options)
    assert not same_picture(plain, other) and not same_picture(other, plain)


def line(row, height=60, colour="black"):
    """A white picture with one horizontal line."""
    picture = Image.new("RGB", (200, height), "white")
    picture.paste(colour, (20, row, 180, row + 1))
    out = io.BytesIO()
    picture.save(out, "png")
    return base64.b64encode(out.getvalue()).decode()


def test_a_line_may_be_three_pixels_elsewhere_and_a_shade_darker():
    assert same_picture(line(30), line(33)) and not same_picture(line(30), line(34))
    assert same_picture(line(30), line(30, colour=(32, 32, 32)))
    assert not same_picture(line(30), line(30, colour=(33, 33, 33)))
    assert same_picture(line(30), line(30, height=63)) and same_picture(line(30, 63), line(30))
    assert not same_picture(line(30), line(30, height=64))


def test_a_picture_as_an_output_of_its_own_counts(plain):
    outputs = [new_output("display_data", {"image/png": p}) for p in (plain, png(scale=1.2))]
    assert output_difference(outputs[0], outputs[0].copy()) is None
    assert output_difference(*outputs) == "image/png is another picture"
    assert output_difference(*outputs, tolerance=0.3) is None


def test_residuals_are_a_class_only_where_a_rounding_unit_is_named():
    assert not same("1e-3", "5e-3") and same("1e-3", "5e-3", eps=1e-4)


def test_a_chaotic_picture_has_more_room(plain):
    assert same_picture(plain, png(scale=1.1), tolerance=0.1)
    assert not same_picture(plain, png(scale=0.4), tolerance=0.1)
    assert same_picture(plain, png(scale=0.1), tolerance=math.inf)


def test_a_damaged_picture_is_another(plain):
    for broken in (plain[:-400], "AAAA" + plain[4:], "", "%%%"):
        assert not same_picture(plain, broken) and not same_picture(broken, plain)


def test_a_picture_inside_html_counts(plain):
    def shown(data, alt="a falling curve"):
        html = f'<img src="data:image/png;base64,{data}" alt="{alt}"/>'
        return new_output("display_data", {"text/html": html})

    assert output_difference(shown(plain), shown(png(scale=1.003))) is None
    assert "another picture" in output_difference(shown(plain), shown(png(scale=1.2)))
    assert "falling" in output_difference(shown(plain), shown(plain, "a rising curve"))


@pytest.mark.parametrize("tolerance", [0.0, math.inf])
def test_a_script_is_compared_to_the_letter_and_its_data_as_numbers(tolerance):
    """A script that was built anew has to reach the stored page, else the page runs the old one."""

    def shown(code, data="0.5000"):
        html = f'<style>{code}</style><script type="application/json">{data}</script>'
        return new_output("display_data", {"text/html": f"{html}\n<script>{code}</script>"})

    def told(*pair):
        return output_difference(*pair, tolerance)

    assert "script" in told(shown("a(1.000)"), shown("a(1.0001)"))
    assert "script" in told(shown("a()"), shown("a()\nb()"))
    assert told(shown("a()"), shown("a()", "0.5001")) is None
    if not tolerance:
        assert "text/html" in told(shown("a()"), shown("a()", "0.7"))
