"""What passes between broker and device host, whether they share a process or not.

Strategy: plain data. In one process these objects are handed over as they are; between processes
`hostwire` turns them into bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..client.errors import PlcmqError
from .model import State


@dataclass(slots=True)
class Job:
    """A request that the broker has checked and that one device's worker shall carry out."""

    id: int  # unique for as long as the broker runs, and larger than any before it
    device: int
    action: str
    args: dict[str, Any]  # they fit the action's schema, defaults filled in
    deadline: float  # seconds, monotonic clock of whoever holds the job
    client: str = ""  # who asked, for fair turns
    token: str | None = None


@dataclass(slots=True)
class Done:
    """How a job ended: `error`, or else `result`."""

    job: int
    result: Any = None
    error: PlcmqError | None = None
    queued: float = 0.0  # seconds before its first transaction
    device: float = 0.0  # seconds from its first transaction to its last


@dataclass(frozen=True, slots=True)
class DeviceState:
    """News of a device's state."""

    device: int
    state: State
    since: float  # seconds since the epoch
    reason: str = ""  # for people: why it is down, and when the next try is
