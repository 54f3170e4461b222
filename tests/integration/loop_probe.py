"""Finds code that holds the loop of broker, host and clients, which share the loop of the test.

Strategy: the loop beats, and each beat compares how late it comes with the CPU time of its thread meanwhile.
Late without CPU time is a busy machine; both is code that computed too long. A thread looks at the stack
while the beat is due: what it saw tells whether that code is plcmq's, or the test's and its simulator's. The
garbage collector's time does not count: it belongs to the heap of the whole suite.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import plcmq.broker
import plcmq.client
import plcmq.devices

BEAT = 0.02
LIMIT = 0.1  # seconds of CPU within one turn of the loop
OWN = tuple(str(Path(package.__path__[0])) for package in (plcmq.broker, plcmq.client, plcmq.devices))
SIMULATOR = str(Path(OWN[2]) / "simulator")


@dataclass(frozen=True)
class Hold:
    """One time that the loop was held: seconds of CPU, and plcmq's innermost line that was seen most."""

    seconds: float
    where: str


def own_line(stack: traceback.StackSummary) -> str | None:
    """The innermost line of plcmq's own code; None where the simulator or nothing of plcmq is at work."""
    own = [line for line in stack if line.filename.startswith(OWN)]
    if not own or any(line.filename.startswith(SIMULATOR) for line in own):
        return None
    return f"{own[-1].filename}:{own[-1].lineno} {own[-1].name}"


class LoopProbe:
    """Beats in the loop that it is made in, until `stop`; `holds` is what it found."""

    def __init__(self) -> None:
        self.holds: list[Hold] = []
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._seen: Counter[str] = Counter()
        self._elsewhere = 0  # how often the thread was seen outside of plcmq
        self._collecting = 0.0
        self._began_collecting = 0.0
        self._ended = threading.Event()
        self._plan()
        gc.callbacks.append(self._collects)
        self._thread = threading.Thread(target=self._look, name="loop-probe", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._timer.cancel()
        self._ended.set()
        self._thread.join()
        gc.callbacks.remove(self._collects)

    def _plan(self) -> None:
        self._due, self._cpu = time.monotonic() + BEAT, time.thread_time()
        self._timer = self._loop.call_later(BEAT, self._beats)

    def _beats(self) -> None:
        late = time.monotonic() - self._due
        used = time.thread_time() - self._cpu - self._collecting
        if min(late, used) > LIMIT and self._seen.total() > self._elsewhere:
            self.holds.append(Hold(used, self._seen.most_common(1)[0][0]))
        self._collecting = 0.0
        self._seen.clear()
        self._elsewhere = 0
        self._plan()

    def _collects(self, phase: str, info: dict[str, int]) -> None:
        if threading.get_ident() != self._thread_id:
            return
        if phase == "start":
            self._began_collecting = time.thread_time()
        else:
            self._collecting += time.thread_time() - self._began_collecting

    def _look(self) -> None:
        while not self._ended.wait(BEAT):
            if time.monotonic() > self._due + BEAT:
                frame = sys._current_frames().get(self._thread_id)
                line = own_line(traceback.extract_stack(frame))
                if line is None:
                    self._elsewhere += 1
                else:
                    self._seen[line] += 1
