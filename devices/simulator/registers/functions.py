"""What a PLC does with a request: function codes 1 to 6, 15, 16, 22, 23 and 43/14.

Strategy: PDU in, PDU out, on one `Unit`. The order of the checks and the exceptions are those of the
state diagrams in the Modbus Application Protocol V1.1b3, section 6: an unknown function is exception 1, a
bad quantity, byte count or value exception 3, an address outside exception 2. The frequent functions use
struct; pymodbus's classes build the rare one (43/14), and are the oracle for all of them in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from ...modbus.errors import ExceptionCode
from ...modbus.limits import (
    MAX_EXCHANGE_WRITE_REGISTERS,
    MAX_READ_BITS,
    MAX_READ_REGISTERS,
    MAX_WRITE_BITS,
    MAX_WRITE_REGISTERS,
)
from ...model.tags import Table
from .memory import Bits, MemoryChange, Registers, Unit, pack, unpack

READS = frozenset({1, 2, 3, 4, 23})
WRITES = frozenset({5, 6, 15, 16, 22, 23})

Executed = tuple[bytes, MemoryChange | None]
"""The reply's PDU, and what was written."""

_TWO = Struct(">xHH")  # function, then two words
_BLOCK = Struct(">xHHB")  # function, address, quantity, byte count
_MASK = Struct(">xHHH")  # function, address, and mask, or mask
_BOTH = Struct(">xHHHHB")  # function, read address and quantity, write address and quantity, byte count
_HEADS = {
    function: [bytes((function, 2 * count)) for count in range(MAX_READ_REGISTERS + 1)] for function in (3, 4)
}
_TABLES = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}


class Refusal(Exception):
    """The request is answered with an exception code.

    Attributes:
        code: the exception code of the reply.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


def exception(function: int, code: int) -> bytes:
    """The PDU of an exception reply."""
    return bytes((function & 0x7F | 0x80, code))


def execute(unit: Unit, pdu: bytes) -> Executed:
    """Carries a request out on a unit's memory and returns the reply and what was written."""
    handler = _HANDLERS.get(pdu[0])
    if handler is None:
        return exception(pdu[0], ExceptionCode.ILLEGAL_FUNCTION), None
    try:
        return handler(unit, pdu)
    except Refusal as refusal:
        return exception(pdu[0], refusal.code), None


def spans(pdu: bytes) -> list[tuple[Table, int, int]]:
    """Table, address and count of what a request touches; FC23 touches two, some functions nothing."""
    function = pdu[0]
    if len(pdu) < 5 or function not in READS | WRITES:
        return []
    address, count = _TWO.unpack_from(pdu)
    if function in (5, 6, 22):
        count = 1
    if function in (5, 15):
        return [(Table.COIL, address, count)]
    touched = [(_TABLES.get(function, Table.HOLDING), address, count)]
    if function == 23 and len(pdu) >= 9:
        touched.append((Table.HOLDING, *_TWO.unpack_from(pdu, 4)))
    return touched


def _demand(holds: bool, code: int) -> None:
    if not holds:
        raise Refusal(code)


def _read_registers(function: int) -> Callable[[Unit, bytes], Executed]:
    table, heads = _TABLES[function], _HEADS[function]

    def read(unit: Unit, pdu: bytes) -> Executed:
        if len(pdu) != 5:
            raise Refusal(ExceptionCode.ILLEGAL_DATA_VALUE)
        address, count = _TWO.unpack(pdu)
        if not 1 <= count <= MAX_READ_REGISTERS:
            raise Refusal(ExceptionCode.ILLEGAL_DATA_VALUE)
        if not unit.has(table, address, count):
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        registers: Registers = unit.holding if function == 3 else unit.inputs
        return heads[count] + registers.data[2 * address : 2 * (address + count)], None

    return read


def _read_bits(function: int) -> Callable[[Unit, bytes], Executed]:
    table = _TABLES[function]

    def read(unit: Unit, pdu: bytes) -> Executed:
        _demand(len(pdu) == 5, ExceptionCode.ILLEGAL_DATA_VALUE)
        address, count = _TWO.unpack(pdu)
        _demand(1 <= count <= MAX_READ_BITS, ExceptionCode.ILLEGAL_DATA_VALUE)
        _demand(unit.has(table, address, count), ExceptionCode.ILLEGAL_DATA_ADDRESS)
        bits: Bits = unit.coils if function == 1 else unit.discretes
        packed = pack(bits.data[address : address + count])
        return bytes((function, len(packed))) + packed, None

    return read


def _write_coil(unit: Unit, pdu: bytes) -> Executed:
    _demand(len(pdu) == 5, ExceptionCode.ILLEGAL_DATA_VALUE)
    address, value = _TWO.unpack(pdu)
    _demand(value in (0x0000, 0xFF00), ExceptionCode.ILLEGAL_DATA_VALUE)
    _demand(unit.has(Table.COIL, address, 1), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    return pdu, unit.store(Table.COIL, address, b"\x01" if value else b"\x00")


def _write_register(unit: Unit, pdu: bytes) -> Executed:
    _demand(len(pdu) == 5, ExceptionCode.ILLEGAL_DATA_VALUE)
    address, _ = _TWO.unpack(pdu)
    _demand(unit.has(Table.HOLDING, address, 1), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    return pdu, unit.store(Table.HOLDING, address, pdu[3:])


def _write_coils(unit: Unit, pdu: bytes) -> Executed:
    _demand(len(pdu) > 6, ExceptionCode.ILLEGAL_DATA_VALUE)
    address, count, size = _BLOCK.unpack_from(pdu)
    _demand(
        1 <= count <= MAX_WRITE_BITS and size == (count + 7) // 8 == len(pdu) - 6,
        ExceptionCode.ILLEGAL_DATA_VALUE,
    )
    _demand(unit.has(Table.COIL, address, count), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    return pdu[:5], unit.store(Table.COIL, address, unpack(pdu[6:], count))


def _write_registers(unit: Unit, pdu: bytes) -> Executed:
    _demand(len(pdu) > 6, ExceptionCode.ILLEGAL_DATA_VALUE)
    address, count, size = _BLOCK.unpack_from(pdu)
    _demand(
        1 <= count <= MAX_WRITE_REGISTERS and size == 2 * count == len(pdu) - 6,
        ExceptionCode.ILLEGAL_DATA_VALUE,
    )
    _demand(unit.has(Table.HOLDING, address, count), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    return pdu[:5], unit.store(Table.HOLDING, address, pdu[6:])


def _mask_write(unit: Unit, pdu: bytes) -> Executed:
    _demand(len(pdu) == 7, ExceptionCode.ILLEGAL_DATA_VALUE)
    address, and_mask, or_mask = _MASK.unpack(pdu)
    _demand(unit.has(Table.HOLDING, address, 1), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    value = unit.holding[address] & and_mask | or_mask & ~and_mask & 0xFFFF
    return pdu, unit.store(Table.HOLDING, address, value.to_bytes(2, "big"))


def _read_write(unit: Unit, pdu: bytes) -> Executed:
    """FC23: the write comes before the read (section 6.17)."""
    _demand(len(pdu) > 10, ExceptionCode.ILLEGAL_DATA_VALUE)
    read_address, read_count, write_address, write_count, size = _BOTH.unpack_from(pdu)
    _demand(
        1 <= read_count <= MAX_READ_REGISTERS and 1 <= write_count <= MAX_EXCHANGE_WRITE_REGISTERS,
        ExceptionCode.ILLEGAL_DATA_VALUE,
    )
    _demand(size == 2 * write_count == len(pdu) - 10, ExceptionCode.ILLEGAL_DATA_VALUE)
    _demand(unit.has(Table.HOLDING, read_address, read_count), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    _demand(unit.has(Table.HOLDING, write_address, write_count), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    change = unit.store(Table.HOLDING, write_address, pdu[10:])
    return bytes((23, 2 * read_count)) + unit.load(Table.HOLDING, read_address, read_count), change


def _identify(unit: Unit, pdu: bytes) -> Executed:
    """FC43/14. An unknown object is exception 2 alone, but starts from the first in a stream (6.21)."""
    _demand(len(pdu) >= 2 and pdu[1] == 14, ExceptionCode.ILLEGAL_FUNCTION)
    _demand(len(pdu) == 4 and 1 <= pdu[2] <= 4, ExceptionCode.ILLEGAL_DATA_VALUE)
    code, first = pdu[2], pdu[3]
    if code == 4:
        _demand(first in unit.identity, ExceptionCode.ILLEGAL_DATA_ADDRESS)
        objects = {first: unit.identity[first]}
    else:
        last = (0x02, 0x7F, 0xFF)[code - 1]
        if first not in unit.identity or first > last:
            first = 0
        objects = {i: data for i, data in sorted(unit.identity.items()) if first <= i <= last}
    return bytes((43,)) + ReadDeviceInformationResponse(code, objects).encode(), None


_HANDLERS: dict[int, Callable[[Unit, bytes], Executed]] = {
    1: _read_bits(1),
    2: _read_bits(2),
    3: _read_registers(3),
    4: _read_registers(4),
    5: _write_coil,
    6: _write_register,
    15: _write_coils,
    16: _write_registers,
    22: _mask_write,
    23: _read_write,
    43: _identify,
}

FUNCTIONS = frozenset(_HANDLERS)
"""The function codes that a simulated PLC has."""
