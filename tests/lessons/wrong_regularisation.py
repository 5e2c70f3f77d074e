"""Wrong answers to the exercises of 3_10_regularisation: (exercise, answer, what is said)."""

import torch

from course.lessons.exercises import regularisation

SOFT, STEP = regularisation.soft_threshold, regularisation.decoupled_step


def shrunk(amount):
    """The size falls by an amount of (lr, strength), and stops at 0."""
    return lambda w, lr, strength: w.sign() * (w.abs() - amount(lr, strength)).clamp(min=0)


def hard(w, lr, strength):
    return torch.where(w.abs() > lr * strength, w, 0 * w)


def in_place(w, lr, strength):
    w -= w.clamp(-lr * strength, lr * strength)
    return w


def only_seven(w, lr, strength):
    """Right for the sizes of the first probe alone: thresholds at a number it remembers."""
    kept.append(lr * strength)
    return shrunk(lambda *_: kept[0])(w, lr, strength)


kept: list[float] = []


def moved(pull):
    """w minus α times what pull(v, s, w, decay) gives."""
    return lambda w, v, s, lr, decay: w - lr * pull(v, s, w, decay)


WRONG = [
    (SOFT, 0.1, "function itself"),
    (SOFT, lambda w, lr, strength: None, "returns nothing"),
    (SOFT, lambda w, lr, strength: 0.0, "as a tensor"),
    (SOFT, lambda w, lr, strength: w[:-1], "one for each weight"),
    (SOFT, lambda w, lr, strength: w / 0, "not finite"),
    (SOFT, lambda w, lr, strength: w, "came back unchanged"),
    (SOFT, lambda w, lr, strength: w - lr * strength * w.sign(), "step of the gradient"),
    (SOFT, lambda w, lr, strength: (w.abs() - lr * strength).clamp(min=0), "lost their sign"),
    (SOFT, lambda w, lr, strength: (w - lr * strength).clamp(min=0), "negative weights are all 0"),
    (SOFT, hard, "hard thresholding"),
    (SOFT, lambda w, lr, strength: w.clamp(-lr * strength, lr * strength), "must be taken away"),
    (SOFT, shrunk(lambda lr, strength: strength), "You took γ away"),
    (SOFT, shrunk(lambda lr, strength: lr), "You took α away"),
    (SOFT, shrunk(lambda lr, strength: lr * strength / 2), "½ belongs to L2"),
    (SOFT, shrunk(lambda lr, strength: -lr * strength), "away from 0"),
    (SOFT, lambda w, lr, strength: w * (1 - lr * strength), "L2's step"),
    (SOFT, lambda w, lr, strength: w.sign() * (w.abs() - lr * strength).abs(), "bounced off 0"),
    (SOFT, shrunk(lambda lr, strength: 0.8 * lr * strength), "must become"),
    (SOFT, only_seven, "is a number or a size fixed?"),
    (SOFT, in_place, "changed the w"),
    (STEP, 0.1, "function itself"),
    (STEP, lambda w, v, s, lr, decay: None, "returns nothing"),
    (STEP, lambda w, v, s, lr, decay: w.tolist(), "as a tensor"),
    (STEP, lambda w, v, s, lr, decay: w.sum(), "one for each weight"),
    (STEP, lambda w, v, s, lr, decay: w, "came back unchanged"),
    (STEP, moved(lambda v, s, w, decay: v / s.sqrt()), "Adam alone"),
    (STEP, moved(lambda v, s, w, decay: (v + decay * w) / s.sqrt()), "divided by √s, too"),
    (STEP, lambda w, v, s, lr, decay: w - lr * v / s.sqrt() - decay * w, "not multiplied by α"),
    (STEP, moved(lambda v, s, w, decay: v / s.sqrt() - decay * w), "weights grow"),
    (STEP, moved(lambda v, s, w, decay: -v / s.sqrt() - decay * w), "It climbs"),
    (STEP, moved(lambda v, s, w, decay: v / s.sqrt() + decay * w.sign()), "L1's pull"),
    (STEP, moved(lambda v, s, w, decay: v / s.sqrt() + decay * w**2), "(γ/2)w² is γw"),
    (STEP, moved(lambda v, s, w, decay: v / s.sqrt() + decay * w / 2), "without a ½"),
    (STEP, moved(lambda v, s, w, decay: v / s.sqrt() + 2 * decay * w), "factor of 2"),
    (STEP, lambda w, v, s, lr, decay: (w - lr * v / s.sqrt()) * (1 - lr * decay), "Nearly"),
    (STEP, moved(lambda v, s, w, decay: v / s + decay * w), "divides by its root"),
    (STEP, moved(lambda v, s, w, decay: v + decay * w), "Nothing was divided"),
    (STEP, moved(lambda v, s, w, decay: decay * w), "decay alone"),
    (STEP, moved(lambda v, s, w, decay: decay * v / s.sqrt()), "belongs to w"),
    (STEP, moved(lambda v, s, w, decay: 1.1 * v / s.sqrt() + decay * w), "the new w is"),
]
