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
from dataclasses import dataclass, replace
from typing import Final

from .numbers import (
    FORMATS,
    WORDS,
    byte_places,
    decimal,
    placed,
    reader_of,
    reordered,
    to_bcd,
    writer_of,
)
from .tags import Order, Scalar, Tag, Type
from .texts import text_layout

Unpack = Callable[[bytes, int], Scalar]


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
    mask: int = 0  # of a part of a register: its bits, as they lie on the wire
    plain: Plain | None = None  # if `struct` alone makes the raw value
    place: Callable[[Scalar], int] | None = None  # of a part of a register: a raw value in these bits
    keep: int = 0  # bits of the first register that a write leaves as they are


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
    if tag.type in (Type.INT8, Type.UINT8):
        return _part(tag, 8 if tag.byte == "high" else 0, 8, tag.type is Type.INT8)
    if tag.bits is not None:
        return _part(tag, tag.bits[0], tag.bits[1] - tag.bits[0] + 1, signed=False)
    if tag.type not in FORMATS or (tag.order and _orders(tag) is None):
        return _odd_numbers(tag)
    return _numbers(tag)


def swap_bytes(data: bytes) -> bytes:
    """The same 16-bit words, each with its two bytes swapped."""
    swapped = bytearray(len(data))
    swapped[0::2] = data[1::2]
    swapped[1::2] = data[0::2]
    return bytes(swapped)


def _numbers(tag: Tag) -> Layout:
    words = WORDS[tag.type]
    count = 1 if tag.count is None else tag.count
    word_order, byte_order = _orders(tag) or (tag.word_order, tag.byte_order)
    order = word_order if words > 1 else byte_order
    sign, letter = ">" if order is Order.BIG else "<", FORMATS[tag.type]
    form = struct.Struct(f"{sign}{count}{letter}")
    swap = words > 1 and word_order is not byte_order
    convert, revert = _conversions(tag)

    def pack(raws: Sequence[Scalar]) -> bytes:
        data = form.pack(*(raws if revert is None else map(revert, raws)))
        return swap_bytes(data) if swap else data

    unpack = _unpack_numbers(form, swap, convert, tag.count is None)
    plain = Plain(sign, letter, swap) if tag.count is None and convert is None else None
    return Layout(words * count, unpack, pack, plain=plain)


def _orders(tag: Tag) -> tuple[Order, Order] | None:
    """The two orders that the letters of `order` stand for; None if they stand for another one."""
    for word_order in Order:
        for byte_order in Order:
            usual = replace(tag, order="", word_order=word_order, byte_order=byte_order)
            if tag.order and byte_places(usual) == byte_places(tag):
                return word_order, byte_order
    return None


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
    return (lambda digits: decimal(tag.name, digits)), to_bcd


def _odd_numbers(tag: Tag) -> Layout:
    """Numbers byte by byte: what `struct` has no format or no order for."""
    words, places = WORDS[tag.type], byte_places(tag)
    read, write = reader_of(tag), writer_of(tag.type)
    size = 2 * words

    def unpack(data: bytes, position: int) -> Scalar:
        return read(reordered(data[2 * position : 2 * position + size], places))

    def pack(raws: Sequence[Scalar]) -> bytes:
        return b"".join(placed(write(raw), places) for raw in raws)

    count = 1 if tag.count is None else tag.count
    return Layout(words * count, _repeated(unpack, words, tag.count), pack)


def _part(tag: Tag, low: int, size: int, signed: bool) -> Layout:
    """A number in some bits of a number; one that lies in a single register can be written."""
    if tag.count is not None:
        raise ValueError(f"{tag.name}: a part of a register goes without `count`")
    words, places = WORDS[tag.type], byte_places(tag)
    width, most = 2 * words, (1 << size) - 1

    def unpack(data: bytes, position: int) -> int:
        whole = int.from_bytes(reordered(data[2 * position : 2 * position + width], places))
        raw = whole >> low & most
        return raw - (most + 1) if signed and raw > most >> 1 else raw

    def place(raw: Scalar) -> int:
        in_place = (int(raw) & most) << low
        return int.from_bytes(placed(in_place.to_bytes(width), places))

    mask = int.from_bytes(placed((most << low).to_bytes(width), places)) if words == 1 else 0
    return Layout(words, unpack, _pack_no_bit, mask, place=place if words == 1 else None)


def _text(tag: Tag) -> Layout:
    text = text_layout(tag)
    size, count = text.size, 1 if tag.count is None else tag.count

    def unpack(data: bytes, position: int) -> str:
        return text.read(data[2 * position : 2 * position + size])

    def pack(texts: Sequence[Scalar]) -> bytes:
        return b"".join(text.write(str(one)) for one in texts)

    keep = 0xFF00 if tag.header else 0
    if keep and tag.byte_order is Order.LITTLE:
        keep = 0x00FF
    return Layout(count * size // 2, _repeated(unpack, size // 2, tag.count), pack, keep=keep)


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

    return Layout(1, unpack, _pack_no_bit, 1 << bit, place=lambda raw: 1 << bit if raw else 0)


def _pack_no_bit(_raws: Sequence[Scalar]) -> bytes:
    raise ValueError("a part of a register cannot be written alone: use `masks`")


def _repeated(unpack: Unpack, width: int, count: int | None) -> Callable[[bytes, int], Scalar | list[Scalar]]:
    """The unpacking of an array, one element after the other; of a scalar, as it is."""
    if count is None:
        return unpack
    offsets = range(0, count * width, width)
    return lambda data, position: [unpack(data, position + offset) for offset in offsets]
