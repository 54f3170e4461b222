"""An endpoint's one connection over its whole life, and the turns that devices take on it.

`Upkeep` opens and closes the connection, `Health` decides whether the endpoint is up, `Turns` who is next;
this file joins them and carries out the transactions. A free turn costs neither task nor future.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final

from ..modbus.errors import BadReply, Down, ExceptionCode, ExceptionReply, NoReply, NotSent, TooLate
from ..modbus.pdu import Transaction
from ..model.devices import Endpoint, LinkSettings, State
from ..transport.link import Link
from .gate import Gate
from .health import Health, spread
from .latency import Latency
from .listeners import Audience, OnState
from .pipelining import Pipelining
from .settings import channel_settings
from .statistics import Tally
from .supervisor import Upkeep
from .turns import Lane

__all__ = ["Channel", "Down", "Lane", "Turn", "channel_settings"]

LAST_READ_FUNCTION: Final = 4
ERRAND: Final = -1  # the device id under which the channel takes turns for itself
CLOSED: Final = "the connection is being closed"
NOT_PERMITTED: Final = "its host has lost the broker"


class Turn:
    """The right to use the connection, inside `async with channel.turn(…)`.

    Attributes:
        until: from then on nothing is sent any more, seconds of the monotonic clock; None: no limit.
        guard: raises if nothing may be sent after all; asked right before that.
    """

    __slots__ = ("_channel", "_device_id", "_lane", "guard", "until")

    def __init__(self, channel: Channel, lane: Lane, device_id: int, until: float | None) -> None:
        self.until = until
        self.guard: Callable[[], None] | None = None
        self._channel = channel
        self._lane = lane
        self._device_id = device_id

    async def __aenter__(self) -> Turn:
        await self._channel.enter(self._lane, self._device_id, self.until)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._channel.leave()

    async def transact(self, unit: int, transaction: Transaction, patience: float | None = None) -> bytes:
        """Sends a request once, on the next connection if this one is lost before; the reply's payload.

        Args:
            unit: unit id.
            transaction: what to ask.
            patience: seconds for the reply; else the endpoint's `timeout`.

        Raises:
            NotSent: nothing left this machine; `Down` if the device is known not to answer, `TooLate` if
                by `until` it could not be sent.
            NoReply: sent, but no reply came.
            BadReply: the reply does not fit the request.
            ExceptionReply: the device refused.
        """
        return await self._channel.transact(unit, transaction, patience, self.until, self.guard)


class Channel:
    """One endpoint.

    Attributes:
        endpoint: where.
        settings: as they are now.
        since: when the state began, seconds since the epoch.
        tally: what has happened so far.
        latency: the last round-trip times.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: LinkSettings,
        *,
        on_state: OnState | None = None,
        tls: ssl.SSLContext | None = None,
        jitter: Callable[[], float] = spread,
        permitted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`jitter` gives the part of each delay that is waited; `permitted`: whether callers may send."""
        self.endpoint = endpoint
        self.settings = settings
        self.since = time.time()
        self.tally = Tally()
        self.latency = Latency()
        self._health = Health(str(endpoint), backoff_max=settings.backoff_max, jitter=jitter)
        self._audience = Audience(self._health, on_state)
        self._gate = Gate()
        self._pipelining = Pipelining(str(endpoint), settings.window, self._gate.turns)
        self._upkeep = Upkeep(self, endpoint, settings, self._health, self.tally, self._pipelining, tls)
        self.counts = self._upkeep.counts
        self.permitted = permitted
        self._closed = False

    @property
    def state(self) -> State:
        """As it is now."""
        return self._health.state

    @property
    def reason(self) -> str:
        """Why it is so."""
        return self._health.reason

    @property
    def retry_at(self) -> float | None:
        """While down, when the next try is made, seconds of the monotonic clock."""
        return self._health.retry_at if self._health.is_down else None

    @property
    def window(self) -> int:
        """How many requests may be in flight now: what the settings allow, once the device has proven it."""
        return self._gate.turns.window

    def standing(self, device_id: int) -> tuple[State, str]:
        """State and reason for one device: its unit can be down behind an endpoint that is up."""
        return self._health.standing(self._audience.units.get(device_id))

    def status(self) -> dict[str, Any]:
        """What the action `status` tells of the connection."""
        status: dict[str, Any] = {
            "endpoint": str(self.endpoint),
            "state": self.state.value,
            "reason": self.reason,
            "since": self.since,
            "counters": self.counts(),
            "round_trip": self.latency.percentiles(),
            "waiting": self._gate.turns.waiting,
            "window": self._pipelining.status(),
        }
        if self.retry_at is not None:
            status["retry_after"] = round(max(0.0, self.retry_at - time.monotonic()), 3)
        return status

    def __repr__(self) -> str:
        return (
            f"<Channel {self.endpoint} {self.state}, {self._gate.turns.taken} turns, {self._upkeep.link!r}>"
        )

    def register(self, device_id: int, unit: int, on_state: OnState | None = None) -> None:
        """A device uses this endpoint; `on_state` hears of that device's own state, see `standing`."""
        self._audience.register(device_id, unit, on_state)
        self._upkeep.use_units(set(self._audience.units.values()))
        if self._upkeep.is_started:
            self.changed()

    def unregister(self, device_id: int) -> None:
        """A device does not use this endpoint any more; whoever waits for it gets `NotSent`."""
        self._audience.unregister(device_id)
        self._upkeep.use_units(set(self._audience.units.values()))
        self._gate.turn_away(lambda: NotSent("the device is not served here any more"), device_id)

    def start(self) -> None:
        """Begins: connects at once, unless `idle_close` says to connect on demand."""
        if self.settings.idle_close is None:
            self._health.demand()
        self.changed()
        self._upkeep.start()

    async def close(self) -> None:
        """Ends the connection with FIN. Whoever waits gets `NotSent`. Returns when the socket is gone."""
        self._closed = True
        self._gate.turn_away(lambda: NotSent(CLOSED))
        self._gate.close()
        await self._upkeep.close()
        self._health.rest("closed")
        self.changed()

    async def reconfigure(self, settings: LinkSettings) -> None:
        """Takes new settings. None of them needs a new connection; a device that is down is tried at once."""
        if settings == self.settings:
            return
        if settings.window != self.settings.window:
            self._pipelining.configure(settings.window)
        self.settings = self._upkeep.settings = settings
        self._health.backoff_max = settings.backoff_max
        self._health.hurry(time.monotonic())
        if self._upkeep.link is not None:
            self._upkeep.link.any_unit = settings.any_unit
        self._upkeep.use_units(set(self._audience.units.values()))
        if settings.idle_close is None:
            self._upkeep.demand()
        self.changed()
        self._upkeep.wake()

    def turn(self, lane: Lane, device_id: int, until: float | None = None) -> Turn:
        """A turn, for `async with`; entering waits until it is given.

        It raises `Down` as soon as the device is known not to answer, `TooLate` if `until` (seconds of the
        monotonic clock) comes first, and `NotSent` if the channel is closed.
        """
        return Turn(self, lane, device_id, until)

    async def enter(self, lane: Lane, device_id: int, until: float | None = None) -> None:
        """Waits for a turn (see `turn`)."""
        if self._closed:
            raise NotSent(CLOSED)
        if self._health.is_down or self._health.has_silent_units:
            self._refuse(self._audience.units.get(device_id))
        if not self._gate.turns.take():
            self._upkeep.demand()
            await _in_time(self._gate.wait(lane, device_id), until)

    def leave(self) -> None:
        """Gives a turn back."""
        self._gate.leave()

    async def transact(
        self,
        unit: int,
        transaction: Transaction,
        patience: float | None = None,
        until: float | None = None,
        guard: Callable[[], None] | None = None,
    ) -> bytes:
        """Carries out one transaction for somebody who has a turn (see `Turn.transact`)."""
        patience = self.settings.timeout if patience is None else patience
        while True:
            link = self._upkeep.link
            if link is None or not self._gate.is_passable:
                link = await self._usable(until)
            if until is not None and time.monotonic() >= until:
                raise TooLate
            if not self.permitted():
                raise NotSent(NOT_PERMITTED)
            if guard is not None:
                guard()
            try:
                return await self._carry_out(link, unit, transaction, patience)
            except NotSent:
                if link.is_open:
                    raise
                self._regate()

    async def errand(self, unit: int, transaction: Transaction) -> bytes:
        """Carries out a request of the upkeep's own, in the lane of reads."""
        async with self.turn(Lane.READ, ERRAND) as turn:
            return await turn.transact(unit, transaction)

    @asynccontextmanager
    async def whole_link(self) -> AsyncIterator[Link]:
        """The connection for a turn of the upkeep's own, to be used while the window is 1."""
        async with self.turn(Lane.READ, ERRAND):
            link = await self._usable(None)
            if not self.permitted():
                raise NotSent(NOT_PERMITTED)
            yield link

    async def _usable(self, until: float | None) -> Link:
        """The link, as soon as the next request may be sent on it."""
        while (link := self._upkeep.link) is None or not self._gate.is_passable:
            if self._closed:
                raise NotSent(CLOSED)
            self._refuse(None)
            self._upkeep.demand()
            await _in_time(self._gate.watch(), until)
        return link

    def _refuse(self, unit: int | None) -> None:
        refusal = self._health.refusal(time.monotonic(), unit)
        if refusal is not None:
            raise refusal

    async def _carry_out(self, link: Link, unit: int, transaction: Transaction, patience: float) -> bytes:
        started = time.monotonic()
        try:
            payload = await link.transact(unit, transaction, patience)
        except asyncio.CancelledError:
            self._gate.turns.held = link.abandoned
            self._completed(time.monotonic())  # it may have been answered in the same moment
            raise
        except (ExceptionReply, BadReply, NoReply) as error:
            self._failed(error, link, unit, started, patience)
            raise
        now = time.monotonic()
        if link.strays and self._gate.turns.window > 1:
            self._misfit("replies came to requests that nobody had made")
        self.latency.note(now - started)
        self._health.answered(unit)
        if transaction.function <= LAST_READ_FUNCTION:
            self._upkeep.remember(unit, transaction)
        self._completed(now)
        return payload

    def _failed(
        self,
        error: ExceptionReply | BadReply | NoReply,
        link: Link,
        unit: int,
        started: float,
        patience: float,
    ) -> None:
        now = time.monotonic()
        if isinstance(error, ExceptionReply):
            self.tally.refused(error.code, now)
            self.latency.note(now - started)
            if error.code == ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND:
                self._health.unit_unreachable(now, unit, patience)
                self._upkeep.wake()
            else:
                self._health.answered(unit)
        elif isinstance(error, BadReply):
            self.tally.bad_replies += 1
            self._misfit(error.reason)
        elif error.timed_out:
            self.tally.timed_out(now)
            self._upkeep.missed(link, unit, now, patience)
        self._completed(now)

    def _misfit(self, why: str) -> None:
        """A device that was given several requests at once may be mixing them up."""
        if self._pipelining.misfit(why):
            self._upkeep.replace("replies are mixed up")

    def _completed(self, now: float) -> None:
        self._upkeep.completed(now)
        if self.settings.request_gap or not self._audience.is_current:
            self.changed()

    def settled(self, unit: int, answered: bool) -> None:
        """A request whose caller had gone has ended."""
        link, now = self._upkeep.link, time.monotonic()
        self._gate.turns.held = link.abandoned if link is not None else 0
        if answered:
            self._health.answered(unit)
        elif link is not None and link.is_open:
            self.tally.timed_out(now)
            self._upkeep.missed(link, unit, now, self.settings.timeout)
        self._completed(now)
        self._gate.pump()

    def answered_late(self) -> None:
        """A reply came to a request that had been given up: the device's pause begins only now."""
        self._completed(time.monotonic())

    def is_busy(self) -> bool:
        """Whether anybody has or wants a turn."""
        return bool(self._gate.turns.taken or self._gate.turns.waiting)

    def changed(self) -> None:
        """Brings everything in line with what is known now: the turns, and whoever waits or listens."""
        self._regate()
        if self._audience.is_current:
            return
        if self._audience.tell():
            self.since = time.time()
        if self._health.is_down:
            self._gate.turn_away(partial(self._down, None))
            self._gate.alert()
        elif self._health.has_silent_units:
            for device_id, unit in list(self._audience.units.items()):
                if self._health.standing(unit)[0] is State.DOWN:
                    self._gate.turn_away(partial(self._down, unit), device_id)

    def _down(self, unit: int | None) -> NotSent:
        return self._health.refusal(time.monotonic(), unit) or NotSent(self._health.reason)

    def _regate(self) -> None:
        self._gate.set(self._upkeep.usable and not self._closed, self._upkeep.earliest)


async def _in_time(waiting: Coroutine[None, None, None], until: float | None) -> None:
    """Waits, but not beyond this time of the monotonic clock.

    Raises:
        TooLate: the time came first.
    """
    if until is None:
        await waiting
        return
    try:
        async with asyncio.timeout(until - time.monotonic()):
            await waiting
    except TimeoutError:
        raise TooLate from None
