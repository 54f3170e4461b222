"""The heartbeats of one device: tags that are written over and over while its connection stands.

Strategy: a task for each, which writes when it is due, in a turn of its own in the command lane, also between
the writes of a step, whoever holds the lock. A heartbeat that was late is counted: the device may have taken
its owner for dead.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from ...client.protocol.errors import PlcmqError
from ..model.actions import Heartbeat
from ..model.devices import DeviceDefinition, Profile
from ..model.numbers import RANGES
from ..model.tags import Scalar, Tag
from .writer import Writer

LATE: Final = 1.5  # times `every`: what is later than this after the one before was late

logger = logging.getLogger(__name__)


class Heartbeats:
    """Writes the heartbeats of one device.

    Args:
        device: for its name.
        profile: its heartbeats and tags.
        writer: writes them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        device: DeviceDefinition,
        profile: Profile,
        writer: Writer,
        clock: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._up = asyncio.Event()
        self._beats = [_Beat(heartbeat, profile.tags[heartbeat.tag]) for heartbeat in profile.heartbeats]
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._keep(beat), name=f"heartbeat {device.name}.{beat.heartbeat.tag}")
            for beat in self._beats
        ]

    def look(self, up: bool) -> None:
        """Begins or pauses: whether the device is up may have changed."""
        if up:
            self._up.set()
        else:
            self._up.clear()

    def status(self) -> list[dict[str, Any]]:
        """What `status` tells of them."""
        return [beat.status(self._clock()) for beat in self._beats]

    async def close(self) -> None:
        """Ends them."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _keep(self, beat: _Beat) -> None:
        every = beat.heartbeat.every
        due = self._clock()
        while True:
            if not self._up.is_set():
                beat.last = None
                await self._up.wait()
                due = self._clock()
            await asyncio.sleep(due - self._clock())
            try:
                await self._writer.beat({beat.heartbeat.tag: beat.value}, self._clock() + every)
            except PlcmqError as error:
                beat.failed(error)
            else:
                beat.written(self._clock())
            due = max(due + every, self._clock())


class _Beat:
    """One heartbeat at work."""

    def __init__(self, heartbeat: Heartbeat, tag: Tag) -> None:
        self.heartbeat = heartbeat
        self.last: float | None = None  # when it was written last on this connection
        self.late = 0
        self.failures = 0
        self._values = _values_of(heartbeat, tag)
        self.value = next(self._values)

    def written(self, now: float) -> None:
        """It has been confirmed."""
        if self.last is not None and now - self.last > LATE * self.heartbeat.every:
            self.late += 1
            logger.warning("the heartbeat %s came %.3f s late", self.heartbeat.tag, now - self.last)
        self.last = now
        self.value = next(self._values)

    def failed(self, error: PlcmqError) -> None:
        """It has not been confirmed; the next one is tried in its time."""
        self.failures += 1
        logger.debug("the heartbeat %s failed: %s", self.heartbeat.tag, error.message)

    def status(self, now: float) -> dict[str, Any]:
        """For people and machines."""
        age = None if self.last is None else round(now - self.last, 3)
        beat = self.heartbeat
        return {"tag": beat.tag, "every": beat.every, "age": age, "late": self.late, "failed": self.failures}


def _values_of(heartbeat: Heartbeat, tag: Tag) -> Iterator[Scalar]:
    if not heartbeat.count:
        return itertools.cycle(heartbeat.values)
    low, high = RANGES[tag.type]
    first = 0 if tag.min is None else max(low, int(tag.min))
    last = high if tag.max is None else min(high, int(tag.max))
    return itertools.chain.from_iterable(itertools.repeat(range(first, last + 1)))
