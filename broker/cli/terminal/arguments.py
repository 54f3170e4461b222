"""What people type, as the protocol wants it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn


def named_values(arguments: Iterable[str]) -> dict[str, Any]:
    """The values in a list of `name=value`: JSON where it parses as JSON, else the text as it is.

    Raises:
        ValueError: an argument has no name or no equals sign, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise ValueError(f"{argument!r} is not NAME=VALUE")
        if name in values:
            raise ValueError(f"{name!r} is given twice")
        try:
            values[name] = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


def device_of(text: str) -> str | int:
    """A device: digits are an id, anything else is a name."""
    return int(text) if text.isascii() and text.isdigit() else text
