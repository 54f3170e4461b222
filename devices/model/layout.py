"""How the elements of a tag lie in registers or bits: reply bytes to raw numbers and texts, and back.

Strategy: everything that can be known from the tag alone is settled once, in `layout_of`: a `struct` format
for the whole tag, arrays included, and whether the bytes of each word have to be swapped first. One swap and
the two byte orders that `struct` knows make all four orders of a longer value:

    word_order  byte_order  on the wire  read as
    big         big         ABCD         ">"
    little      little      DCBA         "<"
    big         little      BADC         ">" after swapping the bytes of each word
    little      big         CDAB         "<" after swapping the bytes of each word

The words of a text are never reversed: it is no number, and its first letters come first.

A raw value is what the device holds, before scale and names: `codec` goes on from there.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from .tags import Order, Scalar, Tag, Type

Unpack = Callable[[bytes, int], Scalar]

WORDS: Final = {
    Type.BOOL: 1,
    Type.INT16: 1,
    Type.UINT16: 1,
    Type.INT32: 2,
    Type.UINT32: 2,
    Type.INT64: 4,
    Type.UINT64: 4,
    Type.FLOAT32: 2,
    Type.FLOAT64: 4,
    Type.BCD16: 1,
    Type.BCD32: 2,
}
"""Registers of one number."""

RANGES: Final = {
    Type.INT16: (-(2**15), 2**15 - 1),
    Type.UINT16: (0, 2**16 - 1),
    Type.INT32: (-(2**31), 2**31 - 1),
    Type.UINT32: (0, 2**32 - 1),
    Type.INT64: (-(2**63), 2**63 - 1),
    Type.UINT64: (0, 2**64 - 1),
    Type.BCD16: (0, 9_999),
    Type.BCD32: (0, 99_999_999),
}
"""Lowest and highest raw value of each type that holds whole numbers."""

_FORMATS: Final = {
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


class UndecodableValue(ValueError):
    """The device holds bits that are no value of the tag's type, such as the digit 0xA in a BCD number."""


@dataclass(frozen=True, slots=True)
class Plain:
    """One number as `struct` takes it, so that many can be unpacked together."""

    order: str  # ">" or "<"
    form: str  # its format character
    swapped: bool  # whether the bytes of each word must be swapped first


@dataclass(frozen=True, slots=True)
class Layout:
    """The raw side of one tag."""

    width: int  # registers, or bits of a bit table, of the whole tag
    unpack: Callable[[bytes, int], Scalar | list[Scalar]]  # reply data, position in registers or bits
    pack: Callable[[Sequence[Scalar]], bytes]  # one raw value for each element
    mask: int = 0  # of a bit in a register: the bit, as it lies on the wire
    plain: Plain | None = None  # if `struct` alone makes the raw value


def layout_of(tag: Tag) -> Layout:
    """The layout of a tag.

    Raises:
        ValueError: the tag contradicts itself, such as a float in a bit table.
    """
    if tag.table.is_bits:
        return _bits(tag)
    if tag.bit is not None:
        return _register_bit(tag)
    if tag.type is Type.STRING:
        return _text(tag)
    return _numbers(tag)


def swap_bytes(data: bytes) -> bytes:
    """The same 16-bit words, each with its two bytes swapped."""
    swapped = bytearray(len(data))
    swapped[0::2] = data[1::2]
    swapped[1::2] = data[0::2]
    return bytes(swapped)


def from_bcd(digits: int) -> int:
    """The number that packed decimal digits stand for: 0x1234 is 1234.

    Raises:
        ValueError: one of the digits is above 9.
    """
    return int(f"{digits:x}")


def to_bcd(number: int) -> int:
    """Packed decimal digits: 1234 is 0x1234."""
    return int(str(number), 16)


def _numbers(tag: Tag) -> Layout:
    words = WORDS[tag.type]
    count = 1 if tag.count is None else tag.count
    order = tag.word_order if words > 1 else tag.byte_order
    sign, letter = ">" if order is Order.BIG else "<", _FORMATS[tag.type]
    form = struct.Struct(f"{sign}{count}{letter}")
    swap = words > 1 and tag.word_order is not tag.byte_order
    convert, revert = _conversions(tag)

    def pack(raws: Sequence[Scalar]) -> bytes:
        data = form.pack(*(raws if revert is None else map(revert, raws)))
        return swap_bytes(data) if swap else data

    unpack = _unpack_numbers(form, swap, convert, tag.count is None)
    plain = Plain(sign, letter, swap) if tag.count is None and convert is None else None
    return Layout(words * count, unpack, pack, plain=plain)


def _unpack_numbers(
    form: struct.Struct, swap: bool, convert: Callable[[int], Scalar] | None, scalar: bool
) -> Callable[[bytes, int], Scalar | list[Scalar]]:
    unpack_from, unpack = form.unpack_from, form.unpack
    words = struct.Struct(f">{form.size // 2}H").unpack_from
    turn = struct.Struct(f"<{form.size // 2}H").pack

    def plain(data: bytes, position: int) -> tuple[Scalar, ...]:
        return unpack_from(data, 2 * position)

    def swapped(data: bytes, position: int) -> tuple[Scalar, ...]:
        return unpack(turn(*words(data, 2 * position)))

    raws = swapped if swap else plain
    if convert is not None:
        one, each = convert, raws
        if scalar:
            return lambda data, position: one(int(each(data, position)[0]))
        return lambda data, position: [one(int(raw)) for raw in each(data, position)]
    if not scalar:
        return lambda data, position: list(raws(data, position))
    if swap:
        return lambda data, position: unpack(turn(*words(data, 2 * position)))[0]
    # The common case, without a call between it and struct.
    return lambda data, position: unpack_from(data, 2 * position)[0]


def _conversions(tag: Tag) -> tuple[Callable[[int], Scalar] | None, Callable[..., int] | None]:
    """From the number that struct gives to the raw value, and back; None where they are the same."""
    if tag.type is Type.BOOL:
        return bool, int
    if tag.type not in (Type.BCD16, Type.BCD32):
        return None, None

    def decimal(digits: int) -> int:
        try:
            return from_bcd(digits)
        except ValueError as error:
            why = f"{tag.name}: the device holds 0x{digits:X}, which is no BCD number (digits 0 to 9)"
            raise UndecodableValue(why) from error

    return decimal, to_bcd


def _text(tag: Tag) -> Layout:
    if tag.length < 1:
        raise ValueError(f"{tag.name}: a string needs a length of at least 1 byte")
    length, size = tag.length, tag.length + tag.length % 2
    count = 1 if tag.count is None else tag.count
    swap = tag.byte_order is Order.LITTLE

    def unpack(data: bytes, position: int) -> str:
        start = 2 * position
        raw = data[start : start + size]
        if swap:
            raw = swap_bytes(raw)
        return raw[:length].partition(b"\0")[0].decode(errors="replace")

    def pack(texts: Sequence[Scalar]) -> bytes:
        data = b"".join(str(text).encode().ljust(size, b"\0") for text in texts)
        return swap_bytes(data) if swap else data

    return Layout(count * size // 2, _repeated(unpack, size // 2, tag.count), pack)


def _bits(tag: Tag) -> Layout:
    if tag.type is not Type.BOOL or tag.bit is not None:
        raise ValueError(f"{tag.name}: an address of table {tag.table} holds one bit, so its type is bool")

    def one(data: bytes, position: int) -> bool:
        return data[position >> 3] >> (position & 7) & 1 == 1

    if tag.count is None:
        return Layout(1, one, _pack_bits)
    count = tag.count

    def many(data: bytes, position: int) -> list[Scalar]:
        first, shift = divmod(position, 8)
        eights = map(_BITS_OF_BYTE.__getitem__, data[first : first + (shift + count + 7) // 8])
        return list(itertools.chain.from_iterable(eights))[shift : shift + count]

    return Layout(count, many, _pack_bits)


_BITS_OF_BYTE: Final[tuple[tuple[Scalar, ...], ...]] = tuple(
    tuple(byte >> bit & 1 == 1 for bit in range(8)) for byte in range(256)
)


def _pack_bits(raws: Sequence[Scalar]) -> bytes:
    return bytes(1 if raw else 0 for raw in raws)


def _register_bit(tag: Tag) -> Layout:
    if tag.type is not Type.BOOL or tag.count is not None or tag.bit is None or not 0 <= tag.bit <= 15:
        raise ValueError(f"{tag.name}: `bit` is 0 to 15, and goes with type bool and without `count`")
    bit = tag.bit if tag.byte_order is Order.BIG else tag.bit ^ 8
    byte, mask = 1 - bit // 8, 1 << bit % 8

    def unpack(data: bytes, position: int) -> bool:
        return data[2 * position + byte] & mask != 0

    return Layout(1, unpack, _pack_no_bit, 1 << bit)


def _pack_no_bit(_raws: Sequence[Scalar]) -> bytes:
    raise ValueError("a bit in a register cannot be written alone: use `masks`")


def _repeated(unpack: Unpack, width: int, count: int | None) -> Callable[[bytes, int], Scalar | list[Scalar]]:
    """The unpacking of an array, one element after the other; of a scalar, as it is."""
    if count is None:
        return unpack
    offsets = range(0, count * width, width)
    return lambda data, position: [unpack(data, position + offset) for offset in offsets]
