"""What instruments show is true, and nothing that they do reaches the run."""

import copy
import random
import threading

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from training_labs import check_picture, live, same, small, wait

from course import MLP, CourseError, Descend, Momentum, NewtonCG, Trainer, adopt, chain, load_data
from course.training.replay import run_recipe
from widgets.common.stills import still
from widgets.training import instruments
from widgets.training.instrument import Instrument
from widgets.training.instruments import INSTRUMENTS
from widgets.training.view import View

# ---- the runs -------------------------------------------------------------------------------


def hand_written() -> Trainer:
    return Trainer(MLP([2, 8, 2], seed=1), load_data("moons"), chain(Descend(0.1)))


def with_dropout() -> Trainer:
    model = MLP([64, 8, 10], seed=1, dropout=0.3)
    return Trainer(model, load_data("digits"), chain(Momentum(0.9), Descend(0.1)))


class Scaling(nn.Module):
    """Writes into its input, as a careless forward may."""

    def forward(self, x):
        return x.mul_(0.9)


def adopted() -> Trainer:
    """Dropout, buffers that move in every forward, and a first layer that writes into its input."""
    torch.manual_seed(0)
    net = nn.Sequential(Scaling(), nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(),
                        nn.Dropout(0.3), nn.Linear(8, 2))  # fmt: skip
    return Trainer(adopt(net), load_data("moons"), chain(Momentum(0.9), Descend(0.1)))


def newton_cg() -> Trainer:
    steps = chain(NewtonCG(0.1, 3), Momentum(0.5), Descend(0.3))
    return Trainer(MLP([2, 6, 2], "tanh"), load_data("moons"), steps)


class Counting(nn.Module):
    """What it computes depends on how often it was called and on numbers from everywhere."""

    def __init__(self):
        super().__init__()
        self.linear, self.calls, self.seen = nn.Linear(2, 2), 0, None

    def forward(self, x):
        self.calls += 1
        self.seen = self.linear(x)  # no leaf: such a tensor does not let itself be copied
        shift = np.random.rand() + random.random() + float(torch.rand(()))
        return self.seen * (1 + 1e-3 * self.calls) + 0.1 * shift


def counting() -> Trainer:
    np.random.seed(0)
    random.seed(0)
    torch.manual_seed(0)
    return Trainer(adopt(Counting()), load_data("moons"), chain(Descend(0.1)))


KINDS = {"hand-written": hand_written, "dropout": with_dropout, "adopted": adopted,
         "Newton-CG": newton_cg}  # fmt: skip
TURNS = [("lr", 0.05), ("batch_size", 16), ("clip", "norm"), ("threshold", 0.5),
         ("clip_order", "after"), ("l2", 1e-3), ("label_noise", 0.1), ("clip", "off")]  # fmt: skip


# ---- what they show -------------------------------------------------------------------------


def test_sharpness_edge_and_update_ratio_are_what_they_say():
    lab = small(instruments=("sharpness", "update ratio")).run(39)
    t = lab.trainer
    before = t.model.theta.clone()
    lab.run(1)
    batch = t.model.encode(t.data.x_train[:256], t.data.y_train[:256])
    exact = float(torch.linalg.eigvalsh(t.model.curvature(*batch).hessian())[-1])
    sample = lab.evaluations[-1]
    assert sample.step == 40 and sample.sharpness == pytest.approx(exact, rel=0.05)
    assert sample.edge == pytest.approx(2 * 1.9 / (0.1 * sample.sharpness))
    W0, W1 = (t.model.views(v)[0][:, :-1] for v in (before, t.model.theta))
    expected = float((W1 - W0).norm() / W0.norm())
    shown = lab.watching.instruments["update ratio"].rows[40][0]
    assert shown == pytest.approx(expected, rel=0.2), "with or without the biases"


def test_dead_units_are_counted():
    lab = small("digits", sizes=[64, 16, 10], lr=3.0, momentum=0.0, instruments=("activations",))
    lab.run(200)
    (panel,) = check_picture(lab)["below"]
    t = lab.trainer
    x = t.data.x_train[:256].reshape(256, -1).float()
    W = t.model.views(t.model.theta)[0]
    dead = float(((x @ W[:, :-1].T + W[:, -1]) <= 0).all(0).float().mean())
    assert panel["rows"][0][3] == f"{dead:.0%} of 16 dead" and dead > 0.5


def test_the_accuracy_by_class_and_the_samples_are_the_models():
    lab = small("digits").run(60)
    t = lab.trainer
    guess = t.model.predict(t.data.x_test).argmax(1)
    panels = {p["kind"]: p for p in check_picture(lab)["side"]}
    for k, value in enumerate(panels["bars"]["values"]):
        rows = t.data.y_test == k
        assert value == pytest.approx(float((guess[rows] == k).float().mean()), abs=1e-4)
    assert panels["samples"]["guess"] == guess[:8].tolist()
    assert panels["samples"]["truth"] == t.data.y_test[:8].tolist()


def test_the_network_on_show_is_the_network():
    lab = small("spirals", sizes=[2, 5, 3, 2]).run(30)
    picture = check_picture(lab)
    (panel,), model = picture["side"], lab.trainer.model
    assert panel["sizes"] == [2, 5, 3, 2] and panel["activation"] == "relu"
    weights, out, at = picture["arrays"][panel["weights"]], lab.trainer.data.x_test[:200], 0
    for i, (a, b) in enumerate(zip(panel["sizes"], panel["sizes"][1:], strict=False)):
        W = torch.tensor(weights[at : at + a * b]).reshape(b, a)
        bias = torch.tensor(weights[at + a * b : at + a * b + b])
        out, at = out @ W.T + bias, at + a * b + b
        out = out.relu() if i < 2 else out
    assert torch.allclose(out, model.predict(lab.trainer.data.x_test[:200]), atol=1e-5)
    wrong = (out.argmax(1) != lab.trainer.data.y_test[:200]).numpy()
    assert np.array_equal(picture["arrays"][panel["wrong"]], wrong)


@pytest.mark.parametrize("kind", [*KINDS, "counting"])
def test_every_instrument_is_drawn_for_any_model(kind):
    make = KINDS.get(kind, counting)
    lab = small(make(), instruments=tuple(INSTRUMENTS)).run(30)
    picture = check_picture(lab)
    assert still(picture).startswith(b"\x89PNG")
    words = [p["words"] for p in [*picture["side"], *picture["below"]] if p["kind"] == "note"]
    assert not [text for text in words if "failed" in text]
    with pytest.raises(CourseError, match="'heat'"):
        lab.watch("heat")


# ---- and what they leave alone --------------------------------------------------------------

MOMENTS = st.lists(
    st.sampled_from(["step", "step", "step", "picture", "evaluations", "summary", "recipe"])
    | st.integers(0, len(TURNS) - 1),
    max_size=20,
)
OFTEN = ["step", "step", "picture", "step", "picture", "evaluations", "picture", "step"]


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@settings(max_examples=6, deadline=None)
@given(kind=st.sampled_from([*KINDS, "counting"]), moments=MOMENTS)
@example(kind="adopted", moments=OFTEN)
@example(kind="counting", moments=OFTEN)
def test_any_order_of_steps_and_looks_gives_the_bits_of_no_looks(instrument, kind, moments):
    make = KINDS.get(kind, counting)
    plain = make()
    for moment in moments:
        if moment == "step":
            plain.step()
        elif isinstance(moment, int):
            plain.set(*TURNS[moment])
    lab = small(make(), instruments=(instrument,), name="looked at")
    for moment in moments:
        if moment == "step":
            lab.run(1)
        elif isinstance(moment, int):
            lab.set(*TURNS[moment])
        elif moment == "evaluations":
            assert lab.evaluations[0].step == 0
        else:
            getattr(lab, moment)()
    if len(lab.trainer.history.knobs) > len(plain.history.knobs):
        return  # a threshold that was taken in hand has switched clipping on
    assert same(plain, lab.trainer)


class Vandal(Instrument):
    """Writes into all it can reach, draws from every global generator, then fails."""

    def __init__(self, error=None):
        self.error, self.threads = error, set()

    def look(self, view):
        self.panels(view, {})

    def panels(self, view, arrays):
        self.threads.add(threading.get_ident())
        model = view.model
        np.random.rand(), random.random(), torch.rand(3)
        model.theta.add_(1)
        model.grad.fill_(float("nan"))
        for layer in model.dropouts():
            layer.p = 0.9
        view.knobs.clear()
        view.samples.clear()
        view.rows(4)[0][:] = 7
        arrays["mine"] = view.numbers
        if self.error is not None:
            raise self.error
        return [{"kind": "note", "title": "vandal", "words": "done"}]


@pytest.mark.parametrize("error", [None, RuntimeError("it broke"), CourseError("cannot look"),
                                   MemoryError(), SystemExit("out")])  # fmt: skip
@pytest.mark.parametrize("kind", [*KINDS, "counting"])
def test_an_instrument_that_writes_or_fails_changes_nothing_and_training_goes_on(kind, error):
    make = KINDS.get(kind, counting)
    plain = make()
    for _ in plain.run(12):
        pass
    lab = small(make(), instruments=("loss",))
    lab.watching.instruments["vandal"] = vandal = Vandal(error)
    for _ in range(4):
        lab.run(3)
        panel = check_picture(lab)["below"][-1]
        words = "done" if error is None else str(error) or type(error).__name__
        assert panel["kind"] == "note" and words in panel["words"]
        assert ("mine" in lab.picture()["arrays"]) == (error is None)
    assert same(plain, lab.trainer) and vandal.threads
    assert [s.step for s in lab.evaluations] == [0, 10]


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_that_an_instrument_sees_is_what_the_run_is(kind):
    lab = small(KINDS[kind](), instruments=("gradients", "weights")).run(7)
    live_model = lab.trainer.model
    seen = View(lab).model
    assert torch.equal(seen.theta, live_model.theta) and torch.equal(seen.grad, live_model.grad)
    assert seen.theta.data_ptr() != live_model.theta.data_ptr() and live_model.grad.any()
    x = lab.trainer.data.x_test[:5]
    assert torch.equal(View(lab).predict(x), live_model.predict(x))
    assert View(lab).evaluate("test") == lab.trainer.evaluate("test")


def test_looking_asks_a_copy_of_a_module_and_the_copy_can_be_copied():
    lab = small(counting()).run(3)
    module, looks = lab.trainer.model.module, View(lab)
    calls, seen = module.calls, module.seen
    lab.picture(), looks.evaluate("test"), looks.predict(lab.trainer.data.x_test)
    assert module.calls == calls and module.seen is seen
    model = copy.deepcopy(View(lab).model)
    assert torch.equal(model.module.seen, seen) and seen.data_ptr() != model.module.seen.data_ptr()
    assert View(lab).model.module.seen.data_ptr() != seen.data_ptr()


def test_a_picture_shares_no_memory_with_the_run():
    lab = small("sine", instruments=tuple(INSTRUMENTS)).run(5)
    numbers, x = lab.trainer.history.numbers().copy(), lab.trainer.data.x_test.clone()
    for values in lab.picture()["arrays"].values():
        values.fill(9)
    assert np.array_equal(lab.trainer.history.numbers(), numbers)
    assert torch.equal(lab.trainer.data.x_test, x)


def readers(lab):
    return [
        lab.picture, lab.summary, lab.recipe, lab.heads, lab.refresh, lambda: lab.evaluations,
        lambda: lab.guess([[10**5, 1.0], [10**6, 0.5]]), lambda: lab.watch("loss slice", False),
        lambda: lab.watch("loss slice"), lambda: lab.panel.act("see", {}),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["hand-written", "adopted"])
def test_readers_on_other_threads_leave_the_bits_of_a_run_as_they_are(kind, monkeypatch):
    monkeypatch.setattr(instruments, "PLANE", 5)
    lab = live(KINDS[kind](), instruments=tuple(INSTRUMENTS), speed=0, steps=10**6)
    actions, wrong, over = readers(lab), [], threading.Event()

    def read(seed):
        order = random.Random(seed)
        while not over.is_set():
            try:
                order.choice(actions)()
            except BaseException as error:
                wrong.append(error)
                raise

    threads = [threading.Thread(target=read, args=(seed,), daemon=True) for seed in range(2)]
    for thread in threads:
        thread.start()
    lab.play()
    for i, move in enumerate(TURNS):
        wait(lambda i=i: lab.trainer.step_count > 8 * i or wrong)
        lab.set(*move)
    wait(lambda: lab.trainer.step_count > 100 or wrong)
    lab.pause()
    over.set()
    for thread in threads:
        thread.join(60)
    assert not wrong and "stopped" not in lab.message
    assert len(lab.trainer.history.knobs) == len(TURNS)
    assert same(run_recipe(lab.recipe(), KINDS[kind]()), lab.trainer)
