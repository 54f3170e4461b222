"""Tags: what a value is, where it lies in a device, and what may be written to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Scalar = bool | int | float | str
Value = Scalar | list[Scalar] | None
"""What a tag's value is: a scalar, a list for an array or for flags, `None` where there is none."""


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
    INT8 = "int8"  # one byte of a register
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT24 = "int24"  # the low 24 bits of two registers
    UINT24 = "uint24"
    INT32 = "int32"
    UINT32 = "uint32"
    INT48 = "int48"
    UINT48 = "uint48"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    SM16 = "sm16"  # sign and magnitude
    SM32 = "sm32"
    MOD10K32 = "mod10k32"  # 0 to 9999 in each register
    MOD10K48 = "mod10k48"
    MOD10K64 = "mod10k64"


class Order(StrEnum):
    """Big: the most significant part comes first."""

    BIG = "big"
    LITTLE = "little"


class Access(StrEnum):
    """Whether a tag may be read and written."""

    RO = "ro"
    RW = "rw"
    WO = "wo"

    @property
    def is_writable(self) -> bool:
        """Whether it may be written."""
        return self is not Access.RO


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
    order: str = ""  # bytes as they come on the wire, A the highest; replaces the two orders where given
    byte: str = ""  # of an int8 or uint8: "high" or "low" in its register
    bits: tuple[int, int] | None = None  # an unsigned number in these bits, from and to; 0 is the lowest
    flags: Mapping[int, str] | None = None  # name by bit: the value is a list of those that are set
    no_value: frozenset[int] = frozenset()  # raw numbers that mean "there is none"
    scale_exponent: str | None = None  # another tag: value = raw * 10 ** other
    precision: int | None = None  # decimals that what is read is rounded to
    strict: bool = False  # whether only the names and numbers of the enum are values
    pad: str = "\0"  # what fills a string up, and is cut off when it is read
    encoding: str = "utf-8"  # of a string
    chars: str = ""  # "low" or "high": one character a register
    header: str = ""  # "s7": maximal and current length in the first two bytes
    write_function: int | None = None  # the function code that writes it
    alone: bool = False  # whether it is read by a request of its own, and no other reads over it

    @property
    def is_scaled(self) -> bool:
        """Whether raw and value differ by scale or offset."""
        return self.scale != 1.0 or self.offset != 0.0
