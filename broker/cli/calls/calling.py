"""`call`, `read` and `write`: one request to one device."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ....client import get_conn
from ....client.protocol.errors import PlcmqError
from ...config import load
from ..terminal import render
from ..terminal.arguments import device_of, named_values
from ..terminal.completion import action_names, tag_names, writable_tags
from ..terminal.options import (
    BrokerOption,
    ConfigOption,
    DeviceArgument,
    JsonOption,
    KeyOption,
    TimeoutOption,
    TokenOption,
)
from ..terminal.reporting import FAILED, reported


def call(
    device: DeviceArgument,
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="An action of the device.", autocompletion=action_names)
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="Its arguments: JSON where it parses as JSON, else text."),
    ] = None,
    key: KeyOption = None,
    token: TokenOption = None,
    broker: BrokerOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run an action of a device and print its result.

    Examples:

        plcmq call press-1 start_batch batch_size=15 nok_num=3

        plcmq call press-1 describe --json

        plcmq call press-1 start_batch --key order-4711 --timeout 20

        plcmq call press-1 lock ttl=60          (then: --token with each command, and `unlock` with it)
    """
    rqargs = _named(arguments or [])
    with reported(as_json):
        result = _request(device, action, rqargs, broker, timeout, config, key, token)
        if as_json:
            render.print_json(result)
        else:
            render.print_values(result)


def read(
    device: DeviceArgument,
    tags: Annotated[list[str], typer.Argument(metavar="TAG", help="Tags to read.", autocompletion=tag_names)],
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", metavar="SECONDS", help="Take a value that is at most this old."),
    ] = None,
    broker: BrokerOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read tags of a device.

    Status 1 if any of them failed; the others are printed all the same.

    Examples:

        plcmq read press-1 temperature state

        plcmq read press-1 batch_no --max-age 0.5 --json
    """
    rqargs: dict[str, Any] = {"tags": tags}
    if max_age is not None:
        rqargs["max_age"] = max_age
    with reported(as_json):
        result = _request(device, "read", rqargs, broker, timeout, config)
        failed = result.get("errors", {})
        if as_json:
            render.print_json(result)
        else:
            _print_read(result)
        for tag, error in failed.items():
            render.print_error(PlcmqError.from_map(error), about=tag)
        if failed:
            raise typer.Exit(FAILED)


def write(
    device: DeviceArgument,
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="TAG=VALUE",
            help="Values in the order to write them: JSON where it parses as JSON, else text.",
            autocompletion=writable_tags,
        ),
    ],
    verify: Annotated[bool, typer.Option("--verify", help="Read back what was written.")] = False,
    key: KeyOption = None,
    token: TokenOption = None,
    broker: BrokerOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write tags of a device.

    Examples:

        plcmq write press-1 batch_size=20 nok_limit=3

        plcmq write press-1 recipe=PX-7 --verify

        plcmq write press-1 'recipe="12"'     (the text 12, not the number)
    """
    rqargs: dict[str, Any] = {"values": _named(values)}
    if verify:
        rqargs["verify"] = True
    with reported(as_json):
        result = _request(device, "write", rqargs, broker, timeout, config, key, token)
        if as_json:
            render.print_json(result)
        else:
            render.print_line(f"[green]written[/]  {render.escape(', '.join(result.get('written', [])))}")


def _named(arguments: list[str]) -> dict[str, Any]:
    try:
        return named_values(arguments)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _request(
    device: str,
    action: str,
    rqargs: Mapping[str, Any],
    broker: str | None,
    timeout: float | None,
    config: Path | None,
    key: str | None = None,
    token: str | None = None,
) -> Mapping[str, Any]:
    settings = load({"broker": broker, "timeout": timeout}, os.environ, config).client
    conn = get_conn(settings.broker, connect_timeout=min(2.0, settings.timeout))
    try:
        result = conn.request(
            action, rqargs, device=device_of(device), timeout=settings.timeout, key=key, token=token
        )
    finally:
        conn.close()
    return result if isinstance(result, Mapping) else {"result": result}


def _print_read(result: Mapping[str, Any]) -> None:
    ages = result.get("age", {})
    rows = [
        (tag, "null" if value is None else value, f"{ages[tag]:.1f} s" if tag in ages else "")
        for tag, value in result.get("values", {}).items()
    ]
    if rows:
        render.print_table(("TAG", "VALUE", "AGE"), rows)
