"""MBAP framing: bytes of a TCP stream to Modbus frames, and back.

Strategy: pure. The header is judged as soon as its bytes are there, so a liar is found before anything is
waited for, and what is kept between two calls is always less than one frame. There is no resynchronising:
after a broken header nobody knows where the next frame begins, so the connection has to go. (Modbus
Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3.)
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

HEADER: Final = 7  # bytes: transaction 2, protocol 2, length 2, unit 1
MIN_LENGTH: Final = 2  # unit and function
MAX_LENGTH: Final = 254  # unit and a PDU of 253

Frame = tuple[int, int, bytes]
"""Transaction id, unit id, PDU."""

_header = Struct(">HHHB")
_BEFORE_UNIT: Final = 6


class FramingError(Exception):
    """The stream is not Modbus TCP, or not any more."""


def frame(transaction_id: int, unit: int, pdu: bytes) -> bytes:
    """One frame as bytes."""
    return _header.pack(transaction_id, 0, len(pdu) + 1, unit) + pdu


class Framer:
    """Cuts one direction of a stream into frames."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def has_partial(self) -> bool:
        """Whether the last bytes are the beginning of a frame whose end has not come."""
        return bool(self._rest)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with these bytes; take all of them before feeding more.

        Raises:
            FramingError: a header is impossible; the frames before it have been given out. Feed no more.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        position, end = 0, len(data)
        while end - position >= HEADER:
            transaction_id, protocol, length, unit = _header.unpack_from(data, position)
            if protocol or not MIN_LENGTH <= length <= MAX_LENGTH:
                raise FramingError(_fault(protocol, length))
            after = position + _BEFORE_UNIT + length
            if after > end:
                break
            yield transaction_id, unit, data[position + HEADER : after]
            position = after
        if position < end:
            self._rest = data[position:]
            _judge_early(self._rest)


def _judge_early(rest: bytes) -> None:
    """Judges a header that is not complete yet by the fields that are."""
    protocol = int.from_bytes(rest[2:4])
    length = int.from_bytes(rest[4:6]) if len(rest) >= _BEFORE_UNIT else MIN_LENGTH
    if protocol or not MIN_LENGTH <= length <= MAX_LENGTH:
        raise FramingError(_fault(protocol, length))


def _fault(protocol: int, length: int) -> str:
    if protocol:
        return f"a frame with protocol id {protocol} instead of 0"
    return f"a frame with length {length} instead of {MIN_LENGTH} to {MAX_LENGTH}"
