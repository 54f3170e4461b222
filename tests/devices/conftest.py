"""A scripted PLC on a real socket, both event loops for what talks to it, and workers of simulated PLCs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from plcmq.client.protocol.errors import PlcmqError
from plcmq.devices.channel.channel import Channel
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.actions import Action
from plcmq.devices.model.devices import DeviceDefinition, Endpoint, LinkSettings, Profile, State
from plcmq.devices.model.tags import Access, Table, Tag, Type, Verify
from plcmq.devices.protocol.messages import CANCEL, Done, Job
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.worker.errors import leaving
from plcmq.devices.worker.lock import DeviceLock
from plcmq.devices.worker.worker import Worker

ON_BOTH_LOOPS = {"test_link.py", "test_channel.py"}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in ON_BOTH_LOOPS:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@dataclass
class Request:
    """One request as the PLC got it."""

    number: int
    unit: int
    pdu: bytes
    writer: asyncio.StreamWriter
    connection: int  # counted from 1

    def frame(
        self, pdu: bytes, *, number: int | None = None, unit: int | None = None, protocol: int = 0
    ) -> bytes:
        number = self.number if number is None else number
        unit = self.unit if unit is None else unit
        return b"".join(
            (number.to_bytes(2), protocol.to_bytes(2), (len(pdu) + 1).to_bytes(2), bytes((unit,)), pdu)
        )

    def good(self) -> bytes:
        """The reply of a device whose registers hold their own addresses and whose bits are all 0."""
        function, address, count = self.pdu[0], int.from_bytes(self.pdu[1:3]), int.from_bytes(self.pdu[3:5])
        if function in (3, 4):
            data = b"".join((address + i & 0xFFFF).to_bytes(2) for i in range(count))
            return self.frame(bytes((function, len(data))) + data)
        if function in (1, 2):
            return self.frame(bytes((function, (count + 7) // 8)) + bytes((count + 7) // 8))
        return self.frame(self.pdu if function in (5, 6, 22) else self.pdu[:5])

    def refuse(self, code: int) -> bytes:
        return self.frame(bytes((self.pdu[0] | 0x80, code)))


Answer = Callable[[Request], Awaitable[bytes | None]]


async def good(request: Request) -> bytes:
    return request.good()


@dataclass
class Plc:
    """A PLC that does what `answer` says, and counts its sockets.

    `answer` returns the bytes to send, or nothing. `welcome` says of each new connection whether to keep it.
    """

    answer: Answer = good
    welcome: Callable[[int], bool] = lambda _number: True
    answers_fin: bool = True
    requests: list[Request] = field(default_factory=list)
    opened: int = 0
    open_now: int = 0
    peak: int = 0
    fins: int = 0
    resets: int = 0
    port: int = 0
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Unplugs it: whoever connects is refused, the connections that stand are reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self.writers:
            writer.transport.abort()
        await self.until(lambda: self.open_now == 0)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(true)

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open_now += 1
        self.peak = max(self.peak, self.open_now)
        self.writers.append(writer)
        await self._tell()
        try:
            if self.welcome(self.opened):
                await self._talk(reader, writer, self.opened)
        except asyncio.IncompleteReadError:
            self.fins += 1
            await self._tell()
            if not self.answers_fin:
                return  # keeps its side open until `stop`
        except ConnectionError:
            self.resets += 1
        finally:
            self.open_now -= 1
            if self.answers_fin:
                writer.close()
            await self._tell()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        while True:
            header = await reader.readexactly(7)
            pdu = await reader.readexactly(int.from_bytes(header[4:6]) - 1)
            request = Request(int.from_bytes(header[:2]), header[6], pdu, writer, connection)
            self.requests.append(request)
            await self._tell()
            reply = await self.answer(request)
            if reply:
                writer.write(reply)


@pytest.fixture
async def plc() -> AsyncIterator[Plc]:
    plc = Plc()
    await plc.start()
    yield plc
    await plc.stop()


def _tags(*tags: Tag) -> dict[str, Tag]:
    return {tag.name: tag for tag in tags}


RW = Access.RW
TAGS = _tags(
    Tag("a", Table.HOLDING, 0, Type.UINT16, RW, max=5000),
    Tag("b", Table.HOLDING, 1, Type.UINT16, RW),
    Tag("far", Table.HOLDING, 500, Type.UINT16, RW),
    Tag("long", Table.HOLDING, 10, Type.UINT32, RW),
    Tag("text", Table.HOLDING, 20, Type.STRING, RW, length=8),
    Tag("mode", Table.HOLDING, 29, Type.UINT16, RW, enum={0: "idle", 1: "running"}),
    Tag("flag", Table.HOLDING, 30, Type.BOOL, RW, bit=3),
    Tag("bcd", Table.HOLDING, 35, Type.BCD16, RW),
    Tag("checked", Table.HOLDING, 40, Type.UINT16, RW, verify=Verify()),
    Tag("wished", Table.HOLDING, 41, Type.UINT16, RW, verify=Verify(tag="real", after=0.05)),
    Tag("real", Table.HOLDING, 42, Type.UINT16),
    Tag("level", Table.INPUT, 0, Type.INT16, scale=0.1),
    Tag("start", Table.COIL, 0, Type.BOOL, RW),
    Tag("hurry", Table.HOLDING, 90, Type.UINT16, RW, urgent=True),
    Tag("lamps", Table.COIL, 9, Type.BOOL, RW, count=3),
    Tag("door", Table.DISCRETE, 2, Type.BOOL),
)


@dataclass
class Bench:
    """The worker of one device, over a real channel, and how its jobs ended."""

    plc: SimulatedPlc
    device: DeviceDefinition
    kind: CompiledProfile
    channel: Channel
    ends: dict[int, list[Done]] = field(default_factory=dict)
    waiting: dict[int, asyncio.Future[Done]] = field(default_factory=dict)
    number: int = 0
    is_closed: bool = False

    def __post_init__(self) -> None:
        self.lock = DeviceLock(self.device.name)
        self.standings: list[tuple[State, str]] = []
        self.worker = Worker(
            self.device, self.kind, self.channel, self.lock, self._sent, time.monotonic, changed=self.look
        )

    def on_state(self, state: State, reason: str) -> None:
        self.standings.append(self.worker.standing(state, reason))

    def look(self) -> None:
        self.on_state(*self.channel.standing(self.device.id))

    def _sent(self, done: Done) -> None:
        self.ends.setdefault(done.job, []).append(done)
        if not self.waiting[done.job].done():
            self.waiting[done.job].set_result(done)

    def submit(
        self,
        action: str,
        args: dict[str, Any] | None = None,
        timeout: float = 5.0,
        client: str = "",
        token: str | None = None,
    ) -> asyncio.Future[Done]:
        """Hands a job to the worker; the future of its end, which carries its number as `number`."""
        self.number += 1
        end = self.waiting[self.number] = asyncio.get_running_loop().create_future()
        args = (args or {}) if action == CANCEL else self.kind.fit(action, args or {})
        deadline = time.monotonic() + timeout
        self.worker.submit(Job(self.number, self.device.id, action, args, deadline, client, token))
        return end

    def read(self, *tags: str, timeout: float = 5.0, max_age: float = 0.0) -> asyncio.Future[Done]:
        return self.submit("read", {"tags": list(tags), "max_age": max_age}, timeout)

    def write(
        self, values: dict[str, Any], *, verify: bool = False, timeout: float = 5.0
    ) -> asyncio.Future[Done]:
        return self.submit("write", {"values": values, "verify": verify}, timeout)

    async def result(self, end: asyncio.Future[Done]) -> Any:
        """What a job gave, or raises what it failed with."""
        done = await asyncio.wait_for(end, 10)
        if done.error is not None:
            raise done.error
        return done.result

    async def error(self, end: asyncio.Future[Done]) -> PlcmqError:
        """What a job failed with."""
        done = await asyncio.wait_for(end, 10)
        assert done.error is not None, done.result
        return done.error

    async def took_turn(self) -> None:
        """Waits until the worker has had time to go as far as it can without the PLC."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            await self.worker.close(leaving(self.device.name))
        await self.channel.close()
        assert {number: len(ends) for number, ends in self.ends.items()} == dict.fromkeys(self.waiting, 1)


StartBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def start_bench() -> AsyncIterator[StartBench]:
    """Starts workers, each with a simulated PLC of its own; at the end every job must have ended once."""
    async with AsyncExitStack() as stack:

        async def start(
            *actions: Action,
            plc: SimulatedPlc | None = None,
            tags: dict[str, Tag] = TAGS,
            delay: float = 0.0,
            profile: dict[str, Any] | None = None,
            **link: Any,
        ) -> Bench:
            if plc is None:
                plc = await stack.enter_async_context(SimulatedPlc(delay=delay))
            settings = LinkSettings(**link)
            device = DeviceDefinition(7, "press-7", plc.host, "press", plc.port, link=settings)
            by_name = {action.name: action for action in actions}
            kind = CompiledProfile(Profile("press", tags, by_name, **(profile or {})))
            channel = Channel(plc.address, settings)
            bench = Bench(plc, device, kind, channel)
            channel.register(device.id, device.unit, bench.on_state)
            channel.start()
            stack.push_async_callback(bench.close)
            return bench

        yield start


@pytest.fixture
async def bench(start_bench: StartBench) -> Bench:
    """A worker that has read something, so the connection stands."""
    bench = await start_bench()
    await bench.result(bench.read("a"))
    return bench
