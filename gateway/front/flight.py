"""One HTTP request on its way: its id, when it began, and how long broker and device took."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

_GOOD_ID = re.compile(r"[!-~]{1,128}")
_numbers = itertools.count(1)
_process = secrets.token_hex(4)


@dataclass(slots=True)
class Flight:
    """What the front knows of a request, for everybody behind it.

    Attributes:
        id: the caller's `X-Request-Id`, or one that was made here.
        started: monotonic seconds.
        elapsed: seconds by stage, as the broker told them.
    """

    id: str
    started: float = field(default_factory=time.perf_counter)
    elapsed: Mapping[str, float] = field(default_factory=dict)

    @property
    def wire_id(self) -> str:
        """An id for the broker: the same one, made different for each request that goes out under it."""
        return f"{self.id}.{next(_numbers)}"

    def timing(self, now: float) -> str:
        """The value of `Server-Timing`, in milliseconds."""
        stages = {name: self.elapsed[name] for name in ("queue", "device") if name in self.elapsed}
        stages["total"] = now - self.started
        return ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in stages.items())


def new_flight(asked_id: str | None) -> Flight:
    """The flight of a request with this `X-Request-Id`; an id that is not printable is replaced."""
    if asked_id is not None and _GOOD_ID.fullmatch(asked_id):
        return Flight(asked_id)
    return Flight(f"{_process}-{next(_numbers)}")


def flight_of(scope: MutableMapping[str, Any]) -> Flight:
    """The flight of a request's ASGI scope, as the front has put it there."""
    flight = scope["plcmq.flight"]
    assert isinstance(flight, Flight)
    return flight
