"""Wrong answers to the exercises of 2_2_scale: (exercise, answer, what its message says)."""

import operator

from course.lessons.exercises import scale

BYTES, COLLECTIVES = scale.bytes_held, scale.collectives


def terms(weights=3, gradient=2, adam=1, sizes=(4, 4, 8), below=1, is_cut=operator.ge):
    """A formula of three terms, each cut from a stage on, or at one alone with operator.eq."""

    def answer(P, ranks, stage):
        parts = zip(sizes, (weights, gradient, adam), strict=True)
        return sum(size * P / (ranks if is_cut(stage, first) else below) for size, first in parts)

    return answer


def of_first_ranks():
    """Right for the number of ranks that it meets first."""
    kept = []

    def answer(P, ranks, stage):
        kept.append(ranks)
        return terms()(P, kept[0], stage)

    return answer


def given(**changes):
    return dict(scale.RIGHT) | changes


WRONG = [
    (BYTES, 16, "function itself"),
    (BYTES, lambda P, ranks, stage: None, "returns nothing"),
    (BYTES, lambda P, ranks, stage: [P], "Return one number"),
    (BYTES, lambda P, ranks, stage: "4P", "Return one number"),
    (BYTES, lambda P, ranks, stage: 16 * P, "one device holds alone"),
    (BYTES, lambda P, ranks, stage: 16 * P / ranks, "cut everything at every stage"),
    (BYTES, terms(sizes=(1, 1, 2)), "You count numbers"),
    (BYTES, terms(sizes=(4, 4, 4)), "Adam keeps *two*"),
    (BYTES, terms(2, 1, 0), "a stage ahead"),
    (BYTES, terms(4, 3, 2), "a stage behind"),
    (BYTES, lambda P, ranks, stage: ranks * terms()(P, ranks, stage), "all ranks hold together"),
    (BYTES, terms(1, 2, 3), "The order is another"),
    (BYTES, terms(is_cut=operator.eq), "keeps the cuts of the stages before"),
    (BYTES, terms(sizes=(2, 2, 12)), "2 + 2 + 12 is the paper's"),
    (BYTES, terms(sizes=(4, 4, 12)), "Add up weights, gradient and Adam's averages"),
    (BYTES, terms(3, 1, 2), "Stage 1: P ="),
    (BYTES, of_first_ranks(), "is a number or a size fixed?"),
    (BYTES, lambda P, ranks, stage: 1 / 0, "ZeroDivisionError"),
    (COLLECTIVES, 3, "Hand over the dict"),
    (COLLECTIVES, {}, "nothing for A yet"),
    (COLLECTIVES, given(D=...), "D is still open"),
    (COLLECTIVES, given(H="send"), "a letter too many"),
    (COLLECTIVES, given(D="gather"), "'gather' is not one of"),
    (COLLECTIVES, given(D=3), "3 is not one of"),
    (
        COLLECTIVES,
        given(A="all_gather"),
        "6 of 7 fit. A, all_gather: Then each rank would hold four",
    ),
    (COLLECTIVES, given(A="reduce_scatter"), "here it updates all weights"),
    (COLLECTIVES, given(B="all_reduce"), "sends twice as much"),
    (COLLECTIVES, given(B="send"), "needs a quarter of the sum alone"),
    (COLLECTIVES, given(C="all_reduce"), "different weights means nothing"),
    (COLLECTIVES, given(D="all_reduce"), "must not be added up"),
    (COLLECTIVES, given(E="all_gather"), "z is their sum"),
    (COLLECTIVES, given(F="all_gather"), "Ranks 0 and 3 do not need it"),
    (COLLECTIVES, given(F="all_reduce"), "Layers follow each other"),
    (COLLECTIVES, given(G="all_reduce"), "That is data parallelism"),
    (COLLECTIVES, given(G="send"), "The question is about ∂L/∂W"),
    (COLLECTIVES, given(G="all_gather"), "all it needs for its own layers"),
    (COLLECTIVES, dict.fromkeys("ABCDEFG", "all_reduce"), "2 of 7 fit. B, all_reduce"),
]
