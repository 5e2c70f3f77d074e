"""Exercises: every solution passes; the stub and every known wrong answer do not, and say why."""

from pathlib import Path

import nbformat
import pytest

from course.exercises import momentum, start_here

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CHAPTERS = {
    "00_start_here": (start_here.schedule,),
    "3_04_momentum": (momentum.long_run, momentum.ema_step, momentum.ravine),
}
MODULES = {"00_start_here": start_here, "3_04_momentum": momentum}


def run_exercises(path):
    """Execute the cells tagged `exercise`, as a kernel would, in one namespace."""
    names = {"exercises": MODULES[path.stem]}
    for cell in nbformat.read(path, as_version=4).cells:
        if "exercise" in cell.metadata.get("tags", []):
            exec(cell.source, names)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_solution_passes(chapter, capsys):
    run_exercises(NOTEBOOKS / "solutions" / f"{chapter}.ipynb")
    assert all(exercise.passed for exercise in CHAPTERS[chapter])
    assert capsys.readouterr().out.count("right!") == len(CHAPTERS[chapter])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_stub_runs_and_does_not_pass(chapter):
    for exercise in CHAPTERS[chapter]:
        exercise.passed = True
    run_exercises(NOTEBOOKS / f"{chapter}.ipynb")
    assert not any(exercise.passed for exercise in CHAPTERS[chapter])


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


# exercise, wrong answer, what its message must speak of
WRONG = [
    (start_here.schedule, 0.5, "one constant rate"),
    (start_here.schedule, "fast", "Give a function"),
    (start_here.schedule, lambda step: 1 - step / 100, "below 0"),
    (start_here.schedule, lambda step: 0.7, "same at every step"),
    (start_here.schedule, lambda step: step / 200, "rises"),
    (start_here.schedule, lambda step: 0.3 - step / 1000, "starts below"),
    (start_here.schedule, lambda step: 20 - step / 100, "never recovered"),
    (start_here.schedule, lambda step: 1 / 0, "ZeroDivisionError"),
    (momentum.long_run, (..., ..., ...), "open"),
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
    (momentum.ravine, (0.0198, 0.0), "Without memory"),
    (momentum.ravine, (0.5, 0.9), "diverges"),
    (momentum.ravine, (0.3799, 0.9), "limit"),
    (momentum.ravine, (0.033, 0.67), "divided by 1 - β"),
    (momentum.ravine, (0.1, 0.9), "Lower β"),
    (momentum.ravine, (0.01, 0.5), "creeps"),
    (momentum.ravine, (-1, 0.5), "range"),
]


@pytest.mark.parametrize(("exercise", "answer", "says"), WRONG)
def test_wrong_answers_are_recognised(exercise, answer, says, capsys):
    assert not exercise.check(answer) and not exercise.passed
    message = capsys.readouterr().out
    assert says in message and "not answered yet" not in message


def test_no_answer_is_no_error(capsys):
    for exercise in sum(CHAPTERS.values(), ()):
        assert not exercise.check(...) and not exercise.check(None)
        assert capsys.readouterr().out.count("not answered yet") == 2


def test_three_hints_each(capsys):
    for exercise in sum(CHAPTERS.values(), ()):
        exercise.shown = 0
        assert len(exercise.hints) == 3
        for hint in exercise.hints:
            exercise.hint()
            assert hint in capsys.readouterr().out
