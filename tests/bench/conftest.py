"""The bench is scripts of one folder; its tests import them as they import each other."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder on the path, for the time of a test."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
