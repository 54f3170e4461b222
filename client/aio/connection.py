"""The asyncio client: one connection, any number of requests in flight.

Strategy: a plain DEALER whose file descriptor the loop watches; no task, no timer and no lock per request.
    A request is sent where it is made; replies are read in bursts and wake their futures. One timer stands
    for the earliest deadline of all, and a slow tick looks whether the edge-triggered descriptor has ever
    failed to announce a message.

    async with connect("tcp://127.0.0.1:7502") as plc:
        await plc.request("start_batch", {"batch_size": 15}, device="press-1")

A connection belongs to the loop, and to the process, in which it was opened.
"""

from __future__ import annotations

import asyncio
import math
import time
import warnings
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Self

from ..core import calls
from ..core.belonging import Belonging
from ..core.calls import LOCK_TTL
from ..core.pump import Pump
from ..core.retry import Attempts, Check, Retry
from ..core.session import GRACE, Call, Session, closed_error, request_map
from ..core.subscription import WATCH_TTL, WatchEvent, Watching, watch_args
from ..protocol.bodies import Codec
from ..protocol.endpoint import DEFAULT_ENDPOINT, endpoint_of
from ..protocol.messages import DEFAULT_TIMEOUT
from ..protocol.replies import Reply
from ..protocol.sockets import process_context
from .device import BoundDevice
from .locked import AsyncLockedDevice, lock_device
from .subscription import watch_events

CONNECT_TIMEOUT: Final = 2.0  # seconds

_BURST: Final = 64  # messages read before others on the loop get their turn
_TICK: Final = 1.0  # seconds between looks for a missed edge

_Future = asyncio.Future[None]


def connect(
    endpoint: str = DEFAULT_ENDPOINT,
    *,
    device: str | int | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    codec: Codec | str = Codec.MSGPACK,
) -> AsyncConnection:
    """A connection to a broker, to be opened with `async with connect(…) as plc` or `plc = await connect(…)`.

    Args:
        endpoint: where the broker listens for clients.
        device: name or id of the device that `request` means when it names none.
        timeout: seconds that a request waits when it does not say.
        connect_timeout: seconds in which a broker must answer.
        codec: how bodies are encoded, `msgpack` or `json`.

    Raises:
        BadEndpoint: the endpoint cannot be one.
    """
    return AsyncConnection(
        endpoint_of(endpoint),
        device=device,
        timeout=timeout,
        connect_timeout=connect_timeout,
        codec=Codec(codec),
    )


class AsyncConnection:
    """An open connection to a broker. Make one with `connect`.

    Attributes:
        endpoint: where the broker is.
        missed_edges: messages that the descriptor did not announce; it stays 0.
    """

    def __init__(
        self, endpoint: str, *, device: str | int | None, timeout: float, connect_timeout: float, codec: Codec
    ) -> None:
        self.endpoint = endpoint
        self.missed_edges = 0
        self._device = device
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._session: Session[_Future] = Session(endpoint, codec)
        self._pump: Pump[_Future] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._belonging: Belonging | None = None  # None until it is opened
        self._reading = False  # a read is on its way without the descriptor's help
        self._sweep: asyncio.TimerHandle | None = None
        self._sweep_at = math.inf
        self._ticker: asyncio.TimerHandle | None = None
        self._received_at_tick = 0

    def __repr__(self) -> str:
        state = "open" if self._pump is not None else "closed"
        return f"<AsyncConnection {self.endpoint} {state} pending={len(self._session.pending)}>"

    def __await__(self) -> Generator[Any, None, Self]:
        return self.open().__await__()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self, *, check: bool = True) -> Self:
        """Opens the connection; `async with` and `await` do it by themselves.

        Args:
            check: make sure that a broker answers. Without that, requests wait for one to come up.

        Raises:
            BrokerUnreachable: none did within the connect timeout.
        """
        if self._pump is not None and self._belonging is not None:
            if not self._belonging.has_ended:
                self._belonging.check(self.endpoint)
                return self
            await self.close()  # what is left of it in a loop that is gone
        self._belonging = Belonging()
        self._loop = self._belonging.loop
        self._pump = Pump(self._session, process_context())
        self._loop.add_reader(self._pump.fd, self._read)
        self._tick()
        if check:
            await self._check()
        return self

    async def _check(self) -> None:
        check = Check(self.endpoint, self._connect_timeout, time.monotonic())
        try:
            while not check.is_over:
                seconds = check.next(time.monotonic())
                check.replied(await self._exchange({"action": "ping"}, seconds, 0.0))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Closes the connection; calls that still wait fail with `cancelled`. Closing again does nothing."""
        if self._belonging is not None and self._pump is not None and not self._belonging.has_ended:
            self._belonging.check(self.endpoint)
        pump, self._pump = self._pump, None
        if pump is None or self._loop is None:
            return
        for handle in (self._sweep, self._ticker):
            if handle is not None:
                handle.cancel()
        self._sweep, self._sweep_at = None, math.inf
        abandoned = self._session.abandon()
        if not self._loop.is_closed():
            self._loop.remove_reader(pump.fd)
            for call in abandoned:
                _wake(call.waiter)
        pump.close()

    def __del__(self) -> None:
        pump = getattr(self, "_pump", None)
        if pump is not None:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            pump.close()

    async def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
        timeout: float | None = None,
        key: str | None = None,
        request_id: str | None = None,
        token: str | None = None,
        retry: bool | Retry = False,
    ) -> Any:
        """Asks for an action, and returns its result.

        Args:
            action: a built-in action or one that the device's profile declares.
            rqargs: its arguments, by name.
            device: name or id; without it the connection's device, and without that the broker itself.
            timeout: seconds to wait.
            key: idempotency key: the same request under the same key is executed once.
            request_id: what `cancel` shall know this request by.
            token: of the lock that this client holds on the device.
            retry: try again, within the timeout, where that is safe: reads, what was not executed, and
                whatever has a key.

        Raises:
            PlcmqError: it failed; the class says what can be done about it, `outcome` what happened at the
                device.
        """
        target = self._device if device is None else device
        message = request_map(action, rqargs, target, key, request_id, token)
        seconds = self._timeout if timeout is None else timeout
        attempts = Attempts(retry, message, seconds, time.monotonic())
        while True:
            # Each attempt under an id of its own: a late reply to an earlier one says nothing of the last.
            reply = await self._exchange(message.copy(), *attempts.next(time.monotonic()))
            pause = attempts.pause(reply, time.monotonic())
            if pause is None:
                return attempts.reply.value()
            await asyncio.sleep(pause)

    async def reply(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
        timeout: float | None = None,
        key: str | None = None,
        request_id: str | None = None,
        token: str | None = None,
    ) -> Reply:
        """As `request`, once: the whole reply, with its error or result, its times, and whether it was
        replayed."""
        message = request_map(action, rqargs, device, key, request_id, token)
        return await self._exchange(message, self._timeout if timeout is None else timeout, GRACE)

    async def ask(self, action: str, rqargs: Mapping[str, Any] | None = None) -> Any:
        """A request to the broker itself, whatever device the connection has."""
        return (await self._exchange(request_map(action, rqargs), self._timeout, GRACE)).value()

    async def read(self, device: str | int, *tags: str, max_age: float | None = None) -> Any:
        """The value of one tag, or a map of tag to value of several.

        Args:
            max_age: seconds that a value may be old; None reads it from the device.

        Raises:
            PlcmqError: a tag could not be read; `details["values"]` has those that could.
        """
        return calls.read_result(
            tags, await self.request("read", calls.read_args(tags, max_age), device=device)
        )

    async def write(self, device: str | int, values: Mapping[str, Any], verify: bool | None = None) -> None:
        """Writes tags, in the order given; `verify` reads them back and compares."""
        await self.request("write", calls.write_args(values, verify), device=device)

    def watch(
        self,
        device: str | int,
        tags: str | Sequence[str],
        *,
        interval: float | None = None,
        deadband: Mapping[str, float] | None = None,
        ttl: float = WATCH_TTL,
    ) -> AsyncGenerator[WatchEvent, None]:
        """The values of tags now, and then whatever changes, for as long as events are taken.

        It ends at the broker when the generator is closed: at once under `contextlib.aclosing` or when its
        task is cancelled, and soon after a plain `async for` was left. A slow consumer gets the newest of
        everything in one event. A watch that ends at the other side is taken up again.

        Args:
            interval: seconds between two looks; None leaves it to the host.
            deadband: by tag, the change of a number that is not worth an event.
            ttl: seconds that the watch outlives its consumer, should that vanish, and that the consumer may
                take for one event.

        Raises:
            Rejected: it cannot be watched, such as for an unknown tag.
            PlcmqError: the connection was closed.
        """
        timeout = min(self._timeout, ttl)
        watching = Watching(watch_args(tags, interval, deadband, ttl))
        return watch_events(watching, device, self._session, lambda message: self._begin(message, timeout))

    def lock(
        self, device: str | int, ttl: float = LOCK_TTL, timeout: float | None = None
    ) -> AbstractAsyncContextManager[AsyncLockedDevice]:
        """Locks a device for the time of an `async with` block: others' writes and commands are refused.

        Args:
            device: name or id.
            ttl: seconds after which the lock ends by itself, unless it is renewed.
            timeout: seconds to wait for another client's lock to end.

        Raises:
            PlcmqError: `locked`: another client held it all the time.
        """
        return lock_device(self, device, ttl, timeout)

    async def describe(self, device: str | int) -> Any:
        """The device's profile, its tags, and its actions with JSON Schemas of their arguments."""
        return await self.request("describe", device=device)

    async def status(self, device: str | int) -> Any:
        """The device's link state, counters and times."""
        return await self.request("status", device=device)

    async def devices(self, limit: int = 100, offset: int = 0, match: str | None = None) -> Any:
        """A page of the devices, as `{"devices": […], "total": n}`."""
        return await self.ask("devices", calls.devices_args(limit, offset, match))

    async def info(self) -> Any:
        """The broker's name, version, uptime and limits."""
        return await self.ask("info")

    async def ping(self) -> float:
        """Seconds that the broker took to answer."""
        started = time.perf_counter()
        await self.ask("ping")
        return time.perf_counter() - started

    async def batch(self, requests: Iterable[Mapping[str, Any]]) -> list[Reply]:
        """Runs several requests side by side; their replies in order, each with a result or an error."""
        return calls.batch_result(await self.ask("batch", calls.batch_args(requests)))

    async def cancel(self, request_id: str) -> bool:
        """Takes back a request made with this `request_id`; whether that was still possible."""
        return bool((await self.ask("cancel", {"id": request_id}))["cancelled"])

    def bind(self, device: str | int) -> BoundDevice:
        """A view of this connection on one device."""
        return BoundDevice(self, device)

    async def _exchange(self, message: dict[str, Any], timeout: float, grace: float) -> Reply:
        call = self._begin(message, timeout, grace)
        try:
            await call.waiter
        finally:
            self._session.forget(call)
        assert call.reply is not None  # what wakes a waiter has set the reply
        return call.reply

    def _begin(self, message: dict[str, Any], timeout: float, grace: float = GRACE) -> Call[_Future]:
        pump, loop = self._pump, self._loop
        if pump is None or loop is None or self._belonging is None:
            raise closed_error(self.endpoint)
        self._belonging.check(self.endpoint)
        call = self._session.start(message, timeout, loop.create_future(), time.monotonic(), grace)
        pump.send_waiting()
        if not self._reading:
            # The send may have swallowed the edge of a reply.
            self._reading = True
            loop.call_soon(self._read)
        if self._session.wake_at < self._sweep_at:
            self._schedule_sweep()
        return call

    def _read(self) -> None:
        pump, loop = self._pump, self._loop
        self._reading = False
        if pump is None or loop is None:
            return
        settled, done = pump.exchange(_BURST)
        if not done:
            self._reading = True
            loop.call_soon(self._read)
        for call in settled:
            _wake(call.waiter)
        if self._session.wake_at < self._sweep_at:
            self._schedule_sweep()

    def _schedule_sweep(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._sweep_at = self._session.wake_at
        if self._loop is not None and self._sweep_at < math.inf:
            self._sweep = self._loop.call_later(max(0.0, self._sweep_at - time.monotonic()), self._expire)

    def _expire(self) -> None:
        for call in self._session.expire(time.monotonic()):
            _wake(call.waiter)
        self._schedule_sweep()

    def _tick(self) -> None:
        """Counts a message that has waited unannounced through a quiet second; in traffic none can wait."""
        pump, loop = self._pump, self._loop
        if pump is None or loop is None:
            return
        quiet = pump.received == self._received_at_tick and not self._reading
        if quiet and not pump.is_announced and pump.has_missed():
            self.missed_edges += 1
        self._read()
        self._received_at_tick = pump.received
        self._ticker = loop.call_later(_TICK, self._tick)


def _wake(waiter: _Future) -> None:
    if not waiter.done():
        waiter.set_result(None)
