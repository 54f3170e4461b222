"""Tags that live by themselves: measurements with noise, ones that follow a set point, counters, heartbeats.

Strategy: what a tag is like is guessed from what the profile says of it (scaled or floating: a measurement)
and from its name (`count`, `heartbeat`). What looks like an error is left alone. Pure: each life gives the
tag's next value from its last.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from random import Random

from ..model.devices import Profile
from ..model.tags import Access, Tag, Type
from .handshake import ERROR_WORDS, is_counter

Number = float
Life = Callable[[Number, float], Number]
"""A tag's next value from its value now and the seconds since the plant began."""

PERIOD = 30.0  # seconds of a measurement's slow wave
COUNTS = frozenset({"count", "counter", "total", "parts", "pieces", "cycles", "strokes", "hours", "uptime"})
BEATS = frozenset({"heartbeat", "alive", "life", "toggle"})
_SET = re.compile(r"(_?set_?point|_?target|_?set|_?sp)$|^(set_?point|target|set|sp)_")


def lives(profile: Profile, dice: Random, read: Callable[[str], Number | None]) -> dict[str, Life]:
    """The tags of a profile that live by themselves, and how.

    Args:
        profile: whose tags.
        dice: their noise.
        read: gives the value of a tag now, `None` where that is no number.
    """
    found: dict[str, Life] = {}
    for tag in profile.tags.values():
        words = set(tag.name.lower().split("_"))
        if tag.access is Access.RW or tag.count is not None or tag.enum or words & ERROR_WORDS:
            continue
        if words & BEATS and (tag.type is Type.BOOL or is_counter(tag)):
            found[tag.name] = _beat(tag)
        elif is_counter(tag) and words & COUNTS:
            found[tag.name] = _count(dice)
        elif tag.is_scaled or tag.type in (Type.FLOAT32, Type.FLOAT64):
            set_point = _set_point(profile, tag)
            found[tag.name] = _measure(tag, dice) if set_point is None else _follow(set_point, dice, read)
    return found


def middle(tag: Tag) -> Number:
    """Where a measurement moves around: the middle of its limits, or something plausible."""
    if tag.min is not None and tag.max is not None:
        return (tag.min + tag.max) / 2
    return tag.min if tag.min is not None else 20.0 if tag.max is None else min(20.0, tag.max)


def _set_point(profile: Profile, tag: Tag) -> str | None:
    """The writable tag whose name is this one's and says that it is a set point."""
    for other in profile.tags.values():
        name = _SET.sub("", other.name.lower())
        if other.access is Access.RW and name == tag.name.lower() != other.name.lower():
            return other.name
    return None


def _beat(tag: Tag) -> Life:
    if tag.type is Type.BOOL:
        return lambda value, _: 0 if value else 1
    return lambda value, _: value + 1


def _count(dice: Random) -> Life:
    return lambda value, _: value + (dice.random() < 0.3)


def _measure(tag: Tag, dice: Random) -> Life:
    base, phase = middle(tag), dice.random() * 2 * math.pi
    swing = (tag.max - tag.min) / 8 if tag.min is not None and tag.max is not None else 2.0

    def measure(_: Number, seconds: float) -> Number:
        wave = 0.7 * math.sin(phase + 2 * math.pi * seconds / PERIOD)
        return base + swing * (wave + 0.1 * dice.gauss(0, 1))

    return measure


def _follow(set_point: str, dice: Random, read: Callable[[str], Number | None]) -> Life:
    def follow(value: Number, _: float) -> Number:
        target = read(set_point)
        step = 0.0 if target is None else 0.2 * (target - value)
        return value + step + 0.02 * dice.gauss(0, 1)

    return follow
