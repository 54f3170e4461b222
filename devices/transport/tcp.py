"""TCP as the kernel offers it: finding out about peers that have silently gone, and words for its errors.

Strategy: embedded network stacks and cut cables leave connections half open; without these options one side
waits for ever (a Send-Q of twelve bytes, for days).
"""

from __future__ import annotations

import socket
from typing import Final

KEEPALIVE_IDLE: Final = 10  # seconds of silence before the first probe
KEEPALIVE_INTERVAL: Final = 5  # seconds between probes
KEEPALIVE_COUNT: Final = 3
USER_TIMEOUT: Final = 15_000  # milliseconds that sent bytes may stay unacknowledged


def explain(error: OSError | Exception) -> str:
    """Few words for why a connection failed."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionResetError):
        return "reset by the device"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, socket.gaierror):
        return "unknown host name"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]


def cork(sock: socket.socket, *, on: bool) -> None:
    """Holds back what is written until it is let go, so that it leaves together; where the system can."""
    option = getattr(socket, "TCP_CORK", None)
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, int(on))


def keep_alive(sock: socket.socket) -> None:
    """Lets the kernel find out about a peer that has silently gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "TCP_NODELAY": 1,
        "TCP_KEEPIDLE": KEEPALIVE_IDLE,
        "TCP_KEEPINTVL": KEEPALIVE_INTERVAL,
        "TCP_KEEPCNT": KEEPALIVE_COUNT,
        "TCP_USER_TIMEOUT": USER_TIMEOUT,
    }
    for name, value in options.items():
        option = getattr(socket, name, None)  # not every system has them all
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
