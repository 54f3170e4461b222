"""What has happened at an endpoint, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from ..transport.link import Link

TROUBLE: Final = frozenset({4, 5, 6, 10, 11})  # exception codes of a device that is not well


@dataclass(slots=True)
class Tally:
    """Counts since the channel's start. What the present link has counted itself is added on its end."""

    connects: int = 0
    disconnects: int = 0
    requests: int = 0
    timeouts: int = 0
    exceptions: int = 0
    bad_replies: int = 0
    strays: int = 0  # replies to nothing that was asked
    bytes_sent: int = 0
    bytes_received: int = 0
    troubled_at: float | None = None  # monotonic seconds of the last sign that the device is not well

    def timed_out(self, now: float) -> None:
        """No answer came in time."""
        self.timeouts += 1
        self.troubled_at = now

    def refused(self, code: int, now: float) -> None:
        """An exception came."""
        self.exceptions += 1
        if code in TROUBLE:
            self.troubled_at = now

    def add(self, link: Link) -> None:
        """Takes over what a link has counted, once it has ended."""
        self.requests += link.requests
        self.strays += link.strays
        self.bytes_sent += link.bytes_sent
        self.bytes_received += link.bytes_received

    def counts(self, link: Link | None) -> dict[str, int]:
        """Everything by name, the present link included."""
        counts = asdict(self)
        del counts["troubled_at"]
        if link is not None:
            for name in ("requests", "strays", "bytes_sent", "bytes_received"):
                counts[name] += getattr(link, name)
        return counts
