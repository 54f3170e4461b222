"""A model of the lease: host A holds a seat, brokers may fence and bury it, host B gets the seat then.

Time goes in ticks. Only what is left of each time is kept, so the space of states is finite and is searched
whole. Messages take any time or are lost; a process may pause anywhere while its clock goes on; A's clock
may miss a tick in R + 1; a frame that A has handed to its kernel may arrive up to U ticks later. The model
is wrong in a state in which a frame of A can arrive while B holds the seat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .search import Move, Verdict, search

OPEN, FENCED, DEAD = "open", "fenced", "dead"


@dataclass(frozen=True)
class Rules:
    """The design's constants, and its rules; each that is switched off must be found out."""

    lease: int = 3  # L
    delivery: int = 1  # U
    wait: int = 5  # W
    missed: int = 0  # R: A's clock misses at most one tick in R + 1; 0: none
    brokers: int = 2
    counts_from_sent: bool = True  # a beat extends the lease from when it was sent
    beat_is_conditional: bool = True  # the ledger notes a beat only of an open session
    waits_from_acknowledgement: bool = True  # not from when the fence was issued
    waits_for_others_fence: bool = True  # a broker waits anew for a fence that another one set
    checks_at_send: bool = True  # check and send are one step
    ledger_forgets: bool = False


class Beat(NamedTuple):
    """A beat under way, `age` ticks after it was sent: `sent`, `noted` or `refused`."""

    age: int
    at: str


class Host(NamedTuple):
    """Host A."""

    left: int  # ticks of its lease
    missed: int  # ticks until its clock may miss one again
    beat: Beat | None
    is_armed: bool  # it has checked and is about to send (only without `checks_at_send`)
    is_out: bool  # it has heard that it is fenced


class Broker(NamedTuple):
    """`idle`, `fencing` (issued), `fenced` (noted, not acknowledged), `waiting`; what is left to wait."""

    does: str
    left: int = 0


class State(NamedTuple):
    """Everything."""

    session: str  # of A in the ledger
    seat: str  # who has it: A or B
    host: Host
    frame: int  # ticks within which a frame of A may still arrive
    brokers: tuple[Broker, ...]
    b_serves: bool


def check(rules: Rules) -> Verdict[State]:
    """Searches the whole model."""
    host = Host(rules.lease, 0, None, False, False)
    start = State(OPEN, "A", host, 0, (Broker("idle"),) * rules.brokers, False)
    return search(start, lambda state: _moves(state, rules), lambda s: s.frame > 0 and s.b_serves)


def _moves(state: State, rules: Rules) -> Iterator[Move[State]]:
    yield from _beats(state, rules)
    yield from _sends(state, rules)
    for number in range(len(state.brokers)):
        yield from _broker(state, rules, number)
    if state.seat == "B" and not state.b_serves:
        yield "B opens", state._replace(b_serves=True)
    if rules.ledger_forgets and state.session != OPEN and state.seat == "A":
        yield "the ledger forgets", state._replace(session=OPEN if state.session == FENCED else FENCED)
    yield from _time(state, rules)


def _beats(state: State, rules: Rules) -> Iterator[Move[State]]:
    host = state.host
    if host.beat is None:
        if not host.is_out:
            yield "A beats", state._replace(host=host._replace(beat=Beat(0, "sent")))
        return
    age, at = host.beat
    if at == "sent":
        if state.session == OPEN or not rules.beat_is_conditional:
            noted = host._replace(beat=Beat(age, "noted"))
            yield "the beat is noted", state._replace(session=OPEN, host=noted)
        else:
            yield "the beat is refused", state._replace(host=host._replace(beat=Beat(age, "refused")))
    elif at == "noted":
        counted = rules.lease - age if rules.counts_from_sent else rules.lease
        held = host._replace(left=max(host.left, counted), beat=None)
        yield "A hears: held", state._replace(host=held)
    else:
        yield "A hears: fenced", state._replace(host=Host(0, host.missed, None, False, True))
    yield "the beat or its answer is lost", state._replace(host=host._replace(beat=None))


def _sends(state: State, rules: Rules) -> Iterator[Move[State]]:
    host = state.host
    if rules.checks_at_send:
        if host.left > 0:
            yield "A checks and sends", state._replace(frame=rules.delivery)
        return
    if host.left > 0 and not host.is_armed:
        yield "A checks", state._replace(host=host._replace(is_armed=True))
    if host.is_armed:
        sent = host._replace(is_armed=False)
        yield "A sends", state._replace(frame=max(rules.delivery, 1), host=sent)


def _broker(state: State, rules: Rules, number: int) -> Iterator[Move[State]]:
    broker = state.brokers[number]

    def become(what: str, after: Broker, **more: str) -> Move[State]:
        brokers = (*state.brokers[:number], after, *state.brokers[number + 1 :])
        return f"broker {number} {what}", state._replace(brokers=brokers, **more)

    idle = Broker("idle")
    if broker.does == "idle":
        if state.session == OPEN:
            yield become("issues a fence", Broker("fencing", rules.wait))
        elif state.session == FENCED:
            left = rules.wait if rules.waits_for_others_fence else 0
            yield become("sees another's fence", Broker("waiting", left))
        elif state.seat == "A":
            yield become("moves the seat", idle, seat="B")
    elif broker.does == "fencing":
        if state.session == OPEN:
            yield become("has its fence noted", Broker("fenced", broker.left), session=FENCED)
        else:
            yield become("has its fence refused", idle)
        yield become("loses its fence", idle)
    elif broker.does == "fenced":
        left = rules.wait if rules.waits_from_acknowledgement else broker.left
        yield become("hears: fenced", Broker("waiting", left))
        yield become("never hears of its fence", idle)
    else:
        if broker.left == 0:
            yield become("buries", idle, session=DEAD if state.session == FENCED else state.session)
        yield become("dies", idle)


def _time(state: State, rules: Rules) -> Iterator[Move[State]]:
    host = state.host
    beat = None if host.beat is None else Beat(min(rules.lease, host.beat.age + 1), host.beat.at)
    counts = {"waiting"} if rules.waits_from_acknowledgement else {"waiting", "fencing", "fenced"}
    brokers = tuple(
        Broker(one.does, max(0, one.left - 1)) if one.does in counts else one for one in state.brokers
    )
    later = state._replace(frame=max(0, state.frame - 1), brokers=brokers)
    ticked = host._replace(left=max(0, host.left - 1), missed=max(0, host.missed - 1), beat=beat)
    yield "a tick", later._replace(host=ticked)
    if rules.missed and host.missed == 0:
        yield "a tick that A's clock misses", later._replace(host=host._replace(missed=rules.missed))
