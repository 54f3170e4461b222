"""The watches of all clients: where the events that hosts send are to go.

Strategy: pure. A host knows what is watched; the broker knows for whom. A watch that is renewed over another
connection goes there from then on, so a client that has reconnected can keep its watches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...client.protocol.bodies import Codec
from ...client.protocol.messages import Envelope, RequestId
from ...devices.interface.requests import bad_args
from ...devices.protocol.messages import Event
from ..fleet.fleet import HostId
from .pending import Pending


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch of one client."""

    id: str
    envelope: Envelope
    request: RequestId
    codec: Codec
    device: int
    host: HostId | None

    @property
    def client(self) -> bytes:
        """The routing id of the connection that the events go to."""
        return self.envelope[0] if self.envelope else b""


class WatchTable:
    """All watches.

    Attributes:
        events: what is to be sent.
    """

    def __init__(self) -> None:
        self.events: list[tuple[Watch, Event]] = []
        self._watches: dict[str, Watch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def concerns(self, action: str, args: Mapping[str, Any]) -> bool:
        """Whether a request is for a watch.

        Raises:
            PlcmqError: `bad_args`: it renews one that this broker does not know, such as one of the broker
                before it. What was to be told meanwhile is lost, so its client has to begin anew.
        """
        if action != "watch":
            return False
        if "watch" in args and args["watch"] not in self._watches:
            raise bad_args("watch", "is no watch (any more); ask without it for a new one")
        return True

    def started(self, pending: Pending, watch_id: str) -> None:
        """A host has taken a watch, or has renewed it: its events go to whoever asked last."""
        self._watches[watch_id] = Watch(
            watch_id, pending.envelope, pending.id, pending.codec, pending.device, pending.host
        )

    def tell(self, host: HostId, event: Event) -> None:
        """A host has news for a watch; what nobody watches any more, or not there, is dropped."""
        watch = self._watches.get(event.watch)
        if watch is not None and watch.host == host:
            self.events.append((watch, event))
            if "ended" in event.content:
                del self._watches[event.watch]

    def drop_client(self, client: bytes) -> list[Watch]:
        """Forgets the watches of a connection that is gone; returns them."""
        gone = [watch for watch in self._watches.values() if watch.client == client]
        for watch in gone:
            del self._watches[watch.id]
        return gone

    def host_lost(self, host: HostId) -> None:
        """Ends the watches of a host that is gone."""
        for watch in [watch for watch in self._watches.values() if watch.host == host]:
            self.tell(host, Event(watch.id, {"ended": "its device host was lost"}))
