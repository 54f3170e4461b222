"""Who has to hear of an endpoint's state: the channel's owner, and each device by itself.

Strategy: pure, but for the calls it makes. It remembers what each has been told, so that each hears every
change once.
"""

from __future__ import annotations

from collections.abc import Callable

from ..model.devices import State
from .health import Health

OnState = Callable[[State, str], None]


class Audience:
    """The devices behind one endpoint, and who listens to their states.

    Attributes:
        units: unit by device id.
    """

    def __init__(self, health: Health, on_state: OnState | None) -> None:
        self.units: dict[int, int] = {}
        self._health = health
        self._on_state = on_state
        self._listeners: dict[int, OnState] = {}
        self._told: dict[int | None, tuple[State, str]] = {}  # by device id; `None` is the endpoint
        self._seen = 0  # of the changes of health

    def register(self, device_id: int, unit: int, on_state: OnState | None) -> None:
        """A device is behind the endpoint."""
        self.units[device_id] = unit
        if on_state is not None:
            self._listeners[device_id] = on_state
        self._seen = 0
        self._health.several = len(set(self.units.values())) > 1

    def unregister(self, device_id: int) -> None:
        """A device is not behind the endpoint any more."""
        unit = self.units.pop(device_id, None)
        self._listeners.pop(device_id, None)
        self._told.pop(device_id, None)
        if unit is not None and unit not in self.units.values():
            self._health.forget(unit)
        self._health.several = len(set(self.units.values())) > 1

    @property
    def is_current(self) -> bool:
        """Whether everybody knows how things are."""
        return self._seen == self._health.changes

    def tell(self) -> bool:
        """Tells what has changed to whom it concerns. Returns whether the endpoint's state is another one."""
        self._seen = self._health.changes
        for device_id, unit in list(self.units.items()):
            listener = self._listeners.get(device_id)
            if self._differs(device_id, self._health.standing(unit)) and listener is not None:
                listener(*self._told[device_id])
        changed = self._differs(None, self._health.standing(None))
        if changed and self._on_state is not None:
            self._on_state(*self._told[None])
        return changed

    def _differs(self, who: int | None, standing: tuple[State, str]) -> bool:
        if self._told.get(who) == standing:
            return False
        self._told[who] = standing
        return True
