"""What a device host of its own process must know to start.

Strategy: plain data, read from flags, environment and file by the broker's command line; it lives here
because the host uses it and `devices` imports nothing of the broker.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

DEFAULT_HOST_BROKER = "tcp://127.0.0.1:7503"


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Settings of `plcmq host`."""

    broker: str = DEFAULT_HOST_BROKER  # the broker's address for hosts
    name: str = field(default_factory=socket.gethostname)  # how people tell this host from others
    drain: float = 10.0  # seconds that accepted requests get to finish when the host is told to end
    log_level: str = "info"  # debug, info, warning or error
    log_format: str = "text"  # text or json
