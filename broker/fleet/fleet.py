"""Which host serves which device: membership of hosts and placement of endpoints.

Strategy: pure. An endpoint with all its devices sits at one host, because only so can there be one socket to
it. It stays where it is; when a host joins, some are moved to it, and each moves only after its old host has
said that the socket is closed. When a host is lost, its endpoints are fenced: only a host of the same name
may have them at once (it replaces the lost process); any other has to wait until the lost one, if it lives,
must have let go of them by its lease.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...devices.model.devices import Endpoint
from ...devices.planning.learned import Learned
from ...devices.protocol.messages import (
    LETTING_GO,
    Bye,
    Hello,
    Ping,
    Refused,
    Release,
    Released,
    Serve,
    ToHost,
    Welcome,
)
from ..catalogue import Catalogue, Entry
from .learning import Learning
from .unplaced import Unplaced

PING_INTERVAL: Final = 0.5  # seconds
SILENCE: Final = 3.0  # seconds without a pong after which a host is lost
LEASE: Final = 4.0  # seconds without a ping after which a host closes its sockets
FENCE: Final = LEASE + LETTING_GO + 1.0  # seconds from a host's loss until others may have its endpoints
SERVE_CHUNK: Final = 500  # devices in one message

HostId = bytes
LOCAL: Final[HostId] = b""
"""The host in the broker's own process: it needs no lease and cannot be lost."""


@dataclass(slots=True)
class Host:
    """A host that has introduced itself."""

    id: HostId
    name: str
    instance: str
    version: str
    joined: float
    heard: float  # when its last pong came
    queued: int = 0  # jobs, as it told last
    seats: int = 0  # endpoints that sit there


@dataclass(slots=True)
class Seat:
    """Where one endpoint sits."""

    endpoint: Endpoint
    host: Host
    devices: dict[int, Entry] = field(default_factory=dict)  # as they were sent to the host
    releasing: set[int] = field(default_factory=set)  # until the host says `Released`
    moving: bool = False  # to another host, as soon as all are released
    waiting: set[int] = field(default_factory=set)  # devices that want a place as soon as it has moved


class Fleet:
    """The hosts, and what each of them serves.

    Attributes:
        outbox: what is to be sent to hosts.
        learning: what is known of the holes of devices, which hosts are told.
        lost: hosts that have been lost since the caller looked; whoever waits for them waits in vain.
    """

    def __init__(self, *, fence_all_until: float = float("-inf"), on_record: bool = True) -> None:
        """`fence_all_until`: until then only hosts that serve an endpoint already may have it, because an
        earlier broker may have given it to a host that has not been heard of yet. `on_record`: whether the
        next broker would know that; until `put_on_record`, hosts in other processes are given nothing."""
        self.outbox: list[tuple[HostId, ToHost]] = []
        self.lost: list[HostId] = []
        self.hosts: dict[HostId, Host] = {}
        self.learning = Learning()
        self._catalogue = Catalogue()
        self._seats: dict[Endpoint, Seat] = {}
        self._seat_of: dict[int, Seat] = {}
        self._unplaced = Unplaced()
        self._orphaned: list[int] = []
        self._placed: list[int] = []
        self._fences: dict[Endpoint, tuple[str, float]] = {}  # name of the lost host, and until when
        self._fence_ends: list[tuple[float, int, Endpoint]] = []  # a heap: when, number, whose
        self._numbers = itertools.count()
        self._fence_all_until = fence_all_until
        self._on_record = on_record
        self._next_ping = float("-inf")

    def host_of(self, device: int) -> HostId | None:
        """The host that serves a device now."""
        seat = self._seat_of.get(device)
        return None if seat is None or device in seat.releasing or seat.moving else seat.host.id

    def serves(self, host_id: HostId, device: int) -> bool:
        """Whether this host has the device: what others say about it does not count."""
        seat = self._seat_of.get(device)
        return seat is not None and seat.host.id == host_id

    def is_moving(self, device: int) -> bool:
        """Whether a device is between two hosts, so that one will serve it in a moment."""
        seat = self._seat_of.get(device)
        return seat is not None and (seat.moving or device in seat.releasing)

    def told(
        self, host_id: HostId, message: Learned | Hello | Released | Bye, now: float, version: str
    ) -> None:
        """What a host says of itself and of what it has."""
        match message:
            case Learned():
                self.learned(host_id, message)
            case Hello():
                self.hello(host_id, message, now, version)
            case Released():
                self.released(host_id, message.devices, now)
            case Bye():
                self.leave(host_id, now)

    def hello(self, host_id: HostId, hello: Hello, now: float, version: str) -> None:
        """A host introduces itself, for the first time or again."""
        if hello.version != version:
            reason = f"the broker runs plcmq {version} and this host {hello.version}; install the same"
            self._refuse(host_id, reason, final=True)
            return
        for known in [h for h in self.hosts.values() if h.name == hello.name and h.id != host_id]:
            if known.instance != hello.instance and now - known.heard < SILENCE:
                reason = f"a host named {hello.name!r} is alive already; give one of them another --name"
                self._refuse(host_id, reason, final=False)
                self.outbox.append((known.id, Ping(now)))
                return
            self.lose(known.id, now)
        if host_id not in self.hosts:
            self.hosts[host_id] = Host(host_id, hello.name, hello.instance, hello.version, now, now)
        self.outbox.append((host_id, Welcome(LEASE, now)))
        self._take_back(host_id, hello.devices, now)
        self._unplaced.retry_all()
        self._settle(now)
        self._balance()

    def pong(self, host_id: HostId, queued: int, now: float) -> bool:
        """A host is alive; false if it is not known."""
        host = self.hosts.get(host_id)
        if host is None:
            return False
        host.heard, host.queued = now, queued
        return True

    def stood_still(self, now: float) -> None:
        """This broker has not looked for a while: no host can be blamed for what was not read meanwhile."""
        for host in self.hosts.values():
            host.heard = now

    def take_orphaned(self) -> list[int]:
        """Devices whose host was lost or has left since the last call."""
        orphaned, self._orphaned = self._orphaned, []
        return orphaned

    def take_placed(self) -> list[int]:
        """Devices that were given to a host since the last call."""
        placed, self._placed = self._placed, []
        return placed

    def lose(self, host_id: HostId, now: float) -> None:
        """A host is gone, or cannot be reached."""
        host = self.hosts.pop(host_id, None)
        if host is None:
            return
        self.lost.append(host_id)
        self._abandon(host, now + FENCE)

    def leave(self, host_id: HostId, now: float) -> None:
        """A host has closed all its sockets and is going."""
        host = self.hosts.pop(host_id, None)
        if host is None:
            return
        self.lost.append(host_id)
        self._abandon(host, now)
        self._settle(now)

    def released(self, host_id: HostId, devices: Iterable[int], now: float) -> None:
        """A host has closed the sockets of devices that it was told to release."""
        for device in devices:
            seat = self._seat_of.get(device)
            if seat is None or seat.host.id != host_id or device not in seat.releasing:
                continue
            seat.releasing.discard(device)
            del seat.devices[device]
            del self._seat_of[device]
            if self._is_wanted(device):
                self._unplaced.add(device)
            if not seat.devices:
                self._remove(seat)
        self._settle(now)

    def tick(self, now: float) -> None:
        """Notes hosts that have fallen silent, pings the others, places what can be placed now."""
        for host in [h for h in self.hosts.values() if h.id != LOCAL and now - h.heard > SILENCE]:
            self.lose(host.id, now)
        if now >= self._next_ping:
            self._next_ping = now + PING_INTERVAL
            self.outbox += [(host_id, Ping(now)) for host_id in self.hosts if host_id != LOCAL]
        while self._fence_ends and self._fence_ends[0][0] <= now:
            until, _, endpoint = heapq.heappop(self._fence_ends)
            if self._fences.get(endpoint, ("", now))[1] == until:
                del self._fences[endpoint]
        self._settle(now)

    def put_on_record(self, now: float) -> None:
        """Should this broker die, the next will know that hosts in other processes may hold sockets."""
        if not self._on_record:
            self._on_record = True
            self._unplaced.retry_all()
            self._settle(now)
            self._balance()

    def set_catalogue(self, catalogue: Catalogue, now: float) -> None:
        """The registry has changed: touches the devices that differ, and no others."""
        before, self._catalogue = self._catalogue, catalogue
        self.learning.keep(catalogue)
        for device, old in before.devices.items():
            new = catalogue.devices.get(device)
            if new is None or not new.device.enabled or new.device.endpoint != old.device.endpoint:
                self._unplaced.discard(device)
                self._release(device)
        for device, new in catalogue.devices.items():
            seat = self._seat_of.get(device)
            if not new.device.enabled:
                continue
            if seat is None:
                self._unplaced.add(device)
            elif device not in seat.releasing and not new.same_definition(seat.devices[device]):
                seat.devices[device] = new
                self._serve(seat.host, [new])
        self._settle(now)

    def learned(self, host_id: HostId, learned: Learned) -> None:
        """A host has found holes of a device that it has."""
        entry = self._catalogue.devices.get(learned.device)
        if entry is not None and entry.device.place == learned.place and self.serves(host_id, learned.device):
            self.learning.take(learned)

    def relearn(self, known: Mapping[int, Learned], epoch: int) -> None:
        """Takes over what the registry knows of holes; hosts of devices to be learned anew are told."""
        for device in self.learning.load(known, epoch):
            seat = self._seat_of.get(device)
            if seat is not None and device not in seat.releasing:
                self._serve(seat.host, [seat.devices[device]])

    def release_all(self) -> None:
        """Tells the hosts in other processes to let go of everything: the broker ends."""
        self._unplaced.clear()
        self._catalogue = Catalogue()
        for device, seat in list(self._seat_of.items()):
            if seat.host.id != LOCAL:
                self._release(device)

    @property
    def has_hosts_elsewhere(self) -> bool:
        """Whether hosts in other processes are members."""
        return any(host != LOCAL for host in self.hosts)

    @property
    def waits_for_release(self) -> bool:
        """Whether a host still has to say that it has closed a socket."""
        return any(seat.releasing for seat in self._seats.values())

    def _settle(self, now: float) -> None:
        """Places every device that can be placed and could not before."""
        if not self.hosts:
            return
        placed: dict[HostId, list[Entry]] = {}
        for device in self._unplaced.take_due(now):
            entry = self._catalogue.devices[device]
            seat = self._seats.get(entry.device.endpoint) or self._new_seat(
                device, entry.device.endpoint, now
            )
            if seat is None:
                continue
            if seat.moving:
                seat.waiting.add(device)
                continue
            seat.devices[device] = entry
            self._seat_of[device] = seat
            self._unplaced.discard(device)
            self._placed.append(device)
            placed.setdefault(seat.host.id, []).append(entry)
        for host_id, entries in placed.items():
            self._serve(self.hosts[host_id], entries)

    def _new_seat(self, device: int, endpoint: Endpoint, now: float) -> Seat | None:
        """A seat at the host with the fewest; None where none may have it yet."""
        eligible = [h for h in self.hosts.values() if self._on_record or h.id == LOCAL]
        host = min(eligible, key=lambda h: h.seats, default=None)
        name, until = self._fences.get(endpoint, ("", self._fence_all_until))
        if now < until:
            host = next((h for h in eligible if h.name == name), None)
            self._unplaced.retry_at(device, until)
        if host is None:
            return None
        self._fences.pop(endpoint, None)
        return self._seat(endpoint, host)

    def _seat(self, endpoint: Endpoint, host: Host) -> Seat:
        seat = self._seats[endpoint] = Seat(endpoint, host)
        host.seats += 1
        return seat

    def _take_back(self, host_id: HostId, devices: Iterable[int], now: float) -> None:
        """Leaves a host what it serves already, unless it sits elsewhere by now."""
        host = self.hosts[host_id]
        strangers = []
        for device in devices:
            if not self._is_wanted(device):
                strangers.append(device)
                continue
            endpoint = self._catalogue.devices[device].device.endpoint
            seat = self._seats.get(endpoint)
            fence = self._fences.get(endpoint)
            if seat is None and (fence is None or fence[0] == host.name or now >= fence[1]):
                self._fences.pop(endpoint, None)
                self._seat(endpoint, host)
            elif seat is None or seat.host is not host:
                strangers.append(device)
        if strangers:
            self.outbox.append((host_id, Release(strangers)))

    def _balance(self) -> None:
        """Moves endpoints from hosts that have more than their share to those that have less."""
        if not self._on_record:
            return
        share = -(-len(self._seats) // len(self.hosts)) if self.hosts else 0
        for seat in [s for s in self._seats.values() if not s.moving]:
            room = min(host.seats for host in self.hosts.values())
            if seat.host.seats > share and seat.host.seats > room + 1:
                seat.moving = True
                seat.host.seats -= 1
                for device in seat.devices:
                    self._release(device)

    def _release(self, device: int) -> None:
        seat = self._seat_of.get(device)
        if seat is not None and device not in seat.releasing:
            seat.releasing.add(device)
            self.outbox.append((seat.host.id, Release([device])))

    def _serve(self, host: Host, entries: list[Entry]) -> None:
        for start in range(0, len(entries), SERVE_CHUNK):
            chunk = entries[start : start + SERVE_CHUNK]
            profiles = {e.device.profile: e.kind.form for e in chunk}
            self.outbox.append((host.id, Serve(profiles, [e.form for e in chunk], self.learning.of(chunk))))

    def _abandon(self, host: Host, fenced_until: float) -> None:
        for seat in [s for s in self._seats.values() if s.host is host]:
            self._fences[seat.endpoint] = (host.name, fenced_until)
            heapq.heappush(self._fence_ends, (fenced_until, next(self._numbers), seat.endpoint))
            for device in seat.devices:
                del self._seat_of[device]
                if self._is_wanted(device):
                    self._unplaced.add(device)
                    self._orphaned.append(device)
            self._drop(seat)

    def _is_wanted(self, device: int) -> bool:
        entry = self._catalogue.devices.get(device)
        return entry is not None and entry.device.enabled

    def _remove(self, seat: Seat) -> None:
        self._drop(seat)
        if not seat.moving:
            seat.host.seats -= 1

    def _drop(self, seat: Seat) -> None:
        del self._seats[seat.endpoint]
        for device in seat.waiting:
            self._unplaced.retry(device)

    def _refuse(self, host_id: HostId, reason: str, *, final: bool) -> None:
        self.outbox.append((host_id, Refused(reason, final)))
