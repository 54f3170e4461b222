"""What moves bytes between a session and its socket, for both clients.

Strategy: never blocks. The socket's file descriptor is edge-triggered, and every look at the socket may
swallow the edge of something else: an `exchange` goes on until there is nothing to read and nothing
that could be sent, or says that it wants to go on.

A socket that cannot be written to has no connection, unless it is full of what the other side does not read.
Full it cannot be where little is in flight, or where it could be written to and nothing was sent since. So
nobody has to wait for an answer that cannot come any more. Not noticed is a connection that is lost and made
again between two looks, which takes more than `reconnect_min`.
"""

from __future__ import annotations

import select
import time
from typing import Final, Generic

import zmq

from ..protocol.sockets import (
    CLIENT,
    Receiver,
    SharedContext,
    ZmqSocket,
    connect_dealer,
    is_readable,
    is_writable,
    look,
    plain_send,
)
from .session import Call, Session, Waiter

_NOBLOCK: Final = int(zmq.NOBLOCK)
_FEW: Final = CLIENT.queue // 2  # requests in flight, with which no queue can be full


class Pump(Generic[Waiter]):
    """The socket of one connection.

    Attributes:
        session: whose requests it carries.
        received: messages read so far.
        fd: the descriptor to wait for; readable means: send and receive, whatever it was that happened.
    """

    def __init__(self, session: Session[Waiter], context: SharedContext) -> None:
        """Starts connecting; a connection stands when `is_up`.

        Raises:
            BadEndpoint: the session's endpoint is none.
        """
        self.session = session
        self.received = 0
        self._context = context
        zmq_context = context.acquire()
        try:
            self._socket: ZmqSocket = connect_dealer(zmq_context, session.endpoint)
        except BaseException:
            context.release()
            raise
        self._has_sent = False  # since it could be written to
        self.fd = int(self._socket.fileno())
        self._send = plain_send(self._socket)
        self._receive = Receiver(self._socket).receive

    def send_waiting(self) -> None:
        """Sends what a standing connection accepts; the rest waits in the session."""
        session = self.session
        now = time.monotonic()
        while (body := session.next_body(now)) is not None:
            try:
                self._send(body, _NOBLOCK)
            except zmq.Again:
                # ZeroMQ may refuse on old news; asking for the events makes it look.
                if not is_writable(self._socket):
                    return
            else:
                self._has_sent = True
                session.sent()

    def exchange(self, most: int) -> tuple[list[Call[Waiter]], bool]:
        """Sends and receives what can be, reading at most `most` messages.

        Returns:
            The calls that have got their replies, and whether all was read: if not, come back without
            waiting.
        """
        settled: list[Call[Waiter]] = []
        while True:
            self.send_waiting()
            if self._receive_waiting(settled, most - len(settled)):
                return settled, False
            session = self.session
            if not (session.has_unsent or session.in_flight or session.subscribers):
                return settled, True
            # Reading also takes in the news that a connection stands, or does not any more.
            readable, writable = look(self._socket)
            if not readable and not (writable and session.has_unsent):
                if not writable and (session.in_flight < _FEW or not self._has_sent):
                    settled += session.lose()
                self._has_sent &= not writable
                return settled, True

    def _receive_waiting(self, settled: list[Call[Waiter]], most: int) -> bool:
        """Whether there may be more."""
        receive, feed = self._receive, self.session.feed
        for _ in range(most):
            message = receive()
            if message is None:
                return False
            self.received += 1
            call = feed(message.frames[-1]) if message.frames else None
            if call is not None:
                settled.append(call)
        return True

    @property
    def is_announced(self) -> bool:
        """Whether the descriptor is readable; `select` would refuse those beyond 1023."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(0))

    def has_missed(self) -> bool:
        """Whether a message waits that the descriptor did not announce."""
        return is_readable(self._socket)

    def close(self) -> None:
        """Closes the socket, at once and for good."""
        self._socket.close(0)
        self._context.release()
