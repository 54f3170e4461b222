"""Where callers wait for a turn on the connection, and for the connection itself.

Strategy: `Turns` decides who is next; this gives it futures to hand out and a clock for the gap between two
requests. A turn that is free at once costs no future.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from ..modbus.errors import NotSent
from .turns import Lane, Turns

TICK: Final = 0.001  # seconds: the shortest timer that every event loop keeps


class Gate:
    """The turns of one connection.

    Attributes:
        turns: who has and wants them.
    """

    def __init__(self) -> None:
        self.turns: Turns[asyncio.Future[None]] = Turns()
        self._watchers: list[asyncio.Future[None]] = []  # holders of a turn who cannot use it now
        self._timer: asyncio.TimerHandle | None = None
        self._usable = False
        self._earliest = 0.0

    @property
    def is_passable(self) -> bool:
        """Whether the holder of a turn may send now."""
        return self.turns.open and not self.turns.overdrawn

    def set(self, usable: bool, earliest: float) -> None:
        """Opens or closes.

        Args:
            usable: whether the connection is.
            earliest: before this time nothing may be sent, seconds of the monotonic clock.
        """
        self._usable, self._earliest = usable, earliest
        delay = earliest - time.monotonic()
        self.turns.open = usable and delay <= 0
        if usable and delay > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(max(delay, TICK), self._gap_over)
        self.pump()

    def _gap_over(self) -> None:
        self._timer = None
        self.set(self._usable, self._earliest)

    async def wait(self, lane: Lane, device_id: int) -> None:
        """Waits for a turn.

        Raises:
            NotSent: what `turn_away` was given.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.turns.wait(lane, device_id, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            self.turns.leave(lane, device_id, waiter)
            if not waiter.cancelled() and waiter.exception() is None:
                self.leave()  # it had just been given
            raise

    def leave(self) -> None:
        """Gives a turn back."""
        self.turns.give_back()
        self.pump()

    def pump(self) -> None:
        """Gives turns to those who are next."""
        while (waiter := self.turns.next()) is not None:
            if waiter.done():
                self.turns.give_back()
            else:
                waiter.set_result(None)
        if self._watchers and self.is_passable:
            self.alert()

    def turn_away(self, error: Callable[[], NotSent], device_id: int | None = None) -> None:
        """Everybody who waits for a turn, or all of one device, gets an error of their own."""
        for waiter in self.turns.drain(device_id):
            if not waiter.done():
                waiter.set_exception(error())

    async def watch(self) -> None:
        """Waits until the holder of a turn should look again whether it can be used."""
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher

    def alert(self) -> None:
        """Ends every `watch`."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    def close(self) -> None:
        """Lets nobody pass any more."""
        self.set(usable=False, earliest=0.0)
        self.alert()
        if self._timer is not None:
            self._timer.cancel()
