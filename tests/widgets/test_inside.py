"""The instruments "inside" and "text" against the modules that they look into."""

from itertools import count

import numpy as np
import pytest
import torch
from real_runs import described

from course import Adam, ClipByNorm, Descend, Trainer, adopt, chain, load_data
from course.architectures import CNN, GPT, RNN, Transformer, text_data, write
from widgets import TrainingLab
from widgets.common.picture import faults

NAMES = count()
KINDS = {"CNN": CNN, "RNN": lambda: RNN(16), "Transformer": Transformer,
         "GPT": lambda: GPT(16, context=16)}  # fmt: skip


def lab(kind="GPT", **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = KINDS[kind]()
    data = text_data(2000, 16) if kind == "GPT" else load_data("digits").subset(100)
    trainer = Trainer(adopt(module), data, chain(ClipByNorm(1.0), Adam(), Descend(0.01)))
    named = {"name": f"inside {next(NAMES)}", "interactive": False,
             "instruments": ("loss", "inside", "text")}  # fmt: skip
    return TrainingLab(trainer, **named | options)


@pytest.mark.parametrize("kind", KINDS)
def test_its_tiles_are_the_pictures_of_the_module(kind):
    run = lab(kind).run(10)
    picture, module = described(run), run.trainer.model.module
    assert faults(picture) == []
    x = run.trainer.data.x_test[:4]
    with torch.no_grad():
        expected = module.inside(x.float() if x.is_floating_point() else x)
    panels = [panel for panel in picture["below"] if panel["kind"] == "tiles"]
    assert [p["title"] for p in panels] == [p.title for p in expected]
    for panel, one in zip(panels, expected, strict=True):
        pixels = picture["arrays"][panel["pixels"]].reshape(panel["shape"]).astype(float)
        values = one.values.detach().numpy()
        if one.signed:
            found = (pixels - 128) / 127 * np.abs(values).max()
        else:
            found = pixels / 255
        assert found == pytest.approx(values, abs=np.abs(values).max() / 120)
        assert panel["largest"] == (120 if values.shape[2] > 8 else 60)
        assert panel["colours"] == ("signed" if one.signed else "grey")
        assert panel.get("captions", []) == [*one.captions]


def test_what_is_written_is_what_the_module_writes_at_the_sample():
    run = lab()
    for steps in (0, 10, 5):
        run.run(steps)
        picture = described(run)
        notes = {p["title"]: p["words"] for p in picture["below"] if "written" in p["title"]}
        at = run.trainer.step_count - run.trainer.step_count % 10
        assert [*notes] == [f"written {name}, after step {at}"
                            for name in ("greedy", "at temperature 0.7")]  # fmt: skip
    run.run(5)
    module = run.trainer.model.module.eval()
    greedy, drawn = (write(module, ";", 60, heat) for heat in (0, 0.7))
    notes = [p["words"] for p in described(run)["below"] if "written" in p["title"]]
    for note, text in zip(notes, (greedy, drawn), strict=True):
        assert note.startswith(text.replace(";", "; ").rstrip() + " (")
        assert "repeated)" in note
        assert text.replace(";", "; ").rstrip() in run.summary()


def test_a_step_back_shows_the_text_of_that_step():
    run = lab().run(20)
    run.go_to(10)
    titles = [p["title"] for p in described(run)["below"]]
    assert "written greedy, after step 10" in titles
    run.set("lr", 0.1)
    run.run(10)
    greedy = write(run.trainer.model.module.eval(), ";", 60)
    assert run.watching.instruments["text"].texts[20]["greedy"] == greedy, "of the new branch"


def test_looking_changes_no_bit_of_the_run():
    watched, plain = lab().run(25), lab(instruments=("loss",)).run(25)
    assert torch.equal(watched.trainer.model.theta, plain.trainer.model.theta)


def test_other_models_get_a_sentence():
    run = TrainingLab("digits", interactive=False, name=f"inside {next(NAMES)}",
                      instruments=("inside", "text")).run(5)  # fmt: skip
    words = [p["words"] for p in described(run)["below"]]
    assert any("MLP shows nothing of its inside; give the lab an adopted" in w for w in words)
    assert any(w.startswith("Only a GPT writes") for w in words)


def test_a_broken_run_writes_no_more():
    run = lab().run(10)
    run.trainer.model.theta.fill_(float("nan"))
    run.run(10)
    found = [p for p in described(run)["below"] if p["kind"] == "tiles"]
    assert found and 10 in run.watching.instruments["text"].texts
    assert 20 not in run.watching.instruments["text"].texts
