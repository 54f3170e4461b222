"""A scripted PLC on a real socket, and both event loops for what talks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest
import uvloop
from plcmq.devices.model import Endpoint

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
