"""Wrong answers to the exercise of 00_start_here: exercise, answer, words of its message."""

import itertools
import math

from course.lessons.exercises import start_here

CALLS = itertools.count()


def no_argument():
    return 0.5


def falls_with_each_call(step):
    """The right curve at the first two hundred calls, whatever the step is."""
    return max(0.0, min(1.0, 2 - (next(CALLS) % 400) / 100))


WRONG = [
    (start_here.schedule, answer, words)
    for answer, words in (
        (0.5, "one constant rate"),
        ("fast", "Give a function"),
        ([1.0] * 200, "Give a function"),
        (no_argument, "TypeError"),
        (lambda step: 1 / 0, "ZeroDivisionError"),
        (lambda step: None, "At step 0 it returns None"),
        (lambda step: "1" if step == 150 else 1.0, "At step 150 it returns '1'"),
        (lambda step: True, "At step 0 it returns True"),
        (lambda step: math.nan if step > 190 else 1.0, "At step 191 it returns nan"),
        (lambda step: math.inf, "At step 0 it returns inf"),
        (lambda step: 1 - step / 100, "At step 101 the rate goes below 0"),
        (lambda step: 10**400, "At step 0 it returns 10**400 or so"),
        (lambda step: 0.7, "same at every step"),
        (lambda step: 0.85, "same at every step"),
        (falls_with_each_call, "Let the step alone decide"),
        (lambda step: 0.85 + 0.01 * (-1) ** step, "It hardly falls"),
        (lambda step: 0.7 - 1e-9 * step, "It hardly falls"),
        (lambda step: 1 - 0.3 * step / 200, "It hardly falls"),
        (lambda step: 1 - step / 200, "The shape is right"),
        (lambda step: 0.5 + 0.5 * math.cos(math.pi * step / 200), "The shape is right"),
        (lambda step: step / 200, "rises"),
        (lambda step: 0.3 - step / 1000, "travels too slowly"),
        (lambda step: 1 / (1 + step / 20), "It falls too early"),
        (lambda step: 20 - step / 100, "did not recover"),
        (lambda step: 3.0 if step < 100 else 0.3, "did not recover"),
        (lambda step: 1e30 / (1 + step), "did not recover"),
    )
]
