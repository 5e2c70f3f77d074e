"""Limits of effort that the tests of hostile input set low."""

import pytest

from course import effort


@pytest.fixture
def low_limits(monkeypatch):
    monkeypatch.setattr(effort, "memory_limit", lambda: 3e7)
    monkeypatch.setattr(effort, "LONGEST", 5)
