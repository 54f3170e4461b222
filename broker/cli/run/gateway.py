"""`gateway`: the HTTP gateway as a process, a client of the broker like any other."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Annotated

import typer

from ....gateway.settings import GatewaySettings
from ...config import load
from ..terminal import render
from ..terminal.log_lines import log_to_stderr
from ..terminal.options import BrokerOption, ConfigOption, JsonOption, TimeoutOption
from ..terminal.process import run_until_stopped
from ..terminal.reporting import CommandFailed, reported
from .serving import DrainOption, LogFormatOption, LogLevelOption

_DEFAULTS = GatewaySettings()


BindOption = Annotated[
    str | None,
    typer.Option("--bind", metavar="HOST:PORT", help="Where it listens.", show_default=_DEFAULTS.bind),
]
ReadOnlyOption = Annotated[
    bool, typer.Option("--read-only", help="Let nothing through that changes anything.")
]
HostsOption = Annotated[
    str | None, typer.Option("--hosts", metavar="NAMES", help="Further names that it may be called by.")
]
OriginsOption = Annotated[
    str | None,
    typer.Option("--origins", metavar="ORIGINS", help="Origins of other web pages that may ask."),
]
ProxiesOption = Annotated[
    str | None,
    typer.Option("--proxies", metavar="ADDRESSES", help="Proxies whose X-Forwarded-* headers count."),
]
RootPathOption = Annotated[
    str | None, typer.Option("--root-path", metavar="PATH", help="The prefix that a proxy takes away.")
]
BehindProxyOption = Annotated[
    bool, typer.Option("--behind-proxy", help="A proxy in front ends the encryption.")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Listen beyond loopback without any protection.")
]
TlsCertOption = Annotated[str | None, typer.Option("--tls-cert", metavar="FILE", help="Its certificate.")]
TlsKeyOption = Annotated[str | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's key.")]
ViewersOption = Annotated[
    int | None,
    typer.Option(
        "--viewers",
        metavar="NUMBER",
        help="WebSockets and event streams at a time.",
        show_default=str(_DEFAULTS.viewers),
    ),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        "--metrics-devices",
        metavar="PATTERN",
        help="Devices with series of their own: all, none, or a pattern.",
        show_default=_DEFAULTS.metrics_devices,
    ),
]


def gateway(
    bind: BindOption = None,
    broker: BrokerOption = None,
    read_only: ReadOnlyOption = False,
    hosts: HostsOption = None,
    origins: OriginsOption = None,
    proxies: ProxiesOption = None,
    root_path: RootPathOption = None,
    behind_proxy: BehindProxyOption = False,
    insecure: InsecureOption = False,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
    viewers: ViewersOption = None,
    metrics_devices: MetricsOption = None,
    timeout: TimeoutOption = None,
    drain: DrainOption = None,
    log_level: LogLevelOption = None,
    log_format: LogFormatOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the HTTP gateway: the page, the HTTP interface, its documentation, and metrics.

    Examples:

        plcmq gateway

        plcmq gateway --bind 0.0.0.0:8080 --read-only --insecure
    """
    flags = {
        "gateway_bind": bind,
        "broker": broker,
        "gateway_read_only": read_only or None,
        "gateway_hosts": hosts,
        "gateway_origins": origins,
        "gateway_proxies": proxies,
        "gateway_root_path": root_path,
        "gateway_tls_cert": tls_cert,
        "gateway_tls_key": tls_key,
        "gateway_viewers": viewers,
        "gateway_metrics_devices": metrics_devices,
        "gateway_behind_proxy": behind_proxy or None,
        "insecure": insecure or None,
        "timeout": timeout,
        "drain": drain,
        "log_level": log_level,
        "log_format": log_format,
    }
    with reported(as_json):
        _run(load(flags, os.environ, config).gateway, as_json)


def _run(settings: GatewaySettings, as_json: bool) -> None:
    try:
        from ....gateway.serve import NotProtected, serve
    except ModuleNotFoundError as error:
        raise CommandFailed("missing", [f"{error.name} is missing: pip install 'plcmq[gateway]'"]) from error

    writer = log_to_stderr(settings.log_level, settings.log_format)
    logging.getLogger("uvicorn").handlers[:] = [writer]

    def ready(url: str) -> None:
        if as_json:
            document = {
                "url": url,
                "broker": settings.broker,
                "read_only": settings.read_only,
                "pid": os.getpid(),
            }
            render.print_json(document)
        else:
            render.print_gateway(url, settings.broker, settings.read_only)

    async def run(stop: asyncio.Event) -> None:
        await serve(settings, ready, stop)

    try:
        run_until_stopped(run)
    except NotProtected as error:
        raise CommandFailed("not_protected", [str(error)]) from error
    except OSError as error:
        raise CommandFailed("cannot_listen", [f"{settings.bind}: {error.strerror or error}"]) from error
