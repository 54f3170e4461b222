"""Modbus requests as bytes, and replies checked against the request they answer.

Strategy: a `Transaction` is built together with what its good reply must look like, so that checking the
reply is one comparison. Everything goes through `struct`, because every polled value passes here and pymodbus
takes 17 to 87 µs a reply; its PDU classes are the oracle in the tests. Layouts: Modbus Application Protocol
V1.1b3, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from ..model.tags import Table
from .errors import BadReply, ExceptionReply
from .limits import (
    ADDRESSES,
    LAST_ADDRESS,
    MAX_EXCHANGE_WRITE_REGISTERS,
    MAX_FUNCTION,
    MAX_PDU,
    MAX_READ_BITS,
    MAX_READ_REGISTERS,
    MAX_REGISTER,
    MAX_WRITE_BITS,
    MAX_WRITE_REGISTERS,
)

__all__ = [
    "BadReply",
    "ExceptionReply",
    "Transaction",
    "mask_write",
    "own_pdu",
    "read",
    "read_write_registers",
    "span_of",
    "write_coil",
    "write_coils",
    "write_register",
    "write_registers",
]

# Function, most addresses in one request, bits in an address.
_READS: Final = {
    Table.COIL: (1, MAX_READ_BITS, 1),
    Table.DISCRETE: (2, MAX_READ_BITS, 1),
    Table.HOLDING: (3, MAX_READ_REGISTERS, 16),
    Table.INPUT: (4, MAX_READ_REGISTERS, 16),
}

_TABLES: Final = {function: table for table, (function, _, _) in _READS.items()}

_pack_head = Struct(">BHH").pack
_unpack_head = Struct(">BHH").unpack
_pack_many = Struct(">BHHB").pack
_pack_mask = Struct(">BHHH").pack
_pack_exchange = Struct(">BHHHHB").pack


@dataclass(slots=True)
class Transaction:
    """One request, and what answers it. Not frozen only because that makes building it three times slower.

    Attributes:
        function: function code.
        pdu: the request from its function code on.
        is_write: whether the device may change by it.
        head: the bytes that a good reply starts with.
        length: bytes of a good reply; 0: any.
        skip: bytes of a good reply before its payload.
    """

    function: int
    pdu: bytes
    is_write: bool
    head: bytes
    length: int
    skip: int

    def check(self, reply: bytes) -> bytes:
        """The payload of a reply PDU: the data bytes of a read; of a write nothing, or what it wrote instead.

        Raises:
            ExceptionReply: the device refused.
            BadReply: the reply does not answer this request.
        """
        if (len(reply) == self.length or not self.length) and reply.startswith(self.head):
            return reply[self.skip :]
        if self.is_write and self.skip == self.length and reply[:3] == self.pdu[:3] and len(reply) >= 5:
            return self._altered(reply)
        raise self._fault(reply)

    def _altered(self, reply: bytes) -> bytes:
        """What a confirmed write says that it has written, if that is something else.

        Function and address prove that the write was executed. Some devices repeat the whole request, some
        answer a coil with 1, some write the nearest value that they allow.
        """
        if reply.startswith(self.head):
            return b""
        if self.function == 5 and any(self.pdu[3:5]) == any(reply[3:5]):
            return b""
        return reply[3 : self.length]

    def _fault(self, reply: bytes) -> Exception:
        function = reply[0]
        # Some devices send a byte too many with an exception; its first two bytes are clear all the same.
        if function == self.function | 0x80 and len(reply) >= 2:
            return ExceptionReply(self.function, reply[1])
        if function & 0x7F != self.function:
            return BadReply(f"function {function} came in reply to function {self.function}")
        if self.is_write and self.skip == self.length:
            return BadReply(f"the reply to function {function} does not repeat what was to be written")
        hint = "set `link.max_registers` or `link.max_gap` lower, so that less is read at once"
        return BadReply(
            f"the reply to function {function} has {len(reply)} bytes instead of {self.length}", hint
        )


def read(table: Table, address: int, count: int) -> Transaction:
    """Reads registers (FC3, FC4: at most 125) or bits (FC1, FC2: at most 2000).

    The payload: registers big-endian as on the wire; bits packed, the first one lowest.

    Raises:
        ValueError: more than the specification allows in one request, or beyond address 65535.
    """
    function, most, bits = _READS[table]
    if not 1 <= count <= most or not 0 <= address <= ADDRESSES - count:
        _check_range(address, count, most)
    size = (count * bits + 7) // 8
    return Transaction(
        function, _pack_head(function, address, count), False, bytes((function, size)), 2 + size, 2
    )


def span_of(transaction: Transaction) -> tuple[Table, int, int]:
    """Table, address and count of what `read` has made."""
    function, address, count = _unpack_head(transaction.pdu)
    return _TABLES[function], address, count


def write_coil(address: int, *, on: bool) -> Transaction:
    """Writes one coil (FC5).

    Raises:
        ValueError: no such address.
    """
    _check_range(address, 1, 1)
    return _echoed(_pack_head(5, address, 0xFF00 if on else 0))


def write_register(address: int, value: int) -> Transaction:
    """Writes one register, 0 to 65535 (FC6).

    Raises:
        ValueError: no such address or value.
    """
    _check_range(address, 1, 1)
    if not 0 <= value <= MAX_REGISTER:
        raise ValueError(f"a register holds 0 to {MAX_REGISTER}, not {value}")
    return _echoed(_pack_head(6, address, value))


def write_coils(address: int, bits: bytes) -> Transaction:
    """Writes coils (FC15: at most 1968), each given as one byte, 0 or 1.

    Raises:
        ValueError: more than the specification allows in one request, or beyond address 65535.
    """
    count = len(bits)
    _check_range(address, count, MAX_WRITE_BITS)
    packed = bytearray((count + 7) // 8)
    for position, bit in enumerate(bits):
        if bit:
            packed[position >> 3] |= 1 << (position & 7)
    head = _pack_head(15, address, count)
    return Transaction(15, head + bytes((len(packed),)) + packed, True, head, 5, 5)


def write_registers(address: int, data: bytes) -> Transaction:
    """Writes registers (FC16: at most 123), two big-endian bytes each.

    Raises:
        ValueError: half a register, more than the specification allows, or beyond address 65535.
    """
    count = _registers_in(data)
    _check_range(address, count, MAX_WRITE_REGISTERS)
    head = _pack_head(16, address, count)
    return Transaction(16, _pack_many(16, address, count, 2 * count) + data, True, head, 5, 5)


def mask_write(address: int, and_mask: int, or_mask: int) -> Transaction:
    """Changes bits of a register (FC22): `(current & and_mask) | (or_mask & ~and_mask)`.

    Raises:
        ValueError: no such address or mask.
    """
    _check_range(address, 1, 1)
    if not (0 <= and_mask <= 0xFFFF and 0 <= or_mask <= 0xFFFF):
        raise ValueError("a mask has 16 bits")
    return _echoed(_pack_mask(22, address, and_mask, or_mask))


def own_pdu(function: int, data: bytes) -> Transaction:
    """A request of one's own, with a function code that plcmq knows nothing of.

    The payload is all that the reply holds behind its function code. It counts as a write.

    Raises:
        ValueError: no such function code, or more than a PDU holds.
    """
    if not 1 <= function <= MAX_FUNCTION:
        raise ValueError(f"a function code is 1 to {MAX_FUNCTION}, not {function}")
    if len(data) >= MAX_PDU:
        raise ValueError(f"a PDU has at most {MAX_PDU - 1} bytes after its function code, not {len(data)}")
    head = bytes((function,))
    return Transaction(function, head + data, True, head, 0, 1)


def read_write_registers(address: int, count: int, write_address: int, data: bytes) -> Transaction:
    """Writes registers (at most 121), then reads registers (at most 125), in one request (FC23).

    Raises:
        ValueError: more than the specification allows in one request, or beyond address 65535.
    """
    written = _registers_in(data)
    _check_range(address, count, MAX_READ_REGISTERS)
    _check_range(write_address, written, MAX_EXCHANGE_WRITE_REGISTERS)
    head = _pack_exchange(23, address, count, write_address, written, 2 * written)
    return Transaction(23, head + data, True, bytes((23, 2 * count)), 2 + 2 * count, 2)


def _echoed(pdu: bytes) -> Transaction:
    return Transaction(pdu[0], pdu, True, pdu, len(pdu), len(pdu))


def _registers_in(data: bytes) -> int:
    count, rest = divmod(len(data), 2)
    if rest:
        raise ValueError("a register has two bytes")
    return count


def _check_range(address: int, count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ValueError(f"one request takes 1 to {most} addresses, not {count}")
    if not 0 <= address <= ADDRESSES - count:
        raise ValueError(f"{count} addresses from {address} on are not all within 0 to {LAST_ADDRESS}")
