"""Traps of the register map, and exceptions at will (faults.md F10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...modbus.errors import ExceptionCode
from ...model.tags import Table
from ..registers.functions import READS, spans
from ..registers.memory import MemoryChange, Unit
from .base import Exchange, Fault, RequestFault, Scene


@dataclass(kw_only=True, eq=False)
class ExceptionReply(RequestFault):
    """Answers an exception.

    Attributes:
        code: this one; execute: the request is carried out all the same.
    """

    name: ClassVar[str] = "exception"
    code: int = 4
    execute: bool = False

    def before(self, exchange: Exchange) -> None:
        """Refuses, unless the request shall be carried out."""
        if not self.execute and self.hits(exchange):
            exchange.refuse(self.code)

    def after(self, exchange: Exchange) -> None:
        """Exchanges the reply of one that was carried out."""
        if self.execute and exchange.frames and self.hits(exchange):
            head = exchange.frames[0]
            exchange.frames = [head[:4] + b"\0\3" + head[6:7] + bytes((exchange.function | 0x80, self.code))]


@dataclass(kw_only=True, eq=False)
class NoFunction(Fault):
    """Function codes that the PLC does not have.

    Attributes:
        functions: those.
    """

    name: ClassVar[str] = "no_function"
    functions: frozenset[int]

    def before(self, exchange: Exchange) -> None:
        """Refuses them with exception 1."""
        if exchange.function in self.functions and self.strikes():
            exchange.refuse(ExceptionCode.ILLEGAL_FUNCTION)


@dataclass(kw_only=True, eq=False)
class MaxRegisters(Fault):
    """Takes fewer registers or bits in a request than the specification allows.

    Attributes:
        registers: most registers; bits: most bits; code: exception for one that has more.
    """

    name: ClassVar[str] = "max_registers"
    registers: int = 32
    bits: int = 2000
    code: int = ExceptionCode.ILLEGAL_DATA_VALUE

    def before(self, exchange: Exchange) -> None:
        """Refuses what is too long."""
        for table, _, count in spans(exchange.pdu):
            if count > (self.bits if table.is_bits else self.registers) and self.strikes():
                exchange.refuse(self.code)


@dataclass(kw_only=True, eq=False)
class AreaFault(Fault):
    """Base of faults at a place in the memory.

    Attributes:
        table, address, count: the place.
        unit: of this unit; `None`: of each.
    """

    table: Table = Table.HOLDING
    address: int
    count: int = 1
    unit: int | None = None

    def here(self, exchange: Exchange) -> bool:
        """Whether the request is for its unit."""
        return self.unit is None or self.unit == exchange.unit

    def overlaps(self, table: Table, address: int, count: int) -> bool:
        """Whether the place and an area have an address in common."""
        return table is self.table and address < self.address + self.count and self.address < address + count

    def covered(self, table: Table, address: int, count: int) -> bool:
        """Whether an area has the whole place."""
        return (
            table is self.table and address <= self.address and self.address + self.count <= address + count
        )


@dataclass(kw_only=True, eq=False)
class Hole(AreaFault):
    """Addresses that do not exist: exception 2 for the whole request that touches one.

    Attributes:
        code: the exception; 0: silence.
    """

    name: ClassVar[str] = "hole"
    code: int = ExceptionCode.ILLEGAL_DATA_ADDRESS

    def before(self, exchange: Exchange) -> None:
        """Refuses what touches it."""
        if self.here(exchange) and any(self.overlaps(*span) for span in spans(exchange.pdu)):
            self.struck += 1
            if self.code:
                exchange.refuse(self.code)
            else:
                exchange.ignore()


@dataclass(kw_only=True, eq=False)
class WholeObject(AreaFault):
    """A longer value that is read whole or not at all: exception 2 for a part of it."""

    name: ClassVar[str] = "whole_object"
    count: int = 2

    def before(self, exchange: Exchange) -> None:
        """Refuses what touches it without having all of it."""
        parts = (self.overlaps(*span) and not self.covered(*span) for span in spans(exchange.pdu))
        if self.here(exchange) and any(parts):
            self.struck += 1
            exchange.refuse(ExceptionCode.ILLEGAL_DATA_ADDRESS)


@dataclass(kw_only=True, eq=False)
class Tear(AreaFault):
    """A longer value changes between any two requests: all its words always carry the same number.

    A value put together from two requests shows two numbers. Struck: reads of only a part.
    """

    name: ClassVar[str] = "tear"
    count: int = 2
    _number: int = field(default=0, init=False)

    def before(self, exchange: Exchange) -> None:
        """Moves the value on before each read."""
        if exchange.memory is None or exchange.function not in READS or not self.here(exchange):
            return
        self._number = (self._number + 1) & 0xFFFF
        exchange.memory.store(self.table, self.address, self._number.to_bytes(2, "big") * self.count)
        if any(self.overlaps(*span) and not self.covered(*span) for span in spans(exchange.pdu)):
            self.struck += 1


@dataclass(kw_only=True, eq=False)
class SelfReset(AreaFault):
    """What is written there falls back to what it was.

    Attributes:
        after_seconds: seconds until then; 0: before the write is answered.
    """

    name: ClassVar[str] = "self_reset"
    after_seconds: float = 0.0
    _due: list[tuple[float, Unit, MemoryChange]] = field(default_factory=list, init=False)

    def after(self, exchange: Exchange) -> None:
        """Notes a write, or undoes it at once."""
        change, memory = exchange.change, exchange.memory
        if change is None or memory is None or not self.here(exchange):
            return
        if not self.overlaps(change.table, change.address, change.count) or not self.strikes():
            return
        if self.after_seconds:
            self._due.append((exchange.arrived + self.after_seconds, memory, change))
        else:
            memory.store(change.table, change.address, change.before)

    def wake_at(self, scene: Scene) -> float | None:
        """Looks each quarter of the time, since a write sets no alarm."""
        return scene.now + self.after_seconds / 4 if self.after_seconds else None

    def wake(self, scene: Scene) -> None:
        """Undoes what is due."""
        for at, memory, change in self._due:
            if at <= scene.now:
                memory.store(change.table, change.address, change.before)
        self._due = [due for due in self._due if due[0] > scene.now]
