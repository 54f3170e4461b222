"""Faults of a PLC that is slow, busy, or wants to be given time (faults.md F6, F7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from ...modbus.errors import ExceptionCode
from .base import Close, Exchange, Fault, RequestFault, Scene


@dataclass(kw_only=True, eq=False)
class Delay(RequestFault):
    """Each request takes a time to be answered.

    Attributes:
        seconds: the time; jitter: up to so much more, at random.
        overlap: requests of one connection are worked on side by side; else one after the other.
    """

    name: ClassVar[str] = "delay"
    seconds: float
    jitter: float = 0.0
    overlap: bool = False

    def before(self, exchange: Exchange) -> None:
        """Executes at the end of the time."""
        if self.hits(exchange):
            begin = exchange.arrived if self.overlap else exchange.free
            taken = self.seconds + self.jitter * self.random.random()
            exchange.execute_at = max(exchange.execute_at, begin + taken)


@dataclass(kw_only=True, eq=False)
class Scan(Fault):
    """Requests are executed and answered at the end of the PLC's scan only.

    Attributes:
        period: seconds of a scan.
        per_scan: requests that one scan serves, of all connections together; 0: all that are there.
    """

    name: ClassVar[str] = "scan"
    period: float = 0.05
    per_scan: int = 0
    _origin: float = field(default=0.0, init=False)
    _scan: int = field(default=0, init=False)
    _served: int = field(default=0, init=False)

    def start(self, scene: Scene) -> None:
        """Scans begin now."""
        self._origin, self._scan, self._served = scene.now, 0, 0

    def before(self, exchange: Exchange) -> None:
        """Gives the request a place in a scan."""
        self.struck += 1
        scan = int((exchange.arrived - self._origin) / self.period) + 1
        if scan > self._scan:
            self._scan, self._served = scan, 0
        elif self.per_scan and self._served >= self.per_scan:
            self._scan, self._served = self._scan + 1, 0
        self._served += 1
        exchange.execute_at = max(exchange.execute_at, self._origin + self._scan * self.period)


class Overflow(StrEnum):
    """What a PLC does with more requests than it holds."""

    DROP = "drop"
    BUSY = "busy"  # exception 6


@dataclass(kw_only=True, eq=False)
class InFlight(Fault):
    """Only so many requests of one connection are held at once.

    Attributes:
        limit: as many are held; overflow: what becomes of one more.
    """

    name: ClassVar[str] = "in_flight"
    limit: int = 1
    overflow: Overflow = Overflow.DROP

    def before(self, exchange: Exchange) -> None:
        """Strikes what is too many."""
        if exchange.waiting > self.limit and self.strikes():
            if self.overflow is Overflow.BUSY:
                exchange.refuse(ExceptionCode.SERVER_DEVICE_BUSY)
            else:
                exchange.ignore()


@dataclass(kw_only=True, eq=False)
class Busy(RequestFault):
    """Answers exception 6 (busy, not executed) at times."""

    name: ClassVar[str] = "busy"
    p: float = 0.05

    def before(self, exchange: Exchange) -> None:
        """Throws the dice."""
        if self.hits(exchange):
            exchange.refuse(ExceptionCode.SERVER_DEVICE_BUSY)


@dataclass(kw_only=True, eq=False)
class WarmUp(Fault):
    """Ignores what comes too soon after connecting.

    Attributes:
        ready_after: seconds from connecting.
    """

    name: ClassVar[str] = "warm_up"
    ready_after: float = 1.0

    def before(self, exchange: Exchange) -> None:
        """Strikes early requests."""
        if exchange.arrived - exchange.peer.opened < self.ready_after and self.strikes():
            exchange.ignore()


class Violation(StrEnum):
    """What a PLC does about a request that came too soon after its last reply."""

    DROP = "drop"
    GARBLE_UNIT = "garble_unit"  # the reply carries another unit id
    CLOSE = "close"


@dataclass(kw_only=True, eq=False)
class MinGap(Fault):
    """Wants a pause between a reply and the next request. How often it struck is how often there was none.

    Attributes:
        seconds: the pause; violation: what becomes of a request without it.
    """

    name: ClassVar[str] = "min_gap"
    seconds: float = 0.05
    violation: Violation = Violation.DROP

    def before(self, exchange: Exchange) -> None:
        """Strikes hasty requests."""
        if exchange.replied is None or exchange.arrived - exchange.replied >= self.seconds:
            return
        if not self.strikes():
            return
        if self.violation is Violation.GARBLE_UNIT:
            exchange.unit ^= 0xFF
        else:
            exchange.ignore()
            if self.violation is Violation.CLOSE:
                exchange.close = Close.FIN
