"""The asking, with asyncio.

Strategy: an open loop sends whatever is due, in one go where it is late, and measures each request from the
time it was due. A closed loop is one coroutine for each caller. Requests go over the connections in turn.
Whether the generator itself was the slow one can be seen afterwards: it measures how late it sent, and how
much of a core it used.

At the end the requests that are on their way still get their answers, for those that take longest must not
be the ones that are left out.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from contextlib import AsyncExitStack, suppress
from itertools import count, cycle
from typing import Final

from ..aio.connection import AsyncConnection, connect
from ..protocol.errors import PlcmqError
from .meter import Meter
from .schedule import ClosedLoop, Load, OpenLoop

PATIENCE: Final = 1.0  # seconds that answers may still take after somebody has stopped the load

_BURST: Final = 32  # requests that are sent before answers get their turn
_GLANCE: Final = 0.1  # seconds between looks whether to stop
_SELECTABLE: Final = 400  # connections; `select` takes descriptors below 1024


def precise_loop(connections: int) -> asyncio.AbstractEventLoop:
    """An event loop that wakes within some ten microseconds, where `epoll` and uvloop round up to 1 ms."""
    if connections > _SELECTABLE:
        return asyncio.SelectorEventLoop()
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


class Generator:
    """One process's load on a broker. Open it (`async with`) to connect, then `run` it once."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._meter = Meter()
        self._choices = load.mix.choices(load.seed)
        self._connections: list[AsyncConnection] = []
        self._stack = AsyncExitStack()
        self._patience = asyncio.timeout(None)
        self._start = 0.0  # on the monotonic clock
        self._end = load.end  # seconds from the start until nothing more is asked
        self._can_stop = False

    async def __aenter__(self) -> Generator:
        """Connects.

        Raises:
            BrokerUnreachable: there is no broker.
        """
        load = self._load
        async with self._stack as stack:
            for _ in range(load.connections):
                plc = connect(load.endpoint, timeout=load.timeout, codec=load.codec)
                self._connections.append(await stack.enter_async_context(plc))
            self._stack = stack.pop_all()
        self._turns = cycle(self._connections)
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self._stack.aclose()

    def stop(self) -> None:
        """Ends the load early."""
        if self._can_stop:
            self._can_stop = False
            self._end = max(0.0, min(self._end, self._now()))
            self._patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)

    async def run(self) -> Meter:
        """Asks until the load ends or `stop` is called, and waits for the last answers.

        Cancelled, it asks nothing more; what it has counted is lost.
        """
        self._start = time.monotonic()
        cpu = time.process_time()
        with suppress(TimeoutError):  # what has no answer when the patience ends stays without
            async with self._patience, asyncio.TaskGroup() as asking:
                self._can_stop = True
                match self._load.schedule:
                    case OpenLoop() as schedule:
                        await self._send_what_is_due(schedule, asking)
                    case ClosedLoop(in_flight):
                        for _ in range(in_flight):
                            asking.create_task(self._caller())
                        await self._until(self._load.end)
                self._meter.lasted = self._end
                self._meter.cpu = time.process_time() - cpu
        self._can_stop = False
        return self._meter

    def _now(self) -> float:
        return time.monotonic() - self._start

    async def _send_what_is_due(self, schedule: OpenLoop, asking: asyncio.TaskGroup) -> None:
        meter, warm_up = self._meter, self._load.warm_up
        for number in count():
            due = schedule.due(number)
            late = await self._until(due)
            if due >= self._end:
                return
            if late > PATIENCE and self._now() > self._end + self._load.timeout:
                meter.due += due >= warm_up  # hopelessly late: the rest is not sent any more
                continue
            if due >= warm_up:
                meter.lag.record(late)
            asking.create_task(self._ask(due))
            if number % _BURST == 0:
                await asyncio.sleep(0)

    async def _until(self, at: float) -> float:
        """Waits until then, or until the end, which may come early; the seconds by which it is late."""
        while True:
            wait = min(at, self._end) - self._now()
            if wait <= 0:
                return -wait
            await asyncio.sleep(min(wait, _GLANCE))

    async def _caller(self) -> None:
        now = self._now()
        while now < self._end:
            now = await self._ask(now)

    async def _ask(self, due: float) -> float:
        """Asks, and counts what came of it; the time of the answer."""
        device, operation = next(self._choices)
        plc = next(self._turns)
        meter, warm_up = self._meter, self._load.warm_up
        is_measured = due >= warm_up
        meter.due += is_measured
        try:
            reply = await plc.reply(operation.action, operation.rqargs, device=device)
            error = reply.error or _error_in(operation.action, reply.result)
        except PlcmqError as raised:
            error = raised
        now = time.monotonic() - self._start
        if error is None:
            meter.in_time += warm_up <= now < self._end
            if is_measured:
                meter.succeeded(operation.name, now - due)
        elif is_measured:
            meter.failed(operation.name, str(error.code), error.message)
        return now


def _error_in(action: str, result: object) -> PlcmqError | None:
    """The first error of a read that could not give all of its tags."""
    if action == "read" and isinstance(result, dict) and (errors := result.get("errors")):
        return PlcmqError.from_map(next(iter(errors.values())))
    return None
