"""Text, writing and its costs: against brute force, torch's counter of FLOPs, and the uncached."""

import itertools
import math
import random
import re

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from course import CourseError
from course.architectures import (
    ALPHABET,
    GPT,
    cache_bytes,
    decode,
    encode,
    is_right,
    longest_text,
    loop,
    probabilities,
    reading_flops,
    share_of_repeats,
    share_right,
    text_data,
    write,
    write_text,
    writing_flops,
)
from course.architectures.text import KINDS, NUMBERS


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return GPT(16, 2, 2, context=40).double()


# ---- text -----------------------------------------------------------------------------------


def test_each_item_that_it_writes_is_right_by_another_reading():
    text = write_text(6000)
    assert len(text) == 6000 and set(text) == set(ALPHABET)
    for item in text.split(";")[:-1]:
        assert is_right(item), item
        if "+" in item:
            assert eval(item.replace("=", "=="))
        elif item[0] in "([":
            left = item
            while "()" in left or "[]" in left:
                left = left.replace("()", "").replace("[]", "")
            assert left == "" and len(item) <= 8
        else:
            assert item in " ".join(NUMBERS) and 2 <= len(item.split()) <= 4
    kinds = {"sums": r"\d\+\d=\d+", "counting": "[a-z ]+", "brackets": r"[][()]+"}
    assert set(kinds) == set(KINDS)
    for kind, pattern in kinds.items():
        assert re.fullmatch(f"({pattern};)*.*", write_text(300, kinds=(kind,)))


@pytest.mark.parametrize("item", [
    "3+4=8", "3+4=07", "13+4=17", "3+4", "+4=4", "3+=3", "", "one", "two one", "one three",
    "oone two", "one two three four five", "one  two", "(", "(]", "())", "((()))()()(", "(((())))",
    "()()()()()", "()x", "nine ten", "²+1=3",
])  # fmt: skip
def test_a_wrong_item_is_found(item):
    assert not is_right(item)


def test_text_and_places_are_each_others_inverse():
    text = write_text(500, seed=5)
    assert decode(encode(text)) == text
    assert write_text(500, seed=5) == text != write_text(500, seed=6)
    with pytest.raises(CourseError, match="'A' is no character of the text; allowed: ' "):
        encode("one A")


def test_the_answer_at_each_place_is_the_next_character():
    data, text = text_data(1000, 16, seed=4), write_text(1000, 4)
    assert data.x_train.shape == data.y_train.shape == (62, 16)
    assert decode(data.x_train.flatten()) == text[:992]
    assert decode(data.y_train.flatten()) == text[1:993]
    assert decode(data.x_test.flatten()) not in text
    assert data.classes == len(ALPHABET) == 33
    with pytest.raises(CourseError, match="length = 16 is out of range"):
        text_data(16, 16)


def test_only_whole_items_are_judged():
    assert share_right("ne two;one two;3+4=8;on") == 0.5
    assert math.isnan(share_right("one two;on"))


# ---- writing --------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_probabilities_are_a_softmax_of_divided_logits(temperature):
    logits = torch.randn(5, 7, dtype=torch.float64)
    expected = (logits / temperature).exp()
    expected /= expected.sum(1, keepdim=True)
    assert torch.allclose(probabilities(logits, temperature), expected)


def test_a_small_temperature_does_not_overflow_and_greedy_takes_the_first_of_equals():
    logits = torch.tensor([1.0, 3.0, 3.0, 2.0])
    assert probabilities(logits, 0).tolist() == [0, 1, 0, 0]
    assert probabilities(logits, 1e-300).tolist() == pytest.approx([0, 0.5, 0.5, 0])


def test_characters_are_drawn_as_often_as_the_probabilities_say(model):
    first = [write(model, "one", 1, 1.0, seed) for seed in range(1500)]
    with torch.no_grad():
        p = model(encode("one")[None])[0, :, -1].softmax(0)
    counts = torch.bincount(encode("".join(first)), minlength=33)
    assert float(((counts - 1500 * p) ** 2 / (1500 * p)).sum()) < 60  # χ² with 32 degrees


def test_greedy_writes_the_likeliest_of_what_it_sees(model):
    text = ";one"
    for _ in range(50):
        with torch.no_grad():
            text += decode(model(encode(text[-6:])[None])[0, :, -1].argmax(0)[None])
    assert write(model, ";one", 50, context=6) == text[4:]


@pytest.mark.parametrize("temperature", [0, 0.8])
def test_with_the_cache_it_writes_the_same(model, temperature):
    plain = write(model, ";on", 38, temperature, seed=2)
    assert write(model, ";on", 38, temperature, seed=2, cache=True) == plain


def test_the_cached_logits_are_the_uncached_to_rounding(model):
    tokens = torch.randint(33, (2, 40))
    with torch.no_grad():
        whole, past, parts = model.read(tokens)[0], None, []
        for part in tokens.split([3, 1, 10, 26], 1):
            kept = [layer.clone() for layer in past or []]
            logits, new = model.read(part, past)
            assert all(torch.equal(a, b) for a, b in zip(kept, past or [], strict=True))
            past = new
            parts.append(logits)
    assert torch.allclose(torch.cat(parts, 1), whole, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"temperature": -0.1}, "temperature = -0.1 is out of range"),
        ({"temperature": math.inf}, "temperature = inf is out of range"),
        ({"temperature": math.nan}, "temperature = nan is out of range"),
        ({"temperature": "hot"}, "temperature = 'hot' is not a number"),
        ({"prompt": ""}, "prompt = ''; allowed: at least 1 character"),
        ({"prompt": 3}, "prompt = 3; allowed"),
        ({"prompt": "X"}, "'X' is no character"),
        ({"length": -1}, "length = -1 is out of range"),
        ({"context": 41}, "context = 41 is out of range"),
        ({"cache": True, "length": 41}, "1 + 41 characters do not fit into a context of 40"),
        ({"cache": True, "length": 6, "context": 5}, "do not fit into a context of 5"),
    ],
)
def test_bad_requests_are_refused(model, options, words):
    with pytest.raises(CourseError) as error:
        write(model, **options)
    assert words in str(error.value)


def test_a_model_that_broke_writes_nothing():
    broken = GPT(8, context=4)
    with torch.no_grad():
        broken.last.bias[0] = math.nan
    with pytest.raises(CourseError, match="the run has diverged"):
        write(broken, length=1)


# ---- repetition -----------------------------------------------------------------------------


def slow_loop(text):
    """The first loop by its definition."""
    for start, period in itertools.product(range(len(text)), range(1, len(text) // 2 + 1)):
        rest = text[start:]
        if len(rest) >= 2 * period and rest[period:] == rest[:-period]:
            return start, period
    return None


def test_loops_are_those_of_the_definition():
    dice = random.Random(0)
    for _ in range(300):
        text = "".join(dice.choice("ab") for _ in range(dice.randrange(14)))
        text += dice.randrange(4) * "".join(dice.choice("abc") for _ in range(dice.randrange(1, 5)))
        assert loop(text) == slow_loop(text), text
    assert loop("xyabcabcabc") == (2, 3) and loop("abc") is None and loop("") is None


def test_repeats_are_pieces_that_stood_before():
    assert share_of_repeats("abcabcabc", 3) == pytest.approx(4 / 7)
    assert share_of_repeats("abcdef", 3) == 0 and math.isnan(share_of_repeats("ab", 3))


@pytest.mark.parametrize("characters, context", [(2, 1), (2, 2), (2, 3), (3, 1), (3, 2)])
def test_no_text_without_a_repeated_piece_is_longer(characters, context):
    """All texts, character by character, as long as no piece has come twice."""
    letters = range(characters)
    texts = list(itertools.product(letters, repeat=context))
    long = context

    def pieces(text):
        return {text[i : i + context] for i in range(len(text) - context + 1)}

    while texts := [
        (*text, c) for text in texts for c in letters if (*text, c)[-context:] not in pieces(text)
    ]:
        long = len(texts[0])
    assert longest_text(characters, context) == long


@pytest.mark.parametrize("context", [1, 2, 3])
def test_greedy_writing_repeats_from_where_a_piece_comes_again(model, context):
    text = write(model, ";;;"[:context], 200, context=context)
    pieces = [text[i : i + context] for i in range(200 - context + 1)]
    again = next(i for i, piece in enumerate(pieces) if piece in pieces[:i])
    assert loop(text).period == again - pieces.index(pieces[again])


# ---- costs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cache", [True, False])
def test_the_flops_are_those_that_torch_counts(cache):
    model = GPT(16, 2, 3, context=20)
    with FlopCounterMode(display=False) as counter:
        write(model, ";", 20, cache=cache)
    assert writing_flops(model, 20, cache) == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.read(encode(";one two"[:7])[None])
    assert reading_flops(model, 7, 7) == counter.get_total_flops()


def test_the_bytes_are_those_of_the_cache():
    model = GPT(16, 2, 3, context=20)
    with torch.no_grad():
        _, cache = model.read(encode(";one two")[None])
    assert cache_bytes(model, 8) == sum(layer.nbytes for layer in cache)
    with pytest.raises(CourseError, match="length = 21 is out of range"):
        writing_flops(model, 21, True)
