"""Values whose power of ten is in another register, as SunSpec's scale factors are.

Strategy: whole numbers stay exact: a raw number is multiplied by a whole power of ten, or divided by one,
which gives the nearest float.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from .tags import Tag, Type, Value

MAX_EXPONENT: Final = 30  # what a register of exponents can sensibly hold


def scaled(value: Any, exponent: Value, precision: int | None = None) -> Any:
    """The value of a tag, or of each element; None without a sensible exponent.

    Args:
        value: what its own registers say.
        exponent: the other tag's value.
        precision: decimals to round to.
    """
    if isinstance(value, list):
        return [scaled(item, exponent, precision) for item in value]
    if type(exponent) is not int or abs(exponent) > MAX_EXPONENT:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    product = value * 10**exponent if exponent >= 0 else value / 10**-exponent
    return product if precision is None else round(product, precision)


def unscaled(value: Any, exponent: int, tag: Tag) -> Any:
    """What the tag's own registers must say: a whole number where it holds such."""
    exact = Fraction(Decimal(repr(value))) / Fraction(10) ** max(-MAX_EXPONENT, min(MAX_EXPONENT, exponent))
    if tag.is_scaled or tag.type in (Type.FLOAT32, Type.FLOAT64):
        return float(exact)
    return round(exact)
