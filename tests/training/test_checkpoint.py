"""A saved state goes on to the bit, and shares no memory with the run."""

import numpy as np
import pytest
import torch
from checkpoint_runs import IMAGES, bits, make, module, net, train

from course import (
    Adam,
    ClipByNorm,
    Cosine,
    CourseError,
    Descend,
    Dropout,
    Linear,
    Momentum,
    Muon,
    Network,
    NewtonCG,
    Residual,
    chain,
)
from course.states import digest, plain_state

RUNS = {
    "momentum": make,
    "clipping": lambda: make(chain(ClipByNorm(0.5), Momentum(0.9), Descend(0.1))),
    "adam": lambda: make(chain(Adam(), Descend(0.01))),
    "muon": lambda: make(chain(Muon(), Descend(0.01))),
    "newton-cg": lambda: make(chain(NewtonCG(), Descend(0.5))),
    "schedule": lambda: make(chain(Descend(Cosine(0.3, steps=60, warmup=5)))),
    "dropout": lambda: make(model=net(dropout=0.3)),
    "adopted": lambda: make(model=module()),
    "augmentation": lambda: make(augment=IMAGES),
    "accumulate": lambda: make(model=net(dropout=0.3), accumulate=2),
}


def label_noise():
    trainer = make(seed=3)
    trainer.set("label_noise", 0.3)
    return trainer


@pytest.mark.parametrize("build", [*RUNS.values(), label_noise], ids=[*RUNS, "label noise"])
def test_a_loaded_run_goes_on_to_the_bit(build, tmp_path):
    whole, first = train(build(), 40, evaluate_every=10), train(build(), 20, evaluate_every=10)
    first.save(tmp_path / "run.pt")
    resumed = make(
        model=module(5) if build is RUNS["adopted"] else net(first.knobs().get("dropout"))
    )
    resumed.set("batch_size", 9)
    resumed.set("lr", 0.7)
    train(resumed, 7, evaluate_every=1).load(tmp_path / "run.pt")
    assert bits(resumed) == bits(first) and resumed.knobs() == first.knobs()
    train(resumed, 20, evaluate_every=10)
    assert torch.equal(resumed.model.theta, whole.model.theta)
    assert bits(resumed) == bits(whole) and resumed.knobs() == whole.knobs()
    assert resumed.evaluate("train") == whole.evaluate("train")


def test_what_happened_and_the_best_weights_come_back(tmp_path):
    first = train(make(), 30, evaluate_every=5, patience=100)
    first.set("lr", np.float64(0.05))
    first.set("clip", "value")
    first.set("lr", Cosine(np.float64(0.1), steps=np.int64(50)))
    first.save(tmp_path / "run.pt")
    resumed = make()
    resumed.load(tmp_path / "run.pt")
    assert np.array_equal(resumed.history.numbers(), first.history.numbers())
    assert resumed.history.knobs == first.history.knobs and len(first.history.knobs) == 3
    assert resumed.history.evaluations == first.history.evaluations
    assert len(first.history.evaluations) == 18
    assert resumed.restore_best() == first.restore_best() > 0
    assert torch.equal(resumed.model.theta, first.model.theta)


def test_a_state_shares_no_memory_with_the_run():
    trainer = train(make(), 30, evaluate_every=5, patience=100)
    state = trainer.state_dict()
    before, kept = digest(plain_state(state)), bits(trainer)
    train(trainer, 10, evaluate_every=5, patience=100)
    assert digest(plain_state(state)) == before
    trainer.load_state_dict(state)
    assert bits(trainer) == kept
    for tensor in (state["run"]["theta"], state["best"][2], state["history"]["numbers"]):
        tensor.fill_(7)
    state["best"][0] = 7
    assert bits(trainer) == kept


def test_an_interrupted_step_leaves_a_state_that_loads(monkeypatch):
    for place in ("norms", "record"):
        trainer = train(make(), 5)
        with monkeypatch.context() as patch:
            part = trainer.chain if place == "norms" else trainer.history
            real = getattr(part, place)

            def interrupted(*args, real=real):
                real(*args)
                raise KeyboardInterrupt

            patch.setattr(part, place, interrupted)
            with pytest.raises(KeyboardInterrupt):
                trainer.step()
        state = trainer.state_dict()
        make().load_state_dict(state)


def test_a_snapshot_of_a_step_that_the_history_does_not_know_is_refused():
    snapshot = train(make(), 9).snapshot()
    trainer = train(make(), 8)
    kept = bits(trainer)
    with pytest.raises(CourseError, match=r"of step 9.*knows 8"):
        trainer.restore(snapshot)
    assert bits(trainer) == kept
    train(trainer, 1).restore(snapshot)


def test_a_state_fits_a_model_that_differs_only_in_first_weights_and_dropout():
    def build(p, seed):
        layers = [Linear(8), Residual(Linear(8), Dropout(p)), Linear(10)]
        return make(model=Network(layers, 64, seed=seed))

    first, second = train(build(0.3, 0), 5), build(0.1, 9)
    second.load_state_dict(first.state_dict())
    assert bits(second) == bits(first) and second.knobs()["dropout"] == 0.3
    assert bits(train(second, 5)) == bits(train(first, 5))


def test_a_restored_run_forgets_what_came_after_the_snapshot():
    trainer = train(make(), 4, evaluate_every=2)
    kept, snapshot = bits(trainer), trainer.snapshot()
    trainer.set("lr", 0.5)
    train(trainer, 5, evaluate_every=2)
    trainer.restore(snapshot)
    assert bits(trainer) == kept and len(trainer.history.loss) == trainer.step_count == 4
