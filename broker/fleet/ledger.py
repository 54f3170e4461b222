"""The decisions about who owns what, as a Protocol, and the records that they are about.

Strategy: every decision is one conditional statement of the ledger: it happened, or it did not because
somebody else was first. Nobody's clock enters. What a decision rests on is a write, never a read: a
database that was deposed still answers reads.

The words are those of decision 2: a *session* is one run of a host, a *seat* is an endpoint with a *term*
that grows with every change of its holder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class SessionState(StrEnum):
    """How a run of a host stands. It goes one way: open, fenced, dead; or closed, by the host itself."""

    OPEN = "open"
    FENCED = "fenced"  # no beat of it is noted any more
    DEAD = "dead"  # buried: its seats may go to others
    CLOSED = "closed"  # its sockets are gone, by its own word


class BrokerState(StrEnum):
    """How a broker stands on the list."""

    JOINING = "joining"
    MEMBER = "member"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a host.

    Attributes:
        id: random, made by the host.
        name: of the host, for people.
        machine: id of the machine that it runs on.
        boot: id of that machine's boot.
        state: how it stands.
        beat: number of the last beat that was noted.
    """

    id: str
    name: str
    machine: str
    boot: str
    state: SessionState = SessionState.OPEN
    beat: int = 0


@dataclass(frozen=True, slots=True)
class Seat:
    """One endpoint.

    Attributes:
        endpoint: its URL.
        term: grows with every change of the holder.
        session: who holds it; None if nobody ever did.
        is_released: whether the holder has given this term back.
    """

    endpoint: str
    term: int
    session: str | None
    is_released: bool


@dataclass(frozen=True, slots=True)
class BrokerEntry:
    """One broker of the list.

    Attributes:
        name: what people call it.
        state: how it stands.
        epoch: grows with every start of it.
        identity: of the state directory that it keeps its lock in.
    """

    name: str
    state: BrokerState
    epoch: int
    identity: str


class Ledger(Protocol):
    """What decides. Each call is one transaction; a call that fails has an unknown outcome and proves
    nothing.

    A decision that names the caller's `epoch` holds only while that run of the broker is the last one.
    """

    def register(self, name: str, identity: str) -> int:
        """Puts a broker on the list, or takes up its place again; its epoch, which has grown."""
        ...

    def brokers(self) -> tuple[BrokerEntry, ...]:
        """The list, by name."""
        ...

    def leave(self, name: str, epoch: int) -> bool:
        """Notes that a broker has ended in order."""
        ...

    def open(self, session: Session, now: float) -> bool:
        """Notes a new run of a host; false if its id is known. `now`: for people, seconds since 1970."""
        ...

    def note_beats(self, beats: Mapping[str, int]) -> frozenset[str]:
        """Notes beats by session; the sessions that are open, whose beats are noted by that."""
        ...

    def fence(self, session: str, broker: str, epoch: int) -> bool:
        """No beat of a session is noted from now on; false if it was not open."""
        ...

    def bury(self, session: str, broker: str, epoch: int) -> bool:
        """Declares a fenced session dead; false if it was not fenced."""
        ...

    def close(self, session: str) -> bool:
        """Notes that a host has closed all its sockets; false if its session was dead or closed."""
        ...

    def sessions(self) -> tuple[Session, ...]:
        """All that are known, by id."""
        ...

    def seats(self) -> tuple[Seat, ...]:
        """All that are known, by endpoint."""
        ...

    def release(self, endpoint: str, term: int, session: str) -> bool:
        """Notes that the holder of a term has closed its socket."""
        ...

    def move(self, seat: Seat, session: str) -> Seat | None:
        """Gives a seat its next holder; None if it is not as believed, or its holder may still live."""
        ...
