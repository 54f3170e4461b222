"""A request on its way through the broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..client.protocol import Codec, Envelope, RequestId
from .fleet import HostId


@dataclass(slots=True, eq=False)
class Pending:
    """A request that has been accepted and not yet answered."""

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
    is_read: bool = False
    is_watch: bool = False
    waits_here: bool = False  # for the journal, or for the same command that is under way

    @property
    def client(self) -> bytes:
        """Whose request it is: the routing id of the connection."""
        return self.envelope[0] if self.envelope else b""


@dataclass(slots=True, eq=False)
class Batch:
    """A `batch` whose requests run side by side; it is answered with the last of them."""

    pending: Pending
    missing: int
    replies: list[dict[str, Any]] = field(default_factory=list)
