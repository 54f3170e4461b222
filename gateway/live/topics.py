"""What a viewer can look at, and the canonical text under which viewers of the same thing share it.

Strategy: pure. Two viewers that ask for the same in another order of words get the same key, and with it the
same frames, which are made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

MOST_TEXT: Final = 200  # characters of a name or a filter
MOST_TAGS: Final = 500
INTERVALS: Final = (0.05, 3600.0)  # seconds
PAGE: Final = 100  # rows of `devices`


class Kind(StrEnum):
    """The kinds of topics."""

    DEVICES = "devices"
    DEVICE = "device"
    TRACE = "trace"
    PLANT = "plant"


class BadTopic(ValueError):
    """What was asked for is no topic; the message says why."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing to look at.

    Attributes:
        kind: of what.
        key: the topic as canonical text.
        device: name or id, of `device` and `trace`.
        tags: of `device`; None: all that can be read.
        interval: seconds between two looks at the device.
        deadband: by tag, the change that is not worth a frame.
        page: arguments of `figures`, of `devices`.
    """

    kind: Kind
    key: str
    device: str | int | None = None
    tags: tuple[str, ...] | None = None
    interval: float = 1.0
    deadband: tuple[tuple[str, float], ...] = ()
    page: tuple[tuple[str, Any], ...] = ()


def topic(asked: Any) -> Topic:
    """The topic in the value of an `open` message.

    Raises:
        BadTopic: it is none.
    """
    if not isinstance(asked, Mapping):
        raise BadTopic("`open` takes an object with a `topic`")
    name = asked.get("topic")
    if not isinstance(name, str) or name not in Kind.__members__.values():
        raise BadTopic(f"`topic` is one of {', '.join(Kind)}")
    kind = Kind(name)
    fields = _FIELDS[kind]
    unknown = asked.keys() - fields.keys() - {"topic"}
    if unknown:
        raise BadTopic(f"{kind} has no {sorted(map(str, unknown))[0]!r:.100}")
    values = {name: check(name, asked.get(name)) for name, check in fields.items()}
    key = orjson.dumps({"topic": str(kind)} | values, option=orjson.OPT_SORT_KEYS).decode()
    if kind is Kind.DEVICES:
        page = {name: value for name, value in values.items() if value is not None}
        return Topic(kind, key, page=tuple((page | {"limit": PAGE}).items()))
    if kind is Kind.DEVICE:
        tags, deadband = values["tags"], values["deadband"] or {}
        return Topic(
            kind,
            key,
            values["device"],
            None if tags is None else tuple(tags),
            values["interval"],
            tuple(deadband.items()),
        )
    return Topic(kind, key, values.get("device"))


def _text(name: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= MOST_TEXT):
        return value or None
    raise BadTopic(f"{name!r} is text of at most {MOST_TEXT} characters")


def _order(name: str, value: Any) -> str:
    if value in (None, "severity", "name"):
        return value or "severity"
    raise BadTopic(f"{name!r} is `severity` or `name`")


def _offset(name: str, value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
        return value
    raise BadTopic(f"{name!r} is a whole number from 0")


def _device(name: str, value: Any) -> str | int:
    if isinstance(value, str) and 0 < len(value) <= MOST_TEXT:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    raise BadTopic(f"{name!r} is the name or id of a device")


def _tags(name: str, value: Any) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, list) and 0 < len(value) <= MOST_TAGS and all(_is_name(tag) for tag in value):
        return sorted(set(value))
    raise BadTopic(f"{name!r} is a list of names of tags, or null for all")


def _is_name(tag: Any) -> bool:
    return isinstance(tag, str) and 0 < len(tag) <= MOST_TEXT


def _interval(name: str, value: Any) -> float:
    if value is None:
        return 1.0
    least, most = INTERVALS
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    raise BadTopic(f"{name!r} is seconds from {least:g} to {most:g}")


def _deadband(name: str, value: Any) -> dict[str, float] | None:
    if not value:
        return None
    if isinstance(value, Mapping) and all(
        _is_name(tag) and isinstance(by, int | float) and not isinstance(by, bool) and 0 <= by < 1e300
        for tag, by in value.items()
    ):
        return {tag: float(by) for tag, by in sorted(value.items())}
    raise BadTopic(f"{name!r} is a map of tag to number")


_FIELDS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    Kind.DEVICES: {"match": _text, "profile": _text, "state": _text, "offset": _offset, "order": _order},
    Kind.DEVICE: {"device": _device, "tags": _tags, "interval": _interval, "deadband": _deadband},
    Kind.TRACE: {"device": _device},
    Kind.PLANT: {},
}
