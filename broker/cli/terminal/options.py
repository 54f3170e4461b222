"""Options and arguments that several commands share, so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...config import DEFAULT_REGISTRY, ClientSettings
from .completion import device_names

_CLIENT = ClientSettings()

DeviceArgument = Annotated[
    str, typer.Argument(metavar="DEVICE", help="Name or id of the device.", autocompletion=device_names)
]
BrokerOption = Annotated[
    str | None,
    typer.Option(
        "--broker", metavar="ADDRESS", help="The broker's address for clients.", show_default=_CLIENT.broker
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="How long it may take.",
        show_default=f"{_CLIENT.timeout:g}",
    ),
]
RegistryOption = Annotated[
    str | None,
    typer.Option("--registry", metavar="URL", help="The registry's database.", show_default=DEFAULT_REGISTRY),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file.", show_default="./plcmq.toml, if any"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for machines.")]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", metavar="TEXT", help="Of the lock that you hold on the device."),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="TEXT", help="Idempotency key: with it a repeated request executes once."),
]
