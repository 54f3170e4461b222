"""The log of device hosts in other processes: who joined, who left, who was lost.

Strategy: pure. The hosts that the fleet has are compared with those at the last look, so that each change is
told once, with its name and numbers, however it came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

HostId = bytes


class Host(Protocol):
    """What is told of a host."""

    name: str
    heard: float  # when its last pong came, seconds
    seats: int  # endpoints that sit there


@dataclass(frozen=True, slots=True)
class HostNews:
    """A line for the log."""

    text: str
    is_bad: bool = False


@dataclass(slots=True)
class _Seen:
    host: Host
    seats: int  # at the last look: what is lost with it


class HostLog:
    """What the log has said of the hosts.

    Attributes:
        leaving: hosts that have said good-bye since the last look.
    """

    def __init__(self, local: HostId, fence: float) -> None:
        """`local` is the host of this process, of which nothing is told; `fence` in seconds."""
        self.leaving: set[HostId] = set()
        self._local = local
        self._fence = fence
        self._seen: dict[HostId, _Seen] = {}

    def look(self, hosts: Mapping[HostId, Host], now: float) -> Iterable[HostNews]:
        """What has changed since the last look."""
        news = [*self._gone(hosts, now), *self._come(hosts)]
        self.leaving.clear()
        for host_id, seen in self._seen.items():
            seen.seats = hosts[host_id].seats
        return news

    def _gone(self, hosts: Mapping[HostId, Host], now: float) -> Iterator[HostNews]:
        for host_id, seen in [*self._seen.items()]:
            if hosts.get(host_id) is seen.host:
                continue
            del self._seen[host_id]
            name, seats = seen.host.name, _endpoints(seen.seats)
            if host_id in self.leaving:
                yield HostNews(f"host {name} has left; {seats} can go to others at once")
            else:
                silence = f"no word for {now - seen.host.heard:.1f} s"
                until = f"others may have them in {self._fence:g} s, {name} itself at once"
                yield HostNews(f"host {name} is lost ({silence}) with {seats}: {until}", is_bad=True)

    def _come(self, hosts: Mapping[HostId, Host]) -> Iterator[HostNews]:
        for host_id, host in hosts.items():
            if host_id != self._local and host_id not in self._seen:
                self._seen[host_id] = _Seen(host, host.seats)
                yield HostNews(f"host {host.name} has joined; {_endpoints(host.seats)} sit there now")


def _endpoints(number: int) -> str:
    return "1 endpoint" if number == 1 else f"{number} endpoints"
