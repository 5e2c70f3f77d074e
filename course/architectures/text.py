"""Text that the course writes itself: sums, counting in words, nested brackets.

    3+4=7;two three four;([]());

Each item ends with a semicolon and can be judged: a model that writes such text is right or wrong,
item by item. `text_data` cuts a text into windows; the answer at each place is the next character.

    x: (N, T) places of characters in `ALPHABET`, int64      y: (N, T), the same one place further
"""

import random

import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..errors import CourseError, check_choice, check_count, check_seed

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PAIRS = {"(": ")", "[": "]"}
END = ";"
ALPHABET = "".join(sorted({*" +=0123456789;()[]", *"".join(NUMBERS)}))
PLACES = {letter: place for place, letter in enumerate(ALPHABET)}
MOST_PAIRS, DEEPEST = 4, 3


def sum_item(dice: random.Random) -> str:
    """Return a true sum of two digits, as 3+4=7."""
    a, b = dice.randrange(10), dice.randrange(10)
    return f"{a}+{b}={a + b}"


def count_item(dice: random.Random) -> str:
    """Return two to four numbers in words that follow each other, as two three four."""
    long = dice.randrange(2, 5)
    start = dice.randrange(len(NUMBERS) - long + 1)
    return " ".join(NUMBERS[start : start + long])


def bracket_item(dice: random.Random) -> str:
    """Return one to four pairs of brackets, nested up to three deep, as ([]())."""
    written, left = "", dice.randrange(1, MOST_PAIRS + 1)
    still_open: list[str] = []
    while left or still_open:
        opens = left and len(still_open) < DEEPEST and (not still_open or dice.random() < 0.5)
        if opens:
            still_open.append(dice.choice("(["))
            written += still_open[-1]
            left -= 1
        else:
            written += PAIRS[still_open.pop()]
    return written


KINDS = {"sums": sum_item, "counting": count_item, "brackets": bracket_item}


def write_text(length: int, seed: int = 0, kinds=tuple(KINDS)) -> str:
    """Return a text of `length` characters; the last item may be cut off.

    Args:
        length: in characters, 1 to ten million.
        seed: of the draw.
        kinds: the names of `KINDS` that may come, each as often.

    Raises:
        CourseError: for a length, a seed or a kind out of range.
    """
    length = check_count("length", length, 1, 10**7, "characters")
    for kind in kinds:
        check_choice("kind", kind, KINDS)
    dice, parts, written = random.Random(check_seed(seed)), [], 0
    while written < length:
        parts.append(KINDS[dice.choice(kinds)](dice) + END)
        written += len(parts[-1])
    return "".join(parts)[:length]


# ---- text and numbers ---------------------------------------------------------------------------


def encode(text: str) -> Tensor:
    """Return the place of each character in `ALPHABET`, int64 (T,).

    Raises:
        CourseError: for a character that is not in it.
    """
    for letter in text:
        if letter not in PLACES:
            raise CourseError(f"{letter!r} is no character of the text; allowed: {ALPHABET!r}")
    return torch.tensor([PLACES[letter] for letter in text], dtype=torch.long)


def decode(places: Tensor) -> str:
    """Return the text of places (T,); the inverse of `encode`."""
    return "".join(ALPHABET[place] for place in places.tolist())


def text_data(length: int = 20_000, window: int = 32, seed: int = 0) -> Dataset:
    """Return windows of a text with the next character of each place as its answer.

    The test windows come from another text. Windows do not overlap; a twentieth of the length, and
    at least one window, is written for the test.

    Args:
        length: of the training text, in characters.
        window: characters that a model sees at once, T.
        seed: of both texts.

    Returns:
        A `Dataset` with x and y (N, T) int64, a class for each place.

    Raises:
        CourseError: for a text that has no whole window.
    """
    window = check_count("window", window, 1, 10_000, "characters")
    length = check_count("length", length, window + 1, 10**7, "at least a window and a character")
    x, y = windows(write_text(length, seed), window)
    test = write_text(max(length // 20, window + 1), seed=check_seed(seed) + 2**32)
    x_test, y_test = windows(test, window)
    return Dataset("text", x, y, x_test, y_test, classes=len(ALPHABET))


def windows(text: str, window: int) -> tuple[Tensor, Tensor]:
    """Return (x, y), each (N, window): places of a text, and those one character further."""
    places = encode(text)
    n = (len(places) - 1) // window
    return places[: n * window].view(n, window), places[1 : n * window + 1].view(n, window)


# ---- judging ------------------------------------------------------------------------------------


def is_right(item: str) -> bool:
    """Return whether an item, without its semicolon, is one that the course could have written."""
    if "=" in item:
        left, _, right = item.partition("=")
        a, plus, b = left.partition("+")
        digits = plus and all(len(part) == 1 and part in "0123456789" for part in (a, b))
        return bool(digits) and right == str(int(a) + int(b))
    if item[:1] in PAIRS:
        return _nests(item)
    said = item.split(" ")
    if any(word not in NUMBERS for word in said) or not 2 <= len(said) <= 4:
        return False
    start = NUMBERS.index(said[0])
    return tuple(said) == NUMBERS[start : start + len(said)]


def _nests(item: str) -> bool:
    still_open: list[str] = []
    for letter in item:
        if letter in PAIRS:
            still_open.append(PAIRS[letter])
        elif not still_open or letter != still_open.pop():
            return False
        if len(still_open) > DEEPEST:
            return False
    return not still_open and len(item) <= 2 * MOST_PAIRS


def share_right(text: str) -> float:
    """Return the share of whole items in a text that are right; NaN without any.

    What stands before the first semicolon and after the last may be cut off: it does not count.
    """
    items = text.split(END)[1:-1]
    return sum(map(is_right, items)) / len(items) if items else float("nan")
