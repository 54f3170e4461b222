"""What goes over a viewer's line: frames, which viewers of a topic share, and the words around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from ..front.problems import as_json
from .merging import applied, merged


@dataclass(frozen=True)
class Frame:
    """Everything of a topic (`is_full`), or what changed.

    Attributes:
        key: of the topic.
    """

    key: str
    is_full: bool
    content: Mapping[str, Any]

    @cached_property
    def text(self) -> str:
        """The message; made once for all who get this frame."""
        kind = "full" if self.is_full else "change"
        return as_json({"key": self.key, kind: self.content}).decode()

    def followed_by(self, later: Frame) -> Frame:
        """One frame that has the effect of two."""
        if later.is_full:
            return later
        if self.is_full:
            return Frame(self.key, True, applied(self.content, later.content))
        return Frame(self.key, False, merged(self.content, later.content))


@dataclass(frozen=True, slots=True)
class Word:
    """What is told beside frames: `opened`, `problem` or `ended`."""

    kind: str
    text: str


def opened(key: str) -> Word:
    """That a topic will come now."""
    return Word("opened", orjson.dumps({"opened": key}).decode())


def problem(key: str | None, error: Mapping[str, Any]) -> Word:
    """That a topic cannot be looked at now, or (without a key) that a message was not understood."""
    return Word("problem", as_json({"key": key, "problem": error}).decode())


def ended(key: str, reason: str) -> Word:
    """That nothing more will come of a topic."""
    return Word("ended", orjson.dumps({"key": key, "ended": reason}).decode())


def beat(now: float, *, is_up: bool) -> str:
    """The sign of life, with the gateway's time in seconds since 1970, and whether the broker answers."""
    return orjson.dumps({"beat": round(now, 3), "broker": is_up}).decode()
