"""What has happened at an endpoint, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..transport.link import Link


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

    def add(self, link: Link) -> None:
        """Takes over what a link has counted, once it has ended."""
        self.requests += link.requests
        self.strays += link.strays
        self.bytes_sent += link.bytes_sent
        self.bytes_received += link.bytes_received

    def counts(self, link: Link | None) -> dict[str, int]:
        """Everything by name, the present link included."""
        counts = asdict(self)
        if link is not None:
            for name in ("requests", "strays", "bytes_sent", "bytes_received"):
                counts[name] += getattr(link, name)
        return counts
