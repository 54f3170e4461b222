"""A block: one read request of a plan, and how its reply becomes the values of all its tags at once.

Strategy: everything is settled when the block is made, because a plan is carried out many times. Numbers that
lie in the same order are unpacked by one `struct` for all of them, with padding over what is not wanted; only
what `struct` cannot say (bits, texts, arrays, BCD) goes through its own codec.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from ..modbus.pdu import Transaction, read
from ..model.codec import Convert, TagCodec
from ..model.layout import swap_bytes
from ..model.numbers import UndecodableValue
from ..model.tags import Scalar, Value
from .reads import Span

MIN_GROUP = 4  # numbers that are worth a struct of their own


@dataclass(frozen=True, slots=True)
class _Group:
    """Numbers of a block that one `struct` unpacks."""

    form: struct.Struct
    swapped: bool  # whether the bytes of each word must be swapped first
    names: tuple[str, ...]
    converted: tuple[tuple[int, str, Convert], ...]  # by index: those whose raw value is not the value


class Block:
    """One read request.

    Attributes:
        span: what it reads.
        names: the tags in it.
        request: the Modbus request.
        answered: whether the device has ever answered it with data.
        is_joint: whether it reads more than one value.
        hunts: how often its parts were asked for instead, since it was last answered.
    """

    __slots__ = ("_groups", "_singles", "answered", "hunts", "is_joint", "names", "request", "span")

    def __init__(self, span: Span, codecs: Mapping[str, TagCodec]) -> None:
        self.span = span
        self.names = frozenset(want.name for want in span.wants)
        self.request: Transaction = read(span.table, span.address, span.count)
        self.answered = False
        self.is_joint = len({(want.address, want.width) for want in span.wants}) > 1
        self.hunts = 0
        self._groups: list[_Group] = []
        self._singles: list[tuple[str, TagCodec, int]] = []
        self._settle(codecs)

    def decode(self, data: bytes) -> tuple[dict[str, Value], dict[str, UndecodableValue]]:
        """The values in a reply's payload, and the tags whose bits are no value, with the reason."""
        values: dict[str, Value] = {}
        errors: dict[str, UndecodableValue] = {}
        for group in self._groups:
            raws: tuple[Scalar, ...] = group.form.unpack_from(swap_bytes(data) if group.swapped else data)
            values.update(zip(group.names, raws, strict=True))
            for index, name, convert in group.converted:
                values[name] = convert(raws[index])
        for name, codec, position in self._singles:
            try:
                values[name] = codec.decode(data, position)
            except UndecodableValue as error:
                errors[name] = error
        return values, errors

    def _settle(self, codecs: Mapping[str, TagCodec]) -> None:
        places: dict[tuple[str, bool], list[tuple[int, str, TagCodec]]] = {}
        for want in self.span.wants:
            codec = codecs[want.name]
            position = codec.tag.address - self.span.address  # the want may be wider than the value
            plain = codec.plain
            if plain is None:
                self._singles.append((want.name, codec, position))
            else:
                places.setdefault((plain.order, plain.swapped), []).append((position, want.name, codec))
        for (order, swapped), found in places.items():
            self._group(order, swapped, sorted(found, key=lambda place: place[0]))

    def _group(self, order: str, swapped: bool, found: list[tuple[int, str, TagCodec]]) -> None:
        form, end = order, 0
        names: list[str] = []
        converted: list[tuple[int, str, Convert]] = []
        for position, name, codec in found:
            if len(found) < MIN_GROUP or position < end or codec.plain is None:
                self._singles.append((name, codec, position))
                continue
            form += f"{2 * (position - end)}x{codec.plain.form}"
            end = position + codec.width
            if codec.convert is not None:
                converted.append((len(names), name, codec.convert))
            names.append(name)
        if names:
            self._groups.append(_Group(struct.Struct(form), swapped, tuple(names), tuple(converted)))
