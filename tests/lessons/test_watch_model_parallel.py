"""The lab of 3_15_model_parallel, and what the chapter says: it is so, with other seeds too."""

import nbformat
import pytest

from course import MLP
from course.lessons.texts_after_bets import read_text
from course.parallel import Setup, make_schedule, rehearse, time_schedule
from course.parallel.in_turn import Costs
from course.parallel.views import Sizes, torch_1f1b, trace_step
from widgets import ClusterLab

CHAPTER = "3_15_model_parallel"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(params=[0, 1])
def lab(request, cells):
    """The chapter's lab as its cell builds it."""
    names = {"ClusterLab": ClusterLab, "seed": request.param}
    exec(cells["cluster-lab"], names)
    return names["lab"]


def after(lab, **knobs):
    """Turn knobs; return the next step as it will be."""
    for knob, value in knobs.items():
        lab.set(knob, value)
    assert not lab.message, lab.message
    return lab.session.latest


def idle(step) -> float:
    """The share of all ranks' time."""
    return sum(use.idle for use in step.time) / (len(step.time) * step.seconds)


def most(step, kind: str) -> int:
    return max(getattr(memory, kind) for memory in step.memory)


def test_the_watch_sentences_hold(lab, cells):
    text = cells["the-lab"]
    for words in ("*Watch the blank in the timeline, and the time of a step.*",
                  "*Watch the bars of memory; the step gets no faster.*",
                  "*Watch the time, and the memory.*", "*Watch the messages.*",
                  "*Watch the loss: it is that of one process.*"):  # fmt: skip
        assert words in text
    few, many = after(lab, micro_batches=4), after(lab, micro_batches=16)
    assert idle(many) < idle(few) / 1.5 and many.seconds < few.seconds
    eager = after(lab, schedule="1f1b")
    assert most(eager, "activations") < most(many, "activations") / 3
    assert eager.seconds >= many.seconds
    filled = after(lab, schedule="zero_bubble")
    assert filled.seconds < eager.seconds and filled.seconds < many.seconds
    assert most(eager, "total") < most(filled, "total") < most(many, "total")
    tensor = after(lab, strategy="tensor")
    assert sum(tensor.bytes_sent.values()) > 2 * sum(filled.bytes_sent.values())
    slow = after(lab, bandwidth=100)
    pipeline = after(lab, strategy="pipeline")
    assert slow.seconds / tensor.seconds > 1.5 * pipeline.seconds / filled.seconds
    assert slow.seconds > pipeline.seconds
    lab.set("bandwidth", 1000)
    for knobs in ({"strategy": "tensor"}, {"strategy": "pipeline"}, {"schedule": "gpipe"}):
        after(lab, **knobs)
        lab.run(2)
    assert lab.session.gap < 1e-4
    for record in lab.session.records:
        assert record.loss == pytest.approx(record.alone, rel=1e-4)


def test_the_bet_is_three_sevenths_and_57_micro_batches():
    for name in ("gpipe", "1f1b"):
        assert time_schedule(make_schedule(name, 4, 4)).idle == pytest.approx(3 / 7)
        assert time_schedule(make_schedule(name, 4, 56)).idle > 0.05
        assert time_schedule(make_schedule(name, 4, 57)).idle == pytest.approx(0.05)  # 3/60
    told = read_text(CHAPTER, "What came out")
    assert "3 of 7 units of time, 43 %" in told and "it takes 57" in told


@pytest.mark.parametrize(("p", "M"), [(2, 3), (4, 8), (7, 20)])
def test_the_formula_of_the_bubble_and_what_is_kept(p, M):
    gpipe, eager = (time_schedule(make_schedule(name, p, M)) for name in ("gpipe", "1f1b"))
    assert gpipe.idle == eager.idle == pytest.approx((p - 1) / (M + p - 1))
    assert gpipe.in_flight == [M] * p and max(eager.in_flight) == min(p, M)


def test_what_the_program_does_is_not_what_the_textbook_says(cells):
    sizes = Sizes(layers=3, hidden=64, heads=8, ffn=176, vocab=1000, sequence=16)
    small, large = (trace_step(sizes, world, tensor=8) for world in (16, 56))
    for trace in (small, large):
        assert trace.program.traffic["all_reduce"].calls == 7 * 3
        assert trace.textbook.traffic["all_reduce"].calls == 4 * 3
    gathered = [trace.program.traffic["all_gather"].n_bytes for trace in (small, large)]
    assert gathered[1] > gathered[0], "64 rows are padded to a multiple of 7"
    last = [[f"{a.kind}{a.micro}" for a in table[-1][:2]]
            for table in (make_schedule("1f1b", 4, 8), torch_1f1b(4, 8))]  # fmt: skip
    assert last == [["F0", "B0"], ["F1", "B0"]]


def test_a_link_makes_interleaving_dearer_and_zero_bubble_shortest():
    link = Costs(2e-6, 1e9, 1e10)

    def seconds(name, chunks=1):
        return rehearse(Setup("pipeline", 4, 8, name, chunks, costs=link)).seconds

    assert seconds("zero_bubble") < seconds("interleaved", 2) < seconds("gpipe")
    assert seconds("gpipe") <= seconds("1f1b")


def test_up_to_96_units_there_is_a_cut_that_fits(cells):
    assert "Each has room for 400 kB" in cells["cell-4"]
    assert 'Slider("width", 64, 128, 5' in cells["cell-5"]
    fits = []
    for width in (64, 80, 96, 112, 128):
        net = MLP([64, width, width, width, 64, 64, 64, 32, 10])
        kB = [W.numel() * 16 / 1000 for W in net.views(net.theta)]
        if any(max(sum(kB[:cut]), sum(kB[cut:])) < 400 for cut in range(1, 8)):
            fits.append(width)
    assert fits == [64, 80, 96]
