"""One watch as its client sees it: when to ask, to renew and to ask again, and what to tell the consumer.

Strategy: pure; a shell sends for it and waits. A consumer that is slower than the device finds the newest of
everything in one event: there is no queue, only the event that has not been taken yet. A watch that ends at
the other side is asked for again, with back-off; that it could not be watched meanwhile is told as the error
of each tag, since a value that nobody looks at any more must not pass for a present one. It is renewed only
while its consumer comes back for more, so a forgotten one ends by itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..protocol.errors import Code, PlcmqError, Rejected
from ..protocol.replies import Reply

WATCH_TTL: Final = 30.0  # seconds
RENEWALS: Final = 3  # in the lifetime of a watch, so that one may get lost
FIRST_DELAY: Final = 0.1  # seconds before asking again; it doubles
MAX_DELAY: Final = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """What has changed.

    Attributes:
        values: of the tags that changed; all tags in the first event.
        age: seconds that each of these values was old when it was told.
        errors: of the tags that cannot be read (any more).
        overruns: polls that were due and had to be left out since the last event, because the device was
            slower than the interval.
        restarted: the watch had ended at the other side, and this is everything anew: changes may have come
            and gone unseen.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    age: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, PlcmqError] = field(default_factory=dict)
    overruns: int = 0
    restarted: bool = False

    @classmethod
    def from_map(cls, content: Mapping[str, Any]) -> WatchEvent:
        """The event in a message."""
        errors = {tag: PlcmqError.from_map(error) for tag, error in (content.get("errors") or {}).items()}
        values, age = content.get("values") or {}, content.get("age") or {}
        return cls(values, age, errors, content.get("overruns") or 0)

    def followed_by(self, later: WatchEvent) -> WatchEvent:
        """What the two say together: of each tag what `later` says, if it says anything."""
        anew = later.values.keys() | later.errors.keys()
        return WatchEvent(
            {tag: value for tag, value in self.values.items() if tag not in anew} | dict(later.values),
            {tag: age for tag, age in self.age.items() if tag not in anew} | dict(later.age),
            {tag: error for tag, error in self.errors.items() if tag not in anew} | dict(later.errors),
            self.overruns + later.overruns,
            self.restarted or later.restarted,
        )


def watch_args(
    tags: str | Sequence[str], interval: float | None, deadband: Mapping[str, float] | None, ttl: float
) -> dict[str, Any]:
    """Arguments of `watch`; `interval` and `ttl` in seconds."""
    rqargs: dict[str, Any] = {"tags": [tags] if isinstance(tags, str) else list(tags), "ttl": ttl}
    if interval is not None:
        rqargs["interval"] = interval
    if deadband:
        rqargs["deadband"] = dict(deadband)
    return rqargs


@dataclass(frozen=True, slots=True)
class Ask:
    """A `watch` is to be sent, and its reply to be handed to `replied`."""

    rqargs: Mapping[str, Any]
    is_new: bool  # else it renews, and goes under the id of the request that it renews


@dataclass(frozen=True, slots=True)
class Sleep:
    """There is nothing to do until then, unless something comes in."""

    until: float


class Watching:
    """One watch, over all the watches at the other side that it takes.

    Attributes:
        watch_id: of the present one; None if there is none, as far as is known.
    """

    def __init__(self, rqargs: Mapping[str, Any], dice: Callable[[], float] = random.random) -> None:
        """`rqargs` as `watch_args` gives them; `dice` gives numbers from 0 to 1."""
        self.watch_id: str | None = None
        self._rqargs = rqargs
        self._dice = dice
        self._news: WatchEvent | None = None
        self._ask_at = -math.inf
        self._asking = False
        self._is_void = False  # whether it has ended since it was asked for
        self._delay = FIRST_DELAY
        self._had_events = False
        self._is_first = True  # the next event is the first one of its watch
        self._told: Code | None = None  # the error that keeps it from being watched, as told
        self._fatal: PlcmqError | None = None

    def step(self, now: float) -> Ask | WatchEvent | Sleep:
        """What is to be done.

        Raises:
            Rejected: it cannot be watched, and that will not change by itself.
        """
        if self._fatal is not None:
            raise self._fatal
        if not self._asking and now >= self._ask_at:
            self._asking, self._is_void = True, False
            if self.watch_id is not None:
                return Ask({"watch": self.watch_id}, is_new=False)
            self._is_first = True
            return Ask(self._rqargs, is_new=True)
        if self._news is not None:
            news, self._news = self._news, None
            return news
        return Sleep(math.inf if self._asking else self._ask_at)

    def heard(self, content: Mapping[str, Any], now: float) -> None:
        """Takes in what an event says."""
        if "ended" in content:
            self._is_void = True
            if self.watch_id is not None and not self._asking:
                self._lost(now)
            return
        event = WatchEvent.from_map(content)
        if self._is_first and self._had_events:
            event = WatchEvent(event.values, event.age, event.errors, event.overruns, restarted=True)
        self._is_first, self._had_events, self._told = False, True, None
        self._delay = FIRST_DELAY
        self._add(event)

    def replied(self, reply: Reply, now: float) -> None:
        """Takes in the reply to what was asked last."""
        self._asking = False
        if reply.error is None and self._is_void:
            self._lost(now)
        elif reply.error is None:
            self.watch_id = str(reply.result["watch"])
            self._ask_at = now + float(reply.result["ttl"]) / RENEWALS
        elif self.watch_id is not None:
            # Whatever the reason, events may have been lost: only a new watch tells everything.
            self.watch_id = None
            self._ask_at = now
        elif isinstance(reply.error, Rejected):
            self._fatal = reply.error
        else:
            self._lost(now, reply.error.retry_after)
            self._tell(reply.error)

    def _lost(self, now: float, retry_after: float | None = None) -> None:
        self.watch_id = None
        pause = max(self._delay * (1 - self._dice() / 2), min(retry_after or 0.0, MAX_DELAY))
        self._ask_at = now + pause
        self._delay = min(self._delay * 2, MAX_DELAY)

    def _tell(self, error: PlcmqError) -> None:
        if self._told is not error.code:
            self._told = error.code
            self._add(WatchEvent(errors=dict.fromkeys(self._rqargs["tags"], error)))

    def _add(self, event: WatchEvent) -> None:
        self._news = event if self._news is None else self._news.followed_by(event)
