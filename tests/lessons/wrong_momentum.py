"""Wrong answers to the exercises of 3_04_momentum: exercise, answer, words of its message."""

from course.lessons.exercises import momentum


def step(new_v, move=lambda w, v, new, g, lr: w - lr * new, order=1):
    """A one-step function made of its two lines, to be wrong in exactly one of them."""

    def answer(w, v, g, lr, beta):
        new = new_v(v, g, beta)
        return (move(w, v, new, g, lr), new)[::order]

    return answer


def in_place(w, v, g, lr, beta):
    v = beta * v + g.mul_(1 - beta)
    return w - lr * v, v


def old_v(w, v, g, lr, beta):
    return w - lr * (beta * v + (1 - beta) * g), v


def ema(v, g, b):
    return b * v + (1 - b) * g


WRONG = [
    (momentum.long_run, (..., ..., ...), "open"),
    (momentum.long_run, (30, 0.3, None), "One of the three parts is still open"),
    (momentum.long_run, 30, "three things"),
    (momentum.long_run, (0.3, 30, "b"), "swapped"),
    (momentum.long_run, (3, 0.3, "b"), "old β"),
    (momentum.long_run, (0.3, 0.003, "b"), "first"),
    (momentum.long_run, (0.3, 0.3, "a"), "adds up"),
    (momentum.long_run, (30, 30, "b"), "average of ones"),
    (momentum.long_run, (-30, -0.3, "b"), "lengths"),
    (momentum.long_run, (7, 0.3, "b"), "heavy-ball move"),
    (momentum.long_run, (30, 7, "b"), "EMA move"),
    (momentum.long_run, (30, 0.3, "a"), "same pace"),
    (momentum.long_run, (30, 0.3, "c"), "same function"),
    (momentum.long_run, (30, 0.3, "d"), "first step"),
    (momentum.ema_step, lambda w, v, g, lr, beta: ..., "returns nothing"),
    (momentum.ema_step, lambda w, v, g, lr, beta: (w, None), "One of the two things is still open"),
    (momentum.ema_step, 0.7, "function itself"),
    (momentum.ema_step, lambda w, v, g, lr, beta: w, "two things"),
    (momentum.ema_step, step(ema, order=-1), "order"),
    (momentum.ema_step, step(lambda v, g, b: (1 - b) * v + b * g), "swapped"),
    (momentum.ema_step, step(lambda v, g, b: b * v + g), "heavy ball"),
    (momentum.ema_step, step(lambda v, g, b: ema(v, g, b) / (1 - b)), "correction"),
    (momentum.ema_step, old_v, "unchanged"),
    (momentum.ema_step, step(lambda v, g, b: g), "your v is"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr: w + lr * new), "climbs"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr: w - lr * v), "old v"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr: w - lr * g), "along g"),
    (momentum.ema_step, step(ema, lambda w, v, new, g, lr: w - new), "your w is"),
    (momentum.ema_step, in_place, "changed the gradient"),
    (momentum.ravine, 0.1, "two numbers"),
    (momentum.ravine, (None, 0.5), "One of the two numbers is still open"),
    (momentum.ravine, (0.0198, 0.0), "Without memory"),
    (momentum.ravine, (0.5, 0.9), "diverges"),
    (momentum.ravine, (0.3799, 0.9), "limit"),
    (momentum.ravine, (0.033, 0.67), "divided by 1 - β"),
    (momentum.ravine, (0.1, 0.9), "Lower β"),
    (momentum.ravine, (0.01, 0.5), "creeps"),
    (momentum.ravine, (-1, 0.5), "range"),
]
