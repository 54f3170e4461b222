"""What watchers of one device get to hear, and when its tags are polled for them.

Strategy: pure. Watches with the same interval are polled together, at whole multiples of it after one moment,
so that fifty watchers cost one poll and intervals that fit into each other meet. Each watch knows what it has
told; an event holds what differs from that. A poll that is not back when the next is due is not repeated: it
is an overrun, counted, and told with the next event.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...client.protocol.errors import PlcmqError
from ..model.tags import Value

_NOTHING: Final = object()  # equal to no value

EventContent = dict[str, Any]
"""What an event says: `values`, `age`, `errors` and `overruns` where there are any; or `ended`."""


@dataclass(slots=True, eq=False)
class Subscription:
    """One watcher's wish."""

    id: str
    tags: tuple[str, ...]
    interval: float  # seconds
    ttl: float  # seconds
    until: float  # when it ends unless it is renewed
    deadband: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, Value] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)  # tag to error code, as told
    overruns: int = 0  # not yet told
    is_new: bool = True  # nothing has been told yet
    polling: bool = False


@dataclass(slots=True, eq=False)
class Poll:
    """A read for some watches."""

    watches: list[Subscription]
    tags: list[str]
    max_age: float = 0.0  # seconds that a value may be old


class Subscriptions:
    """All watches of one device."""

    def __init__(self, phase: float = 0.0) -> None:
        """`phase`: seconds by which the polls come later than whole multiples of their intervals."""
        self._phase = phase
        self._watches: dict[str, Subscription] = {}
        self._due: dict[float, float] = {}  # by interval: when its next poll is due

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, watch_id: str, args: Mapping[str, Any], now: float) -> Poll:
        """A new watch; returns the poll for its first event, which is content with recent values."""
        interval, ttl = args["interval"], args["ttl"]
        tags = tuple(dict.fromkeys(args["tags"]))
        watch = Subscription(watch_id, tags, interval, ttl, now + ttl, args["deadband"], polling=True)
        self._watches[watch_id] = watch
        self._due.setdefault(interval, _next(interval, now, self._phase))
        return Poll([watch], list(tags), max_age=interval)

    def renew(self, watch_id: str, now: float) -> Subscription | None:
        """Lets a watch live for its time again; none if there is no such watch (any more)."""
        watch = self._watches.get(watch_id)
        if watch is not None:
            watch.until = now + watch.ttl
        return watch

    def remove(self, watch_id: str) -> Subscription | None:
        """Ends a watch."""
        watch = self._watches.pop(watch_id, None)
        if watch is not None and not any(w.interval == watch.interval for w in self._watches.values()):
            del self._due[watch.interval]
        return watch

    def end_all(self) -> list[Subscription]:
        """Ends all watches."""
        ended = list(self._watches.values())
        self._watches.clear()
        self._due.clear()
        return ended

    def wake_at(self) -> float | None:
        """When something is due; none without watches."""
        if not self._watches:
            return None
        return min(*self._due.values(), min(watch.until for watch in self._watches.values()))

    def expired(self, now: float) -> list[Subscription]:
        """Ends the watches that were not renewed in time."""
        return [
            watch for watch in list(self._watches.values()) if watch.until <= now and self.remove(watch.id)
        ]

    def due(self, now: float) -> list[Poll]:
        """The polls that are due now, one for each interval."""
        polls = []
        for interval, at in self._due.items():
            if at > now:
                continue
            self._due[interval] = _next(interval, now, self._phase)
            missed = int((now - at) / interval)
            poll = self._poll(interval, missed)
            if poll.watches:
                polls.append(poll)
        return polls

    def _poll(self, interval: float, missed: int) -> Poll:
        poll = Poll([], [])
        tags: dict[str, None] = {}
        for watch in self._watches.values():
            if watch.interval != interval:
                continue
            watch.overruns += missed
            if watch.polling:
                watch.overruns += 1
            else:
                watch.polling = True
                poll.watches.append(watch)
                tags.update(dict.fromkeys(watch.tags))
        poll.tags = list(tags)
        return poll

    def answered(
        self, poll: Poll, result: Mapping[str, Any] | None, error: PlcmqError | None
    ) -> list[tuple[Subscription, EventContent]]:
        """What each watch gets to hear of a poll's result, or of the error that all its tags had."""
        found = result or {}
        values: Mapping[str, Value] = found.get("values", {})
        errors: Mapping[str, Any] = found.get("errors", {})
        if error is not None:
            errors = dict.fromkeys(poll.tags, error.to_map())
        events = []
        for watch in poll.watches:
            watch.polling = False
            if self._watches.get(watch.id) is not watch:
                continue  # it has ended meanwhile, and been told so
            mine = values
            if len(watch.tags) < len(poll.tags):  # it is polled together with others
                mine = {tag: values[tag] for tag in watch.tags if tag in values}
            content = _news(watch, mine, found.get("age", {}), errors)
            if content is not None:
                events.append((watch, content))
        return events


def _news(
    watch: Subscription, values: Mapping[str, Value], ages: Mapping[str, float], errors: Mapping[str, Any]
) -> EventContent | None:
    told, deadband = watch.told, watch.deadband
    before = told.get
    changed: dict[str, Value] = {}
    if values != told:
        changed = {tag: value for tag, value in values.items() if before(tag, _NOTHING) != value}
    # A value that is not itself is no number, and stays so without being news.
    doubtful = [tag for tag, value in changed.items() if value != value or tag in deadband]
    for tag in doubtful:
        if tag in told and _within_deadband(told[tag], changed[tag], deadband.get(tag, 0.0)):
            del changed[tag]
    if changed:  # `changed` is told, and kept as what was told: nobody changes it from here on
        watch.told = changed if len(changed) == len(watch.tags) else {**told, **changed}
    failed = _failures(watch, values, errors) if errors or watch.failing else {}
    if not (changed or failed or watch.overruns or watch.is_new):
        return None
    if ages.keys() != changed.keys():
        ages = {tag: ages[tag] for tag in changed if tag in ages}
    content: EventContent = {"values": changed, "age": ages}
    if failed:
        content["errors"] = failed
    if watch.overruns:
        content["overruns"] = watch.overruns
    watch.overruns, watch.is_new = 0, False
    return content


def _within_deadband(old: Value, new: Value, deadband: float) -> bool:
    """Whether the change is too small to report."""
    if not (isinstance(new, float | int) and isinstance(old, float | int)):
        return False
    return (new != new and old != old) or abs(new - old) <= deadband


def _failures(watch: Subscription, values: Mapping[str, Value], errors: Mapping[str, Any]) -> dict[str, Any]:
    """The errors that are new; notes which tags fail."""
    failed: dict[str, Any] = {}
    told = watch.told = dict(watch.told)
    for tag in watch.tags:
        if tag in values:
            watch.failing.pop(tag, None)
        elif tag in errors:
            told.pop(tag, None)  # so that its value is told when it can be read again
            if watch.failing.get(tag) != errors[tag]["code"]:
                watch.failing[tag] = errors[tag]["code"]
                failed[tag] = errors[tag]
    return failed


def _next(interval: float, now: float, phase: float) -> float:
    return (math.floor((now - phase) / interval) + 1) * interval + phase
