"""Devices that no host serves, and when placing each of them is worth another try.

Strategy: pure. A try costs time, and with thousands of devices most tries would be in vain: behind a fence,
or while the seat is on its way. So each device is tried when something has changed for it, and not before.
"""

from __future__ import annotations

import heapq


class Unplaced:
    """All devices that want a place."""

    def __init__(self) -> None:
        self._devices: set[int] = set()
        self._due: set[int] = set()
        self._later: list[tuple[float, int]] = []  # a heap: when a device is due, which

    def __len__(self) -> int:
        return len(self._devices)

    def add(self, device: int) -> None:
        """A device wants a place; it is due at once."""
        self._devices.add(device)
        self._due.add(device)

    def discard(self, device: int) -> None:
        """A device has a place, or wants none any more."""
        self._devices.discard(device)
        self._due.discard(device)

    def clear(self) -> None:
        """Nobody wants a place any more."""
        self._devices.clear()
        self._due.clear()
        self._later.clear()

    def retry(self, device: int) -> None:
        """Something has changed for a device."""
        if device in self._devices:
            self._due.add(device)

    def retry_at(self, device: int, when: float) -> None:
        """Nothing changes for a device before `when` (monotonic seconds)."""
        heapq.heappush(self._later, (when, device))

    def retry_all(self) -> None:
        """Something has changed for all of them, such as a new host."""
        self._due |= self._devices

    def take_due(self, now: float) -> list[int]:
        """The devices to be tried now, by id. They are not due again until something changes."""
        while self._later and self._later[0][0] <= now:
            self.retry(heapq.heappop(self._later)[1])
        due, self._due = self._due, set()
        return sorted(due)
