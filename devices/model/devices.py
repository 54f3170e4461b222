"""The device model: what a site file and a Python class both compile to.

Strategy: frozen data and nothing else. It knows no wire, no file format and no socket, so broker, hosts,
simulator and tests can all read it. Addresses are 0-based as on the wire; times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from .actions import Action, Heartbeat, Step
from .tags import Tag


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of device."""

    name: str
    tags: Mapping[str, Tag]
    actions: Mapping[str, Action] = field(default_factory=dict)
    description: str = ""
    on_connect: tuple[Step, ...] = ()  # done after each new connection, before anything else is sent
    heartbeats: tuple[Heartbeat, ...] = ()

    def shifted(self, offset: int) -> Profile:
        """The same with every address moved, for a device whose registers begin elsewhere."""
        if not offset:
            return self
        tags = {name: replace(tag, address=tag.address + offset) for name, tag in self.tags.items()}
        return replace(self, tags=tags)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How one endpoint wants to be talked to. All times in seconds."""

    timeout: float = 1.0  # for the reply to one transaction
    connect_timeout: float = 3.0  # for the TCP connection to open
    connect_delay: float = 0.0  # between the connection's opening and its first request
    request_gap: float = 0.0  # between a reply and the next request
    idle_close: float | None = None  # close after this time without a request; None: stay connected
    keep_warm: float | None = None  # read one register after this time without a request; None: never
    backoff_max: float = 10.0  # longest time between two attempts to connect
    max_registers: int = 125  # in one read of registers
    max_coils: int = 2000  # in one read of bits
    max_write_registers: int = 123  # in one FC16
    max_write_coils: int = 1968  # in one FC15
    max_gap: int = 8  # unwanted registers (or 16 bits each) that a read may span to save a request
    window: int = 1  # transactions in flight at once
    functions: frozenset[int] = frozenset({1, 2, 3, 4, 5, 6, 15, 16, 43})  # function codes the device has
    any_unit: bool = False  # accept replies that carry another unit id


@dataclass(frozen=True, slots=True)
class DeviceDefinition:
    """One device: a unit behind an endpoint, and what kind it is."""

    id: int
    name: str
    host: str
    profile: str
    port: int = 502
    unit: int = 1
    link: LinkSettings = LinkSettings()
    enabled: bool = True
    description: str = ""
    address_offset: int = 0  # added to every address of its profile
    area: str = ""  # where in the plant it is; for people and access rights, no business of hosts

    @property
    def endpoint(self) -> Endpoint:
        """Where its TCP connection goes. Devices that share it share the connection."""
        return Endpoint(self.host, self.port)

    @property
    def place(self) -> str:
        """Endpoint and unit as text: what a device's addresses are addresses of."""
        return f"{self.endpoint}/{self.unit}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address, as text `host:port`, an IPv6 host in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that a site file or a registry holds."""

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    devices: tuple[DeviceDefinition, ...] = ()


ROUND_TRIP_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds by which round trips are counted; a last count has all."""


class State(StrEnum):
    """The state of a device, as `devices` and `status` tell it."""

    UP = "up"
    IDLE = "idle"  # closed on purpose; connects on demand
    CONNECTING = "connecting"
    DOWN = "down"
    UNSERVED = "unserved"  # no host serves it
    DISABLED = "disabled"
