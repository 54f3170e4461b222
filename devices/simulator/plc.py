"""A simulated PLC for tests: an endpoint on a free port, its memory, its evidence, and faults at will.

    async with SimulatedPlc(profile) as plc:
        plc.unit.holding[0] = 15
        with plc.fault(Blackhole()):
            ...
        await plc.evidence.wait_until(lambda e: e.requests >= 3)

Strategy: puts the pieces together; it is the only one that knows both the plant and the endpoint, and it
holds the plant's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from ..model.codec import codecs
from ..model.devices import Endpoint, Profile
from ..model.tags import Table, Value
from .endpoint import SimulatedEndpoint
from .evidence import Evidence
from .faults.base import Close, Fault
from .faults.pace import Delay
from .faults.slots import Full, SlotLimit
from .plant import Pace, Plant
from .registers.memory import MemoryChange, Unit
from .server import ModbusServer

AnyFault = TypeVar("AnyFault", bound=Fault)


class SimulatedPlc:
    """A PLC on a TCP port of the running event loop, from `async with` to its end.

    Args:
        profile: its tags and its handshakes; without one it is memory alone.
        unit: its unit id.
        host: IP address to serve on.
        port: 0 takes a free one.
        name: of the device; strokes are counted as `name.tag`.
        delay: seconds that each request takes, one after the other on a connection.
        max_connections: as many are served; what becomes of one more is `overflow`.
        overflow: by default one that is too many is reset, and so is in the evidence.
        pace: how fast its plant is.

    Attributes:
        endpoint: units, faults and settings.
        plants: the plants of its devices, by name.
    """

    def __init__(
        self,
        profile: Profile | None = None,
        *,
        unit: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
        name: str = "plc",
        delay: float = 0.0,
        max_connections: int | None = None,
        overflow: Full = Full.RESET,
        pace: Pace | None = None,
    ) -> None:
        self.endpoint = SimulatedEndpoint()
        self.plants: dict[str, Plant] = {}
        self._host, self._port = host, port
        self._pace = pace
        self._strokes: dict[tuple[int, Table, int], list[tuple[str, int | None]]] = {}
        self._server: ModbusServer | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self.endpoint.observers.append(self._written)
        self._first = self.add_unit(unit, profile, name)
        if delay:
            self.endpoint.faults.append(Delay(seconds=delay))
        if max_connections is not None:
            self.endpoint.faults.append(SlotLimit(max=max_connections, overflow=overflow))

    def add_unit(self, number: int, profile: Profile | None = None, name: str | None = None) -> Unit:
        """Puts one more device behind the endpoint, as a gateway has; before or after the start.

        Args:
            number: its unit id; where there is one already, both devices share its memory.
            profile: its tags and handshakes.
            name: of the device; by default `unit-` and the number.
        """
        name = f"unit-{number}" if name is None else name
        unit = self.endpoint.units.setdefault(number, Unit(number))
        if profile is not None:
            plant = self.plants[name] = Plant(profile, unit, self._pace, seed=number)
            for codec in codecs(profile).values():
                tag = codec.tag
                for address in range(tag.address, tag.address + codec.width):
                    places = self._strokes.setdefault((number, tag.table, address), [])
                    places.append((f"{name}.{tag.name}", tag.bit))
            if self._server is not None:
                plant.begin(monotonic())
                self._arm()
        return unit

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self) -> None:
        """Serves from now on.

        Raises:
            OSError: the port is taken or not allowed.
        """
        self._server = ModbusServer(self.endpoint, self._host, self._port)
        self._port = self._server.port
        for plant in self.plants.values():
            plant.begin(monotonic())
        self._arm()

    async def stop(self) -> None:
        """Closes all connections with FIN and gives the port back."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop()

    @property
    def host(self) -> str:
        """The IP address it serves on."""
        return self._host

    @property
    def port(self) -> int:
        """The port it serves on; the real one once it has started."""
        return self._port

    @property
    def address(self) -> Endpoint:
        """Host and port."""
        return Endpoint(self._host, self._port)

    @property
    def unit(self) -> Unit:
        """The memory of its (first) unit."""
        return self._first

    @property
    def evidence(self) -> Evidence:
        """What it saw."""
        return self.endpoint.evidence

    @property
    def plant(self) -> Plant:
        """Its (first) plant.

        Raises:
            LookupError: it has no profile.
        """
        for plant in self.plants.values():
            return plant
        raise LookupError("a simulated PLC without a profile has no plant and no tags")

    def get(self, tag: str) -> Value:
        """The value of a tag of its first device."""
        return self.plant.get(tag)

    def set(self, tag: str, value: Value) -> None:
        """Gives a tag of its first device a value, from the PLC's side."""
        self.plant.set(tag, value)

    async def unplug(self, how: Close = Close.RST) -> None:
        """Closes the port and ends every connection; returns when they are gone."""
        server = self._running()
        server.unplug(how)
        if how is not Close.SILENT:
            await server.emptied()

    async def plug_in(self) -> None:
        """Listens again, on the same port."""
        self._running().plug_in()

    def add(self, fault: Fault) -> None:
        """Puts a fault to work."""
        self._running().add(fault)

    def remove(self, fault: Fault) -> None:
        """Takes a fault out again."""
        self._running().remove(fault)

    @contextmanager
    def fault(self, fault: AnyFault) -> Iterator[AnyFault]:
        """A fault at work for the time of a `with` block."""
        self.add(fault)
        try:
            yield fault
        finally:
            if self._server is not None:
                self.remove(fault)

    def _running(self) -> ModbusServer:
        if self._server is None:
            raise RuntimeError("the simulated PLC is not running: use `async with`")
        return self._server

    def _written(self, unit: Unit, change: MemoryChange, now: float) -> None:
        self._count_strokes(unit, change)
        for plant in self.plants.values():
            if plant.unit is unit:
                plant.written(change, now)
        self._arm()

    def _count_strokes(self, unit: Unit, change: MemoryChange) -> None:
        step = 1 if change.table.is_bits else 2
        touched: dict[str, bool] = {}  # by tag: whether it rose from zero
        for i in range(change.count):
            for name, bit in self._strokes.get((unit.number, change.table, change.address + i), ()):
                before = int.from_bytes(change.before[i * step : (i + 1) * step])
                after = int.from_bytes(change.after[i * step : (i + 1) * step])
                if bit is not None:
                    before, after = before >> bit & 1, after >> bit & 1
                    if before == after:
                        continue
                touched[name] = touched.get(name, False) or (not before and bool(after))
        for name, rose in touched.items():
            self.evidence.stroke(name, rose=rose)

    def _arm(self) -> None:
        """Sets the plants' clock to the next thing that happens there."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        times = [at for plant in self.plants.values() if (at := plant.due()) is not None]
        if times and self._server is not None:
            self._alarm = asyncio.get_running_loop().call_at(min(times), self._advance)

    def _advance(self) -> None:
        for plant in self.plants.values():
            plant.advance(monotonic())
        self._arm()
        self.evidence.notify()
