"""A host's standing with its broker: introduction, lease, and the broker's clock.

Strategy: pure. While pings come, the host is a member. Without them it says `Hello` again and again, which is
how it comes back after a broker's restart; and when the lease has passed it must let go of every PLC, because
from then on the broker may give them to another host. Deadlines come on the broker's clock; the pings that
took the least time on their way tell how it runs against the host's own. A ping may be late by any time but
never early: one that is says that the host's clock stood still, as that of a paused virtual machine does, and
then the lease is as good as lost.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ..protocol.messages import Hello, Ping, Pong, Welcome

HELLO_INTERVAL: Final = 0.5  # seconds between two introductions
SILENCE: Final = 1.5  # seconds without a ping after which the broker may have forgotten us
JUMP: Final = 1.0  # seconds by which a ping may come earlier than any before; more, and our clock stood still
CLOCK_SAMPLES: Final = 60  # pings of which the quickest tells the broker's clock


class Membership:
    """What one host knows of its broker.

    Attributes:
        lost: whether the lease has passed, so that nothing may be served.
    """

    def __init__(self, name: str, instance: str, version: str) -> None:
        self.lost = True
        self._name = name
        self._instance = instance
        self._version = version
        self._known = False  # whether the broker knows us, as far as we know
        self._lease = 0.0
        self._heard = float("-inf")  # when the last ping was sent, on our clock
        self._next_hello = float("-inf")
        self._offsets: deque[float] = deque(maxlen=CLOCK_SAMPLES)  # broker's clock minus ours, at receipt

    def welcomed(self, welcome: Welcome, now: float) -> bool:
        """The broker took us; whether that is news, and not the answer to one introduction among many."""
        is_news = self.lost or not self._known
        self._known, self.lost = True, False
        self._lease, self._heard = welcome.lease, now
        self._offsets.clear()
        self._offsets.append(welcome.now - now)
        return is_news

    def pinged(self, ping: Ping, now: float, queued: int) -> Pong | None:
        """The broker is alive. Answers, unless the lease had passed before the ping came."""
        if self.lost:
            return None
        offset = ping.now - now
        if len(self._offsets) > 1 and offset > max(self._offsets) + JUMP:
            self._heard = float("-inf")  # our clock stood still: the time of the lease cannot be told
            return None
        self._offsets.append(offset)
        self._heard = self.local(ping.now)  # when it was sent: it may have waited for us to read it
        return Pong(ping.now, queued)

    def forgotten(self) -> None:
        """The broker does not know us: introduce ourselves without delay."""
        self._known = False
        self._next_hello = float("-inf")

    def hello_due(self, now: float, devices: list[int]) -> Hello | None:
        """The introduction, if one is due now."""
        standing = self._known and not self.lost and now - self._heard < SILENCE
        if standing or now < self._next_hello:
            return None
        self._next_hello = now + HELLO_INTERVAL
        return Hello(self._name, self._instance, self._version, devices)

    def holds(self, now: float) -> bool:
        """Whether the lease lasts, so that PLCs may be asked."""
        return not self.lost and now - self._heard < self._lease

    def lease_has_passed(self, now: float) -> bool:
        """Whether every PLC must be let go now; true once for each loss."""
        if self.lost or self.holds(now):
            return False
        self.lost = True
        return True

    def local(self, deadline: float) -> float:
        """A deadline of the broker's clock on ours."""
        return deadline - max(self._offsets, default=0.0)
