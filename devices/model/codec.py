"""Tag values to register bytes and back: scale, names, limits, and what may be written.

Strategy: a `TagCodec` is made once for each tag and holds nothing but precompiled functions: `layout` turns
bytes into raw values, a conversion turns those into values, where there is anything to convert. Reading is
the hot path and has no checks; writing checks everything before a byte exists.

Scaled whole numbers are exact. `scale` and `offset` are taken as the decimal numbers that somebody wrote
(0.1 is one tenth, not 0.1000000000000000055…), `raw * scale + offset` is computed in whole numbers, and one
division at the end gives the nearest float: raw 235 with scale 0.1 reads 23.5, not 23.500000000000004.
Writing goes the same way back and rounds to the nearest raw value (a tie to the even one). A scale such as
0.3333 means just that; it is not taken for a third. float32 values come as they are: 0.1 in a PLC reads
0.10000000149011612, which is the number it holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn

from ...client.protocol.errors import Code, failure
from .devices import Profile
from .exponent import unscaled
from .layout import layout_of
from .numbers import UndecodableValue, raw_range
from .tags import Scalar, Tag, Type, Value

__all__ = ["TagCodec", "UndecodableValue", "codecs"]

Convert = Callable[[Scalar], Any]
"""Makes the value of a raw value: a scalar, a list of flags, or None where there is none."""
_FLOATS = (Type.FLOAT32, Type.FLOAT64)
_FLOAT32_LIMIT = math.ldexp(2 - 2**-24, 127)  # what rounds to a float32 is below it


class TagCodec:
    """Decodes and encodes the values of one tag.

    Args:
        tag: the tag.

    Raises:
        ValueError: the tag contradicts itself, such as a float in a bit table or a scale of 0.

    Attributes:
        tag: the tag.
        width: registers that it occupies, or bits in a coil or discrete table.
        is_part: whether it is a part of a register, which `masks` writes.
        keep: bits of its first register that a write leaves as they are.
        plain: how `struct` alone makes the raw value; None where it cannot.
        convert: makes the value of the raw value; None where they are the same.
    """

    __slots__ = (
        "_layout",
        "_numbers",
        "_range",
        "_scale",
        "_unpack",
        "convert",
        "is_part",
        "keep",
        "plain",
        "tag",
        "width",
    )

    def __init__(self, tag: Tag) -> None:
        self.tag = tag
        self._range = raw_range(tag)
        if tag.enum and self._range is None and tag.type is not Type.BOOL:
            raise ValueError(f"{tag.name}: an enum names whole numbers or booleans, not {tag.type}")
        self._layout = layout_of(tag)
        self.width = self._layout.width
        self.plain = self._layout.plain
        self.is_part = self._layout.mask != 0
        self.keep = self._layout.keep
        self._unpack = self._layout.unpack
        self._scale = exact_scale(tag)
        self._numbers = {name: number for number, name in (tag.enum or {}).items()}
        self.convert = self._conversion()

    def __repr__(self) -> str:
        return f"<TagCodec {self.tag.name} {self.tag.type} {self.tag.table}:{self.tag.address} +{self.width}>"

    def decode(self, data: bytes, position: int) -> Value:
        """The tag's value in the payload of a read reply.

        Args:
            data: registers, two bytes each, high byte first, as on the wire; or packed bits, the first in the
                least significant position of the first byte.
            position: where the tag begins in them, in registers or in bits.

        Raises:
            UndecodableValue: the bits are no value of this type.
        """
        raw = self._unpack(data, position)
        convert = self.convert
        if convert is None:
            return raw
        return [convert(item) for item in raw] if isinstance(raw, list) else convert(raw)

    def encode(self, value: Value) -> bytes:
        """The bytes to write: registers as on the wire; for a bit table one byte, 0 or 1, for each bit.

        Raises:
            Rejected: `bad_args`: wrong type, out of range, no name of the enum, too long, does not fit.
            ValueError: the tag is a part of a register, which `masks` is for.
        """
        count, path = self.tag.count, f"rqargs.values.{self.tag.name}"
        if self.tag.flags:
            return self._layout.pack([self._raw_flags(value, path)])
        if count is None:
            return self._layout.pack([self._raw(value, path)])
        if not isinstance(value, list):
            self._refuse(path, f"must be a list of {count} values, not {_shown(value)}")
        if len(value) != count:
            self._refuse(path, f"has {count} elements; {len(value)} are given")
        return self._layout.pack([self._raw(item, f"{path}.{index}") for index, item in enumerate(value)])

    def masks(self, value: Value) -> tuple[int, int]:
        """How to write a part of a register: `(and_mask, or_mask)` as FC22 takes them.

        The register becomes `(current & and_mask) | (or_mask & ~and_mask)`, also where that is done by
        reading and writing (Modbus Application Protocol V1.1b3, section 6.16).

        Raises:
            Rejected: `bad_args`: as `encode`.
            ValueError: the tag is no part of a register.
        """
        place = self._layout.place
        if not self.is_part or place is None:
            raise ValueError(f"{self.tag.name} is no part of a register: use `encode`")
        path = f"rqargs.values.{self.tag.name}"
        raw = self._raw_flags(value, path) if self.tag.flags else self._raw(value, path)
        return 0xFFFF ^ self._layout.mask, place(raw)

    def check(self, value: Value) -> None:
        """Checks that a value could be written.

        Raises:
            Rejected: `bad_args`: as `encode`.
        """
        if self.tag.scale_exponent is not None:
            self._check_number(value, f"rqargs.values.{self.tag.name}")
        elif self.is_part:
            self.masks(value)
        else:
            self.encode(value)

    def encode_scaled(self, value: Value, exponent: Value) -> bytes:
        """As `encode`, for a tag whose scale is in another register.

        Args:
            value: what the device shall hold.
            exponent: the other tag's value.

        Raises:
            Rejected: `bad_args`: also if there is no exponent.
        """
        path = f"rqargs.values.{self.tag.name}"
        items = value if isinstance(value, list) else [value]
        for item in items:
            self._check_number(item, path)
        if type(exponent) is not int:
            self._refuse(path, f"cannot be written while {self.tag.scale_exponent} has no value")
        bare = replace(self.tag, scale_exponent=None, min=None, max=None)
        raws = [unscaled(item, exponent, bare) for item in items]
        return TagCodec(bare).encode(raws if isinstance(value, list) else raws[0])

    def _conversion(self) -> Convert | None:
        """All that lies between raw value and value; None where they are the same."""
        tag, some = self.tag, self._value_conversion()
        nothing = tag.no_value
        if not nothing and not (tag.type in _FLOATS and tag.precision is not None):
            return some

        def convert(raw: Scalar) -> Value:
            if raw in nothing or raw != raw:
                return None
            return raw if some is None else some(raw)

        return convert

    def _value_conversion(self) -> Convert | None:
        flags = self.tag.flags
        if flags:
            return lambda raw: _flag_names(int(raw), flags)
        number = self._rounded(self._number_conversion())
        names = self.tag.enum
        if not names:
            return number

        def named(raw: Scalar) -> Scalar:
            name = names.get(int(raw))
            if name is not None:
                return name
            return raw if number is None else number(raw)

        return named

    def _rounded(self, number: Convert | None) -> Convert | None:
        digits = self.tag.precision
        if digits is None or self.tag.scale_exponent is not None:
            return number
        if number is None:
            return lambda raw: round(raw, digits) if isinstance(raw, float) else raw
        exact = number
        return lambda raw: round(exact(raw), digits)

    def _number_conversion(self) -> Convert | None:
        tag = self.tag
        if not tag.is_scaled or tag.type in (Type.BOOL, Type.STRING):
            return None
        if tag.type in _FLOATS:
            scale, offset = tag.scale, tag.offset
            return lambda raw: float(raw) * scale + offset
        factor, shift, divisor = self._scale
        return lambda raw: (int(raw) * factor + shift) / divisor

    def _raw(self, value: Value, path: str) -> Scalar:
        """The raw value of one element, with every check."""
        kind = self.tag.type
        if self.tag.enum and self._is_named(value):
            return self._raw_named(value, path)
        if kind is Type.BOOL:
            if not isinstance(value, bool):
                self._refuse(path, f"must be true or false, not {_shown(value)}")
            return value
        if kind is Type.STRING:
            return self._raw_text(value, path)
        self._check_number(value, path)
        assert isinstance(value, int | float)
        return self._raw_float(value, path) if kind in _FLOATS else self._raw_integer(value, path)

    def _is_named(self, value: Value) -> bool:
        """Whether a value must be one of the enum; without `strict` a number may be any."""
        if self.tag.type is Type.BOOL:
            return not isinstance(value, bool)
        return self.tag.strict or isinstance(value, bool) or not isinstance(value, int | float)

    def _check_number(self, value: Value, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(path, f"must be a number, not {_shown(value)}")
        if self.tag.scale_exponent is not None and (value != value or value in (math.inf, -math.inf)):
            self._refuse(path, f"{value} does not fit into {self.tag.type}")
        self._check_limits(value, path)

    def _raw_flags(self, value: Value, path: str) -> int:
        """The number whose bits are the named ones."""
        flags, limits = self.tag.flags or {}, self._range or (0, 0)
        if not isinstance(value, list):
            self._refuse(path, f"must be a list of names, not {_shown(value)}")
        bits = {name: bit for bit, name in flags.items()}
        raw = 0
        for index, name in enumerate(value):
            bit = bits.get(name) if isinstance(name, str) else None
            if bit is None and isinstance(name, str) and name[:3] == "bit" and name[3:].isdecimal():
                bit = int(name[3:])
            if bit is None or 1 << bit > limits[1]:
                known = ", ".join(flags.values())
                self._refuse(f"{path}.{index}", f"must be one of {known}, or `bit5`; not {_shown(name)}")
            raw |= 1 << bit
        return raw

    def _raw_named(self, value: Value, path: str) -> Scalar:
        names = self.tag.enum or {}
        number = self._numbers.get(value) if isinstance(value, str) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and value in names:
            number = int(value)
        if number is None:
            known = ", ".join(f"{name} ({raw})" for raw, name in names.items())
            self._refuse(path, f"must be one of {known}; not {_shown(value)}")
        if self._range is not None:
            self._check_fit(number, number, path)
        return bool(number) if self.tag.type is Type.BOOL else number

    def _raw_text(self, value: Value, path: str) -> str:
        if not isinstance(value, str):
            self._refuse(path, f"must be text, not {_shown(value)}")
        try:
            size = len(value.encode(self.tag.encoding))
        except UnicodeEncodeError as error:
            what = value[error.start : error.end].encode("utf-8", "backslashreplace").decode()
            self._refuse(path, f"holds {what!r}, which {self.tag.encoding.upper()} has no bytes for")
        if size > self.tag.length:
            self._refuse(
                path, f"has {size} bytes in {self.tag.encoding.upper()}; there is room for {self.tag.length}"
            )
        if "\0" in value:
            self._refuse(path, "holds a NUL, which would end the text there")
        return value

    def _raw_float(self, value: float, path: str) -> float:
        try:
            raw = (float(value) - self.tag.offset) / self.tag.scale if self.tag.is_scaled else float(value)
        except OverflowError:
            self._refuse(path, f"{_shown(value)} does not fit into {self.tag.type}")
        limit = _FLOAT32_LIMIT if self.tag.type is Type.FLOAT32 else math.inf
        if math.isfinite(value) and not abs(raw) < limit:
            self._refuse(path, f"{_shown(value)} does not fit into {self.tag.type}")
        return raw

    def _raw_integer(self, value: float, path: str) -> int:
        if value in (math.inf, -math.inf) or value != value:
            self._refuse(path, f"{value} does not fit into {self.tag.type}")
        if self.tag.is_scaled:
            factor, shift, divisor = self._scale
            exact = Fraction(value) if isinstance(value, int) else Fraction(Decimal(repr(value)))
            raw = round((exact * divisor - shift) / factor)
        elif value == int(value):
            raw = int(value)
        else:
            self._refuse(path, f"must be a whole number, not {_shown(value)}")
        self._check_fit(value, raw, path)
        return raw

    def _check_fit(self, value: float, raw: int, path: str) -> None:
        low, high = self._range or (0, 0)
        if low <= raw <= high:
            return
        scaled = f" (raw {_shown(raw)})" if self.tag.is_scaled else ""
        self._refuse(path, f"{_shown(value)}{scaled} does not fit into {self.tag.type} ({low} to {high})")

    def _check_limits(self, value: float, path: str) -> None:
        low, high = self.tag.min, self.tag.max
        unit = f" {self.tag.unit}" if self.tag.unit else ""
        if low is not None and not value >= low:
            self._refuse(path, f"{_shown(value)} is below the minimum {low:.15g}{unit}")
        if high is not None and not value <= high:
            self._refuse(path, f"{_shown(value)} is above the maximum {high:.15g}{unit}")

    def _refuse(self, path: str, why: str) -> NoReturn:
        details: dict[str, Any] = {"path": path}
        raise failure(Code.BAD_ARGS, f"{path.removeprefix('rqargs.values.')}: {why}", details=details)


def _flag_names(raw: int, flags: Mapping[int, str]) -> list[Scalar]:
    """The names of the bits that are set, the lowest first."""
    return [flags.get(bit, f"bit{bit}") for bit in range(raw.bit_length()) if raw >> bit & 1]


def codecs(profile: Profile) -> dict[str, TagCodec]:
    """The codecs of all tags of a profile, by name.

    Raises:
        ValueError: as `TagCodec`.
    """
    return {name: TagCodec(tag) for name, tag in profile.tags.items()}


def _shown(value: Value) -> str:
    """A value in a message, short and as its sender wrote it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of more than 128 bits"
    if isinstance(value, list):
        return f"a list of {len(value)} values"
    return repr(value) if len(repr(value)) <= 60 else f"{value!r:.60}…"


def exact_scale(tag: Tag) -> tuple[int, int, int]:
    """`(factor, shift, divisor)` so that value = (raw * factor + shift) / divisor, in whole numbers."""
    if not (math.isfinite(tag.scale) and math.isfinite(tag.offset)) or tag.scale == 0:
        raise ValueError(f"{tag.name}: scale and offset must be finite, and the scale not 0")
    scale, offset = Fraction(Decimal(repr(tag.scale))), Fraction(Decimal(repr(tag.offset)))
    divisor = math.lcm(scale.denominator, offset.denominator)
    factor, shift = int(scale * divisor), int(offset * divisor)
    try:
        for raw in raw_range(tag) or ():
            _ = (raw * factor + shift) / divisor
    except OverflowError as error:
        raise ValueError(f"{tag.name}: with this scale its highest value is beyond any float") from error
    return factor, shift, divisor
