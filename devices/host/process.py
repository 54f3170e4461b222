"""A device host in a process of its own: a DEALER towards the broker around a `DeviceHost`.

Strategy: a thin shell. `Membership` decides when to introduce ourselves, and when every PLC must be let go;
`hostwire` makes bytes; this file moves them. What there is to say is collected while the loop turns and
leaves in one message.
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
from ...client.protocol.sockets import Receiver, SocketSettings, connect_dealer, is_readable, new_context
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
from ..protocol.wire import Message, NoHostMessage, pack, unpack
from ..worker.errors import leaving
from .host import DeviceHost
from .lease import Membership
from .settings import HostSettings

TICK: Final = 0.1  # seconds
UNSENT_LIMIT: Final = 20_000  # messages kept while the broker is away
PACK_LIMIT: Final = 500  # messages to the broker in one message of the socket
DRAIN_LIMIT: Final = 200  # messages read before the loop may do something else
SOCKET: Final = SocketSettings(linger=1.0, reconnect_max=1.0)

logger = logging.getLogger(__name__)


async def run_host(
    settings: HostSettings,
    *,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event,
) -> None:
    """Serves devices for the broker until `stop` is set, then ends what was accepted and closes every socket.

    Args:
        settings: where the broker is, and who we are.
        ready: called with the broker's endpoint each time the broker takes us.
        stop: ends the host, within its drain time.

    Raises:
        HostRefused: the broker does not want this host, and never will.
        BadEndpoint: the broker's address cannot be one.
    """
    process = _HostProcess(settings, ready or (lambda _endpoint: None), stop)
    try:
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
        self._host = DeviceHost(self._say, permitted=lambda: self._membership.holds(time.monotonic()))
        self._context = new_context(16)
        self._socket = connect_dealer(self._context, self._endpoint, SOCKET)
        self._receiver = Receiver(self._socket)
        self._descriptor = self._socket.fileno()
        self._outbox: list[FromHost] = []
        self._flush_due = False
        self._draining = False

    async def run(self) -> None:
        """Runs until the host is told to stop, and has finished what it had accepted."""
        self._loop.add_reader(self._descriptor, self._read)
        while not self._stop.is_set():
            self._tick()
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
        self._flush()
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
        now = time.monotonic()
        for message in messages:
            self._handle(message, now)

    def _handle(self, message: Message, now: float) -> None:
        match message:
            case Job():
                self._submit(message)
            case Ping():
                pong = self._membership.pinged(message, now, self._host.queued)
                if pong is not None:
                    self._say(pong)
            case Welcome():
                self._membership.welcomed(message, now)
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
        job.deadline = self._membership.local(job.deadline)
        self._host.submit(job)

    def _tick(self) -> None:
        self._check_lease()
        hello = None if self._draining else self._membership.hello_due(time.monotonic(), self._host.devices)
        if hello is not None:
            self._outbox = [hello, *(m for m in self._outbox if not isinstance(m, Hello))]
        if self._outbox:
            self._flush()
        if is_readable(self._socket):
            self._read()

    def _check_lease(self) -> None:
        if self._membership.lease_has_passed(time.monotonic()):
            logger.warning("no word from the broker at %s: letting go of every PLC", self._endpoint)
            self._host.release(Release(self._host.devices))

    def _say(self, message: FromHost) -> None:
        self._outbox.append(message)
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if not self._outbox or self._socket.closed:
            return
        try:
            while self._outbox:
                self._socket.send(pack(self._outbox[:PACK_LIMIT]), zmq.NOBLOCK)
                del self._outbox[:PACK_LIMIT]
        except zmq.Again:
            del self._outbox[:-UNSENT_LIMIT]  # the broker is away; a tick tries again
        if is_readable(self._socket):
            self._loop.call_soon(self._read)
