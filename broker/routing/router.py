"""The routing core: every request in, exactly one reply out, and what happens in between.

Strategy: pure. Requests, messages of hosts, new catalogues and the passing of time come in as calls; replies
and messages to hosts are collected in `replies` and in the fleet's outbox, and the server sends them when it
has read all that was there. So many requests to one host leave in one message, and nothing here awaits.
Requests are checked here, completely: what reaches a host is valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ...client.protocol.bodies import encode
from ...client.protocol.errors import PlcmqError
from ...client.protocol.messages import (
    DEFAULT_TIMEOUT,
    Elapsed,
    Envelope,
    MalformedRequest,
    Request,
    encode_reply,
    failure_map,
    parse_request,
    reply_map,
)
from ...devices.interface.describe import describe
from ...devices.interface.requests import READS, bad_args, only
from ...devices.model.devices import State
from ...devices.planning.learned import Learned
from ...devices.protocol.messages import (
    CANCEL,
    Again,
    Bye,
    Counts,
    DeviceState,
    Done,
    Event,
    Hello,
    Job,
    Pong,
    Released,
)
from ...devices.protocol.wire import Message
from ..catalogue import Catalogue
from ..fleet.fleet import Fleet, HostId
from . import errors as refusals
from .batches import Batches
from .figures import FIGURES, ask_counts, note_counts
from .idempotency import Content, KeyedCommands, KeyId, Order, Record, checked_key, digest_of
from .overview import TELLS, Overview
from .parked import Parked
from .pending import Pending, PendingTable
from .subscriptions import WatchTable

GRACE: Final = 1.5  # seconds after its deadline that a host gets to tell what became of a request
ANSWERS: Final = dict(TELLS) | dict(FIGURES)  # at once, from what the broker knows
OWN_ACTIONS: Final = (*ANSWERS, "batch", "cancel", "recall")


class Router:
    """Routes requests to hosts and their results back.

    Attributes:
        replies: envelopes and bodies that are to be sent to clients.
        watches: of clients; its events are to be sent after the replies.
        news: changes of devices' states, to be logged.
        keyed: commands with a key; its outbox is for the journal.
        fleet: the hosts; its outbox is to be sent to them.
        overview: what the broker tells about itself.
    """

    def __init__(self, overview: Overview, first_job: int) -> None:
        """`first_job`: larger than any job id that an earlier run can have used."""
        self.replies: list[tuple[Envelope, bytes]] = []
        self.news: list[DeviceState] = []
        self.overview = overview
        self.fleet: Fleet = overview.fleet
        self._limits = overview.limits
        self._next_job = first_job
        self._pending: PendingTable = overview.pending
        self.watches = WatchTable()
        self._parked = Parked()
        self.batches = Batches(self._limits, self._start, self._refuse_part)
        self._now = 0.0  # monotonic seconds of the last call
        self.keyed = KeyedCommands(self._hand_over, self._answer_keyed)

    @property
    def pending(self) -> int:
        """Requests that have been accepted and not yet answered."""
        return len(self._pending) + len(self.batches)

    def receive(self, envelope: Envelope, body: bytes, now: float) -> None:
        """A message of a client; its reply follows, now or later."""
        self._now = now
        self.overview.requests += 1
        try:
            request = parse_request(body, self._limits)
        except MalformedRequest as malformed:
            self.refuse(envelope, malformed)
            return
        client = envelope[0] if envelope else b""
        deadline = now + (DEFAULT_TIMEOUT if request.timeout is None else request.timeout)
        pending = Pending(client, envelope, request.id, request.codec, now, deadline)
        self._start(pending, request, now)

    def refuse(self, envelope: Envelope, malformed: MalformedRequest) -> None:
        """Answers a message that is no request."""
        self._count(malformed.error.code)
        self._reply(envelope, encode(malformed.codec, failure_map(malformed.id, malformed.error)))

    def _start(self, pending: Pending, request: Request, now: float) -> None:
        try:
            if request.device is None:
                self._start_own(pending, request, now)
            else:
                self._start_job(pending, request.device, request, now)
        except PlcmqError as error:
            self._finish(pending, now, error=error)

    def _start_own(self, pending: Pending, request: Request, now: float) -> None:
        tell = ANSWERS.get(request.action)
        if tell is not None:
            self._finish(pending, now, result=tell(self.overview, request.rqargs, now))
        elif request.action == "batch":
            self.batches.begin(pending, request.rqargs, now)
        elif request.action == "cancel":
            self._cancel(pending, request.rqargs, now)
        elif request.action == "recall":
            self._recall(pending, request.rqargs)
        else:
            raise refusals.unknown_action(request.action, OWN_ACTIONS)

    def _cancel(self, pending: Pending, rqargs: dict[str, Any], now: float) -> None:
        only(rqargs, "id")
        request_id = rqargs.get("id")
        if isinstance(request_id, bool) or not isinstance(request_id, str | int):
            raise bad_args("id", "must be the id of a request")
        target = self._pending.of(pending.client, request_id)
        if target is None or (target.waits_here and self.keyed.is_under_way(target.job)):
            self._finish(pending, now, result={"cancelled": False})
        elif target.host is None:
            self._parked.remove(target)
            self._finish(target, now, error=refusals.cancelled())
            self._finish(pending, now, result={"cancelled": True})
        else:
            pending.is_read = True
            job = self._new_job(pending, target.device, CANCEL, {"job": target.job})
            self._send(pending, job, target.host)

    def _recall(self, pending: Pending, rqargs: dict[str, Any]) -> None:
        only(rqargs, "key")
        key = checked_key(rqargs)
        self._new_job(pending, 0, "recall", {})  # it waits for the journal as a job does
        pending.is_read = pending.waits_here = True
        self._pending.add(pending)
        self.keyed.recall(key, pending)

    def _start_job(self, pending: Pending, device: str | int, request: Request, now: float) -> None:
        entry = self.overview.catalogue.find(device)
        compiled = entry.kind.compiled
        args = compiled.fit(request.action, request.rqargs)
        if request.action == "describe":
            self._finish(pending, now, result=describe(entry.device, compiled))
            return
        if self.overview.draining:
            raise refusals.shutting_down()
        self._pending.make_room(pending.client)
        if request.timeout is None and pending.batch is None:
            pending.deadline = now + compiled.patience(request.action)
        pending.is_read = request.action in READS
        pending.is_watch = self.watches.concerns(request.action, args)
        pending.name = entry.device.name
        job = self._new_job(pending, entry.device.id, request.action, args, request.token)
        if request.key is None or pending.is_read:
            self._hand_over(pending, job)
        else:
            self._start_keyed(pending, job, request)

    def _start_keyed(self, pending: Pending, job: Job, request: Request) -> None:
        key = KeyId("", request.key or "")
        pending.waits_here = True
        self.keyed.start(key, digest_of(job.device, job.action, request.rqargs), pending, job)
        self._pending.add(pending)

    def _hand_over(self, pending: Pending, job: Job) -> None:
        """A job may go to its host; a keyed command when the journal has it on record."""
        pending.waits_here = False
        host = self.fleet.host_of(job.device)
        if host is None and not self.fleet.is_moving(job.device):
            self._finish(pending, self._now, error=refusals.no_host(pending.name))
        else:
            self._send(pending, job, host)

    def _new_job(
        self, pending: Pending, device: int, action: str, args: dict[str, Any], token: str | None = None
    ) -> Job:
        pending.job, pending.device, pending.token = self._next_job, device, token
        self._next_job += 1
        return Job(pending.job, device, action, args, pending.deadline, pending.client.hex(), token)

    def _send(self, pending: Pending, job: Job, host: HostId | None) -> None:
        pending.host = host
        self._pending.add(pending)
        if host is None:
            self._parked.add(pending, job)
        else:
            self.fleet.outbox.append((host, job))

    def from_host(self, host: HostId, message: Message, now: float) -> None:
        """A message of a host."""
        self._now = now
        match message:
            case Done():
                self._done(host, message, now)
                return
            case Counts():
                note_counts(self.overview, host, message)
                return
            case Pong():
                if not self.fleet.pong(host, message.queued, now):
                    self.fleet.outbox.append((host, Again()))
            case Event():
                self.watches.tell(host, message)
            case DeviceState() if self.fleet.serves(host, message.device):
                self._note_state(message)
            case Learned() | Hello() | Released() | Bye():
                self.fleet.told(host, message, now, self.overview.version)
        self._after_changes(now)

    def _note_state(self, state: DeviceState) -> None:
        before = self.overview.states.get(state.device)
        self.overview.states[state.device] = state
        if before is None or (before.state, before.reason) != (state.state, state.reason):
            self.news.append(state)

    def _done(self, host: HostId, done: Done, now: float) -> None:
        pending = self._pending.at(done.job)
        if pending is not None and pending.host == host:  # others cannot end it
            elapsed = Elapsed(now - pending.received, done.queued, done.device)
            if pending.is_watch and isinstance(done.result, dict):
                self.watches.started(pending, str(done.result.get("watch")))
            self._finish(pending, now, result=done.result, error=done.error, elapsed=elapsed)

    def client_gone(self, client: bytes) -> None:
        """A client's connection is gone: nobody reads the events of its watches any more."""
        for watch in self.watches.drop_client(client):
            if watch.host is not None:
                job = Job(self._next_job, watch.device, "unwatch", {"watch": watch.id}, self._now + GRACE)
                self._next_job += 1
                self.fleet.outbox.append((watch.host, job))

    def unreachable(self, host: HostId, unsent: Iterable[Message], now: float) -> None:
        """A message could not be sent, because the host's connection is gone."""
        for message in unsent:
            pending = self._pending.at(message.id) if isinstance(message, Job) else None
            if pending is not None:
                self._finish(pending, now, error=refusals.no_host(pending.name))
        self.fleet.lose(host, now)
        self._after_changes(now)

    def journalled(self, done: Iterable[tuple[Order, Record | None]], now: float) -> None:
        """What the journal has done."""
        self._now = now
        self.keyed.journalled(done)

    def journal_failed(self, orders: Iterable[Order], reason: str, now: float) -> None:
        """What the journal could not do."""
        self._now = now
        self.keyed.failed(orders, reason)

    def set_catalogue(self, catalogue: Catalogue, now: float) -> None:
        """The registry has changed."""
        self.overview.catalogue = catalogue
        self.fleet.set_catalogue(catalogue, now)
        for device in self.overview.states.keys() - catalogue.devices.keys():
            del self.overview.states[device]

    def tick(self, now: float) -> None:
        """Ends what has waited too long; to be called a few times a second."""
        self._now = now
        self.fleet.tick(now)
        self._after_changes(now)
        ask_counts(self.overview, now)
        for pending in self._parked.expired(now):
            if self._pending.at(pending.job) is not None:
                self._finish(pending, now, error=refusals.no_host(pending.name))
        for pending in self._pending:
            if pending.waits_here and now > pending.deadline:
                under_way = self.keyed.is_under_way(pending.job)
                error = refusals.in_progress() if under_way else refusals.expired(pending.name)
                self._finish(pending, now, error=error)
            elif now > pending.deadline + GRACE:
                self._finish(pending, now, error=refusals.host_silent(pending.name, is_read=pending.is_read))

    def abandon(self, now: float) -> None:
        """Answers whatever is still on its way: the broker ends."""
        for pending in self._pending:
            if pending.waits_here and not self.keyed.is_under_way(pending.job):
                error = refusals.shutting_down()
            else:
                error = refusals.host_silent(pending.name, is_read=pending.is_read)
            self._finish(pending, now, error=error)

    def _after_changes(self, now: float) -> None:
        """Follows what has become of hosts and of the places of devices."""
        for host in self.fleet.lost:
            self._fail_all_at(host, now)
        self.fleet.lost.clear()
        for device in self.fleet.take_orphaned():
            if self.fleet.host_of(device) is None and not self.fleet.is_moving(device):
                since = now + self.overview.epoch
                self._note_state(DeviceState(device, State.UNSERVED, since, "its device host was lost"))
        for device in self.fleet.take_placed():
            for pending, job in self._parked.take(device):
                if self._pending.at(pending.job) is not None:
                    self._send(pending, job, self.fleet.host_of(device))

    def _fail_all_at(self, host: HostId, now: float) -> None:
        self.watches.host_lost(host)
        for pending in self._pending.at_host(host):
            self._finish(pending, now, error=refusals.host_lost(pending.name, is_read=pending.is_read))

    def _refuse_part(self, part: Pending, error: PlcmqError, now: float) -> None:
        self._finish(part, now, error=error)

    def _finish(
        self,
        pending: Pending,
        now: float,
        *,
        result: Any = None,
        error: PlcmqError | None = None,
        elapsed: Elapsed | None = None,
    ) -> None:
        """Ends a request; it is answered once and for all, a keyed one when its reply is on record."""
        if error is None:
            content: Content = {"ok": True, "result": result}
        else:
            content = {"ok": False, "error": error.to_map()}
        outcome = None if error is None else error.outcome
        if pending.job and self.keyed.finish(pending.job, content, outcome):
            return
        self._answer(pending, content, elapsed or Elapsed(now - pending.received))

    def _answer_keyed(self, pending: Pending, content: Content, replayed: bool) -> None:
        """Answers a keyed command as the journal has it."""
        if replayed:
            content = {**content, "replayed": True}
        self._answer(pending, content, Elapsed(self._now - pending.received))

    def _answer(self, pending: Pending, content: Content, elapsed: Elapsed) -> None:
        if pending.job:
            self._pending.remove(pending)
        reply = reply_map(pending.id, content, elapsed)
        if not content["ok"]:
            self._count(content["error"]["code"])
        if pending.batch is None:
            self._reply(pending.envelope, encode_reply(pending.codec, reply))
        elif pending.batch.is_complete_with(pending.place, reply):
            self._finish(pending.batch.pending, self._now, result={"replies": pending.batch.replies})

    def _reply(self, envelope: Envelope, body: bytes) -> None:
        self.overview.replies += 1
        self.replies.append((envelope, body))

    def _count(self, code: str) -> None:
        errors = self.overview.errors
        errors[code] = errors.get(code, 0) + 1
