"""Catches an event loop that is held up, in the act: which line of whose code does not give it back.

Strategy: the loop beats; a thread looks whether the beat comes. When it is late, the loop's thread still
stands where it is held up, so its stack is the answer. One report for each time. A beat that is late because
the whole process stood still (a busy machine, a laptop asleep) is no report: then the thread was late too.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LOOPS: Final = frozenset({"runners.py", "base_events.py", "selectors.py"})
LINES: Final = 3  # of the stack that are told, the innermost last

logger = logging.getLogger(__name__)


class LoopWatch:
    """Watches the loop that it is made in, until `stop`.

    Attributes:
        late: how many times the loop was held up.
        worst: the longest of them, in seconds.
        where: the innermost lines of the last one.
    """

    def __init__(self, name: str, beat: float, patience: float) -> None:
        """`name` is that of the process in the log; `beat` and `patience` in seconds."""
        self.late = 0
        self.worst = 0.0
        self.where = ""
        self._name = name
        self._beat = beat
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._heard = time.monotonic()
        self._is_late = False
        self._ended = threading.Event()
        self._timer = self._loop.call_later(beat, self._beats)
        self._thread = threading.Thread(target=self._look, name="plcmq-loop-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch."""
        self._timer.cancel()
        self._ended.set()
        self._thread.join()

    def _beats(self) -> None:
        now = time.monotonic()
        if self._is_late:
            self._is_late = False
            self.worst = max(self.worst, now - self._heard)
        self._heard = now
        self._timer = self._loop.call_later(self._beat, self._beats)

    def _look(self) -> None:
        looked = time.monotonic()
        while not self._ended.wait(self._beat):
            before, looked = looked, time.monotonic()
            was_awake = looked - before < self._beat + self._patience / 2
            if was_awake and not self._is_late and looked - self._heard > self._beat + self._patience:
                self._report()

    def _report(self) -> None:
        frame = sys._current_frames().get(self._thread_id)
        stack = traceback.extract_stack(frame)[-LINES:] if frame is not None else []
        if not stack or Path(stack[-1].filename).name in _LOOPS:
            return  # the loop waits, or works in itself: no line of code holds it
        self._is_late = True
        self.late += 1
        self.where = " < ".join(f"{line.filename}:{line.lineno} {line.name}" for line in reversed(stack))
        logger.warning("the loop of %s is held up by %s", self._name, self.where)


@contextmanager
def watched_loop(name: str, beat: float, patience: float) -> Iterator[LoopWatch]:
    """A watch of the running loop, for the time of a block."""
    watch = LoopWatch(name, beat, patience)
    try:
        yield watch
    finally:
        watch.stop()
