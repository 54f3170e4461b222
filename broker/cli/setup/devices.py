"""`device list|show|enable|…`: the devices of the registry, and how they are doing.

Strategy: the registry says what there is, with or without a broker. How a device is doing only a running
broker knows: it is asked briefly, and where none answers the state is `unknown`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ....client import get_conn
from ....client.protocol.errors import BrokerUnreachable, PlcmqError
from ....devices.model.devices import DeviceDefinition
from ...config import load
from ..terminal import render
from ..terminal.arguments import device_of
from ..terminal.completion import device_names
from ..terminal.options import (
    BrokerOption,
    ConfigOption,
    DeviceArgument,
    JsonOption,
    RegistryOption,
    TimeoutOption,
)
from ..terminal.reporting import CommandFailed, reported

PATIENCE = 0.5  # seconds that a broker gets to answer
PAGE = 1000  # devices in one question to the broker

app = typer.Typer(
    name="device",
    no_args_is_help=True,
    help="List, show, enable, disable, relearn, unlock and remove devices.",
)
Row = Mapping[str, Any]


@app.command("list")
def list_devices(
    registry: RegistryOption = None,
    broker: BrokerOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List all devices; with their state, since when and why, where a broker runs.

    Examples:

        plcmq device list

        plcmq device list --json | jq -r '.devices[] | select(.state == "down") | .name'
    """
    with reported(as_json):
        from ....devices.site.compile import compile_device
        from ..terminal.registry import registry_of

        with registry_of(registry, config) as opened:
            forms = opened.snapshot().devices
        live, why_not = _live(broker, config)
        rows = [_row(compile_device(form), live, why_not) for form in forms]
        if as_json:
            render.print_json({"devices": rows, "total": len(rows)})
        elif rows:
            render.print_devices(rows)
        else:
            render.remark("no devices yet; `plcmq apply SITE` brings a site file into the registry")
        if why_not and rows and not as_json:
            render.remark(f"state unknown: {why_not}")


@app.command()
def show(
    device: DeviceArgument,
    registry: RegistryOption = None,
    broker: BrokerOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one device: its definition, tags and actions, and how it is doing.

    Examples:

        plcmq device show press-1

        plcmq device show 2 --json
    """
    with reported(as_json):
        from ....devices.site.compile import compile_device, compile_profile
        from ....devices.site.python_class import profile_form
        from ..terminal.registry import registry_of

        with registry_of(registry, config) as opened:
            content = opened.snapshot()
        form = find_device(content.devices, device)
        profile = profile_form(form["profile"], content.profiles)
        state = _row(compile_device(form), *_live(broker, config))
        if as_json:
            render.print_json({"device": form, "profile": profile, "state": state})
        else:
            render.print_device(state, compile_profile(form["profile"], profile))


@app.command()
def enable(
    device: DeviceArgument,
    registry: RegistryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a device be served again.

    Example:

        plcmq device enable press-1
    """
    _set_enabled(device, True, registry, config, as_json)


@app.command()
def disable(
    device: DeviceArgument,
    registry: RegistryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a device out of service: its connection is closed, requests to it are refused.

    Example:

        plcmq device disable press-1
    """
    _set_enabled(device, False, registry, config, as_json)


@app.command()
def remove(
    device: DeviceArgument,
    registry: RegistryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a device from the registry.

    Example:

        plcmq device remove press-1
    """
    with reported(as_json):
        from ..terminal.registry import registry_of

        with registry_of(registry, config) as opened:
            name = find_device(opened.snapshot().devices, device)["name"]
            opened.remove(name)
        render.print_done({"device": name, "removed": True}, f"{name} is removed", as_json)


@app.command()
def relearn(
    device: Annotated[
        str | None,
        typer.Argument(metavar="DEVICE", help="Name or id of the device.", autocompletion=device_names),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All devices of the registry.")] = False,
    registry: RegistryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget which addresses a device has refused to read, so that they are tried again.

    For a device whose register map has changed: new firmware, another PLC program.

    Examples:

        plcmq device relearn press-1

        plcmq device relearn --all
    """
    if (device is None) != every:
        raise typer.BadParameter("name one device, or give --all")
    with reported(as_json):
        from ..terminal.registry import registry_of

        with registry_of(registry, config) as opened:
            name = None if device is None else find_device(opened.snapshot().devices, device)["name"]
            names = opened.relearn(name)
        what = name or f"{len(names)} devices"
        render.print_done({"devices": names, "relearn": True}, f"{what} will be learned anew", as_json)


@app.command()
def unlock(
    device: DeviceArgument,
    broker: BrokerOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Break the lock of a device, whoever holds it: its holder's commands are refused from then on.

    For a lock whose holder is gone for good. A lock also ends by itself, when its time is up; `plcmq call
    DEVICE status` tells how long that takes. A command that is under way goes on.

    Example:

        plcmq device unlock press-1
    """
    with reported(as_json):
        settings = load({"broker": broker, "timeout": timeout}, os.environ, config).client
        with get_conn(settings.broker, connect_timeout=min(2.0, settings.timeout)) as conn:
            wanted, patience = device_of(device), settings.timeout
            was_locked = conn.request("status", device=wanted, timeout=patience)["lock"] is not None
            conn.request("unlock", {"force": True}, device=wanted, timeout=patience)
        told = f"{device} is unlocked" if was_locked else f"{device} was not locked"
        render.print_done({"device": device, "was_locked": was_locked}, told, as_json)


def _set_enabled(
    device: str, enabled: bool, registry: str | None, config: Path | None, as_json: bool
) -> None:
    with reported(as_json):
        from ..terminal.registry import registry_of

        with registry_of(registry, config) as opened:
            name = find_device(opened.snapshot().devices, device)["name"]
            opened.set_enabled(name, enabled)
        render.print_done({"device": name, "enabled": enabled}, f"{name} is {_WORDS[enabled]}", as_json)


_WORDS = {True: "enabled", False: "disabled"}


def find_device(forms: Iterable[Row], device: str) -> Row:
    """The definition of the device with this name or id.

    Raises:
        CommandFailed: there is none.
    """
    known = list(forms)
    for form in known:
        if device_of(device) in (form["id"], form["name"]):
            return form
    names = [str(form["name"]) for form in known]
    hint = f"it has {', '.join(names[:20])}" if names else "it is empty: `plcmq apply SITE` fills it"
    raise CommandFailed("unknown_device", [f"there is no device {device!r} in the registry"], hint)


def _row(device: DeviceDefinition, live: Mapping[int, Row], why_not: str) -> dict[str, Any]:
    """A device as the broker's `devices` tells it; where the broker does not, the state is `unknown`."""
    told = live.get(device.id)
    if told is not None and told["name"] == device.name:
        return dict(told)
    unknown = why_not or "the broker does not know it: does it use another registry?"
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


def _live(broker: str | None, config: Path | None) -> tuple[dict[int, Row], str]:
    """What a running broker tells of its devices, by id; or why it does not."""
    settings = load({"broker": broker}, os.environ, config)
    told: dict[int, Row] = {}
    try:
        with get_conn(settings.client.broker, timeout=PATIENCE, connect_timeout=PATIENCE) as conn:
            while True:
                page = conn.devices(limit=PAGE, offset=len(told))
                told |= {row["id"]: row for row in page["devices"]}
                if len(told) >= page["total"] or not page["devices"]:
                    return told, ""
    except BrokerUnreachable as error:
        return {}, f"no broker answers at {error.endpoint}"
    except PlcmqError as error:
        return {}, f"the broker does not tell: {error}"
