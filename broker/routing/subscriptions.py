"""The watches of all clients: where the events that hosts send are to go.

Strategy: pure. A host knows what is watched; the broker knows for whom. A watch that is renewed over another
connection goes there from then on, so a client that has reconnected can keep its watches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ...client.protocol.bodies import Codec
from ...client.protocol.messages import Envelope, RequestId
from ...devices.interface.requests import bad_args
from ...devices.protocol.messages import Event
from ..fleet.fleet import HostId
from .pending import Pending

Name = TypeVar("Name")


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
        self._of_client: dict[bytes, set[str]] = {}  # ids
        self._at_host: dict[HostId | None, set[str]] = {}  # ids

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
        self._remove(watch_id)
        watch = self._watches[watch_id] = Watch(
            watch_id, pending.envelope, pending.id, pending.codec, pending.device, pending.host
        )
        self._of_client.setdefault(watch.client, set()).add(watch_id)
        self._at_host.setdefault(watch.host, set()).add(watch_id)

    def tell(self, host: HostId, event: Event) -> None:
        """A host has news for a watch; what nobody watches any more, or not there, is dropped."""
        watch = self._watches.get(event.watch)
        if watch is not None and watch.host == host:
            self.events.append((watch, event))
            if "ended" in event.content:
                self._remove(event.watch)

    def drop_client(self, client: bytes) -> list[Watch]:
        """Forgets the watches of a connection that is gone; returns them."""
        gone = [self._watches[watch] for watch in self._of_client.get(client, ())]
        for watch in gone:
            self._remove(watch.id)
        return gone

    def host_lost(self, host: HostId) -> None:
        """Ends the watches of a host that is gone."""
        for watch in list(self._at_host.get(host, ())):
            self.tell(host, Event(watch, {"ended": "its device host was lost"}))

    def _remove(self, watch_id: str) -> None:
        watch = self._watches.pop(watch_id, None)
        if watch is None:
            return
        _discard(self._of_client, watch.client, watch_id)
        _discard(self._at_host, watch.host, watch_id)


def _discard(index: dict[Name, set[str]], name: Name, watch_id: str) -> None:
    ids = index[name]
    ids.discard(watch_id)
    if not ids:
        del index[name]
