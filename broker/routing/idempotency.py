"""Commands with a key: each is carried out once, however often it is asked for.

Strategy: pure. A command with a key goes to its host only after the journal has it on record. What the
journal shall do is collected in `outbox`, and what came of it comes in through `journalled`. While a command
is under way, others with the same key wait for its reply; later ones get the reply that the journal kept.

    Begin    on record before the host gets it       nobody had the key: go on; else the record tells
    Finish   its reply is known                      it is answered when that is on record
    Forget   it surely never reached the device      the key is free again
    LookUp   somebody asks what became of it         the record tells

A record without a reply is a command of which nobody heard what came of it. An earlier run of the broker may
have handed it over, or the database put it on record without saying so. Its outcome is unknown, for good.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ...client.protocol.messages import MAX_KEY_LENGTH
from ...devices.interface.requests import bad_args
from ...devices.protocol.messages import Job
from .pending import Pending

Content = Mapping[str, Any]
"""What a reply says: `ok`, and `result` or `error`."""


@dataclass(frozen=True, slots=True)
class KeyId:
    """A key, in the scope of the client that it belongs to."""

    scope: str
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Begin:
    """Put the command on record, unless its key is there already. One command, one order: it is told by
    identity from that of a later command with the same key."""

    id: KeyId
    digest: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Keep the reply."""

    id: KeyId
    reply: Content


@dataclass(frozen=True, slots=True)
class Forget:
    """Free the key."""

    id: KeyId


@dataclass(frozen=True, slots=True, eq=False)
class LookUp:
    """Tell what is on record of a key, for this request; nothing is changed."""

    id: KeyId
    pending: Pending


Order = Begin | Finish | Forget | LookUp


@dataclass(frozen=True, slots=True)
class Record:
    """What the journal holds of a key that it knew before."""

    digest: str
    reply: Content | None  # none: it was handed over, and nobody heard what came of it


@dataclass(slots=True, eq=False)
class Keyed:
    """A command under way."""

    begin: Begin
    first: Pending
    job: Job
    handed_over: bool = False
    reply: Content | None = None  # known, and about to be on record
    joined: list[Pending] = field(default_factory=list)  # the same again; they wait for the reply
    rivals: list[Rival] = field(default_factory=list)  # until the journal has told whose key it is

    @property
    def id(self) -> KeyId:
        """Its key."""
        return self.begin.id

    @property
    def waiting(self) -> list[Pending]:
        """All who wait for its reply."""
        return [self.first, *self.joined]


@dataclass(frozen=True, slots=True)
class Rival:
    """Another request with the key of one that is not on record yet: the key may turn out to be its own."""

    digest: str
    pending: Pending
    job: Job


def checked_key(rqargs: Mapping[str, Any]) -> KeyId:
    """The key that somebody asks for."""
    key = rqargs.get("key")
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise bad_args("key", f"must be text of 1 to {MAX_KEY_LENGTH} characters")
    return KeyId("", key)


def digest_of(device: int, action: str, rqargs: Mapping[str, Any]) -> str:
    """The hash by which the same request is known again."""
    text = json.dumps([device, action, rqargs], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class KeyedCommands:
    """All keyed commands under way.

    Attributes:
        outbox: what the journal is to do, in this order.
    """

    def __init__(
        self,
        hand_over: Callable[[Pending, Job], None],
        answer: Callable[[Pending, Content, bool], None],
    ) -> None:
        """`hand_over` gives a job to its host, or ends the request if there is none; `answer` answers a
        request with a content, and says whether that is replayed."""
        self.outbox: list[Order] = []
        self._hand_over = hand_over
        self._answer = answer
        self._open: dict[KeyId, Keyed] = {}
        self._by_job: dict[int, Keyed] = {}
        self._recalls: set[int] = set()  # jobs of those who ask what became of a key

    def recall(self, key: KeyId, pending: Pending) -> None:
        """Answers what became of the command with this key, now or when the journal has told."""
        keyed = self._open.get(key)
        if keyed is not None:
            self._answer(pending, _recalled(keyed.reply, is_open=True), False)
        else:
            self._recalls.add(pending.job)
            self.outbox.append(LookUp(key, pending))

    def _looked_up(self, order: LookUp, content: Content) -> None:
        if order.pending.job in self._recalls:  # else its time was up
            self._recalls.discard(order.pending.job)
            self._answer(order.pending, content, False)

    def start(self, key: KeyId, digest: str, pending: Pending, job: Job) -> None:
        """A command is asked for.

        Raises:
            PlcmqError: `key_conflict`.
        """
        keyed = self._open.get(key)
        if keyed is None:
            keyed = self._open[key] = self._by_job[job.id] = Keyed(Begin(key, digest), pending, job)
            self.outbox.append(keyed.begin)
        elif keyed.begin.digest == digest:
            keyed.joined.append(pending)
            self._by_job[job.id] = keyed
        elif keyed.handed_over:
            raise _conflict(key)
        else:
            keyed.rivals.append(Rival(digest, pending, job))
            self._by_job[job.id] = keyed

    def is_under_way(self, job: int) -> bool:
        """Whether a job is a keyed command's that has been handed over, or waits for one that has been."""
        keyed = self._by_job.get(job)
        return keyed is not None and keyed.handed_over

    def finish(self, job: int, content: Content, outcome: Outcome | None) -> bool:
        """A command has ended, or one that waits for it has waited long enough.

        Args:
            job: whose.
            content: what to reply.
            outcome: of an error; None for a success.

        Returns:
            Whether its request is not to be answered with that: it has been answered, or will be when the
            reply is on record.
        """
        self._recalls.discard(job)
        keyed = self._by_job.get(job)
        if keyed is None:
            return False
        if keyed.reply is not None:
            # The journal takes too long: whoever waits no longer gets the truth all the same.
            pending = next(pending for pending in keyed.waiting if pending.job == job)
            self._leave(keyed, job)
            self._answer(pending, keyed.reply, False)
            return True
        if keyed.job.id != job or not keyed.handed_over:
            self._leave(keyed, job)
            return False
        if outcome is Outcome.NOT_EXECUTED:
            self.outbox.append(Forget(keyed.id))
            self._close(keyed)
            for pending in keyed.joined:
                self._answer(pending, content, False)
            return False
        keyed.reply = content
        self.outbox.append(Finish(keyed.id, content))
        return True

    def journalled(self, done: Iterable[tuple[Order, Record | None]]) -> None:
        """What the journal has done; for a `Begin`, with the record of a key that it knew before."""
        for order, record in done:
            keyed = self._open.get(order.id)
            if isinstance(order, LookUp):
                self._looked_up(order, _on_record(record))
            elif isinstance(order, Begin):
                mine = keyed if keyed is not None and keyed.begin is order else None
                if record is not None:
                    self._found(order, record, mine)
                elif mine is not None:
                    self._begun(mine)
                else:
                    # Nobody waits for it any more. Ahead of what a later command has ordered since.
                    self.outbox.insert(0, Forget(order.id))
            elif isinstance(order, Finish) and keyed is not None and keyed.reply is order.reply:
                self._close(keyed)
                self._answer(keyed.first, order.reply, False)
                for pending in keyed.joined:
                    self._answer(pending, order.reply, True)

    def failed(self, orders: Iterable[Order], reason: str) -> None:
        """The journal could not do this: nothing new is handed over, what has ended is answered, and what
        came of it is to be kept as soon as the journal works again."""
        again: list[Order] = []
        for order in orders:
            keyed = self._open.get(order.id)
            if isinstance(order, LookUp):
                self._looked_up(order, _content(_no_journal(reason)))
            elif not isinstance(order, Begin):
                again.append(order)
                if isinstance(order, Finish) and keyed is not None and keyed.reply is order.reply:
                    self._end(keyed, order.reply)
            elif keyed is not None and keyed.begin is order:
                content = _content(_no_journal(reason))
                for rival in self._take_rivals(keyed):
                    self._answer(rival.pending, content, False)
                self._end(keyed, content)
        self.outbox[:0] = again

    def _begun(self, keyed: Keyed) -> None:
        keyed.handed_over = True
        for rival in self._take_rivals(keyed):
            self._answer(rival.pending, _content(_conflict(keyed.id)), False)
        self._hand_over(keyed.first, keyed.job)

    def _found(self, order: Begin, record: Record, keyed: Keyed | None) -> None:
        """The key was on record before: whoever asks for what it stands for gets its reply."""
        reply = record.reply
        if reply is None:
            reply = _content(_lost())
            self.outbox.append(Finish(order.id, reply))
        if keyed is None:
            return
        conflict, replayed = _content(_conflict(order.id)), record.reply is not None
        for rival in self._take_rivals(keyed):
            is_same = rival.digest == record.digest
            self._answer(rival.pending, reply if is_same else conflict, is_same and replayed)
        is_same = order.digest == record.digest
        self._end(keyed, reply if is_same else conflict, replayed=is_same and replayed)

    def _take_rivals(self, keyed: Keyed) -> list[Rival]:
        rivals, keyed.rivals = keyed.rivals, []
        for rival in rivals:
            self._by_job.pop(rival.job.id, None)
        return rivals

    def _end(self, keyed: Keyed, content: Content, *, replayed: bool = False) -> None:
        self._close(keyed)
        for pending in keyed.waiting:
            self._answer(pending, content, replayed)

    def _leave(self, keyed: Keyed, job: int) -> None:
        """One of those who wait has been answered otherwise: its time is up."""
        self._by_job.pop(job, None)
        if any(rival.job.id == job for rival in keyed.rivals):
            keyed.rivals = [rival for rival in keyed.rivals if rival.job.id != job]
        elif keyed.job.id != job:
            keyed.joined = [pending for pending in keyed.joined if pending.job != job]
        elif keyed.joined:
            first = keyed.first = keyed.joined.pop(0)
            keyed.job.id, keyed.job.deadline = first.job, first.deadline
            keyed.job.client, keyed.job.token = first.client.hex(), first.token
        else:
            del self._open[keyed.id]
            if keyed.begin in self.outbox:
                self.outbox.remove(keyed.begin)  # the journal has not seen it yet
            for rival in self._take_rivals(keyed):
                self.start(keyed.id, rival.digest, rival.pending, rival.job)

    def _close(self, keyed: Keyed) -> None:
        self._open.pop(keyed.id, None)
        self._by_job.pop(keyed.job.id, None)
        for pending in keyed.joined:
            self._by_job.pop(pending.job, None)


def _recalled(reply: Content | None, *, is_open: bool) -> Content:
    if reply is not None:
        return {"ok": True, "result": {"state": "answered", "reply": dict(reply)}}
    return {"ok": True, "result": {"state": "in_progress" if is_open else "unknown_key"}}


def _on_record(record: Record | None) -> Content:
    """What the record of a command tells that is not under way."""
    if record is not None and record.reply is None:
        return _recalled(_content(_lost()), is_open=False)
    return _recalled(None if record is None else record.reply, is_open=False)


def _content(error: PlcmqError) -> Content:
    return {"ok": False, "error": error.to_map()}


def _conflict(key: KeyId) -> PlcmqError:
    message = f"the key {key.key!r} was used for another request; a new request needs a new key"
    return failure(Code.KEY_CONFLICT, message, details={"key": key.key})


def _lost() -> PlcmqError:
    message = (
        "this key was put on record before, and what came of its command was never heard: the broker was "
        "started anew meanwhile, or its database did not answer; look at the machine"
    )
    return failure(Code.OUTCOME_UNKNOWN, message)


def _no_journal(reason: str) -> PlcmqError:
    message = f"the journal of keyed commands cannot be written, so the command was not started: {reason}"
    return failure(Code.INTERNAL, message, outcome=Outcome.NOT_EXECUTED, retryable=True)
