"""A connection of one's own to a device, for the checks of `plcmq doctor`.

Strategy: a `Link` and nothing above it. There is at most one at any time: the old one is closed, with FIN,
before the next is opened. It must not be used while a broker serves the endpoint.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from ..channel.trial import Mixed, try_together
from ..modbus.identification import Identification
from ..modbus.pdu import Transaction, read
from ..model.devices import DeviceDefinition
from ..model.tags import Table
from ..transport.link import Link, LinkError
from ..transport.tcp import explain
from .checks import Finding, Verdict


class DirectLine:
    """Asks a device over a connection of its own, from `async with` to its end."""

    is_own = True

    def __init__(self, device: DeviceDefinition) -> None:
        self._device = device
        self._link: Link | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def connect(self) -> list[Finding]:
        """Closes what is open, resolves the name, and connects."""
        await self._close()
        endpoint = self._device.endpoint
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        except OSError as error:
            return [Finding("name", Verdict.FAIL, f"{endpoint.host}: {explain(error)}")]
        addresses = ", ".join(dict.fromkeys(str(address[4][0]) for address in found))
        text = "an address, no name" if addresses == endpoint.host else f"{endpoint.host} is {addresses}"
        findings = [Finding("name", Verdict.OK, text)]
        started = loop.time()
        try:
            await self._open()
        except LinkError as error:
            return [*findings, Finding("tcp", Verdict.FAIL, error.reason)]
        took = (loop.time() - started) * 1000
        return [*findings, Finding("tcp", Verdict.OK, f"connected to {endpoint} in {took:.1f} ms")]

    async def read(self, table: Table, address: int, count: int) -> bytes:
        """One read. A connection that the device has closed is opened anew."""
        return await self._transact(read(table, address, count))

    async def identify(self) -> Mapping[str, str]:
        """The identification, over as many requests as it takes."""
        found = Identification()
        while not found.complete:
            found.add(await self._transact(found.request()))
        return found.objects

    async def together(self, table: Table, address: int, width: int, window: int) -> str | None:
        """Whether reads that are sent all at once are answered as they are one at a time."""
        await self._stand()
        answered, patience = read(table, address, width), self._device.link.timeout
        try:
            return await try_together(self, self._device.unit, answered, window, patience)
        except Mixed as mixed:
            await self._close()
            return str(mixed)

    async def errand(self, unit: int, transaction: Transaction) -> bytes:
        """One request of a trial, alone."""
        return await (await self._stand()).transact(unit, transaction, self._device.link.timeout)

    @asynccontextmanager
    async def whole_link(self) -> AsyncIterator[Link]:
        """The connection, for requests of a trial that go out all at once; it is nobody else's."""
        yield await self._stand()

    async def pause(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    async def _transact(self, request: Transaction) -> bytes:
        return await self.errand(self._device.unit, request)

    async def _stand(self) -> Link:
        """The connection, opened anew where the device has closed it."""
        link = self._link
        if link is None or not link.is_open:
            await self._close()
            link = await self._open()
        return link

    async def _open(self) -> Link:
        settings = self._device.link
        self._link = link = await Link.open(
            self._device.endpoint, settings.connect_timeout, any_unit=settings.any_unit
        )
        return link

    async def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()
