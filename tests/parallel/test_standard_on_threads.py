"""PyTorch's engine on two ranks, which are threads that talk by gloo: cheap, and in one process.

`test_standard_engine` does more of it, over processes.
"""

from pathlib import Path

import pytest
import torch
from gloo import on_gloo

from course import (
    L2,
    MLP,
    AdamW,
    ClipByNorm,
    ClipByValue,
    Cosine,
    CourseError,
    Descend,
    HeavyBall,
    LayerNorm,
    Linear,
    Momentum,
    Nesterov,
    Network,
    ReLU,
    Residual,
    RMSProp,
    Tanh,
    Trainer,
    chain,
    load_data,
)  # fmt: skip
from course.parallel import bytes_sent
from course.parallel.agreement import Agreed
from course.parallel.engines import run_engine, shortened
from course.parallel.in_turn import InTurn
from course.parallel.job import Job
from course.parallel.processes import Processes
from course.parallel.standard.optimizer import by_kind, clip, numbers, start_buffers, twin

DATA = load_data("moons")
ROWS, STEPS = 9, 3
WIDTHS = [2, 5, 4, 3, 2]


def plain():
    return MLP(WIDTHS, dtype=torch.float64)


def mixed():
    """Return a pair, a matrix alone with its gathered outputs, a norm, a pair in a residual."""
    inner = Residual(LayerNorm(), Linear(5), Tanh(), Linear(3))
    layers = [Linear(5), ReLU(), Linear(3), inner, Linear(3), LayerNorm(), Linear(2)]
    return Network(layers, 2, dtype=torch.float64)


def trained(make=plain, make_chain=lambda: chain(Descend(0.2)), rows=ROWS, knobs=()) -> Trainer:
    trainer = Trainer(make(), DATA, make_chain(), rows, seed=3)
    for step in range(STEPS):
        for at, knob, value in knobs:
            if at == step:
                trainer.set(knob, value)
        trainer.step()
    return trainer


def clipped():
    return chain(ClipByNorm(0.05), L2(1e-2), Momentum(0.9), Descend(Cosine(0.5, 10, 5)))


def on_two(trainer: Trainer, strategy: str, **options) -> list:
    """Run a trainer's recipe by PyTorch on two ranks; return a `RunResult` of each."""
    job = Job(trainer.recipe(), strategy, options, Path("none"), STEPS, "torch")
    said: list[tuple[int, str]] = []

    def program(comm: Processes):
        return run_engine(comm, job, comm.events, lambda line: said.append((comm.rank, line)))

    results = on_gloo(2, program)
    assert said == [(0, f"{strategy} by PyTorch, ranks: 2, steps: {STEPS}")]
    return results


def check(results: list, trainer: Trainer) -> None:
    losses = trainer.history.numbers()[:, 0].tolist()
    for result in results:
        assert torch.equal(result.theta, results[0].theta)
        torch.testing.assert_close(result.theta, trainer.model.theta, rtol=0, atol=1e-12)
        assert result.losses == pytest.approx(losses, abs=1e-12)
        for split in ("train", "test"):
            assert tuple(getattr(result, split).values()) == pytest.approx(trainer.evaluate(split))


def sizes_in_bytes() -> tuple[list[int], list[int]]:
    """Return the bytes of each layer's weights, and of those with rows padded to two ranks."""
    pairs = list(zip(WIDTHS[:-1], WIDTHS[1:], strict=True))
    return [8 * (i + 1) * o for i, o in pairs], [8 * (i + 1) * (o + o % 2) for i, o in pairs]


def expected_bytes(strategy: str) -> dict[str, float]:
    """Return what one rank sends in all steps, by the rules in the module's docstrings."""
    weights, padded = (sum(sizes) for sizes in sizes_in_bytes())
    loss = 8
    gathered = bytes_sent("all_gather", padded, 2)
    by_step = {
        "data": {"all_reduce": bytes_sent("all_reduce", weights + loss, 2)},
        "zero2": {"all_gather": gathered, "reduce_scatter": gathered,
                  "all_reduce": bytes_sent("all_reduce", loss, 2)},
        "zero3": {"all_gather": 2 * gathered, "reduce_scatter": gathered,
                  "all_reduce": bytes_sent("all_reduce", loss, 2)},
        # outputs of both row matrices, the input gradient of the second pair
        "tensor": {"all_reduce": bytes_sent("all_reduce", 8 * ROWS * (4 + 2 + 4), 2)},
        # two layers a stage: activations of width 4 up, their gradients down
        "pipeline": {"send": 8 * ROWS * 4, "all_reduce": bytes_sent("all_reduce", loss, 2)},
    }[strategy]  # fmt: skip
    once = {
        "data": {"broadcast": bytes_sent("broadcast", 4 * (2 * 4 + 2), 2)},  # DDP's note, int32
        "pipeline": {"send": 4},
    }.get(strategy, {})
    kinds = by_step.keys() | once.keys()
    return {kind: STEPS * by_step.get(kind, 0) + once.get(kind, 0) for kind in kinds}


@pytest.mark.parametrize(
    "strategy", ["data", "pipeline", *(pytest.param(name, marks=pytest.mark.full)
                                       for name in ("zero2", "zero3", "tensor"))]
)  # fmt: skip
def test_unequal_rows_and_widths_equal_one_process_and_send_the_textbooks_bytes(strategy):
    options = {"schedule": "1f1b", "micro_batches": 3} if strategy == "pipeline" else {}
    trainer = trained()
    results = on_two(trainer, strategy, **options)
    check(results, trainer)
    both = {kind: round(2 * sent) for kind, sent in expected_bytes(strategy).items()}
    assert results[0].bytes_sent == results[1].bytes_sent == both
    assert (results[1].strategy, results[1].options) == (strategy, options)
    assert (results[1].engine, results[1].device, results[1].world_size) == ("torch", "cpu", 2)


@pytest.mark.full
@pytest.mark.parametrize(
    ("strategy", "options"),
    [(name, {}) for name in ("data", "zero1", "zero2", "zero3", "tensor")]
    + [("pipeline", {"schedule": "gpipe", "micro_batches": 3}),
       ("pipeline", {"schedule": "interleaved", "micro_batches": 4, "chunks": 2})],
)  # fmt: skip
def test_clips_decay_memory_schedules_and_knobs_equal_one_process(strategy, options):
    rows, other = (8, 4) if options.get("micro_batches") == 4 else (9, 6)
    knobs = [(1, "batch_size", other), (2, "momentum", 0.5), (2, "threshold", 0.02)]
    trainer = trained(mixed, clipped, rows, knobs)
    check(on_two(trainer, strategy, **options), trainer)


@pytest.mark.full
def test_a_stage_of_one_layer_gets_its_gradient_from_above():
    """Without an activation between: the second stage begins with the second layer."""
    trainer = trained(lambda: Network([Linear(4), Linear(2)], 2, dtype=torch.float64))
    check(on_two(trainer, "pipeline", schedule="gpipe", micro_batches=3), trainer)


@pytest.mark.parametrize("strategy", ["data", pytest.param("zero2", marks=pytest.mark.full)])
def test_a_rank_without_rows_takes_part(strategy):
    trainer = trained(rows=1)
    check(on_two(trainer, strategy), trainer)


# ---- one step of torch.optim is one of the chain ------------------------------------------------


@pytest.mark.parametrize(
    "make_chain",
    [
        lambda: chain(Descend(0.1)),
        lambda: chain(ClipByValue(0.3), HeavyBall(0.9), Descend(0.1)),
        lambda: chain(ClipByNorm(0.3), L2(0.1), Momentum(0.8), Descend(0.1)),
        lambda: chain(ClipByValue(0.5), ClipByNorm(0.3), Nesterov(0.7), Descend(0.1)),
        lambda: chain(Momentum(0.0), Descend(0.1)),
        lambda: chain(RMSProp(0.9), Descend(0.01)),
        lambda: chain(AdamW(0.9, 0.99, weight_decay=0.2), Descend(0.01)),
    ],
)
def test_torchs_optimiser_makes_the_steps_of_the_chain(make_chain):
    """Also at β = 0 for a step, which must not make it forget its average."""
    steps, theta = make_chain(), torch.linspace(-1, 1, 6, dtype=torch.float64)
    steps.init(theta)
    p = torch.nn.Parameter(theta.clone())
    optimizer = twin(steps)([p], **numbers(steps))
    start_buffers(optimizer)
    gradients = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    memory = steps.find(HeavyBall, Momentum, Nesterov)
    beta = memory and memory.beta
    for i, g in enumerate(gradients):
        if memory is not None:
            memory.beta = 0.0 if i == 2 else beta
        optimizer.param_groups[0].update(numbers(steps))
        p.grad = g.clone()
        clip(steps, [[p]], lambda: p.grad.norm())
        optimizer.step()
        steps(g, theta)
        torch.testing.assert_close(p.detach(), theta, rtol=0, atol=1e-12)


def test_tensors_of_a_kind_are_moved_together():
    plain_ = [torch.nn.Parameter(torch.ones(n)) for n in (1, 2)]
    assert by_kind(plain_) == [plain_]


# ---- what the engine is asked for ---------------------------------------------------------------


def test_a_shorter_run_turns_the_knobs_until_its_last_step():
    recipe = trained(knobs=[(1, "lr", 0.1), (2, "lr", 0.3)]).recipe()
    short = shortened(recipe, 1)
    assert (short.steps, short.knobs) == (1, [recipe.knobs[0]])
    assert shortened(recipe, 2).knobs == recipe.knobs and recipe.steps == STEPS


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"checkpoint_every": 2}, "writes no checkpoints here; leave --checkpoint-every"),
     ({"resume": True}, "writes no checkpoints here"),
     ({"strategy": "local_sgd"}, "strategy of engine 'torch' = 'local_sgd' is unknown"),
     ({"options": {"buckets": 2}}, "unexpected keyword argument 'buckets'"),
     ({"strategy": "tensor"}, r"Linear\(3\) cannot be shared by 4 ranks")],
)  # fmt: skip
def test_what_pytorch_cannot_do_is_refused_on_each_rank(changes, words):
    fields = {"strategy": "data", "options": {}, "out": Path("none"), "steps": 1, "engine": "torch"}
    job = Job(trained().recipe(), **(fields | changes))

    def program(comm):
        with pytest.raises(CourseError, match=words) as caught:
            run_engine(comm, job, comm.events, lambda line: None)
        return isinstance(caught.value, Agreed) or "checkpoints" in words

    assert all(on_gloo(4 if "tensor" in changes.values() else 1, program))


def test_ranks_in_turn_are_no_processes():
    job = Job(trained().recipe(), "data", {}, Path("none"), 1, "torch")
    with pytest.raises(CourseError, match="engine 'torch' needs processes; start them by torchrun"):
        InTurn(2).run(lambda comm: run_engine(comm, job, [], print))
