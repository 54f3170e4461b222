"""A device's way to its channel: after each new connection its `on_connect` steps go first.

Strategy: everything that a device's worker sends takes its turns here. While the present connection has not
been prepared, a turn waits for the preparation, or fails at once as long as that fails. Only the preparation
itself passes; it is known by its context, which its tasks inherit. A device without `on_connect` gets the
channel's own turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Final

from ..modbus.errors import Down, LinkError, NotSent, TooLate
from ..model.devices import DeviceDefinition, State
from .channel import Channel, Lane, Turn

FIRST_RETRY: Final = 0.5  # seconds between a preparation that failed and the next one

_preparing: ContextVar[bool] = ContextVar("preparing", default=False)

Prepare = Callable[[], Awaitable[str]]
"""Carries out the `on_connect` steps; why that failed, or nothing."""


class DeviceLine:
    """The way of one device.

    Args:
        channel: of its endpoint.
        device: the device.
        clock: monotonic seconds.
        changed: is called when the device's standing changes because of a preparation.

    Attributes:
        prepare: carries out the `on_connect` steps; None where there are none.
    """

    def __init__(
        self,
        channel: Channel,
        device: DeviceDefinition,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self.prepare: Prepare | None = None
        self._channel = channel
        self._device = device
        self._clock = clock
        self._changed = changed
        self._prepared = -1  # the connection that is prepared, by its number
        self._trouble = ""  # why the last preparation failed
        self._retry_at = 0.0
        self._failures = 0  # preparations in a row that failed
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def window(self) -> int:
        """How many requests may be in flight now."""
        return self._channel.window

    @property
    def connection(self) -> int:
        """The number of the present connection, counted from 1."""
        return self._channel.tally.connects

    @property
    def is_prepared(self) -> bool:
        """Whether the present connection may be used by everybody."""
        return self.prepare is None or self._prepared == self.connection

    def turn(self, lane: Lane, device_id: int, until: float | None = None) -> Turn:
        """A turn, as `Channel.turn`."""
        if self.prepare is None or _preparing.get():
            return self._channel.turn(lane, device_id, until)
        return _PreparedTurn(self, self._channel, lane, device_id, until)

    def standing(self, state: State, reason: str) -> tuple[State, str]:
        """The device's state, if that of its connection is this; begins a preparation that is due."""
        if state is not State.UP or self.is_prepared:
            return state, reason
        if self._clock() >= self._retry_at:
            self._begin()
        if self._trouble:
            return State.DOWN, self._trouble
        return State.CONNECTING, "carrying out `on_connect`"

    async def ready(self, until: float | None) -> None:
        """Waits until the present connection is prepared.

        Raises:
            Down: the preparation fails.
            TooLate: not by `until`.
        """
        while not self.is_prepared:
            wait = self._retry_at - self._clock()
            if self._trouble and wait > 0:
                raise Down(self._trouble, wait)
            self._begin()
            if self._task is not None:
                limit = None if until is None else max(0.0, until - self._clock())
                done, _pending = await asyncio.wait([self._task], timeout=limit)
                if not done:
                    raise TooLate

    def check(self) -> None:
        """Makes sure that the connection is the prepared one.

        Raises:
            NotSent: it is new.
        """
        if not self.is_prepared:
            raise NotSent("the connection is new, and `on_connect` comes first")

    async def close(self) -> None:
        """Ends a preparation under way."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._carry_out())

    async def _carry_out(self) -> None:
        _preparing.set(True)
        try:
            error = await self._prepared_once()
            if error:
                self._failures += 1
                pause = min(FIRST_RETRY * 2**self._failures, self._device.link.backoff_max)
                self._trouble, self._retry_at = error, self._clock() + pause
                self._timer = asyncio.get_running_loop().call_later(pause, self._changed)
            else:
                self._trouble, self._failures, self._retry_at = "", 0, 0.0
        finally:
            self._task = None
        self._changed()

    async def _prepared_once(self) -> str:
        """Prepares a connection; why that failed, or nothing."""
        assert self.prepare is not None
        try:
            async with self._channel.turn(Lane.COMMAND, self._device.id):
                connection = self.connection  # the turn was given, so it stands
        except LinkError as lost:
            return lost.reason
        failure = await self.prepare()
        if failure:
            return f"`on_connect` failed: {failure}"
        self._prepared = connection
        return ""


class _PreparedTurn(Turn):
    """A turn on a connection that has been prepared."""

    __slots__ = ("_line",)

    def __init__(
        self, line: DeviceLine, channel: Channel, lane: Lane, device_id: int, until: float | None
    ) -> None:
        super().__init__(channel, lane, device_id, until)
        self._line = line
        self.guard = line.check

    async def __aenter__(self) -> Turn:
        while True:
            await self._line.ready(self.until)
            await super().__aenter__()
            if self._line.is_prepared:
                return self
            await super().__aexit__(None, None, None)  # it was given on a new connection
