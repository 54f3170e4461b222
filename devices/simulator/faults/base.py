"""The seam through which a simulated PLC misbehaves.

Strategy: a fault is consulted when a connection arrives, when a request arrives, after its execution, when
a connection ends, and when its time has come; it decides on plain data with `now` as an argument and a
random generator of its own, and the server does what it decided. It never touches a socket. Several faults
can be at work on one endpoint; they are asked in the order in which they were put in.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from ..registers.functions import exception
from ..registers.memory import MemoryChange, Unit


class Close(StrEnum):
    """How the PLC ends a connection."""

    FIN = "fin"
    RST = "rst"
    SILENT = "silent"  # not at all: it only forgets it, and never answers there again


class Admission(StrEnum):
    """What becomes of a connection that the kernel has accepted."""

    SERVE = "serve"
    MUTE = "mute"  # stays open, and nothing is ever answered
    FIN = "fin"  # closed at once
    RST = "rst"  # reset at once


@dataclass(slots=True)
class Peer:
    """What is known of one connection. Times are those of the monotonic clock, in seconds."""

    number: int  # counts up; the oldest connection has the lowest
    opened: float
    active: float  # when the last request or reply passed
    requests: int = 0
    mute: bool = False  # what comes in is thrown away


@dataclass(slots=True)
class Exchange:
    """One request on its way through the PLC, and what shall become of it.

    A fault changes the fields below the line; the server carries them out. The MBAP header of the reply
    is made after execution, so `before` changes the answer and `after` changes the bytes.
    """

    peer: Peer
    transaction: int
    unit: int
    pdu: bytes
    arrived: float  # seconds, monotonic clock
    waiting: int  # requests of this connection without a reply, this one included
    free: float  # when the replies before it have been sent, as far as planned
    memory: Unit | None  # of the unit that it asks for; None where there is none
    replied: float | None  # when the last reply was sent on this connection

    execute: bool = True
    answer: bytes | None = None  # this PDU answers instead of an execution
    execute_at: float = 0.0
    reply_at: float = 0.0  # not before it is executed, nor before the replies ahead of it
    late_by: float = 0.0  # the reply leaves so long after its turn, and others pass it meanwhile
    silent: bool = False  # no reply
    close: Close | None = None  # after the reply, or instead of it

    executed_at: float | None = None
    change: MemoryChange | None = None  # what the execution wrote
    frames: list[bytes] = field(default_factory=list)  # what is sent, each piece in a segment of its own

    @property
    def function(self) -> int:
        """The function code of the request."""
        return self.pdu[0]

    def ignore(self) -> None:
        """The request is neither executed nor answered."""
        self.execute, self.silent = False, True

    def refuse(self, code: int) -> None:
        """The request is not executed; an exception answers it."""
        self.execute, self.answer = False, exception(self.function, code)


@dataclass(slots=True)
class Scene:
    """What a fault sees of its endpoint when it is asked.

    Attributes:
        now: seconds, monotonic clock.
        peers: the connections that are open, the oldest first.
        units: memory by unit id; a fault may change it.
        cuts: connections that shall end, and how; see `cut`.
    """

    now: float
    peers: Sequence[Peer]
    units: Mapping[int, Unit]
    cuts: list[tuple[Peer, Close]] = field(default_factory=list)

    def cut(self, peer: Peer, close: Close) -> None:
        """Ends a connection."""
        self.cuts.append((peer, close))


@dataclass(kw_only=True, eq=False)
class Fault:
    """Base of all faults: does nothing. A subclass overrides what it needs.

    Attributes:
        p: probability that it strikes where it could, 0 to 1.
        struck: how often it has.
        random: its dice; a script seeds them.
    """

    name: ClassVar[str] = "fault"  # in scripts and reports

    p: float = 1.0
    struck: int = field(default=0, init=False)
    random: random.Random = field(default_factory=random.Random, init=False, repr=False, compare=False)

    def strikes(self) -> bool:
        """Throws the dice, and counts it when it strikes."""
        if self.p < 1.0 and self.random.random() >= self.p:
            return False
        self.struck += 1
        return True

    def start(self, scene: Scene) -> None:
        """It is put to work."""

    def stop(self, scene: Scene) -> None:
        """It is taken out again."""

    def refuses(self, scene: Scene) -> bool | None:
        """True while the PLC takes no connections: its port is closed, so the kernel refuses them."""

    def accept(self, scene: Scene) -> Admission | None:
        """What becomes of a connection that has just come; `scene.peers` are the others."""

    def ended(self, scene: Scene, peer: Peer) -> None:
        """A connection has ended."""

    def before(self, exchange: Exchange) -> None:
        """A request has arrived."""

    def after(self, exchange: Exchange) -> None:
        """A request has had its execution, and its reply lies in `exchange.frames`."""

    def wake_at(self, scene: Scene) -> float | None:
        """When `wake` wants to be called, on the monotonic clock."""

    def wake(self, scene: Scene) -> None:
        """Its time has come."""


@dataclass(kw_only=True, eq=False)
class RequestFault(Fault):
    """Base of faults that strike single requests.

    Attributes:
        functions: function codes that it concerns; none: all.
        units: unit ids that it concerns; none: all.
    """

    functions: frozenset[int] = frozenset()
    units: frozenset[int] = frozenset()

    def concerns(self, exchange: Exchange) -> bool:
        """Whether the request is of those that it may strike."""
        if self.functions and exchange.function not in self.functions:
            return False
        return not self.units or exchange.unit in self.units

    def hits(self, exchange: Exchange) -> bool:
        """Whether it strikes this request: concerned, and the dice say so."""
        return self.concerns(exchange) and self.strikes()
