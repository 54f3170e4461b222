"""ZeroMQ sockets: the one place that makes them, configures them and reads whole messages from them.

Strategy: every socket gets all its limits the moment it is made, before it connects or binds, so that
none ever lives with ZeroMQ's defaults (linger for ever, no message limit, no heartbeats, no back-off).

A client's DEALER is *immediate*: it queues only towards a connection that stands. While the broker is away a
send says so at once, instead of hiding the request in a queue from which it would go out minutes later,
long after its caller has given up.
"""

from __future__ import annotations

import ctypes
import os
import socket as sockets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import zmq

from .bodies import MAX_FRAME_BYTES
from .endpoint import BadEndpoint
from .messages import DEFAULT_LIMITS

ZmqSocket = zmq.Socket[bytes]
ZmqContext = zmq.Context[ZmqSocket]


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """What every socket is given before it connects or binds."""

    linger: float = 0.0  # seconds that closing goes on sending what was accepted
    queue: int = 10_000  # messages waiting in each direction, for each peer
    frame_bytes: int = MAX_FRAME_BYTES  # a longer frame ends the connection
    heartbeat_interval: float = 5.0  # seconds
    heartbeat_timeout: float = 15.0  # seconds of silence after which the connection counts as lost
    handshake_timeout: float = 10.0  # seconds for a new connection to prove that it speaks ZMTP
    reconnect_min: float = 0.1  # seconds
    reconnect_max: float = 5.0  # seconds
    connect_timeout: float = 5.0  # seconds for one attempt
    backlog: int = 4096  # connections waiting to be accepted


CLIENT: Final = SocketSettings()
SERVER: Final = SocketSettings(linger=1.0)


class EndpointInUse(OSError):
    """Something else already serves this endpoint."""


def new_context(max_sockets: int = 4096) -> ZmqContext:
    """A context of its own: a broker's or a host's. Clients share `process_context()`."""
    _seed_routing_ids()
    context: ZmqContext = zmq.Context()
    context.set(zmq.MAX_SOCKETS, max_sockets)
    return context


def _seed_routing_ids() -> None:
    """Makes the routing ids of this process its own.

    A ROUTER numbers its peers from a start that libzmq draws with `rand()`, which it never seeds (its issue
    4633): every process would hand out the same ids, and a peer could know those of others beforehand.
    """
    ctypes.CDLL(None).srand(int.from_bytes(os.urandom(4), "little"))


def connect_dealer(context: ZmqContext, endpoint: str, settings: SocketSettings = CLIENT) -> ZmqSocket:
    """A DEALER that connects, and keeps reconnecting, to an endpoint as `endpoint_of` gives it.

    It has no fixed identity: a restarted peer would be refused until the old one's TCP connection died.
    """
    socket = _configured(context, zmq.DEALER, endpoint, settings)
    socket.setsockopt(zmq.IMMEDIATE, 1)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        raise BadEndpoint(f"cannot connect to {endpoint}: {error.strerror}") from error
    return socket


def bind_router(context: ZmqContext, endpoint: str, settings: SocketSettings = SERVER) -> ZmqSocket:
    """A ROUTER that serves an endpoint. `bound_endpoint` tells which one where the port was 0 or `*`.

    It is mandatory: a send to a peer that is gone or does not read fails (`EHOSTUNREACH`, `EAGAIN`) instead
    of vanishing. Send with `zmq.NOBLOCK`, or one peer that does not read holds up all.

    Raises:
        EndpointInUse: something serves there already.
        BadEndpoint: it cannot be served here.
    """
    socket = _configured(context, zmq.ROUTER, endpoint, settings)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    try:
        _refuse_stealing(endpoint)
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        if error.errno == zmq.EADDRINUSE:
            raise _in_use(endpoint) from error
        raise BadEndpoint(f"cannot listen on {endpoint}: {error.strerror}") from error
    except EndpointInUse:
        socket.close(0)
        raise
    return socket


def bound_endpoint(socket: ZmqSocket) -> str:
    """Where a bound socket really listens."""
    return socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def plain_send(socket: ZmqSocket) -> Callable[[bytes, int], object]:
    """What sends a frame, with flags. The socket's `send` does no more for bytes, in three times the time."""
    send: Callable[[bytes, int], object] = super(zmq.Socket, socket).send
    return send


def is_readable(socket: ZmqSocket) -> bool:
    """Whether a message waits. Looks at ZeroMQ's own state, which the file descriptor only hints at."""
    return bool(int(socket.get(_EVENTS)) & _POLLIN)


def is_writable(socket: ZmqSocket) -> bool:
    """Whether a message would be accepted: for a client's DEALER, whether a connection stands."""
    return bool(int(socket.get(_EVENTS)) & _POLLOUT)


def look(socket: ZmqSocket) -> tuple[bool, bool]:
    """`is_readable` and `is_writable` by one look."""
    events = int(socket.get(_EVENTS))
    return bool(events & _POLLIN), bool(events & _POLLOUT)


def _configured(context: ZmqContext, kind: int, endpoint: str, settings: SocketSettings) -> ZmqSocket:
    try:
        socket = context.socket(kind)
    except zmq.ZMQError as error:
        raise OSError(error.errno, f"cannot make a ZeroMQ socket: {error.strerror}") from error
    for option, value in (
        (zmq.LINGER, _ms(settings.linger)),
        (zmq.MAXMSGSIZE, settings.frame_bytes),
        (zmq.SNDHWM, settings.queue),
        (zmq.RCVHWM, settings.queue),
        (zmq.HEARTBEAT_IVL, _ms(settings.heartbeat_interval)),
        (zmq.HEARTBEAT_TIMEOUT, _ms(settings.heartbeat_timeout)),
        (zmq.HEARTBEAT_TTL, _ms(settings.heartbeat_timeout)),
        (zmq.HANDSHAKE_IVL, _ms(settings.handshake_timeout)),
        (zmq.RECONNECT_IVL, _ms(settings.reconnect_min)),
        (zmq.RECONNECT_IVL_MAX, _ms(settings.reconnect_max)),
        (zmq.CONNECT_TIMEOUT, _ms(settings.connect_timeout)),
        (zmq.BACKLOG, settings.backlog),
        (zmq.IPV6, int(_may_be_ipv6(endpoint))),
    ):
        socket.setsockopt(option, value)
    return socket


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _may_be_ipv6(endpoint: str) -> bool:
    """IPv6 only where the address asks for it: elsewhere it would rename 127.0.0.1 to ::ffff:127.0.0.1."""
    host = endpoint.removeprefix("tcp://").rpartition(":")[0]
    return endpoint.startswith("tcp://") and host != "*" and not host.replace(".", "").isdigit()


def _refuse_stealing(endpoint: str) -> None:
    """ZeroMQ takes over the path of an ipc endpoint that is being served, without a word: look first."""
    path = endpoint.removeprefix("ipc://")
    if path == endpoint or path.startswith(("@", "*")) or not Path(path).exists():
        return
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return
    raise _in_use(endpoint)


def _in_use(endpoint: str) -> EndpointInUse:
    message = f"{endpoint} is in use: does a broker run there already? Stop it, or choose another endpoint"
    return EndpointInUse(message)


class Message(NamedTuple):
    """One message. `over` says that it has more frames than the cap: these are its first ones only.

    Of the rest of such a message nothing is kept, and `frames` is empty: there is nothing to do but to go on.
    """

    frames: list[bytes]
    over: bool


class Receiver:
    """Reads whole messages from a socket, without blocking and without trust in how long they are.

    The descriptor of a socket is edge-triggered: whoever is woken by it calls `receive` until it gives
    `None`, or comes back later without waiting to be woken.
    """

    __slots__ = ("_discarding", "_max_frames", "_recv", "_routed", "_take")

    def __init__(self, socket: ZmqSocket, max_frames: int = DEFAULT_LIMITS.frames) -> None:
        """`max_frames` counts every frame that the socket gives, a ROUTER's routing id included."""
        self._recv: Callable[..., zmq.Frame] = socket.recv
        self._take: Callable[[int], bytes] = socket.recv
        self._routed = socket.type == zmq.ROUTER
        self._max_frames = max_frames
        self._discarding = False

    def receive(self) -> Message | None:
        """The next message that waits; `None` where none waits."""
        try:
            if self._discarding:
                return self._discard(self._recv(_NOBLOCK, copy=False))
            if self._routed:
                # A routing id is never alone: a copy, which cannot tell whether more follows, is quicker.
                frames, more = [self._take(_NOBLOCK)], True
            else:
                # Uncopied frames know whether more follows; asking the socket costs twice as much as this.
                frame = self._recv(_NOBLOCK, copy=False)
                frames, more = [frame.bytes], frame.more
        except zmq.Again:
            return None
        # All frames of a message arrive together: none of these can block.
        while more:
            if len(frames) == self._max_frames:
                self._discarding = True
                return Message(frames, True)
            frame = self._recv(_NOBLOCK, copy=False)
            frames.append(frame.bytes)
            more = frame.more
        return Message(frames, False)

    def _discard(self, frame: zmq.Frame) -> Message:
        """Drops a piece only: a message of a million frames shall not hold up everybody else for a second."""
        more = frame.more
        for _ in range(_DISCARD):
            if not more:
                break
            more = self._recv(_NOBLOCK, copy=False).more
        self._discarding = more
        return Message([], True)


_DISCARD: Final = 100  # frames
# Plain integers: pyzmq's enumerations cost a microsecond at every use.
_NOBLOCK: Final = int(zmq.NOBLOCK)
_EVENTS: Final = int(zmq.EVENTS)
_POLLIN: Final = int(zmq.POLLIN)
_POLLOUT: Final = int(zmq.POLLOUT)


class SharedContext:
    """One ZeroMQ context for all clients of a process: made with the first, ended with the last.

    So a process that has closed its connections has no thread and no descriptor of ZeroMQ left.
    """

    def __init__(self) -> None:
        # Re-entrant: a forgotten connection may be collected, and let go, while another is being made.
        self._lock = threading.RLock()
        self._context: ZmqContext | None = None
        self._users = 0

    def acquire(self) -> ZmqContext:
        """The context. Every call needs one `release` after the caller's sockets are closed."""
        with self._lock:
            self._users += 1
            if self._context is None:
                self._context = new_context()
            return self._context

    def release(self) -> None:
        """Let go; the last one ends the context."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._context is not None:
                context, self._context = self._context, None
                context.term()


# By process: after a fork the child makes its own, and the parent's is kept, untouched, for ever.
_shared: Final[dict[int, SharedContext]] = {}


def process_context() -> SharedContext:
    """The shared context of this process."""
    return _shared.setdefault(os.getpid(), SharedContext())
