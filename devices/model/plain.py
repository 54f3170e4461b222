"""Checks that results of user code can be encoded in both codecs, JSON and MessagePack.

A result is checked once, where it comes in, and copied, so that the code cannot change it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...client.protocol.bodies import LEAST_INTEGER, MOST_INTEGER
from .tags import Scalar

MAX_DEPTH: Final = 32  # nested containers; a message between host and broker has room for twice that


def sendable(content: Mapping[str, object], depth: int = MAX_DEPTH) -> dict[str, object]:
    """A copy of nothing but maps, lists, and the scalars that both codecs have.

    Raises:
        TypeError: it holds something that neither, or only one of them, could carry.
    """
    if depth == 0:
        raise TypeError("a result cannot be nested so deep")
    return {_name(name): _item(item, depth - 1) for name, item in content.items()}


def check_scalar(value: Scalar) -> None:
    """Makes sure that both codecs can carry it.

    Raises:
        TypeError: a whole number of more than 64 bits, or half of a surrogate pair.
    """
    if isinstance(value, int) and not LEAST_INTEGER <= value <= MOST_INTEGER:
        raise TypeError("a whole number has at most 64 bits")
    if isinstance(value, str) and plain_text(value) != value:
        raise TypeError(f"{value!r:.60} is no text: UTF-8 has no bytes for it")


def plain_text(text: str) -> str:
    """The text, with `?` for what UTF-8 has no bytes for, such as half of a surrogate pair."""
    return text.encode(errors="replace").decode()


def _item(value: object, depth: int) -> object:
    if value is None:
        return None
    if isinstance(value, bool | int | float | str):
        check_scalar(value)
        return value
    if isinstance(value, Mapping):
        return sendable(value, depth)
    if not isinstance(value, list | tuple):
        raise TypeError(f"a result cannot hold {value!r:.60}")
    if depth == 0:
        raise TypeError("a result cannot be nested so deep")
    return [_item(item, depth - 1) for item in value]


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the names in a result must be text, not {name!r:.60}")
    check_scalar(name)
    return name
