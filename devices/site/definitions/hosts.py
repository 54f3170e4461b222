"""Hosts that are spelt in several ways and are one: never two connections to one device.

What can be known without asking a name server is known here: letter case, the spellings of this machine, and
those of one IP address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .content import Definition

LOOPBACKS: Final = {"localhost": "127.0.0.1", "::1": "127.0.0.1"}
"""Spellings of this machine: what listens on one of them listens on the others as a rule."""


def plain_host(host: str) -> str:
    """One spelling of a host."""
    name = host.lower().removesuffix(".")
    name = LOOPBACKS.get(name, name)
    try:
        return LOOPBACKS.get(str(ipaddress.ip_address(name)), str(ipaddress.ip_address(name)))
    except ValueError:
        return name


class Spellings:
    """How the hosts of devices are spelt; tells where one endpoint has two spellings."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, Any], tuple[str, str]] = {}  # by endpoint: a device's name, its host

    def problem(self, name: str, host: str, port: int) -> str:
        """Why a device's host must be spelt in another way; nothing if it may stay."""
        other, known = self._first.setdefault((plain_host(host), port), (name, host))
        if known == host:
            return ""
        return f"{host!r} and {known!r} of {other!r} are one host; write it the same in both"


def misspelt(devices: Iterable[Definition]) -> Iterator[tuple[Definition, str]]:
    """The devices whose host is spelt in another way than that of an earlier one at the same endpoint."""
    spellings = Spellings()
    for form in devices:
        if "host" in form and (why := spellings.problem(form["name"], form["host"], form.get("port", 502))):
            yield form, why
