"""Faults of a PLC that does not answer, answers too late, or goes away (faults.md F1, F2, F4, F5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from ...modbus.errors import ExceptionCode
from ..registers.functions import WRITES
from .base import Admission, Close, Exchange, Fault, Peer, RequestFault, Scene

TICK = 0.001  # seconds by which a timer may be early


@dataclass(kw_only=True, eq=False)
class Blackhole(RequestFault):
    """TCP lives and the application is dead: requests are acknowledged and never answered.

    Attributes:
        execute: they are carried out all the same.
    """

    name: ClassVar[str] = "blackhole"
    execute: bool = False

    def before(self, exchange: Exchange) -> None:
        """Strikes."""
        if self.hits(exchange):
            exchange.silent = True
            exchange.execute = exchange.execute and self.execute


class Loss(StrEnum):
    """How a reply is lost."""

    DROP = "drop"
    FIN = "fin"
    RST = "rst"
    DELAY = "delay"  # it comes, too late


@dataclass(kw_only=True, eq=False)
class ReplyLost(RequestFault):
    """A write is applied and its reply is lost.

    Attributes:
        mode: how; delay: seconds that a late reply takes.
    """

    name: ClassVar[str] = "reply_lost"
    functions: frozenset[int] = WRITES
    mode: Loss = Loss.DROP
    delay: float = 1.5

    def after(self, exchange: Exchange) -> None:
        """Strikes what has been executed."""
        if exchange.change is None or not self.hits(exchange):
            return
        if self.mode is Loss.DELAY:
            exchange.late_by = self.delay
            return
        exchange.silent = True
        if self.mode is not Loss.DROP:
            exchange.close = Close(self.mode.value)


class Lateness(StrEnum):
    """How replies get out of step."""

    LATE = "late"  # one comes after the master has given up
    OFF_BY_ONE = "off_by_one"  # one is held until the next request
    ZERO = "zero_transaction"  # the transaction id of the reply is 0


@dataclass(kw_only=True, eq=False)
class LateReplies(RequestFault):
    """Replies arrive during later requests.

    Attributes:
        every_n: each so many-th reply; mode: what happens to it; delay: seconds that a late one takes.
    """

    name: ClassVar[str] = "late_replies"
    every_n: int = 50
    mode: Lateness = Lateness.LATE
    delay: float = 1.02
    _seen: int = field(default=0, init=False)
    _held: dict[int, list[bytes]] = field(default_factory=dict, init=False)

    def after(self, exchange: Exchange) -> None:
        """Strikes each n-th, and lets go what was held."""
        held = self._held.pop(exchange.peer.number, [])
        if exchange.frames and self.concerns(exchange):
            self._seen += 1
            if self._seen % self.every_n == 0 and self.strikes():
                self._strike(exchange)
        exchange.frames = held + exchange.frames

    def ended(self, _scene: Scene, peer: Peer) -> None:
        """What was held for it is lost."""
        self._held.pop(peer.number, None)

    def _strike(self, exchange: Exchange) -> None:
        if self.mode is Lateness.LATE:
            exchange.late_by = self.delay
        elif self.mode is Lateness.OFF_BY_ONE:
            self._held[exchange.peer.number] = exchange.frames
            exchange.frames = []
        else:
            exchange.frames = [b"\0\0" + piece[2:] for piece in exchange.frames]


@dataclass(kw_only=True, eq=False)
class PlcStop(Fault):
    """The PLC is stopped: no answers first, then exception 6 to everything.

    Attributes:
        silent: seconds without an answer.
    """

    name: ClassVar[str] = "plc_stop"
    silent: float = 1.0
    _since: float = field(default=0.0, init=False)

    def start(self, scene: Scene) -> None:
        """Stops now."""
        self._since = scene.now

    def before(self, exchange: Exchange) -> None:
        """Strikes everything."""
        if not self.strikes():
            return
        if exchange.arrived - self._since < self.silent:
            exchange.ignore()
        else:
            exchange.refuse(ExceptionCode.SERVER_DEVICE_BUSY)


@dataclass(kw_only=True, eq=False)
class Unplug(Fault):
    """The port is closed and every connection ended, until the fault is taken out.

    Attributes:
        close: how connections end; silent: nobody is told, as with a cable, and they are reset afterwards.
    """

    name: ClassVar[str] = "unplug"
    close: Close = Close.RST
    _lost: list[Peer] = field(default_factory=list, init=False)

    def start(self, scene: Scene) -> None:
        """Ends all connections."""
        self.struck += 1
        self._lost = list(scene.peers)
        for peer in scene.peers:
            scene.cut(peer, self.close)

    def stop(self, scene: Scene) -> None:
        """The PLC knows nothing of the connections from before."""
        self._reset(scene)

    def refuses(self, _scene: Scene) -> bool | None:
        """Nobody gets in."""
        return True

    def accept(self, _scene: Scene) -> Admission | None:
        """One that was on its way in."""
        return Admission.RST

    def _reset(self, scene: Scene) -> None:
        for peer in self._lost:
            scene.cut(peer, Close.RST)
        self._lost = []


@dataclass(kw_only=True, eq=False)
class PowerCycle(Unplug):
    """The PLC is off for a time: connections die silently, connecting is refused, then old ones are reset.

    Attributes:
        dark: seconds.
    """

    name: ClassVar[str] = "power_cycle"
    close: Close = Close.SILENT
    dark: float = 1.0
    _back: float = field(default=0.0, init=False)

    def start(self, scene: Scene) -> None:
        """Switches off."""
        super().start(scene)
        self._back = scene.now + self.dark

    def refuses(self, scene: Scene) -> bool | None:
        """While it is off."""
        return scene.now < self._back - TICK

    def accept(self, scene: Scene) -> Admission | None:
        """One that was on its way in when it went off."""
        return Admission.RST if self.refuses(scene) else None

    def wake_at(self, scene: Scene) -> float | None:
        """When it is on again."""
        return self._back if self.refuses(scene) or self._lost else None

    def wake(self, scene: Scene) -> None:
        """Resets the old connections when it is on again."""
        if not self.refuses(scene):
            self._reset(scene)


@dataclass(kw_only=True, eq=False)
class IdleClose(Fault):
    """Closes a connection on which nothing has passed for a time.

    Attributes:
        seconds: the time; close: how.
    """

    name: ClassVar[str] = "idle_close"
    seconds: float = 1.0
    close: Close = Close.FIN

    def wake_at(self, scene: Scene) -> float | None:
        """When the first could be due."""
        return min((peer.active + self.seconds for peer in scene.peers if not peer.mute), default=None)

    def wake(self, scene: Scene) -> None:
        """Closes those that are due."""
        for peer in scene.peers:
            if not peer.mute and peer.active + self.seconds <= scene.now + TICK:
                self.struck += 1
                scene.cut(peer, self.close)
