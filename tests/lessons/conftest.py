"""What the tests of bets, patients and exercises share."""

import itertools

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from course.lessons import judging


@pytest.fixture(autouse=True)
def known_draws(monkeypatch):
    """Judges draw other numbers at each check, and the same ones in each run of the tests."""
    seeds = itertools.count(1)
    monkeypatch.setattr(judging, "new_seed", lambda: next(seeds))


@pytest.fixture(scope="session")
def keras():
    """Keras on its torch backend; it takes seconds to import."""
    from course.lessons import find_keras

    return find_keras()


@pytest.fixture
def shell():
    """An IPython shell: without one, what is displayed cannot be caught."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.display_formatter.active_types = shell.display_formatter.format_types
    yield shell
    InteractiveShell.clear_instance()
