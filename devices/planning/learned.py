"""What is known of a device's holes, as hosts and broker tell each other and the registry keeps it.

Strategy: pure. A hole belongs to a place (endpoint and unit) and not to a definition of tags: whatever is
made of the device's tags, the addresses stay. Who wants it all learned anew raises the epoch, and what was
learned in an earlier one counts no more, however late it arrives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..modbus.limits import ADDRESSES
from ..model.tags import Table
from .reads import Hole

HoleForm = list[str | int | bool]
"""A hole as plain data: table, address, count, gap."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The holes of one device, as far as somebody knows.

    Attributes:
        device: its id.
        place: where they were found, as `Device.place` tells it.
        epoch: how often it had been told to learn anew.
        holes: ranges that it does not read as a whole.
        gone: ranges that were holes, and can be read again.
    """

    device: int
    place: str
    epoch: int = 0
    holes: frozenset[Hole] = frozenset()
    gone: frozenset[Hole] = frozenset()

    def joined(self, other: Learned) -> Learned:
        """What is known after the other one; of two epochs the later alone, of two places the other's."""
        if other.epoch < self.epoch and other.place == self.place:
            return replace(self, gone=frozenset())
        if other.place != self.place or other.epoch > self.epoch:
            return replace(other, gone=frozenset())
        return replace(self, holes=self.holes - other.gone | other.holes, gone=frozenset())


def forms_of(holes: Iterable[Hole]) -> list[HoleForm]:
    """Holes as plain data, in order."""
    return sorted([str(h.table), h.address, h.count, h.gap] for h in holes)


def holes_of(forms: object) -> frozenset[Hole]:
    """The holes that plain data tells.

    Raises:
        ValueError: it tells something else.
    """
    if not isinstance(forms, list):
        raise ValueError("holes are a list")
    return frozenset(map(_hole, forms))


def _hole(form: object) -> Hole:
    match form:
        case [str(table), int(address), int(count), bool(gap)] if type(address) is type(count) is int:
            if address >= 0 and 1 <= count <= ADDRESSES - address:
                return Hole(Table(table), address, count, gap)
    raise ValueError(f"{form!r} is no hole")
