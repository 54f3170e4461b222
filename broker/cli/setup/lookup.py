"""The devices for commands: as a running broker tells them, else as the registry has them.

Strategy: a broker is asked briefly, so that commands work from any machine. Where none answers, the registry
says what there is, and the state of each device is `unknown`. A registry that a flag names is meant as it
stands there: it says what there is, and the broker only adds the states.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....client import Connection, get_conn
from ....client.protocol.errors import BrokerUnreachable, PlcmqError
from ....devices.model.devices import DeviceDefinition
from ...config import load
from ..terminal.arguments import device_of
from ..terminal.reporting import CommandFailed

PATIENCE = 0.5  # seconds that a broker gets to answer
PAGE = 1000  # devices in one question to the broker

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a broker tells.

    Attributes:
        rows: its devices, as `devices` tells them.
        description: what `describe` tells of the one that was asked for; None if none was.
        why_not: why nothing is told; empty where it is.
    """

    rows: tuple[Row, ...] = ()
    description: Row | None = None
    why_not: str = ""


def told_by_broker(broker: str | None, config: Path | None, device: str | None = None) -> Told:
    """What a running broker tells of its devices, and of one of them in particular."""
    settings = load({"broker": broker}, os.environ, config)
    try:
        with get_conn(settings.client.broker, timeout=PATIENCE, connect_timeout=PATIENCE) as conn:
            rows = _all_devices(conn)
            if device is None:
                return Told(rows)
            row = named(rows, device, "the broker knows")
            return Told((row,), conn.request("describe", device=row["id"]) if row["enabled"] else {})
    except BrokerUnreachable as error:
        return Told(why_not=f"no broker answers at {error.endpoint}")
    except PlcmqError as error:
        return Told(why_not=f"the broker does not tell: {error}")


def _all_devices(conn: Connection) -> tuple[Row, ...]:
    rows: list[Row] = []
    while True:
        page = conn.devices(limit=PAGE, offset=len(rows))
        rows += page["devices"]
        if len(rows) >= page["total"] or not page["devices"]:
            return tuple(rows)


def row_of(device: DeviceDefinition, told: Told) -> dict[str, Any]:
    """A device of the registry as the broker tells it; where the broker does not, its state is `unknown`."""
    for row in told.rows:
        if (row["id"], row["name"]) == (device.id, device.name):
            return dict(row)
    unknown = told.why_not or "the broker does not know it: does it use another registry?"
    return {
        "id": device.id,
        "name": device.name,
        "profile": device.profile,
        "endpoint": str(device.endpoint),
        "unit": device.unit,
        "enabled": device.enabled,
        "state": "unknown" if device.enabled else "disabled",
        "since": None,
        "reason": unknown if device.enabled else None,
    }


def find_device(forms: Iterable[Row], device: str) -> Row:
    """The definition in the registry of the device with this name or id.

    Raises:
        CommandFailed: there is none.
    """
    return named(forms, device, "it has")


def named(rows: Iterable[Row], device: str, has: str) -> Row:
    """The row of the device with this name or id; `has` begins the list of those there are.

    Raises:
        CommandFailed: there is none.
    """
    known = list(rows)
    for row in known:
        if device_of(device) in (row["id"], row["name"]):
            return row
    names = [str(row["name"]) for row in known]
    hint = f"{has} {', '.join(names[:20])}" if names else "it is empty: `plcmq apply SITE` fills it"
    raise CommandFailed("unknown_device", [f"there is no device {device!r}"], hint)
