"""Every transform under every strategy: equal to one process, or refused by name at the start."""

from dataclasses import dataclass

import pytest
import torch
from ranks import DATA, STRATEGIES, gap, outcome, train

from course import MLP, Adam, CourseError, Descend, Trainer, chain, load_data
from course.optim.chain import TRANSFORMS, Transform
from course.parallel.data_parallel import DataParallel
from course.parallel.in_turn import InTurn
from course.parallel.local_sgd import LocalSGD
from course.parallel.tensor_parallel import TensorParallel

COURSE = "course.optim."  # other tests add transforms of their own
KINDS = sorted(k for k, t in TRANSFORMS.builders.items() if t.__module__.startswith(COURSE))


def small():
    """A network on which a dense Hessian is quick, with a layer for each of two stages."""
    return MLP([64, 4, 6, 10], "tanh", dtype=torch.float64)


def chain_with(kind: str):
    """Return a chain in which a transform does its work."""
    special = {"Descend": {"lr": 0.1}, "Spike": {"at": 2, "factor": 3.0}, "L1": {"strength": 1e-3},
               "L2": {"weight_decay": 0.01}, "ClipByNorm": {"threshold": 0.1},
               "ClipByValue": {"threshold": 0.01}}  # fmt: skip
    transform = TRANSFORMS.build({"kind": kind, **special.get(kind, {})})
    if kind == "Descend":
        return chain(transform)
    pair = [Descend(0.01), transform] if transform.after_descend else [transform, Descend(0.01)]
    return chain(*pair)


def make(name: str, comm, net):
    return STRATEGIES[name](comm, net)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [n for n in STRATEGIES if n != "interleaved"])
def test_it_equals_one_process_or_is_refused_before_the_start(name, kind):
    def on_ranks(comm):
        trainer = train(make(name, comm, small()), 36, 6, lambda: chain_with(kind))
        return outcome(trainer, trainer.model.whole)

    needs = [need for t in chain_with(kind).transforms for need in t.needs]
    if needs and not name.startswith("data in") and name != "data":
        with pytest.raises(CourseError, match=f"{kind} cannot run here: under .*parallel it needs"):
            InTurn(2).run(
                lambda comm: Trainer(make(name, comm, small()), DATA, chain_with(kind), 36)
            )
    else:
        alone = outcome(train(small(), 36, 6, lambda: chain_with(kind)))
        assert gap(InTurn(2).run(on_ranks)[0], alone) < (1e-8 if needs else 1e-11)


@dataclass
class Largest(Transform):
    """A transform of a learner's own, which does not say what it needs."""

    def __call__(self, g, context):
        return g / max(view.abs().max() for view in context.named_views(g).values())


@pytest.mark.parametrize("name", ["zero 2", "tensor", "1f1b", "data × tensor"])
def test_one_that_does_not_say_what_it_needs_is_refused_when_it_asks(name):
    with pytest.raises(CourseError, match="this transform cannot run here: under .* whole matrice"):
        InTurn(2).run(lambda comm: train(make(name, comm, small()), 36, 1,
                                         lambda: chain(Largest(), Descend(0.1))))  # fmt: skip


@pytest.mark.parametrize("optimiser", ["muon", "newton-cg"])
def test_a_knob_cannot_bring_it_in_and_the_run_goes_on(optimiser):
    def on_ranks(comm):
        trainer = train(TensorParallel(comm, small()), 36, 2)
        with pytest.raises(CourseError, match="cannot run here: under tensor parallel"):
            trainer.set("optimiser", optimiser)
        for _ in range(2):
            trainer.step()
        return outcome(trainer, trainer.model.whole)

    assert gap(InTurn(2).run(on_ranks)[0], outcome(train(small(), 36, 4))) < 1e-12


def test_local_sgd_refuses_the_curvature_of_rows_that_are_not_its_own():
    def on_ranks(comm):
        Trainer(LocalSGD(comm, small(), 2), DATA, chain_with("NewtonCG"))

    with pytest.raises(CourseError, match="NewtonCG cannot run here: local SGD gives each rank"):
        InTurn(2).run(on_ranks)


def test_adam_without_eps_meets_no_weight_without_a_gradient():
    """A bias that only rank 0 has must not lie as a 0 on the others: 0/0."""

    def run(model):
        trainer = Trainer(model, load_data("moons"), chain(Adam(eps=0.0), Descend(0.01)), seed=3)
        for _ in range(3):
            trainer.step()
        return torch.as_tensor(trainer.history.numbers())

    def net():
        return MLP([2, 8, 8, 2], "tanh", dtype=torch.float64)

    found = InTurn(2).run(lambda comm: run(TensorParallel(comm, net())))[1]
    torch.testing.assert_close(found, run(net()), rtol=0, atol=1e-12)


def test_what_data_parallel_runs_with_all_weights_is_the_same_on_each_rank():
    def on_ranks(comm):
        return train(DataParallel(comm, small()), 36, 5, lambda: chain_with("Muon")).model.theta

    first, second = InTurn(2).run(on_ranks)
    assert torch.equal(first, second)
