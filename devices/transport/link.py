"""One TCP connection to one endpoint: requests out, each reply to the request it answers.

Strategy: one Protocol, one socket, never opened again; the channel makes a new link for a new connection.
Every request in flight is one `_Pending` with one timer, found by its transaction id. A reply counts only if
id, unit, function, length and echo fit. Nothing is ever sent twice.

A request is "sent" from the moment its bytes are handed to a connected socket: after that only an answer
proves what happened. A caller that is cancelled leaves its request behind (the device is still busy with
it); it stays in flight until its reply or its timeout, and `abandoned` counts it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from ..modbus.errors import BadReply, ExceptionReply, LinkError, NoReply, NotSent
from ..modbus.pdu import Transaction
from ..model.devices import Endpoint
from .mbap import Framer, FramingError, frame
from .tcp import cork, explain, keep_alive

__all__ = ["CLOSE_TIME", "Link", "LinkError", "NoReply", "NotSent"]

CLOSE_TIME: Final = 1.0  # seconds that an orderly close may take before the socket is simply closed
DROP_TIME: Final = 0.05  # seconds to hear that a connection that nobody has used is gone
LAST_ID: Final = 0xFFFF  # ids count from 1: devices that do not copy the id answer with 0
QUARANTINE: Final = 4096  # ids of unanswered requests that are not used again
SEND_BUFFER: Final = 4096  # bytes that may wait for the device to take them

Settled = Callable[[int, bool], None]


@dataclass(slots=True)
class _Pending:
    """A request in flight. `future` is cancelled once nobody waits for it any more."""

    unit: int
    transaction: Transaction
    patience: float
    future: asyncio.Future[bytes]
    timer: asyncio.TimerHandle | None = None


class Link(asyncio.Protocol):
    """A connection. `open` makes one; it ends with `close`, also after the device has ended it.

    Attributes:
        any_unit: whether replies from another unit id count.
        bytes_sent, bytes_received: so far.
        strays: replies that answered nothing that was asked here.
        requests: how many were sent.
    """

    def __init__(
        self,
        *,
        any_unit: bool = False,
        first_id: int = 1,
        on_lost: Callable[[], None] | None = None,
        on_settled: Settled | None = None,
        on_late: Callable[[], None] | None = None,
    ) -> None:
        self.any_unit = any_unit
        self.bytes_sent = self.bytes_received = self.strays = self.requests = 0
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._framer = Framer()
        self._pending: dict[int, _Pending] = {}
        self._unanswered: dict[int, None] = {}  # ids in quarantine, the oldest first
        self._id = first_id - 1
        self._full = False  # the send buffer
        self._broken = False  # whether what comes in means nothing any more
        self._reason = "not connected"  # why nothing can be sent; empty while something can
        self._on_lost = on_lost
        self._on_settled = on_settled
        self._on_late = on_late

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        connect_timeout: float,
        *,
        any_unit: bool = False,
        first_id: int = 1,
        on_lost: Callable[[], None] | None = None,
        on_settled: Settled | None = None,
        on_late: Callable[[], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Link:
        """Connects.

        Args:
            endpoint: where to.
            connect_timeout: seconds for name resolution, TCP and TLS together.
            any_unit: accept replies that carry another unit id.
            first_id: the transaction id to begin with, so that ids go on counting over connections.
            on_lost: called once, as soon as the connection is known to be useless (`reason` tells why),
                unless `close` was first.
            on_settled: called with the unit and whether it answered when an abandoned request has ended.
            on_late: called when a request has been answered after its time was up.
            tls: for Modbus Security (port 802).

        Raises:
            NotSent: it did not work; no socket is left behind.
        """
        link = cls(
            any_unit=any_unit, first_id=first_id, on_lost=on_lost, on_settled=on_settled, on_late=on_late
        )
        name = endpoint.host if tls else None
        try:
            async with asyncio.timeout(connect_timeout):
                await link._loop.create_connection(
                    lambda: link, endpoint.host, endpoint.port, ssl=tls, server_hostname=name
                )
        except TimeoutError:
            await link._drop()
            raise NotSent(f"cannot connect to {endpoint} (no answer in {connect_timeout:g} s)") from None
        except OSError as error:
            await link._drop()
            raise NotSent(f"cannot connect to {endpoint} ({explain(error)})") from error
        except asyncio.CancelledError:
            await link._drop()
            raise
        return link

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return not self._reason

    @property
    def reason(self) -> str:
        """Why nothing can be sent; empty while something can."""
        return self._reason

    @property
    def in_flight(self) -> int:
        """How many requests the device may be busy with, the abandoned ones too."""
        return len(self._pending)

    @property
    def abandoned(self) -> int:
        """How many requests are in flight that nobody waits for."""
        return sum(pending.future.cancelled() for pending in self._pending.values())

    @property
    def next_id(self) -> int:
        """Where the next connection's transaction ids begin."""
        return self._id % LAST_ID + 1

    def __repr__(self) -> str:
        state = self._reason or "open"
        return f"<Link {state}, {len(self._pending)} in flight, {self.requests} sent>"

    async def transact(self, unit: int, transaction: Transaction, patience: float) -> bytes:
        """Sends a request once and returns the payload of its reply.

        Args:
            unit: unit id, 0 to 255.
            transaction: what to ask.
            patience: seconds for the reply.

        Raises:
            NotSent: nothing left this machine.
            NoReply: sent, but the time passed or the connection was lost before a reply came.
            BadReply: a reply came that does not fit.
            ExceptionReply: the device refused.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            self._stop("the connection was lost")
        if self._reason or transport is None:
            raise NotSent(self._reason)
        if self._full:
            raise NotSent("the device takes no more data")
        number = self._take_id()
        data = frame(number, unit, transaction.pdu)
        pending = _Pending(unit, transaction, patience, self._loop.create_future())
        self._pending[number] = pending
        transport.write(data)
        self.requests += 1
        self.bytes_sent += len(data)
        pending.timer = self._loop.call_later(patience, self._expire, number)
        try:
            return await pending.future
        except asyncio.CancelledError:
            if not pending.future.cancelled():
                pending.future.exception()  # it was answered in the same moment: nobody is left to see how
            raise

    def cork(self, *, on: bool) -> None:
        """Holds back requests until they are let go, so that they leave in one segment if they can."""
        if self._transport is not None and not self._transport.is_closing():
            cork(self._transport.get_extra_info("socket"), on=on)

    def _take_id(self) -> int:
        number = self._id % LAST_ID + 1
        while number in self._pending or number in self._unanswered:
            number = number % LAST_ID + 1
        self._id = number
        return number

    def _expire(self, number: int) -> None:
        pending = self._pending.pop(number)
        self._unanswered[number] = None
        if len(self._unanswered) > QUARANTINE:
            del self._unanswered[next(iter(self._unanswered))]
        reason = f"no answer in {pending.patience:g} s"
        if self._framer.has_partial:
            # The rest would be taken for the beginning of the next reply.
            reason = f"only a part of the answer in {pending.patience:g} s"
            self._fail(reason)
        self._settle(pending, NoReply(reason, timed_out=True))

    def _settle(self, pending: _Pending, result: bytes | Exception) -> None:
        """Ends a request that is no longer in `_pending`."""
        if pending.timer is not None:
            pending.timer.cancel()
        if pending.future.cancelled():
            if self._on_settled is not None:
                self._on_settled(pending.unit, not isinstance(result, NoReply))
        elif isinstance(result, Exception):
            pending.future.set_exception(result)
        else:
            pending.future.set_result(result)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=SEND_BUFFER)
        keep_alive(self._transport.get_extra_info("socket"))
        self._reason = ""

    def data_received(self, data: bytes) -> None:
        """Bytes came, in pieces of any size."""
        self.bytes_received += len(data)
        if self._broken:
            return
        try:
            for number, unit, pdu in self._framer.feed(data):
                self._answered(number, unit, pdu)
        except FramingError as error:
            self._fail(f"the device sent {error}")

    def _answered(self, number: int, unit: int, pdu: bytes) -> None:
        pending = self._pending.get(number)
        if pending is None:
            if number in self._unanswered:
                del self._unanswered[number]
                if self._on_late is not None:
                    self._on_late()
            else:
                self.strays += 1
            return
        del self._pending[number]
        try:
            if unit != pending.unit and not self.any_unit:
                raise BadReply(
                    f"unit {unit} answered instead of unit {pending.unit} (see the setting any_unit)",
                    "set `link.any_unit: true` if the device answers for any unit, or correct `unit`",
                )
            result: bytes | Exception = pending.transaction.check(pdu)
        except (BadReply, ExceptionReply) as error:
            result = error
        self._settle(pending, result)

    def eof_received(self) -> None:
        """The device closes. The transport closes too, as nothing is returned."""
        self._stop("the device closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, whoever closed it."""
        self._stop(f"the connection was lost ({explain(exc)})" if exc else "the connection was closed")
        self._abandon_all()
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        """The device does not read what we send."""
        self._full = True

    def resume_writing(self) -> None:
        """The device reads again."""
        self._full = False

    async def close(self, deadline: float = CLOSE_TIME) -> None:
        """Ends the connection with FIN; returns when the socket is gone.

        Requests in flight may still be answered while the device closes its side.

        Args:
            deadline: seconds for the device to close its side.
        """
        self._on_lost = None
        self._stop("the connection is being closed")
        transport = self._transport
        if transport is None:
            return
        try:
            self._half_close()
            await asyncio.wait((self._gone,), timeout=deadline)
        finally:
            if not self._gone.done():
                transport.abort()
        await self._gone

    async def _drop(self) -> None:
        """Closes whatever a failed `open` has left."""
        self._on_lost = None
        if self._transport is not None:
            self._transport.abort()
            # uvloop closes a connection whose `create_connection` is cancelled without telling the protocol.
            await asyncio.wait((self._gone,), timeout=DROP_TIME)

    def _fail(self, reason: str) -> None:
        """Gives the connection up from inside, with FIN; what is in flight fails at once."""
        self._stop(reason)
        self._broken = True
        self._abandon_all()
        self._half_close()

    def _half_close(self) -> None:
        """Sends FIN and goes on listening, so that the device has closed its side before we count it gone."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()

    def _abandon_all(self) -> None:
        pending, self._pending = self._pending, {}
        for one in pending.values():
            self._settle(one, NoReply(self._reason))

    def _stop(self, reason: str) -> None:
        """From here on nothing is sent; the first reason counts."""
        if self._reason:
            return
        self._reason = reason
        if self._on_lost is not None:
            self._on_lost()
