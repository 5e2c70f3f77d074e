"""Filters, attention maps and written text in JupyterLab: drawn, and read aloud."""

import pytest
from lab_page import LabPage

pytestmark = pytest.mark.browser
CELL = """
import torch
from course import Adam, Descend, Trainer, adopt, chain
from course.architectures import GPT, text_data
from widgets import TrainingLab
torch.manual_seed(0)
trainer = Trainer(adopt(GPT(16, context=16)), text_data(2000, 16), chain(Adam(), Descend(0.01)))
lab = TrainingLab(trainer, steps=40, instruments=("loss", "inside", "text")).run(40)
lab
"""


def test_attention_maps_and_text_are_drawn_and_read_aloud(page, jupyter):
    lab = LabPage(page, jupyter, "inside", CELL)
    lab.at_step(40)
    panels = lab.face("face.picture.below")
    assert [p["kind"] for p in panels] == ["tiles", "note", "note"]
    assert panels[0]["shape"] == [4, 16, 16] and len(panels[0]["captions"]) == 4
    texts = lab.ask("lab.watching.instruments['text'].last(40)[1]")
    for panel, text in zip(panels[1:], texts.values(), strict=True):
        spaced = text.replace(";", "; ").rstrip()
        assert panel["words"].startswith(spaced)
        assert spaced in lab.sentence()
    assert lab.is_true()
