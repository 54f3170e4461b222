"""What passes between broker and device host, whether they share a process or not.

Strategy: plain data that checks itself. In one process these objects are handed over as they are; between
processes `wire` turns them into bytes, by the annotations of their fields.

To a host: `Welcome`, `Refused`, `Again`, `Ping`, `Serve`, `Release`, `Job`, `Count`.
From a host: `Hello`, `Released`, `DeviceState`, `Done`, `Event`, `Learned`, `Pong`, `Counts`, `Bye`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ...client.protocol.errors import PlcmqError
from ..model.devices import State
from ..planning.learned import Learned
from ..site.definitions.content import Definition

LETTING_GO: Final = 3.0
"""Seconds that a host takes at most to close a device's socket, once it knows that it must."""

CANCEL: Final = "cancel"
"""The action of a job that takes another one back: `args["job"]` is its id."""


@dataclass(slots=True)
class Job:
    """A request that the broker has checked and that one device's worker shall carry out."""

    id: int  # larger than any before it, also of an earlier run of the broker
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
class Event:
    """News for a watch; the last one has `ended`, with the reason."""

    watch: str  # its id
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceState:
    """News of a device's state."""

    device: int
    state: State
    since: float  # seconds since the epoch
    reason: str = ""  # for people: why it is down, and when the next try is


@dataclass(frozen=True, slots=True)
class Serve:
    """Devices that the host shall serve from now on; what it serves unchanged stays untouched."""

    profiles: dict[str, Definition]  # by name, of the devices below
    devices: list[Definition]
    learned: list[Learned] = field(default_factory=list)  # of those of which something is known

    def __post_init__(self) -> None:
        for form in self.devices:
            if type(form.get("id")) is not int or type(form.get("profile")) is not str:
                raise ValueError("a device without id or profile")
            if form["profile"] not in self.profiles:
                raise ValueError(f"no profile {form['profile']!r}")


@dataclass(frozen=True, slots=True)
class Release:
    """Devices that the host shall serve no longer. It answers `Released` when their sockets are closed."""

    devices: list[int]


@dataclass(frozen=True, slots=True)
class Released:
    """Devices whose sockets are closed, so that another host may open its own."""

    devices: list[int]


@dataclass(frozen=True, slots=True)
class Hello:
    """A host introduces itself: at its start, and again when the broker does not know it any more."""

    name: str  # unique among the broker's hosts, and the same after a restart
    instance: str  # of this run of the host
    version: str
    devices: list[int]  # what it serves now


@dataclass(frozen=True, slots=True)
class Welcome:
    """The broker knows the host now."""

    lease: float  # seconds without a `Ping` after which the host must close its sockets
    now: float  # seconds, the broker's monotonic clock


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker does not take the host."""

    reason: str
    final: bool  # whether trying again is useless


@dataclass(frozen=True, slots=True)
class Again:
    """The broker does not know the sender: say `Hello`."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The broker is alive, and this is its clock."""

    now: float  # seconds, the broker's monotonic clock


@dataclass(frozen=True, slots=True)
class Pong:
    """The host's loop is alive."""

    now: float  # of the `Ping` that it answers
    queued: int  # jobs that wait or are under way


COUNTED: Final = (
    "id",
    "reads",  # that wait or are under way
    "commands",
    "requests",  # of clients that have ended
    "failed",
    "transactions",  # requests to the endpoint, all its units together
    "timeouts",
    "exceptions",
    "bad_replies",
    "late",  # replies to nothing that was asked, or not any more
    "reconnects",
    "troubled",  # seconds since the last sign that the device is not well; none: never
    "locked",
    "buckets",  # cumulative round trips by ROUND_TRIP_BOUNDS
    "seconds",  # all round trips together
)
"""What a row of `Counts` holds, in this order."""


@dataclass(frozen=True, slots=True)
class Count:
    """Somebody wants to see the numbers of the devices: tell them once."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of the devices that the host serves, a row of COUNTED for each."""

    rows: list[list[Any]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(COUNTED) or type(row[0]) is not int:
                raise ValueError("no row of numbers with the device's id first")


@dataclass(frozen=True, slots=True)
class Bye:
    """The host has closed all its sockets and leaves."""


ToHost = Job | Serve | Release | Welcome | Refused | Again | Ping | Count
FromHost = Hello | Released | DeviceState | Done | Event | Learned | Pong | Counts | Bye
