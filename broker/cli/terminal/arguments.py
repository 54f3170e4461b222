"""What people type, as the protocol wants it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

Schemas = Mapping[str, Mapping[str, Any]]
"""JSON Schemas by name, as `describe` gives them for tags and arguments."""

_HEXADECIMAL: Final = re.compile(r"[-+]?0[xX][0-9a-fA-F]+")
_WORDS: Final = {"on": True, "true": True, "off": False, "false": False}


def named_values(arguments: Iterable[str], schemas: Schemas | None = None) -> dict[str, Any]:
    """The values in a list of `name=value`.

    Args:
        arguments: as they were typed.
        schemas: of the values whose type is known; text needs no quotes then. Else a value is JSON where it
            parses as JSON, and the text as it is where not.

    Raises:
        ValueError: an argument has no name or no equals sign, or a name comes twice.
    """
    known = schemas or {}
    values: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise ValueError(f"{argument!r} is not NAME=VALUE")
        if name in values:
            raise ValueError(f"{name!r} is given twice")
        values[name] = _value(text, known.get(name, {}).get("type"))
    return values


def _value(text: str, kind: object) -> Any:
    """A typed text as a value of a JSON type; by its looks where the type is not known."""
    if kind == "string" and not (text.startswith('"') and text.endswith('"') and len(text) > 1):
        return text
    if kind == "boolean" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _HEXADECIMAL.fullmatch(text) and kind != "string":
        return int(text, 0)
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


def device_of(text: str) -> str | int:
    """A device: digits are an id, anything else is a name."""
    return int(text) if text.isascii() and text.isdigit() else text
