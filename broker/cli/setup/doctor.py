"""`doctor`: examines one device and says what its `link` settings should be.

Strategy: the command only; what it does is in `examination`, which needs the libraries of the broker and is
imported when the command runs.
"""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from ...config import load
from ..terminal import render
from ..terminal.completion import tag_names
from ..terminal.options import BrokerOption, ConfigOption, DeviceArgument, JsonOption, RegistryOption
from ..terminal.reporting import FAILED, reported


def doctor(
    device: DeviceArgument,
    tag: Annotated[
        str | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help="Read at this tag, and show its value in all orders.",
            autocompletion=tag_names,
        ),
    ] = None,
    registry: RegistryOption = None,
    broker: BrokerOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Examine a device: does it answer, how fast, what can it take? It only reads.

    Prints the `link` settings that fit. Asks through the broker where one serves the device, else over a
    connection of its own. Status 1 if a check failed.

    Examples:

        plcmq doctor press-1

        plcmq doctor press-1 --tag batch_no
    """
    with reported(as_json):
        from .examination import document, examine, print_advice, subject_of

        subject, probe = subject_of(device, tag, registry, config)
        address = load({"broker": broker}, os.environ, config).client.broker
        through, found = asyncio.run(examine(subject, probe, address, as_json))
        if as_json:
            render.print_json(document(subject, through, found))
        else:
            print_advice(found)
        if not found.is_good:
            raise typer.Exit(FAILED)
