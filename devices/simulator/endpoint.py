"""What all connections of one endpoint share: units, faults, evidence, and how a request is answered.

Strategy: no socket here. `connection` and `server` both build on it, and it is what a plant is told by.
"""

from __future__ import annotations

from collections.abc import Callable

from ..modbus.errors import ExceptionCode
from .evidence import Evidence
from .faults.base import Exchange, Fault
from .registers.functions import exception, execute
from .registers.memory import MemoryChange, Unit


class SimulatedEndpoint:
    """The inside of a simulated PLC.

    Attributes:
        units: memory by unit id.
        unit_missing: exception code that answers for a unit that is not there; `None`: silence.
        any_unit: the only unit answers whatever unit id is asked for, as many PLCs do.
        evidence: what it saw.
        serving: it runs; what is still in line when it stops is dropped.
        faults: those at work, in the order in which they are asked.
        observers: called after each accepted write with the unit, what was written, and the time.
    """

    def __init__(self) -> None:
        self.units: dict[int, Unit] = {}
        self.unit_missing: int | None = ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND
        self.any_unit = False
        self.evidence = Evidence()
        self.serving = False
        self.faults: list[Fault] = []
        self.observers: list[Callable[[Unit, MemoryChange, float], None]] = []

    def unit(self, number: int) -> Unit | None:
        """The unit that a request with this unit id is for."""
        if self.any_unit:
            return next(iter(self.units.values()), None)
        return self.units.get(number)

    def answer(self, number: int, pdu: bytes, now: float) -> bytes:
        """Carries a request out at once; the reply's PDU, empty where nothing answers."""
        unit = self.unit(number)
        if unit is None:
            return self._nobody(pdu)
        reply, change = execute(unit, pdu)
        if change is not None:
            self._changed(unit, change, now)
        elif reply[0] & 0x80:
            self.evidence.exceptions[reply[1]] += 1
        return reply

    def consider(self, exchange: Exchange) -> None:
        """Asks the faults about a request that has arrived."""
        for fault in self.faults:
            fault.before(exchange)
        self.count_faults()

    def carry_out(self, exchange: Exchange, now: float) -> bytes:
        """Executes a request as far as the faults let it; the reply's PDU, empty where nothing answers."""
        if exchange.answer is not None:
            reply = exchange.answer
        elif not exchange.execute:
            return b""
        elif exchange.memory is None:
            return self._nobody(exchange.pdu)
        else:
            reply, exchange.change = execute(exchange.memory, exchange.pdu)
            if exchange.change is not None:
                self._changed(exchange.memory, exchange.change, now)
        if reply[0] & 0x80 and not exchange.silent:
            self.evidence.exceptions[reply[1]] += 1
        return reply

    def conclude(self, exchange: Exchange) -> None:
        """Asks the faults about a reply that is ready."""
        for fault in self.faults:
            fault.after(exchange)
        self.count_faults()

    def count_faults(self) -> None:
        """Takes the faults' counts over into the evidence."""
        for fault in self.faults:
            if fault.struck:
                self.evidence.faults[fault.name] += fault.struck
                fault.struck = 0

    def _nobody(self, pdu: bytes) -> bytes:
        if self.unit_missing is None:
            return b""
        self.evidence.exceptions[self.unit_missing] += 1
        return exception(pdu[0], self.unit_missing)

    def _changed(self, unit: Unit, change: MemoryChange, now: float) -> None:
        self.evidence.accepted(unit.number, change)
        for observer in self.observers:
            observer(unit, change, now)
