"""The task that opens, tries, rests and closes an endpoint's connection.

Strategy: nobody else opens or closes one, and this task opens none before the old one is gone; so there are
never two at any instant. `Health` decides what is to be done, `_step` does one thing of it. While the
endpoint is down the task finds out by itself whether it is back, with a read that the device has answered
before, so no caller has to be the one who waits for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Coroutine
from typing import Final, Protocol

from ..modbus.errors import BadReply, ExceptionReply, LinkError, NoReply, NotSent
from ..modbus.pdu import Transaction, read
from ..model.devices import Endpoint, LinkSettings, State
from ..model.tags import Table
from ..transport.link import CLOSE_TIME, Link
from .gate import TICK
from .health import Health
from .pipelining import Pipelining
from .statistics import Tally
from .trial import Mixed, Place, try_together

RECYCLE_TIME: Final = 0.2  # seconds that a device gets to close its side before the next connection
LEASE_PAUSE: Final = 0.1  # seconds between two looks at a lease that is not held
PAUSE_AFTER_FAULT: Final = 1.0  # seconds, after a fault of our own
PROBES: Final = {3: Table.HOLDING, 4: Table.INPUT, 1: Table.COIL, 2: Table.DISCRETE}  # by function code

logger = logging.getLogger(__name__)


class Owner(Place, Protocol):
    """What the task needs of its channel."""

    def changed(self) -> None:
        """Health or link are not what they were."""

    def settled(self, unit: int, answered: bool) -> None:
        """A request whose caller had gone has ended."""

    def answered_late(self) -> None:
        """A reply came to a request that had been given up."""

    def is_busy(self) -> bool:
        """Whether anybody has or wants a turn."""

    def permitted(self) -> bool:
        """Whether the lease lasts, without which no socket is opened and nothing is sent."""


class Upkeep:
    """Keeps one endpoint's connection.

    Attributes:
        link: the connection; none while there is none.
        settings: as they are now.
        earliest: before this time nothing may be sent (the request gap).
    """

    def __init__(
        self,
        owner: Owner,
        endpoint: Endpoint,
        settings: LinkSettings,
        health: Health,
        tally: Tally,
        pipelining: Pipelining,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.link: Link | None = None
        self.settings = settings
        self.earliest = 0.0
        self._owner = owner
        self._endpoint = endpoint
        self._health = health
        self._tally = tally
        self._pipelining = pipelining
        self._tls = tls
        self._replace = False  # whether the link is to be closed although it stands
        self._next_id = 1
        self._ready_at: float | None = None  # since when the link may be used
        self._last_use = 0.0
        self._reads: dict[int, Transaction] = {}  # by unit, the units used; the last read that was answered
        self._answered: tuple[int, Transaction] | None = None  # unit and read to try several at once with
        self._tried = 0  # units, one after the other
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._errand: asyncio.Task[None] | None = None

    def counts(self) -> dict[str, int]:
        """What has happened so far, by name."""
        return self._tally.counts(self.link)

    @property
    def usable(self) -> bool:
        """Whether callers may send, the request gap aside."""
        link = self.link
        return link is not None and link.is_open and not self._replace and self._health.state is State.UP

    @property
    def is_started(self) -> bool:
        """Whether `start` has been called."""
        return self._task is not None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"upkeep {self._endpoint}")

    async def close(self) -> None:
        """Ends; returns when the socket is gone."""
        tasks = [task for task in (self._errand, self._task) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def wake(self) -> None:
        """Something has changed that the task should look at."""
        self._wake.set()

    def demand(self) -> None:
        """Somebody wants the connection."""
        if self._health.state is State.IDLE:
            self._health.demand()
            self._owner.changed()
            self._wake.set()

    def replace(self, reason: str) -> None:
        """The connection works, but another one is wanted."""
        self._replace = True
        self._health.renew(reason)
        self._wake.set()

    def completed(self, now: float) -> None:
        """A request has ended, one way or another."""
        self._last_use = now
        self.earliest = now + self.settings.request_gap

    def missed(self, link: Link, unit: int, now: float, patience: float) -> None:
        """A request on this link got no answer in time."""
        if link is self.link and link.is_open and not self._replace:
            self._replace = self._health.missed(now, unit, patience)
            self._wake.set()

    def remember(self, unit: int, transaction: Transaction) -> None:
        """The unit has answered this read, so it is good to find out with whether it still does."""
        if unit in self._reads:
            self._reads[unit] = transaction
            if self._pipelining.is_due:
                self._answered = unit, transaction
                self._wake.set()

    def use_units(self, units: set[int]) -> None:
        """These are the units behind the endpoint."""
        first = next((PROBES[function] for function in PROBES if function in self.settings.functions), None)
        probes = {unit: read(first, 0, 1) for unit in sorted(units)} if first else {}
        self._reads = {unit: self._reads.get(unit, probe) for unit, probe in probes.items()}

    async def _run(self) -> None:
        try:
            while True:
                await asyncio.sleep(0)  # whatever a step does, others get their turn
                try:
                    await self._step()
                except Exception:
                    # The task's boundary: without it nobody would ever be served at this endpoint again.
                    logger.exception("%s: fault in the upkeep of the connection", self._endpoint)
                    await asyncio.sleep(PAUSE_AFTER_FAULT)
        finally:
            if self.link is not None:
                await self.link.close(CLOSE_TIME)
                self._ended(self.link)

    async def _step(self) -> None:
        """Does what is to be done next, or waits until there is something."""
        link, health = self.link, self._health
        now = time.monotonic()
        retry_at = max(health.retry_at, self.earliest)
        if link is not None and (self._replace or not link.is_open):
            await self._discard(link, now)
        elif link is None and health.state is State.IDLE:
            if self._owner.is_busy():
                self.demand()
            else:
                await self._pause(None)
        elif health.is_down and now < retry_at:
            await self._pause(retry_at)
        elif not self._owner.permitted():
            await self._pause(now + LEASE_PAUSE)
        elif link is None:
            await self._connect(now)
        elif health.is_down:
            await self._probe(link, now)
        else:
            await self._tend(link, now)

    async def _pause(self, until: float | None) -> None:
        """Waits until then, or until something has changed."""
        self._wake.clear()
        seconds = None if until is None else max(TICK, until - time.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _connect(self, now: float) -> None:
        health = self._health
        health.attempt(now)
        try:
            self.link = link = await Link.open(
                self._endpoint,
                self.settings.connect_timeout,
                any_unit=self.settings.any_unit,
                first_id=self._next_id,
                on_lost=self._lost,
                on_settled=self._owner.settled,
                on_late=self._owner.answered_late,
                tls=self._tls,
            )
        except NotSent as error:
            health.connect_failed(time.monotonic(), error.reason)
            self._owner.changed()
            return
        self._tally.connects += 1
        self._ready_at = None
        health.connected()
        self._pipelining.connected()
        ready_at = time.monotonic() + self.settings.connect_delay
        while link.is_open and time.monotonic() < ready_at:
            await self._pause(ready_at)
        if link.is_open:
            self._ready_at = self._last_use = time.monotonic()
            health.ready()
            self._owner.changed()

    def _lost(self) -> None:
        self._owner.changed()
        self._wake.set()

    async def _discard(self, link: Link, now: float) -> None:
        """Gets rid of a connection that has ended or is to end."""
        if not self._replace:
            age = now - self._ready_at if self._ready_at is not None else 0.0
            self._tally.troubled_at = now
            self._health.lost(now, link.reason, used=link.requests > 0, age=age)
        self._owner.changed()
        await link.close(RECYCLE_TIME)
        self._ended(link)
        self._owner.changed()

    def _ended(self, link: Link) -> None:
        self.link = None
        self._replace = False
        self._next_id = link.next_id
        self._tally.disconnects += 1
        self._tally.add(link)

    async def _probe(self, link: Link, now: float) -> None:
        """Finds out whether a device that was down answers again."""
        health, units = self._health, list(self._reads)
        health.attempt(now)
        if not units:
            health.trust()
            self._owner.changed()
            return
        unit = units[self._tried % len(units)]
        self._tried += 1
        try:
            await link.transact(unit, self._reads[unit], self.settings.timeout)
        except NotSent:
            if not link.is_open:
                return  # the next step sees to it
            self._replace = health.probe_missed(time.monotonic(), self.settings.timeout)  # it takes nothing
        except NoReply as silence:
            if silence.timed_out and link.is_open:
                self._replace = health.probe_missed(time.monotonic(), self.settings.timeout)
        except (ExceptionReply, BadReply):
            health.answered(unit)  # it is there, and callers learn more from what it says than from `Down`
        else:
            health.answered(unit)
        self.completed(time.monotonic())
        self._owner.changed()

    async def _tend(self, link: Link, now: float) -> None:
        """Rests, warms, tries silent units and several requests at once; waits until one of these is due."""
        if self._pipelining.is_due and self._answered is not None:
            self._send_errand(self._try_together(*self._answered))
        due = [self._rest_at(link, now), self._warm_at(now), self._unit_at(now)]
        if self.link is link and not self._replace:
            await self._pause(min((time for time in due if time is not None), default=None))

    def _rest_at(self, link: Link, now: float) -> float | None:
        """Closes the connection if it has not been used for long enough; else when that will be."""
        after = self.settings.idle_close
        if after is None:
            return None
        if self._owner.is_busy() or link.in_flight:
            return max(self._last_use, now - after / 2) + after
        if now >= self._last_use + after:
            self._health.rest(f"closed after {after:g} s without a request; connects on demand")
            self._replace = True
        return self._last_use + after

    def _warm_at(self, now: float) -> float | None:
        """Reads something if nothing has been asked for long enough; else when that will be."""
        after = self.settings.keep_warm
        if after is None or not self._reads:
            return None
        if now < self._last_use + after:
            return self._last_use + after
        unit, transaction = next(iter(self._reads.items()))
        self._send_errand(self._ask(unit, transaction))
        return now + after

    def _unit_at(self, now: float) -> float | None:
        """Tries a silent unit if its time has come; else when that will be."""
        due = self._health.next_unit()
        if due is None:
            return None
        at, unit = due
        if now >= at:
            if self._errand is not None:
                return None  # its end wakes us
            self._health.unit_attempt(now, unit, self.settings.timeout)
            if unit in self._reads:
                self._send_errand(self._ask(unit, self._reads[unit]))
            return now
        return at

    def _send_errand(self, errand: Coroutine[None, None, None]) -> None:
        """Lets it go on beside the task, if none is under way."""
        if self._errand is None:
            self._errand = asyncio.get_running_loop().create_task(self._run_errand(errand))
        else:
            errand.close()

    async def _run_errand(self, errand: Coroutine[None, None, None]) -> None:
        try:
            await errand
        except (LinkError, ExceptionReply):
            pass  # whoever carried it out has told `Health`
        finally:
            self._errand = None
            self._wake.set()

    async def _ask(self, unit: int, transaction: Transaction) -> None:
        await self._owner.errand(unit, transaction)

    async def _try_together(self, unit: int, answered: Transaction) -> None:
        """Finds out whether the device can do several requests at once."""
        self._answered = None
        window = self._pipelining.begin()
        difference = None
        try:
            difference = await try_together(self._owner, unit, answered, window, self.settings.timeout)
        except Mixed as mixed:
            difference = str(mixed)
            if self.usable:
                self.replace("replies are mixed up")
        finally:
            self._pipelining.ended(window, difference)
            self._owner.changed()
