"""Wrong answers to the exercises of 3_12_ensembles: (exercise, answer, what its message says)."""

import torch

from course.lessons.exercises import ensembles

AVERAGE, DISAGREE, BOOST = ensembles.average, ensembles.disagreement, ensembles.boost


def stacked(change):
    """change(Z) of all logits, (members, B, C)."""
    return lambda logits: change(torch.stack(logits))


def picked(change):
    """change(picks) of the picked classes, (members, B)."""
    return lambda outputs: change(torch.stack(outputs).argmax(2))


def pairs(picks):
    """Where the members of each pair differ: (pairs, B)."""
    n = len(picks)
    return torch.stack([(picks[i] != picks[j]).double() for i in range(n) for j in range(i)])


def right_boost(learn, x, y, stages, rate):
    F = y.mean(0).expand_as(y)
    for _ in range(stages):
        F = F + rate * learn(x, y - F)(x)
    return F


def boost(left=lambda y, F: y - F, rate=lambda a: a, stages=lambda n: n, start=None):
    """Boosting with one part of it changed."""

    def answer(learn, x, y, n, a):
        F = y.mean(0).expand_as(y) if start is None else start(learn, x, y)
        for _ in range(stages(n)):
            F = F + rate(a) * learn(x, left(y, F))(x)
        return F

    return answer


def last_only(learn, x, y, stages, rate):
    F = y.mean(0).expand_as(y)
    for _ in range(stages):
        F = rate * learn(x, y - F)(x)
    return F


def once(learn, x, y, stages, rate):
    F = begin = y.mean(0).expand_as(y)
    for _ in range(stages):
        F = F + rate * learn(x, y - begin)(x)
    return F


def in_place(learn, x, y, stages, rate):
    F = y.mean(0).expand_as(y).clone()
    for _ in range(stages):
        step = rate * learn(x, y - F)(x)
        F += step
        x.mul_(1.0).add_(0.1)
    return F


WRONG = [
    (AVERAGE, torch.zeros(2, 2), "function itself"),
    (AVERAGE, lambda logits: None, "returns nothing"),
    (AVERAGE, stacked(lambda Z: Z.mean(0)), "mean of the logits. Turn"),
    (AVERAGE, stacked(lambda Z: Z.mean(0).softmax(1)), "then softmax"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2).sum(0)), "divide by the number of members"),
    (AVERAGE, stacked(lambda Z: Z.softmax(1).mean(0)), "Softmax over the rows"),
    (AVERAGE, stacked(lambda Z: Z.softmax(0).mean(0)), "Softmax over the members"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2).mean(0).t()), "Transposed"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2).mean(0).log()), "the logarithm"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2).mean(0).argmax(1)), "Those are the classes"),
    (AVERAGE, stacked(lambda Z: torch.nn.functional.one_hot(Z.argmax(2), Z.shape[2]).double()
                      .mean(0)), "Those are votes"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2).mean(1)), "runs over the rows"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2)[0]), "the first member's"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2)), "has the shape"),
    (AVERAGE, stacked(lambda Z: Z.softmax(2).amax(0)), "comes out as"),
    (AVERAGE, lambda logits: sum(z.softmax(1) for z in logits) / 4, "comes out as"),
    (DISAGREE, 0.5, "function itself"),
    (DISAGREE, lambda outputs: None, "returns nothing"),
    (DISAGREE, picked(lambda p: pairs(p).mean(1)), "Return one number"),
    (DISAGREE, picked(lambda p: 1 - pairs(p).mean()), "*agree*"),
    (DISAGREE, picked(lambda p: (p[:, None] != p[None]).double().mean()), "with itself, too"),
    (DISAGREE, picked(lambda p: pairs(p).sum()), "counts rows"),
    (DISAGREE, picked(lambda p: pairs(p).sum(1).mean()), "a number of rows"),
    (DISAGREE, picked(lambda p: pairs(p).mean(1).sum()), "Summed over the pairs"),
    (DISAGREE, picked(lambda p: 2 * pairs(p).mean()), "counts twice"),
    (DISAGREE, picked(lambda p: pairs(p).mean() / 2), "twice as many pairs"),
    (DISAGREE, picked(lambda p: (p[0] != p[1:]).double().mean()), "the first member alone"),
    (DISAGREE, picked(lambda p: (p[1:] != p[:-1]).double().mean()), "neighbours alone"),
    (DISAGREE, picked(lambda p: pairs(p).amax(0).mean()), "not *all*"),
    (DISAGREE, stacked(lambda Z: (Z[:, None] != Z[None]).double().mean()), "compare the logits"),
    (DISAGREE, lambda outputs: -0.5, "between 0 and 1"),
    (DISAGREE, lambda outputs: 0.123, "for these"),
    (BOOST, 1.0, "function itself"),
    (BOOST, lambda *given: None, "returns nothing"),
    (BOOST, lambda learn, x, y, stages, rate: learn(x, y), "returns a function"),
    (BOOST, lambda *given: right_boost(*given)[:, 0], "must be that of y"),
    (BOOST, boost(rate=lambda a: 1.0), "Multiply it by the rate"),
    (BOOST, boost(rate=lambda a: a * a), "applied twice"),
    (BOOST, boost(left=lambda y, F: y), "learns y again"),
    (BOOST, boost(left=lambda y, F: F - y), "leads away"),
    (BOOST, once, "at the start"),
    (BOOST, boost(start=lambda learn, x, y: 0 * y), "starts from 0"),
    (BOOST, boost(start=lambda learn, x, y: learn(x, y)(x)), "starts from a member"),
    (BOOST, last_only, "Only the last member"),
    (BOOST, lambda learn, x, y, stages, rate: right_boost(learn, x, y, stages, rate) / stages,
     "takes no mean"),
    (BOOST, boost(stages=lambda n: n - 1), "One stage is missing"),
    (BOOST, boost(stages=lambda n: n + 1), "One stage too many"),
    (BOOST, lambda learn, x, y, stages, rate: right_boost(learn, x, y, stages, rate) - y.mean(),
     "The start is missing"),
    (BOOST, boost(rate=lambda a: 0.45), "mean squared error"),
    (BOOST, in_place, "changed the x"),
]  # fmt: skip
