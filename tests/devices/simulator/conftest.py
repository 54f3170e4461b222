"""A master of raw bytes, and a press, for the tests of the simulated PLCs."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import uvloop
from plcmq.devices.model.actions import Action, ArgRef, Check, Read, Wait, Write
from plcmq.devices.model.devices import Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type
from plcmq.devices.simulator.plc import SimulatedPlc

ON_BOTH_LOOPS = {"test_server.py", "test_slots.py"}


@pytest.hookimpl(tryfirst=True)
def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in ON_BOTH_LOOPS:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


class Master:
    """One connection to a simulated PLC; knows the MBAP header and nothing else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.transaction = 0

    def send(self, pdu: str | bytes, unit: int = 1, transaction: int | None = None) -> int:
        """Sends a request, its PDU as bytes or as hex digits; returns its transaction id."""
        pdu = bytes.fromhex(pdu) if isinstance(pdu, str) else pdu
        self.transaction = self.transaction + 1 if transaction is None else transaction
        self.writer.write(struct.pack(">HHHB", self.transaction, 0, len(pdu) + 1, unit) + pdu)
        return self.transaction

    async def receive(self) -> tuple[int, int, str]:
        """The next reply: transaction id, unit id, PDU in hex digits."""
        async with asyncio.timeout(5):
            transaction, _, length, unit = struct.unpack(">HHHB", await self.reader.readexactly(7))
            return transaction, unit, (await self.reader.readexactly(length - 1)).hex()

    async def ask(self, pdu: str | bytes, unit: int = 1) -> str:
        """Sends a request and returns the PDU of its reply in hex digits."""
        sent = self.send(pdu, unit)
        transaction, _, reply = await self.receive()
        assert transaction == sent
        return reply

    async def rest(self) -> bytes:
        """All bytes until the PLC ends the connection; a reset raises `ConnectionResetError`."""
        async with asyncio.timeout(5):
            return await self.reader.read()

    def silent(self) -> bool:
        """Whether nothing has come that was not asked for, so far."""
        return not self.reader._buffer and not self.reader.at_eof()  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Ends with FIN."""
        self.writer.close()
        await self.writer.wait_closed()

    def reset(self) -> None:
        """Ends with a reset."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@pytest.fixture
async def join() -> AsyncIterator[Callable[[SimulatedPlc], Awaitable[Master]]]:
    """Connects a master to a simulated PLC."""
    masters: list[Master] = []

    async def connect(plc: SimulatedPlc) -> Master:
        masters.append(Master(*await asyncio.open_connection(plc.host, plc.port)))
        return masters[-1]

    yield connect
    for master in masters:
        master.writer.transport.abort()


@pytest.fixture
async def plc() -> AsyncIterator[SimulatedPlc]:
    """Memory and nothing else."""
    async with SimulatedPlc() as plc:
        yield plc


@pytest.fixture
async def master(plc: SimulatedPlc, join: Callable[[SimulatedPlc], Awaitable[Master]]) -> Master:
    return await join(plc)


@pytest.fixture
def press() -> Profile:
    """The press of the site file's documentation."""
    tags = [
        Tag("batch_size", Table.HOLDING, 0, Type.UINT16, Access.RW, min=1, max=500),
        Tag("nok_limit", Table.HOLDING, 1, Type.UINT16, Access.RW),
        Tag("start", Table.COIL, 0, Type.BOOL, Access.RW),
        Tag("running", Table.DISCRETE, 0, Type.BOOL),
        Tag("temperature", Table.INPUT, 0, Type.INT16, scale=0.1, unit="degC"),
        Tag("batch_no", Table.HOLDING, 10, Type.UINT32),
        Tag("state", Table.HOLDING, 12, Type.UINT16, enum={0: "idle", 1: "running", 2: "fault"}),
        Tag("door_open", Table.HOLDING, 13, Type.BOOL, bit=3),
        Tag("error_code", Table.HOLDING, 14, Type.UINT16),
    ]
    start_batch = Action(
        "start_batch",
        args={"batch_size": {"type": "integer"}, "nok_num": {"type": "integer"}},
        steps=(
            Check({"running": False}),
            Write({"batch_size": ArgRef("batch_size"), "nok_limit": ArgRef("nok_num")}),
            Write({"start": True}),
            Wait({"running": True}, fail_if={"state": "fault"}),
            Read(("batch_no", "state")),
        ),
        finally_=(Write({"start": False}),),
    )
    return Profile("press", {tag.name: tag for tag in tags}, {"start_batch": start_batch})
