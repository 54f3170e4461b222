"""`call`, `read` and `write`: one request to one device."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ....client import get_conn
from ....client.protocol.errors import PlcmqError
from ....client.protocol.messages import BUILT_IN
from ...config import load
from ..terminal import render
from ..terminal.arguments import Schemas, device_of, named_values
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
    with reported(as_json):
        built_in = action in BUILT_IN
        told = {} if built_in else _described(device, broker, timeout, config)
        declared = told.get("actions", {}).get(action, {})
        schemas = declared.get("schema", {}).get("properties", {})
        if timeout is None and "timeout" in declared:
            timeout = declared["timeout"]
        rqargs = _named(arguments or [], schemas)
        result = _request(device, action, rqargs, broker, timeout, config, key, token)
        if as_json:
            render.print_json(result)
        else:
            render.print_values(result)


def read(
    device: DeviceArgument,
    tags: Annotated[
        list[str] | None,
        typer.Argument(metavar="TAG", help="Tags to read; without any, all.", autocompletion=tag_names),
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", metavar="SECONDS", help="Take a value that is at most this old."),
    ] = None,
    broker: BrokerOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read tags of a device, in the order asked for; without tags, all that can be read.

    Status 1 if any of them failed; the others are printed all the same.

    Examples:

        plcmq read press-1 temperature state

        plcmq read press-1 batch_no --max-age 0.5 --json
    """
    with reported(as_json):
        if not tags:
            told = _request(device, "describe", {}, broker, timeout, config).get("tags", {})
            tags = [name for name, tag in told.items() if tag.get("access") != "wo"]
        rqargs: dict[str, Any] = {"tags": tags}
        if max_age is not None:
            rqargs["max_age"] = max_age
        result = _in_order(_request(device, "read", rqargs, broker, timeout, config), tags)
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
            help="Values in the order to write them, as the tags' types say.",
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

        plcmq write press-1 recipe=4711 start=on mask=0x1f     (by the types of the tags)
    """
    with reported(as_json):
        told = _described(device, broker, timeout, config).get("tags", {})
        schemas = {name: tag.get("schema", {}) for name, tag in told.items()}
        rqargs: dict[str, Any] = {"values": _named(values, schemas)}
        if verify:
            rqargs["verify"] = True
        result = _request(device, "write", rqargs, broker, timeout, config, key, token)
        if as_json:
            render.print_json(result)
        else:
            render.print_line(f"[green]written[/]  {render.escape(', '.join(result.get('written', [])))}")


def _in_order(result: Mapping[str, Any], tags: list[str]) -> Mapping[str, Any]:
    """The result of a read with its tags in the order asked for."""
    parts = ("values", "age", "errors")
    return {
        key: {tag: value[tag] for tag in dict.fromkeys((*tags, *value)) if tag in value}
        if key in parts
        else value
        for key, value in result.items()
    }


def _described(
    device: str, broker: str | None, timeout: float | None, config: Path | None
) -> Mapping[str, Any]:
    """What `describe` tells of a device; nothing where it fails, which the request itself will tell."""
    try:
        return _request(device, "describe", {}, broker, timeout, config)
    except PlcmqError:
        return {}


def _named(arguments: list[str], schemas: Schemas) -> dict[str, Any]:
    try:
        return named_values(arguments, schemas)
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
