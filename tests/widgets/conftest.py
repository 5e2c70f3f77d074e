"""No lab outlives its test, and no learner's file is touched."""

import pytest

from widgets.common.front_end import LABS, SHOWN


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setenv("TRAINING_AT_SCALE_HOME", str(tmp_path / "home"))
    yield
    for lab in list(LABS.values()):
        lab.close()
    LABS.clear()
    SHOWN.clear()
