"""A model of one keyed command: any number of requests for its key, at any broker, at any time.

Two sessions may own the device; the first may die. A row of the journal names the attempt and the session
that it is meant for, and the session is the arbiter: it starts an attempt at most once. Messages are
delayed, repeated and lost. The model is wrong where a command is executed twice, or once after its caller
heard that it was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .search import Move, Verdict, search

EXECUTED, NOT_EXECUTED, UNKNOWN, NOT_MINE = "executed", "not_executed", "unknown", "not mine"
UNTRUE = 9  # executions, where one came after "not executed"


@dataclass(frozen=True)
class Rules:
    """How much is tried, and the design's rules; each that is switched off must be found out."""

    attempts: int = 2
    host_keeps_spent_attempts: bool = True
    not_mine_is_no_verdict: bool = True  # only its own session's "not executed" counts
    begins_once: bool = True  # no new attempt where the owner of the first has died
    forgets_by_attempt: bool = True  # not by key
    host_checks_session: bool = True
    journal_forgets: bool = False
    host_remembers_keys: bool = False  # a second line against a journal that forgets


class Row(NamedTuple):
    """The journal's row of the key."""

    attempt: int
    session: int
    reply: str | None


class Result(NamedTuple):
    """What a host says of an attempt."""

    attempt: int
    session: int
    outcome: str


Memory = frozenset[tuple[int, str]]  # attempt, outcome


class State(NamedTuple):
    """Everything."""

    row: Row | None
    next_attempt: int
    jobs: frozenset[tuple[int, int]]  # attempt, session
    results: frozenset[Result]
    first_lives: bool
    memories: tuple[Memory, Memory]  # of the two sessions' hosts
    denied: frozenset[int]  # attempts whose callers heard "not executed"
    executions: int
    first_is_buried: bool
    had_row: bool


def check(rules: Rules) -> Verdict[State]:
    """Searches the whole model."""
    nothing: Memory = frozenset()
    start = State(None, 1, frozenset(), frozenset(), True, (nothing, nothing), frozenset(), 0, False, False)
    return search(start, lambda state: _moves(state, rules), lambda state: state.executions > 1)


def _moves(state: State, rules: Rules) -> Iterator[Move[State]]:
    yield from _brokers_begin(state, rules)
    for job in state.jobs:
        for session in (1, 2):
            yield from _host(state, rules, session, *job)
        yield "a job is lost, or was read", state._replace(jobs=state.jobs - {job})
    for result in state.results:
        yield from _brokers_hear(state, rules, result)
    if state.first_lives:
        yield "session 1 dies", state._replace(first_lives=False)
    elif not state.first_is_buried:
        yield "session 1 is buried, 2 owns", state._replace(first_is_buried=True)
    row = state.row
    if rules.journal_forgets and not state.had_row and row is not None and row.reply is None:
        yield "the journal forgets", state._replace(row=None)


def _brokers_begin(state: State, rules: Rules) -> Iterator[Move[State]]:
    row, attempt = state.row, state.next_attempt
    may_begin = attempt <= rules.attempts
    if row is None:
        for session in (1, 2):  # what a broker believes of the owner may be old
            if may_begin and (session == 1 or state.first_is_buried):
                yield f"attempt {attempt} begins for session {session}", _begun(state, session)
        return
    if row.reply is not None:
        return
    yield "asks again", state._replace(jobs=state.jobs | {(row.attempt, row.session)})
    if row.session == 1 and state.first_is_buried:
        yield "its owner is dead: unknown", state._replace(row=row._replace(reply=UNKNOWN))
        if not rules.begins_once and may_begin:
            yield f"attempt {attempt} begins anew", _begun(state, 2)._replace(had_row=state.had_row)


def _begun(state: State, session: int) -> State:
    attempt = state.next_attempt
    return state._replace(
        row=Row(attempt, session, None),
        next_attempt=attempt + 1,
        jobs=state.jobs | {(attempt, session)},
        had_row=state.row is not None,
    )


def _host(state: State, rules: Rules, session: int, attempt: int, meant: int) -> Iterator[Move[State]]:
    if not (state.first_lives if session == 1 else state.first_is_buried):
        return
    memory = state.memories[session - 1]
    known = dict(memory)

    def say(
        what: str, outcome: str, after: Memory = memory, executions: int = state.executions
    ) -> Move[State]:
        memories = (after, state.memories[1]) if session == 1 else (state.memories[0], after)
        results = state.results | {Result(attempt, session, outcome)}
        said = state._replace(memories=memories, results=results, executions=executions)
        return f"session {session} {what} attempt {attempt}", said

    if meant != session and rules.host_checks_session:
        yield say("refuses the foreign", NOT_MINE)
    elif attempt in known:
        yield say("repeats its result of", known[attempt])
    elif rules.host_remembers_keys and EXECUTED in known.values():
        yield say("knows the key of", EXECUTED)
    elif attempt in state.denied:
        yield "executes what was denied", state._replace(executions=UNTRUE)
    else:
        executed = memory | {(attempt, EXECUTED)}
        yield say("executes", EXECUTED, executed, state.executions + 1)
        spent = memory | {(attempt, NOT_EXECUTED)} if rules.host_keeps_spent_attempts else memory
        yield say("refuses as expired", NOT_EXECUTED, spent)


def _brokers_hear(state: State, rules: Rules, result: Result) -> Iterator[Move[State]]:
    row, rest = state.row, state.results - {result}
    is_open = row is not None and row.reply is None
    yield "a result is lost", state._replace(results=rest)
    if row is None or not is_open:
        return
    if result.outcome == EXECUTED and row.attempt == result.attempt:
        finished = row._replace(reply=EXECUTED)
        yield "finishes", state._replace(row=finished, results=rest, had_row=True)
    denies = result.outcome == NOT_EXECUTED or (
        result.outcome == NOT_MINE and not rules.not_mine_is_no_verdict
    )
    if denies and (row.attempt == result.attempt or not rules.forgets_by_attempt):
        denied = state.denied | {result.attempt}
        yield "forgets: not executed", state._replace(row=None, results=rest, denied=denied, had_row=True)
