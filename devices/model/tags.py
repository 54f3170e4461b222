"""Tags: what a value is, where it lies in a device, and what may be written to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Scalar = bool | int | float | str
Value = Scalar | list[Scalar] | None
"""What a tag's value is: a scalar, a list for an array tag, `None` for a float that is not a number."""


class Table(StrEnum):
    """The four tables of the Modbus data model (Modbus Application Protocol V1.1b3, section 4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def is_bits(self) -> bool:
        """Whether an address holds one bit rather than a 16-bit register."""
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def is_writable(self) -> bool:
        """Whether the protocol has a function code that writes it."""
        return self in (Table.COIL, Table.HOLDING)


class Type(StrEnum):
    """The type of a tag's value."""

    BOOL = "bool"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"
    BCD16 = "bcd16"
    BCD32 = "bcd32"


class Order(StrEnum):
    """Big: the most significant part comes first."""

    BIG = "big"
    LITTLE = "little"


class Access(StrEnum):
    """Whether a tag may be written."""

    RO = "ro"
    RW = "rw"


@dataclass(frozen=True, slots=True)
class Verify:
    """How a written value is read back."""

    tag: str | None = None  # another tag to read instead of the written one
    after: float = 0.0  # seconds between the write and the read


@dataclass(frozen=True, slots=True)
class Tag:
    """A named value in a device's memory."""

    name: str
    table: Table
    address: int  # 0-based, of the first register or bit
    type: Type
    access: Access = Access.RO
    count: int | None = None  # elements of an array; None for a scalar
    length: int = 0  # bytes of a string
    bit: int | None = None  # the bit of a register that a bool is; 0 is the least significant
    scale: float = 1.0  # value = raw * scale + offset
    offset: float = 0.0
    word_order: Order = Order.BIG  # of the 16-bit words in a longer value
    byte_order: Order = Order.BIG  # of the bytes in each word
    unit: str = ""
    min: float | None = None
    max: float | None = None
    enum: Mapping[int, str] | None = None  # name by raw number
    verify: Verify | None = None
    description: str = ""
    urgent: bool = False  # writes of it go in between the polls and pauses of a running action

    @property
    def is_scaled(self) -> bool:
        """Whether raw and value differ by scale or offset."""
        return self.scale != 1.0 or self.offset != 0.0
