"""Wrong answers to the exercises of 2_1_networks: (exercise, answer, what its message says)."""

import numpy as np

from course.lessons.exercises import networks

XOR, LOSING, FOLDS = networks.xor, networks.losing, networks.folds
SUM, BOTH = (1, 1, 0), (1, 1, -1)  # two hidden units that make XOR


def best(table, m, n):
    return table[m][n].mean(1).argmax()


def by(score):
    """The N at which the score of depth is lower: score(val, test, model, n)."""

    def answer(counts, val, test):
        return [
            N for n, N in enumerate(counts)
            if score(val, test, "depth 4", n) < score(val, test, "linear", n)
        ]  # fmt: skip

    return answer


def right(counts, val, test):
    return by(lambda val, test, m, n: test[m][n, best(val, m, n)].mean())(counts, val, test)


def spoils(counts, val, test):
    found = right(counts, val, test)
    val["linear"] += 1
    return found


def for_five(counts, val, test):
    """Right where there are as many N as seeds."""
    found = right(counts, val, test)
    return found if len({*val["linear"].shape}) == 1 else found[:-1]


def own_rates(val, test, m, n):
    return test[m][n][val[m][n].argmax(0), range(test[m].shape[2])].mean()


def endless(counts, val, test):
    while True:
        pass


WRONG = [
    (XOR, 7, "Give hidden ="),
    (XOR, "xor", "Give hidden ="),
    (XOR, (7, (1, 1, 0)), "Give hidden ="),
    (XOR, ([SUM], (1, -2, -0.5)), "Give hidden ="),
    (XOR, ([SUM, (1, 1)], (1, -2, -0.5)), "Give hidden ="),
    (XOR, ([SUM, 5], (1, -2, -0.5)), "Give hidden ="),
    (XOR, ([SUM, (1, 1, None)], (1, -2, -0.5)), "still open"),
    (XOR, ([SUM, (1, 1, ...)], (1, -2, -0.5)), "still open"),
    (XOR, ([SUM, (1, 1, "x")], (1, -2, -0.5)), "plain, finite"),
    (XOR, ([SUM, (1, 1, True)], (1, -2, -0.5)), "plain, finite"),
    (XOR, ([SUM, (1, 1, float("nan"))], (1, -2, -0.5)), "plain, finite"),
    (XOR, ([SUM, BOTH], (1, -2, 0)), "exactly 0"),
    (XOR, ([SUM, BOTH], (1, 0, -0.5)), "That is OR"),
    (XOR, ([SUM, BOTH], (0, 1, -0.5)), "That is AND"),
    (XOR, ([SUM, BOTH], (0, -1, 0.5)), "NOT AND"),
    (XOR, ([SUM, BOTH], (-1, 0, 0.5)), "NOT OR"),
    (XOR, ([SUM, BOTH], (-1, 2, 0.5)), "Upside down"),
    (XOR, ([(1, 0, 0), (0, 1, 0)], (1, 0, -0.5)), "x₁ alone"),
    (XOR, ([(1, 0, 0), (0, 1, 0)], (0, 1, -0.5)), "x₂ alone"),
    (XOR, ([SUM, BOTH], (1, -2, -5)), "no to all four"),
    (XOR, ([SUM, BOTH], (1, 1, 5)), "yes to all four"),
    (XOR, ([SUM, SUM], (1, -2, 0.5)), "the same, up to a factor"),
    (XOR, ([SUM, (-1, -1, 0)], (1, -2, -0.5)), "Hidden unit 2 answers 0"),
    (XOR, ([(1, -1, 0), BOTH], (1, -2, -0.5)), "At (0, 1) it says no"),
    (LOSING, [16, 64], "function itself"),
    (LOSING, lambda counts, val, test: None, "returns nothing"),
    (LOSING, lambda counts, val, test: 3, "Return a list"),
    (LOSING, lambda counts, val, test: [0, 1], "not places or truth values"),
    (LOSING, lambda counts, val, test: [N in (16, 64) for N in counts], "truth values"),
    (LOSING, lambda counts, val, test: [None, counts[0]], "not places or truth values"),
    (LOSING, lambda counts, val, test: [counts[0]] * 2, "twice"),
    (LOSING, by(lambda v, t, m, n: t[m][n, best(t, m, n)].mean()), "chosen on the test set"),
    (LOSING, by(lambda v, t, m, n: v[m][n, best(v, m, n)].mean()), "reports the validation"),
    (LOSING, by(lambda v, t, m, n: -t[m][n, best(v, m, n)].mean()), "Turned round"),
    (LOSING, by(lambda v, t, m, n: t[m][n].mean()), "averages over the rates"),
    (LOSING, by(lambda v, t, m, n: t[m][n].max()), "lucky seed"),
    (LOSING, by(lambda v, t, m, n: t[m][n, best(v, m, n)].max()), "that is luck"),
    (LOSING, by(own_rates), "a rate of its own"),
    (LOSING, by(lambda v, t, m, n: t[m][n, best(v, "depth 4", n)].mean()), "suits depth 4"),
    (LOSING, by(lambda v, t, m, n: t[m][n, best(v, "linear", n)].mean()), "suits the linear"),
    (LOSING, by(lambda v, t, m, n: t[m][n, v[m].mean((0, 2)).argmax()].mean()), "all N together"),
    (LOSING, by(lambda v, t, m, n: t[m][n, v[m][n].mean(1).argmin()].mean()), "argmax, not"),
    (LOSING, lambda counts, val, test: [], "it should have"),
    (LOSING, for_five, "is a number or a size fixed?"),
    (LOSING, spoils, "changed the val it was handed"),
    (LOSING, endless, "does every loop end?"),
    (LOSING, lambda counts, val, test: np.array([[1.5]]), "Return a list"),
    (FOLDS, "many", "Give a number"),
    (FOLDS, True, "Give a number"),
    (FOLDS, 1024, "number of pieces"),
    (FOLDS, 1025, "between"),
    (FOLDS, 20, "One layer needs more"),
    (FOLDS, 2048, "count bends"),
    (FOLDS, 512, "doubles the pieces"),
    (FOLDS, 10, "number of layers"),
    (FOLDS, 7.5, "straight pieces"),
    (FOLDS, float("nan"), "straight pieces"),
]
