"""A model of the lease while the ledger does not answer: a beat also counts when every broker gave its word
for it.

As in `lease`, but fences may stay under way for ever and land late, and brokers crash and forget. A word is
about now: the broker has read the session as open and knows of no fence. It promises nothing for later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .lease import DEAD, FENCED, OPEN
from .search import Move, Verdict, search


@dataclass(frozen=True)
class Rules:
    """The design's constants, and its rules; each that is switched off must be found out."""

    lease: int = 3  # L
    delivery: int = 1  # U
    wait: int = 4  # W
    missed: int = 0  # R: A's clock misses at most one tick in R + 1; 0: none
    brokers: int = 2
    needs_every_word: bool = True
    knowing_withholds: bool = True  # a broker that knows of the fence gives no word
    waiting_withholds: bool = True  # nor does one that waits to bury
    reads_after_restart: bool = True  # nor one that has not read the ledger since it started


class Beat(NamedTuple):
    """A beat under way: `sent`, `noted` or `refused`, and whose words it has (a bit for each broker)."""

    age: int
    at: str
    words: int


class Host(NamedTuple):
    """Host A: what is left of its lease and until its clock may miss a tick; its beat; whether it is out."""

    left: int
    missed: int
    beat: Beat | None
    is_out: bool


class Broker(NamedTuple):
    """A broker: `idle`, `knows` (of the fence), `fencing`, `unsure` (its fence may still land), `fenced`
    (noted, not acknowledged), `waiting`, `stray` (a fence of the run before is still under way); and what
    is left to wait."""

    does: str
    left: int = 0


class State(NamedTuple):
    """Everything."""

    session: str
    seat: str
    host: Host
    frame: int
    brokers: tuple[Broker, ...]
    b_serves: bool


def check(rules: Rules) -> Verdict[State]:
    """Searches the whole model."""
    start = State(OPEN, "A", Host(rules.lease, 0, None, False), 0, (Broker("idle"),) * rules.brokers, False)
    return search(start, lambda state: _moves(state, rules), lambda s: s.frame > 0 and s.b_serves)


def _moves(state: State, rules: Rules) -> Iterator[Move[State]]:
    yield from _beats(state, rules)
    if state.host.left > 0:
        yield "A checks and sends", state._replace(frame=rules.delivery)
    for number in range(len(state.brokers)):
        yield from _word(state, rules, number)
        yield from _broker(state, rules, number)
    if state.seat == "B" and not state.b_serves:
        yield "B opens", state._replace(b_serves=True)
    yield from _time(state, rules)


def _beats(state: State, rules: Rules) -> Iterator[Move[State]]:
    host = state.host
    if not host.is_out:
        yield "A beats", state._replace(host=host._replace(beat=Beat(0, "sent", 0)))
    if host.beat is None:
        return
    beat = host.beat
    held = state._replace(host=host._replace(left=max(host.left, rules.lease - beat.age), beat=None))
    if beat.at == "sent":
        noted = "noted" if state.session == OPEN else "refused"
        yield f"the beat is {noted}", state._replace(host=host._replace(beat=beat._replace(at=noted)))
        everybody = (1 << rules.brokers) - 1
        if beat.words == everybody if rules.needs_every_word else beat.words:
            yield "A has the words", held
    elif beat.at == "noted":
        yield "A hears: held", held
    else:
        yield "A hears: fenced", state._replace(host=Host(0, host.missed, None, True))


def _word(state: State, rules: Rules, number: int) -> Iterator[Move[State]]:
    beat, does = state.host.beat, state.brokers[number].does
    if beat is None or beat.at != "sent" or beat.words & (1 << number):
        return
    may = {"idle", "fencing", "unsure", "stray"}
    may |= set() if rules.knowing_withholds else {"knows"}
    may |= set() if rules.waiting_withholds else {"waiting"}
    if does in may:
        given = beat._replace(words=beat.words | 1 << number)
        yield f"broker {number} gives its word", state._replace(host=state.host._replace(beat=given))


def _broker(state: State, rules: Rules, number: int) -> Iterator[Move[State]]:
    """What one broker may do, by what it does now."""
    broker = state.brokers[number]
    for what, after, more in _STEPS[broker.does](state, rules, broker.left):
        brokers = (*state.brokers[:number], after, *state.brokers[number + 1 :])
        yield f"broker {number} {what}", state._replace(brokers=brokers, **more)


Step = tuple[str, Broker, dict[str, str]]
IDLE, KNOWS, UNSURE, STRAY = Broker("idle"), Broker("knows"), Broker("unsure"), Broker("stray")
CRASH = "crashes, and starts anew"


def _as_read(state: State) -> Broker:
    return IDLE if state.session == OPEN else KNOWS


def _restarted(state: State, rules: Rules) -> Step:
    return CRASH, _as_read(state) if rules.reads_after_restart else IDLE, {}


def _idle(state: State, _rules: Rules, _left: int) -> Iterator[Step]:
    yield ("issues a fence", Broker("fencing"), {}) if state.session == OPEN else ("reads: fenced", KNOWS, {})


def _knows(state: State, rules: Rules, _left: int) -> Iterator[Step]:
    if state.session == FENCED:
        yield "begins to wait", Broker("waiting", rules.wait), {}
    elif state.session == DEAD and state.seat == "A":
        yield "moves the seat", KNOWS, {"seat": "B"}
    yield _restarted(state, rules)


def _fencing(state: State, _rules: Rules, _left: int) -> Iterator[Step]:
    if state.session == OPEN:
        yield "has its fence noted", Broker("fenced"), {"session": FENCED}
    else:
        yield "has its fence refused", KNOWS, {}
    yield "gives up waiting for the answer", UNSURE, {}
    yield CRASH, STRAY, {}


def _unsure(state: State, _rules: Rules, _left: int) -> Iterator[Step]:
    if state.session == OPEN:
        yield "has its fence land late", UNSURE, {"session": FENCED}
    yield "begins a new epoch", _as_read(state), {}
    yield CRASH, STRAY, {}


def _fenced(state: State, rules: Rules, _left: int) -> Iterator[Step]:
    yield "hears: fenced", Broker("waiting", rules.wait), {}
    yield "never hears of its fence", UNSURE, {}
    yield _restarted(state, rules)


def _waiting(state: State, rules: Rules, left: int) -> Iterator[Step]:
    if left == 0:
        yield "buries", KNOWS, {"session": DEAD if state.session == FENCED else state.session}
    yield _restarted(state, rules)


def _stray(state: State, rules: Rules, _left: int) -> Iterator[Step]:
    if state.session == OPEN:
        yield "has the fence of its last run land", IDLE, {"session": FENCED}
    yield "loses the fence of its last run", _as_read(state), {}
    yield _restarted(state, rules)


_STEPS = {
    "idle": _idle,
    "knows": _knows,
    "fencing": _fencing,
    "unsure": _unsure,
    "fenced": _fenced,
    "waiting": _waiting,
    "stray": _stray,
}


def _time(state: State, rules: Rules) -> Iterator[Move[State]]:
    host = state.host
    beat = None if host.beat is None else host.beat._replace(age=min(rules.lease, host.beat.age + 1))
    brokers = tuple(
        Broker(one.does, max(0, one.left - 1)) if one.does == "waiting" else one for one in state.brokers
    )
    later = state._replace(frame=max(0, state.frame - 1), brokers=brokers)
    ticked = Host(max(0, host.left - 1), max(0, host.missed - 1), beat, host.is_out)
    yield "a tick", later._replace(host=ticked)
    if rules.missed and host.missed == 0:
        yield "a tick that A's clock misses", later._replace(host=host._replace(missed=rules.missed))
