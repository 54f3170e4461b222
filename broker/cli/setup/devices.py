"""`device list|show|enable|…`: the devices of the registry, and how they are doing.

Strategy: `list` and `show` ask a running broker, and read the registry where none answers (see `lookup`).
What changes a device changes the registry, with or without a broker, which notices within a second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ....client import get_conn
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
from .lookup import Told, find_device, row_of, told_by_broker

app = typer.Typer(
    name="device",
    no_args_is_help=True,
    help="List, show, enable, disable, relearn, unlock and remove devices.",
)


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
        rows, note = _listed(registry, broker, config)
        if as_json:
            render.print_json({"devices": rows, "total": len(rows)})
        elif rows:
            render.print_devices(rows)
        else:
            render.remark("no devices yet; `plcmq apply SITE` brings a site file into the registry")
        if note and rows and not as_json:
            render.remark(note)


def _listed(
    registry: str | None, broker: str | None, config: Path | None
) -> tuple[Sequence[Mapping[str, Any]], str]:
    """All devices, and a remark on where that comes from, if one is due."""
    told = told_by_broker(broker, config)
    if registry is None and not told.why_not:
        return told.rows, ""
    from ....devices.site.compile import compile_device
    from ..terminal.registry import registry_of

    with registry_of(registry, config) as opened:
        forms = opened.snapshot().devices
    note = f"state unknown: {told.why_not}; the registry says what there is" if told.why_not else ""
    return [row_of(compile_device(form), told) for form in forms], note


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
        document, note = _shown(device, registry, broker, config)
        if as_json:
            render.print_json(document)
        else:
            render.print_device(document["state"], document["description"])
            if note:
                render.remark(note)


def _shown(
    device: str, registry: str | None, broker: str | None, config: Path | None
) -> tuple[dict[str, Any], str]:
    """All about one device, and a remark on where that comes from, if one is due.

    The document has `state` and `description`, and from the registry `device` and `profile` as a site file
    defines them.
    """
    told = told_by_broker(broker, config, device if registry is None else None)
    live = {} if told.description is None else {"state": told.rows[0], "description": told.description}
    note = f"state unknown: {told.why_not}" if told.why_not else ""
    try:
        return _defined(device, registry, config, told) | live, note
    except (CommandFailed, ModuleNotFoundError):  # no registry here, or nothing that could read one
        if not live:
            raise
    return live, ""


def _defined(device: str, registry: str | None, config: Path | None, told: Told) -> dict[str, Any]:
    """One device as the registry has it, with its state as far as it is told."""
    from ....devices.interface.describe import describe
    from ....devices.interface.requests import CompiledProfile
    from ....devices.site.compile import compile_device, compile_profile
    from ....devices.site.python_class import profile_form
    from ..terminal.registry import registry_of

    with registry_of(registry, config) as opened:
        content = opened.snapshot()
    form = find_device(content.devices, device)
    profile = profile_form(form["profile"], content.profiles)
    definition = compile_device(form)
    described = describe(definition, CompiledProfile(compile_profile(form["profile"], profile)))
    state = row_of(definition, told)
    return {"state": state, "description": described, "device": form, "profile": profile}


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
