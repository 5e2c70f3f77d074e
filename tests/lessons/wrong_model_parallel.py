"""Wrong answers to the exercises of 3_15_model_parallel: (exercise, answer, what is said)."""

import math

import torch
from puzzle_answers import WRONG as PUZZLES

from course.lessons.exercises import model_parallel

COUNT, BLOCK = model_parallel.micro_batches, model_parallel.block


def relu(x, A, a):
    return torch.relu(x @ A.t() + a)


WRONG = [
    (COUNT, 57, "Hand over the function itself"),
    (COUNT, lambda p, share: None, "returns nothing yet"),
    (COUNT, lambda p, share: "many", "Return one number"),
    (COUNT, lambda p, share: (p - 1) * (1 - share) / share, "Micro-batches are whole"),
    (COUNT, lambda p, share: int((p - 1) * (1 - share) / share), "round up"),
    (COUNT, lambda p, share: math.ceil((p - 1) / share), "over the *working* time"),
    (COUNT, lambda p, share: math.ceil(p * (1 - share) / share), "you take p for p - 1"),
    (COUNT, lambda p, share: math.ceil((1 - share) / share), "depend on the number of ranks"),
    (COUNT, lambda p, share: math.ceil((p - 1) * share / (1 - share)), "upside down"),
    (COUNT, lambda p, share: 10**6, "not the fewest"),
    (COUNT, lambda p, share: 4, "That is too much"),
    (COUNT, lambda p, share: 57, "For"),
    (BLOCK, 1, "Hand over the function itself"),
    (BLOCK, lambda *_: None, "returns nothing yet"),
    (BLOCK, lambda x, *_: 3.0, "Return a tensor (rows, outputs)"),
    (BLOCK, lambda x, A, a, B, b, s: relu(x, A, a) @ B.t() + b, "this rank's part alone"),
    (BLOCK, lambda x, A, a, B, b, s: s(relu(x, A, a) @ B.t() + b), "b2 is in the sum 3 times"),
    (BLOCK, lambda x, A, a, B, b, s: s(relu(x, A, a) @ B.t()), "The bias b2 is missing"),
    (BLOCK, lambda x, A, a, B, b, s: s(relu(x, A, a) @ B.t()) / 3 + b, "summed, not averaged"),
    (BLOCK, lambda x, A, a, B, b, s: s(relu(x, A, a) @ B.t() + b) / 3, "not averaged"),
    (BLOCK, lambda x, A, a, B, b, s: torch.relu(s(relu(x, A, a) @ B.t()) + b), "no ReLU after"),
    (BLOCK, lambda x, A, a, B, b, s: s((x @ A.t() + a) @ B.t()) + b, "The ReLU is missing"),
    (BLOCK, lambda x, A, a, B, b, s: torch.relu(s((x @ A.t() + a) @ B.t())) + b, "of a sum it is"),
    (BLOCK, lambda x, A, a, B, b, s: torch.relu(s(x @ A.t() + a)) @ B.t() + b,
     "between the two matrices"),
    (BLOCK, lambda x, A, a, B, b, s: s(relu(x, A, a) @ B.t()) + s(b) / 3, "One is enough"),
    (BLOCK, lambda x, A, a, B, b, s: x @ A.t(), "Return a tensor (rows, outputs)"),
    *((model_parallel.less_memory, answer, says) for n, answer, says in PUZZLES if n == 2),
]  # fmt: skip
