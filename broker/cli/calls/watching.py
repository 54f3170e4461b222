"""`watch`: the values of a device, as they change, until Ctrl-C.

Strategy: at a terminal one table is drawn anew, with ages that grow while nothing is heard, so that a still
value can be told from a dead line. A pipe gets a line for each change and `--json` a document for each
event, at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ....client import WatchEvent, connect
from ....client.aio.connection import AsyncConnection
from ....client.protocol.errors import PlcmqError, Rejected
from ...config import ClientSettings, load
from ..terminal import render
from ..terminal.arguments import device_of, named_values
from ..terminal.completion import tag_names
from ..terminal.options import BrokerOption, ConfigOption, DeviceArgument, JsonOption, TimeoutOption
from ..terminal.reporting import reported

REDRAWS = 4  # a second

Show = Callable[[WatchEvent], None]


def watch(
    device: DeviceArgument,
    tags: Annotated[
        list[str], typer.Argument(metavar="TAG", help="Tags to watch.", autocompletion=tag_names)
    ],
    interval: Annotated[
        float | None,
        typer.Option("--interval", metavar="SECONDS", help="Time between two looks.", show_default="1"),
    ] = None,
    deadband: Annotated[
        list[str] | None,
        typer.Option("--deadband", metavar="TAG=NUMBER", help="Changes up to this do not count."),
    ] = None,
    broker: BrokerOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show tags of a device as they change, until Ctrl-C.

    A live table at a terminal, a line for each change in a pipe, with --json a document for each event.

    Examples:

        plcmq watch press-1 temperature state

        plcmq watch press-1 temperature --interval 0.2 --deadband temperature=0.5

        plcmq watch press-1 batch_no --json | jq .values
    """
    bands = _deadbands(deadband or [])
    with reported(as_json):
        settings = load({"broker": broker, "timeout": timeout}, os.environ, config).client
        asyncio.run(_watch(settings, device_of(device), tags, interval, bands, as_json))


def _deadbands(arguments: Sequence[str]) -> dict[str, float]:
    try:
        named = named_values(arguments)
        return {tag: float(number) for tag, number in named.items()}
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--deadband") from None


async def _watch(
    settings: ClientSettings,
    device: str | int,
    tags: Sequence[str],
    interval: float | None,
    deadband: Mapping[str, float],
    as_json: bool,
) -> None:
    patience = min(2.0, settings.timeout)
    async with connect(settings.broker, timeout=settings.timeout, connect_timeout=patience) as plc:
        with contextlib.ExitStack() as stack:
            show = await _way_to_show(plc, device, tags, as_json, stack)
            watching = plc.watch(device, tags, interval=interval, deadband=deadband)
            async with aclosing(watching) as events:
                async for event in events:
                    show(event)


async def _way_to_show(
    plc: AsyncConnection, device: str | int, tags: Sequence[str], as_json: bool, stack: contextlib.ExitStack
) -> Show:
    console = render.stdout()
    if as_json:
        return _print_document
    if not console.is_terminal:
        return _print_changes
    board = Board(device, tags, await _units(plc, device))
    live = Live(console=console, get_renderable=board.table, refresh_per_second=REDRAWS)
    stack.enter_context(live)
    return board.take


async def _units(plc: AsyncConnection, device: str | int) -> Mapping[str, str]:
    try:
        tags = (await plc.describe(device))["tags"]
    except Rejected:
        raise
    except PlcmqError:
        return {}  # the watch says what is wrong; a unit is only an ornament
    return {name: str(tag.get("unit") or "") for name, tag in tags.items()}


def _print_document(event: WatchEvent) -> None:
    document: dict[str, Any] = {"values": event.values, "age": event.age}
    if event.errors:
        document["errors"] = {tag: error.to_map() for tag, error in event.errors.items()}
    if event.overruns:
        document["overruns"] = event.overruns
    if event.restarted:
        document["restarted"] = True
    render.print_json(document)


def _print_changes(event: WatchEvent) -> None:
    for tag, value in event.values.items():
        print(f"{tag}\t{'null' if value is None else render.plain(value)}", flush=True)
    for tag, error in event.errors.items():
        print(f"{tag}\t\t{render.plain(str(error))}", flush=True)
    if event.overruns:
        render.remark(f"{event.overruns} polls left out: the device is slower than the interval")


class Board:
    """The live table."""

    def __init__(
        self,
        device: str | int,
        tags: Sequence[str],
        units: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._device = device
        self._units = units
        self._clock = clock
        self._values: dict[str, object] = {}
        self._errors: dict[str, PlcmqError] = {}
        self._tags = list(dict.fromkeys(tags))
        self._changed: dict[str, float] = {}  # by tag: when its value was read, in seconds of the epoch
        self._overruns = 0
        self._restarts = 0

    def take(self, event: WatchEvent) -> None:
        """Takes in what has changed."""
        now = self._clock()
        for tag, value in event.values.items():
            self._errors.pop(tag, None)
            if tag not in self._values or self._values[tag] != value:
                self._changed[tag] = now - event.age.get(tag, 0.0)
            self._values[tag] = value
        self._errors.update(event.errors)
        self._overruns += event.overruns
        self._restarts += event.restarted

    def table(self) -> Group:
        """The table as it is now, and what there is to say about it."""
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for head in ("TAG", "VALUE", "UNIT", "AGE", "CHANGED"):
            table.add_column(head, no_wrap=head != "VALUE", overflow="fold")
        for tag in self._tags:
            table.add_row(*self._row(tag))
        return Group(table, self._caption())

    def _row(self, tag: str) -> tuple[Text, ...]:
        at = self._changed.get(tag)
        age = Text("" if at is None else render.ago(at, self._clock()))
        changed = Text("" if at is None else time.strftime("%H:%M:%S", time.localtime(at)), "dim")
        unit = Text(self._units.get(tag, ""), "dim")
        if tag in self._errors:
            return Text(tag), Text(str(self._errors[tag]), "red"), unit, age, changed
        if tag not in self._values:
            return Text(tag), Text("…", "dim"), unit, age, changed
        value = self._values[tag]
        return Text(tag), Text("null" if value is None else render.plain(value)), unit, age, changed

    def _caption(self) -> Text:
        said = [(f"{self._device}, Ctrl-C ends", "dim")]
        if self._overruns:
            said.append((f"  {self._overruns} overruns: slower than the interval", "yellow"))
        if self._restarts:
            said.append((f"  taken up again {self._restarts} times", "yellow"))
        return Text.assemble(*said)
