"""What the broker tells about itself: `ping`, `info`, `devices` and `stats`.

Strategy: pure functions of the broker's state. They answer while every device is away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...client.protocol.messages import VERSION, Limits
from ...devices.interface.requests import bad_args, integer, only
from ...devices.model.devices import State
from ...devices.protocol.messages import DeviceState
from ..catalogue import Catalogue, Entry
from ..fleet.fleet import LOCAL, Fleet
from .pending import PendingTable

FEATURES: Final = ("figures", "profiles", "recall")  # optional parts of the protocol that this broker has
PAGE: Final = 100  # devices in one answer, unless asked for otherwise
MAX_PAGE: Final = 1_000  # devices


@dataclass(slots=True)
class Overview:
    """The broker's state, as far as it is told."""

    name: str
    version: str
    started: float  # monotonic seconds
    epoch: float  # what to add to monotonic seconds for seconds since the epoch
    limits: Limits
    fleet: Fleet
    catalogue: Catalogue = field(default_factory=Catalogue)
    states: dict[int, DeviceState] = field(default_factory=dict)
    requests: int = 0
    replies: int = 0
    errors: dict[str, int] = field(default_factory=dict)  # by code
    dropped: dict[str, int] = field(default_factory=dict)  # replies that could not be sent, by reason
    unread: int = 0  # replies that wait for clients to read
    pending: PendingTable = field(default_factory=PendingTable)
    draining: bool = False
    counts: dict[int, list[Any]] = field(default_factory=dict)  # by device: the last row of its host
    figures_asked: float = float("-inf")  # monotonic seconds of the last `figures`
    processes: Callable[[], list[dict[str, Any]]] = list  # numbers of the processes that it knows of
    counted: float = float("-inf")  # monotonic seconds when hosts were asked for their numbers last

    def state_of(self, entry: Entry) -> DeviceState:
        """A device's state now."""
        device = entry.device
        if not device.enabled:
            return DeviceState(device.id, State.DISABLED, 0.0)
        known = self.states.get(device.id)
        if known is None:
            return DeviceState(device.id, State.UNSERVED, 0.0, "no device host serves it")
        return known


def ping(_overview: Overview, rqargs: Mapping[str, Any], _now: float) -> dict[str, Any]:
    """Whether the broker is there."""
    only(rqargs)
    return {"pong": True}


def info(overview: Overview, rqargs: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Who the broker is and what it takes."""
    only(rqargs)
    return {
        "name": overview.name,
        "version": overview.version,
        "protocol": [VERSION],
        "uptime": round(now - overview.started, 3),
        "limits": {"body_bytes": overview.limits.body_bytes, "depth": overview.limits.depth},
        "draining": overview.draining,
        "revision": overview.catalogue.revision,
        "features": list(FEATURES),
    }


def devices(overview: Overview, rqargs: Mapping[str, Any], _now: float) -> dict[str, Any]:
    """One page of the devices whose name contains `match`, by id."""
    only(rqargs, "limit", "offset", "match")
    limit = integer(rqargs, "limit", 0, MAX_PAGE, default=PAGE)
    offset = integer(rqargs, "offset", 0, 2**53, default=0)
    match = rqargs.get("match", "")
    if not isinstance(match, str):
        raise bad_args("match", "must be text that the names shall contain")
    found = [
        overview.catalogue.devices[device]
        for device in overview.catalogue.ids
        if match in overview.catalogue.devices[device].device.name
    ]
    page = [_row(overview, entry) for entry in found[offset : offset + limit]]
    return {"devices": page, "total": len(found)}


def _row(overview: Overview, entry: Entry) -> dict[str, Any]:
    device, state = entry.device, overview.state_of(entry)
    return {
        "id": device.id,
        "name": device.name,
        "profile": device.profile,
        "endpoint": str(device.endpoint),
        "unit": device.unit,
        "enabled": device.enabled,
        "state": str(state.state),
        "since": state.since or None,
        "reason": state.reason or None,
        **({"area": device.area} if device.area else {}),
    }


def stats(overview: Overview, rqargs: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Counters since the start, and how much is on its way."""
    only(rqargs)
    states: dict[str, int] = {}
    for entry in overview.catalogue.devices.values():
        state = str(overview.state_of(entry).state)
        states[state] = states.get(state, 0) + 1
    return {
        "uptime": round(now - overview.started, 3),
        "requests": overview.requests,
        "replies": overview.replies,
        "errors": dict(overview.errors),
        "dropped": dict(overview.dropped),
        "pending": len(overview.pending),
        "clients": overview.pending.clients,
        "unread": overview.unread,
        "devices": {"total": len(overview.catalogue.devices), **states},
        "hosts": [
            {
                "name": host.name,
                "local": host.id == LOCAL,
                "endpoints": host.seats,
                "queued": host.queued,
                "silent": 0.0 if host.id == LOCAL else round(now - host.heard, 3),
            }
            for host in overview.fleet.hosts.values()
        ],
    }


TELLS: Final[Mapping[str, Callable[[Overview, Mapping[str, Any], float], dict[str, Any]]]] = {
    "ping": ping,
    "info": info,
    "devices": devices,
    "stats": stats,
}
