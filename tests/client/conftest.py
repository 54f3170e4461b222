"""What the client tests share: a look at the process's descriptors and threads."""

from __future__ import annotations

import time
from pathlib import Path

import pytest


class Held:
    """The descriptors and the threads that this process has when this is made, ZeroMQ's included."""

    def __init__(self) -> None:
        self._before = self._now()

    def nothing_new(self) -> bool:
        """Whether there are no more now. The kernel takes a moment to clear away what has ended."""
        for _ in range(100):
            if all(now <= before for now, before in zip(self._now(), self._before, strict=True)):
                return True
            time.sleep(0.02)
        return False

    def _now(self) -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))


@pytest.fixture
def held() -> type[Held]:
    """To be called where the counting begins."""
    return Held
