"""What the broker knows of the holes of devices: from the registry, and from hosts since.

Strategy: pure. Hosts tell what they find, the registry keeps it, and whoever serves a device is told all that
is known of it, so that nothing is asked twice, whatever is started anew. The server's task takes `outbox` to
the registry and brings back what the registry says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...devices.planning.learned import Learned
from ..catalogue import Catalogue, Entry


class Learning:
    """What is known of holes.

    Attributes:
        outbox: what the registry does not have yet.
        epoch: of the registry when `load` was last called.
    """

    def __init__(self) -> None:
        self.outbox: list[Learned] = []
        self.epoch = 0
        self._known: dict[int, Learned] = {}

    def load(self, known: Mapping[int, Learned], epoch: int) -> list[int]:
        """Takes over what the registry has; returns the devices that are to be learned anew."""
        self.epoch = epoch
        raised = []
        for device, learned in known.items():
            mine = self._known.get(device)
            if learned.epoch > (mine.epoch if mine else 0):
                raised.append(device)
            self._known[device] = mine.joined(learned) if mine else learned
        return raised

    def take(self, learned: Learned) -> None:
        """A host has found holes."""
        mine = self._known.get(learned.device)
        joined = mine.joined(learned) if mine else learned
        if joined != mine:
            self._known[learned.device] = joined
            self.outbox.append(learned)

    def of(self, entries: Iterable[Entry]) -> list[Learned]:
        """What is known of devices where they are now."""
        found = ((self._known.get(entry.device.id), entry.device.place) for entry in entries)
        return [learned for learned, place in found if learned is not None and learned.place == place]

    def keep(self, catalogue: Catalogue) -> None:
        """Forgets what devices have taught that are gone, or elsewhere."""
        entries = [catalogue.devices[device] for device in self._known if device in catalogue.devices]
        self._known = {learned.device: learned for learned in self.of(entries)}
