"""Judges for chapter 3_12_ensembles."""

import math

import torch
from torch import Tensor

from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["average", "boost", "disagreement"]

Line = tuple[Tensor, float]  # what a member of the judge has learned: x @ w + its shift


def near(a: Tensor, b: Tensor) -> bool:
    """Tell whether two tensors of one shape are equal up to rounding of float32."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)


def named(got: Tensor, mistakes: list[tuple[Tensor, str]]) -> str | None:
    """Return the words of the first mistake whose result this is."""
    return next((words for value, words in mistakes if near(got, value)), None)


# ---- 1. the mean of the members' probabilities ----------------------------------------------


def judge_average(answer) -> str | None:
    """Judge answer(logits), a list of (B, C) → the mean of the members' probabilities, (B, C)."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_average."
    return on_probes(lambda draw: judge_one_average(answer, draw))


def judge_one_average(answer, draw: Draw) -> str | None:
    """Judge it on members that differ in how sure they are."""
    count, rows, classes = draw.sizes(3)
    Z = 3 * draw.normal(count, rows, classes)
    Z[0] *= 3  # one of them is very sure
    got = answer(list(Z.clone()))
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return."
    got = torch.as_tensor(got).double()
    P = Z.softmax(2)
    wanted = P.mean(0)
    if near(got, wanted):
        return None
    mistakes = [
        (Z.mean(0), "That is the mean of the logits. Turn each member's logits into probabilities "
         "first."),
        (Z.mean(0).softmax(1), "You took the mean of the logits, then softmax. Then a member that "
         "is very sure of a class counts more than one. Softmax first, then the mean."),
        (P.sum(0), "That is the sum of the probabilities: divide by the number of members."),
        (Z.softmax(1).mean(0), "Softmax over the rows: each row must sum to 1, so it runs over the "
         "classes."),
        (Z.softmax(0).mean(0), "Softmax over the members. Each member's own probabilities sum to 1 "
         "over the classes."),
        (wanted.t(), "Transposed: a row for each row of the logits, a column for each class."),
        (wanted.log(), "That is the logarithm of it. Return the probabilities."),
        (wanted.argmax(1).double(), "Those are the classes. Return the probabilities, (B, C)."),
        (torch.nn.functional.one_hot(Z.argmax(2), classes).double().mean(0),
         "Those are votes: each member counts for its favourite alone. Average what it gives to "
         "*every* class."),
        (P.mean(1), "The mean runs over the rows. Take it over the members."),
        (P[0], "Those are the first member's. All of them count."),
    ]  # fmt: skip
    if words := named(got, mistakes):
        return words
    if got.shape != wanted.shape:
        return f"It has the shape {(*got.shape,)}; it must be (B, C) = {(*wanted.shape,)}."
    row, cell = divmod(int((got - wanted).abs().argmax()), classes)
    return (f"Row {row}, class {cell} comes out as {float(got[row, cell]):.3g}; with "
            f"{count} members it is {float(wanted[row, cell]):.3g}.")  # fmt: skip


average = Exercise(
    "Exercise 1",
    judge_average,
    [
        "Two things happen to the logits: each member turns its own into probabilities, and then "
        "there is a mean. In this order.",
        "torch.stack(logits) is (members, B, C). Which of the three axes has probabilities that "
        "sum to 1, and over which one runs the mean?",
        "The classes are axis 2, or -1, and the members axis 0: one of them is for softmax, the "
        "other for mean.",
    ],
)


# ---- 2. how often two members disagree -------------------------------------------------------


def judge_disagreement(answer) -> str | None:
    """Judge answer(outputs) → the share of rows on which two different members disagree."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_disagreement."
    return on_probes(lambda draw: judge_one_disagreement(answer, draw))


def judge_one_disagreement(answer, draw: Draw) -> str | None:
    """Judge it on members of which each copies the first on a part of the rows."""
    count, _, classes = draw.sizes(3)
    rows = 37
    Z = draw.normal(count, rows, classes)
    for member in range(1, count):
        Z[member, : 5 * member] = Z[0, : 5 * member]
    got = answer(list(Z.clone()))
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return."
    if torch.as_tensor(got).numel() != 1 or isinstance(got, bool | complex):
        return "Return one number: a share of the rows."
    share = float(got)
    picks = Z.argmax(2)
    apart = (picks[:, None] != picks[None]).double()  # (members, members, rows)
    pairs = [apart[i, j] for i in range(count) for j in range(i)]
    wanted = float(torch.stack(pairs).mean())
    if math.isclose(share, wanted, rel_tol=1e-4):
        return None
    numbers = [
        (1 - wanted, "That is the share on which they *agree*."),
        (float(apart.mean()), "You count each member with itself, too. It agrees with itself on "
         "every row: leave these pairs out."),
        (float(torch.stack(pairs).sum()), "That counts rows. Divide by how many rows and pairs "
         "there are."),
        (wanted * rows, "That is a number of rows: divide by the rows."),
        (wanted * len(pairs), "Summed over the pairs: divide by their number."),
        (2 * wanted, "Each pair counts twice, and you divide by half as many."),
        (wanted / 2, "You divide by twice as many pairs as you add up."),
        (float(apart[0, 1:].mean()), "You compare with the first member alone. Take every pair."),
        (float(torch.stack([apart[i, i + 1] for i in range(count - 1)]).mean()),
         "You compare neighbours alone. Take every pair."),
        (float(torch.stack(pairs).amax(0).mean()), "That is the share of rows on which not *all* "
         "agree. Take pairs."),
        (float((Z[:, None] != Z[None]).double().mean()), "You compare the logits. Two members "
         "disagree if their largest logit stands at another class."),
    ]  # fmt: skip
    for value, words in numbers:
        if math.isclose(share, value, rel_tol=1e-4):
            return words
    if not 0 <= share <= 1:
        return f"{share:.3g} comes out: a share lies between 0 and 1."
    return f"{share:.3g} comes out; for these {count} members it is {wanted:.3g}."


disagreement = Exercise(
    "Exercise 2",
    judge_disagreement,
    [
        "Which class does each member pick in each row? Then compare the picks of two members.",
        "picks = torch.stack(outputs).argmax(2) is (members, B). For two members i and j, "
        "picks[i] != picks[j] marks the rows on which they disagree.",
        "Two loops, for i in range(members) and for j in range(i), visit every pair once. What is "
        "the mean of (picks[i] != picks[j]).float()?",
    ],
)


# ---- 3. gradient boosting -------------------------------------------------------------------


def fit_line(x: Tensor, r: Tensor) -> Line:
    """Return what half a least-squares line on the first input has learned: it leaves work."""
    x, r = x[:, :1], r[:, :1]
    slope = ((x - x.mean()) * (r - r.mean())).sum() / (x - x.mean()).square().sum()
    shift = float(0.6 * r.mean() - slope * x.mean() / 2)
    return slope.reshape(1, 1) / 2, shift


def learn_part(x: Tensor, r: Tensor):
    """Learn a part of r from x; return a function from rows (B, n) to values (B, 1)."""
    w, shift = fit_line(x, r)
    return lambda rows: rows[:, :1] @ w.to(rows) + shift


def boosted(x: Tensor, y: Tensor, stages: int, rate: float, kind: str = "right") -> Tensor:
    """Return the answers to the rows x after all stages, as right or by a known mistake."""
    start = {"from 0": 0 * y, "from the first": learn_part(x, y)(x)}
    F = start.get(kind, y.mean(0).expand_as(y)).clone()
    begin = F.clone()
    for _ in range(stages):
        left = {"learns y": y, "sign": F - y, "never updated": y - begin}.get(kind, y - F)
        step = {"no rate": 1.0, "rate twice": rate**2}.get(kind, rate) * learn_part(x, left)(x)
        F = step if kind == "last only" else F + step
    return F / stages if kind == "mean" else F


MISTAKES = {
    "no rate": "Each member's answer is added whole. Multiply it by the rate.",
    "rate twice": "The rate is applied twice.",
    "learns y": "Every member learns y again. Each must learn what is *left over*: y - F.",
    "sign": "The members learn F - y, so each step leads away. What is left over is y - F.",
    "never updated": "All members learn what was left over at the start. Compute y - F again "
    "after each step.",
    "from 0": "It starts from 0. Start from the mean of y.",
    "from the first": "It starts from a member. Start from the mean of y.",
    "last only": "Only the last member counts. Add each step to F.",
    "mean": "You divide by the number of stages: boosting adds up, it takes no mean.",
}


def judge_boost(answer) -> str | None:
    """Judge answer(learn, x, y, stages, rate) → F(x), the boosted answers to the rows x."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_boost."
    return on_probes(lambda draw: judge_one_boost(answer, draw))


def judge_one_boost(answer, draw: Draw) -> str | None:
    """Judge it with a learner that learns a part of what it is given."""
    rows, inputs = 10 + draw.size(), draw.size()
    (rate,) = draw.numbers((0.2, 0.7))
    stages = draw.size()
    x = draw.normal(rows, inputs)
    y = 2 * x[:, :1] + 0.5 * draw.normal(rows, 1) + 3
    got = answer(learn_part, x.clone(), y.clone(), stages, rate)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return F."
    if callable(got):
        return "It returns a function. Return the values F for the rows x: a tensor like y."
    got = torch.as_tensor(got).double()
    wanted = boosted(x, y, stages, rate)
    if got.shape != y.shape:
        return f"F has the shape {(*got.shape,)}; it must be that of y, {(*y.shape,)}."
    if near(got, wanted):
        return None
    found = [(boosted(x, y, stages, rate, kind), words) for kind, words in MISTAKES.items()]
    found += [
        (boosted(x, y, stages - 1, rate), "One stage is missing: there are `stages` members."),
        (boosted(x, y, stages + 1, rate), "One stage too many: there are `stages` members."),
        (wanted - y.mean(), "The start is missing in the sum: begin with F at the mean of y."),
    ]
    if words := named(got, found):
        return words
    error, aim = (float((F - y).square().mean()) for F in (got, wanted))
    return (f"After {stages} stages your mean squared error in the rows is {error:.3g}; it should "
            f"be {aim:.3g}.")  # fmt: skip


boost = Exercise(
    "Exercise 3",
    judge_boost,
    [
        "Begin with F, the mean of y for every row. Then the same three lines, `stages` times.",
        "In each stage: what is left over, a member that learns it, a step of F.",
        "member = learn(x, what is left over). Then member(x) is what it answers, and F moves by "
        "the rate times that.",
    ],
)
