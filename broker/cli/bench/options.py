"""The options of `bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....client.protocol.bodies import Codec
from ..terminal.completion import device_names

IN_FLIGHT = 16

_MIX, _LOAD, _REPORT = "What to ask", "How to ask", "What to report"

DevicesArgument = Annotated[
    list[str],
    typer.Argument(metavar="DEVICE", help="Names or ids of devices.", autocompletion=device_names),
]
ReadOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TAG,…[:WEIGHT]", help="Read these tags.", rich_help_panel=_MIX),
]
WriteOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TAG=VALUE …[:WEIGHT]", help="Write these values.", rich_help_panel=_MIX),
]
CallOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ACTION NAME=VALUE …[:WEIGHT]", help="Run this action.", rich_help_panel=_MIX),
]
AllowWritesOption = Annotated[
    bool, typer.Option("--allow-writes", help="Do send what may change a device.", rich_help_panel=_MIX)
]

InFlightOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Closed loop: so many requests in flight.",
        show_default=str(IN_FLIGHT),
        rich_help_panel=_LOAD,
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="R",
        help="Open loop: R requests a second, however long the answers take; latencies count from the time "
        "that a request was due.",
        rich_help_panel=_LOAD,
    ),
]
DurationOption = Annotated[
    float, typer.Option(min=0.1, metavar="SECONDS", help="How long it measures.", rich_help_panel=_LOAD)
]
WarmUpOption = Annotated[
    float,
    typer.Option(min=0.0, metavar="SECONDS", help="Load before that, not measured.", rich_help_panel=_LOAD),
]
ConnectionsOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="Connections to the broker.", rich_help_panel=_LOAD)
]
CodecOption = Annotated[Codec, typer.Option(help="How requests are encoded.", rich_help_panel=_LOAD)]
SeedOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Of the random choices.",
        show_default="another each time",
        rich_help_panel=_LOAD,
    ),
]

OutputOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Write the result (JSON).", rich_help_panel=_REPORT),
]
FailUnderRateOption = Annotated[
    float | None,
    typer.Option(min=0.0, metavar="R", help="Status 1 below R successes a second.", rich_help_panel=_REPORT),
]
FailOverP99Option = Annotated[
    float | None,
    typer.Option(min=0.0, metavar="SECONDS", help="Status 1 if the p99 is longer.", rich_help_panel=_REPORT),
]
