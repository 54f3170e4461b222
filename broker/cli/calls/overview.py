"""`info` and `stats`: what the broker tells of itself.

Strategy: the broker is asked, from whatever machine. Where none answers, the registry tells what it has, and
a remark says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....client import get_conn
from ....client.protocol.errors import BrokerUnreachable
from ...config import load, without_password
from ..terminal import render
from ..terminal.options import BrokerOption, ConfigOption, JsonOption, RegistryOption, TimeoutOption
from ..terminal.reporting import reported

CONNECT_TIME = 2.0  # seconds that a broker gets to answer at all


def info(
    broker: BrokerOption = None,
    registry: RegistryOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who the broker is: its version, how long it has been up, what it takes.

    Examples:

        plcmq info

        plcmq info --broker tcp://192.168.0.2:7502 --json
    """
    with reported(as_json):
        _print(_told("info", broker, registry, timeout, config, as_json), as_json)


def stats(
    broker: BrokerOption = None,
    registry: RegistryOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the broker has counted: requests, errors, queues, hosts, devices by state.

    Examples:

        plcmq stats

        watch plcmq stats
    """
    with reported(as_json):
        _print(_told("stats", broker, registry, timeout, config, as_json), as_json)


def _told(
    action: str,
    broker: str | None,
    registry: str | None,
    timeout: float | None,
    config: Path | None,
    as_json: bool,
) -> Mapping[str, Any]:
    settings = load({"broker": broker, "timeout": timeout, "registry": registry}, os.environ, config)
    asked = settings.client
    try:
        with get_conn(asked.broker, connect_timeout=min(CONNECT_TIME, asked.timeout)) as conn:
            answer: Mapping[str, Any] = conn.request(action=action, timeout=asked.timeout)
            return answer
    except BrokerUnreachable as error:
        try:
            told = _of_registry(settings.serve.registry, config)
        except ModuleNotFoundError:  # the `cli` extra alone reads no registry
            raise error from None
        if not as_json:
            render.remark(f"no broker answers at {error.endpoint}; this is what the registry has")
        return told


def _of_registry(url: str, config: Path | None) -> dict[str, Any]:
    from ..terminal.registry import registry_of

    with registry_of(url, config) as opened:
        content = opened.snapshot()
    devices = {"total": len(content.devices)}
    if disabled := sum(not form.get("enabled", True) for form in content.devices):
        devices["disabled"] = disabled
    return {"registry": without_password(url), "profiles": len(content.profiles), "devices": devices}


def _print(told: Mapping[str, Any], as_json: bool) -> None:
    """Numbers by name, and what comes as rows of maps as a table below."""
    if as_json:
        render.print_json(told)
        return
    tables = {name: value for name, value in told.items() if _is_table(value)}
    render.print_values({name: value for name, value in told.items() if name not in tables})
    for name, rows in tables.items():
        heads = list(rows[0])
        render.print_line()
        render.print_table(
            [name.upper(), *(head.upper() for head in heads[1:])], [list(row.values()) for row in rows]
        )


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)
