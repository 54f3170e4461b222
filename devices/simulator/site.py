"""A simulated PLC for every endpoint of a site.

Strategy: devices that share an endpoint share a simulated PLC, as units behind a gateway do. An endpoint on
loopback is served as it is; any other on a free loopback port, and `rewritten` says where each device is now.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ..model.devices import Endpoint, Site
from .evidence import Json
from .plant import Pace
from .plc import SimulatedPlc

LOOPBACK = "127.0.0.1"
LIVELY = Pace(reaction=0.1, batch=3.0, tick=0.25)
"""The pace of a demonstration."""


@dataclass(frozen=True, slots=True)
class Served:
    """One endpoint that is served: where its devices say it is, where it is, and which they are."""

    original: Endpoint
    address: Endpoint
    devices: tuple[str, ...]


class ServeError(Exception):
    """An endpoint cannot be served: its port is taken or not allowed."""


class SimulatedSite:
    """All the PLCs of a site, from `async with` to its end.

    Args:
        site: its devices; disabled ones are there as well.
        pace: how fast the plants are.
        delay: seconds that each request takes.

    Attributes:
        plcs: the simulated PLCs, by the endpoint that the site names.
    """

    def __init__(self, site: Site, *, pace: Pace = LIVELY, delay: float = 0.0) -> None:
        self.plcs: dict[Endpoint, SimulatedPlc] = {}
        self._site = site
        self._by_place: dict[Endpoint, SimulatedPlc] = {}  # localhost and 127.0.0.1 are one
        self._by_device: dict[str, SimulatedPlc] = {}
        for device in site.devices:
            host = loopback(device.host)
            place = Endpoint(host or device.host, device.port)
            profile = site.profiles[device.profile].shifted(device.address_offset)
            plc = self._by_place.get(place)
            if plc is None:
                plc = self._by_place[place] = SimulatedPlc(
                    profile,
                    unit=device.unit,
                    host=host or LOOPBACK,
                    port=device.port if host else 0,
                    name=device.name,
                    delay=delay,
                    pace=pace,
                )
            else:
                plc.add_unit(device.unit, profile, device.name)
            self.plcs[device.endpoint] = plc
            self._by_device[device.name] = plc

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Serves all endpoints.

        Raises:
            ServeError: one of them cannot be served; none is then.
        """
        # Fixed ports first, so that no free port is one of them.
        for place, plc in sorted(self._by_place.items(), key=lambda item: not item[1].port):
            try:
                plc.start()
            except OSError as exc:
                await self.stop()
                names = ", ".join(self._names(plc))
                raise ServeError(f"cannot serve {names} at {place}: {exc.strerror or exc}") from exc

    async def stop(self) -> None:
        """Closes everything with FIN."""
        for plc in self._by_place.values():
            await plc.stop()

    def plc(self, device: str) -> SimulatedPlc:
        """The simulated PLC of a device.

        Raises:
            KeyError: the site has no such device.
        """
        return self._by_device[device]

    def named(self) -> Mapping[str, SimulatedPlc]:
        """The simulated PLCs by every name they go by: device, endpoint of the site, served address."""
        names = dict(self._by_device)
        for endpoint, plc in self.plcs.items():
            names[str(endpoint)] = names[str(plc.address)] = plc
        return names

    def names(self) -> frozenset[str]:
        """What a fault script may call them: devices, and endpoints of the site."""
        return frozenset([*self._by_device, *map(str, self.plcs)])

    def served(self) -> list[Served]:
        """What is served, and where."""
        originals = {id(plc): endpoint for endpoint, plc in self.plcs.items()}
        return [
            Served(originals[id(plc)], plc.address, tuple(self._names(plc)))
            for plc in self._by_place.values()
        ]

    def rewritten(self) -> dict[int, Endpoint]:
        """Where each device is now, by its id."""
        return {device.id: self._by_device[device.name].address for device in self._site.devices}

    def report(self) -> dict[str, Json]:
        """The evidence of all endpoints, by served address."""
        return {
            "endpoints": {
                str(served.address): {
                    "original": str(served.original),
                    "devices": list(served.devices),
                    **self.plcs[served.original].evidence.snapshot(),
                }
                for served in self.served()
            }
        }

    def _names(self, plc: SimulatedPlc) -> Sequence[str]:
        return [name for name, other in self._by_device.items() if other is plc]


def loopback(host: str) -> str | None:
    """The loopback IP address that a host names; `None` if it is elsewhere. Looks nothing up."""
    if host == "localhost":
        return LOOPBACK
    try:
        return host if ipaddress.ip_address(host).is_loopback else None
    except ValueError:
        return None


Document = Mapping[str, object]


def rewrite(document: Document, places: Mapping[int, Endpoint]) -> dict[str, object]:
    """A site file's data with the hosts and ports of its devices replaced.

    Args:
        document: what a site file holds, as YAML gives it.
        places: the new place of each device, by id; others stay as they are.
    """
    devices = document.get("devices")
    if not isinstance(devices, list):
        return dict(document)
    moved: list[object] = []
    for device in devices:
        number = device.get("id") if isinstance(device, dict) else None
        place = places.get(number) if isinstance(number, int) else None
        moved.append(device if place is None else {**device, "host": place.host, "port": place.port})
    return {**document, "devices": moved}
