"""Wrong answers to the exercises of 3_08_adaptive: exercise, answer, words of its message."""

import torch

from course.lessons.exercises import adaptive

STEP, THOUSAND, DIRECTION = adaptive.adam_step, adaptive.thousand, adaptive.direction


def right(w, v, s, g, t, lr, beta1, beta2, eps):
    v = beta1 * v + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    v_hat, s_hat = v / (1 - beta1**t), s / (1 - beta2**t)
    return w - lr * v_hat / (s_hat**0.5 + eps), v, s


def memory(place, change):
    """The right step, but v (1) or s (2) is change(old, g, its decay, t, the other decay)."""

    def answer(w, v, s, g, t, lr, beta1, beta2, eps):
        got = list(right(w, v, s, g, t, lr, beta1, beta2, eps))
        decays = (beta1, beta2) if place == 1 else (beta2, beta1)
        got[place] = change((v, s)[place - 1], g, decays[0], t, decays[1])
        return tuple(got)

    return answer


def moved(change):
    """Right v and s; w is change(w, v, s, g, t, lr, beta1, beta2, eps) of the new v and s."""

    def answer(w, v, s, g, t, lr, beta1, beta2, eps):
        _, new_v, new_s = right(w, v, s, g, t, lr, beta1, beta2, eps)
        return change(w, new_v, new_s, g, t, lr, beta1, beta2, eps), new_v, new_s

    return answer


def along(v_part, s_part):
    """The step along v·v_part(β₁, t) over the root of s·s_part(β₂, t)."""
    return moved(
        lambda w, v, s, g, t, lr, b1, b2, eps: (
            w - lr * v * v_part(b1, t) / ((s * s_part(b2, t)) ** 0.5 + eps)
        )
    )


def one(b, t):
    return 1.0


def fair(b, t):
    return 1 / (1 - b**t)


def in_place(w, v, s, g, t, lr, beta1, beta2, eps):
    v.mul_(beta1).add_(g, alpha=1 - beta1)
    s = beta2 * s + (1 - beta2) * g**2
    return w - lr * v / (1 - beta1**t) / ((s / (1 - beta2**t)) ** 0.5 + eps), v, s


def nine_weights(w, v, s, g, t, lr, beta1, beta2, eps):
    """Right for as many weights as the first probe has."""
    got = right(w, v, s, g, t, lr, beta1, beta2, eps)
    return got if len(w) == 9 else tuple(2 * part for part in got)


def usual(w, v, s, g, t, lr, beta1, beta2, eps):
    return right(w, v, s, g, t, lr, 0.9, 0.999, 1e-8)


def never_ends(g):
    while True:
        pass


WRONG = [
    (STEP, 7, "function itself"),
    (STEP, lambda *given: None, "returns nothing"),
    (STEP, lambda *given: right(*given)[:2], "three things"),
    (STEP, lambda *given: (*right(*given)[:2], ...), "still open"),
    (STEP, lambda *given: tuple(part[:1] for part in right(*given)), "new w"),
    (STEP, lambda *given: (*right(*given)[1:], right(*given)[0]), "The order is swapped"),
    (STEP, in_place, "changed the v it was handed"),
    (STEP, usual, "v is not that"),
    (STEP, nine_weights, "v is not that"),
    (STEP, lambda *given: 1 / 0, "ZeroDivisionError"),
    (STEP, memory(1, lambda v, g, b, t, o: v), "v came back unchanged"),
    (STEP, memory(1, lambda v, g, b, t, o: (1 - b) * v + b * g), "β₁ and 1 - β₁ are swapped"),
    (STEP, memory(1, lambda v, g, b, t, o: b * v + g), "heavy ball"),
    (STEP, memory(1, lambda v, g, b, t, o: (b * v + (1 - b) * g) / (1 - b**t)), "v̂ as v"),
    (STEP, memory(1, lambda v, g, b, t, o: b * v + (1 - b) * g**2), "the squares are s's"),
    (STEP, memory(1, lambda v, g, b, t, o: o * v + (1 - o) * g), "β₂ is that of s"),
    (STEP, memory(1, lambda v, g, b, t, o: 3 * v), "v is not that"),
    (STEP, memory(2, lambda s, g, b, t, o: s), "s came back unchanged"),
    (STEP, memory(2, lambda s, g, b, t, o: (1 - b) * s + b * g**2), "β₂ and 1 - β₂ are swapped"),
    (STEP, memory(2, lambda s, g, b, t, o: b * s + g**2), "without it s is a sum"),
    (STEP, memory(2, lambda s, g, b, t, o: (b * s + (1 - b) * g**2) / (1 - b**t)), "ŝ as s"),
    (STEP, memory(2, lambda s, g, b, t, o: b * s + (1 - b) * g), "the *squares*"),
    (STEP, memory(2, lambda s, g, b, t, o: b * s + (1 - b) * g.abs()), "not |g|"),
    (STEP, memory(2, lambda s, g, b, t, o: b * s + (1 - b) * (g @ g)), "its own s"),
    (STEP, memory(2, lambda s, g, b, t, o: o * s + (1 - o) * g**2), "β₁ is that of v"),
    (STEP, memory(2, lambda s, g, b, t, o: 3 * s), "s is not that"),
    (STEP, moved(lambda w, *_: w), "w came back unchanged"),
    (STEP, moved(lambda w, *_: 2 * w), "w is not"),
    (STEP, along(one, one), "no bias correction"),
    (STEP, along(fair, one), "s is not: ŝ"),
    (STEP, along(one, fair), "v is not: v̂"),
    (STEP, along(lambda b, t: -fair(b, t), fair), "w climbs"),
    (STEP, along(lambda b, t: 1 - b**t, lambda b, t: 1 - b**t), "You multiplied"),
    (STEP, along(lambda b, t: 1 / (1 - b), lambda b, t: 1 / (1 - b)), "right at t = 1 only"),
    (STEP, along(lambda b, t: fair(b, t + 1), lambda b, t: fair(b, t + 1)), "βᵗ⁺¹"),
    (STEP, along(lambda b, t: fair(b, t - 1), lambda b, t: fair(b, t - 1)), "βᵗ⁻¹"),
    (
        STEP,
        along(lambda b, t: 1 / (1 - b * t), lambda b, t: abs(1 / (1 - b * t))),
        "beta**t, not a product",
    ),
    (
        STEP,
        moved(lambda w, v, s, g, t, lr, b1, b2, eps: w - lr * v * fair(b1, t) / (s * fair(b2, t))),
        "w is not",
    ),
    (
        STEP,
        moved(
            lambda w, v, s, g, t, lr, b1, b2, eps: (
                w - lr * v * fair(b1, t) / (s * fair(b2, t) + eps)
            )
        ),
        "The root is missing",
    ),
    (
        STEP,
        moved(
            lambda w, v, s, g, t, lr, b1, b2, eps: (
                w - lr * v * fair(b1, t) / (s * fair(b2, t) + eps) ** 0.5
            )
        ),
        "outside the root",
    ),
    (
        STEP,
        moved(
            lambda w, v, s, g, t, lr, b1, b2, eps: (
                w - lr * v * fair(b1, t) / (s * fair(b2, t)) ** 0.5
            )
        ),
        "eps is missing",
    ),
    (
        STEP,
        moved(
            lambda w, v, s, g, t, lr, b1, b2, eps: (
                w - v * fair(b1, t) / ((s * fair(b2, t)) ** 0.5 + eps)
            )
        ),
        "Where is α?",
    ),
    (STEP, moved(lambda w, v, s, g, t, lr, b1, b2, eps: w - lr * v * fair(b1, t)), "momentum"),
    (
        STEP,
        moved(lambda w, v, s, g, t, lr, b1, b2, eps: w - lr * g / ((s * fair(b2, t)) ** 0.5 + eps)),
        "Adam moves along v̂",
    ),
    (
        STEP,
        moved(lambda w, v, s, g, t, lr, b1, b2, eps: w - lr * g / (s**0.5 + eps)),
        "that is RMSProp",
    ),
    (THOUSAND, 7, "Give the letters"),
    (THOUSAND, "", "no path changes"),
    (THOUSAND, "abx", "'X' is none of the rules"),
    (THOUSAND, "abcdefgh", "every path changes"),
    (THOUSAND, "ab", "clipping by norm"),
    (THOUSAND, "abc", "Adam with eps = 1"),
    (THOUSAND, "B, C, G", "gradient descent"),
    (THOUSAND, "acg", "heavy ball"),
    (THOUSAND, "abcdg", "sign descent"),
    (THOUSAND, "abceg", "RMSProp"),
    (THOUSAND, ["A", "b", "c", "f", "g"], "Rule F, Adam: computed, its path stayed"),
    (THOUSAND, ("a", "b", "c", "g", "h"), "Muon"),
    (DIRECTION, 7, "function itself"),
    (DIRECTION, lambda g: None, "returns nothing"),
    (DIRECTION, lambda g: g.norm(), "entries return"),
    (DIRECTION, lambda g: 0 * g, "The direction is 0"),
    (DIRECTION, lambda g: g, "It notices the size: with 1000 g your direction is 1e+03"),
    (DIRECTION, lambda g: g / g.norm() ** 2, "What you divide by grows faster"),
    (DIRECTION, lambda g: g / (g.norm() + 1), "It notices the size"),
    (DIRECTION, lambda g: g * min(1.0, 1 / float(g.norm())), "It notices the size"),
    (DIRECTION, lambda g: g.sign(), "It notices a rotation"),
    (DIRECTION, lambda g: g / g.abs().max(), "It notices a rotation"),
    (DIRECTION, lambda g: g / g.abs().sum(), "It notices a rotation"),
    (DIRECTION, lambda g: torch.ones_like(g), "It notices a rotation"),
    (DIRECTION, lambda g: g / g.norm() if len(g) == 5 else g.sign(), "It notices a rotation"),
    (DIRECTION, lambda g: -g / g.norm(), "It points downhill"),
    (DIRECTION, lambda g: g.div_(g.norm()), "changed the g it was handed"),
    (DIRECTION, never_ends, "still running"),
]
