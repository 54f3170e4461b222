"""A device host in a process of its own: a DEALER towards the broker around a `DeviceHost`.

Strategy: a thin shell. `Membership` decides when to introduce ourselves, and when every PLC must be let go;
`wire` and `frames` make bytes; this file moves them. What there is to say is collected while the loop turns
and leaves together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Final
from uuid import uuid4

import zmq

from ...client.protocol.endpoint import endpoint_of
from ...client.protocol.loop_watch import watched_loop
from ...client.protocol.sockets import (
    Receiver,
    SocketSettings,
    connect_dealer,
    is_readable,
    is_writable,
    new_context,
)
from ..protocol.frames import frames, shortened
from ..protocol.messages import (
    Again,
    Bye,
    Count,
    Done,
    FromHost,
    Hello,
    Job,
    Ping,
    Refused,
    Release,
    Serve,
    Welcome,
)
from ..protocol.wire import Message, NoHostMessage, unpack
from ..worker.errors import leaving
from .host import DeviceHost
from .lease import Membership
from .settings import HostSettings

TICK: Final = 0.1  # seconds
BEAT: Final = 0.05  # seconds between two beats of the loop
LATE: Final = 0.1  # seconds that a beat may be late
UNSENT_LIMIT: Final = 20_000  # messages kept while the broker is away
GIVEN_UP: Final = 12.0  # seconds without a connection, longer than a handshake may take; then a new socket
DRAIN_LIMIT: Final = 200  # messages read before the loop may do something else
SOCKET: Final = SocketSettings(linger=1.0, reconnect_max=1.0)

logger = logging.getLogger(__name__)


def lease_clock() -> float:
    """Seconds on the clock that leases run on: it goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def run_host(
    settings: HostSettings,
    *,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event,
) -> None:
    """Serves devices for the broker until `stop` is set, then ends what was accepted and closes every socket.

    Args:
        settings: where the broker is, and who we are.
        ready: called with the broker's endpoint when the broker has taken us, at first or after a loss.
        stop: ends the host, within its drain time.

    Raises:
        HostRefused: the broker does not want this host, and never will.
        BadEndpoint: the broker's address cannot be one.
    """
    process = _HostProcess(settings, ready or (lambda _endpoint: None), stop)
    try:
        with watched_loop("the host", BEAT, LATE):
            await process.run()
    finally:
        await process.close()
    if process.refused is not None:
        raise HostRefused(process.refused)


class HostRefused(Exception):
    """The broker does not take this host; the message says why."""


class _HostProcess:
    def __init__(self, settings: HostSettings, ready: Callable[[str], None], stop: asyncio.Event) -> None:
        self.refused: str | None = None
        self._settings = settings
        self._endpoint = endpoint_of(settings.broker)
        self._ready = ready
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._membership = Membership(settings.name, uuid4().hex, version("plcmq"))
        self._host = DeviceHost(self._say, permitted=lambda: self._membership.holds(lease_clock()))
        self._context = new_context(16)
        self._connect()
        self._outbox: list[FromHost] = []
        self._flush_due = False
        self._draining = False

    async def run(self) -> None:
        """Runs until the host is told to stop, and has finished what it had accepted."""
        self._loop.add_reader(self._descriptor, self._read)
        while not self._stop.is_set():
            try:
                self._tick()
            except Exception:  # the boundary of this task: the next tick may work, and the lease needs it
                logger.exception("a tick of the host failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), TICK)
        self._draining = True
        deadline = time.monotonic() + self._settings.drain
        while self._host.queued and time.monotonic() < deadline:
            self._tick()
            await asyncio.sleep(TICK / 5)

    async def close(self) -> None:
        """Closes every PLC's socket, says good-bye, closes the broker's."""
        await self._host.close()
        if not self._membership.lost:
            self._say(Bye())
        with contextlib.suppress(zmq.Again):
            while self._outbox:
                self._send_frame()
        self._loop.remove_reader(self._descriptor)
        self._socket.close()
        await asyncio.to_thread(self._context.term)

    def _read(self) -> None:
        if self._socket.closed:
            return  # this call was on its way when it was closed
        self._check_lease()
        for _ in range(DRAIN_LIMIT):
            message = self._receiver.receive()
            if message is None:
                return
            if message.frames:
                self._take(message.frames[-1])
        self._loop.call_soon(self._read)

    def _take(self, body: bytes) -> None:
        try:
            messages = unpack(body)
        except NoHostMessage as error:
            logger.warning("%s: %s", self._endpoint, error)
            return
        now = lease_clock()
        for message in messages:
            try:
                self._handle(message, now)
            except Exception:  # the boundary of one message: a fault of ours in it shall not cost the others
                logger.exception("a message of the broker could not be dealt with")

    def _handle(self, message: Message, now: float) -> None:
        match message:
            case Job():
                self._submit(message)
            case Ping():
                pong = self._membership.pinged(message, now, self._host.queued)
                if pong is not None:
                    self._say(pong)
            case Welcome():
                if self._membership.welcomed(message, now):
                    self._ready(self._endpoint)
            case Again():
                self._membership.forgotten()
                self._tick()
            case Serve() | Release() | Count():
                self._pass_on(message)
            case Refused(reason=reason, final=final):
                logger.warning("the broker at %s refuses this host: %s", self._endpoint, reason)
                if final:
                    self.refused = reason
                    self._stop.set()

    def _pass_on(self, message: Serve | Release | Count) -> None:
        match message:
            case Serve():
                self._host.serve(message)
            case Release():
                self._host.release(message)
            case Count():
                self._host.count()

    def _submit(self, job: Job) -> None:
        if self._membership.lost:
            return  # the broker has given us up by now, and has answered for this job
        if self._draining:
            self._say(Done(job.id, error=leaving(f"device {job.device}")))
            return
        job.deadline = time.monotonic() + self._membership.local(job.deadline) - lease_clock()
        self._host.submit(job)

    def _tick(self) -> None:
        self._check_lease()
        now = time.monotonic()
        if is_writable(self._socket):
            self._stood = now
        elif now - self._stood > GIVEN_UP:
            self._remake_socket()
        hello = None if self._draining else self._membership.hello_due(lease_clock(), self._host.devices)
        if hello is not None:
            self._outbox = [hello, *(m for m in self._outbox if not isinstance(m, Hello))]
        if self._outbox:
            self._flush()
        if is_readable(self._socket):
            self._read()

    def _check_lease(self) -> None:
        if self._membership.lease_has_passed(lease_clock()):
            logger.warning("no word from the broker at %s: letting go of every PLC", self._endpoint)
            self._host.release(Release(self._host.devices))

    def _send_frame(self) -> None:
        """Sends the next frame of what there is to say; raises `zmq.Again` where the broker is away."""
        frame = next(frames(self._outbox, shortened), None)
        if frame is None:
            self._outbox.clear()  # nothing of it can be sent, or stands for it
            return
        body, messages = frame
        self._socket.send(body, zmq.NOBLOCK)
        del self._outbox[:messages]

    def _remake_socket(self) -> None:
        """libzmq never connects again after a protocol error of the other end; a new socket does."""
        logger.warning("no connection to %s for %g s: opening another", self._endpoint, GIVEN_UP)
        self._loop.remove_reader(self._descriptor)
        self._socket.close(0)
        self._connect()
        self._loop.add_reader(self._descriptor, self._read)

    def _connect(self) -> None:
        self._socket = connect_dealer(self._context, self._endpoint, SOCKET)
        self._receiver = Receiver(self._socket)
        self._descriptor = self._socket.fileno()
        self._stood = time.monotonic()

    def _say(self, message: FromHost) -> None:
        self._outbox.append(message)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if not self._outbox or self._socket.closed:
            return
        try:
            self._send_frame()
        except zmq.Again:
            del self._outbox[:-UNSENT_LIMIT]  # the broker is away; a tick tries again
        else:
            if self._outbox:
                self._flush_soon()  # a long frame takes its time: others get their turn in between
        if is_readable(self._socket):
            self._loop.call_soon(self._read)
