"""Other statements about the documents' programs, for the tests of the ledger."""

from course.lessons.checks.code_examples import (
    batches,
    first_program,
    keras_three,
    keras_two,
    whole,
)

# claim: (what was changed, the statement, its verdict)
MUTANTS = [
    ("D0-4", "digits, longer steps, two devices",
     {"labels": "of the digits", "updates": 400, "lr": 0.3, "ranks": 2}, "holds"),
    ("D1-4", "with its data", keras_two.document | {"names": ("x_train", "y_train")}, "imprecise"),
    ("D1-4", "parallel alone", keras_two.document | {"ranks": 4}, "imprecise"),
    ("D2-4", "with cross-entropy and flat labels",
     batches.document | {"criterion": "cross-entropy", "column": False}, "imprecise"),
    ("D2-4", "a mean of rows", batches.document | {"weighted": True}, "imprecise"),
    ("D3-4", "rows", keras_three.document | {"images": False}, "imprecise"),
]  # fmt: skip

# claim, part of the statement, another value, the place of the aside that changes
ASIDES = [
    ("D1-4", "first", "hidden", 0), ("D2-4", "column", False, 0), ("D2-4", "column", False, 2),
    ("D3-4", "compile", "chooses the loss", 0),
]  # fmt: skip

# what is given for a missing section, worse
GIVEN = ("D4-4", whole.planted | {"column": True})

# the marks of the core cases of D0-4 as one part changes
FIRST = [
    (first_program.document, "✓✓✗✗✗✗"),
    (first_program.document | {"ranks": 2}, "✓✓✗✗✗✓"),
    (first_program.document | {"labels": "of the digits", "updates": 300}, "✓✓✓✗✗✗"),
    (first_program.planted | {"updates": 10}, "✓✓✓✗✗✓"),
    (first_program.planted | {"lr": 30.0, "updates": 10}, "✓✗✗✗✗✓"),
]
