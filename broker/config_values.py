"""The kinds of values that a setting may have.

Strategy: a kind reads one raw value, whichever source it came from, and is strict about it. Environment
variables are text, so numbers and booleans are also read from text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..client.protocol.endpoint import BadEndpoint, endpoint_of
from ..gateway.settings import host_and_port

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting's value may be."""

    expected: str  # for people, after "expected"
    read: Callable[[object], Scalar]  # raises ValueError for anything else


class Misread(ValueError):
    """A value that is not what a setting takes; the message is the whole story for people."""


def _read_text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError


def _read_boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError


def seconds(most: float, *, zero: bool) -> Kind:
    """Seconds up to `most`; `zero` tells whether none at all is a choice."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if 0 < number <= most or (zero and number == 0):
            return number
        raise ValueError

    return Kind(f"seconds {'from' if zero else 'above'} 0 to {most:g}", read)


def whole(least: int, most: int) -> Kind:
    """A whole number in a range."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        if least <= int(value) <= most:
            return int(value)
        raise ValueError

    return Kind(f"a whole number from {least} to {most}", read)


def choice(*choices: str) -> Kind:
    """One of a few words, in any case."""

    def read(value: object) -> str:
        if isinstance(value, str) and value.lower() in choices:
            return value.lower()
        raise ValueError

    return Kind(f"one of {', '.join(choices)}", read)


def address(example: str, *, to_bind: bool) -> Kind:
    """A ZeroMQ address. To bind, the port may be 0 or `*`: a free one."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        if "://" not in value:
            raise Misread(f"expected {kind.expected}, not {value!r}; did you mean {_TCP + value!r}?")
        try:
            endpoint = endpoint_of(value)
        except BadEndpoint as error:
            raise Misread(str(error)) from error
        if endpoint.startswith(_TCP) and endpoint.endswith((":0", ":*")) and not to_bind:
            raise Misread(f"{value!r} names no port to connect to")
        return endpoint

    kind = Kind(f"an address such as {example}", read)
    return kind


_TCP: Final = "tcp://"


def _read_database_url(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    if not re.match(r"[a-z][a-z0-9+]*://?\S", value):
        raise Misread(f"expected {DATABASE.expected}, not {value!r}; did you mean 'sqlite:///{value}'?")
    return value


def _read_maybe_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError


def _read_listed(value: object) -> str:
    """A list of a TOML file, or one text with commas; kept as the text."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return ",".join(value)
    return _read_text(value)


def _read_listen(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    try:
        host_and_port(value)
    except ValueError as error:
        raise Misread(str(error)) from error
    return value


DATABASE: Final = Kind(
    "a URL such as sqlite:///plcmq.db or postgresql://user@server/plcmq", _read_database_url
)
TEXT: Final = Kind("text that is not empty", _read_text)
BOOLEAN: Final = Kind("true or false", _read_boolean)
MAYBE_TEXT: Final = Kind("text", _read_maybe_text)
LISTED: Final = Kind("names with commas between", _read_listed)
LISTEN: Final = Kind("an address such as 127.0.0.1:8080", _read_listen)
