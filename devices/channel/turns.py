"""Who may use the connection next: commands before reads, and in each lane every device in its turn.

Strategy: pure bookkeeping. A turn is taken at once if one is free and nobody waits; otherwise the caller
waits as an opaque token, and `next` says who it is for now. A turn is not free while the device may still
be busy with a request whose caller has gone: `held` counts those.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import IntEnum
from typing import Generic, TypeVar

Waiter = TypeVar("Waiter")


class Lane(IntEnum):
    """What goes first."""

    COMMAND = 0
    READ = 1


class Turns(Generic[Waiter]):
    """The turns of one connection.

    Attributes:
        window: how many turns there are.
        open: whether any are given out now.
        taken: how many are given out.
        held: with how many requests the device is busy whose callers have gone.
    """

    def __init__(self, window: int = 1) -> None:
        self.window = window
        self.open = False
        self.taken = 0
        self.held = 0
        self._lanes: tuple[OrderedDict[int, deque[Waiter]], ...] = tuple(OrderedDict() for _ in Lane)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(queue) for lane in self._lanes for queue in lane.values())

    @property
    def overdrawn(self) -> bool:
        """Whether the device is busy with more than the turns given out allow for."""
        return self.taken + self.held > self.window

    def take(self) -> bool:
        """Takes a turn if one is free now and nobody waits for it."""
        if not self.open or self.taken + self.held >= self.window or any(self._lanes):
            return False
        self.taken += 1
        return True

    def wait(self, lane: Lane, device_id: int, waiter: Waiter) -> None:
        """Waits for a turn, behind the same device's others in this lane."""
        self._lanes[lane].setdefault(device_id, deque()).append(waiter)

    def leave(self, lane: Lane, device_id: int, waiter: Waiter) -> None:
        """Waits no longer, if it still did."""
        queue = self._lanes[lane].get(device_id)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._lanes[lane][device_id]

    def next(self) -> Waiter | None:
        """Gives a turn to whoever is next; nothing if none is free or nobody waits."""
        if not self.open or self.taken + self.held >= self.window:
            return None
        for lane in self._lanes:
            if lane:
                device_id, queue = lane.popitem(last=False)
                waiter = queue.popleft()
                if queue:
                    lane[device_id] = queue  # behind the others
                self.taken += 1
                return waiter
        return None

    def give_back(self) -> None:
        """A turn is over."""
        self.taken -= 1

    def drain(self, device_id: int | None = None) -> list[Waiter]:
        """Takes out everybody who waits, or one device's."""
        found: list[Waiter] = []
        for lane in self._lanes:
            for one in [device_id] if device_id is not None else list(lane):
                found.extend(lane.pop(one, ()))
        return found
