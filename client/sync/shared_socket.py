"""The blocking client's socket in one process, and the threads that wait for it. No thread of its own.

Strategy: leader and followers. Whoever makes a request sends it under the lock. One of the waiting threads,
    the leader, sleeps on the socket's descriptor without holding the lock; the others sleep each at a gate
    of its own. Whoever reads replies, always under the lock, opens the gates of those they are for. A
    leader that has its reply leaves, and makes another waiting thread the leader. The descriptor is
    edge-triggered: nobody lets go of the lock before the socket is read empty.
"""

from __future__ import annotations

import math
import os
import select
import threading
import time
from contextlib import suppress
from typing import Any, Final

from ..core.pump import Pump
from ..core.session import Call, Session, closed_error
from ..protocol.bodies import Codec
from ..protocol.replies import Reply
from ..protocol.sockets import process_context

_EVERYTHING: Final = 1 << 62  # messages: read until there are none
_CLOSE_WAIT: Final = 1.0  # seconds for a leader to wake and leave


class _Gate:
    """Where one thread waits. Opening it twice is opening it once."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Lets the thread through; called under the wire's lock."""
        if self._lock.locked():
            self._lock.release()

    def wait(self, seconds: float) -> None:
        """Returns when the gate was opened, or after that time; the gate is shut again behind the caller."""
        self._lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))


_Call = Call[_Gate]


class Wire:
    """A connection to a broker that the threads of this process share.

    Attributes:
        closed: whether it was closed; it does not open again.
    """

    def __init__(self, endpoint: str, codec: Codec) -> None:
        """Opens nothing yet: the first `exchange` does.

        Args:
            endpoint: as `endpoint_of` gives it.
        """
        self.closed = False
        self._lock = threading.Lock()
        self._session: Session[_Gate] = Session(endpoint, codec)
        self._pump: Pump[_Gate] | None = None
        self._leader: _Call | None = None
        self._released = threading.Event()
        self._alarm = (-1, -1)  # a pipe that wakes the leader: read end, write end
        self._poll = select.poll()

    @property
    def is_open(self) -> bool:
        """Whether it holds a socket."""
        return self._pump is not None

    def exchange(self, message: dict[str, Any], timeout: float, grace: float) -> Reply:
        """Sends a request and waits for its reply, or for the session's verdict that none will come.

        Args:
            message: as `request_map` makes it.
            timeout: seconds for the broker to answer.
            grace: seconds to wait beyond it.

        Raises:
            Rejected: it cannot be sent.
            PlcmqError: the connection is closed.
        """
        call: _Call | None = None
        try:
            with self._lock:
                if self.closed:
                    raise closed_error(self._session.endpoint)
                self._open()
                call = self._session.start(message, timeout, _Gate(), time.monotonic(), grace)
                self._move(call)
            while call.reply is None:
                self._wait(call)
            return call.reply
        finally:
            if call is not None:
                with self._lock:
                    self._leave(call)

    def close(self) -> None:
        """Closes the socket; calls that still wait fail at once. Closing again does nothing."""
        with self._lock:
            if not self.closed:
                self.closed = True
                for call in self._session.abandon():
                    call.waiter.open()
                if self._leader is None:
                    self._release()
                else:
                    self._wake_leader()
        # The leader sleeps on the descriptor: it has to be out before the socket may go.
        self._released.wait(_CLOSE_WAIT)

    def _wait(self, call: _Call) -> None:
        with self._lock:
            if call.reply is not None:
                return
            if call.deadline <= time.monotonic():
                self._session.give_up(call)
                return
            if self._leader is None:
                self._leader = call
            leading = self._leader is call
            remaining = call.deadline - time.monotonic()
        if not leading:
            call.waiter.wait(remaining)
            return
        ready = self._poll.poll(max(0, math.ceil(remaining * 1000)))
        with self._lock:
            if self.closed:
                return
            if any(fd == self._alarm[0] for fd, _ in ready):
                os.read(self._alarm[0], 4096)
            self._move(call)

    def _leave(self, call: _Call) -> None:
        """A thread goes; if it was the leader, another one has to lead, or nobody would read."""
        self._session.forget(call)
        if self._leader is not call:
            return
        self._leader = None
        if self.closed:
            self._release()
            return
        heir = next(iter(self._session.pending.values()), None)
        if heir is not None:
            self._leader = heir
            heir.waiter.open()

    def _open(self) -> None:
        if self._pump is not None:
            return
        alarm = os.pipe()
        try:
            self._pump = Pump(self._session, process_context())
        except BaseException:
            os.close(alarm[0])
            os.close(alarm[1])
            raise
        os.set_blocking(alarm[1], False)
        self._alarm = alarm
        self._poll.register(self._pump.fd, select.POLLIN)
        self._poll.register(self._alarm[0], select.POLLIN)

    def _move(self, mover: _Call) -> None:
        """Sends what can be sent, reads all that has come, and wakes those it is for but its mover."""
        if self._pump is None:
            return
        settled, _ = self._pump.exchange(_EVERYTHING)
        for call in settled:
            if call is mover:
                continue
            if call is self._leader:
                self._wake_leader()
            else:
                call.waiter.open()

    def _wake_leader(self) -> None:
        with suppress(BlockingIOError):  # the pipe is full of alarms already
            os.write(self._alarm[1], b"!")

    def _release(self) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            self._poll.unregister(pump.fd)
            self._poll.unregister(self._alarm[0])
            for end in self._alarm:
                os.close(end)
            pump.close()
        self._released.set()
