"""The memory of a simulated device: four tables, as a reply carries them.

Strategy: registers lie in one bytearray in wire order, so that answering a read is a slice; bits take one
byte each, so that writing one is an index. Pure: no socket, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from ...model.tags import Table

SIZE = 65536
"""Addresses of a table, unless a unit is told otherwise."""

_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


class Registers:
    """A table of 16-bit registers. Reads and takes numbers; an index or a slice, as a list does.

    Attributes:
        data: the same registers in wire order, two bytes each, high byte first.
    """

    __slots__ = ("data",)

    def __init__(self, size: int = SIZE) -> None:
        self.data = bytearray(2 * size)

    def __len__(self) -> int:
        return len(self.data) // 2

    @overload
    def __getitem__(self, where: int) -> int: ...
    @overload
    def __getitem__(self, where: slice) -> list[int]: ...
    def __getitem__(self, where: int | slice) -> int | list[int]:
        if isinstance(where, slice):
            return [self._get(i) for i in range(*where.indices(len(self)))]
        return self._get(range(len(self))[where])

    @overload
    def __setitem__(self, where: int, value: int) -> None: ...
    @overload
    def __setitem__(self, where: slice, value: Iterable[int]) -> None: ...
    def __setitem__(self, where: int | slice, value: int | Iterable[int]) -> None:
        if isinstance(where, slice):
            assert not isinstance(value, int)
            for i, number in zip(range(*where.indices(len(self))), value, strict=True):
                self._set(i, number)
        else:
            assert isinstance(value, int)
            self._set(range(len(self))[where], value)

    def _get(self, i: int) -> int:
        return self.data[2 * i] << 8 | self.data[2 * i + 1]

    def _set(self, i: int, number: int) -> None:
        self.data[2 * i : 2 * i + 2] = (number & 0xFFFF).to_bytes(2, "big")


class Bits:
    """A table of single bits. Reads as 0 and 1, takes anything true or false.

    Attributes:
        data: the same bits, one byte 0 or 1 each.
    """

    __slots__ = ("data",)

    def __init__(self, size: int = SIZE) -> None:
        self.data = bytearray(size)

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, where: int) -> int: ...
    @overload
    def __getitem__(self, where: slice) -> list[int]: ...
    def __getitem__(self, where: int | slice) -> int | list[int]:
        if isinstance(where, slice):
            return list(self.data[where])
        return self.data[where]

    @overload
    def __setitem__(self, where: int, value: bool | int) -> None: ...
    @overload
    def __setitem__(self, where: slice, value: Iterable[bool | int]) -> None: ...
    def __setitem__(self, where: int | slice, value: bool | int | Iterable[bool | int]) -> None:
        if isinstance(where, slice):
            assert not isinstance(value, int)
            bits = bytes(bool(bit) for bit in value)
            if len(bits) != len(range(*where.indices(len(self)))):
                raise ValueError("a slice takes as many bits as it has")
            self.data[where] = bits
        else:
            self.data[where] = bool(value)


def pack(bits: bytes | bytearray) -> bytes:
    """Bits of one byte each, packed as a reply carries them: eight to a byte, the first one lowest."""
    number = int(bits[::-1].translate(_DIGITS), 2) if bits else 0
    return number.to_bytes((len(bits) + 7) // 8, "little")


def unpack(packed: bytes, count: int) -> bytes:
    """The reverse of `pack`: `count` bits, one byte each."""
    return bytes(packed[i >> 3] >> (i & 7) & 1 for i in range(count))


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """What one accepted request wrote, registers as two bytes and bits as one byte each."""

    table: Table
    address: int
    count: int  # registers or bits
    before: bytes
    after: bytes


@dataclass(slots=True)
class Unit:
    """The memory of one unit, and which of it exists.

    Attributes:
        number: the unit id that it answers to.
        size: addresses of each table.
        holes: ranges of addresses by table that do not exist: a request that touches one gets exception 2.
        identity: device identification objects (FC 43/14) by object id.
    """

    number: int = 1
    size: int = SIZE
    holes: Mapping[Table, Sequence[range]] = field(default_factory=dict)
    identity: Mapping[int, bytes] = field(default_factory=lambda: IDENTITY)
    coils: Bits = field(init=False, repr=False)
    discretes: Bits = field(init=False, repr=False)
    inputs: Registers = field(init=False, repr=False)
    holding: Registers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.coils, self.discretes = Bits(self.size), Bits(self.size)
        self.inputs, self.holding = Registers(self.size), Registers(self.size)

    def has(self, table: Table, address: int, count: int) -> bool:
        """Whether every one of `count` addresses exists."""
        if address < 0 or address + count > self.size:
            return False
        if not self.holes:
            return True
        return not any(
            address < hole.stop and hole.start < address + count for hole in self.holes.get(table, ())
        )

    def load(self, table: Table, address: int, count: int) -> bytes:
        """`count` registers in wire order, or bits of one byte each."""
        if table.is_bits:
            return bytes(self._bits(table).data[address : address + count])
        return bytes(self._registers(table).data[2 * address : 2 * (address + count)])

    def store(self, table: Table, address: int, data: bytes) -> MemoryChange:
        """Puts what `load` would give, whether or not the protocol could write that table.

        Raises:
            IndexError: it does not fit into the table.
        """
        step = 1 if table.is_bits else 2
        count = len(data) // step
        if address < 0 or address + count > self.size:
            raise IndexError(f"{table}:{address} and {count} addresses are outside the unit's memory")
        memory = self._bits(table).data if table.is_bits else self._registers(table).data
        where = slice(step * address, step * (address + count))
        before = bytes(memory[where])
        memory[where] = data
        return MemoryChange(table, address, count, before, data)

    def _bits(self, table: Table) -> Bits:
        return self.coils if table is Table.COIL else self.discretes

    def _registers(self, table: Table) -> Registers:
        return self.holding if table is Table.HOLDING else self.inputs


IDENTITY: Mapping[int, bytes] = {
    0x00: b"plcmq",  # VendorName
    0x01: b"SIM",  # ProductCode
    0x02: b"1.0",  # MajorMinorRevision
    0x04: b"Simulated PLC",  # ProductName
    0x05: b"simulate",  # ModelName
}
"""Device identification objects (Modbus Application Protocol V1.1b3, section 6.21)."""
