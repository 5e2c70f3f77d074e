"""Wrong answers to the exercises of 3_16_memory: (exercise, answer, what is said)."""

import math

import torch

from course.lessons.exercises import memory
from course.planner.ways import Way

SUM, SCALE, MOVES = memory.three_lines, memory.scale, memory.three_moves
LIMIT = torch.finfo(torch.float16).max


def one_by_one(w, updates, dtype):
    w = w.to(dtype)
    for update in updates:
        w = w + update.to(dtype)
    return w.bfloat16()


def power(x):
    return 2.0 ** math.floor(math.log2(x))


WRONG = [
    (SUM, 2.0, "Hand over the function itself"),
    (SUM, lambda w, u: None, "returns nothing yet"),
    (SUM, lambda w, u: 2.0, "Return a tensor like w"),
    (SUM, lambda w, u: u, "Return a tensor like w"),
    (SUM, lambda w, u: w.float() + u.sum(0), "leaves as float32"),
    (SUM, lambda w, u: w.float(), "Return the weight in bfloat16"),
    (SUM, lambda w, u: one_by_one(w, u, torch.bfloat16), "rounding removes every update"),
    (SUM, lambda w, u: w.clone(), "rounding removes every update"),
    (SUM, lambda w, u: one_by_one(w, u, torch.float16), "a sum in float16"),
    (SUM, lambda w, u: u.sum(0).bfloat16(), "w is missing"),
    (SUM, lambda w, u: (w.float() - u.sum(0)).bfloat16(), "You subtract"),
    (SUM, lambda w, u: w * 2, "In which type do you add"),
    (SUM, lambda w, u: w.add_(u.sum(0).bfloat16()), "The function changed"),
    (SCALE, 1024.0, "Hand over the function itself"),
    (SCALE, lambda g: None, "returns nothing yet"),
    (SCALE, lambda g: "large", "Return one number above 0"),
    (SCALE, lambda g: -2.0, "Return one number above 0"),
    (SCALE, lambda g: power(LIMIT / float(g.max())), "may be negative"),
    (SCALE, lambda g: LIMIT / float(g.abs().max()), "exactly at the limit"),
    (SCALE, lambda g: 8 * power(LIMIT / float(g.abs().max())), "an overflow"),
    (SCALE, lambda g: 65536.0 * 65536.0, "an overflow"),
    (SCALE, lambda g: 1000.0, "no power of two"),
    (SCALE, lambda g: 1024.0, "a larger power of two"),
    (MOVES, 3, "Hand over a Way"),
    (MOVES, Way(recompute=True), "Most of it: optimiser"),
    (MOVES, Way(micro_batches=8, offload=True), "12.4 MB"),
    (MOVES, Way(micro_batches=2, recompute=True, offload=True), "11.1 MB"),
    (MOVES, Way(offload=True), "Most of it: activations"),
    (MOVES, Way(precision="bfloat16", recompute=True), "Stay in float32"),
    (MOVES, Way(zero=3), "There is one device"),
]
