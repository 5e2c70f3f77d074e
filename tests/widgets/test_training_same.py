"""A run is the same bits, and is sampled the same, however it is driven and looked at."""

import json
import subprocess
import sys

import pytest
from training_labs import check_picture, drawn, live, same, samples, small, until_end, wait

from course import MLP, ClipByNorm, Descend, Momentum, Trainer, chain, load_data
from course.training.replay import run_recipe
from widgets.training.instruments import DEFAULT, INSTRUMENTS

MOVES = [
    ("lr", 0.2), ("momentum", 0.5), ("spike", {"at": 360, "factor": 50.0}), ("clip", "norm"),
    ("threshold", 0.5), ("clip_order", "after"), ("batch_size", 8), ("optimiser", "heavy ball"),
    ("l2", 1e-3), ("clip", "value"), ("clip_order", "before"), ("label_noise", 0.1),
    ("lr", {"kind": "Warmup", "peak": 0.1, "steps": 300}), ("optimiser", "adam"), ("lr", 0.01),
]  # fmt: skip


def by_steps(recipe, **options):
    """Return a lab without a front end that is taken through a recipe's turns by hand."""
    lab = small(**options)
    for step, knob, value in recipe.knobs:
        lab.run(step - lab.trainer.step_count)
        lab.set(knob, value)
    return lab.run(recipe.steps - lab.trainer.step_count)


@pytest.mark.parametrize("data", ["digits", "moons", "sine", "steps"])
def test_no_instrument_changes_the_run(data):
    bare, watched = small(data, instruments=()), small(data, instruments=tuple(INSTRUMENTS))
    bare.run(60)
    for steps in (1, 9, 13, 37):
        watched.run(steps)
        check_picture(watched)
    loss = "mse" if data in ("sine", "steps") else "cross_entropy"
    model = MLP(bare.trainer.model.sizes, dropout=0.0, loss=loss)
    plain = Trainer(model, load_data(data), chain(Momentum(0.9), Descend(0.1)))
    for _ in plain.run(60):
        pass
    assert same(bare.trainer, watched.trainer) and same(bare.trainer, plain)
    assert samples(bare) == samples(watched)


@pytest.mark.parametrize("speed", [150, 2000, 0])
def test_playing_stops_where_running_ends_and_shows_the_same(speed):
    playing = live(steps=130, speed=speed, instruments=(*DEFAULT, "update ratio", "loss slice"))
    playing.play()
    until_end(playing)
    headless = small(steps=130, instruments=(*DEFAULT, "update ratio", "loss slice"))
    headless._repr_mimebundle_()
    again = small(playing.recipe(), steps=130, instruments=(*DEFAULT, "update ratio", "loss slice"))
    assert playing.trainer.step_count == 130
    for other in (headless, again):
        assert same(playing.trainer, other.trainer)
        assert samples(playing) == samples(other) and drawn(playing) == drawn(other)
        assert playing.picture()["below"] == other.picture()["below"]


@pytest.mark.parametrize("speed", [400, 0])
def test_turns_while_it_plays_are_replayed_with_their_samples_and_pictures(speed):
    playing = live(steps=400, speed=400)
    playing.play()
    for i, move in enumerate(MOVES):
        if i == 8:
            playing.set_speed(speed)
        playing.set(*move)
        wait(lambda i=i: len(playing.trainer.history.knobs) == i + 1)
    playing.plan("momentum", [[390, 0.5], [430, 0.9]])
    until_end(playing)
    playing.play()  # as far again
    wait(lambda: playing.trainer.step_count > 430)
    playing.pause()
    recipe = playing.recipe()
    assert len(recipe.knobs) == len(MOVES) + 1 and playing.message == ""
    by_hand = by_steps(recipe, steps=800)
    again = small(json.loads(recipe.json()), steps=800)
    for other in (by_hand, again):
        other.planned = playing.planned
        assert same(playing.trainer, other.trainer)
        assert samples(playing) == samples(other)
        assert drawn(playing) == drawn(other)
    assert same(playing.trainer, run_recipe(recipe))


def test_samples_come_at_steps_of_their_own_and_at_turns():
    lab = small().run(33)
    lab.set("lr", 0.2)
    lab.set("momentum", 0.5)
    lab.run(27)
    lab.picture(), lab.summary(), lab.pause()
    assert [s.step for s in lab.evaluations] == [0, 10, 20, 30, 33, 40, 50, 60]
    at_turn = lab.evaluations[4]
    lab.set("lr", -1)
    assert len(lab.evaluations) == 8, "a refused value is no turn"
    long = small().run(640)
    steps = [s.step for s in long.evaluations]
    assert steps == [*range(0, 500, 10), *range(500, 641, 20)]
    assert at_turn.test_loss == pytest.approx(small().run(33).trainer.evaluate("test")[0])


def test_what_lies_ahead_and_other_branches_do_not_change_samples():
    lab = small("spirals", optimiser="heavy ball").run(40)
    lab.set("momentum", 0.5)
    lab.run(60)
    first, known = lab.recipe(), samples(lab)
    lab.go_to(35)
    lab.run(65)  # along the known way, its turn included
    assert samples(lab) == known and len(lab.timeline.branches) == 1
    lab.go_to(40)
    lab.set("momentum", 0.8)
    lab.run(30)
    assert samples(lab) == samples(small(lab.recipe())) != known
    lab.switch(0)
    assert samples(lab) == known == samples(small(first))


def test_evaluations_and_pictures_do_not_know_the_future():
    lab = small().run(100)
    lab.go_to(50)
    assert max(s.step for s in lab.evaluations) == 50
    picture = lab.picture()
    assert (picture["step"], picture["end"]) == (50, 100)
    assert lab.heads()[0] == ("step", "50")


def test_the_code_of_a_run_gives_its_numbers(tmp_path):
    lab = small("spirals", clip="norm", threshold=2.0).run(20)
    lab.set("optimiser", "adam")
    lab.plan("lr", [[25, 0.1], [40, 0.001]])
    lab.set("clip_order", "after")
    lab.set("spike", {"at": 45, "factor": 30.0})
    lab.run(40)
    code = lab.code() + "print(trainer.history.numbers().tobytes().hex())\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    score, numbers = done.stdout.split("\n")[:2]
    assert score == str(lab.trainer.evaluate("test")), done.stderr
    assert numbers == lab.trainer.history.numbers().tobytes().hex()


def test_the_seed_and_the_start_of_the_knobs_count():
    def trainer(seed):
        model = MLP([2, 4, 2], seed=seed, dropout=0.0)
        steps = chain(ClipByNorm(0.5), Momentum(0.7), Descend(0.3))
        return Trainer(model, load_data("moons", seed), steps, 16, seed)

    for seed in (0, 3):
        lab = small(lr=0.3, momentum=0.7, clip="norm", threshold=0.5, batch_size=16, seed=seed)
        plain = trainer(seed)
        for _ in plain.run(25):
            pass
        assert same(lab.run(25).trainer, plain)
    assert not same(lab.trainer, trainer(0))
