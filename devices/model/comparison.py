"""Whether a tag has the value that a step expects.

Strategy: two values are the same if the device could not tell them apart. So an enum's name equals its
number, a scaled value equals what rounds to the same raw value, and floats are compared as closely as their
type can hold. Nothing here fails: what cannot be compared is not the same.
"""

from __future__ import annotations

import math
from typing import Final

from .actions import Operand
from .tags import Tag, Type, Value

_FLOAT32_TOLERANCE: Final = 1e-6  # relative; a float32 has 24 bits, 6e-8
_FLOAT64_TOLERANCE: Final = 1e-9  # relative


def matches(actual: Value, expected: Value, tag: Tag | None = None) -> bool:
    """Whether a value that was read is the expected one.

    Args:
        actual: what was read; None stands for "no number", as NaN does.
        expected: what it should be: for an enum its name or number, for an array a list.
        tag: whose values they are; without it enums are not known, and floats compare as float32.
    """
    if isinstance(actual, list) or isinstance(expected, list):
        if not isinstance(actual, list) or not isinstance(expected, list) or len(actual) != len(expected):
            return False
        return all(matches(one, other, tag) for one, other in zip(actual, expected, strict=True))
    actual, expected = _plain(actual, tag), _plain(expected, tag)
    if isinstance(actual, int | float) and isinstance(expected, int | float):
        return _equal(actual, expected, tag)
    return actual == expected


def as_read(value: Operand, tag: Tag | None) -> Operand:
    """The value as the tag would read it: an enum reads as its name, so a number that has one becomes it."""
    if tag is None or not tag.enum or not isinstance(value, int) or tag.type is Type.BOOL:
        return value
    return tag.enum.get(value, value)


def _plain(value: Value, tag: Tag | None) -> Value:
    """The one way to write a value: an enum by name, no number as None."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if tag is not None and tag.enum and isinstance(value, int | float):
        return next((name for number, name in tag.enum.items() if number == value), value)
    return value


def _equal(actual: float, expected: float, tag: Tag | None) -> bool:
    if actual == expected:
        return True
    if isinstance(actual, int) and isinstance(expected, int):
        return False
    if tag is not None and tag.is_scaled and tag.type not in (Type.FLOAT32, Type.FLOAT64):
        return abs(actual - expected) <= abs(tag.scale) / 2 * (1 + _FLOAT64_TOLERANCE)
    wide = tag is not None and tag.type is Type.FLOAT64
    return math.isclose(actual, expected, rel_tol=_FLOAT64_TOLERANCE if wide else _FLOAT32_TOLERANCE)
