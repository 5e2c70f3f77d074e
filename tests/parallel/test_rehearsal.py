"""Steps of a modelled cluster: the weights of one process, and the costs of the formulas."""

import pytest
import torch

from course import MLP, Adam, CourseError, Descend, Linear, Trainer, adopt, chain, load_data
from course.parallel.communicator import Event, bytes_sent
from course.parallel.in_turn import Costs, InTurn
from course.parallel.local_sgd import LocalSGD
from course.parallel.rehearsal import Cluster, rehearse
from course.parallel.setup import Setup
from course.parallel.time_use import TimeUse, time_use
from course.parallel.work import Work

DATA = load_data("digits", dtype=torch.float64)
FREE = Costs(latency=0, bandwidth=1e18, flops_per_second=1e6)
WAYS = [
    Setup("data"), Setup("data", 3, buckets=2), Setup("zero1"), Setup("zero2", 2), Setup("zero3"),
    Setup("tensor", 2), Setup("pipeline"), Setup("pipeline", 4, schedule="gpipe"),
    Setup("pipeline", 4, 4, schedule="zero_bubble"),
    Setup("pipeline", 2, 4, schedule="interleaved", chunks=2),
    Setup("data_tensor", 4), Setup("data_pipeline", 6, 4, per_replica=3), Setup("data", 1),
]  # fmt: skip


def trainer(sizes=(64, 20, 20, 20, 10), batch=48, dropout=None) -> Trainer:
    model = MLP(list(sizes), dropout=dropout, dtype=torch.float64)
    return Trainer(model, DATA, chain(Adam(), Descend(0.01)), batch)


def test_a_run_goes_on_whatever_the_strategy_of_each_step():
    ours, alone = trainer(dropout=0.2), trainer(dropout=0.2)
    cluster = Cluster(ours)
    for setup in WAYS:
        step = cluster.step(setup)
        alone.step()
        assert step.gap < 1e-9
        assert step.loss == pytest.approx(float(alone.history.loss[-1]), rel=1e-9)
    assert torch.allclose(ours.model.theta, alone.model.theta, atol=1e-9)
    mine, others = ours.chain.state(), alone.chain.state()
    for name in ("v", "s", "products"):
        assert torch.allclose(mine[1][name], others[1][name], atol=1e-12)
    ours.step()  # and in one process again, with the same rows and the same masks
    alone.step()
    assert torch.allclose(ours.model.theta, alone.model.theta, atol=1e-9)
    assert ours.step_count == alone.step_count == len(ours.history.loss)


def test_local_sgd_keeps_each_rank_its_own_weights_until_they_are_averaged():
    ours, setup = trainer(), Setup("local_sgd", 4, local_steps=3)
    cluster = Cluster(ours)
    steps = [cluster.step(setup) for _ in range(4)]
    assert ["all_reduce" in step.bytes_sent for step in steps] == [True] * 4  # the loss
    weights = len(ours.model.theta) * 8
    sent = [max(e.size for e in step.events if e.kind == "all_reduce") for step in steps]
    assert sent[3] == bytes_sent("all_reduce", weights, 4)  # averaged at the start of the fourth
    assert max(sent[:3]) < sent[3]
    assert steps[0].gap > 1e-6
    thetas = [rank["theta"] for rank in cluster.apart]
    assert float((thetas[0] - thetas[1]).abs().max()) > 1e-6
    assert torch.allclose(ours.model.theta, torch.stack(thetas).mean(0))
    assert cluster.step(Setup("data")).gap < 1e-9  # the mean goes on
    assert not cluster.apart


def test_the_mean_of_local_sgd_weighs_each_rank_by_its_rows():
    ours = trainer()
    cluster = Cluster(ours)
    cluster.step(Setup("local_sgd", 5))  # 10, 10, 10, 9 and 9 of 48 rows
    shares = torch.tensor([10, 10, 10, 9, 9], dtype=torch.float64) / 48
    mean = sum(a * rank["theta"] for a, rank in zip(shares, cluster.apart, strict=True))
    assert torch.allclose(ours.model.theta, mean, rtol=0, atol=1e-15)
    fewer = Setup("local_sgd", 3)  # other ranks begin with the mean
    wanted = Cluster(ours).preview(fewer)
    assert cluster.step(fewer).loss == wanted.loss
    assert len(cluster.apart) == 3


def test_local_sgd_goes_on_with_the_memory_of_each_rank():
    """The referee has ranks that live as long as the run; the cluster makes them anew each step."""

    def program(comm):
        run = trainer()
        model = LocalSGD(comm, run.model, local_steps=2)
        ranks = Trainer(model, DATA, chain(Adam(), Descend(0.01)), 48)
        for _ in ranks.run(5):
            pass
        return model.theta.clone()

    cluster = Cluster(trainer())
    for _ in range(5):
        cluster.step(Setup("local_sgd", 2, local_steps=2))
    for mine, theirs in zip(cluster.apart, InTurn(2).run(program), strict=True):
        assert torch.allclose(mine["theta"], theirs, rtol=0, atol=1e-12)


def test_a_preview_leaves_everything_where_it_was():
    looking, plain = Cluster(trainer(dropout=0.2)), Cluster(trainer(dropout=0.2))
    for setup in (Setup("local_sgd", 2, local_steps=3), Setup("pipeline"), Setup("zero3", 3)):
        for cluster in (looking, plain):
            cluster.step(setup)
        made = looking.preview(setup)
        looking.preview(Setup("data", 2))
        assert looking.trainer.step_count == plain.trainer.step_count
        assert looking.step(setup).loss == plain.step(setup).loss == made.loss
    assert torch.equal(looking.trainer.model.theta, plain.trainer.model.theta)
    assert len(looking.trainer.history.loss) == 6


@pytest.mark.parametrize(("name", "v"), [("gpipe", 1), ("1f1b", 1), ("interleaved", 2)])
def test_the_efficiency_of_a_pipeline_is_that_of_the_formula(name, v, monkeypatch):
    """Idle: (p - 1)/(v·m + p - 1), with equal stages and messages that take no time."""
    p, m = 4, 8
    monkeypatch.setattr("course.parallel.strategy.work_of", lambda layer, n, is_first: (
        Work(1, 1, 1) if isinstance(layer, Linear) else Work()))  # fmt: skip
    run = trainer((64, *[12] * (p * v - 1), 10), batch=2 * m)
    step = Cluster(run).step(Setup("pipeline", p, m, name, v, costs=FREE))
    assert step.efficiency == pytest.approx(v * m / (v * m + p - 1))
    assert step.speed_up == pytest.approx(p * step.efficiency)


def test_time_adds_up_and_the_share_that_computes_is_the_efficiency():
    for setup in WAYS:
        step = rehearse(setup, trainer())
        assert len(step.time) == len(step.memory) == setup.ranks
        for use in step.time:
            assert sum(use) == pytest.approx(step.seconds)
            assert min(use) >= -1e-12
        computing = sum(use.compute for use in step.time) / setup.ranks
        assert step.efficiency == pytest.approx(computing / step.seconds)


def test_the_time_of_a_rank_is_divided_by_hand():
    """Rank 0 computes 2 s and sends 1 s; rank 1 waits, receives, computes 1 s; a sum takes 2 s."""
    events = [
        Event(0, "compute", "forward 0", 2, 0, 0, 2), Event(0, "send", "activations 0", 8, 2, 2, 3),
        Event(1, "recv", "activations 0", 0, 0, 3, 3), Event(1, "compute", "forward 0", 1, 3, 3, 4),
        Event(0, "all_reduce", "gradient", 8, 2, 4, 6), Event(0, "compute", "late", 1, 2, 2, 5),
        Event(1, "all_reduce", "gradient", 8, 4, 4, 6),
    ]  # fmt: skip
    # rank 0: its sum is hidden behind work until second 5
    assert time_use(events) == [TimeUse(5, 1, 0), TimeUse(1, 3, 2)]
    assert time_use(events, 3)[2] == TimeUse(0, 0, 6)
    later = [e._replace(called=e.called + 7, start=e.start + 7, end=e.end + 7) for e in events]
    assert time_use(later) == time_use(events), "a clock may begin anywhere"


P = len(trainer().model.theta)  # weights


def test_memory_is_that_of_the_formulas():
    """Bytes of 8 a number; Adam keeps two for each weight. Source: Rajbhandari et al. (2020)."""
    largest = 65 * 20
    data = rehearse(Setup("data"), trainer()).memory
    assert all(m.weights == 8 * P and m.optimiser == 16 * P for m in data)
    assert all(m.gradients == 8 * (P + 1) for m in data)  # and the loss at its end
    # of 12 rows: four outputs with a row of ones, four gradients by them
    assert all(m.activations == 8 * 12 * (3 * 21 + 11 + 3 * 20 + 10) for m in data)
    for stage, weights, gradients in [(1, P, P), (2, P, largest), (3, largest, largest)]:
        for memory in rehearse(Setup(f"zero{stage}"), trainer()).memory:
            own = P / 4
            assert memory.optimiser == pytest.approx(16 * own, rel=0.01)
            assert memory.weights == pytest.approx(8 * (weights + own), rel=0.01)
            assert memory.gradients == pytest.approx(8 * (gradients + own), rel=0.01)


def test_a_pipeline_keeps_activations_of_what_is_in_flight():
    """gpipe: of all m micro-batches; 1f1b: of p - r on rank r."""
    p, m = 4, 8
    kept = {name: [memory.activations for memory in
                   rehearse(Setup("pipeline", p, m, name), trainer()).memory]
            for name in ("gpipe", "1f1b")}  # fmt: skip
    for rank, (all_, some) in enumerate(zip(kept["gpipe"], kept["1f1b"], strict=True)):
        assert some * m == all_ * (p - rank)


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (lambda: Setup("datta"), "strategy = 'datta' is unknown"),
        (lambda: Setup(ranks=0), "ranks = 0 is out of range"),
        (lambda: Setup(ranks=1000), "ranks = 1000 is out of range"),
        (lambda: Setup(micro_batches=2.5), "micro_batches = 2.5 is not a whole number"),
        (lambda: Setup("pipeline", schedule="2f2b"), "schedule = '2f2b' is unknown"),
        (lambda: Setup("pipeline", chunks=2), "1f1b has one stage a rank, not 2"),
        (lambda: Setup("data_tensor", 4, per_replica=3), "4 ranks cannot be shared by replicas"),
        (lambda: Setup(costs=3), "costs = 3; allowed: Costs"),
        (lambda: Setup("pipeline", 5), "4 layers with weights cannot be cut into 5 stages"),
        (lambda: Setup("pipeline", 4, 7), "48 rows cannot be cut into 1 × 7 equal micro-batches"),
        (lambda: Setup("data_pipeline", 4, 16), "48 rows cannot be cut into 2 × 16 equal"),
        (lambda: Setup("data", 50), "48 rows cannot be shared by 50 ranks"),
        (lambda: Setup("tensor", 21), r"Linear\(20\) cannot be shared by 21 ranks"),
        (lambda: Setup("data", buckets=9), "buckets = 9 is out of range"),
        (lambda: "data", "setup = 'data'; allowed: Setup"),
    ],
)  # fmt: skip
def test_a_setup_that_does_not_fit_changes_nothing(setup, words):
    run = trainer()
    before = run.state_dict()
    with pytest.raises(CourseError, match=words):
        Cluster(run).step(setup())
    after = run.state_dict()
    assert torch.equal(before["run"]["theta"], after["run"]["theta"])
    assert before["run"]["batches"]["position"] == after["run"]["batches"]["position"]


def test_a_cluster_takes_a_trainer_whose_layers_it_can_cut():
    own = Trainer(adopt(torch.nn.Sequential(torch.nn.Linear(64, 10))), DATA, chain(Descend(0.1)))
    for other in (own, trainer().model, None):
        with pytest.raises(CourseError, match="it takes a Trainer of a Network or MLP"):
            Cluster(other)
