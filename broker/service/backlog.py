"""What waits for clients that do not read as fast as they are answered.

Strategy: pure. ZeroMQ keeps a limited number of messages for each peer, whatever their size; what it does not
take waits here, in order, within a bound of messages and of bytes for each peer and for all together. Beyond
that it is refused. A message with a conflation, such as an event of a watch, does not pile up: it is merged
into the one of the same key that waits. A peer that reads is never in here.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...client.protocol.messages import Envelope

Peer = bytes
"""The routing id of a connection."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait."""

    messages: int = 20_000  # for one peer
    peer_bytes: int = 8 * 1024 * 1024  # for one peer
    total_bytes: int = 256 * 1024 * 1024  # for all


DEFAULT_BOUNDS: Final = Bounds()


class Conflation(NamedTuple):
    """How a message takes the place of an older one."""

    key: Hashable  # of what the message is about
    merge: Callable[[bytes, bytes], bytes]  # the body that says what an older and a newer one say


@dataclass(slots=True, eq=False)
class Waiting:
    """A message that waits."""

    envelope: Envelope
    body: bytes
    key: Hashable = None

    @property
    def size(self) -> int:
        """Bytes that it counts for."""
        return len(self.body) + sum(map(len, self.envelope))


@dataclass(slots=True)
class _Queue:
    messages: deque[Waiting] = field(default_factory=deque)
    by_key: dict[Hashable, Waiting] = field(default_factory=dict)
    size: int = 0  # bytes


class Backlog:
    """Messages that wait, by peer.

    Attributes:
        peers: the peers that messages wait for; whatever is sent to one of them has to queue up.
        messages: how many wait, for all peers.
        size: bytes that wait, for all peers.
    """

    def __init__(self, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.peers: OrderedDict[Peer, _Queue] = OrderedDict()
        self.messages = 0
        self.size = 0
        self._bounds = bounds

    def put(self, envelope: Envelope, body: bytes, conflation: Conflation | None = None) -> bool:
        """Lets a message wait for the peer that its envelope begins with; false if there is no room."""
        queue = self.peers.get(envelope[0])
        key = None if conflation is None else conflation.key
        older = None if queue is None or key is None else queue.by_key.get(key)
        if queue is not None and older is not None and conflation is not None:
            self._replace(queue, older, conflation.merge(older.body, body))
            return True
        waiting = Waiting(envelope, body, key)
        if not self._has_room(queue, waiting.size):
            return False
        if queue is None:
            queue = self.peers[envelope[0]] = _Queue()
        queue.messages.append(waiting)
        if key is not None:
            queue.by_key[key] = waiting
        self.messages += 1
        self._grow(queue, waiting.size)
        return True

    def first(self, peer: Peer) -> Waiting | None:
        """The message that a peer is to get next."""
        queue = self.peers.get(peer)
        return None if queue is None else queue.messages[0]

    def sent(self, peer: Peer) -> None:
        """The first message of a peer has left."""
        queue = self.peers[peer]
        waiting = queue.messages.popleft()
        if waiting.key is not None:
            del queue.by_key[waiting.key]
        self.messages -= 1
        self._grow(queue, -waiting.size)
        if not queue.messages:
            del self.peers[peer]

    def drop(self, peer: Peer) -> int:
        """Forgets all that waits for a peer; returns how many messages that was."""
        queue = self.peers.pop(peer, None)
        if queue is None:
            return 0
        self.messages -= len(queue.messages)
        self.size -= queue.size
        return len(queue.messages)

    def next_peer(self) -> Peer | None:
        """The peer whose turn it is; asked again and again, each gets its turn."""
        peer = next(iter(self.peers), None)
        if peer is not None:
            self.peers.move_to_end(peer)
        return peer

    def _has_room(self, queue: _Queue | None, size: int) -> bool:
        bounds = self._bounds
        if self.size + size > bounds.total_bytes:
            return False
        # One message may always wait, however long it is: a reply can be longer than the bound.
        return queue is None or (
            len(queue.messages) < bounds.messages and queue.size + size <= bounds.peer_bytes
        )

    def _replace(self, queue: _Queue, waiting: Waiting, body: bytes) -> None:
        self._grow(queue, len(body) - len(waiting.body))
        waiting.body = body

    def _grow(self, queue: _Queue, size: int) -> None:
        queue.size += size
        self.size += size
