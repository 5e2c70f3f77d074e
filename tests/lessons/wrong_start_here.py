"""Wrong answers to the exercise of 00_start_here: exercise, answer, words of its message."""

from course.lessons.exercises import start_here

WRONG = [
    (start_here.schedule, 0.5, "one constant rate"),
    (start_here.schedule, "fast", "Give a function"),
    (start_here.schedule, lambda step: 1 - step / 100, "below 0"),
    (start_here.schedule, lambda step: 0.7, "same at every step"),
    (start_here.schedule, lambda step: step / 200, "rises"),
    (start_here.schedule, lambda step: 0.3 - step / 1000, "starts below"),
    (start_here.schedule, lambda step: 20 - step / 100, "never recovered"),
    (start_here.schedule, lambda step: 1 / 0, "ZeroDivisionError"),
]
