"""What the client tests share: a look at the process's descriptors and threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def held() -> Callable[[], tuple[int, int]]:
    """Counts the descriptors and the threads of this process, those of ZeroMQ included."""

    def count() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))

    return count
