"""The model that writes: better with each chapter's rule, and as PyTorch trains it."""

import math

import nbformat
import pytest
import torch
import torch.nn.functional as F

from course import (
    MLP,
    AdamW,
    ClipByNorm,
    Cosine,
    CourseError,
    Descend,
    HeavyBall,
    Trainer,
    chain,
    load_data,
)
from course.architectures import ALPHABET, GPT, share_right, text_data, write
from course.lessons import kept_bytes, start_writer, train_writer, writer_report
from course.lessons.writer import writer_module

SEEDS = (0, 1, 2)
RULES = {  # as the chapters' cells have them; the last in batches of 64, in four parts
    "00_start_here": lambda: [Descend(0.1)],
    "3_05_clipping": lambda: [ClipByNorm(0.5), HeavyBall(0.9), Descend(0.5)],
    "3_08_adaptive": lambda: [ClipByNorm(1.0), AdamW(), Descend(Cosine(0.02, 100, warmup=10))],
    "3_16_memory": lambda: [ClipByNorm(1.0), AdamW(), Descend(Cosine(0.02, 100, warmup=10))],
}
PARTS = {"3_16_memory": {"batch_size": 64, "accumulate": 4}}


@pytest.fixture(scope="module", params=SEEDS)
def writers(request):
    """{chapter: its trainer after a hundred steps}."""
    return {
        name: train_writer(*rule(), seed=request.param, **PARTS.get(name, {}))
        for name, rule in RULES.items()
    }


@pytest.fixture(scope="module")
def cells(request):
    folder = request.config.rootpath / "notebooks"
    return {
        name: {c.id: c for c in nbformat.read(folder / f"{name}.ipynb", as_version=4).cells}
        for name in RULES
    }


# ---- what the chapters say ----------------------------------------------------------------------


def test_it_guesses_better_with_each_rule(writers, cells):
    assert "it guesses a\nlittle better" in cells["00_start_here"]["writer-after"].source
    losses = [trainer.evaluate("test")[0] for trainer in writers.values()]
    assert all(b < 0.97 * a for a, b in zip(losses, losses[1:], strict=False)), losses


def test_at_first_it_babbles(writers, cells):
    assert "It babbles" in cells["00_start_here"]["writer-after"].source
    first, *_, last = writers.values()
    right = [
        share_right(";".join(write(writer_module(t), ";", 150, 0.7, s) for s in range(3)))
        for t in (first, last)
    ]
    assert right[0] < 0.35 < right[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_at_a_high_rate_clipping_helps_it(seed, cells):
    assert "a high rate, without and with clipping" in cells["3_05_clipping"]["writer-text"].source
    loose = train_writer(HeavyBall(0.9), Descend(0.5), seed=seed)
    clipped = train_writer(*RULES["3_05_clipping"](), seed=seed)
    assert clipped.evaluate("test")[0] < 0.95 * loose.evaluate("test")[0]


def test_each_chapter_trains_it_by_the_rule_above(cells):
    """Its stored loss is the one that the rule gives."""
    for name, rule in RULES.items():
        said = "".join(
            o.get("text", "")
            for id in ("writer", "writer-trained") if id in cells[name]
            for o in cells[name][id].outputs
        )  # fmt: skip
        loss = train_writer(*rule(), **PARTS.get(name, {})).evaluate("test")[0]
        assert f"100 steps: test loss {loss:.2f} (guessing evenly: 3.50)" in said


def test_parts_keep_as_much_as_a_small_batch_and_make_the_same_step(cells):
    assert "In four parts they need no more than before" in " ".join(
        cells["3_16_memory"]["writer-text"].source.split()
    )
    few, whole, cut = (
        start_writer(*RULES["3_16_memory"](), batch_size=size, accumulate=parts)
        for size, parts in ((16, 1), (64, 1), (64, 4))
    )
    assert kept_bytes(cut) == kept_bytes(few)
    assert kept_bytes(whole) == pytest.approx(4 * kept_bytes(few), rel=1e-3)
    for trainer in (whole, cut):
        trainer.step()
    assert torch.allclose(whole.model.theta, cut.model.theta, atol=1e-9)


# ---- the helpers --------------------------------------------------------------------------------


def test_it_is_what_pytorch_trains():
    """Its own loop, clipping, optimiser and cross-entropy on the same windows."""
    trainer = start_writer(ClipByNorm(1.0), AdamW(), Descend(0.01), seed=3)
    module = GPT().double()
    module.load_state_dict(writer_module(trainer).state_dict())
    weight_decay = AdamW().weight_decay
    optimiser = torch.optim.AdamW(module.parameters(), 0.01, weight_decay=weight_decay)
    gather, seen = trainer.batches.gather, []
    trainer.batches.gather = lambda rows: seen.append(rows.clone()) or gather(rows)
    data = text_data(seed=3)
    for _ in trainer.run(5):
        x, y = data.x_train[seen[-1]], data.y_train[seen[-1]]
        optimiser.zero_grad()
        F.cross_entropy(module(x), y).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
    theirs = dict(module.named_parameters())
    for name, ours in writer_module(trainer).named_parameters():
        assert torch.allclose(ours, theirs[name], atol=1e-7), name


def test_it_leaves_the_random_numbers_of_others_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    start_writer(Descend(0.1), seed=5)
    assert torch.equal(torch.rand(3), expected)
    a, b, c = (start_writer(Descend(0.1), seed=s).model.theta for s in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, c) and a.dtype == torch.float64


def test_the_report_says_what_it_is():
    trainer = train_writer(Descend(0.1), steps=3)
    words = writer_report(trainer, length=20)
    loss, evenly = trainer.evaluate("test")[0], math.log(len(ALPHABET))
    first, second = words.split("\n")
    weights = len(trainer.model.theta)
    assert (
        first
        == f"{weights:,} weights, 3 steps: test loss {loss:.2f} (guessing evenly: {evenly:.2f})"
    )
    assert second.startswith("it writes: ") and len(second.replace("; ", ";")) == 31


def test_a_broken_writer_says_so():
    trainer = train_writer(Descend(1e8), steps=3)
    assert "it writes nothing: its weights are not finite" in writer_report(trainer)


def test_what_is_no_writer_is_refused():
    other = Trainer(MLP([64, 10]), load_data("digits"), chain(Descend(0.1)))
    for function in (writer_report, kept_bytes):
        with pytest.raises(CourseError, match="writes no text; allowed: what start_writer returns"):
            function(other)
    for options, words in (({"steps": -1}, "steps"), ({"seed": 0.5}, "seed"),
                           ({"device": "abacus"}, "device")):  # fmt: skip
        with pytest.raises(CourseError, match=words):
            train_writer(Descend(0.1), **options)
