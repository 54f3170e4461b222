"""Requests on their way through the broker, and how many there may be.

Strategy: pure bookkeeping. A client may have a quarter of what is still free. So one client alone never
takes all, many share what there is, and there is room for a newcomer however much the others ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ...client.protocol.bodies import Codec
from ...client.protocol.messages import Envelope, RequestId
from ..fleet.fleet import HostId
from . import errors as refusals

MAX_PENDING: Final = 50_000  # requests that may be on their way at once
SHARE: Final = 4  # a client may have this part of what is free


@dataclass(slots=True, eq=False)
class Pending:
    """A request that has been accepted and not yet answered."""

    client: bytes  # whose request it is: the routing id of the connection
    envelope: Envelope
    id: RequestId
    codec: Codec
    received: float  # monotonic seconds
    deadline: float  # monotonic seconds
    batch: Batch | None = None  # that it is part of; else its reply goes to its client
    place: int = 0  # in the batch
    job: int = 0  # at a host; 0 while it has none
    host: HostId | None = None  # None while the device is between two hosts
    device: int = 0
    name: str = ""  # of the device
    token: str | None = None  # of the lock that its client holds
    is_read: bool = False
    is_watch: bool = False
    waits_here: bool = False  # for the journal, or for the same command that is under way


@dataclass(slots=True, eq=False)
class Batch:
    """A `batch` whose requests run side by side; it is answered with the last of them."""

    pending: Pending
    missing: int
    replies: list[dict[str, Any]] = field(default_factory=list)

    def is_complete_with(self, place: int, reply: dict[str, Any]) -> bool:
        """Takes in the reply to one of its requests; whether that was the last."""
        self.replies[place] = reply
        self.missing -= 1
        return not self.missing


class PendingTable:
    """The requests that have gone to hosts, or wait to go, and are not yet answered."""

    def __init__(self, limit: int = MAX_PENDING) -> None:
        self._limit = limit
        self._by_job: dict[int, Pending] = {}
        self._by_id: dict[tuple[bytes, RequestId], Pending] = {}
        self._by_host: dict[HostId | None, dict[int, Pending]] = {}  # those that have gone to a host
        self._counts: dict[bytes, int] = {}  # by client

    def __len__(self) -> int:
        return len(self._by_job)

    def __iter__(self) -> Iterator[Pending]:
        """All of them, as they are now: they may be removed meanwhile."""
        return iter(list(self._by_job.values()))

    @property
    def clients(self) -> dict[str, int]:
        """How many clients have requests here, and how many the one with the most has."""
        return {"waiting": len(self._counts), "most": max(self._counts.values(), default=0)}

    def make_room(self, client: bytes) -> None:
        """Makes sure that the client may have one more.

        Raises:
            PlcmqError: `busy`.
        """
        share = (self._limit - len(self._by_job)) // SHARE
        if self._counts.get(client, 0) >= share:
            raise refusals.busy(len(self._by_job), share)

    def add(self, pending: Pending) -> None:
        """Adds a request; again, if it is here and has gone to a host since."""
        if pending.host is not None:
            self._by_host.setdefault(pending.host, {})[pending.job] = pending
        if pending.job not in self._by_job:
            self._by_job[pending.job] = pending
            client = pending.client
            self._counts[client] = self._counts.get(client, 0) + 1
            if pending.id is not None:
                self._by_id[client, pending.id] = pending

    def remove(self, pending: Pending) -> None:
        """Takes a request out, if it is here."""
        if self._by_job.pop(pending.job, None) is None:
            return
        at_host = self._by_host.get(pending.host)
        if at_host is not None:
            at_host.pop(pending.job, None)
            if not at_host:
                del self._by_host[pending.host]
        client = pending.client
        count = self._counts[client] - 1
        if count:
            self._counts[client] = count
        else:
            del self._counts[client]
        if self._by_id.get((client, pending.id)) is pending:
            del self._by_id[client, pending.id]

    def at(self, job: int) -> Pending | None:
        """The request that has this job; None if there is none any more."""
        return self._by_job.get(job)

    def at_host(self, host: HostId) -> list[Pending]:
        """The requests that have gone to this host."""
        return list(self._by_host.get(host, {}).values())

    def of(self, client: bytes, request_id: RequestId) -> Pending | None:
        """The client's last request with this id; None if there is none any more."""
        return self._by_id.get((client, request_id))
