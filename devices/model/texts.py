"""Texts in registers: padded, in any encoding, one character a register, or with a header.

A text is read up to its first NUL; its padding is cut off at the end. What the encoding lacks is refused
before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .tags import Order, Tag

S7_HEADER: Final = "s7"  # two bytes before the text: how long it may be, and how long it is


@dataclass(frozen=True, slots=True)
class TextLayout:
    """One text in registers.

    Attributes:
        size: bytes on the wire.
        read: the text in that many bytes.
        write: the bytes of a text that fits.
    """

    size: int
    read: Callable[[bytes], str]
    write: Callable[[str], bytes]


def text_layout(tag: Tag) -> TextLayout:
    """How a tag's text lies in registers.

    Raises:
        ValueError: it has no length.
    """
    if tag.length < 1:
        raise ValueError(f"{tag.name}: a string needs a length of at least 1 byte")
    head = 2 if tag.header == S7_HEADER else 0
    length = tag.length + head
    size = 2 * length if tag.chars else length + length % 2
    swap = tag.byte_order is Order.LITTLE or tag.order == "BA"
    low = tag.chars == "low"
    pad = _pad_of(tag)

    def read(data: bytes) -> str:
        if swap:
            data = _swapped(data)
        if tag.chars:
            data = data[1 if low else 0 :: 2]
        text = data[head : head + data[1]] if head else data
        return _decoded(text[: tag.length], tag)

    def write(text: str) -> bytes:
        raw = text.encode(tag.encoding)
        body = raw + (pad * tag.length)[: tag.length - len(raw)]
        if head:
            body = bytes((tag.length & 0xFF, len(raw))) + body
        if tag.chars:
            body = b"".join((b"\0" + bytes((b,))) if low else (bytes((b,)) + b"\0") for b in body)
        body = body.ljust(size, b"\0")
        return _swapped(body) if swap else body

    return TextLayout(size, read, write)


def _pad_of(tag: Tag) -> bytes:
    return tag.pad.encode(tag.encoding)


def _decoded(data: bytes, tag: Tag) -> str:
    if tag.encoding == "utf-16-be":
        data = data[: len(data) // 2 * 2]
        text = data.decode(tag.encoding, errors="replace").partition("\0")[0]
    else:
        text = data.partition(b"\0")[0].decode(tag.encoding, errors="replace")
    return text if tag.pad == "\0" else text.rstrip(tag.pad)


def _swapped(data: bytes) -> bytes:
    swapped = bytearray(len(data))
    swapped[0::2] = data[1::2]
    swapped[1::2] = data[0::2]
    return bytes(swapped)
