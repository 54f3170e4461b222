"""What a running action asks of the worker, and how it ends.

Strategy: plain data between the pure step engine, which decides, and the worker, which acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..client.errors import PlcmqError
from .model import Value


@dataclass(frozen=True, slots=True)
class ReadTags:
    """Read these tags now; the answer is their values by name."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WriteTags:
    """Write these values in this order; the answer is None once all are confirmed."""

    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Pause:
    """Come back after this time, or at once when the action is interrupted."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The action is done; `result` has what its `read` steps read."""

    result: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Broken:
    """The action has ended with an error, which carries the true outcome."""

    error: PlcmqError


Effect = ReadTags | WriteTags | Pause | Finished | Broken
Answer = Mapping[str, Value] | PlcmqError | None
"""What came of an effect: the values of `ReadTags`, None for the others, or the error that it raised."""
