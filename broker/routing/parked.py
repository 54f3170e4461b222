"""Requests for devices that are moving between two hosts: they wait for a moment instead of failing.

Strategy: pure. They wait by device, so that what becomes of one device costs nothing for those of others.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from ...devices.protocol.messages import Job
from .pending import Pending

PARK_TIME: Final = 2.0  # seconds that a request waits for a device that is moving between hosts


class Parked:
    """All requests that wait so."""

    def __init__(self) -> None:
        self._by_device: dict[int, dict[int, tuple[Pending, Job]]] = {}  # device -> job id -> what waits
        self._ends: list[tuple[float, int, int]] = []  # a heap: until when, job id, device

    def __len__(self) -> int:
        return sum(map(len, self._by_device.values()))

    def add(self, pending: Pending, job: Job) -> None:
        """Lets a request wait."""
        until = min(pending.received + PARK_TIME, pending.deadline)
        self._by_device.setdefault(job.device, {})[job.id] = (pending, job)
        heapq.heappush(self._ends, (until, job.id, job.device))

    def take(self, device: int) -> list[tuple[Pending, Job]]:
        """Takes out what waits for a device."""
        return list(self._by_device.pop(device, {}).values())

    def remove(self, pending: Pending) -> None:
        """Takes out one request, if it is here."""
        self._pop(pending.device, pending.job)

    def expired(self, now: float) -> Iterator[Pending]:
        """Takes out those that have waited long enough."""
        while self._ends and self._ends[0][0] < now:
            _, job, device = heapq.heappop(self._ends)
            waiting = self._pop(device, job)
            if waiting is not None:
                yield waiting[0]

    def _pop(self, device: int, job: int) -> tuple[Pending, Job] | None:
        jobs = self._by_device.get(device)
        found = None if jobs is None else jobs.pop(job, None)
        if jobs is not None and not jobs:
            del self._by_device[device]
        return found
