"""A load that never ran."""

from __future__ import annotations

import pytest
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.schedule import Load, OpenLoop


@pytest.fixture(scope="session")
def load() -> Load:
    mix = Mix({"press-1": [Operation("read a", "read", {"tags": ["a"]})]})
    return Load(mix, OpenLoop(100.0), duration=4.0, warm_up=1.0)
