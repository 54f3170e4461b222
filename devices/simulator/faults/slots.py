"""A PLC that takes only a few connections, and what it does with one more (faults.md F3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from .base import Admission, Close, Fault, Peer, Scene


class Full(StrEnum):
    """What becomes of a connection when all slots are taken.

    A refused one never leaves the kernel, so it is in no evidence: a test that wants to see a second socket
    takes one of the others.
    """

    REFUSE = "refuse"  # the port is closed: connecting is refused
    RESET = "reset"  # accepted and reset at once
    CLOSE = "close"  # accepted and closed at once, with FIN
    KILL_OLDEST = "kill_oldest"  # it is served, and the oldest one closed
    ACCEPT_SILENT = "accept_silent"  # stays open, and is never answered


@dataclass(kw_only=True, eq=False)
class SlotLimit(Fault):
    """Serves so many connections at once.

    Attributes:
        max: as many; overflow: what becomes of one more.
        half_open_hold: seconds for which a closed connection still takes its slot, as on stacks that leak.
    """

    name: ClassVar[str] = "slots"
    max: int = 1
    overflow: Full = Full.REFUSE
    half_open_hold: float = 0.0
    _held: list[float] = field(default_factory=list, init=False)  # until when

    def refuses(self, scene: Scene) -> bool | None:
        """The port is closed while it is full, if that is its way."""
        return self.overflow is Full.REFUSE and self._full(scene)

    def accept(self, scene: Scene) -> Admission | None:
        """Decides about one that is too many."""
        if not self._full(scene):
            return None
        self.struck += 1
        if self.overflow is Full.KILL_OLDEST:
            for peer in self._served(scene)[:1]:
                scene.cut(peer, Close.FIN)
            return None
        return {Full.CLOSE: Admission.FIN, Full.ACCEPT_SILENT: Admission.MUTE}.get(
            self.overflow, Admission.RST
        )

    def ended(self, scene: Scene, peer: Peer) -> None:
        """Its slot is free, at once or later."""
        if self.half_open_hold and not peer.mute:
            self._held.append(scene.now + self.half_open_hold)

    def wake_at(self, scene: Scene) -> float | None:
        """When the next held slot is free."""
        return min((until for until in self._held if until > scene.now), default=None)

    def wake(self, scene: Scene) -> None:
        """Lets go of held slots."""
        self._held = [until for until in self._held if until > scene.now]

    def _served(self, scene: Scene) -> list[Peer]:
        return [peer for peer in scene.peers if not peer.mute]

    def _full(self, scene: Scene) -> bool:
        held = sum(until > scene.now for until in self._held)
        return len(self._served(scene)) + held >= self.max
