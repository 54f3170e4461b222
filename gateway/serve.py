"""The gateway as a process: its listening socket, and a server that ends promptly.

Strategy: uvicorn waits for open streams for as long as it may, before it tells the app to end; here the
streams are ended first. The socket is ours, because a viewer whose network has gone holds unsent bytes, which
only TCP_USER_TIMEOUT ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn

from ..client.aio.connection import connect
from ..client.protocol.loop_watch import watched_loop
from .app import Gateway
from .settings import GatewaySettings, host_and_port

USER_TIMEOUT: Final = 10_000  # milliseconds that sent bytes may stay without an acknowledgement
KEEP_ALIVE: Final = (5, 5, 3)  # seconds idle, seconds between probes, probes
BEAT: Final = 0.025  # seconds between two beats of the loop
LATE: Final = 0.05  # seconds that a beat may be late
_PING: Final = 5.0  # seconds


class NotProtected(Exception):
    """It would listen beyond loopback without TLS, proxy or consent."""


def check_bind(settings: GatewaySettings) -> None:
    """Whether it may listen where it shall.

    Raises:
        NotProtected: it may not.
        ValueError: that is no address.
    """
    host, _ = host_and_port(settings.bind)
    if is_loopback(host) or settings.tls_cert or settings.behind_proxy or settings.insecure:
        return
    raise NotProtected(
        f"{settings.bind} can be reached from elsewhere, and nothing protects it: give gateway_tls_cert and "
        "gateway_tls_key, or say --behind-proxy where a proxy ends the encryption, or --insecure; "
        "--read-only is advised in any case"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(bind: str) -> socket.socket:
    """The listening socket; what it has of options, accepted ones inherit.

    Raises:
        OSError: the address cannot be taken.
        ValueError: that is no address.
    """
    host, port = host_and_port(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            idle, between, probes = KEEP_ALIVE
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
        listener.bind((host, port))
        listener.listen(2048)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """A uvicorn that tells when it listens and ends the streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to serve."""
        await super().startup(sockets)
        if self.started:
            self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends to serve."""
        self._gateway.hub.end()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the business of who runs this."""
        yield


async def serve(settings: GatewaySettings, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serves until `stop` is set; tells `ready` its address, such as `http://127.0.0.1:8080`.

    Raises:
        NotProtected: it may not listen there.
        OSError: it cannot listen there.
        ValueError: that is no address.
    """
    check_bind(settings)
    listener = listen(settings.bind)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(listener))
        gateway = Gateway(settings, connect(settings.broker))
        config = uvicorn.Config(
            gateway.app,
            http="httptools",
            ws="websockets-sansio",
            ws_ping_interval=_PING,
            ws_ping_timeout=_PING,
            ws_per_message_deflate=False,
            ws_max_size=65536,
            timeout_graceful_shutdown=math.ceil(settings.drain),
            access_log=False,
            log_config=None,
            server_header=False,
            lifespan="on",
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=",".join(settings.proxies),
            ssl_certfile=settings.tls_cert or None,
            ssl_keyfile=settings.tls_key or None,
        )
        host, port = listener.getsockname()[:2]
        scheme = "https" if settings.tls_cert else "http"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        watch = stack.enter_context(watched_loop("the gateway", BEAT, LATE))
        gateway.measured.watch_loop(watch)
        server = Server(config, gateway, lambda: ready(url))
        serving = asyncio.get_running_loop().create_task(server.serve([listener]))
        stopping = asyncio.get_running_loop().create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
        finally:
            stopping.cancel()
