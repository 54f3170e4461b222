"""The limits of the specification (Modbus Application Protocol V1.1b3, section 6): one block for everybody.

What a device can do beyond or short of these is in its link settings, whose defaults are these numbers.
"""

from __future__ import annotations

from typing import Final

ADDRESSES: Final = 0x10000  # in each table
LAST_ADDRESS: Final = ADDRESSES - 1
MAX_REGISTER: Final = 0xFFFF  # the highest value of a register

MAX_READ_BITS: Final = 2000  # in one FC1 or FC2
MAX_READ_REGISTERS: Final = 125  # in one FC3 or FC4
MAX_WRITE_BITS: Final = 1968  # in one FC15
MAX_WRITE_REGISTERS: Final = 123  # in one FC16
MAX_EXCHANGE_WRITE_REGISTERS: Final = 121  # written by one FC23

MAX_FUNCTION: Final = 0x7F  # the highest function code; above are exceptions
MAX_PDU: Final = 253  # bytes of a request or a reply, from its function code on (section 4.1)


def most_read(bits: bool) -> int:
    """Addresses that one request reads at most, of a table of bits or of registers."""
    return MAX_READ_BITS if bits else MAX_READ_REGISTERS


def most_written(bits: bool) -> int:
    """Addresses that one request writes at most, of a table of bits or of registers."""
    return MAX_WRITE_BITS if bits else MAX_WRITE_REGISTERS
