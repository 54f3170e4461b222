"""What `plcmq doctor` does: finds a way to the device, has it examined, and prints what was found.

Strategy: a PLC has one connection, so where a broker answers that has the device's endpoint, all questions go
through it. Only where none answers does the command connect itself, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....client import connect
from ....client.aio.connection import AsyncConnection
from ....client.protocol.errors import BrokerUnreachable
from ....devices.doctor.checks import Diagnosis, Doctor, Finding, Probe, Verdict, probe_of
from ....devices.doctor.direct import DirectLine
from ....devices.doctor.through_broker import BrokerLine
from ....devices.model.devices import DeviceDefinition
from ..terminal import render
from ..terminal.reporting import CommandFailed
from .lookup import find_device

PATIENCE = 2.0  # seconds that a broker gets to answer, before we take it that nobody has the connection
PAGE = 1000  # devices in one question to the broker
STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def subject_of(
    device: str, tag: str | None, registry: str | None, config: Path | None
) -> tuple[DeviceDefinition, Probe]:
    """The device as the registry has it, and where to read.

    Raises:
        CommandFailed: there is no such device or tag.
    """
    from ....devices.site.compile import compile_device, compile_profile
    from ....devices.site.definitions.problems import suggestion
    from ....devices.site.python_class import profile_form
    from ..terminal.registry import registry_of

    with registry_of(registry, config) as opened:
        content = opened.snapshot()
    form = find_device(content.devices, device)
    profile = compile_profile(form["profile"], profile_form(form["profile"], content.profiles))
    definition = compile_device(form)
    try:
        return definition, probe_of(profile.shifted(definition.address_offset), tag)
    except KeyError:
        hint = suggestion(str(tag), profile.tags) or ""
        raise CommandFailed("unknown_tag", [f"{form['name']} has no tag {tag!r}{hint}"]) from None


async def examine(
    device: DeviceDefinition, probe: Probe, address: str, as_json: bool
) -> tuple[str, Diagnosis]:
    """By which way, and what was found."""
    tell = (lambda _finding: None) if as_json else _print_finding
    conn = connect(address, connect_timeout=PATIENCE)
    try:
        if await _answers(conn) and await _is_served(conn, device):
            if not as_json:
                render.remark(f"asking through the broker at {address}, which has the connection")
            return "broker", await Doctor(device, probe, BrokerLine(conn, device), tell).examine()
    finally:
        await conn.close()
    if not as_json:
        render.remark(f"no broker at {address} has it\nopening the one connection to {device.endpoint}")
    async with DirectLine(device) as line:
        return "direct", await Doctor(device, probe, line, tell).examine()


async def _answers(conn: AsyncConnection) -> bool:
    try:
        await conn.open()
    except BrokerUnreachable:
        return False
    return True


async def _is_served(conn: AsyncConnection, device: DeviceDefinition) -> bool:
    """Whether the broker has the device.

    Raises:
        CommandFailed: it has not, but another one at the same endpoint.
    """
    rows: list[Mapping[str, Any]] = []
    while True:
        page = await conn.devices(limit=PAGE, offset=len(rows))
        rows += page["devices"]
        if not page["devices"] or len(rows) >= page["total"]:
            break
    neighbours = [row for row in rows if row["enabled"] and row["endpoint"] == str(device.endpoint)]
    if any(row["id"] == device.id and row["name"] == device.name for row in neighbours):
        return True
    if neighbours:
        names = ", ".join(str(row["name"]) for row in neighbours[:5])
        problem = f"the broker has the connection to {device.endpoint}, for {names}, and does not serve "
        hint = f"enable {device.name}, or stop the broker"
        raise CommandFailed("served_elsewhere", [problem + device.name], hint)
    return False


def _print_finding(finding: Finding) -> None:
    style = STYLES[finding.verdict]
    render.print_line(f"[{style}]{finding.verdict:<4}[/]  {finding.check:<11} {render.escape(finding.text)}")


def print_advice(found: Diagnosis) -> None:
    """What to write into the site file, for people."""
    if found.link:
        settings = ", ".join(f"{name}: {render.plain(value)}" for name, value in found.link.items())
        render.print_line(f"\n[bold]for the site file[/]\n  link: {{{render.escape(settings)}}}")
    elif found.is_good:
        render.print_line("\nthe default `link` settings fit")
    if found.preset:
        render.print_line(f"  link: {{preset: {found.preset}}}  (looks like one)")


def document(device: DeviceDefinition, through: str, found: Diagnosis) -> dict[str, Any]:
    """The whole examination, for machines."""
    return {
        "device": device.name,
        "endpoint": str(device.endpoint),
        "through": through,
        "findings": [finding.to_map() for finding in found.findings],
        "link": found.link,
        "preset": found.preset,
        "ok": found.is_good,
    }
