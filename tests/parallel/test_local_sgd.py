"""Local SGD: data parallel for one local step, else its recurrence written out."""

import pytest
import torch
from ranks import DATA, gap, program, train

from course import MLP, CourseError, Descend, HeavyBall, Trainer, chain
from course.parallel.data_parallel import DataParallel
from course.parallel.in_turn import InTurn
from course.parallel.local_sgd import LocalSGD


def descent():
    return chain(Descend(0.5))


def with_memory():
    return chain(HeavyBall(0.9), Descend(0.1))


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [36, 35])
def test_one_local_step_of_descent_is_data_parallel(world, batch_size):
    def at(make):
        return InTurn(world).run(program, make, batch_size, 20, descent)[0]

    one, other = at(lambda c, n: LocalSGD(c, n, 1)), at(DataParallel)
    assert gap({"theta": one["theta"]}, {"theta": other["theta"]}) < 1e-12


@pytest.mark.parametrize(
    ("make_chain", "local"), [(descent, 4), (with_memory, 1), (with_memory, 5)]
)
def test_it_is_its_recurrence(make_chain, local):
    """Each rank trains alone on its rows; every so often all weights become their mean."""
    world, steps, batch = 3, 10, 35

    def net():
        return MLP([64, 12, 10], "tanh", dtype=torch.float64)

    def weights(comm):
        model = train(LocalSGD(comm, net(), local), batch, steps, make_chain).model
        return model.whole(model.theta)

    trainers = [Trainer(net(), DATA, make_chain(), batch, seed=3) for _ in range(world)]
    share = [12 / 35, 12 / 35, 11 / 35]

    def mean():
        return sum(p * t.model.theta for p, t in zip(share, trainers, strict=True))

    for step in range(steps):
        if step and step % local == 0:
            middle = mean()
            for trainer in trainers:
                trainer.model.theta.copy_(middle)
        for rank, trainer in enumerate(trainers):
            mine = trainer.batches.rows().tensor_split(world)[rank]
            model = trainer.model.to_module()
            outputs = model(DATA.x_train[mine].double())
            loss = torch.nn.functional.cross_entropy(outputs, DATA.y_train[mine])
            grads = torch.autograd.grad(loss, list(model.parameters()))
            views = trainer.model.named_views(trainer.model.grad).values()
            for view, grad in zip(views, grads, strict=True):
                view.copy_(grad)
            trainer.chain(trainer.model.grad, trainer.model.theta)
    for theta in InTurn(world).run(weights):
        torch.testing.assert_close(theta, mean(), rtol=0, atol=1e-12)


def test_one_local_step_is_not_data_parallel_for_adam():
    one = InTurn(2).run(program, lambda c, n: LocalSGD(c, n, 1), 36, 20)[0]
    other = InTurn(2).run(program, DataParallel, 36, 20)[0]
    assert (one["theta"] - other["theta"]).abs().max() > 1e-3


def test_fewer_rows_than_ranks_are_refused():
    with pytest.raises(CourseError, match="2 rows cannot be shared by 3 ranks"):
        InTurn(3).run(program, lambda c, n: LocalSGD(c, n, 1), 2, 1)
    with pytest.raises(CourseError, match="local_steps = 0"):
        InTurn(1).run(lambda comm: LocalSGD(comm, MLP([4, 2]), 0))


def test_results_are_those_of_the_mean_weights():
    def on_ranks(comm):
        trainer = train(LocalSGD(comm, MLP([64, 10], dtype=torch.float64), 7), 36, 5, descent)
        return trainer.evaluate(), trainer.model.whole(trainer.model.theta)

    (found, theta), *_ = InTurn(2).run(on_ranks)
    alone = MLP([64, 10], dtype=torch.float64)
    alone.theta.copy_(theta)
    assert found == pytest.approx(Trainer(alone, DATA, descent(), 36, seed=3).evaluate())


@pytest.mark.parametrize("batch_after", [36, 7])
def test_the_best_weights_are_those_that_were_measured(batch_after):
    """Ranks had 4, 4 and 3 of 11 rows when they were measured; the mean weighs them so."""

    def on_ranks(comm):
        model = LocalSGD(comm, MLP([64, 10], dtype=torch.float64), 100)
        trainer = Trainer(model, DATA.with_validation(), chain(Descend(0.1)), 11, seed=3)
        for _ in trainer.run(4, evaluate_every=4, patience=1):
            pass
        trainer.set("batch_size", batch_after)
        trainer.step()
        trainer.restore_best()
        return trainer.best.loss, trainer.evaluate("validation")[0]

    for kept, found in InTurn(3).run(on_ranks):
        assert found == pytest.approx(kept, rel=1e-12)
