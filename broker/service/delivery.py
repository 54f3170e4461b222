"""The way of replies and events to clients.

Strategy: what ZeroMQ takes is sent at once, and that is all that happens to a client that reads. What it does
not take waits in the backlog, and from then on everything for that client does, so that all stays in order.
A client that is gone is noted for the router, which may hold something on its behalf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import zmq

from ...client.protocol.messages import Envelope
from ...devices.protocol.messages import Event
from ..routing.subscriptions import Watch
from .backlog import Backlog, Conflation
from .conflation import conflation_of, event_body

RESEND_LIMIT: Final = 500  # messages of the backlog sent before the loop may do something else
RESEND_PEERS: Final = 20  # slow clients that are tried in one go

_SEND: Final = int(zmq.NOBLOCK)
_SEND_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)

Send = Callable[[bytes, int], object]
"""Sends one frame; raises `zmq.Again` where there is no room, and EHOSTUNREACH where there is no peer."""


class Note(Protocol):
    """Counts, and tells once for each peer, what went wrong with it."""

    def __call__(self, peer: bytes, reason: str, message: str, times: int = 1) -> None:
        """`reason` names the counter, `message` is for people, `times` what to add."""


class Delivery:
    """Sends to clients through one ROUTER.

    Attributes:
        backlog: what waits for clients that read slowly.
        gone: clients whose connection was found gone, or given up, since the caller looked.
    """

    def __init__(self, send: Send, note: Note, backlog: Backlog | None = None) -> None:
        """`send` is that of the ROUTER."""
        self.backlog = Backlog() if backlog is None else backlog
        self.gone: set[bytes] = set()
        self._send = send
        self._note = note

    def send_replies(self, replies: Iterable[tuple[Envelope, bytes]]) -> None:
        """Sends replies, or lets them wait."""
        send, slow = self._send, self.backlog.peers
        for envelope, body in replies:
            if slow and envelope[0] in slow:
                self._keep(envelope, body)
                continue
            try:
                for frame in envelope:
                    send(frame, _SEND_MORE)
                send(body, _SEND)
            except zmq.Again:
                self._keep(envelope, body)
            except zmq.ZMQError as error:
                self._lose(envelope[0], error)

    def send_events(self, events: Iterable[tuple[Watch, Event]]) -> None:
        """Sends events of watches, or lets them wait, merged."""
        for watch, event in events:
            envelope, body = watch.envelope, event_body(watch, event)
            if envelope[0] in self.backlog.peers or not self._try(envelope, body):
                self._keep(envelope, body, conflation_of(watch, event))

    def resend(self) -> bool:
        """Sends what waits, as far as there is room by now; true if it stopped before that was clear."""
        backlog, budget = self.backlog, RESEND_LIMIT
        for _ in range(min(len(backlog.peers), RESEND_PEERS)):
            peer = backlog.next_peer()
            while peer is not None and budget and (waiting := backlog.first(peer)) is not None:
                if not self._try(waiting.envelope, waiting.body):
                    break
                budget -= 1
                if peer in backlog.peers:
                    backlog.sent(peer)
        return not budget

    def _try(self, envelope: Envelope, body: bytes) -> bool:
        """Sends a message, or finds that nobody is left to read it; false if it has to wait."""
        try:
            for frame in envelope:
                self._send(frame, _SEND_MORE)
            self._send(body, _SEND)
        except zmq.Again:  # always at the first frame: a message is taken whole or not at all
            return False
        except zmq.ZMQError as error:
            self._lose(envelope[0], error)
        return True

    def _keep(self, envelope: Envelope, body: bytes, conflation: Conflation | None = None) -> None:
        if self.backlog.put(envelope, body, conflation):
            return
        self._note(envelope[0], "slow_client", "a client does not read its replies; they are dropped")
        if conflation is not None:
            # It would never hear of this change: better that its watches end, which it will notice.
            self.gone.add(envelope[0])

    def _lose(self, peer: bytes, error: zmq.ZMQError) -> None:
        if error.errno != zmq.EHOSTUNREACH:
            raise error
        waited = self.backlog.drop(peer)
        self._note(peer, "client_gone", "a client went before its reply came", max(1, waited))
        self.gone.add(peer)
