"""The simulated PLCs of the soak, and the ledger of what was written to them.

Strategy: all in one process and one event loop, so that the judge reads the evidence where it arises.

    calm      they measure how the others' troubles reach them
    holes     one for nine of these; at times black holes, and only read
    struck    they get every fault
    careful   wants time after connecting and between requests, and its link says so
    gateway   one endpoint with several units
    watchdog  its outputs fall when nobody asks for too long

Each request stamps the registers that the load reads with their device, their address and the time, so that a
value that reaches the wrong request shows.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.faults.base import Exchange, Fault
from plcmq.devices.simulator.faults.pace import Delay, InFlight, MinGap, WarmUp
from plcmq.devices.simulator.faults.watchdog import OutputWatchdog
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.simulator.registers.memory import MemoryChange, Unit
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.load import load_site

SITE = Path(__file__).with_name("site.yaml")
MEASURES = (100, 102, 104, 106, 140, 142, 190, 192)
TICKS = 100  # stamps of one second
STROKE_SET, STROKE_NO = 50, 60
TIMEOUT = 0.5  # seconds, of every link
BACKOFF_MAX = 2.0  # seconds
CALM, HOLES, STRUCK, UNITS = 36, 4, 10, 4
LINK = {"timeout": TIMEOUT, "backoff_max": BACKOFF_MAX}
CAREFUL = LINK | {"request_gap": 0.03, "connect_delay": 0.2}


@dataclass(kw_only=True, eq=False)
class Stamp(Fault):
    """Writes (device, place, time) into the measures before each request."""

    name: ClassVar[str] = "stamp"
    devices: dict[int, int]  # id of the device by unit

    def before(self, exchange: Exchange) -> None:
        """Stamps."""
        if exchange.memory is None:
            return
        tick = int(exchange.arrived * TICKS) & 0xFFFF
        for place, address in enumerate(MEASURES):
            value = self.devices[exchange.memory.number] << 24 | place << 16 | tick
            exchange.memory.store(Table.HOLDING, address, value.to_bytes(4))


class Ledger:
    """What was written: by number, how often and to which device."""

    def __init__(self) -> None:
        self.begun: Counter[int] = Counter()
        self.done: Counter[int] = Counter()
        self.device: dict[int, int] = {}

    def observe(self, plc: SimulatedPlc, devices: dict[int, int]) -> None:
        """Counts from now on."""

        def written(unit: Unit, change: MemoryChange, _now: float) -> None:
            if change.table is Table.HOLDING and change.address in (STROKE_SET, STROKE_NO):
                number = int.from_bytes(change.after)
                (self.begun if change.address == STROKE_SET else self.done)[number] += 1
                self.device[number] = devices[unit.number]

        plc.endpoint.observers.append(written)


class Plant:
    """All simulated PLCs, from `async with` to its end.

    Attributes:
        ledger: what was written.
        plcs: by group.
        devices: forms of all devices.
        groups: ids of devices by group.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.plcs: dict[str, list[SimulatedPlc]] = {}
        self.devices: list[dict[str, Any]] = []
        self.groups: dict[str, list[int]] = {}
        self._profiles = dict(load_site(SITE).profiles)
        self._changes = 0  # of the profile
        self._profile = compile_site(SiteContent(self._profiles, ())).profiles["machine"]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Plant:
        await self._stack.__aenter__()
        for _ in range(CALM):
            await self._add("calm", LINK, [Delay(seconds=0.002)])
        for _ in range(HOLES):
            await self._add("holes", LINK, [Delay(seconds=0.002)])
        for _ in range(STRUCK):
            await self._add("struck", LINK, [InFlight(), Delay(seconds=0.002)])
        await self._add("careful", CAREFUL, [WarmUp(ready_after=0.1), MinGap(seconds=0.025), InFlight()])
        await self._add("gateway", LINK, [InFlight()], units=UNITS)
        watchdog = OutputWatchdog(address=250, period=2.0, functions=frozenset({1, 2, 3, 4}))
        await self._add("watchdog", LINK | {"keep_warm": 0.5}, [watchdog, InFlight()])
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    @property
    def content(self) -> SiteContent:
        """For the registry."""
        return SiteContent(self._profiles, tuple(self.devices))

    def changed_content(self) -> SiteContent:
        """The same devices, with a profile that differs from the one before."""
        self._changes += 1
        changed = self._profiles["machine"] | {"description": f"Changed {self._changes} times"}
        self._profiles = self._profiles | {"machine": changed}
        return self.content

    @property
    def all(self) -> list[SimulatedPlc]:
        """Every endpoint."""
        return [plc for group in self.plcs.values() for plc in group]

    async def _add(self, group: str, link: dict[str, Any], faults: list[Fault], units: int = 1) -> None:
        plc = SimulatedPlc(self._profile)
        ids = {}
        for unit in range(1, units + 1):
            ids[unit] = number = len(self.devices) + 1
            if unit > 1:
                plc.add_unit(unit, self._profile)
            self.devices.append(
                {
                    "id": number,
                    "name": f"{group}-{number}",
                    "host": "127.0.0.1",
                    "unit": unit,
                    "profile": "machine",
                    "link": link,
                }
            )
            self.groups.setdefault(group, []).append(number)
        await self._stack.enter_async_context(plc)
        for device in self.devices[-units:]:
            device["port"] = plc.port
        self.ledger.observe(plc, ids)
        for fault in [Stamp(devices=ids), *faults]:
            plc.add(fault)
        self.plcs.setdefault(group, []).append(plc)
