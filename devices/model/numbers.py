"""Numbers that `struct` has no format for: odd lengths, odd digits, and bytes in any order.

Strategy: a number is brought into its canonical bytes (highest first), and these become the raw number, or
the other way round. `layout` takes this way only where `struct` cannot do it in one go.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from .tags import Order, Scalar, Tag, Type

WORDS: Final = {
    Type.BOOL: 1,
    Type.INT8: 1,
    Type.UINT8: 1,
    Type.INT16: 1,
    Type.UINT16: 1,
    Type.INT24: 2,
    Type.UINT24: 2,
    Type.INT32: 2,
    Type.UINT32: 2,
    Type.INT48: 3,
    Type.UINT48: 3,
    Type.INT64: 4,
    Type.UINT64: 4,
    Type.FLOAT32: 2,
    Type.FLOAT64: 4,
    Type.BCD16: 1,
    Type.BCD32: 2,
    Type.SM16: 1,
    Type.SM32: 2,
    Type.MOD10K32: 2,
    Type.MOD10K48: 3,
    Type.MOD10K64: 4,
}
"""Registers of one number."""

RANGES: Final = {
    Type.INT8: (-(2**7), 2**7 - 1),
    Type.UINT8: (0, 2**8 - 1),
    Type.INT16: (-(2**15), 2**15 - 1),
    Type.UINT16: (0, 2**16 - 1),
    Type.INT24: (-(2**23), 2**23 - 1),
    Type.UINT24: (0, 2**24 - 1),
    Type.INT32: (-(2**31), 2**31 - 1),
    Type.UINT32: (0, 2**32 - 1),
    Type.INT48: (-(2**47), 2**47 - 1),
    Type.UINT48: (0, 2**48 - 1),
    Type.INT64: (-(2**63), 2**63 - 1),
    Type.UINT64: (0, 2**64 - 1),
    Type.BCD16: (0, 9_999),
    Type.BCD32: (0, 99_999_999),
    Type.SM16: (-(2**15) + 1, 2**15 - 1),
    Type.SM32: (-(2**31) + 1, 2**31 - 1),
    Type.MOD10K32: (0, 10**8 - 1),
    Type.MOD10K48: (0, 10**12 - 1),
    Type.MOD10K64: (0, 10**16 - 1),
}
"""Lowest and highest raw value of each type that holds whole numbers."""

UNSIGNED: Final = (Type.UINT16, Type.UINT32, Type.UINT48, Type.UINT64)
"""The types whose single bits mean something."""

FORMATS: Final = {
    Type.BOOL: "H",
    Type.INT16: "h",
    Type.UINT16: "H",
    Type.INT32: "i",
    Type.UINT32: "I",
    Type.INT64: "q",
    Type.UINT64: "Q",
    Type.FLOAT32: "f",
    Type.FLOAT64: "d",
    Type.BCD16: "H",
    Type.BCD32: "I",
}
"""The types that `struct` knows, or that lie in one that it knows."""

LETTERS: Final = "ABCDEFGH"


class UndecodableValue(ValueError):
    """The device holds bits that are no value of the tag's type, such as the digit 0xA in a BCD number."""


def raw_range(tag: Tag) -> tuple[int, int] | None:
    """Lowest and highest raw value of a tag; None for what is no whole number."""
    if tag.bits is not None:
        return 0, 2 ** (tag.bits[1] - tag.bits[0] + 1) - 1
    return RANGES.get(tag.type)


def sunspec_no_value(kind: Type) -> int | None:
    """The raw number by which SunSpec says "not implemented"; None for types without one."""
    if kind not in RANGES or kind in (Type.BCD16, Type.BCD32) or kind.value.startswith(("sm", "mod")):
        return None
    low, high = RANGES[kind]
    return low if low else high


def as_raw(tag: Tag, number: int) -> int:
    """A raw number as the tag has it: `0x8000` of an int16 is -32768.

    Raises:
        ValueError: no raw number of the tag looks so.
    """
    limits = raw_range(tag)
    if limits is None:
        raise ValueError(f"type {tag.type} has no such raw numbers")
    low, high = limits
    if low <= number <= high:
        return number
    if low < 0 <= number <= high - low:
        return number - (high - low + 1)
    raise ValueError(f"{number} does not fit into {tag.type} ({low} to {high})")


def byte_places(tag: Tag) -> tuple[int, ...]:
    """Where on the wire each byte of a number lies, the highest byte first."""
    words = WORDS[tag.type]
    if tag.order:
        return tuple(tag.order.index(letter) for letter in LETTERS[: 2 * words])
    places = []
    for word in range(words):
        at = word if tag.word_order is Order.BIG else words - 1 - word
        high = 0 if tag.byte_order is Order.BIG else 1
        places += [2 * at + high, 2 * at + 1 - high]
    return tuple(places)


def from_bcd(digits: int) -> int:
    """The number that packed decimal digits stand for: 0x1234 is 1234.

    Raises:
        ValueError: one of the digits is above 9.
    """
    return int(f"{digits:x}")


def to_bcd(number: int) -> int:
    """Packed decimal digits: 1234 is 0x1234."""
    return int(str(number), 16)


def reader_of(tag: Tag) -> Callable[[bytes], Scalar]:
    """Makes the raw number of the canonical bytes.

    The function raises `UndecodableValue` where they hold none.
    """
    match tag.type:
        case Type.INT24 | Type.UINT24:
            return lambda data: int.from_bytes(data[1:], signed=tag.type is Type.INT24)
        case Type.INT48 | Type.UINT48:
            return lambda data: int.from_bytes(data, signed=tag.type is Type.INT48)
        case Type.SM16 | Type.SM32:
            return _from_sign_and_magnitude
        case Type.MOD10K32 | Type.MOD10K48 | Type.MOD10K64:
            return lambda data: _from_mod10k(data, tag.name)
        case Type.BCD16 | Type.BCD32:
            return lambda data: decimal(tag.name, int.from_bytes(data))
        case Type.BOOL:
            return lambda data: int.from_bytes(data) != 0
    unpack = struct.Struct(">" + FORMATS[tag.type]).unpack
    return lambda data: unpack(data)[0]


def writer_of(kind: Type) -> Callable[[Scalar], bytes]:
    """Makes the canonical bytes of a raw number that is in range."""
    size = 2 * WORDS[kind]
    match kind:
        case Type.FLOAT32 | Type.FLOAT64:
            return struct.Struct(">" + FORMATS[kind]).pack
        case Type.SM16 | Type.SM32:
            return lambda raw: (abs(int(raw)) | (int(raw) < 0) << 8 * size - 1).to_bytes(size)
        case Type.MOD10K32 | Type.MOD10K48 | Type.MOD10K64:
            return lambda raw: _to_mod10k(int(raw), size // 2)
        case Type.BCD16 | Type.BCD32:
            return lambda raw: to_bcd(int(raw)).to_bytes(size)
    return lambda raw: int(raw).to_bytes(size, signed=int(raw) < 0)


def decimal(name: str, digits: int) -> int:
    """The number of packed decimal digits.

    Raises:
        UndecodableValue: they are none.
    """
    try:
        return from_bcd(digits)
    except ValueError as error:
        why = f"{name}: the device holds 0x{digits:X}, which is no BCD number (digits 0 to 9)"
        raise UndecodableValue(why) from error


def reordered(data: bytes, places: Sequence[int]) -> bytes:
    """The canonical bytes of what lies on the wire."""
    return bytes(data[place] for place in places)


def placed(canonical: bytes, places: Sequence[int]) -> bytes:
    """What lies on the wire of the canonical bytes."""
    data = bytearray(len(canonical))
    for byte, place in zip(canonical, places, strict=True):
        data[place] = byte
    return bytes(data)


def _from_sign_and_magnitude(data: bytes) -> int:
    number, sign = int.from_bytes(data), 1 << 8 * len(data) - 1
    return -(number ^ sign) if number & sign else number


def _from_mod10k(data: bytes, name: str) -> int:
    number = 0
    for at in range(0, len(data), 2):
        word = int.from_bytes(data[at : at + 2])
        if word > 9999:
            raise UndecodableValue(f"{name}: the device holds {word} in a register of 0 to 9999")
        number = number * 10_000 + word
    return number


def _to_mod10k(number: int, words: int) -> bytes:
    return b"".join((number // 10_000**place % 10_000).to_bytes(2) for place in reversed(range(words)))
