"""What moves bytes between a session and its socket, for both clients.

Strategy: never blocks. The socket's file descriptor is edge-triggered, so whoever reads ends
with a socket that has nothing more to give, or is told to come back. Sending comes first and receiving
second, because a send also swallows the edge that would have announced a reply.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic

import zmq

from .session import Call, Session, Waiter
from .transport import Receiver, SharedContext, ZmqSocket, connect_dealer, is_readable, is_writable

_NOBLOCK: Final = int(zmq.NOBLOCK)


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
        self.fd = int(self._socket.fileno())
        self._send: Callable[[bytes, int], object] = self._socket.send
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
                session.sent()

    def receive_waiting(self, most: int) -> tuple[list[Call[Waiter]], bool]:
        """The calls that have got their replies, and whether all was read: at most `most` messages are."""
        settled: list[Call[Waiter]] = []
        receive, feed = self._receive, self.session.feed
        for _ in range(most):
            message = receive()
            if message is None:
                return settled, True
            self.received += 1
            call = feed(message.frames[-1]) if message.frames else None
            if call is not None:
                settled.append(call)
        return settled, False

    def has_missed(self) -> bool:
        """Whether a message waits that the descriptor did not announce."""
        return is_readable(self._socket)

    def close(self) -> None:
        """Closes the socket, at once and for good."""
        self._socket.close(0)
        self._context.release()
