"""One TCP connection of a simulated PLC: bytes in, bytes out.

Strategy: while no fault is at work, everything that arrived together is answered in one go, without a task
and without an object per request. With faults, each request becomes an `Exchange` that waits in line for
its time to be executed and its time to be answered; replies leave in the order of the requests unless a
fault wants one late. What has arrived is executed even when its master has gone meanwhile, as in a real PLC.
A master's FIN and its reset are told apart by what the transport says first: an end
of file, or an error.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from struct import Struct
from time import monotonic
from typing import cast

from ..transport.mbap import Framer, FramingError, frame
from .endpoint import SimulatedEndpoint
from .evidence import Ending
from .faults.base import Close, Exchange, Peer

LINGER_NONE = Struct("ii").pack(1, 0)  # closing sends a reset
PIECE_GAP = 0.002  # seconds between pieces that shall not travel in one segment


class PlcConnection(asyncio.Protocol):
    """Serves one master.

    Args:
        endpoint: what it serves.
        peer: what the faults know of this connection.
        on_gone: called when the connection is over.

    Attributes:
        gone: done when the connection is over.
    """

    def __init__(
        self, endpoint: SimulatedEndpoint, peer: Peer, on_gone: Callable[[PlcConnection], None]
    ) -> None:
        self.peer = peer
        self._endpoint = endpoint
        self._evidence = endpoint.evidence
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._time = monotonic  # the time of a uvloop stands still between two polls
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._ended: Ending | None = None
        self._end_wanted: Close | None = None  # before there was a transport
        self._framer = Framer()
        self._replies: list[bytes] = []  # to what has come together
        self._line: deque[Exchange] = deque()
        self._planned = 0.0  # when the last reply in line leaves
        self._sending = 0.0  # until when the pieces of a reply leave
        self._timer: asyncio.TimerHandle | None = None
        self._replied: float | None = None
        self._last = -1  # transaction id of the request before

    def end(self, how: Close) -> None:
        """Ends the connection from the PLC's side."""
        if how is Close.SILENT:
            self.peer.mute = True
            self._forget()
        elif self._transport is None:
            self._end_wanted = how
        elif self._ended is None or how is Close.RST:
            self._ended = self._ended or Ending.SERVER
            self._forget()
            if how is Close.RST:
                connected: socket.socket = self._transport.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
                self._transport.abort()
            else:
                self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._transport = transport
        if self._end_wanted is not None:
            self.end(self._end_wanted)

    def eof_received(self) -> None:
        """The master has sent FIN; the transport closes our side as well."""
        self._ended = self._ended or Ending.FIN

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over. EPIPE says that a FIN came before the reset."""
        if self.gone.done():
            return
        polite = exc is None or isinstance(exc, BrokenPipeError)
        self._evidence.sockets.remove(self._ended or (Ending.FIN if polite else Ending.RST))
        self.gone.set_result(None)
        self._on_gone(self)

    def data_received(self, data: bytes) -> None:
        """Answers all whole requests in the data, and keeps the rest."""
        if self.peer.mute or self._ended is not None:
            return
        now = self.peer.active = self._time()
        if self._replied is not None and not self._line:
            self._evidence.gap(now - self._replied)
        arrived = self.peer.requests
        take = self._queue if self._endpoint.faults or self._line else self._answer
        try:
            for transaction, unit, pdu in self._framer.feed(data):
                self.peer.requests += 1
                self._evidence.functions[pdu[0]] += 1
                if transaction == self._last:
                    self._evidence.repeated_transactions += 1
                take(transaction, unit, pdu, now)
                self._last = transaction
        except FramingError:
            self._evidence.framing_errors += 1
            self._finish(self.peer.requests - arrived)
            self.end(Close.FIN)
        else:
            self._finish(self.peer.requests - arrived)
        if self._evidence.waiters:
            self._evidence.notify()

    def _finish(self, count: int) -> None:
        """Sends what is ready after so many requests came together."""
        evidence = self._evidence
        evidence.requests += count
        if self._replies:
            evidence.outstanding_peak = max(evidence.outstanding_peak, len(self._replies))
            self._write(b"".join(self._replies))
            self._replies.clear()
        if self._line:
            self._advance()

    def _answer(self, transaction: int, unit: int, pdu: bytes, now: float) -> None:
        reply = self._endpoint.answer(unit, pdu, now)
        if reply:
            self._replies.append(frame(transaction, unit, reply))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._replied = self.peer.active = self._time()
            self._transport.write(data)

    def _queue(self, transaction: int, unit: int, pdu: bytes, now: float) -> None:
        if transaction != self._last and any(transaction == other.transaction for other in self._line):
            self._evidence.repeated_transactions += 1
        exchange = Exchange(
            peer=self.peer,
            transaction=transaction,
            unit=unit,
            pdu=pdu,
            arrived=now,
            waiting=len(self._line) + 1,
            free=max(now, self._planned),
            memory=self._endpoint.unit(unit),
            replied=self._replied,
        )
        exchange.execute_at = exchange.reply_at = now
        self._endpoint.consider(exchange)
        self._evidence.outstanding_peak = max(self._evidence.outstanding_peak, exchange.waiting)
        if exchange.silent and not exchange.execute and exchange.close is None:
            return
        exchange.reply_at = max(exchange.reply_at, exchange.execute_at)
        self._planned = max(self._planned, exchange.reply_at)
        self._line.append(exchange)

    def _advance(self) -> None:
        """Executes and answers from the head of the line what is due, and waits for the next time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._endpoint.serving:
            self._line.clear()
        while self._line:
            head, now = self._line[0], self._time()
            if head.execute_at > now:
                return self._wait_for(head.execute_at)
            if head.executed_at is None:
                self._execute(head, now)
                self._planned = max(self._planned, head.reply_at)
            if (at := max(head.reply_at, self._sending)) > now:
                return self._wait_for(at)
            self._line.popleft()
            self._send(head)

    def _wait_for(self, at: float) -> None:
        self._timer = self._loop.call_at(at, self._advance)

    def _execute(self, exchange: Exchange, now: float) -> None:
        exchange.executed_at = now
        reply = self._endpoint.carry_out(exchange, now)
        if reply and not exchange.silent:
            exchange.frames = [frame(exchange.transaction, exchange.unit, reply)]
        self._endpoint.conclude(exchange)
        if exchange.silent:
            exchange.frames = []
        if self._evidence.waiters:
            self._evidence.notify()

    def _send(self, exchange: Exchange) -> None:
        for i, piece in enumerate(exchange.frames):
            wait = exchange.late_by + i * PIECE_GAP
            if wait:
                self._loop.call_later(wait, self._write, piece)
            else:
                self._write(piece)
        length = max(0, len(exchange.frames) - 1) * PIECE_GAP
        if length and not exchange.late_by:
            self._sending = monotonic() + length
        if exchange.close is not None:
            if wait := exchange.late_by + length:
                self._loop.call_later(wait, self.end, exchange.close)
            else:
                self.end(exchange.close)

    def _forget(self) -> None:
        self._line.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
