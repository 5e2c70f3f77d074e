"""Wrong answers to the exercises of 3_06_momentum_clipping: exercise, answer, its message."""

import math

import torch

from course.lessons.exercises import momentum_clipping


def step(cut=lambda g, e: g.clamp(-e, e), new=None, move=None, order=1):
    """A one-step function made of its three lines, to be wrong in exactly one of them."""
    new = new or (lambda v, g, b: b * v + (1 - b) * g)
    move = move or (lambda w, old, v, g, a: w - a * v)

    def answer(w, v, g, lr, beta, eps):
        g = cut(g, eps)
        made = new(v, g, beta)
        return (move(w, v, made, g, lr), made)[::order]

    return answer


def in_place(w, v, g, lr, beta, eps):
    v = beta * v + (1 - beta) * g.clamp_(-eps, eps)
    return w - lr * v, v


def after(w, v, g, lr, beta, eps):
    v = beta * v + (1 - beta) * g
    return w - lr * v.clamp(-eps, eps), v


def after_in_place(w, v, g, lr, beta, eps):
    v = (beta * v + (1 - beta) * g).clamp(-eps, eps)
    return w - lr * v, v


def beta_as_limit(w, v, g, lr, beta, eps):
    v = beta * v + (1 - beta) * g.clamp(-beta, beta)
    return w - lr * v, v


def old_memory(w, v, g, lr, beta, eps):
    return w - lr * (beta * v + (1 - beta) * g.clamp(-eps, eps)), v


def into_w(w, v, g, lr, beta, eps):
    v = beta * v + (1 - beta) * g.clamp(-eps, eps)
    w -= lr * v
    return w, v


def into_v(w, v, g, lr, beta, eps):
    v.mul_(beta).add_((1 - beta) * g.clamp(-eps, eps))
    return w - lr * v, v


def restored(w, v, g, lr, beta, eps):
    """Right numbers, but v is rounded on the way and so left changed."""
    new = beta * v + (1 - beta) * g.clamp(-eps, eps)
    v += 1.0
    v -= 1.0 + 1e-6
    return w - lr * new, new


def with_numbers(lr=None, beta=None, eps=None):
    """A step that types some of its three numbers."""
    typed = {"lr": lr, "beta": beta, "eps": eps}

    def answer(w, v, g, lr, beta, eps):
        given = {"lr": lr, "beta": beta, "eps": eps}
        used = [given[name] if typed[name] is None else typed[name] for name in given]
        return step()(w, v, g, *used)

    return answer


def roles_swapped(w, v, g, lr, beta, eps):
    return step()(w, v, g, 1 - beta, 1 - lr, eps)


def rate_as_decay(w, v, g, lr, beta, eps):
    v = lr * v + (1 - lr) * g.clamp(-eps, eps)
    return w - lr * v, v


def three_entries(w, v, g, lr, beta, eps):
    w, v = step()(w, v, g, lr, beta, eps)
    return w[:3], v[:3]


def first_two_cut(g, eps):
    return torch.cat([g[:2].clamp(-eps, eps), g[2:]])


def far_out(g, eps):
    """Cuts only what is more than twice as long as ε."""
    return torch.where(g.abs() > 2 * eps, eps * g.sign(), g)


def both_cut(w, v, g, lr, beta, eps):
    v = (beta * v + (1 - beta) * g.clamp(-eps, eps)).clamp(-eps, eps)
    return w - lr * v, v


def imaginary(w, v, g, lr, beta, eps):
    w, v = step()(w, v, g, lr, beta, eps)
    return w + 1j, v + 1j


def by_norm(g, eps):
    return g * min(1.0, eps / float(g.norm()))


def back(factor, beta):
    return math.log(factor) / math.log(1 / beta)


clip = momentum_clipping.clipped_step
bounds = momentum_clipping.bounds
count = momentum_clipping.wrong_way
WRONG = [
    (clip, 0.9, "function itself"),
    (clip, lambda w, v, g, lr, beta, eps: ..., "returns nothing"),
    (clip, lambda w, v, g, lr, beta, eps: (w, None), "One of the two things is still open"),
    (clip, lambda w, v, g, lr, beta, eps: w, "two things"),
    (clip, in_place, "changed the g"),
    (clip, step(order=-1), "swapped: return w first"),
    (clip, after, "*after* momentum"),
    (clip, step(cut=lambda g, e: g), "Nothing was clipped"),
    (clip, old_memory, "unchanged"),
    (clip, after_in_place, "kept the clipped one"),
    (clip, step(new=lambda v, g, b: (1 - b) * v + b * g), "β and 1 - β are swapped"),
    (clip, beta_as_limit, "used β as the limit"),
    (clip, step(new=lambda v, g, b: b * v + g), "heavy ball"),
    (clip, step(cut=by_norm), "by norm"),
    (clip, step(cut=lambda g, e: g.clamp(max=e)), "both sides"),
    (clip, step(new=lambda v, g, b: g), "has the memory"),
    (clip, step(new=lambda v, g, b: 2 * v), "your v is"),
    (clip, step(move=lambda w, old, v, g, a: w + a * v), "climbs"),
    (clip, step(move=lambda w, old, v, g, a: w - a * old), "old one"),
    (clip, step(move=lambda w, old, v, g, a: w - a * g), "use the new v"),
    (clip, step(move=lambda w, old, v, g, a: w - v), "should be"),
    (clip, step(move=lambda w, old, v, g, a: w), "w came back unchanged"),
    (clip, into_w, "changed the w"),
    (clip, into_v, "changed the v"),
    (clip, restored, "changed the v"),
    (clip, with_numbers(eps=1.0), "clipped at 1"),
    (clip, with_numbers(beta=0.9), "typed β = 0.9"),
    (clip, with_numbers(lr=0.01), "should be"),
    (clip, with_numbers(0.1, 0.9, 1.0), "your v is"),
    (clip, roles_swapped, "used 1 - α as the decay"),
    (clip, rate_as_decay, "roles of α and β"),
    (clip, three_entries, "entries each"),
    (clip, lambda w, v, g, lr, beta, eps: (0 * w, 0 * v), "your v is"),
    (clip, lambda w, v, g, lr, beta, eps: (w.tolist(), v.tolist()), "entries each"),
    (clip, step(cut=first_two_cut), "not yet"),
    (clip, step(cut=far_out), "your v is"),
    (clip, step(cut=lambda g, e: e * g.sign()), "your v is"),
    (clip, both_cut, "clipped v as well"),
    (clip, imaginary, "real numbers"),
    (bounds, 0.5, "three numbers"),
    (bounds, (..., ..., ...), "open"),
    (bounds, (0.5, None, 0.05), "One of the three numbers is still open"),
    (bounds, (25, 0.5, 0.05), "swapped"),
    (bounds, (0.01, 25, 0.05), "*one* gradient"),
    (bounds, (0.49, 25, 0.05), "β does not clip"),
    (bounds, (1, 25, 0.05), "no mean of numbers"),
    (bounds, (0.5, 0.5, 0.05), "Heavy ball adds up"),
    (bounds, (0.5, math.inf, 0.05), "not for ever"),
    (bounds, (0.5, 0.5 / 0.98, 0.05), "ε/β?"),
    (bounds, (0.5, 7, 0.05), "is largest when"),
    (bounds, (0.5, 25, 2.5), "stands *before*"),
    (bounds, (0.5, 25, 0.5), "α times it"),
    (bounds, (0.5, 25, math.inf), "as large as it likes"),
    (bounds, (0.5, 25, 7), "The longest move"),
    (count, 44, "function itself"),
    (count, lambda b, s: ..., "returns nothing"),
    (count, lambda b, s: math.ceil(back((1 - b) * (s + 1), b)), "must be 0"),
    (count, lambda b, s: max(0, back((1 - b) * (s + 1), b)), "Round up"),
    (count, lambda b, s: max(0, math.floor(back((1 - b) * (s + 1), b))), "One too few"),
    (count, lambda b, s: max(0, math.ceil(back((1 - b) * (s + 1), b)) + 1), "One too many"),
    (count, lambda b, s: math.ceil(math.log((1 - b) * (s + 1)) / math.log(b)), "ln β is negative"),
    (count, lambda b, s: s, "size of the spike"),
    (count, lambda b, s: 1 / (1 - b), "how many points"),
    (count, lambda b, s: math.ceil(back(s + 1, b)), "weight 1 - β"),
    (count, lambda b, s: math.ceil(back(s, b)), "weight 1 - β"),
    (count, lambda b, s: max(0, math.ceil(back((1 - b) * s, b))), "Nearly"),
    (
        count,
        lambda b, s: max(0, math.ceil(math.log10((1 - b) * (s + 1)) / math.log(1 / b))),
        "Two kinds",
    ),
    (count, lambda b, s: 44, "the experiment"),
    (count, lambda b, s: math.ceil(back((1 - b) * (s + 1), b)) if s > 6 else 0, "must be 0"),
    (count, lambda b, s: momentum_clipping.simulate(b, s), "belongs to the judge"),
    (count, lambda b, s: {0.9: 44 if s > 99 else 16, 0.99: 230, 0.5: 3}.get(b, 0), "experiment"),
    (count, lambda b, s: max(0, math.ceil(back(0.1 * (s + 1), b))), "experiment"),
    (count, lambda b, s: max(0, math.ceil(back((1 - b) * (s + 1), 0.9))), "experiment"),
    (count, lambda b, s: max(0, math.ceil(math.log((1 - b) * (s + 1)))), "experiment"),
    (count, lambda b, s: math.inf, "experiment"),
    (count, lambda b, s: math.nan, "experiment"),
    (count, lambda b, s: math.log(-s), "raised"),
]
