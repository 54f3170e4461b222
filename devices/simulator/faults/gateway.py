"""Faults of a gateway with a serial bus behind it (faults.md F9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .base import Exchange, RequestFault


@dataclass(kw_only=True, eq=False)
class DeadUnit(RequestFault):
    """Units that do not answer, and block the bus meanwhile: all other requests wait.

    Attributes:
        units: the dead ones.
        block: seconds for which the gateway waits for them.
        code: exception that the gateway answers then, such as 11; `None`: silence.
    """

    name: ClassVar[str] = "dead_unit"
    units: frozenset[int] = frozenset({2})
    block: float = 1.0
    code: int | None = None
    _free: float = field(default=0.0, init=False)

    def before(self, exchange: Exchange) -> None:
        """Blocks the bus for a dead unit, and lets others wait for it."""
        begin = max(self._free, exchange.execute_at)
        if self.hits(exchange):
            self._free = begin = begin + self.block
            if self.code is None:
                exchange.ignore()
                return
            exchange.refuse(self.code)
        exchange.execute_at = begin


@dataclass(kw_only=True, eq=False)
class WrongUnit(RequestFault):
    """Replies carry another unit id than their request.

    Attributes:
        reply_unit: this one.
    """

    name: ClassVar[str] = "wrong_unit"
    reply_unit: int = 0

    def before(self, exchange: Exchange) -> None:
        """The memory is found already; this changes the reply's header."""
        if self.hits(exchange):
            exchange.unit = self.reply_unit
