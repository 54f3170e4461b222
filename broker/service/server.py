"""The broker's sockets: one ROUTER towards clients, one towards hosts, drained by a plain loop.

Strategy: a thin shell around `Router`. When a socket's descriptor wakes us, everything that waits is read
and routed; then all replies and all messages to hosts leave. There is no task and no future for a message.
The descriptors are edge-triggered, and a send may take an edge away, so a socket is looked at after it was
sent on; a slow tick looks as well, and counts what it finds (`missed_edges`, which stays 0). What a client
does not read waits in the backlog: ZeroMQ wakes us when it has room again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import time
from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import uuid4

import zmq

from ...client.protocol.bodies import Codec, codec_of
from ...client.protocol.errors import Code, failure
from ...client.protocol.messages import DEFAULT_LIMITS, MalformedRequest
from ...client.protocol.sockets import Receiver, ZmqSocket, is_readable, plain_send
from ...devices.host.host import DeviceHost
from ...devices.model.devices import State
from ...devices.protocol.frames import frames, refused, with_serves_joined
from ...devices.protocol.messages import Bye, Count, FromHost, Hello, Job, Release, Serve, ToHost
from ...devices.protocol.wire import Message, NoHostMessage, unpack
from ..fleet.fleet import FENCE, LOCAL, HostId
from ..routing.router import Router
from .delivery import Delivery
from .host_log import HostLog

EARLY: Final = 32  # replies that go ahead of the rest of their round, so that their callers work meanwhile
DRAIN_LIMIT: Final = 500  # messages read from one socket before the loop may do something else
ENVELOPE_BYTES: Final = 64 * 1024  # in front of a body: they wait with the request, and go back
TICK: Final = 0.1  # seconds
STANDSTILL: Final = 1.0  # seconds between two ticks after which the loop must have stood still
NOTED_PEERS: Final = 10_000  # peers of which we remember that a reply could not be sent

_SEND: Final = int(zmq.NOBLOCK)
_SEND_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)

logger = logging.getLogger(__name__)


class Server:
    """Moves messages between the sockets, the router and the device host of this process.

    Attributes:
        on_orders: called when the router has orders for the journal.
        delivery: the way of replies to clients, with what waits for slow ones.
        missed_edges: messages that only the tick found; 0 unless something is wrong.
    """

    def __init__(self, router: Router, front: ZmqSocket, back: ZmqSocket) -> None:
        """`front` is the ROUTER for clients, `back` the one for hosts; both are bound."""
        self.missed_edges = 0
        self._last_tick = time.monotonic()
        self._batch_due = False
        self.router = router
        self.host: DeviceHost | None = None
        self._front = front
        self._back = back
        self._loop = asyncio.get_running_loop()
        self._receive_front = Receiver(front, DEFAULT_LIMITS.frames + 1).receive
        self._receive_back = Receiver(back).receive
        self.delivery = Delivery(plain_send(front), self._note)
        self._host_log = HostLog(LOCAL, FENCE)
        self._unseen: set[ZmqSocket] = set()  # sent on, and not looked at since
        self._read: set[ZmqSocket] = set()  # since the last tick
        self._poll = select.poll()
        self._flush_due = False
        self._tick_timer: asyncio.TimerHandle | None = None
        self._noted: set[tuple[bytes, str]] = set()
        self._logged: dict[int, State] = {}  # what the log last said of a device
        self.on_orders: Callable[[], None] = lambda: None
        self._awaited: tuple[Callable[[], bool], asyncio.Event] | None = None

    def __repr__(self) -> str:
        router = self.router
        return (
            f"<Server replies={len(router.replies)} to_hosts={len(router.fleet.outbox)} "
            f"unread={self.delivery.backlog.messages} missed_edges={self.missed_edges}>"
        )

    def start(self) -> None:
        """Begins to serve."""
        self._loop.add_reader(self._front.fileno(), self._drain_front)
        self._loop.add_reader(self._back.fileno(), self._drain_back)
        for socket in (self._front, self._back):
            self._poll.register(socket.fileno(), select.POLLIN)
        self._tick()

    def stop(self) -> None:
        """Ends serving; the sockets stay open."""
        self._loop.remove_reader(self._front.fileno())
        self._loop.remove_reader(self._back.fileno())
        if self._tick_timer is not None:
            self._tick_timer.cancel()

    def add_local_host(self, name: str) -> DeviceHost:
        """A device host in this process, without a socket in between."""
        self.host = DeviceHost(self._from_local_host)
        hello = Hello(name, name, self.router.overview.version, [])
        self.router.from_host(LOCAL, hello, time.monotonic())
        self.flush()
        return self.host

    async def wait_for(self, holds: Callable[[], bool], seconds: float) -> None:
        """Waits until it holds, or the time is over; it is looked at after everything that happens."""
        self._awaited = (holds, asyncio.Event())
        self.flush_soon()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awaited[1].wait(), seconds)
        self._awaited = None

    def _drain_front(self) -> None:
        receive, router = self._receive_front, self.router
        self._read.add(self._front)
        for _ in range(DRAIN_LIMIT):
            message = receive()
            if message is None:
                break
            frames, over = message
            if over and not frames:
                # A piece of a long message: between two of them others get their turn.
                self._loop.call_soon(self._drain_front)
                break
            if over or (len(frames) > 2 and sum(map(len, frames[:-1])) > ENVELOPE_BYTES):
                router.refuse(tuple(frames[:1]), _not_a_message())
                continue
            try:
                router.receive(tuple(frames[:-1]), frames[-1], time.monotonic())
            except Exception:  # the boundary of one message: a fault of ours in it shall not cost the others
                reference = uuid4().hex[:12]
                logger.exception("a request failed (reference %s)", reference)
                router.refuse(tuple(frames[:-1]), _own_fault(reference, codec_of(frames[-1])))
        else:
            self._loop.call_soon(self._drain_front)
        self.flush()

    def _drain_back(self) -> None:
        now = time.monotonic()
        self._read.add(self._back)
        for _ in range(DRAIN_LIMIT):
            message = self._receive_back()
            if message is None:
                break
            if message.over:
                self._loop.call_soon(self._drain_back)
                break
            if len(message.frames) == 2:
                self._from_host(message.frames[0], message.frames[1], now)
        else:
            self._loop.call_soon(self._drain_back)
        self.flush()

    def _from_host(self, host: HostId, body: bytes, now: float) -> None:
        try:
            messages = unpack(body)
        except NoHostMessage as error:
            self._note(
                host, "no_host_message", f"a peer at the hosts' endpoint sends something else: {error}"
            )
            return
        for message in messages:
            self._take(host, message, now)

    def _from_local_host(self, message: FromHost) -> None:
        self._take(LOCAL, message, time.monotonic())
        if len(self.router.replies) >= EARLY:
            self._send_to_clients()
        self.flush_soon()

    def _take(self, host: HostId, message: Message, now: float) -> None:
        if isinstance(message, Bye):
            self._host_log.leaving.add(host)
        try:
            self.router.from_host(host, message, now)
        except Exception:  # the boundary of one message: a host's nonsense shall not cost the others
            logger.exception("a message of a device host could not be dealt with")

    def _tick(self) -> None:
        self._tick_timer = self._loop.call_later(TICK, self._tick)
        self._look_after_standstill()
        announced = {fd for fd, _ in self._poll.poll(0)}
        for socket, drain in ((self._front, self._drain_front), (self._back, self._drain_back)):
            # One that has been read since the last tick has been looked at again since.
            if socket not in self._read and socket.fileno() not in announced and is_readable(socket):
                self.missed_edges += 1
                drain()
        self._read.clear()
        self.router.tick(time.monotonic())
        for news in self._host_log.look(self.router.fleet.hosts, time.monotonic()):
            logger.log(logging.WARNING if news.is_bad else logging.INFO, "%s", news.text)
        self.flush()

    def _look_after_standstill(self) -> None:
        """Where this loop stood still, no host is judged by a silence that was ours."""
        now, before = time.monotonic(), self._last_tick
        self._last_tick = now
        if now - before > STANDSTILL:
            logger.warning("this broker stood still for %.1f s; no host is blamed for that", now - before)
            self.router.fleet.stood_still(now)
            while is_readable(self._back):
                self._drain_back()

    def flush_soon(self) -> None:
        """Sends what there is to send when the loop has done what it is doing."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Sends all replies, all events and all messages to hosts."""
        self._flush_due = False
        router = self.router
        while router.replies or router.fleet.outbox or router.watches.events:
            if router.fleet.outbox:
                self._send_to_hosts()
            self._send_to_clients()
        if self.delivery.backlog.peers:
            self._resend()
        if router.batches and not self._batch_due:
            self._batch_due = True
            self._loop.call_soon(self._go_on_with_batches)
        if router.keyed.outbox:
            self.on_orders()
        if router.news:
            self._log_news()
        self._look_for_input()
        if self._awaited is not None and self._awaited[0]():
            self._awaited[1].set()

    def _go_on_with_batches(self) -> None:
        """Starts the next piece of a batch; others had their turn meanwhile."""
        self._batch_due = False
        self.router.batches.go_on(time.monotonic())
        self.flush()

    def _look_for_input(self) -> None:
        for socket in self._unseen:
            if is_readable(socket):
                self._loop.call_soon(self._drain_front if socket is self._front else self._drain_back)
        self._unseen.clear()

    def _send_to_clients(self) -> None:
        router, delivery = self.router, self.delivery
        if router.replies:
            replies, router.replies = router.replies, []
            self._unseen.add(self._front)
            delivery.send_replies(replies)
        if router.watches.events:
            events, router.watches.events = router.watches.events, []
            self._unseen.add(self._front)
            delivery.send_events(events)
        while delivery.gone:
            router.client_gone(delivery.gone.pop())

    def _resend(self) -> None:
        self._unseen.add(self._front)
        if self.delivery.resend() or self.delivery.gone:
            self.flush_soon()
        self.router.overview.unread = self.delivery.backlog.messages

    def _send_to_hosts(self) -> None:
        outbox, self.router.fleet.outbox = self.router.fleet.outbox, []
        remote: dict[HostId, list[Message]] = {}
        for host, message in outbox:
            if host == LOCAL:
                self._to_local_host(message)
            else:
                remote.setdefault(host, []).append(message)
        for host, messages in remote.items():
            self._send_to_host(host, messages)

    def _to_local_host(self, message: ToHost) -> None:
        host = self.host
        if host is None:
            return
        match message:
            case Job():
                host.submit(message)
            case Serve():
                host.serve(message)
            case Release():
                host.release(message)
            case Count():
                host.count()

    def _send_to_host(self, host: HostId, messages: list[Message]) -> None:
        self._unseen.add(self._back)
        try:
            for body, _ in frames(with_serves_joined(messages), partial(self._too_long, host)):
                self._back.send(host, _SEND_MORE)
                self._back.send(body, _SEND)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self.router.unreachable(host, messages, time.monotonic())

    def _too_long(self, host: HostId, message: Message) -> None:
        """Nothing is sent in place of a message that no frame can carry."""
        if isinstance(message, Job):
            self._take(host, refused(message), time.monotonic())
        elif isinstance(message, Serve):
            names = ", ".join(form["name"] for form in message.devices)
            logger.error("%s cannot be served: the profile is too long to be sent to a host", names)

    def _log_news(self) -> None:
        news, self.router.news = self.router.news, []
        for state in news:
            entry = self.router.overview.catalogue.devices.get(state.device)
            if entry is None or state.state in (State.CONNECTING, self._logged.get(state.device)):
                continue  # a connection that is only replaced is no news
            self._logged[state.device] = state.state
            level = logging.INFO if state.state in (State.UP, State.IDLE) else logging.WARNING
            logger.log(level, "%s: %s", entry.device.name, state.reason or state.state)

    def _note(self, peer: bytes, reason: str, message: str, times: int = 1) -> None:
        """Counts something that went wrong with a peer; logs it once for each peer."""
        dropped = self.router.overview.dropped
        dropped[reason] = dropped.get(reason, 0) + times
        if (peer, reason) not in self._noted:
            if len(self._noted) >= NOTED_PEERS:
                self._noted.clear()
            self._noted.add((peer, reason))
            logger.info("%s", message)


def _not_a_message() -> MalformedRequest:
    frames = DEFAULT_LIMITS.frames
    message = f"a message has at most {frames} frames, and {ENVELOPE_BYTES} bytes in front of its body"
    return MalformedRequest(failure(Code.BAD_REQUEST, message), None, Codec.JSON)


def _own_fault(reference: str, codec: Codec) -> MalformedRequest:
    message = f"a fault of the broker itself; its log has more under {reference}"
    return MalformedRequest(failure(Code.INTERNAL, message, details={"reference": reference}), None, codec)
