"""Whether a request may come in: who sent it, to which name, and how long ago its sender saw the plant.

Strategy: pure. Any web page that an engineer has open can make a browser send requests to the gateway, so a
browser's request counts only if its page came from here or from an origin in the settings. What is no browser
sends neither `Origin` nor `Sec-Fetch-Site` and passes. A name that is not ours is refused, so that a foreign
name that has been pointed at this machine (DNS rebinding) opens nothing.

A command from a page carries the time of the last frame that the page had seen. A click that was held up on
its way, by a frozen tab or by a proxy, is older than that and moves nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from ...client.protocol.errors import Code

SEEN_MOST: Final = 5.0  # seconds that the last frame of a page may be old when it commands
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_SESSION = "/api/v1/session"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings allow.

    Attributes:
        hosts: names in lower case, without a port, under which the gateway may be called.
        origins: such as `https://mes.example`, of pages that may ask.
        read_only: whether everything that changes something is refused.
    """

    hosts: frozenset[str] = frozenset({"localhost"})
    origins: frozenset[str] = frozenset()
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    scheme: str = "http"
    is_websocket: bool = False

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return not self.is_websocket and self.method not in SAFE


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not come in."""

    status: int
    code: Code
    detail: str


def refusal(asked: Asked, rules: Rules, now: float) -> Refusal | None:
    """Why this request is refused; None where it may come in. `now` in seconds since 1970."""
    host = asked.headers.get("host", "")
    if not _is_ours(host, rules.hosts):
        detail = f"this gateway is not called {host!r:.100}; `gateway_hosts` lists further names"
        return Refusal(421, Code.FORBIDDEN, detail)
    if not asked.changes and not asked.is_websocket:
        return None
    if not _is_own_page(asked, rules):
        return Refusal(403, Code.FORBIDDEN, "a web page of another origin may not ask this")
    if not asked.changes or asked.path.endswith(_SESSION):
        return None
    if rules.read_only:
        return Refusal(403, Code.FORBIDDEN, "this gateway is for watching only")
    return _late(asked.headers, now)


def allowed_origin(headers: Mapping[str, str], rules: Rules) -> str | None:
    """The origin that shall be told that it may read the answer (CORS); None for all others."""
    origin = headers.get("origin")
    return origin if origin in rules.origins else None


@lru_cache(maxsize=256)
def _is_ours(host: str, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_own_page(asked: Asked, rules: Rules) -> bool:
    origin = asked.headers.get("origin")
    if origin in rules.origins:
        return True
    if asked.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return False
    return origin is None or _same(origin, asked)


def _same(origin: str, asked: Asked) -> bool:
    """Whether an origin is the one that was called. Of the scheme only http and https are told apart by
    nothing but their ports: a proxy in front may have ended the encryption."""
    try:
        there, here = urlsplit(origin), urlsplit(f"//{asked.headers.get('host', '')}")
        if there.scheme not in _DEFAULT_PORTS or there.hostname != here.hostname:
            return False
        default = _DEFAULT_PORTS[there.scheme]
        return (there.port or default) == (here.port or default)
    except ValueError:
        return False


def _late(headers: Mapping[str, str], now: float) -> Refusal | None:
    seen = headers.get("x-plcmq-seen")
    if seen is None:
        if "origin" not in headers:
            return None
        detail = "a command from a web page needs X-Plcmq-Seen: the time of the last beat that it has seen"
        return Refusal(403, Code.FORBIDDEN, detail)
    try:
        age = now - float(seen)
    except ValueError:
        age = float("nan")
    if -SEEN_MOST <= age <= SEEN_MOST:
        return None
    if age > SEEN_MOST:
        detail = f"the page had seen nothing of the plant for {age:.0f} s when this arrived: nothing was done"
        return Refusal(504, Code.EXPIRED, detail)
    return Refusal(400, Code.BAD_REQUEST, "X-Plcmq-Seen is no time that a beat has told")
