"""An output watchdog that wants to be fed (faults.md F11; WAGO 750 registers 0x1000 to 0x1009)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..registers.functions import WRITES
from .base import Exchange, Scene
from .register_map import AreaFault


@dataclass(kw_only=True, eq=False)
class OutputWatchdog(AreaFault):
    """Outputs fall to 0 when no request of the right kind comes for a time. Struck: how often they did.

    Attributes:
        period: seconds without food until then; the first food arms it.
        functions: function codes that feed it.
    """

    name: ClassVar[str] = "watchdog"
    period: float = 1.0
    functions: frozenset[int] = WRITES
    _fed: float | None = field(default=None, init=False)

    def before(self, exchange: Exchange) -> None:
        """Feeds it."""
        if exchange.function in self.functions and self.here(exchange):
            self._fed = exchange.arrived

    def wake_at(self, scene: Scene) -> float | None:
        """Looks at the end of the period; while it is not armed, once a period."""
        return (scene.now if self._fed is None else self._fed) + self.period

    def wake(self, scene: Scene) -> None:
        """Sets the outputs to 0 when it is starved, and waits for food to arm it again."""
        if self._fed is None or self._fed + self.period > scene.now:
            return
        self._fed = None
        self.struck += 1
        safe = bytes(self.count * (1 if self.table.is_bits else 2))
        for number, unit in scene.units.items():
            if self.unit in (None, number):
                unit.store(self.table, self.address, safe)
