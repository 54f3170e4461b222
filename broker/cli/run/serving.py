"""`serve` and `host`: the broker and the device host as processes.

Strategy: what can go wrong at the start is one clear line and status 1; what happens later goes to the log on
stderr. Stdout has only what a script waits for: with `--json`, one document when the broker answers.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Annotated

import typer

from ....client.protocol.endpoint import BadEndpoint
from ....devices.host.settings import HostSettings
from ...config import ServeSettings, load, without_password
from ..terminal import render
from ..terminal.log_lines import log_to_stderr
from ..terminal.options import ConfigOption, JsonOption, RegistryOption
from ..terminal.process import run_until_stopped
from ..terminal.reporting import CommandFailed, reported

_SERVE = ServeSettings()
_HOST = HostSettings(name="")
log = logging.getLogger(__name__)

DrainOption = Annotated[
    float | None,
    typer.Option(
        "--drain",
        metavar="SECONDS",
        help="How long accepted requests may take when it is told to end.",
        show_default=f"{_SERVE.drain:g}",
    ),
]
LogLevelOption = Annotated[
    str | None,
    typer.Option(
        "--log-level", metavar="LEVEL", help="debug, info, warning or error.", show_default=_SERVE.log_level
    ),
]
LogFormatOption = Annotated[
    str | None,
    typer.Option("--log-format", metavar="FORMAT", help="text or json.", show_default=_SERVE.log_format),
]


def serve(
    bind: Annotated[
        str | None,
        typer.Option("--bind", metavar="ADDRESS", help="Where clients connect.", show_default=_SERVE.bind),
    ] = None,
    registry: RegistryOption = None,
    host_bind: Annotated[
        str | None,
        typer.Option(
            "--host-bind", metavar="ADDRESS", help="Where hosts connect.", show_default=_SERVE.host_bind
        ),
    ] = None,
    no_host: Annotated[
        bool, typer.Option("--no-host", help="Run no device host in this process; `plcmq host` runs one.")
    ] = False,
    drain: DrainOption = None,
    max_body: Annotated[
        int | None,
        typer.Option(
            "--max-body",
            metavar="BYTES",
            help="The longest request.",
            show_default=str(_SERVE.limits.body_bytes),
        ),
    ] = None,
    log_level: LogLevelOption = None,
    log_format: LogFormatOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the broker, with a device host in the same process.

    It ends on Ctrl-C or SIGTERM: accepted requests get their replies first. A second Ctrl-C ends it at once.

    Examples:

        plcmq serve

        plcmq serve --bind tcp://0.0.0.0:7502 --registry postgresql://db/plcmq

        PLCMQ_BIND=tcp://0.0.0.0:7502 plcmq serve --no-host
    """
    flags = {
        "bind": bind,
        "registry": registry,
        "host_bind": host_bind,
        "in_process_host": False if no_host else None,
        "drain": drain,
        "max_body": max_body,
        "log_level": log_level,
        "log_format": log_format,
    }
    with reported(as_json):
        _serve(load(flags, os.environ, config).serve, as_json)


def _serve(settings: ServeSettings, as_json: bool) -> None:
    from ...service.serve import Serving, serve
    from ...storage.registry import RegistryError

    log_to_stderr(settings.log_level, settings.log_format)
    registry = without_password(settings.registry)

    def ready(serving: Serving) -> None:
        if as_json:
            render.print_json(
                {
                    "bind": serving.bind,
                    "host_bind": serving.host_bind,
                    "registry": registry,
                    "devices": serving.devices,
                    "max_clients": serving.max_clients,
                    "pid": os.getpid(),
                }
            )
        else:
            render.print_serving(
                serving.bind, serving.host_bind, registry, serving.devices, settings.in_process_host
            )

    try:
        run_until_stopped(lambda stop: serve(settings, ready=ready, stop=stop))
    except RegistryError as error:
        raise CommandFailed("registry", [without_password(str(error))]) from error
    except (OSError, BadEndpoint) as error:
        raise CommandFailed("cannot_listen", [str(error)]) from error


def host(
    broker: Annotated[
        str | None,
        typer.Option(
            "--broker", metavar="ADDRESS", help="The broker's address for hosts.", show_default=_HOST.broker
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="TEXT", help="Its name among the hosts.", show_default="this machine's"
        ),
    ] = None,
    drain: DrainOption = None,
    log_level: LogLevelOption = None,
    log_format: LogFormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Run a device host: it owns the connections to the PLCs that the broker gives it.

    It finds its broker again by itself, whichever of the two was restarted.

    Examples:

        plcmq host --broker tcp://192.168.0.2:7503

        plcmq host --name hall-2
    """
    flags = {
        "host_broker": broker,
        "host_name": name,
        "drain": drain,
        "log_level": log_level,
        "log_format": log_format,
    }
    with reported(False):
        _host(load(flags, os.environ, config).host)


def _host(settings: HostSettings) -> None:
    from ....devices.host.descriptors import raise_limit
    from ....devices.host.process import HostRefused, run_host

    log_to_stderr(settings.log_level, settings.log_format)
    room = raise_limit()
    log.info(
        "host %s looks for the broker at %s; its limit of open files has room for %d endpoints",
        settings.name,
        settings.broker,
        room,
    )

    async def run(stop: asyncio.Event) -> None:
        await run_host(settings, ready=lambda endpoint: log.info("serving for %s", endpoint), stop=stop)

    try:
        run_until_stopped(run)
    except (HostRefused, BadEndpoint) as error:
        raise CommandFailed("host", [str(error)]) from error
