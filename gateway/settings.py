"""The settings of the gateway, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from ..client.protocol.messages import DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Settings of `plcmq gateway`. Those with `gateway_` before their name are the gateway's alone."""

    bind: str = "127.0.0.1:8080"  # where it listens; port 0 is a free one
    broker: str = "tcp://127.0.0.1:7502"  # the broker's address for clients
    timeout: float | None = DEFAULT_TIMEOUT  # seconds that a request may take when it does not say
    hosts: tuple[str, ...] = ()  # names under which it may be called, beside IP addresses and its own name
    origins: tuple[str, ...] = ()  # origins of other web pages that may ask
    proxies: tuple[str, ...] = ()  # addresses of proxies whose X-Forwarded-* headers count
    root_path: str = ""  # the prefix that a proxy takes away
    read_only: bool = False  # nothing that changes anything is let through
    viewers: int = 500  # WebSockets and event streams at a time
    metrics_devices: str = (
        "all"  # devices with series of their own: `all`, `none`, or a pattern such as press-*
    )
    tls_cert: str = ""  # file
    tls_key: str = ""  # file
    behind_proxy: bool = False  # a proxy in front ends the encryption
    insecure: bool = False  # may listen beyond loopback without protection
    drain: float = 10.0  # seconds that accepted requests get when it is told to end
    log_level: str = "info"
    log_format: str = "text"


def host_and_port(bind: str) -> tuple[str, int]:
    """The parts of `host:port`, with the brackets of an IPv6 address taken away.

    Raises:
        ValueError: it is not of that form.
    """
    host, separator, port = bind.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT, such as 127.0.0.1:8080, not {bind!r}")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise ValueError(f"an IPv6 address is written in brackets, such as [::1]:8080, not {bind!r}")
    return host.strip("[]"), int(port)
