"""Addresses of brokers: what people write, turned into what ZeroMQ takes.

Strategy: pure text. What ZeroMQ would get wrong or refuse without a reason is put right or refused here, in
    words.
"""

from __future__ import annotations

import os
from ipaddress import IPv6Address
from typing import Final

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 7502
DEFAULT_ENDPOINT: Final = f"tcp://{DEFAULT_HOST}:{DEFAULT_PORT}"
IPC_PATH_BYTES: Final = 107  # the longest path that a Unix socket can have


class BadEndpoint(ValueError):
    """An address that no socket could use; the message says why and what would do."""


def endpoint_of(host: str, port: int | None = None) -> str:
    """The endpoint of an address, ready for ZeroMQ.

    `localhost` becomes 127.0.0.1, which a broker listens on where the name may mean ::1; an IPv6 literal
    gets its brackets. `host` may be a whole endpoint (`tcp://…`, `ipc://…`, `inproc://…`): then `port` is
    not looked at.

    Raises:
        BadEndpoint: it cannot be one.
    """
    if "://" not in host:
        if port is None:
            raise BadEndpoint(
                f"{host!r} is no endpoint; write it like {DEFAULT_ENDPOINT} or ipc:///run/plcmq.sock"
            )
        return _tcp(host, str(port))
    scheme, _, address = host.partition("://")
    if scheme == "tcp":
        name, colon, number = address.rpartition(":")
        if not colon:
            raise BadEndpoint(f"{host!r} names no port; write it like {DEFAULT_ENDPOINT}")
        return _tcp(name, number)
    if scheme == "ipc":
        return _ipc(address)
    if scheme == "inproc" and address:
        return host
    raise BadEndpoint(f"{host!r} is no endpoint; it starts with tcp:// or ipc://")


def _tcp(host: str, port: str) -> str:
    name = host.strip().removeprefix("[").removesuffix("]")
    if not name:
        raise BadEndpoint(f"'tcp://{host}:{port}' names no host")
    if port != "*" and not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise BadEndpoint(f"{port!r} is no TCP port; it is a number from 0 to 65535")
    if name.lower() == "localhost":
        name = DEFAULT_HOST
    elif ":" in name:
        _check_ipv6(name)
        name = f"[{name}]"
    return f"tcp://{name}:{port}"


def _check_ipv6(name: str) -> None:
    try:
        IPv6Address(name)
    except ValueError as error:
        raise BadEndpoint(f"{name!r} is no IPv6 address: {error}") from error


def _ipc(path: str) -> str:
    length = len(os.fsencode(path))
    if not path:
        raise BadEndpoint("'ipc://' names no path; write it like ipc:///run/plcmq.sock")
    if length > IPC_PATH_BYTES:
        raise BadEndpoint(
            f"the ipc path has {length} bytes; a Unix socket takes at most {IPC_PATH_BYTES}: {path}"
        )
    return f"ipc://{path}"
