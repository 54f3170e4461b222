"""The asking: one process's part of a load, with asyncio.

Strategy: an open loop sends whatever is due, in one go where it is late, and measures each request from the
time it was due. A closed loop is one coroutine for each caller. Requests go over the connections in turn.
Whether the generator itself was the slow one can be seen afterwards: it measures how late it sent, and how
much of a core it used.

At the end the requests that are on their way still get their answers, for those that take longest must not
be the ones that are left out.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from itertools import count
from typing import Final

from ..aio.connection import AsyncConnection, connect
from ..protocol.errors import PlcmqError
from .meter import WARM_UP, WINDOW, Meter, Window
from .plan import Plan
from .schedule import ClosedLoop, OpenLoop

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
    """One process's part of a load. Open it (`async with`) to connect, then `run` it once.

    Attributes:
        meter: what it has counted and not yet handed over.
    """

    def __init__(self, plan: Plan) -> None:
        self.meter = Meter()
        self._plan = plan
        self._chance = random.Random(f"{plan.seed}/{plan.schedule.part}")  # the same choices every time
        self._connections: list[AsyncConnection] = []
        self._stack = AsyncExitStack()
        self._asking: set[asyncio.Task[None]] = set()
        self._turn = count()
        self._start = 0.0
        self._end = plan.end
        self._stopped = False

    async def __aenter__(self) -> Generator:
        """Connects.

        Raises:
            BrokerUnreachable: there is no broker.
        """
        plan = self._plan
        async with self._stack as stack:
            for _ in range(plan.connections):
                plc = connect(plan.endpoint, timeout=plan.timeout, codec=plan.codec)
                self._connections.append(await stack.enter_async_context(plc))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_raised: object) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._stack.aclose()

    def stop(self) -> None:
        """Ends the load early."""
        if not self._stopped:
            self._stopped = True
            self._end = min(self._end, time.monotonic() - self._start)

    async def run(self, start: float, tell: Callable[[Window], None]) -> None:
        """Asks until the plan ends or `stop` is called, and waits for the last answers.

        Args:
            start: when to begin, on the monotonic clock.
            tell: gets a window every half second.
        """
        self._start = start
        telling = asyncio.create_task(self._tell(tell))
        try:
            await asyncio.sleep(max(0.0, start - time.monotonic()))
            match self._plan.schedule:
                case OpenLoop() as schedule:
                    await self._send_what_is_due(schedule)
                case ClosedLoop() as schedule:
                    self._asking |= {asyncio.create_task(self._caller(at)) for at in schedule.begins()}
            await self._last_answers()
        finally:
            telling.cancel()
        tell(self._window(0.0))

    async def _last_answers(self) -> None:
        while self._asking and not (self._stopped and self._now() > self._end + self._patience()):
            done, self._asking = await asyncio.wait(self._asking, timeout=_GLANCE)
            for task in done:
                task.result()

    async def _tell(self, tell: Callable[[Window], None]) -> None:
        cpu = time.process_time()
        for number in count(1):
            await asyncio.sleep(max(0.0, self._start + number * WINDOW - time.monotonic()))
            used, cpu = time.process_time() - cpu, time.process_time()
            tell(self._window(used if self._now() <= self._plan.end + WINDOW / 2 else 0.0))

    def _window(self, cpu: float) -> Window:
        return self.meter.take(self._now(), cpu)

    def _patience(self) -> float:
        """Seconds after the end that belong to requests which were due before."""
        return PATIENCE if self._stopped else self._plan.timeout

    def _now(self) -> float:
        return time.monotonic() - self._start

    async def _send_what_is_due(self, schedule: OpenLoop) -> None:
        for number in count():
            due = schedule.due(number)
            late = await self._until(due)
            if due >= self._end:
                return
            if late > PATIENCE and self._now() > self._end + self._patience():
                self.meter.due += due >= self._plan.warm_up  # hopelessly late: the rest is not sent any more
                continue
            if due >= self._plan.warm_up:
                self.meter.lag.record(late)
            task = asyncio.create_task(self._ask(due))
            self._asking.add(task)
            task.add_done_callback(self._answered)
            if number % _BURST == 0:
                await asyncio.sleep(0)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.result()

    async def _until(self, at: float) -> float:
        """Waits until then, or until the end, which may come early; the seconds by which it is late."""
        while True:
            wait = min(at, self._end) - self._now()
            if wait <= 0:
                return -wait
            await asyncio.sleep(min(wait, _GLANCE))

    async def _caller(self, at: float) -> None:
        await self._until(at)
        while (now := self._now()) < self._end:
            await self._ask(now)

    async def _ask(self, due: float) -> None:
        device, operation = self._plan.mix.choose(self._chance)
        plc = self._connections[next(self._turn) % len(self._connections)]
        meter = self.meter
        measured = due >= self._plan.warm_up
        name = operation.name if measured else WARM_UP
        meter.due += measured
        meter.in_flight += 1
        try:
            result = await plc.request(operation.action, operation.rqargs, device=device)
            error = _error_in(operation.action, result)
        except PlcmqError as raised:
            error = raised
        finally:
            meter.in_flight -= 1
        now = self._now()
        if error is None:
            meter.succeeded(name, now - due)
            meter.in_time += self._plan.warm_up <= now < self._end
        else:
            meter.failed(name, str(error.code), error.message)


def _error_in(action: str, result: object) -> PlcmqError | None:
    """The first error of a read that could not give all of its tags."""
    if action == "read" and isinstance(result, Mapping) and (errors := result.get("errors")):
        return PlcmqError.from_map(next(iter(errors.values())))
    return None
